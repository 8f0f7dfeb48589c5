/* prepare_sort.c - the second pass: records go to buckets of keys (users, or sessions), and from there, key by key, to a sink.
 *
 * A bucket is a run of keys whose records fit into the memory that is left beside the names. How many events a key has is
 * known from the first pass, so a bucket is read into its final order: no sort across keys is needed, and within a
 * key the order of the input is kept.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* fread_unlocked, fwrite_unlocked */
#endif
#include "data/prepare_steps.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BUCKETS = 512, CHUNK = 4096, BUCKET_BUFFER = 64 << 10, BUFFERS = 32 << 20, LEAST_MEMORY = 8 << 20 };

struct bucket {
    uint64_t first_key;
    uint64_t records;
    FILE *file; /* owned */
};

struct sorting {
    struct ps_preparation *p;
    const struct ps_sink *sink;
    uint16_t *bucket_of;                   /* owned; by key */
    struct bucket bucket[MAX_BUCKETS + 1]; /* and one that ends the last */
    int buckets;
    struct ps_record *record; /* owned; one bucket's, key by key */
    uint64_t *end;            /* owned; of the keys of one bucket: where their next record goes, then where they end */
    struct ps_bar bar;
    uint64_t all, done; /* records for the sink */
};

/* Bytes for the records of a bucket: what is left of --memory. */
static uint64_t bucket_bytes(const struct sorting *s)
{
    const struct ps_preparation *p = s->p;
    uint64_t by_key = 2 * sizeof(uint32_t) + sizeof *s->sink->number + sizeof *s->bucket_of + sizeof *s->end;
    uint64_t used = BUFFERS + ps_prepare_names_memory(p) + s->sink->keys * by_key + s->sink->memory;
    return p->options->memory > used + LEAST_MEMORY ? p->options->memory - used : LEAST_MEMORY;
}

static int plan_buckets(struct sorting *s, struct ps_error *err)
{
    uint64_t most = bucket_bytes(s) / sizeof(struct ps_record);
    s->buckets = 0;
    for (uint64_t k = 0; k < s->sink->keys; k++) {
        uint64_t events = s->p->spill.events[s->sink->number[k]];
        struct bucket *last = &s->bucket[s->buckets - (s->buckets > 0)];
        if (!s->buckets || last->records + events > most) {
            if (s->buckets == MAX_BUCKETS)
                return ps_fail(err, PS_EXIT_DATA,
                               "the input needs more than %d buckets; give more memory with --memory", MAX_BUCKETS);
            last = &s->bucket[s->buckets++];
            *last = (struct bucket){.first_key = k};
        }
        last->records += events;
        s->all += events;
        s->bucket_of[k] = (uint16_t)(s->buckets - 1);
    }
    s->bucket[s->buckets].first_key = s->sink->keys;
    return 0;
}

static void show(struct sorting *s, const char *what)
{
    if (!s->p->options->quiet)
        ps_bar_update(&s->bar, s->done, what);
}

/* One record into the bucket of its key, if it has one. */
static int put_in_bucket(struct sorting *s, const uint32_t *key, const struct ps_record *record, struct ps_error *err)
{
    const struct ps_sink *sink = s->sink;
    if (key[record->user] == PS_NO_KEY)
        return 0;
    struct ps_record r = {key[record->user], sink->item[record->item], record->when};
    if (fwrite_unlocked(&r, sizeof r, 1, s->bucket[s->bucket_of[r.user]].file) != 1)
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write temporary records to %s", s->p->folder);
    s->done++;
    return 0;
}

/* Moves the spilled records into their buckets, with keys and dense item ids. */
static int fill_buckets(struct sorting *s, struct ps_error *err)
{
    struct ps_preparation *p = s->p;
    struct ps_record chunk[CHUNK];
    for (int b = 0; b < s->buckets; b++) {
        s->bucket[b].file = ps_prepare_scratch(p, err);
        if (!s->bucket[b].file)
            return -PS_EXIT_STORAGE;
        setvbuf(s->bucket[b].file, NULL, _IOFBF, BUCKET_BUFFER);
    }
    for (uint64_t left = p->spill.records; left;) {
        uint64_t n = PS_MIN(left, (uint64_t)CHUNK);
        int status = ps_spill_read(p, &p->spill, chunk, n, err);
        for (uint64_t i = 0; !status && i < n; i++) {
            status = put_in_bucket(s, s->sink->key, &chunk[i], err);
            if (!status && s->sink->second)
                status = put_in_bucket(s, s->sink->second, &chunk[i], err);
        }
        left -= n;
        if (status)
            return status;
        show(s, "sorting");
    }
    PS_ASSERT(s->done == s->all);
    fclose(p->spill.file);
    p->spill.file = NULL;
    return 0;
}

/* Reads a bucket's records to where they belong. */
static int load_bucket(struct sorting *s, int b, struct ps_error *err)
{
    const struct ps_preparation *p = s->p;
    struct bucket *bucket = &s->bucket[b];
    uint64_t first = bucket->first_key, keys = s->bucket[b + 1].first_key - first, at = 0;
    struct ps_record chunk[CHUNK];
    for (uint64_t k = 0; k < keys; k++) {
        s->end[k] = at;
        at += p->spill.events[s->sink->number[first + k]];
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

static int hand_over_bucket(struct sorting *s, int b, struct ps_error *err)
{
    struct ps_preparation *p = s->p;
    uint64_t first = s->bucket[b].first_key, keys = s->bucket[b + 1].first_key - first, begin = 0;
    int status = load_bucket(s, b, err);
    for (uint64_t k = 0; !status && k < keys; k++) {
        uint64_t count = s->end[k] - begin;
        status = s->sink->take(s->sink->context, first + k, s->record + begin, count, err);
        begin += count;
        s->done += count;
        if (!status && k % 256 == 0) {
            status = ps_prepare_check_stop(p, err);
            show(s, "splitting and writing");
        }
    }
    return status;
}

static void sorting_fini(struct sorting *s)
{
    for (int b = 0; b < s->buckets; b++)
        if (s->bucket[b].file)
            fclose(s->bucket[b].file);
    free(s->bucket_of);
    free(s->record);
    free(s->end);
}

int ps_prepare_sort(struct ps_preparation *p, const struct ps_sink *sink, struct ps_error *err)
{
    struct sorting *s = ps_calloc(1, sizeof *s);
    uint64_t records = 0, keys = 0;
    s->p = p;
    s->sink = sink;
    s->bucket_of = ps_malloc(sink->keys * sizeof *s->bucket_of);
    int status = plan_buckets(s, err);
    if (!p->options->quiet)
        ps_bar_begin(&s->bar, "preparing", 2 * s->all);
    if (!status)
        status = fill_buckets(s, err);
    for (int b = 0; b < s->buckets; b++) {
        records = PS_MAX(records, s->bucket[b].records);
        keys = PS_MAX(keys, s->bucket[b + 1].first_key - s->bucket[b].first_key);
    }
    if (!status) {
        s->record = ps_malloc(records * sizeof *s->record);
        s->end = ps_malloc(keys * sizeof *s->end);
    }
    for (int b = 0; !status && b < s->buckets; b++)
        status = hand_over_bucket(s, b, err);
    ps_bar_end(&s->bar);
    sorting_fini(s);
    free(s);
    return status;
}
