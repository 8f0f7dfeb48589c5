/* trace.h - when a loop was in which phase (phases.h), for some micro-batches: what penstock trace shows.
 *
 * The coordinator asks every member for a trace with a number of its own (TRACE). From then on the member's loop writes each of its phases
 * down, with the micro-batch that it was for, until a worker has computed as many as were asked for, or the coordinator says that it is
 * over; then it answers with all of them (TRACED). Memory is taken when a trace begins and is bounded; what does not fit is counted.
 * Where nobody traces, all this costs a branch.
 *
 * Every host has a clock of its own: a member's beats that are answered measure how far the coordinator's is ahead of its own, to half of
 * the fastest answer's time (member.h).
 */
#ifndef PS_COMMON_TRACE_H
#define PS_COMMON_TRACE_H

#include "common/net.h"
#include "common/phases.h"

struct ps_control;
struct ps_membership;

enum { PS_TRACE_SPANS = 1 << 14, PS_TRACE_STEPS = 1000 };

/* What is between two moments, in seconds of ps_now. */
struct ps_span {
    double begin, end;
    uint64_t position;
    uint32_t lane; /* or PS_NO_LANE */
    uint32_t what; /* enum ps_phase; or PS_SPAN_LIFE */
};

/* Of a worker: a micro-batch, from asking for its rows until every shard has acknowledged its push. */
enum { PS_SPAN_LIFE = PS_PHASES, PS_SPANS };

struct ps_trace {
    uint64_t id; /* 0: there never was one */
    bool over;   /* nothing more is written down */
    uint32_t asked, computed; /* micro-batches of a worker: wanted, and so far */
    uint32_t count, dropped;  /* spans */
    struct ps_span *span;     /* owned: PS_TRACE_SPANS of them; NULL before the first trace */
};

void ps_trace_fini(struct ps_trace *trace);
void ps_trace_add(struct ps_trace *trace, struct ps_span span);
/* A worker has computed a micro-batch. It writes down as many as are wanted and some more, which the lives of the last ones reach into. */
void ps_trace_computed(struct ps_trace *trace);

/* TRACE: begins a trace that is new, ends one, answers. `clock` writes into `trace` from now on. */
void ps_trace_handle(struct ps_trace *trace, struct ps_phase_clock *clock, struct ps_membership *member, const struct ps_control *message,
                     uint32_t era);

/* What TRACED carries behind its header: the coordinator's clock is `ahead` of the member's, give or take `error`; spans in the order in
 * which they ended. */
struct ps_traced {
    double ahead, error;
    uint32_t count, dropped;
};
/* Untrusted: 0, or an error (PS_EXIT_NET) where the frame is none. *span points into it. */
int ps_traced_unpack(const struct ps_frame *frame, struct ps_traced *traced, const struct ps_span **span, struct ps_error *err);

#endif
