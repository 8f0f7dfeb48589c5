/* phases.c - what it costs a loop to tell in which phase it is: without a trace, and while one is made.
 *
 *   phases      nanoseconds of a processor for a change of phase, medians of rounds in turn
 */
#include "measure.h"
#include "common/trace.h"

enum { ROUNDS = 15, CHANGES = 200000 };

static double changes(struct ps_phase_clock *clock, struct ps_trace *trace)
{
    double begin = ps_cpu_now();
    for (uint64_t k = 0; k < CHANGES; k++) {
        ps_phase_enter_for(clock, k % 2 ? PS_PHASE_FORWARD : PS_PHASE_BACKWARD, 1, k);
        if (trace) {                         /* as if each were long enough to be written down */
            clock->since -= 1e-5;
            if (trace->count == PS_TRACE_SPANS)
                trace->count = 0;
        }
    }
    return 1e9 * (ps_cpu_now() - begin) / CHANGES;
}

int main(void)
{
    struct ps_trace trace = {.id = 1, .span = ps_malloc(PS_TRACE_SPANS * sizeof *trace.span)};
    struct ps_phase_clock off = {.lane = PS_NO_LANE}, on = {.lane = PS_NO_LANE, .trace = &trace};
    double without[ROUNDS], with[ROUNDS];
    for (int k = 0; k < ROUNDS; k++) {
        without[k] = changes(&off, NULL);
        with[k] = changes(&on, &trace);
    }
    printf("a change of phase: %.1f ns, while a trace is made %.1f ns\n", median(without, ROUNDS), median(with, ROUNDS));
    free(trace.span);
    return 0;
}
