/* prepare_sessions.c - sorted records of sessions become a dataset of sessions.
 *
 * How many steps each session has, and when it began, is known before its records are sorted. So it is known which sessions there
 * will be and in which order, and records are sorted straight into it: those of a session whose end is held out go to two places.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* qsort_r */
#endif
#include "data/prepare_steps.h"
#include "data/sessions_write.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The dataset's sessions, by key: those of training in the order of their start, whole ones of validation in that order too, then
 * the test's. */
struct plan {
    struct ps_preparation *p;
    uint32_t *key, *second; /* owned; by provisional number: its first place, and the one of its held-out copy */
    uint32_t *number;       /* owned; by key */
    uint64_t keys, train, valid;
    int64_t from; /* seconds; events from then on are held out; INT64_MAX: none by time */
};

struct writing {
    struct plan *plan;
    struct ps_sessions_writer *writer;
    uint8_t operation[PS_KIND_SHOWN + 1]; /* by the number that it had when it was read */
};

/* ---- which sessions there are ---- */

static uint64_t kept_steps(const struct ps_session_rules *rules, uint64_t steps)
{
    return rules->last ? PS_MIN(steps, rules->last) : steps;
}

/* How many of a session's last `kept` steps are held out, by a rule that holds out the ends of sessions. */
static uint64_t held_steps(const struct ps_session_rules *rules, uint64_t kept, uint64_t late)
{
    if (rules->test == PS_TEST_FROM)
        return PS_MIN(kept, late);
    if (rules->test != PS_TEST_LAST_ITEM || kept < rules->min_length + 1)
        return 0;
    return 1 + (rules->valid > 0 && kept >= rules->min_length + 2);
}

static int by_start(const void *left, const void *right, void *context)
{
    uint32_t l = *(const uint32_t *)left, r = *(const uint32_t *)right;
    const struct ps_session_facts *session = context;
    if (session[l].start != session[r].start)
        return session[l].start < session[r].start ? -1 : 1;
    return (l > r) - (l < r);
}

/* Counts each session's steps from the time on from which they are held out. */
static int count_late(struct plan *plan, struct ps_error *err)
{
    struct ps_preparation *p = plan->p;
    const struct ps_session_rules *rules = &p->options->sessions;
    struct ps_session_log *log = p->sessions;
    struct ps_record record;
    plan->from = INT64_MAX;
    if (rules->test != PS_TEST_FROM)
        return 0;
    double first = 1e-3 * (double)p->stats->first, last = 1e-3 * (double)p->stats->last;
    plan->from = (int64_t)ceil(rules->from_fraction ? first + (1 - rules->from) * (last - first) : rules->from);
    int status = 0;
    for (uint64_t i = 0; !status && i < p->spill.records; i++) {
        status = ps_spill_read(p, &p->spill, &record, 1, err);
        log->session[record.user].held +=
            ps_session_kind(&record) != PS_KIND_SHOWN && ps_session_seconds(&record) >= plan->from;
    }
    return status ? status : ps_spill_rewind(p, &p->spill, err);
}

static void append(struct plan *plan, uint32_t number, uint32_t *key)
{
    key[number] = (uint32_t)plan->keys;
    plan->number[plan->keys++] = number;
}

/* Sessions of the files of training: `order` has room for all of them. */
static void plan_training(struct plan *plan, uint32_t *order)
{
    const struct ps_session_rules *rules = &plan->p->options->sessions;
    struct ps_session_stats *stats = &plan->p->stats->sessions;
    struct ps_session_log *log = plan->p->sessions;
    uint64_t count = 0;
    for (uint32_t n = 0; n < log->train; n++)
        order[n] = n;
    qsort_r(order, log->train, sizeof *order, by_start, log->session);
    for (uint32_t i = 0; i < log->train; i++) {
        struct ps_session_facts *s = &log->session[order[i]];
        uint64_t kept = kept_steps(rules, s->steps), held = held_steps(rules, kept, s->held);
        if (kept < rules->min_length) {
            stats->short_sessions++;
            stats->dropped += s->steps;
        }
        s->held = kept < rules->min_length ? 0 : (uint32_t)held;
        if (kept - held >= rules->min_length)
            append(plan, order[i], plan->key), count++;
    }
    plan->valid = rules->test == PS_TEST_LAST_ITEM ? 0 : (uint64_t)((double)count * rules->valid);
    plan->train = count - plan->valid;
    for (uint32_t i = 0; i < log->train; i++) { /* the ends that are held out, where there is a step before the last of them */
        const struct ps_session_facts *s = &log->session[order[i]];
        bool held = s->held > 0 && kept_steps(rules, s->steps) > 1;
        if (held && rules->forget_test)
            held = rules->test == PS_TEST_LAST_ITEM && s->held > 1;
        if (held)
            append(plan, order[i], plan->second);
    }
}

static void plan_test_file(struct plan *plan)
{
    const struct ps_session_rules *rules = &plan->p->options->sessions;
    struct ps_session_stats *stats = &plan->p->stats->sessions;
    const struct ps_session_log *log = plan->p->sessions;
    for (uint32_t n = log->train; n < log->train + log->test.count; n++)
        if (kept_steps(rules, log->session[n].steps) < rules->min_length) {
            stats->short_sessions++;
            stats->dropped += log->session[n].steps;
        } else if (!rules->forget_test) {
            append(plan, n, plan->key);
        }
}

static int plan_init(struct plan *plan, struct ps_preparation *p, struct ps_error *err)
{
    struct ps_session_log *log = p->sessions;
    size_t sessions = (size_t)log->train + log->test.count;
    *plan = (struct plan){.p = p};
    plan->key = ps_malloc(sessions * sizeof *plan->key);
    plan->second = ps_malloc(sessions * sizeof *plan->second);
    plan->number = ps_malloc(2 * sessions * sizeof *plan->number);
    memset(plan->key, 0xff, sessions * sizeof *plan->key);
    memset(plan->second, 0xff, sessions * sizeof *plan->second);
    int status = count_late(plan, err);
    if (status)
        return status;
    uint32_t *order = ps_malloc(log->train * sizeof *order);
    plan_training(plan, order);
    free(order);
    plan_test_file(plan);
    p->stats->sessions.valid_sessions = plan->valid;
    if (!plan->train)
        return ps_fail(err, PS_EXIT_DATA,
                       "no session of the input has %llu steps to train on; see --min-length, --valid and what names a session",
                       (unsigned long long)p->options->sessions.min_length);
    return 0;
}

static void plan_fini(struct plan *plan)
{
    free(plan->key);
    free(plan->second);
    free(plan->number);
}

/* ---- one session ---- */

/* Where the last `steps` steps of the events begin; 0 where there are no more. */
static uint64_t last_steps(const struct ps_record *record, uint64_t count, uint64_t steps)
{
    uint64_t at = count;
    while (at > 0 && steps > 0)
        steps -= ps_session_kind(&record[--at]) != PS_KIND_SHOWN;
    return steps ? 0 : at;
}

static const char *session_name(const struct ps_preparation *p, uint32_t number, size_t *length)
{
    const struct ps_session_log *log = p->sessions;
    return number < log->train ? ps_names_get(&p->names[PS_USERS], number, length)
                               : ps_names_get(&log->test, number - log->train, length);
}

/* The event from which on the session's end is held out. */
static uint64_t held_from(const struct plan *plan, uint32_t number, const struct ps_record *record, uint64_t count)
{
    uint64_t first = 0;
    if (plan->p->options->sessions.test != PS_TEST_FROM)
        return last_steps(record, count, plan->p->sessions->session[number].held);
    while (first < count && ps_session_seconds(&record[first]) < plan->from)
        first++;
    return first;
}

static int take_session(void *context, uint64_t key, struct ps_record *record, uint64_t count, struct ps_error *err)
{
    struct writing *w = context;
    const struct plan *plan = w->plan;
    const struct ps_prepare_options *o = plan->p->options;
    uint32_t number = plan->number[key];
    const struct ps_session_facts *s = &plan->p->sessions->session[number];
    bool copy = plan->second[number] == key, given = number >= plan->p->sessions->train;
    for (uint64_t i = 0; i < count; i++)
        ps_session_set_kind(&record[i], w->operation[ps_session_kind(&record[i])]);
    ps_session_sort(record, count, o->format.column[PS_COLUMN_POSITION] != NULL);
    if (kept_steps(&o->sessions, s->steps) < s->steps) {
        uint64_t begin = last_steps(record, count, o->sessions.last);
        plan->p->stats->sessions.trimmed += copy ? 0 : begin;
        record += begin;
        count -= begin;
    }
    uint64_t first = s->held && !given ? held_from(plan, number, record, count) : 0;
    if (!given && !copy && s->held)
        count = first;
    if (key < plan->train)
        return ps_sessions_writer_add(w->writer, record, count, s->visitor, NULL, err);
    struct ps_held_session held = {.first = copy ? first : 0, .test = copy || given ? 0 : count};
    held.name = session_name(plan->p, number, &held.length);
    if (copy && o->sessions.test == PS_TEST_LAST_ITEM)
        held.test = s->held > 1 ? last_steps(record, count, 1) : 0;
    if (copy && o->sessions.forget_test)
        count = held.test;
    return ps_sessions_writer_add(w->writer, record, count, s->visitor, &held, err);
}

/* ---- the dataset ---- */

/* Operations are numbered by --behaviours, or else in the order of their names. */
static void number_operations(struct ps_preparation *p, uint8_t *operation)
{
    struct ps_session_stats *stats = &p->stats->sessions;
    char name[PS_MAX_BEHAVIOURS][32];
    operation[PS_KIND_SHOWN] = PS_KIND_SHOWN;
    for (uint32_t k = 0; k < stats->operations; k++) {
        uint32_t before = 0;
        for (uint32_t j = 0; j < stats->operations; j++)
            before += p->options->rules.behaviours ? j < k : strcmp(stats->operation[j], stats->operation[k]) < 0;
        operation[k] = (uint8_t)before;
        memcpy(name[before], stats->operation[k], sizeof name[before]);
    }
    if (!stats->operations)
        memcpy(name[stats->operations++], "event", sizeof "event");
    memcpy(stats->operation, name, stats->operations * sizeof *name);
}

static void shape_init(struct ps_sessions_shape *shape, const struct ps_preparation *p)
{
    const struct ps_session_rules *rules = &p->options->sessions;
    const struct ps_session_stats *stats = &p->stats->sessions;
    *shape = (struct ps_sessions_shape){.items = p->names[PS_ITEMS].count,
                                        .visitors = p->sessions->anonymous ? 0 : p->sessions->visitors.count,
                                        .operations = stats->operations,
                                        .feedbacks = rules->feedbacks,
                                        .times = p->stats->shape.times[0]};
    memcpy(shape->operation, stats->operation, sizeof shape->operation);
    memcpy(shape->feedback, rules->feedback, sizeof shape->feedback);
}

static int write_names(struct ps_preparation *p, const uint32_t *item, const uint32_t *visitor,
                       const struct ps_sessions_shape *shape, struct ps_dataset_files *files, struct ps_error *err)
{
    int status = ps_dataset_file_names(files, "items", &p->names[PS_ITEMS], item, err);
    if (!status && shape->visitors)
        status = ps_dataset_file_names(files, "visitors", &p->sessions->visitors, visitor, err);
    return status;
}

int ps_prepare_sessions(struct ps_preparation *p, struct ps_dataset_files *files, struct ps_error *err)
{
    struct ps_session_stats *stats = &p->stats->sessions;
    struct ps_sessions_shape shape;
    struct plan plan;
    int status = plan_init(&plan, p, err);
    if (status) {
        plan_fini(&plan);
        return status;
    }
    struct writing w = {.plan = &plan};
    number_operations(p, w.operation);
    shape_init(&shape, p);
    p->stats->shape.items = shape.items;
    stats->visitors = shape.visitors;
    uint32_t *item = ps_prepare_ids(p, PS_ITEMS, &p->names[PS_ITEMS]);
    uint32_t *visitor = ps_prepare_ids(p, PS_VISITORS, &p->sessions->visitors);
    for (uint32_t n = 0; shape.visitors && n < p->sessions->train + p->sessions->test.count; n++)
        p->sessions->session[n].visitor = visitor[p->sessions->session[n].visitor];
    struct ps_sink sink = {.keys = plan.keys,
                           .number = plan.number,
                           .key = plan.key,
                           .second = plan.second,
                           .item = item,
                           .memory = shape.items * 2 * sizeof(uint32_t) + plan.keys * sizeof(struct ps_session_facts),
                           .context = &w,
                           .take = take_session};
    status = ps_sessions_writer_new(&w.writer, files, &shape, stats, err);
    if (!status)
        status = ps_prepare_sort(p, &sink, err);
    if (!status)
        status = ps_sessions_writer_end(w.writer, err);
    if (!status)
        status = write_names(p, item, visitor, &shape, files, err);
    if (!status)
        status = ps_prepare_features_write(p, (uint32_t *const[]){NULL, item}, files, err);
    if (!status) {
        char *more = ps_prepare_yaml(p->options, p->stats);
        status = ps_sessions_writer_describe(w.writer, more, err);
        free(more);
    }
    ps_sessions_writer_free(w.writer);
    plan_fini(&plan);
    free(item);
    free(visitor);
    return status;
}
