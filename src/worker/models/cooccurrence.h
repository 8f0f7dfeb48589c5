/* cooccurrence.h - which items come near which in training sessions: what the rules of sessions count.
 *
 * Weights are whole numbers, so that a sum does not depend on the order of its terms and equal ones are ties.
 */
#ifndef PS_MODELS_COOCCURRENCE_H
#define PS_MODELS_COOCCURRENCE_H

#include "data/dataset.h"

/* An item with a weight. */
struct ps_weighed {
    uint32_t item;
    uint64_t weight;
};

enum { PS_WEIGHT_ONE = 1 << 16, PS_NEIGHBOURS = 500 };

struct ps_counting {
    int window;   /* steps that are at most so far apart count, */
    double decay; /* by decay^(distance - 1), */
    bool both;    /* for either item, and not only the later one for the earlier one, */
    bool itself;  /* an item next to itself too */
};

/* Neighbours of item i: entry[begin[i]] up to entry[begin[i + 1]], heaviest first, at most PS_NEIGHBOURS of them. */
struct ps_cooccurrence {
    uint64_t *begin;          /* owned; items + 1 */
    struct ps_weighed *entry; /* owned */
};

/* Reads the training sessions once for each range of items whose pairs fit into some tens of MiB. */
void ps_cooccurrence_init(struct ps_cooccurrence *c, const struct ps_dataset *dataset, struct ps_counting how);
void ps_cooccurrence_fini(struct ps_cooccurrence *c);

/* 2^16 decay^n, rounded. */
uint64_t ps_decayed(double decay, uint64_t n);

/* Sorts by item, and adds up the weights of equal ones; returns how many are left. */
size_t ps_weighed_merge(struct ps_weighed *list, size_t n);
/* Sorts by weight, heaviest first, and keeps at most `most`: of several that weigh the same, all or none. Returns how many. */
size_t ps_weighed_heaviest(struct ps_weighed *list, size_t n, size_t most);

#endif
