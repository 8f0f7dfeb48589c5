/* tower_score.c - a tower's last layer for a user and a block of items, by matrix products; see tower.h.
 *
 * The first layer is linear in q for a given user: p Wp + q Wq + (p*q) Wpq + b = q V + c with V = Wq + diag(p)
 * Wpq and c = p Wp + b. So a user costs one product of the items with V (none of its own where there is no p*q part),
 * and a pass that adds c, rectifies and takes the head, all at once. Matrices are transposed (one column an item), so
 * that this pass adds over rows and runs over items at full width, each item's sum in the same order.
 */
#include "common/vector.h"
#include "worker/models/tower.h"
#include "worker/nn/blas.h"

/* Four rows of t at a time, added in order. */
PS_VECTOR void ps_rectify_and_sum(const real *restrict t, const real *restrict c, const real *restrict h, int rows,
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

PS_VECTOR void ps_rectify(real *t, const real *from, const real *c, int rows, int items)
{
    for (int j = 0; j < rows; j++, t += items, from += items)
        for (int i = 0; i < items; i++) {
            real a = from[i] + c[j];
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

const real *ps_tower_items(const struct ps_tower *tower, struct nn_tape *tape, const struct ps_score_input *input)
{
    const real *const *rows = input->item_rows[PS_ITEM_TABLE];
    int width = tower->embedding, count = input->items;
    real *q = nn_tape_alloc(tape, (size_t)count * (size_t)width * sizeof *q);
    for (int k = 0; k < count; k++)
        for (int j = 0; j < width; j++)
            q[(size_t)j * count + k] = rows[k][tower->first + j];
    return q;
}

void ps_tower_block_init(struct ps_tower_block *block, const struct ps_tower *tower, struct nn_tape *tape,
                         const struct ps_score_input *input, const real *q)
{
    int width = tower->embedding, hidden = tower->width[1], widest = hidden, count = input->items;
    *block = (struct ps_tower_block){.tower = tower, .param = input->param, .items = count, .q = q};
    const real *w = input->param[tower->w[0]].value;
    size_t size = (size_t)width * (size_t)hidden;
    if (tower->parts & NN_PAIR)
        block->wp = w, block->wq = w + size, w += 2 * size;
    if (tower->parts & NN_PRODUCT)
        block->wpq = w;
    for (int l = 1; l < tower->layers; l++)
        widest = PS_MAX(widest, tower->width[l + 1]);
    size_t matrix = (size_t)widest * (size_t)count * sizeof(real);
    block->buffer[0] = nn_tape_alloc(tape, matrix);
    block->buffer[1] = nn_tape_alloc(tape, matrix);
    block->v = nn_tape_alloc(tape, size * sizeof(real));
    block->c = nn_tape_alloc(tape, (size_t)hidden * sizeof(real));
    block->common = nn_tape_alloc(tape, matrix); /* the items' half where it is the same for all users */
    if (!block->wpq)
        nn_gemm(true, false, hidden, count, width, block->wq, hidden, q, count, 0, block->common, count);
}

const real *ps_tower_block_run(struct ps_tower_block *block, const real *user_row, const real **shift)
{
    const struct ps_tower *tower = block->tower;
    int width = tower->embedding, hidden = tower->width[1], count = block->items;
    const real *b = tower->biased ? block->param[tower->b[0]].value : NULL;
    fold_user(user_row + tower->first, block->wp, block->wq, block->wpq, b, width, hidden, block->v, block->c);
    const real *t = block->common;
    if (block->wpq) {
        nn_gemm(true, false, hidden, count, width, block->v, hidden, block->q, count, 0, block->buffer[0], count);
        t = block->buffer[0];
    }
    *shift = block->c;
    for (int l = 1; l < tower->layers; l++) {
        int in = tower->width[l], next = tower->width[l + 1];
        real *before = block->buffer[(l - 1) % 2], *after = block->buffer[l % 2];
        ps_rectify(before, t, *shift, in, count);
        nn_gemm(true, false, next, count, in, block->param[tower->w[l]].value, next, before, count, 0, after, count);
        t = after;
        *shift = block->param[tower->b[l]].value;
    }
    return t;
}
