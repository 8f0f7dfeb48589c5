/* prepare_sort.c - the second pass: records go to buckets of users, and from there, user by user, to the columns.
 *
 * A bucket is a run of dense user ids whose records fit into the memory that is left beside the names. How many events
 * a user has is known from the first pass, so a bucket is read into its final order: no sort across users is needed,
 * and within a user the order of the input is kept.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* fread_unlocked, fwrite_unlocked */
#endif
#include "data/prepare_steps.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BUCKETS = 512, CHUNK = 4096, BUCKET_BUFFER = 64 << 10, BUFFERS = 32 << 20, LEAST_MEMORY = 8 << 20 };

struct bucket {
    uint64_t first_user;
    uint64_t records;
    FILE *file; /* owned */
};

struct sorting {
    struct ps_preparation *p;
    uint64_t users, items;
    uint32_t *number;                      /* owned; provisional number by dense user id */
    uint64_t *item_key;                    /* owned; hash of an item's name by dense id */
    uint16_t *bucket_of;                   /* owned; by dense user id */
    struct bucket bucket[MAX_BUCKETS + 1]; /* and one that ends the last */
    int buckets;
    struct ps_record *record; /* owned; one bucket's, user by user */
    uint64_t *end;            /* owned; of the users of one bucket: where their next record goes, then where they end */
    struct ps_bar bar;
    uint64_t done;
};

/* Bytes for the records of a bucket: what is left of --memory. */
static uint64_t bucket_bytes(const struct sorting *s)
{
    const struct ps_preparation *p = s->p;
    uint64_t by_user = 2 * sizeof(uint32_t) + sizeof *s->number + sizeof *s->bucket_of + sizeof *s->end;
    uint64_t by_item = sizeof(uint32_t) + sizeof *s->item_key + p->options->rules.behaviours * sizeof(uint32_t);
    uint64_t used = BUFFERS + ps_prepare_names_memory(p) + s->users * by_user + s->items * by_item;
    return p->options->memory > used + LEAST_MEMORY ? p->options->memory - used : LEAST_MEMORY;
}

static int plan_buckets(struct sorting *s, struct ps_error *err)
{
    uint64_t most = bucket_bytes(s) / sizeof(struct ps_record), all = 0;
    s->buckets = 0;
    for (uint64_t u = 0; u < s->users; u++) {
        uint64_t events = s->p->events[s->number[u]];
        struct bucket *last = &s->bucket[s->buckets - (s->buckets > 0)];
        if (!s->buckets || last->records + events > most) {
            if (s->buckets == MAX_BUCKETS)
                return ps_fail(err, PS_EXIT_DATA,
                               "the input needs more than %d buckets; give more memory with --memory", MAX_BUCKETS);
            last = &s->bucket[s->buckets++];
            *last = (struct bucket){.first_user = u};
        }
        last->records += events;
        all += events;
        s->bucket_of[u] = (uint16_t)(s->buckets - 1);
    }
    s->bucket[s->buckets].first_user = s->users;
    PS_ASSERT(all == s->p->records);
    return 0;
}

static void show(struct sorting *s, const char *what)
{
    if (!s->p->options->quiet)
        ps_bar_update(&s->bar, s->done, what);
}

/* Moves the spilled records into their buckets, with dense ids. */
static int fill_buckets(struct sorting *s, uint32_t *const id[2], struct ps_error *err)
{
    struct ps_preparation *p = s->p;
    struct ps_record chunk[CHUNK];
    for (int b = 0; b < s->buckets; b++) {
        s->bucket[b].file = ps_prepare_scratch(p, err);
        if (!s->bucket[b].file)
            return -PS_EXIT_STORAGE;
        setvbuf(s->bucket[b].file, NULL, _IOFBF, BUCKET_BUFFER);
    }
    for (uint64_t left = p->records; left;) {
        size_t n = fread_unlocked(chunk, sizeof *chunk, PS_MIN(left, (uint64_t)CHUNK), p->spill);
        if (!n)
            return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read temporary records in %s", p->folder);
        for (size_t i = 0; i < n; i++) {
            struct ps_record r = {id[PS_USERS][chunk[i].user], id[PS_ITEMS][chunk[i].item], chunk[i].when};
            if (fwrite_unlocked(&r, sizeof r, 1, s->bucket[s->bucket_of[r.user]].file) != 1)
                return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write temporary records to %s", p->folder);
        }
        left -= n;
        s->done += n;
        int status = ps_prepare_check_stop(p, err);
        if (status)
            return status;
        show(s, "sorting by user");
    }
    fclose(p->spill);
    p->spill = NULL;
    return 0;
}

/* Reads a bucket's records to where they belong. */
static int load_bucket(struct sorting *s, int b, struct ps_error *err)
{
    const struct ps_preparation *p = s->p;
    struct bucket *bucket = &s->bucket[b];
    uint64_t first = bucket->first_user, users = s->bucket[b + 1].first_user - first, at = 0;
    struct ps_record chunk[CHUNK];
    for (uint64_t u = 0; u < users; u++) {
        s->end[u] = at;
        at += p->events[s->number[first + u]];
    }
    PS_ASSERT(at == bucket->records);
    if (fflush(bucket->file) || fseeko(bucket->file, 0, SEEK_SET))
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write temporary records to %s", p->folder);
    for (uint64_t left = bucket->records; left;) {
        size_t n = fread_unlocked(chunk, sizeof *chunk, PS_MIN(left, (uint64_t)CHUNK), bucket->file);
        if (!n)
            return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read temporary records in %s", p->folder);
        for (size_t i = 0; i < n; i++)
            s->record[s->end[chunk[i].user - first]++] = chunk[i];
        left -= n;
    }
    fclose(bucket->file);
    bucket->file = NULL;
    return 0;
}

static int write_bucket(struct sorting *s, int b, struct ps_user_lists *lists, struct ps_dataset_writer *writer,
                        struct ps_error *err)
{
    struct ps_preparation *p = s->p;
    uint64_t first = s->bucket[b].first_user, users = s->bucket[b + 1].first_user - first, begin = 0;
    int status = load_bucket(s, b, err);
    for (uint64_t u = 0; !status && u < users; u++) {
        size_t length;
        const char *name = ps_names_get(&p->names[PS_USERS], s->number[first + u], &length);
        uint64_t count = s->end[u] - begin;
        ps_split_user(&p->options->rules, s->record + begin, count, ps_hash64(name, length, 0), s->item_key, lists,
                      &p->stats->split);
        status = ps_dataset_writer_add(writer, lists, err);
        begin += count;
        s->done += count;
        if (!status && u % 256 == 0) {
            status = ps_prepare_check_stop(p, err);
            show(s, "splitting and writing");
        }
    }
    return status;
}

/* The tables by dense id that both steps need. */
static void sorting_init(struct sorting *s, struct ps_preparation *p, uint32_t *const id[2])
{
    *s = (struct sorting){.p = p, .users = p->names[PS_USERS].count, .items = p->names[PS_ITEMS].count};
    s->number = ps_malloc(s->users * sizeof *s->number);
    s->bucket_of = ps_malloc(s->users * sizeof *s->bucket_of);
    s->item_key = ps_malloc(s->items * sizeof *s->item_key);
    for (uint32_t n = 0; n < s->users; n++)
        s->number[id[PS_USERS][n]] = n;
    for (uint32_t n = 0; n < s->items; n++) {
        size_t length;
        const char *name = ps_names_get(&p->names[PS_ITEMS], n, &length);
        s->item_key[id[PS_ITEMS][n]] = ps_hash64(name, length, 0);
    }
    if (p->events_capacity < s->users) { /* names of the dictionary that do not occur */
        p->events = ps_realloc(p->events, s->users, sizeof *p->events);
        memset(p->events + p->events_capacity, 0, (s->users - p->events_capacity) * sizeof *p->events);
        p->events_capacity = s->users;
    }
}

static void sorting_fini(struct sorting *s)
{
    for (int b = 0; b < s->buckets; b++)
        if (s->bucket[b].file)
            fclose(s->bucket[b].file);
    free(s->number);
    free(s->bucket_of);
    free(s->item_key);
    free(s->record);
    free(s->end);
}

int ps_prepare_sort(struct ps_preparation *p, uint32_t *const id[2], struct ps_dataset_writer *writer,
                    struct ps_error *err)
{
    struct sorting *s = ps_malloc(sizeof *s);
    struct ps_user_lists lists;
    uint64_t records = 0, users = 0;
    sorting_init(s, p, id);
    ps_user_lists_init(&lists);
    if (!p->options->quiet)
        ps_bar_begin(&s->bar, "preparing", 2 * p->records);
    int status = plan_buckets(s, err);
    if (!status)
        status = fill_buckets(s, id, err);
    for (int b = 0; b < s->buckets; b++) {
        records = PS_MAX(records, s->bucket[b].records);
        users = PS_MAX(users, s->bucket[b + 1].first_user - s->bucket[b].first_user);
    }
    if (!status) {
        s->record = ps_malloc(records * sizeof *s->record);
        s->end = ps_malloc(users * sizeof *s->end);
    }
    for (int b = 0; !status && b < s->buckets; b++)
        status = write_bucket(s, b, &lists, writer, err);
    ps_bar_end(&s->bar);
    ps_user_lists_fini(&lists);
    sorting_fini(s);
    free(s);
    return status;
}
