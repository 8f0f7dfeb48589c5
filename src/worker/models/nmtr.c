/* nmtr.c - tables, loss and scores that the NMTR models share; see nmtr.h. */
#include "worker/models/nmtr.h"

#include "common/vector.h"
#include "worker/models/cascade.h"
#include "worker/models/whole.h"
#include "worker/nn/kernels.h"

#include <stdlib.h>

struct nmtr {
    struct ps_units units;
    int embeddings; /* columns of a user row, and of an item row before its biases */
    int biases;     /* of an item row */
    struct ps_whole whole;
};

int ps_nmtr_init(struct ps_model *model, struct ps_units units, struct ps_error *err)
{
    enum ps_cascade cascade = model->config->model.cascade;
    bool whole = model->recipe.loss == PS_LOSS_WHOLE;
    if (whole && (units.tower[0].parts || cascade == PS_CASCADE_PROB))
        return ps_fail(err, PS_EXIT_USAGE, "model.loss is whole, which needs scores that are linear in the product of a user's "
                       "and an item's embedding; set model.unit to paper and model.cascade to logit_avg, logit_sum or none");
    int status = ps_units_declare(&units, model, err);
    if (status < 0)
        return status;
    struct nmtr *nmtr = model->state = ps_malloc(sizeof *nmtr);
    *nmtr = (struct nmtr){.units = units, .embeddings = (int)model->table[PS_ITEM_TABLE].width};
    if (whole)
        return ps_whole_declare(&nmtr->whole, model, model->config->model.unobserved_weight, err);
    nmtr->biases = ps_cascade_biases(cascade, units.heads);
    ps_model_add_field(model, PS_ITEM_TABLE, "bias", nmtr->biases, PS_INIT_ZERO, 0);
    return 0;
}

void ps_nmtr_fini(struct ps_model *model)
{
    free(model->state);
}

void ps_nmtr_logits(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor **z)
{
    const struct nmtr *nmtr = model->state;
    struct nn_lookup bias = {nmtr->biases ? &tile->rows[PS_ITEM_TABLE] : NULL, tile->item_row, nmtr->embeddings};
    struct nn_tensor *f[PS_MAX_BEHAVIOURS];
    ps_units_forward(&nmtr->units, tape, tile, f);
    ps_cascade_forward(tape, model->config->model.cascade, nmtr->units.heads, tile->need, f, bias, z);
}

struct nn_tensor *ps_nmtr_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct nmtr *nmtr = model->state;
    int behaviours = nmtr->units.heads;
    struct nn_tensor *z[PS_MAX_BEHAVIOURS];
    ps_nmtr_logits(model, tape, tile, z);
    if (model->recipe.loss != PS_LOSS_WHOLE)
        return ps_loss(model, tape, tile, z, nmtr->embeddings, nmtr->embeddings);
    const struct nn_tensor *h[PS_MAX_BEHAVIOURS], *g[PS_MAX_BEHAVIOURS];
    for (int r = 0; r < behaviours; r++)
        h[r] = ps_units_head(&nmtr->units, tape, tile, r);
    ps_cascade_heads(tape, model->config->model.cascade, behaviours, h, g);
    return ps_whole_loss(&nmtr->whole, model, tape, tile, z, g);
}

bool ps_nmtr_factors(const struct ps_model *model, struct nn_tape *tape, const struct nn_tensor *param, struct ps_factors *factors)
{
    const struct nmtr *nmtr = model->state;
    enum ps_cascade cascade = model->config->model.cascade;
    double weight[PS_MAX_BEHAVIOURS], bias[PS_MAX_BEHAVIOURS];
    if (cascade == PS_CASCADE_PROB && nmtr->units.heads > 1)
        return false;
    ps_cascade_weights(cascade, nmtr->units.heads, weight, bias);
    if (!ps_units_factors(&nmtr->units, tape, param, weight, factors))
        return false;
    factors->bias_first = nmtr->embeddings;
    factors->biases = nmtr->biases;
    for (int k = 0; k < nmtr->biases; k++)
        factors->bias[k] = bias[k];
    return true;
}

/* out[u][i] += bias[i] */
static void add_bias(real *out, const real *bias, int users, int items)
{
    for (int u = 0; u < users; u++, out += items)
        for (int i = 0; i < items; i++)
            out[i] += bias[i];
}

PS_VECTOR static void add_sigmoid(real *restrict out, const real *restrict carry, size_t n)
{
    for (size_t k = 0; k < n; k++)
        out[k] += nn_logistic(carry[k], nn_exp(-nn_abs(carry[k])));
}

void ps_nmtr_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out)
{
    const struct nmtr *nmtr = model->state;
    enum ps_cascade cascade = model->config->model.cascade;
    int behaviours = nmtr->units.heads, items = input->items;
    const real *const *rows = input->item_rows[PS_ITEM_TABLE];
    real *bias = nn_tape_alloc(tape, (size_t)items * sizeof *bias);

    if (cascade != PS_CASCADE_PROB) {
        double unit_weight[PS_MAX_BEHAVIOURS], bias_weight[PS_MAX_BEHAVIOURS];
        ps_cascade_weights(cascade, behaviours, unit_weight, bias_weight);
        ps_units_score(&nmtr->units, tape, input, unit_weight, out);
        for (int i = 0; i < items; i++) {
            double sum = 0;
            for (int k = 0; k < nmtr->biases; k++)
                sum += bias_weight[k] * (double)rows[i][nmtr->embeddings + k];
            bias[i] = (real)sum;
        }
        add_bias(out, bias, input->users, items);
        return;
    }
    /* z_r = f_r + b_r + sigma(z_{r-1}): two buffers take turns, so that the last one is `out`. */
    size_t size = (size_t)input->users * (size_t)items;
    real *spare = nn_tape_alloc(tape, size * sizeof *spare), *carry = NULL;
    for (int r = 0; r < behaviours; r++) {
        real *z = (behaviours - 1 - r) % 2 == 0 ? out : spare;
        double only[PS_MAX_BEHAVIOURS] = {0};
        only[r] = 1;
        ps_units_score(&nmtr->units, tape, input, only, z);
        for (int i = 0; i < items; i++)
            bias[i] = rows[i][nmtr->embeddings + r];
        add_bias(z, bias, input->users, items);
        if (carry)
            add_sigmoid(z, carry, size);
        carry = z;
    }
}
