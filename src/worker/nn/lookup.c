/* lookup.c - rows of an embedding table as matrices, and their gradients back to the rows; see nn.h.
 *
 * Backward walks the samples in order, so that the sum of a row's gradients does not depend on anything but the batch.
 */
#include "common/vector.h"
#include "worker/nn/tape.h"

#include <string.h>

static const real *row_value(const struct nn_lookup *from, int sample)
{
    return from->rows->value[from->index[sample]] + from->first;
}

/* NULL where the rows are constants. */
static real *row_grad(const struct nn_lookup *from, int sample)
{
    const struct nn_rows *rows = from->rows;
    return rows->grad ? rows->grad + (size_t)from->index[sample] * (size_t)rows->width + from->first : NULL;
}

struct nn_lookup nn_lookup_from(struct nn_tape *tape, const struct nn_tensor *x, const uint32_t *index, int first)
{
    const real **value = nn_tape_alloc(tape, (size_t)x->rows * sizeof *value);
    for (int r = 0; r < x->rows; r++)
        value[r] = x->value + (size_t)r * (size_t)x->cols;
    struct nn_rows *rows = nn_tape_alloc(tape, sizeof *rows);
    *rows = (struct nn_rows){x->rows, x->cols, value, x->grad};
    nn_tell(tape, &(struct nn_event){.op = NN_OP_ROWS, .out = rows, .in = {x}});
    return (struct nn_lookup){rows, index, first};
}

static void tell(struct nn_tape *tape, const void *out, const struct nn_lookup *from, int width)
{
    nn_tell(tape, &(struct nn_event){.op = NN_OP_LOOKUP, .out = out, .in = {from->rows, from->index}, .n = {from->first, width}});
}

void nn_tell_lookups(struct nn_tape *tape, const struct nn_lookup *p, const struct nn_lookup *q, int width, int parts, const struct nn_tensor *y)
{
    tell(tape, p, p, width);
    tell(tape, q, q, width);
    nn_tell(tape, &(struct nn_event){.op = NN_OP_PAIR, .out = y, .in = {p, q}, .n = {parts}});
}

struct lookup {
    struct nn_node node;
    struct nn_lookup from;
    const struct nn_tensor *y;
};

PS_VECTOR static void lookup_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct lookup *l = (struct lookup *)node;
    int width = l->y->cols;
    const real *grad = l->y->grad;
    for (int b = 0; b < l->y->rows; b++, grad += width) {
        real *to = row_grad(&l->from, b);
        for (int j = 0; j < width; j++)
            to[j] += grad[j];
    }
}

struct nn_tensor *nn_lookup(struct nn_tape *tape, struct nn_lookup from, int samples, int width)
{
    PS_ASSERT(from.first + width <= from.rows->width);
    struct nn_tensor *y = nn_output(tape, samples, width, from.rows->grad != NULL);
    real *out = nn_fill(y);
    for (int b = 0; b < samples; b++)
        memcpy(out + (size_t)b * width, row_value(&from, b), (size_t)width * sizeof *out);
    tell(tape, y, &from, width);
    if (y->grad) {
        struct lookup *l = nn_tape_alloc(tape, sizeof *l);
        *l = (struct lookup){.from = from, .y = y};
        nn_record(tape, &l->node, lookup_backward);
    }
    return y;
}

struct lookup_pair {
    struct nn_node node;
    struct nn_lookup p, q;
    const struct nn_tensor *y;
    int width, parts;
};

PS_VECTOR static void pair_forward(const struct lookup_pair *l)
{
    int width = l->width;
    real *out = nn_fill(l->y);
    for (int b = 0; b < l->y->rows; b++) {
        const real *p = row_value(&l->p, b), *q = row_value(&l->q, b);
        if (l->parts & NN_PAIR) {
            memcpy(out, p, (size_t)width * sizeof *out);
            memcpy(out + width, q, (size_t)width * sizeof *out);
            out += 2 * width;
        }
        if (l->parts & NN_PRODUCT) {
            for (int j = 0; j < width; j++)
                out[j] = p[j] * q[j];
            out += width;
        }
    }
}

/* to += pair part + product part * other; `grad` is one sample's gradient, `part` where the pair part begins in it. */
static inline void pair_add(real *to, const real *grad, int part, const real *other, int width, int parts)
{
    if (parts == (NN_PAIR | NN_PRODUCT))
        for (int j = 0; j < width; j++)
            to[j] += grad[part + j] + grad[2 * width + j] * other[j];
    else if (parts == NN_PAIR)
        for (int j = 0; j < width; j++)
            to[j] += grad[part + j];
    else
        for (int j = 0; j < width; j++)
            to[j] += grad[j] * other[j];
}

PS_VECTOR static void pair_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct lookup_pair *l = (struct lookup_pair *)node;
    const real *grad = l->y->grad;
    for (int b = 0; b < l->y->rows; b++, grad += l->y->cols) {
        real *p_grad = row_grad(&l->p, b), *q_grad = row_grad(&l->q, b);
        if (p_grad)
            pair_add(p_grad, grad, 0, row_value(&l->q, b), l->width, l->parts);
        if (q_grad)
            pair_add(q_grad, grad, l->width, row_value(&l->p, b), l->width, l->parts);
    }
}

struct nn_tensor *nn_lookup_pair(struct nn_tape *tape, struct nn_lookup p, struct nn_lookup q, int samples, int width,
                                 int parts)
{
    PS_ASSERT(p.first + width <= p.rows->width && q.first + width <= q.rows->width);
    PS_ASSERT(parts > 0 && parts <= (NN_PAIR | NN_PRODUCT));
    struct lookup_pair *l = nn_tape_alloc(tape, sizeof *l);
    struct nn_tensor *y = nn_output(tape, samples, nn_parts_width(parts, width), p.rows->grad || q.rows->grad);
    *l = (struct lookup_pair){.p = p, .q = q, .y = y, .width = width, .parts = parts};
    pair_forward(l);
    nn_tell_lookups(tape, &l->p, &l->q, width, parts, y);
    if (y->grad)
        nn_record(tape, &l->node, pair_backward);
    return y;
}
