/* order.h - the order in which training interactions are seen: windows over shuffled blocks, dealt out to lanes.
 *
 * An epoch is a permutation of the dataset's blocks. Consecutive blocks of it are gathered until they hold
 * `data.shuffle_window` interactions; this window is shuffled as a whole and its entries are dealt to the lanes in turn
 * (entry j to lane j mod lanes). A lane is thus an ordered stream of entries that depends on (dataset, seed, epoch, window
 * size, lanes) and on nothing else: any worker can begin it at any position. Memory: two windows, whatever the dataset's size. Sweeps of
 * least squares and session-parallel training have orders of their own (sweep.h, parallel.h). A lane's pass of triples (triples.h) comes
 * before all that, in micro-batches of its own; an entry's user is the triple's number then.
 */
#ifndef PS_WORKER_ORDER_H
#define PS_WORKER_ORDER_H

#include "worker/parallel.h"
#include "worker/recipe.h"
#include "worker/sweep.h"
#include "worker/triples.h"

enum { PS_WINDOWS_KEPT = 2 };

struct ps_window {
    uint32_t epoch; /* 0: nothing is loaded (training epochs begin at 1) */
    uint64_t number, last_use;
    uint64_t count, capacity;
    struct ps_entry *entry; /* owned */
};

struct ps_order {
    const struct ps_dataset *dataset; /* borrowed */
    uint64_t seed, window_size;
    uint32_t lanes;
    struct ps_recipe recipe;
    uint32_t epoch;         /* whose permutation the following two describe; 0: none yet */
    uint32_t *block;        /* owned: blocks in this epoch's order */
    uint64_t *window_first; /* owned: windows + 1 positions in `block` */
    uint64_t *window_count; /* owned: entries of each window */
    uint64_t windows;
    struct ps_window kept[PS_WINDOWS_KEPT];
    uint64_t clock;
    uint64_t triples;      /* of the dataset, where the recipe streams them; 0 elsewhere */
    struct ps_sweep sweep;       /* where the recipe has sweeps, */
    struct ps_parallel parallel; /* or tracks; and whether the dataset's blocks have been checked for them */
    bool checked;
};

/* Where a lane is in its stream: advanced by ps_order_next, found for any position by ps_order_seek. */
struct ps_cursor {
    uint64_t triples; /* of the lane's, taken */
    uint64_t window; /* number */
    uint64_t offset; /* of the lane's entries in that window; in a sweep, of its rows; of tracks, the position */
};

void ps_order_init(struct ps_order *order, const struct ps_dataset *dataset, const struct ps_config *config,
                   const struct ps_recipe *recipe);
void ps_order_fini(struct ps_order *order);
/* Puts the cursor of `lane` before micro-batch number `batch` of its stream in `epoch`, of `positives` entries each (beyond the end:
 * at the end). Returns how many positives lie before it. */
uint64_t ps_order_seek(struct ps_order *order, uint32_t epoch, uint32_t lane, uint64_t batch, int positives,
                       struct ps_cursor *cursor);
/* Takes up to `count` entries, which are all triples or all not (ps_order_at_triples before the call). Fewer only at the end of either,
 * or where in a sweep the next row does not fit. Returns how many, or a negative code where a block's checksum
 * is wrong. */
int ps_order_next(struct ps_order *order, uint32_t epoch, uint32_t lane, struct ps_cursor *cursor, int count,
                  struct ps_entry *out, struct ps_error *err);
/* Whether the next entries are triples. */
bool ps_order_at_triples(const struct ps_order *order, uint32_t epoch, uint32_t lane, const struct ps_cursor *cursor);
/* Micro-batches of `positives` entries that a lane has in an epoch. */
uint64_t ps_order_batches(struct ps_order *order, uint32_t epoch, uint32_t lane, int positives);
#endif
