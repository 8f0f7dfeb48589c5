/* gmf.c - heads over the product of two look-ups, straight from the rows; see nn.h.
 *
 * A sample's two rows are read once forward and once backward for all heads together; no B x E matrix is written.
 */
#include "common/vector.h"
#include "worker/nn/kernels.h"
#include "worker/nn/tape.h"

#include <string.h>

struct gmf {
    struct nn_node node;
    struct nn_lookup p, q;
    int width, heads;
    const struct nn_tensor *h[NN_MAX_HEADS], *out[NN_MAX_HEADS];
};

enum { AHEAD = 6, LINE = 64 };

/* The rows of a sample to come: which ones is random, so the processor cannot guess them. */
PS_INLINE void prefetch_row(const real *row, int width)
{
    for (size_t byte = 0; byte < (size_t)width * sizeof(real); byte += LINE)
        __builtin_prefetch((const char *)row + byte, 1);
}

PS_VECTOR static void gmf_forward(const struct gmf *g)
{
    const struct nn_rows *users = g->p.rows, *items = g->q.rows;
    int samples = g->out[0]->rows, width = g->width;
    for (int b = 0; b < samples; b++) {
        if (b + AHEAD < samples) {
            prefetch_row(users->value[g->p.index[b + AHEAD]] + g->p.first, width);
            prefetch_row(items->value[g->q.index[b + AHEAD]] + g->q.first, width);
        }
        const real *p = users->value[g->p.index[b]] + g->p.first, *q = items->value[g->q.index[b]] + g->q.first;
        for (int r = 0; r < g->heads && b < g->out[r]->rows; r++)
            nn_fill(g->out[r])[b] = nn_dot3(g->h[r]->value, p, q, width);
    }
}

/* Backward for one sample's columns [j, j + NN_BLOCK), with c = sum over r of d_r h_r: p's gradient += c * q, q's += c * p,
 * h_r's += d_r p * q. Everything is read once and the sums over heads stay in registers. */
PS_INLINE void gmf_block(const struct gmf *g, int heads, const real *d, int j, const real *p, const real *q,
                             real *p_grad, real *q_grad)
{
    nn_block x = *nn_block_at(p + j), y = *nn_block_at(q + j), xy = x * y, c = {0};
    for (int r = 0; r < heads; r++) {
        c += d[r] * *nn_block_at(g->h[r]->value + j);
        if (g->h[r]->grad)
            *(nn_block *)(g->h[r]->grad + j) += d[r] * xy;
    }
    if (p_grad)
        *(nn_block *)(p_grad + j) += c * y;
    if (q_grad)
        *(nn_block *)(q_grad + j) += c * x;
}

/* The same for a single column: the rest of a width that is no multiple of NN_BLOCK. */
PS_INLINE void gmf_column(const struct gmf *g, int heads, const real *d, int j, const real *p, const real *q,
                              real *p_grad, real *q_grad)
{
    real x = p[j], y = q[j], c = 0;
    for (int r = 0; r < heads; r++) {
        c += d[r] * g->h[r]->value[j];
        if (g->h[r]->grad)
            g->h[r]->grad[j] += d[r] * (x * y);
    }
    if (p_grad)
        p_grad[j] += c * y;
    if (q_grad)
        q_grad[j] += c * x;
}

PS_INLINE real *grad_of(const struct nn_rows *rows, size_t row, int first)
{
    return rows->grad ? rows->grad + row * (size_t)rows->width + first : NULL;
}

PS_VECTOR static void gmf_sweep(const struct gmf *g)
{
    const struct nn_rows *users = g->p.rows, *items = g->q.rows;
    int samples = g->out[0]->rows, width = g->width;
    for (int b = 0; b < samples; b++) {
        if (b + AHEAD < samples && users->grad && items->grad) {
            prefetch_row(grad_of(users, g->p.index[b + AHEAD], g->p.first), width);
            prefetch_row(grad_of(items, g->q.index[b + AHEAD], g->q.first), width);
        }
        size_t u = g->p.index[b], i = g->q.index[b];
        const real *p = users->value[u] + g->p.first, *q = items->value[i] + g->q.first;
        real *p_grad = grad_of(users, u, g->p.first), *q_grad = grad_of(items, i, g->q.first), d[NN_MAX_HEADS];
        int heads = 0, j = 0;
        for (; heads < g->heads && b < g->out[heads]->rows; heads++)
            d[heads] = g->out[heads]->grad[b];
        for (; j + NN_BLOCK <= width; j += NN_BLOCK)
            gmf_block(g, heads, d, j, p, q, p_grad, q_grad);
        for (; j < width; j++)
            gmf_column(g, heads, d, j, p, q, p_grad, q_grad);
    }
}

static void gmf_backward(struct nn_tape *tape, struct nn_node *node)
{
    gmf_sweep((struct gmf *)node);
}

void nn_gmf(struct nn_tape *tape, struct nn_lookup p, struct nn_lookup q, int width, int heads,
            const struct nn_tensor *const *h, const int *samples, struct nn_tensor **out)
{
    PS_ASSERT(p.first + width <= p.rows->width && q.first + width <= q.rows->width);
    PS_ASSERT(heads >= 1 && heads <= NN_MAX_HEADS);
    struct gmf *g = nn_tape_alloc(tape, sizeof *g);
    *g = (struct gmf){.p = p, .q = q, .width = width, .heads = heads};
    bool differentiable = p.rows->grad || q.rows->grad;
    for (int r = 0; r < heads; r++)
        differentiable |= h[r]->grad != NULL;
    for (int r = 0; r < heads; r++) {
        PS_ASSERT(h[r]->rows == width && h[r]->cols == 1 && (r == 0 || samples[r] <= samples[r - 1]));
        g->h[r] = h[r];
        g->out[r] = out[r] = nn_output(tape, samples[r], 1, differentiable);
    }
    gmf_forward(g);
    if (differentiable)
        nn_record(tape, &g->node, gmf_backward);
}
