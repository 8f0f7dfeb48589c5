/* wmf.c - weighted matrix factorisation (Hu, Koren and Volinsky, ICDM 2008) with sampled zeros:
 *
 *   sum over all pairs of c_ui (y_ui - p . q)^2,  c = 1 + alpha where the user has bought the item, 1 elsewhere
 *
 * A user's zeros are too many to visit. Of an epoch's k n_u negatives (n_u purchases, k = train.negatives) each stands for
 * (items - n_u) / (k n_u) of them, so that the sum over an epoch is that of all pairs in the mean.
 */
#include "worker/models/ncf.h"

/* c_ui, times what the sample stands for, times the batch's own weight. */
static const real *confidences(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const uint64_t *offset = model->dataset->train[model->dataset->behaviours - 1].offset;
    double items = (double)model->dataset->items, negatives = model->config->train.negatives;
    real *weight = nn_tape_alloc(tape, (size_t)tile->n * sizeof *weight);
    for (int b = 0; b < tile->n; b++) {
        double bought = PS_MAX((double)(offset[tile->user[b] + 1] - offset[tile->user[b]]), 1);
        double c = tile->behind[b] ? (items - bought) / (negatives * bought) : 1 + model->config->model.confidence;
        weight[b] = tile->weight[0][b] * (real)c;
    }
    return weight;
}

/* Of the pairs that model.loss: whole visits without sampling, those without an interaction weigh 1 / (1 + alpha) as much. */
static int wmf_init(struct ps_model *model, struct ps_error *err)
{
    return ps_ncf_init(model, (struct ps_units){.head = true, .fixed = true}, 1 / (1 + model->config->model.confidence), err);
}

static struct nn_tensor *wmf_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    if (model->recipe.loss != PS_LOSS_SQUARED) /* model.loss: plain matrix factorisation by another loss */
        return ps_ncf_forward(model, tape, tile);
    struct ps_tile weighed = *tile;
    weighed.weight[0] = confidences(model, tape, tile);
    return ps_ncf_forward(model, tape, &weighed);
}

const struct ps_model_class ps_model_wmf = {
    .name = "wmf",
    .title = "weighted matrix factorisation, by gradients on sampled zeros",
    .source = "Hu et al., Collaborative Filtering for Implicit Feedback Datasets, ICDM 2008",
    .options = "embedding confidence loss dropout l2 init_scale",
    .recipe = {.heads = PS_HEADS_TARGET, .loss = PS_LOSS_SQUARED, .whole = true},
    .init = wmf_init,
    .fini = ps_ncf_fini,
    .forward = wmf_forward,
    .logits = ps_ncf_logits,
    .factors = ps_ncf_factors,
    .score = ps_ncf_score,
};
