/* sweep.h - the order of training for models that solve rows instead of following gradients: an epoch is a sweep over all users
 * (odd epochs) or all items (even ones), each row with all its interactions under the target in one micro-batch.
 *
 * Rows come in a random order and are dealt to lanes in turn; a micro-batch has as many of a lane's next rows as fit. Rows without
 * interactions are in none. Datasets are user-major: the items' lists are made when a sweep is set up, at 4 bytes an
 * interaction and 8 an item.
 */
#ifndef PS_WORKER_SWEEP_H
#define PS_WORKER_SWEEP_H

#include "common/table.h"
#include "data/dataset.h"

/* One positive: under `per_behaviour` an interaction with one bit of behaviour, under `union` a pair with all its bits. */
struct ps_entry {
    uint32_t user, item, behaviours;
};

struct ps_sweep {
    const struct ps_dataset *dataset; /* borrowed */
    uint64_t seed;
    uint32_t lanes;
    uint64_t *offset; /* owned, as is user: users of item i are user[offset[i] .. offset[i + 1]), ascending */
    uint32_t *user;
};

/* What an epoch solves: PS_TABLE_USER or PS_TABLE_ITEM. */
static inline enum ps_table_kind ps_sweep_of(uint32_t epoch)
{
    return epoch % 2 ? PS_TABLE_USER : PS_TABLE_ITEM;
}

void ps_sweep_init(struct ps_sweep *sweep, const struct ps_dataset *dataset, uint64_t seed, uint32_t lanes);
void ps_sweep_fini(struct ps_sweep *sweep);
/* The lane's next micro-batch, of at most `count` entries, from its row number *place on, which moves. `out` may be NULL. Returns how
 * many entries; 0 at the lane's end. */
int ps_sweep_next(const struct ps_sweep *sweep, uint32_t epoch, uint32_t lane, uint64_t *place, int count, struct ps_entry *out);
/* Interactions of the longest row: a micro-batch must have room for them. */
uint64_t ps_sweep_longest(const struct ps_dataset *dataset);

#endif
