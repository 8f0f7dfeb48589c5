/* parallel.h - the order of session-parallel training (Hidasi et al., ICLR 2016, section 3.1.1): a lane has train.batch tracks, each of
 * which plays one training session after another, a step in every micro-batch.
 *
 * Sessions come in the dataset's order, which is that of time, in every epoch: the last things learned are the latest. Session j of
 * those with a next item is lane j mod lanes's, so that lanes that keep step are at the same time of the data. A track whose session has
 * ended takes the lane's next one in the micro-batch after, the lowest track first; one that finds none stays empty, so that the last
 * micro-batches of a lane are smaller. What a track plays at a position is a function of (dataset, lanes, train.batch, lane, position),
 * the same in every epoch. A position is found by playing the lane from its beginning, which costs a few ns for each event before it.
 */
#ifndef PS_WORKER_PARALLEL_H
#define PS_WORKER_PARALLEL_H

#include "data/dataset.h"
#include "worker/sweep.h"

/* Of an entry of the order: its session is `user`; its target's event of that session is `item`; and the track is `behaviours`. */
static inline uint32_t ps_entry_track(const struct ps_entry *entry)
{
    return entry->behaviours;
}

struct ps_track {
    uint32_t session, target; /* the event of the session that is foretold next */
    uint32_t left;            /* targets of the session that are still to come; 0: it is empty */
};

struct ps_lane_play {
    struct ps_track *track; /* owned: `tracks` of them; NULL before the lane is first asked for */
    uint64_t position;
    uint64_t next;          /* of all training sessions: where to look for the lane's next one */
    uint64_t skip;          /* sessions with a next item, of other lanes, that come before it */
    uint64_t batches;       /* of the whole lane; 0: not known yet */
};

struct ps_parallel {
    const struct ps_dataset *dataset; /* borrowed */
    uint32_t lanes, tracks;
    struct ps_lane_play *lane; /* owned */
};

void ps_parallel_init(struct ps_parallel *parallel, const struct ps_dataset *dataset, uint32_t lanes, uint32_t tracks);
void ps_parallel_fini(struct ps_parallel *parallel);
/* The lane's micro-batch at `position`, by ascending track: at most `tracks` entries. Returns how many; 0 beyond the lane's end. */
int ps_parallel_at(struct ps_parallel *parallel, uint32_t lane, uint64_t position, struct ps_entry *out);
/* How many entries lie before a position (beyond the end: all of the lane's). */
uint64_t ps_parallel_before(struct ps_parallel *parallel, uint32_t lane, uint64_t position);
/* Micro-batches of the lane. */
uint64_t ps_parallel_batches(struct ps_parallel *parallel, uint32_t lane);

#endif
