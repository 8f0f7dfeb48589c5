/* trace.c - penstock trace: asks all members for the spans of some micro-batches, and puts them together as a Chrome trace (the JSON that
 * Perfetto and chrome://tracing read), by the coordinator's own clock.
 *
 * One trace is made at a time, for the command that asked; it asks again until the answer has it. Members that come meanwhile are not in it,
 * and members that are lost or silent are given up.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/trace.h"
#include "coordinator/internal.h"
#include "coordinator/runlog.h"

static const double AGAIN = 0.1;     /* seconds between two questions to members */
static const double PATIENCE = 30;   /* for the micro-batches */
static const double WITHOUT_LANES = 5; /* for workers that have none */
static const double COLLECTING = 10; /* for the answers */

struct part {
    uint64_t member; /* incarnation */
    uint64_t computed;
    bool here;                 /* the spans are */
    struct ps_traced traced;
    struct ps_span *span;      /* owned */
};

struct ps_tracing {
    uint64_t asker, id;
    uint64_t steps;
    double begun, ending; /* ending: since when members have been told that it is over; 0: they have not */
    double asked;
    int parts;
    struct part *part;    /* owned */
};

void ps_tracing_free(struct ps_tracing *t)
{
    for (int i = 0; t && i < t->parts; i++)
        free(t->part[i].span);
    if (t)
        free(t->part);
    free(t);
}

static struct ps_tracing *begin(struct ps_coordinator *c, uint64_t asker, uint64_t steps)
{
    struct ps_tracing *t = ps_calloc(1, sizeof *t);
    *t = (struct ps_tracing){.asker = asker, .id = ps_net_incarnation(), .steps = PS_MIN(PS_MAX(steps, 1), PS_TRACE_STEPS), .begun = ps_now()};
    t->part = ps_calloc((size_t)c->members + 1, sizeof *t->part);
    for (int i = 0; i < c->members; i++)
        if (c->member[i]->alive)
            t->part[t->parts++].member = c->member[i]->incarnation;
    ps_runlog(c->options.log, "{\"event\":\"trace\",\"epoch\":%u,\"steps\":%llu,\"members\":%d}", c->epoch, (unsigned long long)t->steps, t->parts);
    return t;
}

void ps_tracing_handle(struct ps_coordinator *c, struct ps_member *m, const struct ps_control *control, const struct ps_message *message)
{
    struct ps_tracing *t = c->tracing;
    struct ps_error err;
    const struct ps_span *span;
    for (int i = 0; t && control->first == t->id && i < t->parts; i++) {
        struct part *part = &t->part[i];
        if (part->member != m->incarnation || part->here)
            continue;
        part->computed = control->count;
        if (!control->code || message->count != 2)
            continue;
        if (ps_traced_unpack(&message->frame[1], &part->traced, &span, &err)) {
            ps_strangers_refuse(c, err.text);
            continue;
        }
        part->span = ps_calloc(part->traced.count + 1, sizeof *span);
        memcpy(part->span, span, part->traced.count * sizeof *span);
        part->here = true;
    }
}

/* Whether every worker has computed what was asked for. After a while those without lanes are not waited for, unless nobody has any: then
 * the run is between two epochs. */
static bool computed(const struct ps_coordinator *c)
{
    const struct ps_tracing *t = c->tracing;
    bool late = ps_now() - t->begun > WITHOUT_LANES, any = false, all = true;
    for (int i = 0; i < t->parts; i++) {
        const struct ps_member *m = ps_member_find(c, t->part[i].member);
        if (!m || !m->alive || m->role != PS_ROLE_WORKER)
            continue;
        bool done = t->part[i].computed >= t->steps;
        any |= done;
        all &= done || (late && !ps_lanes_held(c, m));
    }
    return any && all;
}

static bool complete(const struct ps_coordinator *c)
{
    const struct ps_tracing *t = c->tracing;
    for (int i = 0; i < t->parts; i++) {
        const struct ps_member *m = ps_member_find(c, t->part[i].member);
        if (m && m->alive && !t->part[i].here)
            return false;
    }
    return true;
}

void ps_tracing_tick(struct ps_coordinator *c)
{
    struct ps_tracing *t = c->tracing;
    double now = ps_now();
    if (!t || now - t->asked < AGAIN || (t->ending > 0 && complete(c)))
        return;
    t->asked = now;
    if (!t->ending && (now - t->begun > PATIENCE || (now - t->begun > AGAIN && computed(c))))
        t->ending = now;
    struct ps_control ask = {.kind = PS_TRACE, .first = t->id, .count = t->steps, .code = t->ending > 0};
    for (int i = 0; i < t->parts; i++) {
        struct ps_member *m = ps_member_find(c, t->part[i].member);
        if (m && m->alive && !t->part[i].here)
            ps_send_control(c, m, &ask);
    }
}

/* ---- as JSON ---- */

static void write_event(FILE *to, const char *name, const char *phase, int member, double ts, double dur, const struct ps_span *s)
{
    fprintf(to, ",\n{\"name\":\"%s\",\"ph\":\"%s\",\"pid\":%d,\"tid\":1,\"ts\":%.3f", name, phase, member, ts);
    if (*phase == 'X')
        fprintf(to, ",\"dur\":%.3f", dur);
    else
        fprintf(to, ",\"cat\":\"micro-batch\",\"id\":\"%u:%llu\"", s->lane, (unsigned long long)s->position);
    if (s->lane != PS_NO_LANE)
        fprintf(to, ",\"args\":{\"lane\":%u,\"position\":%llu}", s->lane, (unsigned long long)s->position);
    fputc('}', to);
}

/* The phases of a micro-batch that follow each other without a gap are parts of one span around them. */
static uint32_t together(const struct ps_span *span, uint32_t first, uint32_t count)
{
    uint32_t end = first + 1;
    while (end < count && span[end].what < PS_PHASES && span[end].lane == span[first].lane && span[end].position == span[first].position &&
           span[end].begin <= span[end - 1].end + 2e-6) /* very short ones are left out */
        end++;
    return end;
}

/* Phases before lives, each by their beginnings. */
static int in_order(const void *a, const void *b)
{
    const struct ps_span *x = a, *y = b;
    if ((x->what == PS_SPAN_LIFE) != (y->what == PS_SPAN_LIFE))
        return x->what == PS_SPAN_LIFE ? 1 : -1;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end < y->end) - (x->end > y->end);
}

/* Microseconds by the coordinator's clock, from the moment at which the trace began: a member's spans in the order of their beginnings. */
static void write_part(const struct ps_coordinator *c, const struct part *part, int number, FILE *to)
{
    const struct ps_member *m = ps_member_find(c, part->member);
    double zero = c->tracing->begun - part->traced.ahead;
    fprintf(to, ",\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,\"args\":{\"name\":\"%s, process %u on %s\"}}", number, ps_role_name(m->role),
            m->pid, m->host);
    fprintf(to, ",\n{\"name\":\"process_sort_index\",\"ph\":\"M\",\"pid\":%d,\"args\":{\"sort_index\":%d}}", number,
            number + (m->role == PS_ROLE_SERVER ? c->tracing->parts : 0));
    qsort(part->span, part->traced.count, sizeof *part->span, in_order);
    uint32_t until = 0;
    for (uint32_t i = 0; i < part->traced.count; i++) {
        const struct ps_span *s = &part->span[i];
        double ts = 1e6 * (s->begin - zero), end = 1e6 * (s->end - zero);
        if (s->what == PS_SPAN_LIFE) {
            write_event(to, "micro-batch", "b", number, ts, 0, s);
            write_event(to, "micro-batch", "e", number, end, 0, s);
            continue;
        }
        if (i >= until && s->lane != PS_NO_LANE) {
            until = together(part->span, i, part->traced.count);
            if (until > i + 1)
                write_event(to, "step", "X", number, ts, 1e6 * (part->span[until - 1].end - zero) - ts, s);
        }
        write_event(to, ps_phase_name((enum ps_phase)s->what), "X", number, ts, end - ts, s);
    }
}

static char *write_trace(const struct ps_coordinator *c)
{
    const struct ps_tracing *t = c->tracing;
    struct ps_text text;
    FILE *to = ps_text_open(&text);
    double error = 0;
    uint64_t dropped = 0;
    int missing = 0;
    for (int i = 0; i < t->parts; i++) {
        missing += !t->part[i].here;
        dropped += t->part[i].traced.dropped;
        error = t->part[i].here ? PS_MAX(error, t->part[i].traced.error) : error;
    }
    fprintf(to, "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"run\":\"%016llx\",\"epoch\":%u,\"model\":\"%s\",\"steps\":%llu,\"members_missing\":%d,"
            "\"spans_dropped\":%llu,\"clock_error_us\":%.1f},\n\"traceEvents\":[\n{\"name\":\"process_labels\",\"ph\":\"M\",\"pid\":0,\"args\":{\"labels\":\"penstock\"}}",
            (unsigned long long)c->run, c->epoch, c->config->model.name, (unsigned long long)t->steps, missing, (unsigned long long)dropped,
            isfinite(error) ? 1e6 * error : -1.0);
    for (int i = 0; i < t->parts; i++)
        if (t->part[i].here)
            write_part(c, &t->part[i], i + 1, to);
    fputs("\n]}\n", to);
    return ps_text_close(&text);
}

int ps_tracing_ask(struct ps_coordinator *c, uint64_t asker, uint64_t steps, char **text)
{
    struct ps_tracing *t = c->tracing;
    if (t && t->asker != asker && ps_now() - t->begun < PATIENCE + COLLECTING && !(t->ending > 0 && complete(c)))
        return PS_EXIT_LOCKED;
    if (!t || t->asker != asker) {
        ps_tracing_free(t);
        t = c->tracing = begin(c, asker, steps);
    }
    ps_tracing_tick(c);
    bool ready = t->ending > 0 && (complete(c) || ps_now() - t->ending > COLLECTING);
    *text = ready ? write_trace(c) : ps_strdup("");
    return 0;
}
