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

PS_VECTOR static void gmf_forward(const struct gmf *g)
{
    for (int b = 0; b < g->out[0]->rows; b++) {
        const real *p = g->p.rows->value[g->p.index[b]] + g->p.first;
        const real *q = g->q.rows->value[g->q.index[b]] + g->q.first;
        for (int r = 0; r < g->heads && b < g->out[r]->rows; r++)
            nn_fill(g->out[r])[b] = nn_dot3(g->h[r]->value, p, q, g->width);
    }
}

/* to += a * b. `to` is never the memory of a or b, though two calls may have the same `to`. */
static inline void add_product(real *restrict to, const real *restrict a, const real *restrict b, int width)
{
    for (int j = 0; j < width; j++)
        to[j] += a[j] * b[j];
}

PS_VECTOR static void gmf_sweep(const struct gmf *g, real *c)
{
    int width = g->width;
    const struct nn_rows *users = g->p.rows, *items = g->q.rows;
    for (int b = 0; b < g->out[0]->rows; b++) {
        size_t u = g->p.index[b], i = g->q.index[b];
        const real *p = users->value[u] + g->p.first, *q = items->value[i] + g->q.first;
        for (int j = 0; j < width; j++)
            c[j] = 0;
        for (int r = 0; r < g->heads && b < g->out[r]->rows; r++) {
            real d = g->out[r]->grad[b];
            const real *restrict h = g->h[r]->value;
            real *restrict h_grad = g->h[r]->grad;
            for (int j = 0; j < width; j++)
                c[j] += d * h[j];
            if (h_grad)
                for (int j = 0; j < width; j++)
                    h_grad[j] += d * (p[j] * q[j]);
        }
        if (users->grad)
            add_product(users->grad + u * (size_t)users->width + g->p.first, c, q, width);
        if (items->grad)
            add_product(items->grad + i * (size_t)items->width + g->q.first, c, p, width);
    }
}

static void gmf_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct gmf *g = (struct gmf *)node;
    gmf_sweep(g, nn_tape_alloc(tape, (size_t)g->width * sizeof(real)));
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
