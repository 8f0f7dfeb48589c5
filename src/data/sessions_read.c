/* sessions_read.c - events of sessions become records, and what must be known of sessions before they are sorted. */
#include "data/prepare_steps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void ps_session_log_init(struct ps_preparation *p)
{
    const struct ps_prepare_options *o = p->options;
    struct ps_session_stats *stats = &p->stats->sessions;
    p->sessions = ps_calloc(1, sizeof *p->sessions);
    ps_names_init(&p->sessions->test);
    ps_names_init(&p->sessions->visitors);
    p->stats->shape.behaviours = 1;
    memcpy(p->stats->shape.behaviour[0], "event", sizeof "event");
    p->stats->shape.times[0] = true;
    stats->operations = o->rules.behaviours;
    memcpy(stats->operation, o->behaviour, stats->operations * sizeof *stats->operation);
}

void ps_session_log_fini(struct ps_preparation *p)
{
    ps_names_fini(&p->sessions->test);
    ps_names_fini(&p->sessions->visitors);
    free(p->sessions->session);
    free(p->sessions);
}

/* The operation's number, PS_KIND_SHOWN, or PS_ANY_BEHAVIOUR for one that does not count. Where nobody names operations, they
 * are those that occur. */
static int take_operation(struct ps_preparation *p, const struct ps_event *event, struct ps_error *err)
{
    struct ps_session_stats *stats = &p->stats->sessions;
    if (event->shown)
        return PS_KIND_SHOWN;
    if (!event->behaviour)
        return 0;
    int found = ps_prepare_find_behaviour(stats->operation, stats->operations, event);
    if (found != PS_ANY_BEHAVIOUR || p->options->rules.behaviours)
        return found;
    if (stats->operations == PS_MAX_BEHAVIOURS)
        return ps_fail(err, PS_EXIT_DATA,
                       "the input has more than %d operations, '%s' and '%s' among them; name those that count with --behaviours",
                       PS_MAX_BEHAVIOURS, stats->operation[0], stats->operation[1]);
    if (!ps_names_allow(event->behaviour, event->behaviour_length) || event->behaviour_length >= sizeof stats->operation[0])
        return PS_ANY_BEHAVIOUR;
    memcpy(stats->operation[stats->operations], event->behaviour, event->behaviour_length);
    return (int)stats->operations++;
}

/* The provisional number of the event's session. */
static uint32_t session_number(struct ps_preparation *p, bool test, const struct ps_event *event, uint64_t line)
{
    struct ps_session_log *log = p->sessions;
    struct ps_names *names = test ? &log->test : &p->names[PS_USERS];
    char text[24];
    const char *name = event->session ? event->session : event->user;
    size_t length = event->session ? event->session_length : event->user_length;
    if (!name) {
        length = (size_t)snprintf(text, sizeof text, "%" PRIu64, (test ? 0 : log->lists) + line);
        name = text;
    }
    uint32_t number = ps_names_add(names, name, length);
    if (!test)
        log->train = names->count;
    return number + (test ? log->train : 0);
}

void ps_session_reserve(struct ps_session_log *log, size_t sessions)
{
    size_t before = log->capacity;
    PS_GROW(log->session, log->capacity, sessions);
    if (log->capacity > before)
        memset(log->session + before, 0, (log->capacity - before) * sizeof *log->session);
}

struct ps_session_facts *ps_session_note(struct ps_session_log *log, const struct ps_spill *spill, const struct ps_record *record)
{
    int64_t seconds = ps_session_seconds(record);
    ps_session_reserve(log, (size_t)record->user + 1);
    struct ps_session_facts *s = &log->session[record->user];
    bool first = record->user >= spill->capacity || !spill->events[record->user];
    s->start = first ? seconds : PS_MIN(s->start, seconds);
    s->steps += ps_session_kind(record) != PS_KIND_SHOWN;
    return s;
}

int ps_session_take(struct ps_preparation *p, bool test, const struct ps_event *event, uint64_t line, const char **reason,
                    struct ps_error *err)
{
    static const int64_t latest = INT64_C(1) << 34; /* seconds: the year 2514 */
    int64_t seconds = ps_seconds_of(event->time), milliseconds = event->time - 1000 * seconds;
    if (!test && ps_prepare_early(p, event))
        return 0;
    if (seconds < -latest || seconds >= latest) {
        *reason = "a time beyond the year 2514; if it is in milliseconds, say --time-unit ms";
        return 1;
    }
    if (!ps_names_allow(event->item, event->item_length) ||
        (event->session && !ps_names_allow(event->session, event->session_length)) ||
        (event->user && !ps_names_allow(event->user, event->user_length))) {
        *reason = "a session, user or item with control characters, or longer than 4096 bytes";
        return 1;
    }
    int kind = take_operation(p, event, err);
    if (kind == PS_ANY_BEHAVIOUR)
        return ps_prepare_pass_over(p, event, reason);
    if (kind < 0)
        return kind;
    uint32_t order = p->options->format.column[PS_COLUMN_POSITION] ? event->position : (uint32_t)milliseconds;
    struct ps_record record = {.user = session_number(p, test, event, line),
                               .item = ps_names_add(&p->names[PS_ITEMS], event->item, event->item_length),
                               .when = ps_session_when(seconds, order, (uint32_t)kind, event->feedback)};
    struct ps_session_log *log = p->sessions;
    struct ps_session_facts *facts = ps_session_note(log, &p->spill, &record);
    if (event->user)
        facts->visitor = ps_names_add(&log->visitors, event->user, event->user_length);
    else
        log->anonymous = true;
    if (!test)
        ps_prepare_note_time(p, 0, event);
    return ps_spill_put(p, &p->spill, &record, err);
}

/* By position, or by time; then in the order of the input, which `user` holds. */
static int by_position(const void *left, const void *right)
{
    const struct ps_record *l = left, *r = right;
    uint32_t l_order = ps_session_order(l), r_order = ps_session_order(r);
    if (l_order != r_order)
        return l_order < r_order ? -1 : 1;
    return (l->user > r->user) - (l->user < r->user);
}

static int by_time(const void *left, const void *right)
{
    const struct ps_record *l = left, *r = right;
    int64_t l_time = l->when >> 12, r_time = r->when >> 12;
    if (l_time != r_time)
        return l_time < r_time ? -1 : 1;
    return (l->user > r->user) - (l->user < r->user);
}

void ps_session_sort(struct ps_record *record, uint64_t count, bool by_position_column)
{
    for (uint64_t i = 0; i < count; i++)
        record[i].user = (uint32_t)i;
    qsort(record, count, sizeof *record, by_position_column ? by_position : by_time);
}
