/* prepare_read.c - the first pass: lines become records with provisional numbers; see prepare.h. */
#include "data/prepare_steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINES_PER_LOOK = 8192 };

/* One file on its way into the spill. */
struct source {
    const char *path; /* borrowed */
    int behaviour;    /* of every line, or PS_ANY_BEHAVIOUR */
    bool held_out;
    uint32_t kind; /* of a held-out file's records */
};

struct reading {
    struct ps_preparation *p;
    struct ps_bar bar;
    uint64_t bytes_before; /* of the files that are done */
};

uint64_t ps_prepare_file_bytes(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
}

/* Every file that is to be read: the training inputs, then the given pairs. */
static int list_sources(const struct ps_prepare_options *o, struct source *source)
{
    int count = 0;
    for (int i = 0; i < o->inputs; i++)
        source[count++] = (struct source){.path = o->input[i].path, .behaviour = o->input[i].behaviour};
    if (o->rules.valid == PS_HOLDOUT_GIVEN)
        source[count++] = (struct source){o->valid_path, PS_ANY_BEHAVIOUR, true, PS_KIND_VALID};
    if (o->rules.test == PS_HOLDOUT_GIVEN)
        source[count++] = (struct source){o->test_path, PS_ANY_BEHAVIOUR, true, PS_KIND_TEST};
    if (o->sessions.test == PS_TEST_GIVEN)
        source[count++] = (struct source){o->test_path, PS_ANY_BEHAVIOUR, true, PS_KIND_TEST};
    return count;
}

/* What a file of sessions must have, which goes for the test's too. */
static int open_sessions(const struct ps_prepare_options *o, const struct source *s, struct ps_input **input, struct ps_error *err)
{
    int status = ps_input_open(input, s->path, &o->format, o->stop, err);
    if (status)
        return status;
    if (o->rules.behaviours && !ps_input_has(*input, PS_COLUMN_BEHAVIOUR))
        status = ps_fail(err, PS_EXIT_DATA, "%s has no column for the operation; name it with --behaviour-column", s->path);
    else if ((o->since || o->sessions.test == PS_TEST_FROM || (o->sessions.gap > 0 && o->sessions.gap < INFINITY)) &&
             !ps_input_has(*input, PS_COLUMN_TIME))
        status = ps_fail(err, PS_EXIT_DATA,
                         "%s has no column for the time, which --test-from, --session-gap and --since need; name it with "
                         "--time-column",
                         s->path);
    if (status)
        ps_input_close(*input);
    return status;
}

static int open_source(const struct ps_prepare_options *o, const struct source *s, struct ps_input **input,
                       struct ps_error *err)
{
    struct ps_input_format format = o->format;
    if (o->sessions.enabled)
        return open_sessions(o, s, input, err);
    if (s->held_out || s->behaviour != PS_ANY_BEHAVIOUR)
        format.column[PS_COLUMN_BEHAVIOUR] = NULL; /* need not be there */
    if (s->held_out)
        format.column[PS_COLUMN_TIME] = NULL;
    int status = ps_input_open(input, s->path, &format, o->stop, err);
    if (status || s->held_out)
        return status;
    bool by_time = o->since || o->rules.test == PS_HOLDOUT_LAST_TIME || o->rules.valid == PS_HOLDOUT_LAST_TIME;
    if (s->behaviour == PS_ANY_BEHAVIOUR && !ps_input_has(*input, PS_COLUMN_BEHAVIOUR))
        status = ps_fail(err, PS_EXIT_DATA,
                         "%s has no column for the behaviour; name it with --behaviour-column, or give the file as "
                         "%s=%s if all of its lines are of one behaviour",
                         s->path, o->behaviour[o->rules.behaviours - 1], s->path);
    else if (by_time && !ps_input_has(*input, PS_COLUMN_TIME))
        status = ps_fail(err, PS_EXIT_DATA,
                         "%s has no column for the time, which last-by-time needs, and --since too; name it with --time-column, or "
                         "choose other splits with --test and --valid",
                         s->path);
    if (status)
        ps_input_close(*input);
    return status;
}

int ps_prepare_bad(struct ps_preparation *p, struct ps_bar *bar, const struct ps_fields *fields, const char *reason,
                   struct ps_error *err)
{
    struct ps_prepare_stats *stats = p->stats;
    char text[sizeof p->first_bad];
    snprintf(text, sizeof text, "%.150s:%llu: %.80s", ps_fields_path(fields), (unsigned long long)ps_fields_line(fields), reason);
    if (stats->bad++ == 0)
        memcpy(p->first_bad, text, sizeof text);
    if (stats->bad <= PS_BAD_SHOWN) {
        ps_bar_end(bar);
        ps_warn("%s", text);
    }
    if (stats->bad <= p->options->max_bad)
        return 0;
    return ps_fail(err, PS_EXIT_DATA, "%llu bad lines are more than --max-bad allows; the first is %s",
                   (unsigned long long)stats->bad, p->first_bad);
}

static void count_unknown(struct ps_prepare_stats *stats, const char *name, size_t length)
{
    char shown[sizeof stats->unknown_behaviour[0].name];
    snprintf(shown, sizeof shown, "%.*s", (int)PS_MIN(length, sizeof shown - 1), name);
    for (char *c = shown; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    stats->unknown++;
    for (int i = 0; i < PS_UNKNOWN_SHOWN; i++) {
        if (i == stats->unknown_behaviours)
            memcpy(stats->unknown_behaviour[stats->unknown_behaviours++].name, shown, sizeof shown);
        if (!strcmp(stats->unknown_behaviour[i].name, shown)) {
            stats->unknown_behaviour[i].lines++;
            return;
        }
    }
}

bool ps_prepare_early(struct ps_preparation *p, const struct ps_event *event)
{
    bool early = p->options->since && event->time < p->options->since;
    p->stats->early += early;
    return early;
}

void ps_prepare_note_time(struct ps_preparation *p, uint32_t behaviour, const struct ps_event *event)
{
    if (!p->stats->shape.times[behaviour])
        return;
    p->stats->first = PS_MIN(p->stats->first, event->time);
    p->stats->last = PS_MAX(p->stats->last, event->time);
}

int ps_prepare_find_behaviour(const char (*name)[32], uint32_t count, const struct ps_event *event)
{
    for (uint32_t b = 0; b < count; b++)
        if (!memcmp(name[b], event->behaviour, PS_MIN(event->behaviour_length, sizeof name[b])) &&
            event->behaviour_length < sizeof name[b] && !name[b][event->behaviour_length])
            return (int)b;
    return PS_ANY_BEHAVIOUR;
}

int ps_prepare_pass_over(struct ps_preparation *p, const struct ps_event *event, const char **reason)
{
    if (!p->options->strict) {
        count_unknown(p->stats, event->behaviour, event->behaviour_length);
        return 0;
    }
    *reason = "a behaviour that --behaviours does not name";
    return 1;
}

/* One event into the spill. Returns 0, 1 for a bad line with its reason in *reason, or a negative status. */
static int take_event(struct reading *r, const struct source *s, const struct ps_event *event, const char **reason,
                      struct ps_error *err)
{
    struct ps_preparation *p = r->p;
    const struct ps_prepare_options *o = p->options;
    int target = (int)o->rules.behaviours - 1, behaviour = s->behaviour;
    struct ps_record record;
    if (behaviour == PS_ANY_BEHAVIOUR)
        behaviour = event->behaviour ? ps_prepare_find_behaviour(o->behaviour, o->rules.behaviours, event) : target;
    if (behaviour == PS_ANY_BEHAVIOUR)
        return ps_prepare_pass_over(p, event, reason);
    if (s->held_out && behaviour != target) {
        p->stats->not_target++;
        return 0;
    }
    if (!s->held_out && ps_prepare_early(p, event))
        return 0;
    if (!ps_names_allow(event->user, event->user_length) || !ps_names_allow(event->item, event->item_length)) {
        *reason = "a user or item with control characters, or longer than 4096 bytes";
        return 1;
    }
    record.user = ps_names_add(&p->names[PS_USERS], event->user, event->user_length);
    record.item = ps_names_add(&p->names[PS_ITEMS], event->item, event->item_length);
    record.when = ps_record_when(event->time, s->held_out ? s->kind : (uint32_t)behaviour);
    if (!s->held_out) {
        p->stats->events[behaviour]++;
        ps_prepare_note_time(p, (uint32_t)behaviour, event);
    }
    return ps_spill_put(p, &p->spill, &record, err);
}

static void show(struct reading *r, const struct ps_input *input)
{
    char detail[64];
    if (r->p->options->quiet)
        return;
    snprintf(detail, sizeof detail, "%.1f M lines", (double)r->p->stats->lines / 1e6);
    ps_bar_update(&r->bar, r->bytes_before + ps_fields_consumed(ps_input_fields(input)), detail);
}

static int read_source(struct reading *r, const struct source *s, struct ps_error *err)
{
    struct ps_prepare_stats *stats = r->p->stats;
    struct ps_input *input = NULL;
    struct ps_event event;
    int status = open_source(r->p->options, s, &input, err), result;
    if (status)
        return status;
    for (uint32_t b = 0; (!s->held_out || r->p->sessions) && b < stats->shape.behaviours; b++)
        if (s->behaviour == PS_ANY_BEHAVIOUR || s->behaviour == (int)b)
            stats->shape.times[b] &= ps_input_has(input, PS_COLUMN_TIME);
    while (!status && (result = ps_input_next(input, &event, err)) != PS_INPUT_END) {
        const char *reason = result == PS_INPUT_BAD ? ps_fields_reason(ps_input_fields(input)) : NULL;
        status = result < 0 ? result : 0;
        if (!(result == PS_INPUT_EVENT && event.continues) && ++stats->lines % LINES_PER_LOOK == 0)
            show(r, input);
        if (result == PS_INPUT_EVENT && r->p->sessions)
            status = ps_session_take(r->p, s->held_out, &event, ps_fields_line(ps_input_fields(input)), &reason, err);
        else if (result == PS_INPUT_EVENT)
            status = take_event(r, s, &event, &reason, err);
        if (status >= 0 && reason)
            status = ps_prepare_bad(r->p, &r->bar, ps_input_fields(input), reason, err);
    }
    r->bytes_before += ps_fields_consumed(ps_input_fields(input));
    if (r->p->sessions)
        r->p->sessions->lists += ps_fields_line(ps_input_fields(input));
    ps_input_close(input);
    return status;
}

/* A header that does not fit is found at once, not after an hour of the files before it. */
static int check_headers(const struct ps_prepare_options *o, const struct source *source, int count,
                         struct ps_error *err)
{
    int status = 0;
    for (int i = 0; !status && i < count; i++) {
        struct ps_input *input;
        if (!strcmp(source[i].path, "-"))
            continue;
        status = open_source(o, &source[i], &input, err);
        if (!status)
            ps_input_close(input);
    }
    return status;
}

int ps_prepare_read(struct ps_preparation *p, struct ps_error *err)
{
    const struct ps_prepare_options *o = p->options;
    struct source *source = ps_calloc((size_t)o->inputs + 2, sizeof *source);
    struct reading r = {.p = p};
    uint64_t bytes = 0;
    int count = list_sources(o, source);
    int status = check_headers(o, source, count, err);
    for (int i = 0; i < count; i++)
        bytes += ps_prepare_file_bytes(source[i].path);
    if (!o->quiet)
        ps_bar_begin(&r.bar, "reading", bytes);
    if (!status)
        status = ps_spill_open(p, &p->spill, err);
    for (int i = 0; !status && i < count; i++)
        status = read_source(&r, &source[i], err);
    ps_bar_end(&r.bar);
    free(source);
    if (status)
        return status;
    for (uint32_t b = 0; !p->sessions && b < o->rules.behaviours; b++)
        if (!p->stats->events[b])
            return ps_fail(err, PS_EXIT_DATA, "the input has no line of the behaviour '%s'%s%s%s", o->behaviour[b],
                           p->stats->unknown ? "; it has '" : "",
                           p->stats->unknown ? p->stats->unknown_behaviour[0].name : "",
                           p->stats->unknown ? "', which --behaviours does not name" : "");
    return ps_spill_rewind(p, &p->spill, err);
}
