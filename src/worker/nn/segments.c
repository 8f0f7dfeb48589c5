/* segments.c - sums, softmax and broadcasts over runs of rows; see sequence.h. */
#include <string.h>

#include "common/vector.h"
#include "worker/nn/functions.h"
#include "worker/nn/sequence.h"
#include "worker/nn/tape.h"

struct segment {
    struct nn_node node;
    const struct nn_tensor *x, *w, *y; /* w: weights, or what is added to a segment's rows */
    struct nn_segments segments;
};

static struct nn_tensor *record(struct nn_tape *tape, enum nn_op op, struct nn_tensor *y, const struct nn_tensor *x,
                                const struct nn_tensor *w, struct nn_segments segments,
                                void (*backward)(struct nn_tape *, struct nn_node *))
{
    nn_tell(tape, &(struct nn_event){.op = segments.count == 1 ? op : NN_OP_OTHER, .out = y, .in = {x, w}});
    if (y->grad) {
        struct segment *s = nn_tape_alloc(tape, sizeof *s);
        *s = (struct segment){.x = x, .w = w, .y = y, .segments = segments};
        nn_record(tape, &s->node, backward);
    }
    return y;
}

struct nn_segments nn_segments_uniform(struct nn_tape *tape, int count, int length)
{
    uint32_t *begin = nn_tape_alloc(tape, ((size_t)count + 1) * sizeof *begin);
    for (int s = 0; s <= count; s++)
        begin[s] = (uint32_t)s * (uint32_t)length;
    return (struct nn_segments){count, begin};
}

struct nn_tensor *nn_segment_last(struct nn_tape *tape, const struct nn_tensor *x, struct nn_segments segments)
{
    uint32_t *last = nn_tape_alloc(tape, (size_t)segments.count * sizeof *last);
    for (int s = 0; s < segments.count; s++) {
        PS_ASSERT(segments.begin[s] < segments.begin[s + 1]);
        last[s] = segments.begin[s + 1] - 1;
    }
    nn_tell(tape, &(struct nn_event){.op = segments.count == 1 ? NN_OP_INDEX_LAST : NN_OP_OTHER, .out = last});
    return nn_lookup(tape, nn_lookup_from(tape, x, last, 0), segments.count, x->cols);
}

PS_VECTOR static void add_forward(const struct segment *g)
{
    int width = g->x->cols;
    for (int s = 0; s < g->segments.count; s++) {
        const real *restrict q = g->w->value + (size_t)s * width;
        for (uint32_t t = g->segments.begin[s]; t < g->segments.begin[s + 1]; t++) {
            const real *restrict x = g->x->value + (size_t)t * width;
            real *restrict y = nn_fill(g->y) + (size_t)t * width;
            for (int j = 0; j < width; j++)
                y[j] = x[j] + q[j];
        }
    }
}

static void add_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct segment *g = (struct segment *)node;
    size_t width = (size_t)g->x->cols;
    if (g->x->grad)
        nn_axpy(g->x->grad, 1, g->y->grad, nn_size(g->y));
    for (int s = 0; g->w->grad && s < g->segments.count; s++)
        for (uint32_t t = g->segments.begin[s]; t < g->segments.begin[s + 1]; t++)
            nn_axpy(g->w->grad + (size_t)s * width, 1, g->y->grad + t * width, width);
}

struct nn_tensor *nn_segment_add(struct nn_tape *tape, const struct nn_tensor *x, const struct nn_tensor *q,
                                 struct nn_segments segments)
{
    PS_ASSERT(x->rows == nn_segments_rows(segments) && q->rows == segments.count && q->cols == x->cols);
    struct nn_tensor *y = nn_output(tape, x->rows, x->cols, x->grad || q->grad);
    add_forward(&(struct segment){.x = x, .w = q, .y = y, .segments = segments});
    return record(tape, NN_OP_ADD, y, x, q, segments, add_backward);
}

/* e^(x - top) of n numbers. */
PS_INLINE void exponentials(real *restrict y, const real *restrict x, real top, int n)
{
    for (int t = 0; t < n; t++)
        y[t] = nn_exp(x[t] - top);
}

PS_VECTOR static void softmax_forward(const struct segment *g)
{
    for (int s = 0; s < g->segments.count; s++) {
        size_t first = g->segments.begin[s];
        int n = (int)(g->segments.begin[s + 1] - first);
        real *y = nn_fill(g->y) + first;
        if (n == 0)
            continue;
        exponentials(y, g->x->value + first, nn_largest(g->x->value + first, n), n);
        real sum = nn_sum_of(y, n);
        for (int t = 0; t < n; t++)
            y[t] /= sum;
    }
}

PS_VECTOR static void softmax_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct segment *g = (struct segment *)node;
    for (int s = 0; s < g->segments.count; s++) {
        size_t first = g->segments.begin[s];
        int n = (int)(g->segments.begin[s + 1] - first);
        const real *restrict y = g->y->value + first, *restrict grad = g->y->grad + first;
        real *restrict to = g->x->grad + first, mean = nn_dot(y, grad, n);
        for (int t = 0; t < n; t++)
            to[t] += y[t] * (grad[t] - mean);
    }
}

struct nn_tensor *nn_segment_softmax(struct nn_tape *tape, const struct nn_tensor *e, struct nn_segments segments)
{
    PS_ASSERT(e->cols == 1 && e->rows == nn_segments_rows(segments));
    struct nn_tensor *y = nn_output(tape, e->rows, 1, e->grad != NULL);
    softmax_forward(&(struct segment){.x = e, .y = y, .segments = segments});
    return record(tape, NN_OP_SEGMENT_SOFTMAX, y, e, NULL, segments, softmax_backward);
}

struct nn_tensor *nn_softmax(struct nn_tape *tape, const struct nn_tensor *x)
{
    struct nn_segments rows = nn_segments_uniform(tape, x->rows, x->cols);
    return nn_reshape(tape, nn_segment_softmax(tape, nn_reshape(tape, x, 1), rows), x->cols);
}

/* The first row is copied, not added to zeros: a segment of one row with weight 1 is that row to the bit. */
PS_VECTOR static void sum_forward(const struct segment *g)
{
    int width = g->x->cols;
    for (int s = 0; s < g->segments.count; s++) {
        uint32_t first = g->segments.begin[s], end = g->segments.begin[s + 1];
        real *restrict y = nn_fill(g->y) + (size_t)s * width;
        if (first == end)
            memset(y, 0, (size_t)width * sizeof *y);
        for (uint32_t t = first; t < end; t++) {
            const real *restrict x = g->x->value + (size_t)t * width;
            real w = g->w->value[t];
            if (t == first)
                for (int j = 0; j < width; j++)
                    y[j] = w * x[j];
            else
                for (int j = 0; j < width; j++)
                    y[j] += w * x[j];
        }
    }
}

PS_VECTOR static void sum_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct segment *g = (struct segment *)node;
    int width = g->x->cols;
    for (int s = 0; s < g->segments.count; s++) {
        const real *restrict grad = g->y->grad + (size_t)s * width;
        for (uint32_t t = g->segments.begin[s]; t < g->segments.begin[s + 1]; t++) {
            if (g->w->grad)
                g->w->grad[t] += nn_dot(g->x->value + (size_t)t * width, grad, width);
            if (!g->x->grad)
                continue;
            real *restrict to = g->x->grad + (size_t)t * width, w = g->w->value[t];
            for (int j = 0; j < width; j++)
                to[j] += w * grad[j];
        }
    }
}

struct nn_tensor *nn_segment_sum(struct nn_tape *tape, const struct nn_tensor *x, const struct nn_tensor *w,
                                 struct nn_segments segments)
{
    PS_ASSERT(x->rows == nn_segments_rows(segments) && w->rows == x->rows && w->cols == 1);
    struct nn_tensor *y = nn_output(tape, segments.count, x->cols, x->grad || w->grad);
    sum_forward(&(struct segment){.x = x, .w = w, .y = y, .segments = segments});
    return record(tape, NN_OP_SEGMENT_SUM, y, x, w, segments, sum_backward);
}

struct nn_tensor *nn_segment_mean(struct nn_tape *tape, const struct nn_tensor *x, struct nn_segments segments)
{
    real *share = nn_tape_alloc(tape, (size_t)x->rows * sizeof *share);
    for (int s = 0; s < segments.count; s++)
        for (uint32_t t = segments.begin[s]; t < segments.begin[s + 1]; t++)
            share[t] = 1 / (real)(segments.begin[s + 1] - segments.begin[s]);
    struct nn_tensor *y = nn_segment_sum(tape, x, nn_leaf(tape, x->rows, 1, share, NULL), segments);
    nn_tell(tape, &(struct nn_event){.op = segments.count == 1 ? NN_OP_SEGMENT_MEAN : NN_OP_OTHER, .out = y, .in = {x}});
    return y;
}
