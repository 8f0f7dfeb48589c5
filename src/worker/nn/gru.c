/* gru.c - gated recurrent units over packed sessions; see sequence.h.
 *
 * Inside, rows are ordered by step, and within a step by the length of their session, longest first: the rows of one step lie
 * together, for one product, and those that have a next step come first among them. What a step has read and computed is kept
 * in this order for backward, whose products for U go over all steps at once.
 */
#include <string.h>

#include "common/vector.h"
#include "worker/nn/blas.h"
#include "worker/nn/functions.h"
#include "worker/nn/sequence.h"
#include "worker/nn/tape.h"

struct gru {
    struct nn_node node;
    struct nn_cell cell;
    const struct nn_tensor *a, *h0, *y;
    int n, d, steps;
    const uint32_t *order; /* sessions, longest first */
    const uint32_t *row;   /* n: the row of a and y */
    const int *first;      /* steps + 1: where a step begins */
    const real *bias;      /* c, or zeros */
    real *before;          /* n x d: the state before the step */
    real *gates;           /* n x 3d: r, z, and m or r*h */
    real *candidate;       /* n x d */
    real *delta;           /* n x 3d, in backward: a_r', a_z', m' */
};

/* Orders the sessions by their length, longest first and otherwise as they come, and the rows by step. */
static void schedule(struct nn_tape *tape, struct gru *g, struct nn_segments segments)
{
    const uint32_t *begin = segments.begin;
    for (int s = 0; s < segments.count; s++)
        g->steps = PS_MAX(g->steps, (int)(begin[s + 1] - begin[s]));
    /* active[t]: sessions that have a step t, which is also how many are longer than t. */
    int *active = nn_tape_alloc(tape, ((size_t)g->steps + 1) * sizeof *active);
    int *first = nn_tape_alloc(tape, ((size_t)g->steps + 1) * sizeof *first);
    memset(active, 0, ((size_t)g->steps + 1) * sizeof *active);
    for (int s = 0; s < segments.count; s++)
        active[begin[s + 1] - begin[s]]++;
    for (int t = g->steps, longer = 0; t >= 0; t--) {
        int such = active[t];
        active[t] = longer;
        longer += such;
    }
    first[0] = 0;
    for (int t = 0; t < g->steps; t++)
        first[t + 1] = first[t] + active[t];
    uint32_t *order = nn_tape_alloc(tape, (size_t)segments.count * sizeof *order);
    for (int s = 0; s < segments.count; s++)
        order[active[begin[s + 1] - begin[s]]++] = (uint32_t)s;
    uint32_t *row = nn_tape_alloc(tape, (size_t)g->n * sizeof *row);
    for (int t = 0; t < g->steps; t++)
        for (int k = first[t]; k < first[t + 1]; k++)
            row[k] = begin[order[k - first[t]]] + (uint32_t)t;
    g->order = order, g->row = row, g->first = first;
}

/* Whether the state before step t is not just zeros. */
static bool has_state(const struct gru *g, int t)
{
    return t > 0 || g->h0;
}

/* The three parts of row k of a matrix that is 3d wide. */
PS_INLINE real *part_of(real *x, size_t k, int part, size_t d)
{
    return x + (3 * k + (size_t)part) * d;
}

/* gates = s(a + gates + c) for rows [begin, end); then, with the reset before, the third part is r*h. */
PS_VECTOR static void open_gates(const struct gru *g, int begin, int end)
{
    size_t d = (size_t)g->d;
    bool hard = g->cell.hard;
    const real *restrict c = g->bias;
    for (size_t k = (size_t)begin; k < (size_t)end; k++) {
        const real *restrict a = g->a->value + g->row[k] * 3 * d, *restrict h = g->before + k * d;
        real *restrict gate = part_of(g->gates, k, 0, d), *restrict reset = part_of(g->gates, k, 2, d);
        if (hard)
            for (size_t j = 0; j < 2 * d; j++)
                gate[j] = nn_squash(a[j] + (gate[j] + c[j]), true);
        else
            for (size_t j = 0; j < 2 * d; j++)
                gate[j] = nn_squash(a[j] + (gate[j] + c[j]), false);
        if (g->cell.reset == NN_RESET_BEFORE)
            for (size_t j = 0; j < d; j++)
                reset[j] = gate[j] * h[j];
    }
}

/* For the compiler, which trusts restrict in parameters only: rows of d numbers that do not overlap. */
PS_INLINE void step_after(size_t d, const real *restrict a, const real *restrict c, const real *restrict r,
                          const real *restrict z, real *restrict m, real *restrict n, const real *restrict h, real *restrict y)
{
    for (size_t j = 0; j < d; j++) {
        m[j] += c[j];
        n[j] = nn_tanh_of(a[j] + r[j] * m[j]);
        y[j] = (1 - z[j]) * n[j] + z[j] * h[j];
    }
}

PS_INLINE void step_before(size_t d, const real *restrict a, const real *restrict c, const real *restrict z, real *restrict n,
                           const real *restrict h, real *restrict y)
{
    for (size_t j = 0; j < d; j++) {
        n[j] = nn_tanh_of(a[j] + (n[j] + c[j]));
        y[j] = (1 - z[j]) * h[j] + z[j] * n[j];
    }
}

/* The candidates and the new states of rows [begin, end), of which the first `go_on` are the states before the next step. */
PS_VECTOR static void take_step(const struct gru *g, int begin, int end, int go_on)
{
    size_t d = (size_t)g->d;
    const real *c = g->bias + 2 * d;
    for (size_t k = (size_t)begin; k < (size_t)end; k++) {
        const real *a = g->a->value + (g->row[k] * 3 + 2) * d, *h = g->before + k * d, *z = part_of(g->gates, k, 1, d);
        real *n = g->candidate + k * d, *y = nn_fill(g->y) + g->row[k] * d;
        if (g->cell.reset == NN_RESET_AFTER)
            step_after(d, a, c, part_of(g->gates, k, 0, d), z, part_of(g->gates, k, 2, d), n, h, y);
        else
            step_before(d, a, c, z, n, h, y);
        if (k < (size_t)begin + (size_t)go_on)
            memcpy(g->before + (k + (size_t)end - (size_t)begin) * d, y, d * sizeof *y);
    }
}

static void gru_forward(struct gru *g)
{
    int d = g->d;
    const real *u = g->cell.u->value;
    bool after = g->cell.reset == NN_RESET_AFTER;
    for (int t = 0; t < g->steps; t++) {
        int begin = g->first[t], end = g->first[t + 1], m = end - begin;
        real *h = g->before + (size_t)begin * d, *gate = g->gates + (size_t)begin * 3 * d;
        real *candidate = g->candidate + (size_t)begin * d;
        if (has_state(g, t))
            nn_gemm(false, false, m, after ? 3 * d : 2 * d, d, h, d, u, 3 * d, 0, gate, 3 * d);
        else
            memset(gate, 0, (size_t)m * 3 * d * sizeof *gate);
        open_gates(g, begin, end);
        if (!after && has_state(g, t))
            nn_gemm(false, false, m, d, d, gate + 2 * d, 3 * d, u + 2 * d, 3 * d, 0, candidate, d);
        else if (!after)
            memset(candidate, 0, (size_t)m * d * sizeof *candidate);
        take_step(g, begin, end, t + 1 < g->steps ? g->first[t + 2] - end : 0);
    }
}

PS_INLINE void close_after(size_t d, bool hard, const real *restrict grad, const real *restrict r, const real *restrict z,
                           const real *restrict m, const real *restrict n, const real *restrict h, real *restrict by_r,
                           real *restrict by_z, real *restrict by_n, real *restrict carry)
{
    for (size_t j = 0; j < d; j++) {
        real up = grad[j] + carry[j], slope = up * (1 - z[j]) * (1 - n[j] * n[j]);
        by_n[j] = slope;
        by_r[j] = slope * m[j] * nn_squash_slope(r[j], hard);
        by_z[j] = up * (h[j] - n[j]) * nn_squash_slope(z[j], hard);
        carry[j] = up * z[j];
    }
}

PS_INLINE void close_before(size_t d, bool hard, const real *restrict grad, const real *restrict z, const real *restrict n,
                            const real *restrict h, real *restrict by_z, real *restrict by_n, real *restrict carry)
{
    for (size_t j = 0; j < d; j++) {
        real up = grad[j] + carry[j];
        by_n[j] = up * z[j] * (1 - n[j] * n[j]);
        by_z[j] = up * (n[j] - h[j]) * nn_squash_slope(z[j], hard);
        carry[j] = up * (1 - z[j]);
    }
}

/* From the gradients of the states after rows [begin, end), to which `carries` (from the step after) belong: a_z', a_n' and,
 * with the reset after, a_r' in delta; in the carries, what goes straight to the states before. */
PS_INLINE void close_rows(const struct gru *g, int begin, int end, real *carries, bool hard)
{
    size_t d = (size_t)g->d;
    for (size_t k = (size_t)begin; k < (size_t)end; k++) {
        const real *r = part_of(g->gates, k, 0, d), *z = part_of(g->gates, k, 1, d), *m = part_of(g->gates, k, 2, d);
        const real *n = g->candidate + k * d, *h = g->before + k * d, *grad = g->y->grad + g->row[k] * d;
        real *by_r = part_of(g->delta, k, 0, d), *by_z = part_of(g->delta, k, 1, d), *by_n = part_of(g->delta, k, 2, d);
        real *carry = carries + (k - (size_t)begin) * d;
        if (g->cell.reset == NN_RESET_AFTER)
            close_after(d, hard, grad, r, z, m, n, h, by_r, by_z, by_n, carry);
        else
            close_before(d, hard, grad, z, n, h, by_z, by_n, carry);
    }
}

PS_VECTOR static void close_step(const struct gru *g, int begin, int end, real *carries)
{
    if (g->cell.hard)
        close_rows(g, begin, end, carries, true);
    else
        close_rows(g, begin, end, carries, false);
}

/* With the reset before: a_r' from q, the gradient of r*h, and its share of the state before. */
PS_VECTOR static void close_reset(const struct gru *g, int begin, int end, const real *qs, real *carries)
{
    size_t d = (size_t)g->d;
    bool hard = g->cell.hard;
    for (size_t k = (size_t)begin; k < (size_t)end; k++) {
        const real *restrict r = part_of(g->gates, k, 0, d), *restrict h = g->before + k * d;
        const real *restrict q = qs + (k - (size_t)begin) * d;
        real *restrict by_r = part_of(g->delta, k, 0, d), *restrict carry = carries + (k - (size_t)begin) * d;
        for (size_t j = 0; j < d; j++) {
            by_r[j] = q[j] * h[j] * nn_squash_slope(r[j], hard);
            carry[j] += q[j] * r[j];
        }
    }
}

/* a' += a_r', a_z', a_n'; then, with the reset after, the third part of delta becomes m' = a_n' r. */
PS_VECTOR static void pass_to_input(const struct gru *g, int begin, int end)
{
    size_t d = (size_t)g->d;
    for (size_t k = (size_t)begin; k < (size_t)end; k++) {
        const real *restrict r = part_of(g->gates, k, 0, d), *restrict delta = part_of(g->delta, k, 0, d);
        real *restrict by_m = part_of(g->delta, k, 2, d);
        if (g->a->grad) {
            real *restrict to = g->a->grad + g->row[k] * 3 * d;
            for (size_t j = 0; j < 3 * d; j++)
                to[j] += delta[j];
        }
        if (g->cell.reset == NN_RESET_AFTER)
            for (size_t j = 0; j < d; j++)
                by_m[j] *= r[j];
    }
}

/* U' and c', over all steps; rows whose state before is zero are left out of the products. */
static void gru_weights(const struct gru *g)
{
    int d = g->d, from = g->h0 ? 0 : g->first[1], m = g->n - from;
    bool after = g->cell.reset == NN_RESET_AFTER;
    const real *h = g->before + (size_t)from * d, *delta = g->delta + (size_t)from * 3 * d;
    const real *reset = g->gates + (size_t)from * 3 * d + 2 * d;
    real *u = g->cell.u->grad;
    if (u)
        nn_gemm(true, false, d, after ? 3 * d : 2 * d, m, h, d, delta, 3 * d, 1, u, 3 * d);
    if (u && !after)
        nn_gemm(true, false, d, d, m, reset, 3 * d, delta + 2 * d, 3 * d, 1, u + 2 * d, 3 * d);
    if (g->cell.c && g->cell.c->grad)
        for (int k = 0; k < g->n; k++)
            nn_axpy(g->cell.c->grad, 1, g->delta + (size_t)k * 3 * d, 3 * (size_t)d);
}

static void gru_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct gru *g = (struct gru *)node;
    int d = g->d;
    const real *u = g->cell.u->value;
    bool after = g->cell.reset == NN_RESET_AFTER;
    size_t bytes = (size_t)g->first[1] * (size_t)d * sizeof(real);
    real *carry = nn_tape_alloc(tape, bytes), *q = after ? NULL : nn_tape_alloc(tape, bytes);
    g->delta = nn_tape_alloc(tape, (size_t)g->n * 3 * (size_t)d * sizeof(real));
    memset(carry, 0, bytes);
    for (int t = g->steps - 1; t >= 0; t--) {
        int begin = g->first[t], end = g->first[t + 1], m = end - begin;
        real *delta = g->delta + (size_t)begin * 3 * d;
        close_step(g, begin, end, carry);
        if (!after) {
            nn_gemm(false, true, m, d, d, delta + 2 * d, 3 * d, u + 2 * d, 3 * d, 0, q, d);
            close_reset(g, begin, end, q, carry);
        }
        pass_to_input(g, begin, end);
        if (has_state(g, t))
            nn_gemm(false, true, m, d, after ? 3 * d : 2 * d, delta, 3 * d, u, 3 * d, 1, carry, d);
    }
    if (g->h0 && g->h0->grad)
        for (int k = 0; k < g->first[1]; k++)
            nn_axpy(g->h0->grad + (size_t)g->order[k] * d, 1, carry + (size_t)k * d, (size_t)d);
    gru_weights(g);
}

struct nn_tensor *nn_gru(struct nn_tape *tape, const struct nn_tensor *a, const struct nn_tensor *h0,
                         struct nn_segments segments, struct nn_cell cell)
{
    const struct nn_tensor *u = cell.u, *c = cell.c;
    int n = a->rows, d = u->rows;
    PS_ASSERT(n == nn_segments_rows(segments) && n > 0 && a->cols == 3 * d && u->cols == 3 * d);
    PS_ASSERT((!c || (c->rows == 1 && c->cols == 3 * d)) && (!h0 || (h0->rows == segments.count && h0->cols == d)));
    bool differentiable = a->grad || u->grad || (c && c->grad) || (h0 && h0->grad);
    size_t bytes = (size_t)n * (size_t)d * sizeof(real);
    struct gru *g = nn_tape_alloc(tape, sizeof *g);
    *g = (struct gru){.cell = cell, .a = a, .h0 = h0, .n = n, .d = d};
    g->y = nn_output(tape, n, d, differentiable);
    g->before = nn_tape_alloc(tape, bytes);
    g->gates = nn_tape_alloc(tape, 3 * bytes);
    g->candidate = nn_tape_alloc(tape, bytes);
    schedule(tape, g, segments);
    for (int k = 0; h0 && k < g->first[1]; k++)
        memcpy(g->before + (size_t)k * d, h0->value + (size_t)g->order[k] * d, (size_t)d * sizeof(real));
    if (!h0)
        memset(g->before, 0, (size_t)g->first[1] * (size_t)d * sizeof(real));
    real *zeros = NULL;
    if (!c)
        zeros = memset(nn_tape_alloc(tape, 3 * (size_t)d * sizeof *zeros), 0, 3 * (size_t)d * sizeof *zeros);
    g->bias = c ? c->value : zeros;
    gru_forward(g);
    nn_tell(tape, &(struct nn_event){.op = g->steps == 1 || segments.count == 1 ? NN_OP_GRU : NN_OP_OTHER, .out = g->y, .in = {a, u, c, h0},
                                     .n = {g->steps == 1, (int)cell.reset, cell.hard}});
    if (differentiable)
        nn_record(tape, &g->node, gru_backward);
    return (struct nn_tensor *)g->y;
}
