/* sampled.h - the rank of held-out targets among a few drawn candidates: only these are fetched and scored. */
#ifndef PS_WORKER_SAMPLED_H
#define PS_WORKER_SAMPLED_H

#include "worker/scorer.h"

/* Items that a scorer has to have room for. */
size_t ps_sampled_items(const struct ps_dataset *dataset, const struct ps_ranking *how, const struct ps_pair *target, size_t n);

/* Counts for n targets of a group whose users are at hand; out[i] has everything but greater, equal and candidates. A user's candidates
 * are scored one user at a time in pieces of one size: the same arithmetic for every pair, whatever is ranked beside it. */
int ps_rank_sampled(struct ps_scorer *scorer, const struct ps_ranking *how, const struct ps_pair *target, size_t n,
                    struct ps_rank *out, struct ps_error *err);

#endif
