/* ranking.c - pairwise losses of targets among sampled items; see candidates.h. */
#include <string.h>

#include "common/vector.h"
#include "worker/nn/candidates.h"
#include "worker/nn/functions.h"
#include "worker/nn/tape.h"

/* A row of scores at work, C numbers each. */
struct row {
    int n, target;
    const real *o;
    real *share;         /* s: how much each other item counts; 0 for the target */
    real *ahead, *large; /* u = sigma(o_j - o_i) (for BPR-max d = sigma(o_i - o_j)) and v = sigma(o_j^2) */
    real *spare;
    real *slope;
};

/* Equal shares, or the softmax of the others' scores. */
PS_INLINE void set_shares(const struct row *r, bool softmax)
{
    real *restrict share = r->share;
    const real *restrict o = r->o;
    real each = 1 / (real)(r->n - 1);
    if (softmax) {
        memcpy(share, o, (size_t)r->n * sizeof *share);
        share[r->target] = o[r->target == 0]; /* the target's may be far above: any other's instead */
        real top = nn_largest(share, r->n);
        for (int j = 0; j < r->n; j++)
            share[j] = nn_exp(share[j] - top);
        share[r->target] = 0;
        each = 1 / nn_sum_of(share, r->n);
    }
    for (int j = 0; j < r->n; j++)
        share[j] = softmax ? share[j] * each : each;
    share[r->target] = 0;
}

PS_INLINE real bpr(const struct row *r)
{
    const real *restrict o = r->o, *restrict share = r->share;
    real *restrict slope = r->slope, *restrict term = r->spare, top = o[r->target];
    for (int j = 0; j < r->n; j++) {
        real x = o[j] - top, e = nn_exp(-nn_abs(x));
        term[j] = share[j] * ((x > 0 ? x : 0) + nn_log1p(e));
        slope[j] = share[j] * nn_logistic(x, e);
    }
    slope[r->target] = -nn_sum_of(slope, r->n);
    return nn_sum_of(term, r->n);
}

PS_INLINE real top1(const struct row *r, bool softmax)
{
    const real *restrict o = r->o, *restrict share = r->share;
    real *restrict slope = r->slope, *restrict term = r->spare, *restrict u = r->ahead, *restrict v = r->large;
    real top = o[r->target];
    for (int j = 0; j < r->n; j++) {
        u[j] = nn_squash(o[j] - top, false);
        v[j] = nn_squash(o[j] * o[j], false);
        term[j] = share[j] * (u[j] + v[j]);
    }
    real loss = nn_sum_of(term, r->n);
    for (int j = 0; j < r->n; j++) {
        term[j] = share[j] * (u[j] * (1 - u[j]));
        slope[j] = term[j] + share[j] * (2 * o[j] * (v[j] * (1 - v[j])) + (softmax ? u[j] + v[j] - loss : 0));
    }
    slope[r->target] = -nn_sum_of(term, r->n);
    return loss;
}

PS_INLINE real bpr_max(const struct row *r, real penalty)
{
    const real *restrict o = r->o, *restrict share = r->share;
    real *restrict slope = r->slope, *restrict term = r->spare, *restrict d = r->ahead, *restrict square = r->large;
    real top = o[r->target];
    for (int j = 0; j < r->n; j++) {
        d[j] = nn_squash(top - o[j], false);
        square[j] = o[j] * o[j];
        term[j] = share[j] * (d[j] * (1 - d[j]));
    }
    real a = nn_dot(share, d, r->n), squares = nn_dot(share, square, r->n), inverse = 1 / (a + (real)1e-24);
    for (int j = 0; j < r->n; j++)
        slope[j] = penalty * (share[j] * (square[j] - squares + 2 * o[j])) -
                   share[j] * inverse * (d[j] - a - d[j] * (1 - d[j]));
    slope[r->target] = -inverse * nn_sum_of(term, r->n);
    return penalty * squares - nn_log(a + (real)1e-24);
}

/* The row's loss, and its derivatives in r->slope. */
PS_VECTOR static real row_loss(const struct row *r, enum nn_ranking kind, real penalty)
{
    set_shares(r, kind == NN_RANK_TOP1_MAX || kind == NN_RANK_BPR_MAX);
    switch (kind) {
    case NN_RANK_BPR:
        return bpr(r);
    case NN_RANK_TOP1:
        return top1(r, false);
    case NN_RANK_TOP1_MAX:
        return top1(r, true);
    case NN_RANK_BPR_MAX:
        return bpr_max(r, penalty);
    }
    PS_BUG("no ranking loss %d", (int)kind);
}

PS_VECTOR static void weigh(real *restrict x, real weight, int n)
{
    for (int j = 0; j < n; j++)
        x[j] *= weight;
}

struct nn_tensor *nn_ranking_loss(struct nn_tape *tape, enum nn_ranking kind, const struct nn_tensor *o, real penalty,
                                  const uint32_t *target, const real *weight)
{
    PS_ASSERT(o->cols >= 2);
    size_t n = (size_t)o->cols;
    real *slope = nn_tape_alloc(tape, nn_size(o) * sizeof *slope), *room = nn_tape_alloc(tape, 4 * n * sizeof *room);
    real *term = nn_tape_alloc(tape, (size_t)o->rows * sizeof *term);
    for (int b = 0; b < o->rows; b++) {
        PS_ASSERT(target[b] < n);
        struct row r = {o->cols,      (int)target[b], o->value + (size_t)b * n, room, room + n,
                        room + 2 * n, room + 3 * n,   slope + (size_t)b * n};
        term[b] = weight[b] * row_loss(&r, kind, penalty);
        weigh(r.slope, weight[b], r.n);
    }
    return nn_record_loss(tape, o, term, slope);
}
