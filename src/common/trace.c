/* trace.c - spans of a member's loop; see trace.h. */
#include "common/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/member.h"
#include "common/wire.h"

_Static_assert(sizeof(struct ps_span) == 32 && sizeof(struct ps_traced) == 24, "records have no padding");

void ps_trace_fini(struct ps_trace *trace)
{
    free(trace->span);
    *trace = (struct ps_trace){0};
}

void ps_trace_add(struct ps_trace *trace, struct ps_span span)
{
    if (trace->over)
        return;
    if (trace->count == PS_TRACE_SPANS)
        trace->dropped++;
    else
        trace->span[trace->count++] = span;
}

void ps_trace_computed(struct ps_trace *trace)
{
    enum { MORE = 8 };
    if (++trace->computed >= trace->asked + MORE)
        trace->over = true;
}

void ps_phase_note(const struct ps_phase_clock *clock, double now)
{
    static const double shortest = 1e-6; /* seconds that anybody could see */
    if (now - clock->since >= shortest)
        ps_trace_add(clock->trace, (struct ps_span){clock->since, now, clock->position, clock->lane, (uint32_t)clock->phase});
}

static void begin(struct ps_trace *trace, struct ps_phase_clock *clock, struct ps_membership *member, const struct ps_control *message)
{
    struct ps_span *span = trace->span ? trace->span : ps_malloc(PS_TRACE_SPANS * sizeof *span);
    *trace = (struct ps_trace){.id = message->first, .asked = (uint32_t)PS_MIN(message->count, PS_TRACE_STEPS), .span = span};
    clock->trace = trace;
    ps_membership_measure(member);
}

/* The spans as a frame. */
static void pack(const struct ps_trace *trace, double ahead, double error, struct ps_frame *frame)
{
    struct ps_traced traced = {.ahead = ahead, .error = error, .count = trace->count, .dropped = trace->dropped};
    ps_frame_alloc(frame, sizeof traced + trace->count * sizeof *trace->span);
    memcpy(ps_frame_data(frame), &traced, sizeof traced);
    memcpy((char *)ps_frame_data(frame) + sizeof traced, trace->span, trace->count * sizeof *trace->span);
}

void ps_trace_handle(struct ps_trace *trace, struct ps_phase_clock *clock, struct ps_membership *member, const struct ps_control *message,
                     uint32_t era)
{
    double ahead = 0, error = INFINITY;
    struct ps_frame frame;
    if (message->first != trace->id && !message->code)
        begin(trace, clock, member, message);
    if (message->first != trace->id)
        return; /* one that it was never asked for ends */
    struct ps_control answer = {.kind = PS_TRACED, .era = era, .first = trace->id, .count = trace->computed};
    if (message->code) {
        trace->over = true;
        clock->trace = NULL;
        if (!ps_membership_ahead(member, &ahead, &error))
            return; /* it is still measuring, and will be asked again */
        answer.code = 1;
        pack(trace, ahead, error, &frame);
    }
    ps_membership_send(member, &answer, message->code ? &frame : NULL);
}

int ps_traced_unpack(const struct ps_frame *frame, struct ps_traced *traced, const struct ps_span **span, struct ps_error *err)
{
    size_t size = ps_frame_size(frame);
    const char *data = ps_frame_data(frame);
    if (size < sizeof *traced)
        return ps_fail(err, PS_EXIT_NET, "a trace of %zu bytes is none", size);
    memcpy(traced, data, sizeof *traced);
    *span = (const struct ps_span *)(const void *)(data + sizeof *traced);
    if (traced->count > PS_TRACE_SPANS || size != sizeof *traced + traced->count * sizeof **span || !isfinite(traced->ahead) ||
        isnan(traced->error))
        return ps_fail(err, PS_EXIT_NET, "a trace whose counts make no sense");
    for (uint32_t i = 0; i < traced->count; i++) {
        const struct ps_span *s = &(*span)[i];
        if (!isfinite(s->begin) || !isfinite(s->end) || s->end < s->begin || s->what >= PS_SPANS)
            return ps_fail(err, PS_EXIT_NET, "a trace with a span that makes no sense");
    }
    return 0;
}
