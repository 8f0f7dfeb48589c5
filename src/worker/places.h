/* places.h - where items are in a block of items that are scored, so that a user's history finds its own without a pass over
 * all items. An item may be in a block more than once.
 */
#ifndef PS_WORKER_PLACES_H
#define PS_WORKER_PLACES_H

#include "worker/nn/nn.h"

struct ps_places {
    const uint32_t *item; /* borrowed */
    uint32_t mask;
    uint32_t *slot; /* open addressing: 1 + the last place of an item; 0: free */
    uint32_t *next; /* by place: 1 + another place of the same item; 0: no more */
};

static inline uint32_t *ps_places_slot(const struct ps_places *p, uint32_t item)
{
    uint32_t at = (item * UINT32_C(2654435769)) >> 7 & p->mask;
    while (p->slot[at] && p->item[p->slot[at] - 1] != item)
        at = (at + 1) & p->mask;
    return &p->slot[at];
}

/* Memory is the tape's. */
static inline void ps_places_init(struct ps_places *p, struct nn_tape *tape, const uint32_t *item, int n)
{
    uint32_t size = 64;
    while (size < 2 * (uint32_t)n)
        size *= 2;
    *p = (struct ps_places){.item = item, .mask = size - 1, .slot = nn_tape_alloc(tape, size * sizeof *p->slot),
                            .next = nn_tape_alloc(tape, (size_t)n * sizeof *p->next)};
    for (uint32_t k = 0; k < size; k++)
        p->slot[k] = 0;
    for (int k = 0; k < n; k++) {
        uint32_t *slot = ps_places_slot(p, item[k]);
        p->next[k] = *slot;
        *slot = (uint32_t)k + 1;
    }
}

/* 1 + a place of the item, 0 where there is none; next[place - 1] leads to the others. */
static inline uint32_t ps_places_of(const struct ps_places *p, uint32_t item)
{
    return *ps_places_slot(p, item);
}

#endif
