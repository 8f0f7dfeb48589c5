/* losses.c - scalars to minimise; see nn.h.
 *
 * A loss and its gradient share their costly part (an exponential), so forward computes both: it leaves the gradient
 * for an output gradient of 1, and backward scales and adds it. Sums of a loss are in double.
 */
#include "common/vector.h"
#include "worker/nn/kernels.h"
#include "worker/nn/tape.h"

struct loss {
    struct nn_node node;
    const struct nn_tensor *x, *y; /* the input and the scalar */
    const real *slope;             /* as x: the loss's derivative by it */
};

PS_VECTOR static void loss_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct loss *l = (struct loss *)node;
    const real *slope = l->slope;
    real *to = l->x->grad, grad = l->y->grad[0];
    for (size_t k = 0; k < nn_size(l->x); k++)
        to[k] += grad * slope[k];
}

struct nn_tensor *nn_record_loss(struct nn_tape *tape, const struct nn_tensor *x, const real *term, const real *slope)
{
    struct nn_tensor *y = nn_output(tape, 1, 1, x->grad != NULL);
    double sum = 0;
    for (int b = 0; b < x->rows; b++)
        sum += (double)term[b];
    *nn_fill(y) = (real)sum;
    if (y->grad) {
        struct loss *l = nn_tape_alloc(tape, sizeof *l);
        *l = (struct loss){.x = x, .y = y, .slope = slope};
        nn_record(tape, &l->node, loss_backward);
    }
    return y;
}

PS_VECTOR static void bce_logits(const real *restrict z, const real *restrict label, const real *restrict weight, int n,
                                 real *restrict term, real *restrict slope)
{
    for (int b = 0; b < n; b++) {
        real e = nn_exp(-nn_abs(z[b]));
        term[b] = weight[b] * ((z[b] > 0 ? z[b] : 0) - z[b] * label[b] + nn_log1p(e));
        slope[b] = weight[b] * (nn_logistic(z[b], e) - label[b]);
    }
}

struct nn_tensor *nn_bce_logits(struct nn_tape *tape, const struct nn_tensor *z, const real *label, const real *weight)
{
    PS_ASSERT(z->cols == 1);
    size_t bytes = nn_size(z) * sizeof(real);
    real *term = nn_tape_alloc(tape, bytes), *slope = nn_tape_alloc(tape, bytes);
    bce_logits(z->value, label, weight, z->rows, term, slope);
    return nn_record_loss(tape, z, term, slope);
}

struct nn_tensor *nn_bce(struct nn_tape *tape, const struct nn_tensor *p, const real *label, const real *weight)
{
    PS_ASSERT(p->cols == 1);
    const real epsilon = (real)1e-7;
    size_t bytes = nn_size(p) * sizeof(real);
    real *term = nn_tape_alloc(tape, bytes), *slope = nn_tape_alloc(tape, bytes);
    for (int b = 0; b < p->rows; b++) {
        real yes = p->value[b] + epsilon, no = 1 - p->value[b] + epsilon;
        term[b] = -weight[b] * (label[b] * (real)log((double)yes) + (1 - label[b]) * (real)log((double)no));
        slope[b] = -weight[b] * (label[b] / yes - (1 - label[b]) / no);
    }
    return nn_record_loss(tape, p, term, slope);
}

struct nn_tensor *nn_squared(struct nn_tape *tape, const struct nn_tensor *x, const real *label, const real *weight)
{
    PS_ASSERT(x->cols == 1);
    size_t bytes = nn_size(x) * sizeof(real);
    real *term = nn_tape_alloc(tape, bytes), *slope = nn_tape_alloc(tape, bytes);
    for (int b = 0; b < x->rows; b++) {
        real error = x->value[b] - label[b];
        term[b] = weight[b] * (error * error);
        slope[b] = 2 * weight[b] * error;
    }
    return nn_record_loss(tape, x, term, slope);
}

struct nn_tensor *nn_weighted_sum(struct nn_tape *tape, const struct nn_tensor *x, const real *weight)
{
    PS_ASSERT(x->cols == 1);
    real *term = nn_tape_alloc(tape, nn_size(x) * sizeof *term);
    for (int b = 0; b < x->rows; b++)
        term[b] = weight[b] * x->value[b];
    return nn_record_loss(tape, x, term, weight);
}

/* difference: what a pair's negative is above its positive; 0 where there is none. */
PS_VECTOR static void bpr_pairs(const real *restrict difference, const real *restrict weight, int n, real *restrict term,
                                real *restrict slope)
{
    for (int b = 0; b < n; b++) {
        real x = difference[b], e = nn_exp(-nn_abs(x));
        term[b] = weight[b] * ((x > 0 ? x : 0) + nn_log1p(e));
        slope[b] = weight[b] * nn_logistic(x, e);
    }
}

struct nn_tensor *nn_bpr(struct nn_tape *tape, const struct nn_tensor *z, const uint32_t *behind, const real *weight)
{
    PS_ASSERT(z->cols == 1);
    int n = z->rows;
    size_t bytes = nn_size(z) * sizeof(real);
    real *term = nn_tape_alloc(tape, bytes), *slope = nn_tape_alloc(tape, bytes);
    real *difference = nn_tape_alloc(tape, bytes), *own = nn_tape_alloc(tape, bytes);
    for (int b = 0; b < n; b++) {
        PS_ASSERT(behind[b] <= (uint32_t)b);
        difference[b] = z->value[b] - z->value[b - (int)behind[b]];
        own[b] = behind[b] ? weight[b] : 0;
    }
    bpr_pairs(difference, own, n, term, slope);
    for (int b = 0; b < n; b++)
        if (behind[b])
            slope[b - (int)behind[b]] -= slope[b];
    return nn_record_loss(tape, z, term, slope);
}

struct l2_rows {
    struct nn_node node;
    struct nn_lookup from;
    int samples, width;
    real scale;
    const struct nn_tensor *y;
};

PS_VECTOR static void l2_rows_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct l2_rows *l = (struct l2_rows *)node;
    const struct nn_rows *rows = l->from.rows;
    real factor = l->scale * l->y->grad[0];
    for (int b = 0; b < l->samples; b++) {
        size_t index = l->from.index[b];
        const real *restrict value = rows->value[index] + l->from.first;
        real *restrict grad = rows->grad + index * (size_t)rows->width + l->from.first;
        for (int j = 0; j < l->width; j++)
            grad[j] += factor * value[j];
    }
}

PS_VECTOR static double l2_rows_forward(const struct nn_lookup *from, int samples, int width)
{
    double sum = 0;
    for (int b = 0; b < samples; b++) {
        const real *value = from->rows->value[from->index[b]] + from->first;
        sum += (double)nn_dot(value, value, width);
    }
    return sum;
}

struct nn_tensor *nn_l2_rows(struct nn_tape *tape, struct nn_lookup from, int samples, int width, real scale)
{
    PS_ASSERT(from.first + width <= from.rows->width);
    struct nn_tensor *y = nn_output(tape, 1, 1, from.rows->grad != NULL);
    *nn_fill(y) = (real)((double)scale / 2 * l2_rows_forward(&from, samples, width));
    if (y->grad) {
        struct l2_rows *l = nn_tape_alloc(tape, sizeof *l);
        *l = (struct l2_rows){.from = from, .samples = samples, .width = width, .scale = scale, .y = y};
        nn_record(tape, &l->node, l2_rows_backward);
    }
    return y;
}
