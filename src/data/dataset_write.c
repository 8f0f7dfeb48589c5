/* dataset_write.c - columns, blocks, pairs and dataset.yaml; see dataset_write.h.
 *
 * Columns are gathered for one block of users at a time, since a block is what has a checksum; blocks end after
 * PS_BLOCK_INTERACTIONS interactions and know nothing of how the users were brought here, so the files are the same
 * for any amount of memory.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* open_memstream */
#endif
#include "data/dataset_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILES = 4 * PS_MAX_BEHAVIOURS + 8 + 3 * PS_MAX_FEATURES };

struct column {
    struct ps_writer offset, item, time;
    uint64_t total;   /* interactions of all users so far */
    uint32_t *count;  /* owned; users by item */
    uint32_t *items;  /* owned; this block's */
    int64_t *times;   /* owned; this block's */
    uint64_t pending; /* interactions of this block */
    size_t capacity;
};

struct finished {
    char name[64];
    uint64_t bytes, sum;
};

struct ps_dataset_writer {
    char *folder; /* owned */
    struct ps_dataset_shape shape;
    struct ps_dataset_totals totals;
    struct column column[PS_MAX_BEHAVIOURS];
    struct ps_writer union_offset, valid, test;
    uint32_t *block_user; /* owned; blocks + 1 */
    uint64_t *block_sum;  /* owned; blocks */
    size_t block_user_capacity, block_sum_capacity;
    uint32_t *merged; /* owned; the user's items over all behaviours */
    size_t merged_capacity;
    uint64_t user, pending; /* users so far; interactions of this block */
    struct finished file[MAX_FILES];
    int files;
    struct ps_feature feature[PS_MAX_FEATURES]; /* that are written */
    uint32_t features;
};

/* ---- files ---- */

static int open_file(struct ps_dataset_writer *w, struct ps_writer *file, struct ps_error *err, const char *first,
                     const char *second)
{
    char *path = ps_format("%s/%s.%s", w->folder, first, second);
    int status = ps_writer_open(file, path, err);
    free(path);
    return status;
}

/* Completes a file and notes its size and sum for dataset.yaml. */
static int close_file(struct ps_dataset_writer *w, struct ps_writer *file, struct ps_error *err)
{
    PS_ASSERT(w->files < MAX_FILES);
    struct finished *f = &w->file[w->files++];
    snprintf(f->name, sizeof f->name, "%s", file->name);
    f->bytes = file->bytes;
    f->sum = ps_writer_sum(file);
    return ps_writer_commit(file, err);
}

static int write_whole(struct ps_dataset_writer *w, const char *first, const char *second, const void *data,
                       size_t size, struct ps_error *err)
{
    struct ps_writer file = {0};
    int status = open_file(w, &file, err, first, second);
    if (!status)
        status = ps_writer_put(&file, data, size, err);
    if (!status)
        status = close_file(w, &file, err);
    ps_writer_abandon(&file);
    return status;
}

int ps_dataset_writer_new(struct ps_dataset_writer **writer, const char *folder, const struct ps_dataset_shape *shape,
                          struct ps_error *err)
{
    struct ps_dataset_writer *w = ps_calloc(1, sizeof *w);
    uint64_t zero = 0;
    int status = 0;
    w->folder = ps_strdup(folder);
    w->shape = *shape;
    PS_GROW(w->block_user, w->block_user_capacity, 1);
    w->block_user[0] = 0;
    for (uint32_t b = 0; !status && b < shape->behaviours; b++) {
        struct column *c = &w->column[b];
        c->count = ps_calloc(shape->items, sizeof *c->count);
        status = open_file(w, &c->offset, err, shape->behaviour[b], "offset");
        if (!status)
            status = open_file(w, &c->item, err, shape->behaviour[b], "item");
        if (!status && shape->times[b])
            status = open_file(w, &c->time, err, shape->behaviour[b], "time");
        if (!status)
            status = ps_writer_put(&c->offset, &zero, sizeof zero, err);
    }
    if (!status)
        status = open_file(w, &w->union_offset, err, "union", "offset");
    if (!status)
        status = ps_writer_put(&w->union_offset, &zero, sizeof zero, err);
    if (!status)
        status = open_file(w, &w->valid, err, "valid", "pairs");
    if (!status)
        status = open_file(w, &w->test, err, "test", "pairs");
    if (status) {
        ps_dataset_writer_free(w);
        return status;
    }
    *writer = w;
    return 0;
}

void ps_dataset_writer_free(struct ps_dataset_writer *w)
{
    if (!w)
        return;
    for (uint32_t b = 0; b < w->shape.behaviours; b++) {
        struct column *c = &w->column[b];
        ps_writer_abandon(&c->offset);
        ps_writer_abandon(&c->item);
        ps_writer_abandon(&c->time);
        free(c->count);
        free(c->items);
        free(c->times);
    }
    ps_writer_abandon(&w->union_offset);
    ps_writer_abandon(&w->valid);
    ps_writer_abandon(&w->test);
    free(w->folder);
    free(w->block_user);
    free(w->block_sum);
    free(w->merged);
    free(w);
}

/* ---- users and blocks ---- */

/* Writes out the block that has been gathered; its sum goes over each behaviour's items and times, in this order. */
static int end_block(struct ps_dataset_writer *w, struct ps_error *err)
{
    uint64_t block = w->totals.blocks++, sum = 0;
    for (uint32_t b = 0; b < w->shape.behaviours; b++) {
        struct column *c = &w->column[b];
        int status = ps_writer_put(&c->item, c->items, c->pending * sizeof *c->items, err);
        sum = ps_hash64(c->items, c->pending * sizeof *c->items, sum);
        if (!status && w->shape.times[b]) {
            status = ps_writer_put(&c->time, c->times, c->pending * sizeof *c->times, err);
            sum = ps_hash64(c->times, c->pending * sizeof *c->times, sum);
        }
        if (status)
            return status;
        c->pending = 0;
    }
    w->pending = 0;
    PS_GROW(w->block_user, w->block_user_capacity, block + 2);
    PS_GROW(w->block_sum, w->block_sum_capacity, block + 1);
    w->block_user[block + 1] = (uint32_t)w->user;
    w->block_sum[block] = sum;
    return 0;
}

static int compare_items(const void *left, const void *right)
{
    uint32_t l = *(const uint32_t *)left, r = *(const uint32_t *)right;
    return (l > r) - (l < r);
}

/* How many distinct items the user has over all behaviours. */
static uint64_t count_union(struct ps_dataset_writer *w, const struct ps_user_lists *lists)
{
    uint64_t all = 0, distinct = 0;
    for (uint32_t b = 0; b < w->shape.behaviours; b++) {
        PS_GROW(w->merged, w->merged_capacity, all + lists->count[b]);
        for (uint64_t i = 0; i < lists->count[b]; i++)
            w->merged[all++] = lists->item[b][i];
    }
    if (all) /* without any, there is no array to sort */
        qsort(w->merged, all, sizeof *w->merged, compare_items);
    for (uint64_t i = 0; i < all; i++)
        distinct += i == 0 || w->merged[i] != w->merged[i - 1];
    return distinct;
}

static int put_pairs(struct ps_writer *file, uint64_t user, const uint32_t *item, uint64_t count, struct ps_error *err)
{
    int status = 0;
    for (uint64_t i = 0; !status && i < count; i++) {
        struct ps_pair pair = {(uint32_t)user, item[i]};
        status = ps_writer_put(file, &pair, sizeof pair, err);
    }
    return status;
}

int ps_dataset_writer_add(struct ps_dataset_writer *w, const struct ps_user_lists *lists, struct ps_error *err)
{
    uint64_t before = w->pending;
    int status = 0;
    for (uint32_t b = 0; !status && b < w->shape.behaviours; b++) {
        struct column *c = &w->column[b];
        uint64_t n = lists->count[b];
        if (c->pending + n > c->capacity) {
            c->capacity = c->pending + n + PS_BLOCK_INTERACTIONS;
            c->items = ps_realloc(c->items, c->capacity, sizeof *c->items);
            c->times = ps_realloc(c->times, c->capacity, sizeof *c->times);
        }
        for (uint64_t i = 0; i < n; i++) {
            c->items[c->pending + i] = lists->item[b][i];
            c->times[c->pending + i] = lists->time[b][i];
            c->count[lists->item[b][i]]++;
        }
        c->pending += n;
        c->total += n;
        w->pending += n;
        status = ps_writer_put(&c->offset, &c->total, sizeof c->total, err);
    }
    w->totals.union_pairs += count_union(w, lists);
    w->totals.untrained_users += w->pending == before;
    w->totals.valid += lists->valid_count;
    w->totals.test += lists->test_count;
    if (!status)
        status = ps_writer_put(&w->union_offset, &w->totals.union_pairs, sizeof w->totals.union_pairs, err);
    if (!status)
        status = put_pairs(&w->valid, w->user, lists->valid, lists->valid_count, err);
    if (!status)
        status = put_pairs(&w->test, w->user, lists->test, lists->test_count, err);
    w->user++;
    if (!status && (w->pending >= PS_BLOCK_INTERACTIONS || w->user == w->shape.users))
        status = end_block(w, err);
    return status;
}

/* Blocks file: users of the blocks' ends, filled up to eight bytes, then the sums. */
static int write_blocks(struct ps_dataset_writer *w, struct ps_error *err)
{
    uint64_t ends = w->totals.blocks + 1;
    struct ps_writer file = {0};
    PS_GROW(w->block_user, w->block_user_capacity, ends + 1);
    w->block_user[ends] = 0;
    int status = open_file(w, &file, err, "blocks", "sums");
    if (!status)
        status = ps_writer_put(&file, w->block_user, (ends + ends % 2) * sizeof *w->block_user, err);
    if (!status)
        status = ps_writer_put(&file, w->block_sum, w->totals.blocks * sizeof *w->block_sum, err);
    if (!status)
        status = close_file(w, &file, err);
    ps_writer_abandon(&file);
    return status;
}

int ps_dataset_writer_end(struct ps_dataset_writer *w, struct ps_dataset_totals *totals, struct ps_error *err)
{
    int status = 0;
    PS_ASSERT(w->user == w->shape.users);
    for (uint32_t b = 0; !status && b < w->shape.behaviours; b++) {
        struct column *c = &w->column[b];
        w->totals.interactions[b] = c->total;
        status = close_file(w, &c->offset, err);
        if (!status)
            status = close_file(w, &c->item, err);
        if (!status && w->shape.times[b])
            status = close_file(w, &c->time, err);
        if (!status)
            status = write_whole(w, w->shape.behaviour[b], "count", c->count, w->shape.items * sizeof *c->count, err);
    }
    for (uint64_t i = 0; i < w->shape.items; i++) {
        bool seen = false;
        for (uint32_t b = 0; b < w->shape.behaviours; b++)
            seen |= w->column[b].count[i] > 0;
        w->totals.untrained_items += !seen;
    }
    if (!status)
        status = close_file(w, &w->union_offset, err);
    if (!status)
        status = close_file(w, &w->valid, err);
    if (!status)
        status = close_file(w, &w->test, err);
    if (!status)
        status = write_blocks(w, err);
    *totals = w->totals;
    return status;
}

static int write_names(struct ps_dataset_writer *w, const char *kind, const struct ps_names *names, const uint32_t *id,
                       struct ps_error *err)
{
    struct ps_writer file = {0};
    int status = open_file(w, &file, err, kind, "names");
    if (!status)
        status = ps_names_write(names, id, &file, err);
    if (!status)
        status = close_file(w, &file, err);
    ps_writer_abandon(&file);
    return status;
}

int ps_dataset_writer_names(struct ps_dataset_writer *w, enum ps_entity entity, const struct ps_names *names,
                            const uint32_t *id, struct ps_error *err)
{
    return write_names(w, entity == PS_USERS ? "users" : "items", names, id, err);
}

/* ---- side features ---- */

/* "item.brand" */
static void feature_files(const struct ps_feature *feature, char name[64])
{
    snprintf(name, 64, "%s.%s", ps_feature_side(feature->side), feature->name);
}

int ps_feature_writer_begin(struct ps_feature_writer *f, struct ps_dataset_writer *w, struct ps_error *err)
{
    char name[64];
    uint64_t zero = 0;
    PS_ASSERT(w->features < PS_MAX_FEATURES);
    feature_files(&f->feature, name);
    int status = open_file(w, &f->offset, err, name, "offset");
    if (!status)
        status = open_file(w, &f->value, err, name, "value");
    return status ? status : ps_writer_put(&f->offset, &zero, sizeof zero, err);
}

int ps_feature_writer_add(struct ps_feature_writer *f, const uint32_t *value, uint64_t count, struct ps_error *err)
{
    f->feature.pairs += count;
    int status = ps_writer_put(&f->value, value, count * sizeof *value, err);
    return status ? status : ps_writer_put(&f->offset, &f->feature.pairs, sizeof f->feature.pairs, err);
}

int ps_feature_writer_end(struct ps_feature_writer *f, struct ps_dataset_writer *w, const struct ps_names *names,
                          const uint32_t *id, struct ps_error *err)
{
    char name[64];
    feature_files(&f->feature, name);
    int status = close_file(w, &f->offset, err);
    if (!status)
        status = close_file(w, &f->value, err);
    if (!status)
        status = write_names(w, name, names, id, err);
    f->feature.values = names->count;
    w->feature[w->features++] = f->feature;
    return status;
}

void ps_feature_writer_abandon(struct ps_feature_writer *f)
{
    ps_writer_abandon(&f->offset);
    ps_writer_abandon(&f->value);
}

/* ---- dataset.yaml ---- */

int ps_dataset_writer_describe(struct ps_dataset_writer *w, const char *more, struct ps_error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        ps_die(PS_EXIT_FAIL, "out of memory: no room for dataset.yaml");
    const struct ps_dataset_totals *t = &w->totals;
    fprintf(out,
            "# A dataset made by 'penstock prepare'. Not to be edited: the last line is a checksum of the others.\n"
            "format: " PS_DATASET_FORMAT "\nversion: %d\nusers: %" PRIu64 "\nitems: %" PRIu64 "\nbehaviours:\n",
            PS_DATASET_VERSION, w->shape.users, w->shape.items);
    for (uint32_t b = 0; b < w->shape.behaviours; b++)
        fprintf(out, "  - {name: \"%s\", interactions: %" PRIu64 ", times: %s}\n", w->shape.behaviour[b],
                t->interactions[b], w->shape.times[b] ? "yes" : "no");
    for (uint32_t f = 0; f < w->features; f++)
        fprintf(out, "%s  - {name: \"%s\", side: %s, number: %s, values: %" PRIu64 ", pairs: %" PRIu64 "}\n",
                f ? "" : "features:\n", w->feature[f].name, ps_feature_side(w->feature[f].side), w->feature[f].number ? "yes" : "no",
                w->feature[f].values, w->feature[f].pairs);
    fprintf(out, "union_pairs: %" PRIu64 "\nblocks: %" PRIu64 "\nvalid: %" PRIu64 "\ntest: %" PRIu64 "\n%sfiles:\n",
            t->union_pairs, t->blocks, t->valid, t->test, more);
    for (int f = 0; f < w->files; f++)
        fprintf(out, "  \"%s\": {bytes: %" PRIu64 ", xxh64: \"%016" PRIx64 "\"}\n", w->file[f].name, w->file[f].bytes,
                w->file[f].sum);
    fflush(out);
    fprintf(out, "checksum: \"%016" PRIx64 "\"\n", ps_hash64(text, size, 0));
    if (fclose(out))
        ps_die(PS_EXIT_FAIL, "out of memory: no room for dataset.yaml");
    char *path = ps_format("%s/dataset.yaml", w->folder);
    int status = ps_file_write(path, text, size, err);
    free(path);
    free(text);
    return status;
}
