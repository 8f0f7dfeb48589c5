/* rank.h - exact ranking over all items, streamed in blocks, or over a few drawn ones: the rank of held-out targets, and the best
 * items of a user.
 *
 * Memory does not grow with the number of items, users or targets: targets are taken a group at a time, and a group
 * streams all items once. All blocks have fixed sizes and are padded to them, so that every pair is scored by the same
 * arithmetic whoever ranks it and whatever is ranked beside it: ranks are the same however the targets are shared out.
 */
#ifndef PS_WORKER_RANK_H
#define PS_WORKER_RANK_H

#include "common/metrics.h"
#include "data/targets.h"
#include "worker/model.h"

/* Where rows come from: servers (a worker's client) or checkpoint files (the commands). ids are strictly ascending;
 * out[k * width] is row ids[k], width the table's. */
struct ps_row_source {
    int (*fetch)(void *ctx, int table, const uint32_t *ids, int n, float *out, struct ps_error *err);
    void *ctx;
};

/* How targets are ranked. */
struct ps_ranking {
    enum ps_split split;
    enum ps_mask mask; /* never PS_MASK_AUTO */
    enum ps_mean mean; /* PS_MEAN_USERS: the user's other held-out items are candidates */
    uint64_t sampled;  /* candidates that are drawn for a user; 0: all items are candidates */
    uint64_t seed;     /* of the draws, and of the order of equal scores in lists */
    const int *k;      /* borrowed; ascending, up to PS_TOP_MAX: lists of k[k_count - 1] items are looked at */
    int k_count;       /* 0: no lists */
};

/* By eval.*; `lists`: where the configuration asks for them. */
struct ps_ranking ps_ranking_of(const struct ps_config *config, enum ps_split split, bool lists);

/* Ranks n targets of a split, in the order given: rank[i] counts, among target i's candidates, those with a higher and
 * an equal score. Candidates are all items but (1) those that the user has in training under the masked behaviours, (2)
 * the user's other held-out items of the split; or, of these, as many as are drawn for the user (ps_candidates_draw). The
 * target is always one of them; with PS_MEAN_USERS, so are the user's other held-out items. The split's pairs must be in the
 * order of users.
 * With lists, novelty[i * k_count + j] is the mean self-information of the user's first k[j] of all items but the masked ones, and
 * place[item] their best places over these users. Errors: the source's; PS_EXIT_FAIL where a score is NaN (a model that diverged must
 * not look like any rank). *out is written on success only; ps_ranks_fini frees it. */
int ps_rank_targets(struct ps_model *model, const struct ps_row_source *source, const struct ps_ranking *how,
                    const struct ps_pair *target, size_t n, struct ps_ranks *out, struct ps_error *err);

#define PS_NO_ITEM UINT32_MAX

struct ps_top {
    uint32_t item; /* PS_NO_ITEM behind the last one of a user with fewer than k candidates */
    float score;
};

/* The k best items of each of n users, best first, without those that the user has in training under the masked
 * behaviours; out: n x k, 1 <= k <= PS_TOP_MAX. Equal scores are ordered by a hash of (seed, item), never by id. */
int ps_top_items(struct ps_model *model, const struct ps_row_source *source, const uint32_t *user, size_t n,
                 enum ps_mask mask, int k, uint64_t seed, struct ps_top *out, struct ps_error *err);

#endif
