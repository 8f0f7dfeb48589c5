/* sessions_refine.c - what becomes of records when all have been read and none has been sorted: a user's events are cut into
 * sessions where there was a pause, and events of rare items are dropped. Each is a pass from one spill to the next. */
#include "data/prepare_steps.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A spill, and what is known of its sessions, that take the place of the ones that are read. */
struct next {
    struct ps_preparation *p;
    struct ps_spill spill;
    struct ps_session_log log; /* only its sessions, and names where they are cut */
    struct ps_names names;
    uint32_t number; /* the last session's */
};

static int put(struct next *next, const struct ps_record *record, uint32_t visitor, struct ps_error *err)
{
    ps_session_note(&next->log, &next->spill, record)->visitor = visitor;
    return ps_spill_put(next->p, &next->spill, record, err);
}

/* The next spill becomes the one that is read. */
static int take_place(struct next *next, struct ps_error *err)
{
    struct ps_session_log *log = next->p->sessions;
    int status = ps_spill_rewind(next->p, &next->spill, err);
    ps_spill_close(&next->p->spill);
    next->p->spill = next->spill;
    free(log->session);
    log->session = next->log.session;
    log->capacity = next->log.capacity;
    return status;
}

static void abandon(struct next *next)
{
    ps_spill_close(&next->spill);
    free(next->log.session);
}

/* ---- pauses ---- */

/* One user's events, whose sessions are called USER#1, USER#2, ... */
static int cut_user(void *context, uint64_t user, struct ps_record *record, uint64_t count, struct ps_error *err)
{
    struct next *next = context;
    struct ps_session_log *log = next->p->sessions;
    bool test = user >= log->train;
    uint32_t visitor = log->session[user].visitor, session = 0;
    int status = 0;
    ps_session_sort(record, count, false);
    for (uint64_t i = 0; !status && i < count; i++) {
        double pause = i ? (double)(ps_session_seconds(&record[i]) - ps_session_seconds(&record[i - 1])) : INFINITY;
        if (pause > next->p->options->sessions.gap) {
            size_t length;
            const char *name = ps_names_get(&log->visitors, visitor, &length);
            char *text = ps_format("%.*s#%" PRIu32, (int)length, name, ++session);
            next->number = ps_names_add(test ? &next->log.test : &next->names, text, strlen(text));
            next->number += test ? next->names.count : 0;
            free(text);
        }
        struct ps_record r = {next->number, record[i].item, record[i].when};
        status = put(next, &r, visitor, err);
    }
    return status;
}

static int cut(struct ps_preparation *p, struct ps_error *err)
{
    struct ps_session_log *log = p->sessions;
    uint32_t users = log->train + log->test.count, items = p->names[PS_ITEMS].count;
    uint32_t *same = ps_malloc(PS_MAX(users, items) * sizeof *same);
    struct next next = {.p = p};
    for (uint32_t i = 0; i < PS_MAX(users, items); i++)
        same[i] = i;
    ps_names_init(&next.names);
    ps_names_init(&next.log.test);
    struct ps_sink sink = {.keys = users, .number = same, .key = same, .item = same, .context = &next, .take = cut_user,
                           .memory = PS_MAX(users, items) * sizeof *same};
    int status = ps_spill_open(p, &next.spill, err);
    if (!status)
        status = ps_prepare_sort(p, &sink, err);
    free(same);
    if (status) {
        ps_names_fini(&next.names);
        ps_names_fini(&next.log.test);
        abandon(&next);
        return status;
    }
    ps_names_fini(&p->names[PS_USERS]);
    ps_names_fini(&log->test);
    p->names[PS_USERS] = next.names;
    log->test = next.log.test;
    log->train = next.names.count;
    return take_place(&next, err);
}

/* ---- rare items ---- */

/* How many steps each item has; the caller frees the counts. */
static int count_items(struct ps_preparation *p, uint32_t **count, struct ps_error *err)
{
    struct ps_record record;
    int status = 0;
    *count = ps_calloc(p->names[PS_ITEMS].count, sizeof **count);
    for (uint64_t i = 0; !status && i < p->spill.records; i++) {
        status = ps_spill_read(p, &p->spill, &record, 1, err);
        (*count)[record.item] += ps_session_kind(&record) != PS_KIND_SHOWN;
    }
    return status ? status : ps_spill_rewind(p, &p->spill, err);
}

/* The names of items that are not rare take the place of all; count[] becomes their numbers, or PS_NO_NAME. The dictionary's names
 * stay, whether they are rare or not. */
static void renumber_items(struct ps_preparation *p, uint32_t *count)
{
    struct ps_names *all = &p->names[PS_ITEMS], names;
    ps_names_init(&names);
    for (uint32_t n = 0; n < all->count; n++) {
        bool rare = count[n] < p->options->sessions.min_item_count;
        size_t length;
        const char *name = ps_names_get(all, n, &length);
        p->stats->sessions.rare_items += rare && n >= p->kept[PS_ITEMS];
        count[n] = rare ? PS_NO_NAME : 0;
        if (!rare || n < p->kept[PS_ITEMS]) {
            uint32_t number = ps_names_add(&names, name, length);
            count[n] = rare ? PS_NO_NAME : number;
        }
    }
    ps_names_fini(all);
    *all = names;
}

static int drop_rare(struct ps_preparation *p, struct ps_error *err)
{
    uint32_t *number = NULL, sessions = p->sessions->train + p->sessions->test.count;
    struct next next = {.p = p};
    struct ps_record record;
    int status = count_items(p, &number, err);
    if (!status)
        renumber_items(p, number);
    if (!status)
        status = ps_spill_open(p, &next.spill, err);
    for (uint64_t i = 0; !status && i < p->spill.records; i++) {
        status = ps_spill_read(p, &p->spill, &record, 1, err);
        record.item = number[record.item];
        if (record.item == PS_NO_NAME)
            p->stats->sessions.rare_events++;
        else if (!status)
            status = put(&next, &record, p->sessions->session[record.user].visitor, err);
    }
    free(number);
    if (status) {
        abandon(&next);
        return status;
    }
    ps_spill_reserve(&next.spill, sessions); /* those that have lost all events are there, without any */
    ps_session_reserve(&next.log, sessions);
    return take_place(&next, err);
}

int ps_sessions_refine(struct ps_preparation *p, struct ps_error *err)
{
    const struct ps_session_rules *rules = &p->options->sessions;
    int status = rules->gap > 0 && rules->gap < INFINITY ? cut(p, err) : 0;
    if (!status && rules->min_item_count > 1)
        status = drop_rare(p, err);
    return status;
}
