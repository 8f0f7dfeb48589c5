/* rank.h - exact ranking over all items, streamed in blocks: the rank of held-out targets, and the best items of a
 * user.
 *
 * Memory does not grow with the number of items, users or targets: targets are taken a group at a time, and a group
 * streams all items once. All blocks have fixed sizes and are padded to them, so that every pair is scored by the same
 * arithmetic whoever ranks it and whatever is ranked beside it: ranks are the same however the targets are shared out.
 */
#ifndef PS_WORKER_RANK_H
#define PS_WORKER_RANK_H

#include "common/wire.h"
#include "worker/model.h"

/* Where rows come from: servers (a worker's client) or checkpoint files (the commands). ids are strictly ascending;
 * out[k * width] is row ids[k], width the table's. */
struct ps_row_source {
    int (*fetch)(void *ctx, int table, const uint32_t *ids, int n, float *out, struct ps_error *err);
    void *ctx;
};

/* Ranks n targets of a split, in the order given: out[k] counts, among target k's candidates, those with a higher and
 * an equal score. Candidates are all items but (1) those that the user has in training under the masked behaviours, (2)
 * the user's other held-out items of the split; the target is always one of them. The split's pairs must be in the
 * order of users. Errors: the source's; PS_EXIT_FAIL where a score is NaN (a model that diverged must not look like any
 * rank). *out is written on success only. */
int ps_rank_targets(struct ps_model *model, const struct ps_row_source *source, enum ps_split split,
                    const struct ps_pair *target, size_t n, enum ps_mask mask, struct ps_rank *out,
                    struct ps_error *err);

enum { PS_TOP_MAX = 1000 };
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
