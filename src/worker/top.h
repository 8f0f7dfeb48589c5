/* top.h - the best items of one user, kept while items stream by. */
#ifndef PS_WORKER_TOP_H
#define PS_WORKER_TOP_H

#include "worker/rank.h"

/* A heap with the worst of them on top. Of equal scores, the item with the lesser ps_mix64(item ^ salt) is the better one. */
struct ps_best {
    struct ps_top *top; /* borrowed: room for k */
    int count, k;
    uint64_t salt;
};

/* Takes in items [first, first + count) with their scores; struck ones (NaN) are passed over. */
void ps_best_add(struct ps_best *best, uint64_t first, const float *score, int count);
/* Puts them in order, best first, with PS_NO_ITEM behind the last one. Nothing can be added afterwards. */
void ps_best_sort(struct ps_best *best);

#endif
