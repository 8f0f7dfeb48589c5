/* units_score.c - the units' scores of all pairs of a block of users and a block of items, by matrix products.
 *
 * Head: h . (p*q) = (h*p) . q, so all users and items are one product, and a weighted sum over behaviours folds into
 * one h.
 *
 * Tower: the first layer is linear in q for a given user: p Wp + q Wq + (p*q) Wpq + b = q V + c with V = Wq + diag(p)
 * Wpq and c = p Wp + b. So a user costs one product of the items with V (none of its own where there is no p*q part),
 * and a pass that adds c, rectifies and takes the head, all at once. Matrices are transposed (one column an item), so
 * that this pass adds over rows and runs over items at full width, each item's sum in the same order.
 */
#include "common/vector.h"
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

static real *pack_transposed(struct nn_tape *tape, const real *const *rows, int count, int first, int width)
{
    real *packed = nn_tape_alloc(tape, (size_t)count * (size_t)width * sizeof *packed);
    for (int k = 0; k < count; k++)
        for (int j = 0; j < width; j++)
            packed[(size_t)j * count + k] = rows[k][first + j];
    return packed;
}

static void score_head(const struct ps_units *units, struct nn_tape *tape, const struct ps_score_input *input,
                       const double *weight, real *out)
{
    int width = units->embedding;
    real *p = pack(tape, input->user_rows[PS_USER_TABLE], input->users, units->head_first, width);
    real *q = pack(tape, input->item_rows[PS_ITEM_TABLE], input->items, units->head_first, width);
    real *h = nn_tape_alloc(tape, (size_t)width * sizeof *h);
    for (int j = 0; j < width; j++) {
        double sum = 0;
        for (int r = 0; r < units->heads; r++)
            if (weight[r] != 0)
                sum += weight[r] * (units->fixed ? 1 : (double)input->param[units->head_h[r]].value[j]);
        h[j] = (real)sum;
    }
    for (int u = 0; u < input->users; u++)
        for (int j = 0; j < width; j++)
            p[(size_t)u * width + j] *= h[j];
    nn_gemm(false, true, input->users, input->items, width, p, width, q, width, 0, out, input->items);
}

/* out[i] += factor * sum_j h_j relu(t[j][i] + c_j): four rows of t at a time, added in order. */
PS_VECTOR static void rectify_and_sum(const real *restrict t, const real *restrict c, const real *restrict h, int rows,
                                      int items, real factor, real *restrict out)
{
    int j = 0;
    for (; j + 4 <= rows; j += 4) {
        const real *restrict t0 = t + (size_t)j * items, *restrict t1 = t0 + items, *restrict t2 = t1 + items,
                             *restrict t3 = t2 + items;
        real c0 = c[j], c1 = c[j + 1], c2 = c[j + 2], c3 = c[j + 3];
        real h0 = factor * h[j], h1 = factor * h[j + 1], h2 = factor * h[j + 2], h3 = factor * h[j + 3];
        for (int i = 0; i < items; i++) {
            real a0 = t0[i] + c0, a1 = t1[i] + c1, a2 = t2[i] + c2, a3 = t3[i] + c3;
            real sum = out[i];
            sum += h0 * (a0 < 0 ? 0 : a0);
            sum += h1 * (a1 < 0 ? 0 : a1);
            sum += h2 * (a2 < 0 ? 0 : a2);
            sum += h3 * (a3 < 0 ? 0 : a3);
            out[i] = sum;
        }
    }
    for (; j < rows; j++)
        for (int i = 0; i < items; i++) {
            real a = t[(size_t)j * items + i] + c[j];
            out[i] += factor * h[j] * (a < 0 ? 0 : a);
        }
}

/* t[j][i] = relu(t[j][i] + c_j): a hidden layer that others follow. */
PS_VECTOR static void rectify(real *restrict t, const real *restrict c, int rows, int items)
{
    for (int j = 0; j < rows; j++, t += items)
        for (int i = 0; i < items; i++) {
            real a = t[i] + c[j];
            t[i] = a < 0 ? 0 : a;
        }
}

/* V = Wq + diag(p) Wpq (Wq NULL: none) and c = p Wp + b (Wp, b NULL: none); V: width x hidden. */
PS_VECTOR static void fold_user(const real *restrict p, const real *wp, const real *wq, const real *wpq, const real *b,
                                int width, int hidden, real *restrict v, real *restrict c)
{
    for (int j = 0; j < hidden; j++)
        c[j] = b ? b[j] : 0;
    for (int e = 0; e < width; e++) {
        size_t at = (size_t)e * hidden;
        if (wp)
            for (int j = 0; j < hidden; j++)
                c[j] += p[e] * wp[at + j];
        if (wpq)
            for (int j = 0; j < hidden; j++)
                v[at + j] = (wq ? wq[at + j] : 0) + p[e] * wpq[at + j];
    }
}

static void score_tower(const struct ps_units *units, int r, struct nn_tape *tape, const struct ps_score_input *input,
                        const real *items, real factor, real *out)
{
    int width = units->embedding, count = input->items, hidden = units->width[1], widest = hidden;
    const struct nn_tensor *param = input->param;
    const real *w = param[units->tower_w[r][0]].value, *b = units->biased ? param[units->tower_b[r][0]].value : NULL;
    const real *wp = NULL, *wq = NULL, *wpq = NULL; /* W_1's blocks of rows */
    size_t block = (size_t)width * hidden;
    if (units->parts & NN_PAIR)
        wp = w, wq = w + block, w += 2 * block;
    if (units->parts & NN_PRODUCT)
        wpq = w;
    for (int l = 1; l < units->layers; l++)
        widest = PS_MAX(widest, units->width[l + 1]);
    size_t matrix = (size_t)widest * (size_t)count * sizeof(real);
    real *buffer[2] = {nn_tape_alloc(tape, matrix), nn_tape_alloc(tape, matrix)};
    real *v = nn_tape_alloc(tape, block * sizeof *v), *c = nn_tape_alloc(tape, (size_t)hidden * sizeof *c);
    real *common = nn_tape_alloc(tape, matrix); /* the items' half where it is the same for all users */
    if (!wpq)
        nn_gemm(true, false, hidden, count, width, wq, hidden, items, count, 0, common, count);

    for (int u = 0; u < input->users; u++) {
        fold_user(input->user_rows[PS_USER_TABLE][u] + units->tower_first, wp, wq, wpq, b, width, hidden, v, c);
        real *t = wpq ? buffer[0] : common;
        if (wpq)
            nn_gemm(true, false, hidden, count, width, v, hidden, items, count, 0, t, count);
        const real *shift = c;
        for (int l = 1; l < units->layers; l++) {
            int in = units->width[l], next = units->width[l + 1];
            if (t == common) {
                memcpy(buffer[0], common, (size_t)in * (size_t)count * sizeof *t);
                t = buffer[0];
            }
            rectify(t, shift, in, count);
            real *after = t == buffer[0] ? buffer[1] : buffer[0];
            nn_gemm(true, false, next, count, in, param[units->tower_w[r][l]].value, next, t, count, 0, after, count);
            t = after;
            shift = param[units->tower_b[r][l]].value;
        }
        rectify_and_sum(t, shift, param[units->tower_h[r]].value, units->width[units->layers], count, factor,
                        out + (size_t)u * count);
    }
}

void ps_units_score(const struct ps_units *units, struct nn_tape *tape, const struct ps_score_input *input,
                    const double *weight, real *out)
{
    if (units->head)
        score_head(units, tape, input, weight, out);
    else
        memset(out, 0, (size_t)input->users * (size_t)input->items * sizeof *out);
    if (!units->parts)
        return;
    real *items =
        pack_transposed(tape, input->item_rows[PS_ITEM_TABLE], input->items, units->tower_first, units->embedding);
    for (int r = 0; r < units->heads; r++)
        if (weight[r] != 0)
            score_tower(units, r, tape, input, items, (real)weight[r], out);
}
