/* indicators.h - what the user has already done with an item, as a term of its score: z + sum over weaker behaviours r of
 * c_r [the user has the item under r], with c from model.indicators, for any model.
 *
 * c is learned last, with everything else as it is, from held-out pairs: on training pairs it would learn how the negatives are
 * drawn and how the data were split. Of all candidates i of a held-out pair the target is taken to be drawn with
 *   P(i) = exp(z_i + c . m_i) / sum over candidates j of exp(z_j + c . m_j)
 * (m_i: which weaker behaviours the user has i under), and c maximises the sum of the logarithms.
 */
#ifndef PS_WORKER_INDICATORS_H
#define PS_WORKER_INDICATORS_H

#include "worker/rank.h"

enum { PS_MAX_INDICATORS = PS_MAX_BEHAVIOURS - 1 };

/* Adds the terms to scores of users times items; weight: one for each weaker behaviour. The tape is for scratch. */
void ps_indicators_add(const double *weight, const struct ps_dataset *dataset, struct nn_tape *tape, const uint32_t *user, int users,
                       const uint32_t *item, int items, float *score);

/* A held-out pair: the target's m as bits, and by m the sum of exp(z - greatest z) over its candidates. */
struct ps_indicator_pair {
    uint32_t target;
    double own; /* the target's z - greatest z */
    double sum[1 << PS_MAX_INDICATORS];
};

struct ps_indicator_fit {
    double weight[PS_MAX_INDICATORS];
    double before, after;            /* mean log P of the targets with c = 0, and with c */
    uint64_t having[PS_MAX_INDICATORS]; /* targets that have it */
};

/* Newton's method on the sum of log P less |c|^2 / 200 (which alone keeps c finite where all targets have a behaviour, or none). */
void ps_indicators_solve(const struct ps_indicator_pair *pair, size_t n, int indicators, struct ps_indicator_fit *fit);

/* Learns c for a model whose model.indicators is empty. Errors: those of ps_rank_targets. */
int ps_indicators_fit(struct ps_model *model, const struct ps_row_source *source, const struct ps_pair *target, size_t n,
                      enum ps_mask mask, struct ps_indicator_fit *fit, struct ps_error *err);

#endif
