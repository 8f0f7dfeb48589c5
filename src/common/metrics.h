/* metrics.h - from ranks to HR@K, NDCG@K and MRR@K, for one held-out target each; definitions in docs/models.md.
 *
 * A target with g candidates above it and e others at the same score takes one of the ranks g+1 .. g+1+e. By `ties`:
 * standard: g+1, as if it won every tie; conservative: g+1+e, as if it lost every one; expected: the mean of the metric
 * over all of these ranks. A model that gives constant scores has HR@K = K/candidates under `expected`, and 1 under
 * `standard`.
 */
#ifndef PS_COMMON_METRICS_H
#define PS_COMMON_METRICS_H

#include "common/config.h"
#include "common/wire.h"

/* Whose targets are averaged: all, those that the user had touched under a weaker behaviour in training, and the
 * others. */
enum ps_group { PS_GROUP_ALL, PS_GROUP_SEEN, PS_GROUP_UNSEEN, PS_GROUPS };

struct ps_quality {
    double hr;   /* mean of 1[rank <= K] */
    double ndcg; /* mean of 1[rank <= K] / log2(rank + 1) */
    double mrr;  /* mean of 1[rank <= K] / rank */
};

struct ps_metrics {
    uint64_t targets[PS_GROUPS];
    struct ps_quality at[PS_GROUPS][PS_MAX_K]; /* by group, by K in the order asked for; 0 for an empty group */
};

/* The metric of one target. */
struct ps_quality ps_metrics_one(const struct ps_rank *rank, int k, enum ps_ties ties);

/* Means over n targets, in index order, so that they are the same however the targets were ranked. `behaviours` is the
 * dataset's number: the last one is the target and does not count as a weaker one. k_count <= PS_MAX_K. */
void ps_metrics_compute(const struct ps_rank *rank, size_t n, uint32_t behaviours, const int *k, int k_count,
                        enum ps_ties ties, struct ps_metrics *metrics);

const char *ps_group_name(enum ps_group group);

#endif
