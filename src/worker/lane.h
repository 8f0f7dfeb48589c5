/* lane.h - a lane on a worker: which micro-batch is next, which are on their way (docs/protocol.md, "Lane on a worker").
 *
 *   reader -> PULL p -> rows -> forward, backward -> wait for all ACKs of p-1 -> PUSH p -> ACKs
 *
 * Up to PS_AHEAD micro-batches of a lane are pulled while the one before is computed or acknowledged. A worker with several lanes never
 * blocks in one of them: it always serves the lane with the lowest position, and pulls at most PS_WINDOW micro-batches that are
 * not computed yet, unless one is for a lane that is behind all of those (or it could wait for itself). A lane that carries state
 * pulls a micro-batch only when the one before is acknowledged by every shard, unless the run is in sync.
 */
#ifndef PS_WORKER_LANE_H
#define PS_WORKER_LANE_H

#include "common/wire.h"
#include "worker/client.h"
#include "worker/order.h"

enum { PS_AHEAD = 2, PS_WINDOW = 3 };

struct ps_lane {
    bool held;
    bool revoked; /* hand it back when what was pushed is acknowledged */
    uint32_t epoch;
    uint64_t lease, next_pull, next_push;
    uint64_t first; /* position at which this lease began */
    struct ps_cursor cursor;
    bool drained;                     /* the reader has no more batches */
    struct ps_step *ahead[PS_AHEAD];  /* positions next_push, next_push + 1 */
    struct ps_step *pushed;           /* position next_push - 1, until every shard has acknowledged it */
    bool end_pushed, done;            /* END sent; END acknowledged: LANE_DONE is being sent */
    double done_at;                   /* when to send LANE_DONE again */
    uint64_t before;  /* samples of the positions before the one that this lease began at: earlier holders' */
    uint64_t samples; /* computed under this lease */
    double loss;      /* summed over these samples */
};

#endif
