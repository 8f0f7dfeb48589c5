/* history.h - the histories of users: what a user has done tells what he is like.
 *
 * N_t(u) is the user's items under behaviour t in training, at most recipe.history of them, evenly spaced over his list (whose
 * order, that of shuffled ids, says nothing). As bags of rows (bags.h), item j of it stands for columns [t E, (t+1) E) of row j of a
 * table of kind PS_TABLE_HISTORY, with weight |N_t(u)|^(-1/2); the user's bag is the sum over all behaviours.
 */
#ifndef PS_WORKER_HISTORY_H
#define PS_WORKER_HISTORY_H

#include <math.h>

#include "data/dataset.h"
#include "worker/nn/nn.h"

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

#endif
