/* history.h - the histories of users as bags of rows: what a user has done tells what he is like.
 *
 * N_t(u) is the user's items under behaviour t in training, at most recipe.history of them, evenly spaced over his list (whose
 * order, that of shuffled ids, says nothing). Item j of it stands for columns [t E, (t+1) E) of row j of a table of kind
 * PS_TABLE_HISTORY, with weight |N_t(u)|^(-1/2); the user's bag is the sum over all behaviours.
 */
#ifndef PS_WORKER_HISTORY_H
#define PS_WORKER_HISTORY_H

#include <math.h>

#include "worker/nn/nn.h"
#include "worker/rank.h"
#include "worker/recipe.h"
#include "worker/unique.h"

/* |N_t(u)|; its item number k; and the weight of each. */
static inline uint64_t ps_history_count(const struct ps_dataset *dataset, uint32_t behaviour, uint32_t user, int most)
{
    const uint64_t *offset = dataset->train[behaviour].offset + user;
    return PS_MIN(offset[1] - offset[0], (uint64_t)most);
}

static inline uint32_t ps_history_item(const struct ps_dataset *dataset, uint32_t behaviour, uint32_t user, int most, uint64_t k)
{
    const struct ps_history *h = &dataset->train[behaviour];
    uint64_t first = h->offset[user], n = h->offset[user + 1] - first;
    return h->item[first + (n <= (uint64_t)most ? k : k * n / (uint64_t)most)];
}

static inline real ps_history_weight(uint64_t count)
{
    return (real)(1 / sqrt((double)count));
}

/* The bags of a micro-batch's distinct users. Owned arrays. */
struct ps_bags {
    struct ps_keys keys; /* the items in them */
    uint32_t *begin;     /* by user key, and one more */
    struct nn_bag_entry *entry;
    size_t entry_capacity;
    uint32_t *row;       /* scratch: the entries' rows */
    size_t row_capacity;
    uint32_t *own;       /* by sample: the key of its item, or PS_NO_KEY where it is in no bag */
};

/* Distinct items in the bags of so many users, at most. */
size_t ps_bags_keys(const struct ps_recipe *recipe, const struct ps_dataset *dataset, size_t users);
/* Room for `users` users and `samples` samples. */
void ps_bags_init(struct ps_bags *bags, const struct ps_recipe *recipe, const struct ps_dataset *dataset, size_t users,
                  size_t samples);
void ps_bags_fini(struct ps_bags *bags);
void ps_bags_build(struct ps_bags *bags, struct ps_unique *unique, const struct ps_recipe *recipe,
                   const struct ps_dataset *dataset, const struct ps_slot_map *map, const struct ps_keys *users,
                   const uint32_t *item, int n);

/* For ranking: out[u * width] = the bags of n users, each behaviour's columns by themselves, from `table` of the source. Memory
 * is bounded, whatever n. */
int ps_history_pool(const struct ps_recipe *recipe, const struct ps_dataset *dataset, const struct ps_row_source *source,
                    int table, int width, const uint32_t *user, size_t n, float *out, struct ps_error *err);

#endif
