/* scorer.h - for rank.c, sampled.c and top.c: rows of a group of users and of some items, and the scores of their pairs.
 *
 * A scored item that is no candidate is struck: its score is overwritten by NaN, which compares false with everything,
 * so that the loops over a block need no branches. (The model's own scores are checked for NaN before.)
 */
#ifndef PS_WORKER_SCORER_H
#define PS_WORKER_SCORER_H

#include "worker/bags.h"

/* Users and items of one block of scores (512 KiB, so that it stays in the cache), and the most users of a group. */
enum { PS_BLOCK_USERS = 256, PS_BLOCK_ITEMS = 512, PS_GROUP_USERS = 32 * PS_BLOCK_USERS };

/* Rows of all row tables of one kind. */
struct ps_row_set {
    uint32_t *id;                        /* owned */
    float *row[PS_MAX_TABLES];           /* owned; NULL for tables of another kind. Users: the bags of their histories */
    const real **pointer[PS_MAX_TABLES]; /* owned; to the rows above */
    bool *absent;                        /* owned: ids that come and go, and have no row (all are 0 then); NULL where they do not */
};

struct ps_scorer {
    struct ps_model *model; /* borrowed, as is source */
    const struct ps_row_source *source;
    size_t group;         /* users at a time: a multiple of PS_BLOCK_USERS */
    struct nn_tape *tape; /* owned, as is everything below */
    float *param[PS_MAX_TABLES];
    struct nn_tensor tensor[PS_MAX_TABLES];
    struct ps_row_set users, items;
    uint64_t *order; /* scratch to sort ids: id << 32 | place */
    uint32_t *distinct;
    float *fetched;
    size_t fetched_capacity;
    struct ps_encoder *encoder;
    float *encoded; /* of the group's cases, where the model is one of sessions; and pointers to its rows */
    const real **encoded_row;
    struct ps_bag_source history, feature[PS_MAX_FEATURES];
    float *score; /* PS_BLOCK_USERS x PS_BLOCK_ITEMS, or as many otherwise */
    uint32_t *popular; /* ranks of the items, for users that the model does not know; NULL where it is sure to know all */
};

/* Fetches a model's tensors by table: the values, which the caller frees (after an error too), and what shows them. */
int ps_scorer_params(const struct ps_model *model, const struct ps_row_source *source, float **param, struct nn_tensor *tensor,
                     struct ps_error *err);

/* Fetches the parameters; `users` is how many will be scored in all, `items` how many at once: at least PS_BLOCK_ITEMS. Nothing is
 * left to free after an error. */
int ps_scorer_init(struct ps_scorer *scorer, struct ps_model *model, const struct ps_row_source *source, size_t users,
                   size_t items, struct ps_error *err);
void ps_scorer_fini(struct ps_scorer *scorer);

/* Fetches rows for scorer->users.id[0, n) or scorer->items.id[0, n), which may repeat and be in any order. */
int ps_scorer_fetch(struct ps_scorer *scorer, struct ps_row_set *set, size_t n, struct ps_error *err);
/* Whether the model cannot know user or item number k of those at hand: it is new, or has no row, and no feature speaks for it. */
bool ps_scorer_unknown(const struct ps_scorer *scorer, const struct ps_row_set *set, size_t k);
/* The block of items that begins at `first`, padded with repetitions of its last one. Returns how many, or an error. */
int ps_scorer_fetch_block(struct ps_scorer *scorer, uint64_t first, struct ps_error *err);
/* Scores users [first, first + users) of the group and all items of the block at hand: score[u * PS_BLOCK_ITEMS + i]. */
void ps_scorer_run(struct ps_scorer *scorer, size_t first, int users);
/* Scores one user of the group and items [first, first + items) of those at hand: score[i]. */
void ps_scorer_run_list(struct ps_scorer *scorer, size_t user, size_t first, int items);

/* Counts scores above the target's, and equal ones; struck ones (NaN) are neither. */
void ps_scorer_count(const float *score, int n, float target, uint32_t *greater, uint32_t *equal);
bool ps_scorer_has_nan(const float *score, int n);
int ps_scorer_refuse_nan(const struct ps_scorer *scorer, uint32_t user, struct ps_error *err);

/* Strikes an item, or the user's items of the masked behaviours, out of the scores of items [first, first + count).
 * Returns how many were not struck before. */
int ps_scorer_strike(float *score, uint32_t item, uint64_t first, int count);
int ps_scorer_strike_masked(const struct ps_dataset *dataset, enum ps_mask mask, uint32_t user, uint64_t first,
                            int count, float *score);

#endif
