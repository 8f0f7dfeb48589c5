/* all_pairs.c - squares of the scores of all pairs of users and items, out of E x E matrices; see nn.h.
 *
 * For a score s(u, i) = g . (p_u * q_i) and G = sum over items of q_i q_i^T, the sum over all items of s(u, i)^2 is
 * p_u^T K p_u with K = (g g^T) * G (Chen et al., EHCF, AAAI 2020, equation 9; * elementwise). So is the sum over users, with
 * G = sum over users of p_u p_u^T. The products here are small matrices, or batches of rows times one.
 */
#include "common/vector.h"
#include "worker/nn/blas.h"
#include "worker/nn/tape.h"

#include <string.h>

struct kernel {
    struct nn_node node;
    int heads;
    const struct nn_tensor *g[NN_MAX_HEADS], *k;
    const real *factor, *gram; /* gram: with its diagonal as it enters */
};

PS_VECTOR static void kernel_forward(const struct kernel *n, int width)
{
    real *k = nn_fill(n->k);
    for (int r = 0; r < n->heads; r++) {
        const real *g = n->g[r]->value;
        for (int i = 0; i < width; i++)
            for (int j = 0; j < width; j++) {
                real own = n->factor[r] * (g[i] * g[j]) * n->gram[(size_t)i * width + j];
                k[(size_t)i * width + j] = r ? k[(size_t)i * width + j] + own : own;
            }
    }
}

PS_VECTOR static void kernel_backward(struct nn_tape *tape, struct nn_node *node)
{
    const struct kernel *n = (struct kernel *)node;
    int width = n->k->rows;
    const real *grad = n->k->grad;
    for (int r = 0; r < n->heads; r++) {
        const real *g = n->g[r]->value;
        for (int i = 0; n->g[r]->grad && i < width; i++) {
            real sum = 0;
            for (int j = 0; j < width; j++)
                sum += (grad[(size_t)i * width + j] + grad[(size_t)j * width + i]) * n->gram[(size_t)i * width + j] * g[j];
            n->g[r]->grad[i] += n->factor[r] * sum;
        }
    }
}

struct nn_tensor *nn_kernel(struct nn_tape *tape, int heads, const struct nn_tensor *const *g, const real *factor,
                            const real *gram, real scale, real diagonal)
{
    int width = g[0]->rows;
    size_t size = (size_t)width * (size_t)width;
    PS_ASSERT(heads >= 1 && heads <= NN_MAX_HEADS);
    real *scaled = nn_tape_alloc(tape, size * sizeof *scaled), *factors = nn_tape_alloc(tape, (size_t)heads * sizeof *factors);
    for (size_t k = 0; k < size; k++)
        scaled[k] = scale * gram[k] * (k % ((size_t)width + 1) ? 1 : diagonal);
    memcpy(factors, factor, (size_t)heads * sizeof *factors);
    struct kernel *n = nn_tape_alloc(tape, sizeof *n);
    *n = (struct kernel){.heads = heads, .factor = factors, .gram = scaled};
    bool differentiable = false;
    for (int r = 0; r < heads; r++) {
        PS_ASSERT(g[r]->rows == width && g[r]->cols == 1);
        n->g[r] = g[r];
        differentiable |= g[r]->grad != NULL;
    }
    struct nn_tensor *k = nn_output(tape, width, width, differentiable);
    n->k = k;
    kernel_forward(n, width);
    if (differentiable)
        nn_record(tape, &n->node, kernel_backward);
    return k;
}

struct quadratic {
    struct nn_node node;
    struct nn_lookup from;
    int samples;
    const real *weight, *x, *xk; /* samples x E: the rows, and the rows times k */
    const struct nn_tensor *k, *sum, *y;
};

/* out_b = weight_b x_b */
PS_VECTOR static void weigh(real *restrict out, const real *restrict x, const real *restrict weight, int samples, int width)
{
    for (int b = 0; b < samples; b++, out += width, x += width)
        for (int j = 0; j < width; j++)
            out[j] = weight[b] * x[j];
}

/* x_b' += 2 y' weight_b x_b k */
PS_VECTOR static void quadratic_rows(const struct quadratic *q)
{
    const struct nn_rows *rows = q->from.rows;
    int width = q->k->rows;
    for (int b = 0; b < q->samples; b++) {
        real factor = 2 * q->y->grad[0] * q->weight[b];
        const real *restrict xk = q->xk + (size_t)b * width;
        real *restrict grad = rows->grad + (size_t)q->from.index[b] * (size_t)rows->width + q->from.first;
        for (int j = 0; j < width; j++)
            grad[j] += factor * xk[j];
    }
}

static void quadratic_backward(struct nn_tape *tape, struct nn_node *node)
{
    const struct quadratic *q = (struct quadratic *)node;
    int width = q->k->rows;
    size_t size = (size_t)width * (size_t)width;
    if (q->from.rows->grad)
        quadratic_rows(q);
    if (!q->k->grad && !q->sum)
        return;
    real *weighed = nn_tape_alloc(tape, (size_t)q->samples * (size_t)width * sizeof *weighed);
    real *outer = nn_tape_alloc(tape, size * sizeof *outer);
    weigh(weighed, q->x, q->weight, q->samples, width);
    nn_gemm(true, false, width, width, q->samples, weighed, width, q->x, width, 0, outer, width);
    for (size_t k = 0; q->k->grad && k < size; k++)
        q->k->grad[k] += q->y->grad[0] * outer[k];
    for (size_t k = 0; q->sum && k < size; k++)
        q->sum->grad[k] += outer[k];
}

struct nn_tensor *nn_quadratic(struct nn_tape *tape, struct nn_lookup from, int samples, const struct nn_tensor *k,
                               const real *weight, const struct nn_tensor *sum)
{
    int width = k->rows;
    PS_ASSERT(k->cols == width && from.first + width <= from.rows->width);
    const struct nn_rows constant = {from.rows->count, from.rows->width, from.rows->value, NULL};
    const struct nn_tensor *x = nn_lookup(tape, (struct nn_lookup){&constant, from.index, from.first}, samples, width);
    const struct nn_tensor *xk = nn_matmul(tape, x, nn_leaf(tape, width, width, k->value, NULL));
    struct nn_tensor *y = nn_output(tape, 1, 1, from.rows->grad || k->grad || sum);
    const struct nn_tensor *square = nn_row_dot(tape, x, xk);
    double total = 0;
    for (int b = 0; b < samples; b++)
        total += (double)(weight[b] * square->value[b]);
    *nn_fill(y) = (real)total;
    if (y->grad) {
        struct quadratic *q = nn_tape_alloc(tape, sizeof *q);
        *q = (struct quadratic){.from = from, .samples = samples, .weight = weight, .x = x->value, .xk = xk->value, .k = k,
                                .sum = sum, .y = y};
        nn_record(tape, &q->node, quadratic_backward);
    }
    return y;
}

struct inner {
    struct nn_node node;
    const struct nn_tensor *k, *y;
    const real *with;
    real factor;
};

static void inner_backward(struct nn_tape *tape, struct nn_node *node)
{
    const struct inner *n = (struct inner *)node;
    for (size_t k = 0; k < nn_size(n->k); k++)
        n->k->grad[k] += n->y->grad[0] * n->factor * n->with[k];
}

struct nn_tensor *nn_inner(struct nn_tape *tape, const struct nn_tensor *k, const real *with, real factor)
{
    struct nn_tensor *y = nn_output(tape, 1, 1, k->grad != NULL);
    double total = 0;
    for (size_t i = 0; i < nn_size(k); i++)
        total += (double)(k->value[i] * with[i]);
    *nn_fill(y) = (real)((double)factor * total);
    if (y->grad) {
        struct inner *n = nn_tape_alloc(tape, sizeof *n);
        *n = (struct inner){.k = k, .y = y, .with = with, .factor = factor};
        nn_record(tape, &n->node, inner_backward);
    }
    return y;
}
