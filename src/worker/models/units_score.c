/* units_score.c - the units' scores of all pairs of a block of users and a block of items, by matrix products.
 *
 * Head: h . (p*q) = (h*p) . q, so all users and items are one product, and a weighted sum over behaviours folds into
 * one h.
 *
 * Tower: see tower_score.c.
 */
#include "worker/models/units.h"
#include "worker/nn/blas.h"

#include <string.h>

/* Embeddings (columns [first, first + width)) of all rows, row-major. */
static real *pack(struct nn_tape *tape, const real *const *rows, int count, int first, int width)
{
    real *packed = nn_tape_alloc(tape, (size_t)count * (size_t)width * sizeof *packed);
    for (int k = 0; k < count; k++)
        memcpy(packed + (size_t)k * width, rows[k] + first, (size_t)width * sizeof *packed);
    return packed;
}

/* sum_r weight[r] h_r. */
static real *fold_heads(const struct ps_units *units, struct nn_tape *tape, const struct nn_tensor *param, const double *weight)
{
    int width = units->embedding;
    real *h = nn_tape_alloc(tape, (size_t)width * sizeof *h);
    for (int j = 0; j < width; j++) {
        double sum = 0;
        for (int r = 0; r < units->heads; r++)
            if (weight[r] != 0)
                sum += weight[r] * (units->fixed ? 1 : (double)param[units->head_h[r]].value[j]);
        h[j] = (real)sum;
    }
    return h;
}

bool ps_units_factors(const struct ps_units *units, struct nn_tape *tape, const struct nn_tensor *param, const double *weight,
                      struct ps_factors *factors)
{
    if (!units->head || units->tower[0].parts)
        return false;
    *factors = (struct ps_factors){.width = units->embedding,
                                   .user_first = units->head_first,
                                   .item_first = units->head_first,
                                   .scale = fold_heads(units, tape, param, weight)};
    return true;
}

static void score_head(const struct ps_units *units, struct nn_tape *tape, const struct ps_score_input *input,
                       const double *weight, real *out)
{
    int width = units->embedding;
    real *p = pack(tape, input->user_rows[PS_USER_TABLE], input->users, units->head_first, width);
    real *q = pack(tape, input->item_rows[PS_ITEM_TABLE], input->items, units->head_first, width);
    const real *h = fold_heads(units, tape, input->param, weight);
    for (int u = 0; u < input->users; u++)
        for (int j = 0; j < width; j++)
            p[(size_t)u * width + j] *= h[j];
    nn_gemm(false, true, input->users, input->items, width, p, width, q, width, 0, out, input->items);
}

static void score_tower(const struct ps_units *units, int r, struct nn_tape *tape, const struct ps_score_input *input,
                        const real *q, real factor, real *out)
{
    const struct ps_tower *tower = &units->tower[r];
    struct ps_tower_block block;
    ps_tower_block_init(&block, tower, tape, input, q);
    for (int u = 0; u < input->users; u++) {
        const real *shift, *t = ps_tower_block_run(&block, input->user_rows[PS_USER_TABLE][u], &shift);
        ps_rectify_and_sum(t, shift, input->param[units->tower_h[r]].value, tower->width[tower->layers], input->items,
                           factor, out + (size_t)u * (size_t)input->items);
    }
}

void ps_units_score(const struct ps_units *units, struct nn_tape *tape, const struct ps_score_input *input,
                    const double *weight, real *out)
{
    if (units->head)
        score_head(units, tape, input, weight, out);
    else
        memset(out, 0, (size_t)input->users * (size_t)input->items * sizeof *out);
    if (!units->tower[0].parts)
        return;
    const real *q = ps_tower_items(&units->tower[0], tape, input);
    for (int r = 0; r < units->heads; r++)
        if (weight[r] != 0)
            score_tower(units, r, tape, input, q, (real)weight[r], out);
}

static struct ps_units product_of(const struct ps_model *model)
{
    return (struct ps_units){.heads = 1, .embedding = model->config->model.embedding, .head = true, .fixed = true};
}

void ps_product_logits(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor **z)
{
    struct ps_units product = product_of(model);
    ps_units_forward(&product, tape, tile, z);
}

bool ps_product_factors(const struct ps_model *model, struct nn_tape *tape, const struct nn_tensor *param, struct ps_factors *factors)
{
    struct ps_units product = product_of(model);
    return ps_units_factors(&product, tape, param, (const double[]){1}, factors);
}

void ps_product_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out)
{
    struct ps_units product = product_of(model);
    ps_units_score(&product, tape, input, (const double[]){1}, out);
}
