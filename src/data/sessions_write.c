/* sessions_write.c - columns of events, blocks, cases and dataset.yaml; see sessions_write.h.
 *
 * Events are gathered for one block of sessions at a time, as in dataset_write.c. A block ends with the last session of
 * training, so that every block is either training's or held out.
 */
#include "data/sessions_write.h"
#include "common/yaml.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum column { OFFSET, ITEM, OPERATION, TIME, FEEDBACK, VISITOR, FIRST, TARGETS, COLUMNS };

static const char *const column_names[COLUMNS][2] = {
    {"session", "offset"}, {"event", "item"},      {"event", "operation"}, {"event", "time"},
    {"event", "feedback"}, {"session", "visitor"}, {"session", "first"},   {"session", "targets"}};

struct held_case {
    struct ps_case at; /* the session is numbered among the held-out ones */
    uint32_t item;
};

struct case_list {
    struct held_case *c; /* owned */
    size_t count, capacity;
};

struct held_name {
    const char *name; /* borrowed */
    size_t length;
};

struct ps_sessions_writer {
    struct ps_dataset_files *files; /* borrowed */
    struct ps_session_stats *stats; /* borrowed */
    struct ps_sessions_shape shape;
    struct ps_writer column[COLUMNS];
    uint32_t *count; /* owned; training steps by item */
    struct ps_blocks blocks;
    uint64_t training_blocks;
    uint32_t *item; /* owned, as the next three; this block's events */
    uint8_t *operation, *feedback;
    int64_t *time;
    uint64_t pending;
    size_t capacity;
    struct case_list valid, test;
    struct held_name *held; /* owned; by held-out session */
    size_t held_capacity;
};

/* Which columns there are. */
static bool has(const struct ps_sessions_writer *w, enum column c)
{
    if (c == TIME)
        return w->shape.times;
    if (c == FEEDBACK)
        return w->shape.feedbacks > 0;
    return c != VISITOR || w->shape.visitors > 0;
}

int ps_sessions_writer_new(struct ps_sessions_writer **writer, struct ps_dataset_files *files,
                           const struct ps_sessions_shape *shape, struct ps_session_stats *stats, struct ps_error *err)
{
    struct ps_sessions_writer *w = ps_calloc(1, sizeof *w);
    uint64_t zero = 0;
    int status = 0;
    w->files = files;
    w->stats = stats;
    w->shape = *shape;
    w->count = ps_calloc(shape->items, sizeof *w->count);
    ps_blocks_init(&w->blocks);
    for (int c = 0; !status && c < COLUMNS; c++) {
        if (has(w, c))
            status = ps_dataset_file_open(files, &w->column[c], column_names[c][0], column_names[c][1], err);
        if (!status && (c == OFFSET || c == TARGETS))
            status = ps_writer_put(&w->column[c], &zero, sizeof zero, err);
    }
    if (status) {
        ps_sessions_writer_free(w);
        return status;
    }
    *writer = w;
    return 0;
}

void ps_sessions_writer_free(struct ps_sessions_writer *w)
{
    if (!w)
        return;
    for (int c = 0; c < COLUMNS; c++)
        ps_writer_abandon(&w->column[c]);
    ps_blocks_fini(&w->blocks);
    free(w->count);
    free(w->item);
    free(w->operation);
    free(w->feedback);
    free(w->time);
    free(w->valid.c);
    free(w->test.c);
    free(w->held);
    free(w);
}

/* ---- sessions and blocks ---- */

/* Writes out the block that has been gathered; its sum goes over its part of each column of events, in their order. */
static int end_block(struct ps_sessions_writer *w, struct ps_error *err)
{
    const void *data[COLUMNS] = {[ITEM] = w->item, [OPERATION] = w->operation, [TIME] = w->time, [FEEDBACK] = w->feedback};
    const size_t size[COLUMNS] = {[ITEM] = sizeof *w->item,
                                  [OPERATION] = sizeof *w->operation,
                                  [TIME] = sizeof *w->time,
                                  [FEEDBACK] = sizeof *w->feedback};
    uint64_t sum = 0;
    int status = 0;
    if (!w->pending)
        return 0;
    for (enum column c = ITEM; !status && c <= FEEDBACK; c++) {
        if (!has(w, c))
            continue;
        status = ps_writer_put(&w->column[c], data[c], w->pending * size[c], err);
        sum = ps_hash64(data[c], w->pending * size[c], sum);
    }
    w->pending = 0;
    ps_blocks_add(&w->blocks, w->stats->sessions, sum);
    return status;
}

static void reserve(struct ps_sessions_writer *w, uint64_t count)
{
    if (w->pending + count <= w->capacity)
        return;
    w->capacity = w->pending + count + PS_BLOCK_INTERACTIONS;
    w->item = ps_realloc(w->item, w->capacity, sizeof *w->item);
    w->operation = ps_realloc(w->operation, w->capacity, sizeof *w->operation);
    w->time = ps_realloc(w->time, w->capacity, sizeof *w->time);
    w->feedback = ps_realloc(w->feedback, w->capacity, sizeof *w->feedback);
}

/* Adds the events to the block, and counts them; returns how many of them are steps. */
static uint64_t gather(struct ps_sessions_writer *w, const struct ps_record *record, uint64_t count, bool training)
{
    struct ps_session_stats *stats = w->stats;
    uint64_t steps = 0;
    reserve(w, count);
    for (uint64_t i = 0; i < count; i++, w->pending++) {
        uint32_t kind = ps_session_kind(&record[i]);
        bool step = kind != PS_KIND_SHOWN;
        w->item[w->pending] = record[i].item;
        w->operation[w->pending] = step ? (uint8_t)kind : PS_SHOWN;
        w->time[w->pending] = ps_session_seconds(&record[i]);
        w->feedback[w->pending] = ps_session_feedback(&record[i]);
        steps += step;
        if (!training) {
            stats->cold_events += !w->count[record[i].item];
            continue;
        }
        w->count[record[i].item] += step;
        stats->shown += !step;
        if (step)
            stats->operation_steps[kind]++;
        for (uint32_t k = 0; k < w->shape.feedbacks; k++)
            stats->feedback_events[k] += ps_session_feedback(&record[i]) >> k & 1;
    }
    stats->events += count;
    stats->steps += steps;
    stats->longest = PS_MAX(stats->longest, steps);
    return steps;
}

static void add_case(struct ps_sessions_writer *w, struct case_list *list, uint64_t position, uint32_t item, uint64_t *cold)
{
    PS_GROW(list->c, list->capacity, list->count + 1);
    list->c[list->count++] = (struct held_case){{(uint32_t)w->stats->held, (uint32_t)position}, item};
    *cold += !w->count[item];
}

/* The session's cases, the longest history first. */
static void list_cases(struct ps_sessions_writer *w, const struct ps_record *record, uint64_t count,
                       const struct ps_held_session *held)
{
    uint64_t earliest = 0; /* step */
    while (earliest < count && ps_session_kind(&record[earliest]) == PS_KIND_SHOWN)
        earliest++;
    for (uint64_t i = count; i-- > PS_MAX(held->first, earliest + 1);) {
        if (ps_session_kind(&record[i]) == PS_KIND_SHOWN)
            continue;
        if (i < held->test)
            add_case(w, &w->valid, i, record[i].item, &w->stats->cold_valid);
        else
            add_case(w, &w->test, i, record[i].item, &w->stats->cold_test);
    }
}

int ps_sessions_writer_add(struct ps_sessions_writer *w, const struct ps_record *record, uint64_t count, uint32_t visitor,
                           const struct ps_held_session *held, struct ps_error *err)
{
    struct ps_session_stats *stats = w->stats;
    int status = 0;
    if (held && stats->train == stats->sessions) { /* the first one after training */
        status = end_block(w, err);
        w->training_blocks = w->blocks.count;
    }
    uint64_t steps = gather(w, record, count, !held);
    if (held) {
        uint32_t first = (uint32_t)held->first;
        list_cases(w, record, count, held);
        PS_GROW(w->held, w->held_capacity, stats->held + 1);
        w->held[stats->held++] = (struct held_name){held->name, held->length};
        if (!status)
            status = ps_writer_put(&w->column[FIRST], &first, sizeof first, err);
    } else {
        stats->train++;
        stats->train_events += count;
        stats->train_steps += steps;
        stats->targets += steps - 1;
        status = ps_writer_put(&w->column[TARGETS], &stats->targets, sizeof stats->targets, err);
    }
    stats->sessions++;
    if (!status)
        status = ps_writer_put(&w->column[OFFSET], &stats->events, sizeof stats->events, err);
    if (!status && has(w, VISITOR))
        status = ps_writer_put(&w->column[VISITOR], &visitor, sizeof visitor, err);
    if (!status && w->pending >= PS_BLOCK_INTERACTIONS)
        status = end_block(w, err);
    return status;
}

/* ---- cases ---- */

/* The cases of one split in their three files: where they are, their targets, and their names. */
static int put_cases(struct ps_sessions_writer *w, const struct case_list *list, const char *split, struct ps_writer *cases,
                     struct ps_names *names, struct ps_error *err)
{
    struct ps_writer pairs = {0};
    int status = ps_dataset_file_open(w->files, &pairs, split, "pairs", err);
    for (size_t i = 0; !status && i < list->count; i++) {
        const struct held_case *c = &list->c[i];
        struct ps_case at = {(uint32_t)w->stats->train + c->at.session, c->at.position};
        struct ps_pair pair = {names->count, c->item};
        const struct held_name *session = &w->held[c->at.session];
        char *name = ps_format("%.*s/%" PRIu32, (int)session->length, session->name, at.position);
        /* Sessions of training and of the test's own file may have one name: then the test's has a ~ behind. */
        while (ps_names_add(names, name, strlen(name)) != pair.user) {
            char *longer = ps_format("%s~", name);
            free(name);
            name = longer;
        }
        free(name);
        status = ps_writer_put(cases, &at, sizeof at, err);
        if (!status)
            status = ps_writer_put(&pairs, &pair, sizeof pair, err);
    }
    if (!status)
        status = ps_dataset_file_close(w->files, &pairs, err);
    ps_writer_abandon(&pairs);
    return status;
}

static int write_cases(struct ps_sessions_writer *w, struct ps_error *err)
{
    struct ps_writer cases = {0};
    struct ps_names names;
    ps_names_init(&names);
    int status = ps_dataset_file_open(w->files, &cases, "session", "cases", err);
    if (!status)
        status = put_cases(w, &w->valid, "valid", &cases, &names, err);
    if (!status)
        status = put_cases(w, &w->test, "test", &cases, &names, err);
    if (!status)
        status = ps_dataset_file_close(w->files, &cases, err);
    if (!status) {
        uint32_t *id = ps_malloc(names.count * sizeof *id);
        for (uint32_t n = 0; n < names.count; n++)
            id[n] = n;
        status = ps_dataset_file_names(w->files, "users", &names, id, err);
        free(id);
    }
    ps_writer_abandon(&cases);
    ps_names_fini(&names);
    return status;
}

int ps_sessions_writer_end(struct ps_sessions_writer *w, struct ps_error *err)
{
    struct ps_session_stats *stats = w->stats;
    int status = end_block(w, err);
    if (stats->train == stats->sessions)
        w->training_blocks = w->blocks.count;
    stats->valid_cases = w->valid.count;
    stats->test_cases = w->test.count;
    for (uint64_t i = 0; i < w->shape.items; i++)
        stats->cold_items += !w->count[i];
    for (int c = 0; !status && c < COLUMNS; c++)
        if (has(w, c))
            status = ps_dataset_file_close(w->files, &w->column[c], err);
    if (!status)
        status = ps_dataset_file_put(w->files, "event", "count", w->count, w->shape.items * sizeof *w->count, err);
    if (!status)
        status = write_cases(w, err);
    if (!status)
        status = ps_blocks_write(&w->blocks, w->files, err);
    return status;
}

static void put_list(FILE *out, const char *key, const char (*name)[32], uint32_t count)
{
    fprintf(out, "  %s: [", key);
    for (uint32_t k = 0; k < count; k++) {
        char *quoted = ps_yaml_quote(name[k]);
        fprintf(out, "%s%s", k ? ", " : "", quoted);
        free(quoted);
    }
    fputs("]\n", out);
}

int ps_sessions_writer_describe(struct ps_sessions_writer *w, const char *more, struct ps_error *err)
{
    const struct ps_session_stats *s = w->stats;
    struct ps_text text;
    FILE *out = ps_text_open(&text);
    fprintf(out,
            "users: %" PRIu64 "\nitems: %" PRIu64 "\nbehaviours:\n  - {name: \"event\", interactions: 0, times: no}\n"
            "union_pairs: 0\nblocks: %" PRIu64 "\nvalid: %" PRIu64 "\ntest: %" PRIu64 "\nsessions:\n",
            s->valid_cases + s->test_cases, w->shape.items, w->training_blocks, s->valid_cases, s->test_cases);
    fprintf(out,
            "  count: %" PRIu64 "\n  train: %" PRIu64 "\n  events: %" PRIu64 "\n  targets: %" PRIu64 "\n  longest: %" PRIu64
            "\n  held_out_blocks: %" PRIu64 "\n  visitors: %" PRIu64 "\n  times: %s\n",
            s->sessions, s->train, s->events, s->targets, s->longest, w->blocks.count - w->training_blocks, w->shape.visitors,
            w->shape.times ? "yes" : "no");
    put_list(out, "operations", w->shape.operation, w->shape.operations);
    put_list(out, "feedback", w->shape.feedback, w->shape.feedbacks);
    fputs(more, out);
    int status = ps_dataset_files_describe(w->files, ps_text_close(&text), err);
    free(text.text);
    return status;
}
