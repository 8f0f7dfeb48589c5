/* lists.h - what users' best items say of a model as a whole: coverage and novelty, while targets are ranked. */
#ifndef PS_WORKER_LISTS_H
#define PS_WORKER_LISTS_H

#include "worker/top.h"

struct ps_lists {
    const struct ps_ranking *how; /* borrowed; k_count 0: everything below does nothing */
    struct ps_ranks *ranks;       /* borrowed, and made for lists: novelty and place are filled in */
    double *information;          /* owned; by item, in bits: -log2 of the share of users that bought it */
    struct ps_best *best;         /* owned; one for each user of a group */
    struct ps_top *top;           /* owned; its places */
};

/* Makes room for groups of so many users. */
void ps_lists_init(struct ps_lists *lists, const struct ps_dataset *dataset, const struct ps_ranking *how, size_t group,
                   struct ps_ranks *ranks);
void ps_lists_fini(struct ps_lists *lists);
/* A group of n users begins; user u's scores of items [first, first + count), struck ones being NaN; the group, whose first target is
 * number `first` of all, ends. */
void ps_lists_begin(struct ps_lists *lists, size_t n);
void ps_lists_add(struct ps_lists *lists, size_t u, uint64_t first, const float *score, int count);
void ps_lists_end(struct ps_lists *lists, size_t first, size_t n);

#endif
