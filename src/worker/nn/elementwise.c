/* elementwise.c - operations that work on one element, or one row, at a time; see nn.h. */
#include "common/vector.h"
#include "worker/nn/functions.h"
#include "worker/nn/tape.h"

#include <string.h>

/* One node for all of them: y from a and, for the binary ones, b. */
struct elementwise {
    struct nn_node node;
    const struct nn_tensor *a, *b, *y;
    real factor;
};

static struct nn_tensor *output_of(struct nn_tape *tape, int rows, int cols, const struct nn_tensor *a,
                                   const struct nn_tensor *b)
{
    return nn_output(tape, rows, cols, a->grad || (b && b->grad));
}

static struct nn_tensor *record(struct nn_tape *tape, enum nn_op op, struct nn_tensor *y, const struct nn_tensor *a,
                                const struct nn_tensor *b, real factor,
                                void (*backward)(struct nn_tape *, struct nn_node *))
{
    nn_tell(tape, &(struct nn_event){.op = op, .out = y, .in = {a, b}, .factor = factor});
    if (y->grad) {
        struct elementwise *e = nn_tape_alloc(tape, sizeof *e);
        *e = (struct elementwise){.a = a, .b = b, .y = y, .factor = factor};
        nn_record(tape, &e->node, backward);
    }
    return y;
}

static void assert_same_shape(const struct nn_tensor *a, const struct nn_tensor *b)
{
    PS_ASSERT(a->rows == b->rows && a->cols == b->cols);
}

PS_VECTOR void nn_axpy(real *restrict to, real factor, const real *restrict x, size_t n)
{
    for (size_t k = 0; k < n; k++)
        to[k] += factor * x[k];
}

PS_VECTOR static void multiply_add(real *to, const real *x, const real *y, size_t n)
{
    for (size_t k = 0; k < n; k++)
        to[k] += x[k] * y[k];
}

static void add_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct elementwise *e = (struct elementwise *)node;
    if (e->a->grad)
        nn_axpy(e->a->grad, 1, e->y->grad, nn_size(e->y));
    if (e->b->grad)
        nn_axpy(e->b->grad, 1, e->y->grad, nn_size(e->y));
}

struct nn_tensor *nn_add(struct nn_tape *tape, const struct nn_tensor *a, const struct nn_tensor *b)
{
    assert_same_shape(a, b);
    struct nn_tensor *y = output_of(tape, a->rows, a->cols, a, b);
    real *out = nn_fill(y);
    for (size_t k = 0; k < nn_size(y); k++)
        out[k] = a->value[k] + b->value[k];
    return record(tape, NN_OP_ADD, y, a, b, 0, add_backward);
}

static void add_bias_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct elementwise *e = (struct elementwise *)node;
    size_t width = (size_t)e->y->cols;
    if (e->a->grad)
        nn_axpy(e->a->grad, 1, e->y->grad, nn_size(e->y));
    for (size_t row = 0; e->b->grad && row < (size_t)e->y->rows; row++)
        nn_axpy(e->b->grad, 1, e->y->grad + row * width, width);
}

struct nn_tensor *nn_add_bias(struct nn_tape *tape, const struct nn_tensor *x, const struct nn_tensor *bias)
{
    PS_ASSERT(bias->rows == 1 && bias->cols == x->cols);
    struct nn_tensor *y = output_of(tape, x->rows, x->cols, x, bias);
    real *out = nn_fill(y);
    for (int row = 0; row < x->rows; row++)
        for (int j = 0; j < x->cols; j++)
            out[(size_t)row * (size_t)x->cols + (size_t)j] = x->value[(size_t)row * (size_t)x->cols + (size_t)j] + bias->value[j];
    return record(tape, NN_OP_ADD, y, x, bias, 0, add_bias_backward);
}

static void mul_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct elementwise *e = (struct elementwise *)node;
    if (e->a->grad)
        multiply_add(e->a->grad, e->y->grad, e->b->value, nn_size(e->y));
    if (e->b->grad)
        multiply_add(e->b->grad, e->y->grad, e->a->value, nn_size(e->y));
}

struct nn_tensor *nn_mul(struct nn_tape *tape, const struct nn_tensor *a, const struct nn_tensor *b)
{
    assert_same_shape(a, b);
    struct nn_tensor *y = output_of(tape, a->rows, a->cols, a, b);
    real *out = nn_fill(y);
    for (size_t k = 0; k < nn_size(y); k++)
        out[k] = a->value[k] * b->value[k];
    return record(tape, NN_OP_MUL, y, a, b, 0, mul_backward);
}

static void scale_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct elementwise *e = (struct elementwise *)node;
    nn_axpy(e->a->grad, e->factor, e->y->grad, nn_size(e->y));
}

struct nn_tensor *nn_scale(struct nn_tape *tape, const struct nn_tensor *x, real factor)
{
    struct nn_tensor *y = output_of(tape, x->rows, x->cols, x, NULL);
    real *out = nn_fill(y);
    for (size_t k = 0; k < nn_size(y); k++)
        out[k] = factor * x->value[k];
    return record(tape, NN_OP_SCALE, y, x, NULL, factor, scale_backward);
}

PS_VECTOR static void relu_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct elementwise *e = (struct elementwise *)node;
    const real *y = e->y->value, *grad = e->y->grad;
    real *to = e->a->grad;
    for (size_t k = 0; k < nn_size(e->y); k++)
        to[k] += y[k] > 0 ? grad[k] : 0;
}

struct nn_tensor *nn_relu(struct nn_tape *tape, const struct nn_tensor *x)
{
    struct nn_tensor *y = output_of(tape, x->rows, x->cols, x, NULL);
    real *out = nn_fill(y);
    for (size_t k = 0; k < nn_size(y); k++)
        out[k] = x->value[k] < 0 ? 0 : x->value[k];
    return record(tape, NN_OP_RELU, y, x, NULL, 0, relu_backward);
}

PS_VECTOR static void sigmoid_forward(real *y, const real *x, size_t n)
{
    for (size_t k = 0; k < n; k++)
        y[k] = nn_logistic(x[k], nn_exp(-nn_abs(x[k])));
}

PS_VECTOR static void sigmoid_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct elementwise *e = (struct elementwise *)node;
    const real *y = e->y->value, *grad = e->y->grad;
    real *to = e->a->grad;
    for (size_t k = 0; k < nn_size(e->y); k++)
        to[k] += grad[k] * (y[k] * (1 - y[k]));
}

struct nn_tensor *nn_sigmoid(struct nn_tape *tape, const struct nn_tensor *x)
{
    struct nn_tensor *y = output_of(tape, x->rows, x->cols, x, NULL);
    sigmoid_forward(nn_fill(y), x->value, nn_size(x));
    return record(tape, NN_OP_SIGMOID, y, x, NULL, 0, sigmoid_backward);
}

static real norm_of(const struct nn_tensor *x, size_t row)
{
    const real *at = x->value + row * (size_t)x->cols;
    return (real)sqrt((double)nn_dot(at, at, x->cols));
}

static void clip_rows_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct elementwise *e = (struct elementwise *)node;
    size_t width = (size_t)e->y->cols;
    for (size_t row = 0; row < (size_t)e->y->rows; row++) {
        const real *x = e->a->value + row * width, *grad = e->y->grad + row * width;
        real norm = norm_of(e->a, row), factor = norm > e->factor ? e->factor / norm : 1;
        nn_axpy(e->a->grad + row * width, factor, grad, width);
        if (norm > e->factor) /* what is along x does not change it */
            nn_axpy(e->a->grad + row * width, -factor * nn_dot(x, grad, e->y->cols) / (norm * norm), x, width);
    }
}

struct nn_tensor *nn_clip_rows(struct nn_tape *tape, const struct nn_tensor *x, real limit)
{
    struct nn_tensor *y = output_of(tape, x->rows, x->cols, x, NULL);
    size_t width = (size_t)x->cols;
    for (size_t row = 0; row < (size_t)x->rows; row++) {
        real norm = norm_of(x, row), factor = norm > limit ? limit / norm : 1;
        for (size_t j = 0; j < width; j++)
            nn_fill(y)[row * width + j] = factor * x->value[row * width + j];
    }
    return record(tape, NN_OP_CLIP_ROWS, y, x, NULL, limit, clip_rows_backward);
}

static void gate_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct elementwise *e = (struct elementwise *)node;
    size_t width = (size_t)e->y->cols;
    for (size_t row = 0; row < (size_t)e->y->rows; row++)
        nn_axpy(e->a->grad + row * width, e->b->value[row], e->y->grad + row * width, width);
}

struct nn_tensor *nn_gate(struct nn_tape *tape, const struct nn_tensor *x, const real *keep)
{
    struct nn_tensor *y = output_of(tape, x->rows, x->cols, x, NULL);
    memcpy(nn_fill(y), x->value, nn_size(x) * sizeof(real));
    return record(tape, NN_OP_SAME, y, x, nn_leaf(tape, x->rows, 1, keep, NULL), 0, gate_backward);
}

PS_VECTOR static void hard_sigmoid_forward(real *restrict y, const real *restrict x, size_t n)
{
    for (size_t k = 0; k < n; k++)
        y[k] = nn_squash(x[k], true);
}

PS_VECTOR static void hard_sigmoid_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct elementwise *e = (struct elementwise *)node;
    const real *restrict y = e->y->value, *restrict grad = e->y->grad;
    real *restrict to = e->a->grad;
    for (size_t k = 0; k < nn_size(e->y); k++)
        to[k] += grad[k] * nn_squash_slope(y[k], true);
}

struct nn_tensor *nn_hard_sigmoid(struct nn_tape *tape, const struct nn_tensor *x)
{
    struct nn_tensor *y = output_of(tape, x->rows, x->cols, x, NULL);
    hard_sigmoid_forward(nn_fill(y), x->value, nn_size(x));
    return record(tape, NN_OP_HARD_SIGMOID, y, x, NULL, 0, hard_sigmoid_backward);
}

PS_VECTOR static void tanh_forward(real *restrict y, const real *restrict x, size_t n)
{
    for (size_t k = 0; k < n; k++)
        y[k] = nn_tanh_of(x[k]);
}

PS_VECTOR static void tanh_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct elementwise *e = (struct elementwise *)node;
    const real *restrict y = e->y->value, *restrict grad = e->y->grad;
    real *restrict to = e->a->grad;
    for (size_t k = 0; k < nn_size(e->y); k++)
        to[k] += grad[k] * (1 - y[k] * y[k]);
}

struct nn_tensor *nn_tanh(struct nn_tape *tape, const struct nn_tensor *x)
{
    struct nn_tensor *y = output_of(tape, x->rows, x->cols, x, NULL);
    tanh_forward(nn_fill(y), x->value, nn_size(x));
    return record(tape, NN_OP_TANH, y, x, NULL, 0, tanh_backward);
}

PS_VECTOR static void elu_forward(real *restrict y, const real *restrict x, real a, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        real below = a * (nn_exp(x[k]) - 1);
        y[k] = x[k] > 0 ? x[k] : below;
    }
}

PS_VECTOR static void elu_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct elementwise *e = (struct elementwise *)node;
    const real *restrict x = e->a->value, *restrict y = e->y->value, *restrict grad = e->y->grad;
    real *restrict to = e->a->grad, a = e->factor;
    for (size_t k = 0; k < nn_size(e->y); k++) {
        real slope = x[k] > 0 ? (real)1 : y[k] + a;
        to[k] += grad[k] * slope;
    }
}

struct nn_tensor *nn_elu(struct nn_tape *tape, const struct nn_tensor *x, real a)
{
    struct nn_tensor *y = output_of(tape, x->rows, x->cols, x, NULL);
    elu_forward(nn_fill(y), x->value, a, nn_size(x));
    return record(tape, NN_OP_ELU, y, x, NULL, a, elu_backward);
}

static void concat_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct elementwise *e = (struct elementwise *)node;
    size_t a = (size_t)e->a->cols, b = (size_t)e->b->cols;
    const real *grad = e->y->grad;
    for (size_t row = 0; row < (size_t)e->y->rows; row++, grad += a + b) {
        if (e->a->grad)
            nn_axpy(e->a->grad + row * a, 1, grad, a);
        if (e->b->grad)
            nn_axpy(e->b->grad + row * b, 1, grad + a, b);
    }
}

struct nn_tensor *nn_concat(struct nn_tape *tape, const struct nn_tensor *a, const struct nn_tensor *b)
{
    PS_ASSERT(a->rows == b->rows);
    struct nn_tensor *y = output_of(tape, a->rows, a->cols + b->cols, a, b);
    real *out = nn_fill(y);
    size_t width_a = (size_t)a->cols, width_b = (size_t)b->cols;
    for (size_t row = 0; row < (size_t)y->rows; row++, out += width_a + width_b) {
        memcpy(out, a->value + row * width_a, width_a * sizeof *out);
        memcpy(out + width_a, b->value + row * width_b, width_b * sizeof *out);
    }
    return record(tape, NN_OP_CONCAT, y, a, b, 0, concat_backward);
}

static void row_dot_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct elementwise *e = (struct elementwise *)node;
    size_t width = (size_t)e->a->cols;
    for (size_t row = 0; row < (size_t)e->y->rows; row++) {
        if (e->a->grad)
            nn_axpy(e->a->grad + row * width, e->y->grad[row], e->b->value + row * width, width);
        if (e->b->grad)
            nn_axpy(e->b->grad + row * width, e->y->grad[row], e->a->value + row * width, width);
    }
}

PS_VECTOR static void row_dot_forward(real *y, const real *a, const real *b, int rows, int width)
{
    for (int row = 0; row < rows; row++)
        y[row] = nn_dot(a + (size_t)row * width, b + (size_t)row * width, width);
}

struct nn_tensor *nn_row_dot(struct nn_tape *tape, const struct nn_tensor *a, const struct nn_tensor *b)
{
    assert_same_shape(a, b);
    struct nn_tensor *y = output_of(tape, a->rows, 1, a, b);
    row_dot_forward(nn_fill(y), a->value, b->value, a->rows, a->cols);
    return record(tape, NN_OP_ROW_DOT, y, a, b, 0, row_dot_backward);
}
