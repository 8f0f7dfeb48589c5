/* dense.c - affine maps by matrix products, with the bias and the rectifier in the same node; see nn.h.
 *
 * Products with a single column (the heads) are row-wise dot products of our own: a matrix product would waste its
 * blocking.
 */
#include "common/vector.h"
#include "worker/nn/blas.h"
#include "worker/nn/kernels.h"
#include "worker/nn/tape.h"

struct affine {
    struct nn_node node;
    const struct nn_tensor *x, *w, *bias, *y; /* bias may be NULL */
    bool relu;
};

/* y += 1 bias, then relu; in one pass over y (B x m). bias may be NULL. */
PS_VECTOR static void finish_forward(real *y, const real *bias, int rows, int cols, bool relu)
{
    for (int b = 0; b < rows; b++, y += cols) {
        if (bias)
            for (int j = 0; j < cols; j++)
                y[j] += bias[j];
        if (relu)
            for (int j = 0; j < cols; j++)
                y[j] = y[j] < 0 ? 0 : y[j]; /* a NaN stays one, and is found */
    }
}

/* Turns y' into a' in place (nobody reads y' after this node) and adds its column sums to bias'. */
PS_VECTOR static void finish_backward(real *grad, const real *y, real *bias_grad, int rows, int cols, bool relu)
{
    for (int b = 0; b < rows; b++, grad += cols, y += cols) {
        if (relu)
            for (int j = 0; j < cols; j++)
                grad[j] = y[j] > 0 ? grad[j] : 0;
        if (bias_grad)
            for (int j = 0; j < cols; j++)
                bias_grad[j] += grad[j];
    }
}

/* y_b = x_b . w */
PS_VECTOR static void column_forward(real *y, const real *x, const real *w, int rows, int width)
{
    for (int b = 0; b < rows; b++)
        y[b] = nn_dot(x + (size_t)b * width, w, width);
}

/* x_b' += g_b w and w' += g_b x_b; either may be NULL. */
PS_VECTOR static void column_backward(const real *grad, const real *x, real *x_grad, const real *w, real *w_grad,
                                      int rows, int width)
{
    for (int b = 0; b < rows; b++) {
        real g = grad[b];
        if (x_grad)
            for (int j = 0; j < width; j++)
                x_grad[(size_t)b * width + j] += g * w[j];
        if (w_grad)
            for (int j = 0; j < width; j++)
                w_grad[j] += g * x[(size_t)b * width + j];
    }
}

static void affine_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct affine *a = (struct affine *)node;
    const struct nn_tensor *x = a->x, *w = a->w, *y = a->y;
    real *bias_grad = a->bias ? a->bias->grad : NULL;
    if (a->relu || bias_grad)
        finish_backward(y->grad, y->value, bias_grad, y->rows, y->cols, a->relu);
    if (w->cols == 1) {
        column_backward(y->grad, x->value, x->grad, w->value, w->grad, x->rows, x->cols);
        return;
    }
    if (x->grad)
        nn_gemm(false, true, x->rows, x->cols, w->cols, y->grad, w->cols, w->value, w->cols, 1, x->grad, x->cols);
    if (w->grad)
        nn_gemm(true, false, w->rows, w->cols, x->rows, x->value, x->cols, y->grad, w->cols, 1, w->grad, w->cols);
}

struct nn_tensor *nn_affine(struct nn_tape *tape, const struct nn_tensor *x, const struct nn_tensor *w,
                            const struct nn_tensor *bias, bool relu)
{
    PS_ASSERT(x->cols == w->rows && (!bias || (bias->rows == 1 && bias->cols == w->cols)));
    bool differentiable = x->grad || w->grad || (bias && bias->grad);
    struct nn_tensor *y = nn_output(tape, x->rows, w->cols, differentiable);
    if (w->cols == 1)
        column_forward(nn_fill(y), x->value, w->value, x->rows, x->cols);
    else
        nn_gemm(false, false, x->rows, w->cols, x->cols, x->value, x->cols, w->value, w->cols, 0, nn_fill(y), w->cols);
    if (bias || relu)
        finish_forward(nn_fill(y), bias ? bias->value : NULL, y->rows, y->cols, relu);
    nn_tell(tape, &(struct nn_event){.op = NN_OP_AFFINE, .out = y, .in = {x, w, bias}, .n = {relu}});
    if (differentiable) {
        struct affine *a = nn_tape_alloc(tape, sizeof *a);
        *a = (struct affine){.x = x, .w = w, .bias = bias, .y = y, .relu = relu};
        nn_record(tape, &a->node, affine_backward);
    }
    return y;
}

struct nn_tensor *nn_matmul(struct nn_tape *tape, const struct nn_tensor *x, const struct nn_tensor *w)
{
    return nn_affine(tape, x, w, NULL, false);
}

static void scores_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct affine *a = (struct affine *)node;
    const struct nn_tensor *x = a->x, *w = a->w, *y = a->y;
    if (x->grad)
        nn_gemm(false, false, x->rows, x->cols, w->rows, y->grad, y->cols, w->value, w->cols, 1, x->grad, x->cols);
    if (w->grad)
        nn_gemm(true, false, w->rows, w->cols, x->rows, y->grad, y->cols, x->value, x->cols, 1, w->grad, w->cols);
}

struct nn_tensor *nn_scores(struct nn_tape *tape, const struct nn_tensor *x, const struct nn_tensor *w)
{
    PS_ASSERT(x->cols == w->cols);
    struct nn_tensor *y = nn_output(tape, x->rows, w->rows, x->grad || w->grad);
    nn_gemm(false, true, x->rows, w->rows, x->cols, x->value, x->cols, w->value, w->cols, 0, nn_fill(y), w->rows);
    nn_tell(tape, &(struct nn_event){.op = NN_OP_SCORES, .out = y, .in = {x, w}});
    if (y->grad) {
        struct affine *a = nn_tape_alloc(tape, sizeof *a);
        *a = (struct affine){.x = x, .w = w, .y = y};
        nn_record(tape, &a->node, scores_backward);
    }
    return y;
}
