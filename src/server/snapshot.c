/* snapshot.c - copies before first changes, and the thread that writes; see snapshot.h. */
#include "server/snapshot.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PLACES = 1 << 16, BATCH = 32, SELECT = 4096 };
static const double WAIT_MOST = 10; /* seconds that changes wait for the writer, in all */

/* The copy of a row that has changed before it was written. */
struct copy {
    struct copy *next; /* in its place of the hash table */
    uint32_t table, number;
    float row[];
};

struct table {
    struct ps_snapshot *snapshot;
    struct ps_rows *live; /* borrowed */
    uint32_t number;
};

struct ps_snapshot {
    struct ps_snapshot_plan plan;
    struct table *table;   /* owned */
    struct ps_rows *view;  /* owned: the tables as they were; chunks are shared with the live ones */
    uint8_t clock;         /* of rows that have changed since */
    pthread_t thread;
    /* `turn` makes the lock fair: whoever waits for `lock` holds it, so that the other one cannot come first again. */
    pthread_mutex_t turn, lock;
    pthread_cond_t room;
    /* Under the lock: what has been written, the copies, and stamps of rows that have not been written. */
    uint64_t segment, key; /* everything before (segment, key) has been */
    struct copy **place;   /* owned, by hash */
    uint64_t bytes, most, copies, waits;
    double waited;
    bool given_up;
    atomic_bool copied; /* nothing is left to be kept */
    atomic_bool ready;
    double spent; /* the shard's thread only */
    uint64_t needs;
    struct ps_file_entry file;
    struct ps_error err;
    int status;
};

static void enter(struct ps_snapshot *s)
{
    pthread_mutex_lock(&s->turn);
    pthread_mutex_lock(&s->lock);
    pthread_mutex_unlock(&s->turn);
}

static void leave(struct ps_snapshot *s)
{
    pthread_mutex_unlock(&s->lock);
}

static uint64_t segment_of(const struct ps_snapshot *s, uint32_t slot, uint32_t table)
{
    return (uint64_t)slot * s->plan.tables + table;
}

static struct copy **place_of(struct ps_snapshot *s, uint32_t table, uint32_t number)
{
    return &s->place[ps_mix64((uint64_t)table << 32 | number) % PLACES];
}

static bool is_written(const struct ps_snapshot *s, uint32_t table, uint64_t key)
{
    uint64_t segment = segment_of(s, ps_slot_of(&s->plan.spec[table], table, key), table);
    return segment < s->segment || (segment == s->segment && key < s->key);
}

/* Waits for room for one more copy; false where the snapshot is given up. */
static bool wait_for_room(struct ps_snapshot *s)
{
    double begin = ps_now();
    double left = WAIT_MOST - s->waited;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)left;
    until.tv_nsec += (long)((left - (double)(time_t)left) * 1e9);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int late = left <= 0 ? 1 : pthread_cond_timedwait(&s->room, &s->lock, &until);
    s->waited += ps_now() - begin;
    if (late && !s->given_up) {
        s->given_up = true;
        ps_fail(&s->err, PS_EXIT_STORAGE, "%s could not be written as fast as rows changed: training had waited %.0f s for it, "
                "with %.0f MiB of rows kept; raise checkpoint.memory", s->plan.folder->path, s->waited,
                (double)s->plan.memory / (1 << 20));
    }
    return !s->given_up;
}

static void keep(struct ps_snapshot *s, const struct ps_rows *view, uint32_t table, uint32_t number)
{
    size_t row = view->width * sizeof(float), size = sizeof(struct copy) + row;
    bool waits = false;
    while (s->bytes && s->bytes + size > s->plan.memory && !is_written(s, table, ps_rows_key(view, number))) {
        s->waits += !waits;
        waits = true;
        if (!wait_for_room(s))
            return;
    }
    if (waits && is_written(s, table, ps_rows_key(view, number)))
        return;
    struct copy *copy = ps_malloc(size), **place = place_of(s, table, number);
    *copy = (struct copy){.next = *place, .table = table, .number = number};
    memcpy(copy->row, ps_rows_at(view, number), row);
    *place = copy;
    s->bytes += size;
    s->most = PS_MAX(s->most, s->bytes);
    s->copies++;
}

/* By its stamp: whether a row has changed, or gone, since the snapshot was taken; then the file has it only where it was kept. */
static bool has_changed(const struct ps_snapshot *s, uint8_t stamp)
{
    return stamp == s->clock || stamp == PS_ROW_GONE;
}

static void guard(void *ctx, const uint32_t *number, uint32_t n, uint8_t to)
{
    struct table *t = ctx;
    struct ps_snapshot *s = t->snapshot;
    const struct ps_rows *view = &s->view[t->number];
    if (atomic_load_explicit(&s->copied, memory_order_acquire)) {
        t->live->guard = NULL;
        for (uint32_t i = 0; i < n; i++)
            *ps_rows_stamp(t->live, number[i]) = to;
        return;
    }
    double begin = ps_now();
    enter(s);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *stamp = ps_rows_stamp(t->live, number[i]); /* of one that goes, and is newer than the view, too */
        if (!s->given_up && !has_changed(s, *stamp) && *stamp >= s->plan.since && !is_written(s, t->number, ps_rows_key(view, number[i])))
            keep(s, view, t->number, number[i]);
        *stamp = to;
    }
    leave(s);
    s->spent += ps_now() - begin;
}

/* Where the copy of a row is linked in, or the end of its list. */
static struct copy **find_copy(struct ps_snapshot *s, uint32_t table, uint32_t number)
{
    struct copy **place = place_of(s, table, number);
    while (*place && ((*place)->table != table || (*place)->number != number))
        place = &(*place)->next;
    return place;
}

uint32_t *ps_snapshot_select(struct ps_snapshot *s, uint32_t table, uint32_t *count)
{
    const struct ps_rows *view = &s->view[table];
    uint32_t *number = ps_malloc(view->count * sizeof *number);
    *count = 0;
    for (uint32_t i = 0; i < view->count;) {
        enter(s);
        for (uint32_t end = PS_MIN(i + SELECT, view->count); i < end; i++) {
            uint8_t stamp = *ps_rows_stamp(view, i);
            if (has_changed(s, stamp) ? *find_copy(s, table, i) != NULL : stamp >= s->plan.since)
                number[(*count)++] = i;
        }
        leave(s);
    }
    return ps_realloc(number, PS_MAX(*count, 1u), sizeof *number);
}

int ps_snapshot_copy(struct ps_snapshot *s, uint32_t slot, uint32_t table, const struct ps_keyed_row *row, uint32_t n,
                     uint64_t *key, float *value, struct ps_error *err)
{
    const struct ps_rows *view = &s->view[table];
    size_t size = view->width * sizeof *value;
    for (uint32_t first = 0; first < n; first += BATCH) {
        uint32_t end = PS_MIN(first + BATCH, n);
        bool freed = false;
        enter(s);
        bool given_up = s->given_up;
        for (uint32_t i = first; !given_up && i < end; i++) {
            struct copy **place = has_changed(s, *ps_rows_stamp(view, row[i].number)) ? find_copy(s, table, row[i].number) : NULL;
            struct copy *copy = place ? *place : NULL;
            PS_ASSERT(!place || copy);
            key[i] = row[i].key;
            memcpy((char *)value + i * size, copy ? copy->row : ps_rows_at(view, row[i].number), size);
            if (copy) {
                *place = copy->next;
                s->bytes -= sizeof *copy + size;
                freed = true;
                free(copy);
            }
        }
        s->segment = segment_of(s, slot, table);
        s->key = row[end - 1].key + 1;
        if (freed)
            pthread_cond_signal(&s->room);
        leave(s);
        if (given_up)
            return ps_fail(err, PS_EXIT_STORAGE, "the snapshot was given up");
    }
    return 0;
}

void ps_snapshot_needs(struct ps_snapshot *s, uint64_t bytes)
{
    s->needs = bytes;
}

static void *write_file(void *arg)
{
    struct ps_snapshot *s = arg;
    const struct ps_snapshot_plan *p = &s->plan;
    struct ps_error err;
    int status = ps_checkpoint_write(&p->marks, p->spec, p->tables, p->optimizer, s->view, s, p->folder, &s->file, &err);
    enter(s);
    if (status && !s->given_up)
        s->err = err;
    s->given_up |= status != 0;
    pthread_cond_signal(&s->room);
    leave(s);
    s->status = status;
    atomic_store(&s->copied, true);
    atomic_store(&s->ready, true);
    return NULL;
}

struct ps_snapshot *ps_snapshot_take(const struct ps_snapshot_plan *plan)
{
    struct ps_snapshot *s = ps_calloc(1, sizeof *s);
    s->plan = *plan;
    s->place = ps_calloc(PLACES, sizeof *s->place);
    s->table = ps_calloc(plan->tables, sizeof *s->table);
    s->view = ps_calloc(plan->tables, sizeof *s->view);
    for (uint32_t t = 0; t < plan->tables; t++) {
        struct ps_rows *live = &plan->rows[t];
        PS_ASSERT(!live->guard && live->clock < UINT8_MAX);
        s->view[t] = *live;
        s->view[t].chunk = ps_malloc(live->chunks * sizeof *live->chunk);
        if (live->chunks)
            memcpy(s->view[t].chunk, live->chunk, live->chunks * sizeof *live->chunk);
        s->table[t] = (struct table){s, live, t};
        s->clock = ++live->clock;
        live->guard = guard;
        live->guard_ctx = &s->table[t];
    }
    pthread_mutex_init(&s->turn, NULL);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&s->room, &clock);
    pthread_condattr_destroy(&clock);
    if (pthread_create(&s->thread, NULL, write_file, s))
        ps_die(PS_EXIT_FAIL, "cannot start a thread; check 'ulimit -u'");
    return s;
}

bool ps_snapshot_ready(const struct ps_snapshot *s)
{
    return atomic_load(&s->ready);
}

double ps_snapshot_spent(const struct ps_snapshot *s)
{
    return s->spent;
}

int ps_snapshot_end(struct ps_snapshot *s, struct ps_file_entry *file, struct ps_cost *cost, struct ps_error *err)
{
    pthread_join(s->thread, NULL);
    int status = s->status;
    if (status)
        *err = s->err;
    else
        *file = s->file;
    cost->copies = s->copies;
    cost->waits = s->waits;
    cost->memory = s->most + s->needs + PLACES * sizeof *s->place;
    for (uint32_t t = 0; t < s->plan.tables; t++) {
        cost->memory += s->view[t].chunks * sizeof *s->view[t].chunk;
        s->table[t].live->guard = NULL;
        free(s->view[t].chunk);
    }
    for (uint32_t i = 0; i < PLACES; i++)
        for (struct copy *copy = s->place[i], *next; copy; copy = next) {
            next = copy->next;
            free(copy);
        }
    ps_marks_fini(&s->plan.marks);
    pthread_mutex_destroy(&s->turn);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->room);
    free(s->place), free(s->table), free(s->view), free(s);
    return status;
}

void ps_snapshot_cancel(struct ps_snapshot *s)
{
    struct ps_error ignored;
    struct ps_file_entry file;
    struct ps_cost cost;
    if (!s)
        return;
    enter(s);
    s->given_up = true;
    leave(s);
    if (!ps_snapshot_end(s, &file, &cost, &ignored))
        return; /* it was written already: whoever cancels removes the folder */
}
