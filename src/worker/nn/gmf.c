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
    real *sink; /* 4 x width */
    struct nn_tensor product; /* a name for what is never written down, for trace.h */
    const struct nn_tensor *h[NN_MAX_HEADS], *out[NN_MAX_HEADS];
};

enum { AHEAD = 6, LINE = 64 };

/* The rows of a sample to come: which ones is random, so the processor cannot guess them. */
PS_INLINE void prefetch_row(const real *row, int width)
{
    for (size_t byte = 0; byte < (size_t)width * sizeof(real); byte += LINE)
        __builtin_prefetch((const char *)row + byte, 1);
}

PS_INLINE real *grad_of(const struct nn_rows *rows, size_t row, int first)
{
    return rows->grad ? rows->grad + row * (size_t)rows->width + first : NULL;
}

/* Heads r and, where `two` says so, r + 1 of samples [first, end). Two at a time, since a row is read once for both, and since
 * the compiler keeps the sums of a known number of heads in registers. */
PS_INLINE void forward_heads(const struct gmf *g, int r, bool two, int first, int end)
{
    const struct nn_rows *users = g->p.rows, *items = g->q.rows;
    const real *h0 = g->h[r]->value, *h1 = two ? g->h[r + 1]->value : NULL;
    int width = g->width, whole = width - width % NN_SUMS;
    for (int b = first; b < end; b++) {
        if (b + AHEAD < end) {
            prefetch_row(users->value[g->p.index[b + AHEAD]] + g->p.first, width);
            prefetch_row(items->value[g->q.index[b + AHEAD]] + g->q.first, width);
        }
        const real *p = users->value[g->p.index[b]] + g->p.first, *q = items->value[g->q.index[b]] + g->q.first;
        struct nn_sums s0 = {0}, s1 = {0};
        for (int j = 0; j < whole; j += NN_SUMS) {
            nn_sums_dot3(&s0, h0 + j, p + j, q + j);
            if (two)
                nn_sums_dot3(&s1, h1 + j, p + j, q + j);
        }
        if (whole < width) {
            real rest[3][NN_SUMS];
            nn_padded(p + whole, width - whole, rest[0]);
            nn_padded(q + whole, width - whole, rest[1]);
            nn_sums_dot3(&s0, nn_padded(h0 + whole, width - whole, rest[2]), rest[0], rest[1]);
            if (two)
                nn_sums_dot3(&s1, nn_padded(h1 + whole, width - whole, rest[2]), rest[0], rest[1]);
        }
        nn_fill(g->out[r])[b] = nn_total(&s0);
        if (two)
            nn_fill(g->out[r + 1])[b] = nn_total(&s1);
    }
}

/* Backward for one sample: c = sum over the heads of d_r h_r, p_grad += c * q, q_grad += c * p, h_r's gradient += d_r p * q. */
PS_INLINE void backward_row(int width, bool two, real d0, real d1, const real *restrict h0, const real *restrict h1,
                            real *restrict h0_grad, real *restrict h1_grad, const real *restrict p,
                            const real *restrict q, real *restrict p_grad, real *restrict q_grad)
{
    for (int j = 0; j < width; j++) {
        real x = p[j], y = q[j], xy = x * y, c = d0 * h0[j];
        h0_grad[j] += d0 * xy;
        if (two) {
            c += d1 * h1[j];
            h1_grad[j] += d1 * xy;
        }
        p_grad[j] += c * y;
        q_grad[j] += c * x;
    }
}

/* Backward for the same heads and samples. What nobody wants goes to a sink; where p and q are of one table, they may be one row. */
PS_INLINE void backward_heads(const struct gmf *g, int r, bool two, int first, int end, bool one_table)
{
    const struct nn_rows *users = g->p.rows, *items = g->q.rows;
    int width = g->width;
    const real *h0 = g->h[r]->value, *h1 = two ? g->h[r + 1]->value : NULL;
    const real *d0 = g->out[r]->grad, *d1 = two ? g->out[r + 1]->grad : d0;
    real *sink[4] = {g->sink, g->sink + width, g->sink + 2 * width, g->sink + 3 * width};
    real *h0_grad = g->h[r]->grad ? g->h[r]->grad : sink[0];
    real *h1_grad = two && g->h[r + 1]->grad ? g->h[r + 1]->grad : sink[1];
    for (int b = first; b < end; b++) {
        if (b + AHEAD < end && users->grad && items->grad) {
            prefetch_row(grad_of(users, g->p.index[b + AHEAD], g->p.first), width);
            prefetch_row(grad_of(items, g->q.index[b + AHEAD], g->q.first), width);
        }
        size_t u = g->p.index[b], i = g->q.index[b];
        real *p_grad = users->grad ? grad_of(users, u, g->p.first) : sink[2];
        real *q_grad = items->grad ? grad_of(items, i, g->q.first) : sink[3];
        bool same = one_table && p_grad == q_grad;
        if (same)
            memset(q_grad = sink[3], 0, (size_t)width * sizeof *q_grad);
        backward_row(width, two, d0[b], d1[b], h0, h1, h0_grad, h1_grad, users->value[u] + g->p.first,
                     items->value[i] + g->q.first, p_grad, q_grad);
        for (int j = 0; same && j < width; j++)
            p_grad[j] += q_grad[j];
    }
}

/* All heads, two at a time: the samples that want both, then those that want the first only. */
#define GMF_HEADS(g, over, ...)                                                                                        \
    for (int r = 0; r < (g)->heads; r += 2) {                                                                          \
        int both = r + 1 < (g)->heads ? (g)->out[r + 1]->rows : 0;                                                     \
        if (both)                                                                                                      \
            over(g, r, true, 0, both, ##__VA_ARGS__);                                                                  \
        over(g, r, false, both, (g)->out[r]->rows, ##__VA_ARGS__);                                                     \
    }

PS_VECTOR static void gmf_forward(const struct gmf *g)
{
    GMF_HEADS(g, forward_heads)
}

PS_VECTOR static void gmf_sweep(const struct gmf *g)
{
    if (g->p.rows == g->q.rows)
        GMF_HEADS(g, backward_heads, true)
    else
        GMF_HEADS(g, backward_heads, false)
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
    *g = (struct gmf){.p = p, .q = q, .width = width, .heads = heads,
                       .sink = nn_tape_alloc(tape, 4 * (size_t)width * sizeof(real))};
    bool differentiable = p.rows->grad || q.rows->grad;
    for (int r = 0; r < heads; r++)
        differentiable |= h[r]->grad != NULL;
    for (int r = 0; r < heads; r++) {
        PS_ASSERT(h[r]->rows == width && h[r]->cols == 1 && (r == 0 || samples[r] <= samples[r - 1]));
        g->h[r] = h[r];
        g->out[r] = out[r] = nn_output(tape, samples[r], 1, differentiable);
    }
    gmf_forward(g);
    nn_tell_lookups(tape, &g->p, &g->q, width, NN_PRODUCT, &g->product);
    for (int r = 0; r < heads; r++)
        nn_tell(tape, &(struct nn_event){.op = NN_OP_AFFINE, .out = out[r], .in = {&g->product, h[r]}});
    if (differentiable)
        nn_record(tape, &g->node, gmf_backward);
}
