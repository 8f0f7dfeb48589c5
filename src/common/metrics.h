/* metrics.h - from ranks to HR@K, NDCG@K and the others, over targets or over users; definitions in docs/metrics.md.
 *
 * A target with g candidates above it and e others at the same score takes one of the ranks g+1 .. g+1+e. By `ties`:
 * standard: g+1, as if it won every tie; conservative: g+1+e, as if it lost every one; expected: the mean of the metric
 * over all orders of the tied. A model that gives constant scores has HR@K = K/candidates under `expected`, and 1 under
 * `standard`. Several targets of a user at one score take the first, or last, of the places together.
 */
#ifndef PS_COMMON_METRICS_H
#define PS_COMMON_METRICS_H

#include "common/config.h"
#include "common/wire.h"

/* What is measured at each K, and, last, what has no K. */
enum ps_measure {
    PS_MEASURE_HR, PS_MEASURE_NDCG, PS_MEASURE_MRR, PS_MEASURE_RECALL, PS_MEASURE_PRECISION, PS_MEASURE_MAP, PS_MEASURE_NOVELTY,
    PS_MEASURE_AUC, PS_MEASURES
};

/* Whose targets are averaged: all; those that the user had touched under a weaker behaviour in training; the others; and
 * from PS_GROUP_HISTORY on, those of users with so many training interactions under the target behaviour. In sessions: items that
 * training knows; cold ones; and by the length of the session so far. */
enum ps_metric_group { PS_GROUP_ALL, PS_GROUP_SEEN, PS_GROUP_UNSEEN, PS_GROUP_HISTORY, PS_GROUPS = PS_GROUP_HISTORY + PS_MAX_BOUNDS + 1 };

/* Of one case (a target by itself, or a user with all of its targets), or the mean over cases. */
struct ps_quality {
    union {
        struct {
            double hr;        /* 1 where a target is among the first K */
            double ndcg;      /* sum of 1 / log2(rank + 1) over targets among the first K, divided by the most it could be */
            double mrr;       /* 1 / rank of the first target, where that is among the first K */
            double recall;    /* targets among the first K / targets */
            double precision; /* targets among the first K / K */
            double map;       /* sum over targets among the first K of the precision at their rank, / min(K, targets) */
            double novelty;   /* mean self-information of the user's best K items, in bits; 0 where there are no lists */
            double auc;       /* pairs of a target and another candidate in the right order / pairs; has no K */
        };
        double of[PS_MEASURES];
    };
};

/* What was ranked. */
struct ps_ranks {
    size_t count;
    struct ps_rank *rank; /* owned; the targets of a user side by side */
    float *novelty;       /* owned; count x (number of K); NULL where no lists were asked for */
    uint16_t *place;      /* owned; by item, the best place, from 1, that it has in any list; 0: none; NULL likewise */
    uint64_t items;
};
/* Room for `count` targets, and where k_count is not 0, for lists. */
void ps_ranks_init(struct ps_ranks *ranks, size_t count, int k_count, uint64_t items);
void ps_ranks_fini(struct ps_ranks *ranks);

/* As they travel: `rank`, and where k_count is not 0, `novelty` and `place`. Bytes of that; what a worker sends; taking in targets
 * [first, first + count), in any order and as often as they come: places of all are brought together. */
size_t ps_ranks_bytes(size_t count, int k_count, uint64_t items);
void ps_ranks_pack(const struct ps_ranks *ranks, int k_count, void *bytes);
void ps_ranks_take(struct ps_ranks *to, size_t first, size_t count, int k_count, const void *bytes);

/* How it is measured. */
struct ps_measuring {
    enum ps_mean mean;
    enum ps_ties ties;
    uint32_t known;      /* bits of a rank's `seen` of which one makes a target seen: the weaker behaviours; 1 in sessions */
    const int *k;        /* borrowed, as is `bound` */
    int k_count;         /* at most PS_MAX_K */
    const int *bound;    /* ascending: user group j begins at bound[j - 1] */
    int bounds;          /* at most PS_MAX_BOUNDS; 0: no user groups */
};

struct ps_metrics {
    uint64_t targets[PS_GROUPS], cases[PS_GROUPS]; /* the same where the mean is over targets */
    struct ps_quality at[PS_GROUPS][PS_MAX_K];      /* by group, by K in the order asked for; 0 for an empty group */
    double coverage[PS_MAX_K]; /* items in anybody's first K / items; 0 where there are no lists */
};

/* The metrics of one case with n >= 1 targets, `rank` ascending by `greater`; all but novelty. The candidates of each are the
 * targets and others, the same ones. */
struct ps_quality ps_metrics_one(const struct ps_rank *rank, size_t n, int k, enum ps_ties ties);

/* Calls `each` for every case and every group that it is in, in index order: at[j] is for k[j], n the number of its targets in the
 * group. Where the mean is over users, a user's seen targets alone are the case in PS_GROUP_SEEN, and the user's others are
 * neither targets nor candidates there; the same for unseen ones. */
void ps_metrics_each(const struct ps_ranks *ranks, const struct ps_measuring *how,
                     void (*each)(void *ctx, int group, uint32_t user, size_t n, const struct ps_quality *at), void *ctx);

/* Means over cases, summed in index order, so that they are the same however the targets were ranked. */
void ps_metrics_compute(const struct ps_ranks *ranks, const struct ps_measuring *how, struct ps_metrics *metrics);

/* "hr", "auc". */
const char *ps_measure_name(enum ps_measure measure);
/* Groups there are, with so many bounds. */
int ps_metric_groups(int bounds);
/* "all", "seen", "unseen", "users_5-8", "users_20+" into text. */
void ps_metric_group_name(int group, const int *bound, int bounds, char text[32]);

#endif
