/* indicators.h - what the user has already done with an item, as terms of its score, for any model:
 *   z + sum over weaker behaviours r that the user has the item under of  c_r + p_r log(max(n, least)) + t_r log(1 + h)
 * with c, p and t from model.indicators, .indicators_popularity and .indicators_recency; n: users that have the item under r; h: hours from
 * then to the user's latest event of any kind.
 *
 * The numbers are learned last (indicators_fit.c), with everything else as it is, from held-out pairs: on training pairs they would learn how
 * the negatives are drawn and how the data were split. Of all candidates i of a held-out pair the target is taken to be drawn with
 *   P(i) = exp(w . x_i) / sum over candidates j of exp(w . x_j)
 * where x_i holds z_i and what the terms multiply, and w maximises the sum of the logarithms. Divided by the weight of z, w gives the terms.
 */
#ifndef PS_WORKER_INDICATORS_H
#define PS_WORKER_INDICATORS_H

#include "worker/rank.h"

enum { PS_MAX_INDICATORS = PS_MAX_BEHAVIOURS - 1 };

bool ps_indicators_given(const struct ps_config *config);
/* Refuses a number of values that does not fit the dataset, and recency where there are no times: PS_EXIT_USAGE. */
int ps_indicators_check(const struct ps_config *config, const struct ps_dataset *dataset, struct ps_error *err);

/* Adds the terms to scores of users times items. The tape is for scratch. */
void ps_indicators_add(const struct ps_config *config, const struct ps_dataset *dataset, struct nn_tape *tape, const uint32_t *user, int users,
                       const uint32_t *item, int items, float *score);

/* What the terms multiply for the k-th interaction of the history; latest: ps_indicators_latest of its user, least: see above. */
void ps_indicators_describe(const struct ps_history *history, uint64_t k, int64_t latest, double least, double x[PS_INDICATOR_TERMS]);
int64_t ps_indicators_latest(const struct ps_dataset *dataset, uint32_t user);

struct ps_indicator_fit {
    double scale; /* the weight of z */
    double weight[PS_INDICATOR_TERMS][PS_MAX_INDICATORS]; /* divided by it */
    double before, after;               /* mean log P of the targets by z alone, and with what was learned */
    uint64_t having[PS_MAX_INDICATORS]; /* targets that the user has under r */
};

/* Learns the first `terms` of the terms for a model that has none; recency wants times. Errors: those
 * of ps_rank_targets; PS_EXIT_FAIL where z does not tell targets from other items, so that nothing can be put into its unit. */
int ps_indicators_fit(struct ps_model *model, const struct ps_row_source *source, const struct ps_pair *target, size_t n,
                      enum ps_mask mask, int terms, struct ps_indicator_fit *fit, struct ps_error *err);

#endif
