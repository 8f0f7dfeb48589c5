/* softmax.c - softmax over many candidates, a chunk of them at a time; see candidates.h.
 *
 * Forward keeps the largest score and the sum of the exponentials below it, both brought up to date by every chunk. Backward
 * computes each chunk's scores anew, to the same bits.
 */
#include <string.h>

#include "common/vector.h"
#include "worker/nn/blas.h"
#include "worker/nn/candidates.h"
#include "worker/nn/functions.h"
#include "worker/nn/tape.h"

/* Scores of a chunk: about what the second cache holds. */
enum { CHUNK_SCORES = 1 << 18, CHUNK_LEAST = 64 };

struct softmax {
    struct nn_node node;
    const struct nn_tensor *q, *y;
    struct nn_candidates of;
    const uint32_t *target;
    const real *weight;
    enum nn_softmax_form form;
    int chunk;
    real *top;      /* B: the largest score */
    double *sum;    /* B: of e^(score - top) */
    real *correct;  /* B: the target's score */
    double *others; /* B: sum of p_j / (1 - p_j) over j != y; of both terms only */
};

static const real *row_of(const struct softmax *s, int j)
{
    const struct nn_lookup *from = &s->of.from;
    return from->rows->value[from->index ? from->index[j] : (uint32_t)j] + from->first;
}

static real *grad_of(const struct softmax *s, int j)
{
    const struct nn_lookup *from = &s->of.from;
    return from->rows->grad + (from->index ? from->index[j] : (size_t)j) * (size_t)from->rows->width + from->first;
}

/* Candidates as a matrix. */
struct matrix {
    const real *at;
    int stride;
};

/* Candidates [first, first + n): where they lie, if they lie one after another, else copied to `room`. */
static struct matrix chunk_rows(const struct softmax *s, int first, int n, real *room)
{
    size_t width = (size_t)s->q->cols, apart = (size_t)s->of.from.rows->width;
    const real *begin = row_of(s, first);
    int together = 1;
    while (together < n && row_of(s, first + together) == begin + (size_t)together * apart)
        together++;
    if (together == n)
        return (struct matrix){begin, (int)apart};
    for (int j = 0; j < n; j++)
        memcpy(room + (size_t)j * width, row_of(s, first + j), width * sizeof *room);
    return (struct matrix){room, (int)width};
}

/* The scores of a chunk, whose rows are returned: o = q e^T, or additive.c's. */
static struct matrix chunk_scores(struct nn_tape *tape, const struct softmax *s, int first, int n, real *room, real *o)
{
    const struct nn_tensor *q = s->q;
    struct matrix e = chunk_rows(s, first, n, room);
    if (s->of.hidden)
        nn_additive_scores(tape, q, e.at, e.stride, n, s->of.hidden->value, o);
    else
        nn_gemm(false, true, q->rows, n, q->cols, q->value, q->cols, e.at, e.stride, 0, o, n);
    return e;
}

/* x[j] = e^(x[j] - log_q[j] - top) scaled. */
PS_INLINE void exponentials(real *restrict x, real top, real scale, int n)
{
    for (int j = 0; j < n; j++)
        x[j] = scale * nn_exp(x[j] - top);
}

PS_INLINE void correct(const struct softmax *s, int first, int n, real *restrict o)
{
    const real *restrict log_q = s->of.log_q;
    if (log_q)
        for (int j = 0; j < n; j++)
            o[j] -= log_q[first + j];
}

/* Where the target of sample b is in the chunk, or -1. */
static inline int target_in(const struct softmax *s, int b, int first, int n)
{
    int at = (int)s->target[b] - first;
    return at >= 0 && at < n ? at : -1;
}

PS_VECTOR static void chunk_sums(const struct softmax *s, int first, int n, real *scores)
{
    for (int b = 0; b < s->q->rows; b++) {
        real *o = scores + (size_t)b * n;
        correct(s, first, n, o);
        int at = target_in(s, b, first, n);
        if (at >= 0)
            s->correct[b] = o[at];
        real top = nn_largest(o, n);
        if (top > s->top[b]) {
            s->sum[b] *= (double)nn_exp(s->top[b] - top);
            s->top[b] = top;
        }
        exponentials(o, s->top[b], 1, n);
        s->sum[b] += (double)nn_sum_of(o, n);
    }
}

/* 1 - p, away from 0. */
PS_INLINE real remainder_of(real p)
{
    real rest = 1 - p;
    return rest < (real)1e-8 ? (real)1e-8 : rest;
}

/* ratio = p / (1 - p), and p becomes log(1 - p). */
PS_INLINE void complements(real *restrict p, real *restrict ratio, int n)
{
    for (int j = 0; j < n; j++) {
        real rest = remainder_of(p[j]);
        ratio[j] = p[j] / rest;
        p[j] = nn_log(rest);
    }
}

/* For both terms: sums over j != y of p_j / (1 - p_j) and of -log(1 - p_j). ratio: room for n numbers. */
PS_VECTOR static void chunk_others(const struct softmax *s, int first, int n, real *scores, real *ratio, double *logs)
{
    for (int b = 0; b < s->q->rows; b++) {
        real *p = scores + (size_t)b * n;
        correct(s, first, n, p);
        exponentials(p, s->top[b], (real)(1 / s->sum[b]), n);
        int at = target_in(s, b, first, n);
        if (at >= 0)
            p[at] = 0;
        complements(p, ratio, n);
        s->others[b] += (double)nn_sum_of(ratio, n);
        logs[b] -= (double)nn_sum_of(p, n);
    }
}

/* Scores of a chunk become the loss's derivatives by them, times `up`. */
PS_VECTOR static void chunk_slopes(const struct softmax *s, int first, int n, real up, real *scores)
{
    for (int b = 0; b < s->q->rows; b++) {
        real *restrict g = scores + (size_t)b * n, weight = up * s->weight[b];
        int at = target_in(s, b, first, n);
        correct(s, first, n, g);
        if (s->form == NN_CROSS_ENTROPY) {
            exponentials(g, s->top[b], weight * (real)(1 / s->sum[b]), n);
            if (at >= 0)
                g[at] -= weight;
            continue;
        }
        exponentials(g, s->top[b], (real)(1 / s->sum[b]), n);
        real mean = (real)(s->others[b] - 1), p = at >= 0 ? g[at] : 0;
        for (int j = 0; j < n; j++)
            g[j] = weight * (g[j] * (1 / remainder_of(g[j]) - mean));
        if (at >= 0)
            g[at] = weight * (-1 - p * mean);
    }
}

/* Calls for each chunk of candidates, with its rows and its scores. */
#define EACH_CHUNK(s, first, n)                                                                                        \
    for (int first = 0, n; first < (s)->of.count && (n = PS_MIN((s)->chunk, (s)->of.count - first), true); first += n)

static real *room_for(struct nn_tape *tape, const struct softmax *s, int cols)
{
    return nn_tape_alloc(tape, (size_t)s->chunk * (size_t)cols * sizeof(real));
}

static void softmax_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct softmax *s = (struct softmax *)node;
    const struct nn_tensor *q = s->q;
    const struct nn_lookup *from = &s->of.from;
    int width = q->cols;
    real *room = room_for(tape, s, width), *sums = from->index ? room_for(tape, s, width) : NULL;
    real *g = room_for(tape, s, q->rows);
    EACH_CHUNK(s, first, n) {
        struct matrix e = chunk_scores(tape, s, first, n, room, g);
        chunk_slopes(s, first, n, s->y->grad[0], g);
        for (int j = 0; s->of.hidden && j < n; j++)
            nn_additive_backward(q, e.at + (size_t)j * (size_t)e.stride, s->of.hidden, g + j, n,
                                 from->rows->grad ? grad_of(s, first + j) : NULL);
        if (s->of.hidden)
            continue;
        if (q->grad)
            nn_gemm(false, false, q->rows, width, n, g, n, e.at, e.stride, 1, q->grad, width);
        if (from->rows->grad && !from->index)
            nn_gemm(true, false, n, width, q->rows, g, n, q->value, width, 1, grad_of(s, first), from->rows->width);
        if (!from->rows->grad || !from->index)
            continue;
        nn_gemm(true, false, n, width, q->rows, g, n, q->value, width, 0, sums, width);
        for (int j = 0; j < n; j++)
            nn_axpy(grad_of(s, first + j), 1, sums + (size_t)j * (size_t)width, (size_t)width);
    }
}

static real total(const struct softmax *s, const double *logs)
{
    double loss = 0;
    for (int b = 0; b < s->q->rows; b++) {
        double entropy = (double)(s->top[b] - s->correct[b]) + (double)nn_log((real)s->sum[b]);
        loss += (double)s->weight[b] * (entropy + (logs ? logs[b] : 0));
    }
    return (real)loss;
}

static void softmax_forward(struct nn_tape *tape, struct softmax *s)
{
    int samples = s->q->rows;
    size_t bytes = (size_t)samples * sizeof(double);
    real *room = room_for(tape, s, s->q->cols), *o = room_for(tape, s, samples);
    s->top = nn_tape_alloc(tape, bytes), s->sum = nn_tape_alloc(tape, bytes), s->correct = nn_tape_alloc(tape, bytes);
    for (int b = 0; b < samples; b++) {
        PS_ASSERT(s->target[b] < (uint32_t)s->of.count);
        s->top[b] = -INFINITY, s->sum[b] = 0;
    }
    EACH_CHUNK(s, first, n) {
        chunk_scores(tape, s, first, n, room, o);
        chunk_sums(s, first, n, o);
    }
    double *logs = NULL;
    if (s->form == NN_BOTH_TERMS) {
        real *ratio = room_for(tape, s, 1);
        s->others = memset(nn_tape_alloc(tape, bytes), 0, bytes);
        logs = memset(nn_tape_alloc(tape, bytes), 0, bytes);
        EACH_CHUNK(s, first, n) {
            chunk_scores(tape, s, first, n, room, o);
            chunk_others(s, first, n, o, ratio, logs);
        }
    }
    *nn_fill(s->y) = total(s, logs);
}

struct nn_tensor *nn_softmax_loss(struct nn_tape *tape, const struct nn_tensor *q, struct nn_candidates candidates,
                                  const uint32_t *target, const real *weight, enum nn_softmax_form form)
{
    PS_ASSERT(candidates.count > 0 && candidates.from.first + q->cols <= candidates.from.rows->width);
    PS_ASSERT(candidates.from.index || candidates.count <= candidates.from.rows->count);
    const struct nn_tensor *hidden = candidates.hidden;
    PS_ASSERT(!hidden || (hidden->rows == q->cols && hidden->cols == 1));
    struct nn_tensor *y = nn_output(tape, 1, 1, q->grad || candidates.from.rows->grad || (hidden && hidden->grad));
    struct softmax *s = nn_tape_alloc(tape, sizeof *s);
    int chunk = PS_MAX(CHUNK_SCORES / PS_MAX(q->rows, 1) / NN_SUMS * NN_SUMS, CHUNK_LEAST);
    *s = (struct softmax){.q = q, .y = y, .of = candidates, .target = target, .weight = weight, .form = form,
                          .chunk = PS_MIN(chunk, candidates.count)};
    softmax_forward(tape, s);
    if (y->grad)
        nn_record(tape, &s->node, softmax_backward);
    return y;
}
