/* phases.h - where the time of a worker's or a server's loop goes: seconds by phase, since the loop began.
 *
 * A loop is in one phase at a time, so the phases divide its time without gaps or overlaps. Entering one is a reading of the monotonic
 * clock and an addition, some 30 ns, and a loop does it a few times for a micro-batch or a request: far below 1 % of either. The sums
 * travel with the beats, and with the answers that end a training epoch; the coordinator writes what an epoch took into RUN/log.jsonl.
 */
#ifndef PS_COMMON_PHASES_H
#define PS_COMMON_PHASES_H

#include "common/base.h"

/* In the order of a micro-batch's life. Their numbers are on the wire: new ones go to the end. */
enum ps_phase {
    /* worker */
    PS_PHASE_BATCH,    /* reading interactions, drawing negatives, making ids unique, asking for the rows */
    PS_PHASE_ROWS,     /* waiting for rows; in sync and bounded that is also waiting for the other lanes' steps */
    PS_PHASE_FORWARD,
    PS_PHASE_BACKWARD,
    PS_PHASE_PUSH,     /* packing gradients and sending them */
    PS_PHASE_ACKS,     /* waiting until a push is acknowledged: the lane's next one may not go before */
    PS_PHASE_RANK,     /* ranking held-out targets */
    /* server */
    PS_PHASE_READ,     /* rows into answers to pulls */
    PS_PHASE_TAKE,     /* pushes: checks, decoding, the sum over the lanes in sync, the log of a replica */
    PS_PHASE_APPLY,    /* the optimiser */
    /* both */
    PS_PHASE_OTHER,    /* messages, lanes, checkpoints, moves */
    PS_PHASE_IDLE,     /* nothing to do: no lanes, no requests */
    PS_PHASES
};

#define PS_NO_LANE UINT32_MAX

/* A phase, and the micro-batch that it is for; PS_NO_LANE: for none. */
struct ps_phase_at {
    enum ps_phase phase;
    uint32_t lane;
    uint64_t position;
};

struct ps_trace;
/* One thread's. All zero is a clock that the first ps_phase_enter starts. */
struct ps_phase_clock {
    double seconds[PS_PHASES];
    enum ps_phase phase;
    double since; /* of `phase`; 0: not started */
    uint32_t lane;          /* of the micro-batch that it is for */
    uint64_t position;
    struct ps_trace *trace; /* borrowed: where what has passed is written down (trace.h), or NULL */
};

/* trace.c: writes down what has passed since clock->since. */
void ps_phase_note(const struct ps_phase_clock *clock, double now);

/* The time since the last call was spent in the phase that it named; it is returned, so that an inner part can go back to it. The micro-batch
 * stays the same. */
static inline enum ps_phase ps_phase_enter(struct ps_phase_clock *clock, enum ps_phase phase)
{
    enum ps_phase before = clock->phase;
    if (phase == before && clock->since > 0)
        return before;
    double now = ps_now();
    if (clock->since > 0)
        clock->seconds[before] += now - clock->since;
    if (clock->trace && clock->since > 0)
        ps_phase_note(clock, now);
    clock->phase = phase;
    clock->since = now;
    return before;
}

/* The same, for a micro-batch (or PS_NO_LANE). Returns what was before, for ps_phase_return. */
static inline struct ps_phase_at ps_phase_enter_for(struct ps_phase_clock *clock, enum ps_phase phase, uint32_t lane, uint64_t position)
{
    struct ps_phase_at before = {clock->phase, clock->lane, clock->position};
    if (clock->trace && phase == before.phase && (lane != before.lane || position != before.position))
        ps_phase_enter(clock, phase == PS_PHASE_OTHER ? PS_PHASE_IDLE : PS_PHASE_OTHER); /* so that it begins anew */
    ps_phase_enter(clock, phase);
    clock->lane = lane;
    clock->position = position;
    return before;
}

static inline void ps_phase_return(struct ps_phase_clock *clock, struct ps_phase_at at)
{
    ps_phase_enter_for(clock, at.phase, at.lane, at.position);
}

/* "forward": a word for logs, metrics and pictures. */
const char *ps_phase_name(enum ps_phase phase);
/* What it is, as a few words for people. */
const char *ps_phase_meaning(enum ps_phase phase);
/* Whether loops of workers, or of servers, have it. */
bool ps_phase_of_worker(enum ps_phase phase);
bool ps_phase_of_server(enum ps_phase phase);
/* Whether it is work of a step, rather than waiting or something else. */
bool ps_phase_is_work(enum ps_phase phase);

#endif
