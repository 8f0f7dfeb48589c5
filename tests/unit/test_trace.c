/* test_trace.c - spans of a loop's phases: which are written down, in how much memory, and what of another process's is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/trace.h"

static struct ps_error err;

static void begin(struct ps_trace *trace, struct ps_phase_clock *clock)
{
    *trace = (struct ps_trace){.id = 1, .span = ps_malloc(PS_TRACE_SPANS * sizeof *trace->span)};
    *clock = (struct ps_phase_clock){.trace = trace, .lane = PS_NO_LANE};
    ps_phase_enter(clock, PS_PHASE_OTHER);
}

/* Until the clock has moved by more than what is too short to be written down. */
static void pass(void)
{
    for (double now = ps_now(); ps_now() - now < 5e-6;)
        ;
}

static void phases_become_spans(void **state)
{
    struct ps_trace trace;
    struct ps_phase_clock clock;
    begin(&trace, &clock);
    pass();
    struct ps_phase_at before = ps_phase_enter_for(&clock, PS_PHASE_FORWARD, 3, 17);
    pass();
    ps_phase_enter(&clock, PS_PHASE_BACKWARD); /* of the same micro-batch */
    pass();
    ps_phase_enter_for(&clock, PS_PHASE_BACKWARD, 3, 18); /* of the next one */
    pass();
    ps_phase_return(&clock, before);
    static const struct ps_phase_at want[] = {{PS_PHASE_OTHER, PS_NO_LANE, 0}, {PS_PHASE_FORWARD, 3, 17}, {PS_PHASE_BACKWARD, 3, 17}, {PS_PHASE_BACKWARD, 3, 18}};
    assert_int_equal(trace.count, PS_COUNT(want));
    double sum = 0;
    for (size_t k = 0; k < PS_COUNT(want); k++) {
        const struct ps_span *s = &trace.span[k];
        assert_int_equal(s->what, want[k].phase);
        assert_int_equal(s->lane, want[k].lane);
        assert_int_equal(s->position, want[k].position);
        assert_true(s->end > s->begin && (!k || s->begin >= trace.span[k - 1].end));
        sum += s->end - s->begin;
    }
    assert_int_equal(clock.phase, PS_PHASE_OTHER);
    assert_int_equal(clock.lane, PS_NO_LANE);
    double seconds = 0; /* the sums are those of a clock without a trace */
    for (int p = 0; p < PS_PHASES; p++)
        seconds += clock.seconds[p];
    assert_true(seconds >= sum && seconds < sum + 1e-3);

    clock.trace = NULL;
    ps_phase_enter_for(&clock, PS_PHASE_FORWARD, 3, 19);
    pass();
    ps_phase_enter(&clock, PS_PHASE_OTHER);
    assert_int_equal(trace.count, PS_COUNT(want));
    ps_trace_fini(&trace);
}

static void memory_is_bounded(void **state)
{
    struct ps_trace trace;
    struct ps_phase_clock clock;
    begin(&trace, &clock);
    for (int k = 0; k < PS_TRACE_SPANS + 5; k++)
        ps_trace_add(&trace, (struct ps_span){.begin = k, .end = k + 1});
    assert_int_equal(trace.count, PS_TRACE_SPANS);
    assert_int_equal(trace.dropped, 5);
    trace.over = true;
    ps_trace_add(&trace, (struct ps_span){.begin = 1, .end = 2});
    assert_int_equal(trace.dropped, 5);
    ps_trace_fini(&trace);
}

/* A frame of two good spans, with one of its bytes' worth changed by each case. */
static int unpack(void (*damage)(struct ps_traced *traced, struct ps_span *span), size_t size)
{
    struct ps_traced traced = {.ahead = 0.5, .error = INFINITY, .count = 2, .dropped = 1}, back;
    struct ps_span span[2] = {{1, 2, 5, 0, PS_PHASE_PUSH}, {1, 3, 5, 0, PS_SPAN_LIFE}};
    const struct ps_span *got;
    struct ps_frame frame;
    char bytes[sizeof traced + sizeof span];
    if (damage)
        damage(&traced, span);
    memcpy(bytes, &traced, sizeof traced);
    memcpy(bytes + sizeof traced, span, sizeof span);
    ps_frame_alloc(&frame, size);
    memcpy(ps_frame_data(&frame), bytes, PS_MIN(size, sizeof bytes));
    int status = ps_traced_unpack(&frame, &back, &got, &err);
    if (!status)
        assert_true(back.count == 2 && back.dropped == 1 && back.ahead == 0.5 && got[1].what == PS_SPAN_LIFE && got[1].end == 3);
    ps_frame_fini(&frame);
    return status;
}

static void too_many(struct ps_traced *traced, struct ps_span *span)
{
    traced->count = 3;
}

static void no_clock(struct ps_traced *traced, struct ps_span *span)
{
    traced->ahead = NAN;
}

static void backward(struct ps_traced *traced, struct ps_span *span)
{
    span[1].end = 0;
}

static void endless(struct ps_traced *traced, struct ps_span *span)
{
    span[0].end = INFINITY;
}

static void unknown(struct ps_traced *traced, struct ps_span *span)
{
    span[0].what = PS_SPANS;
}

static void nonsense_is_refused(void **state)
{
    const size_t whole = sizeof(struct ps_traced) + 2 * sizeof(struct ps_span);
    void (*const damage[])(struct ps_traced *, struct ps_span *) = {too_many, no_clock, backward, endless, unknown};
    assert_int_equal(unpack(NULL, whole), 0);
    for (size_t k = 0; k < PS_COUNT(damage); k++)
        assert_int_equal(unpack(damage[k], whole), -PS_EXIT_NET);
    for (size_t size = 0; size < whole; size++)
        assert_int_equal(unpack(NULL, size), -PS_EXIT_NET);
    assert_int_equal(unpack(NULL, whole + 1), -PS_EXIT_NET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_become_spans),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
