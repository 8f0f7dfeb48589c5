/* dataset_write.c - columns, blocks, pairs and dataset.yaml; see dataset_write.h.
 *
 * Columns are gathered for one block of users at a time, since a block is what has a checksum; blocks end after
 * PS_BLOCK_INTERACTIONS interactions and know nothing of how the users were brought here, so the files are the same
 * for any amount of memory.
 */
#include "data/dataset_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct column {
    struct ps_writer offset, item, time;
    uint64_t total;   /* interactions of all users so far */
    uint32_t *count;  /* owned; users by item */
    uint32_t *items;  /* owned; this block's */
    int64_t *times;   /* owned; this block's */
    uint64_t pending; /* interactions of this block */
    size_t capacity;
};

struct ps_dataset_writer {
    struct ps_dataset_files *files; /* borrowed */
    struct ps_dataset_shape shape;
    struct ps_dataset_totals totals;
    struct column column[PS_MAX_BEHAVIOURS];
    struct ps_writer union_offset, valid, test;
    struct ps_blocks blocks;
    uint32_t *merged; /* owned; the user's items over all behaviours */
    size_t merged_capacity;
    uint64_t user, pending; /* users so far; interactions of this block */
};

int ps_dataset_writer_new(struct ps_dataset_writer **writer, struct ps_dataset_files *files,
                          const struct ps_dataset_shape *shape, struct ps_error *err)
{
    struct ps_dataset_writer *w = ps_calloc(1, sizeof *w);
    uint64_t zero = 0;
    int status = 0;
    w->files = files;
    ps_blocks_init(&w->blocks);
    w->shape = *shape;
    for (uint32_t b = 0; !status && b < shape->behaviours; b++) {
        struct column *c = &w->column[b];
        c->count = ps_calloc(shape->items, sizeof *c->count);
        status = ps_dataset_file_open(w->files, &c->offset, shape->behaviour[b], "offset", err);
        if (!status)
            status = ps_dataset_file_open(w->files, &c->item, shape->behaviour[b], "item", err);
        if (!status && shape->times[b])
            status = ps_dataset_file_open(w->files, &c->time, shape->behaviour[b], "time", err);
        if (!status)
            status = ps_writer_put(&c->offset, &zero, sizeof zero, err);
    }
    if (!status)
        status = ps_dataset_file_open(w->files, &w->union_offset, "union", "offset", err);
    if (!status)
        status = ps_writer_put(&w->union_offset, &zero, sizeof zero, err);
    if (!status)
        status = ps_dataset_file_open(w->files, &w->valid, "valid", "pairs", err);
    if (!status)
        status = ps_dataset_file_open(w->files, &w->test, "test", "pairs", err);
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
    ps_blocks_fini(&w->blocks);
    free(w->merged);
    free(w);
}

/* ---- users and blocks ---- */

/* Writes out the block that has been gathered; its sum goes over each behaviour's items and times, in this order. */
static int end_block(struct ps_dataset_writer *w, struct ps_error *err)
{
    uint64_t sum = 0;
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
    ps_blocks_add(&w->blocks, w->user, sum);
    return 0;
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
        qsort(w->merged, all, sizeof *w->merged, ps_compare_u32);
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

int ps_dataset_writer_end(struct ps_dataset_writer *w, struct ps_dataset_totals *totals, struct ps_error *err)
{
    int status = 0;
    PS_ASSERT(w->user == w->shape.users);
    for (uint32_t b = 0; !status && b < w->shape.behaviours; b++) {
        struct column *c = &w->column[b];
        w->totals.interactions[b] = c->total;
        status = ps_dataset_file_close(w->files, &c->offset, err);
        if (!status)
            status = ps_dataset_file_close(w->files, &c->item, err);
        if (!status && w->shape.times[b])
            status = ps_dataset_file_close(w->files, &c->time, err);
        if (!status)
            status = ps_dataset_file_put(w->files, w->shape.behaviour[b], "count", c->count,
                                         w->shape.items * sizeof *c->count, err);
    }
    for (uint64_t i = 0; i < w->shape.items; i++) {
        bool seen = false;
        for (uint32_t b = 0; b < w->shape.behaviours; b++)
            seen |= w->column[b].count[i] > 0;
        w->totals.untrained_items += !seen;
    }
    if (!status)
        status = ps_dataset_file_close(w->files, &w->union_offset, err);
    if (!status)
        status = ps_dataset_file_close(w->files, &w->valid, err);
    if (!status)
        status = ps_dataset_file_close(w->files, &w->test, err);
    if (!status)
        status = ps_blocks_write(&w->blocks, w->files, err);
    w->totals.blocks = w->blocks.count;
    *totals = w->totals;
    return status;
}

int ps_dataset_writer_describe(struct ps_dataset_writer *w, const char *more, struct ps_error *err)
{
    struct ps_text text;
    FILE *out = ps_text_open(&text);
    const struct ps_dataset_totals *t = &w->totals;
    fprintf(out, "users: %" PRIu64 "\nitems: %" PRIu64 "\nbehaviours:\n", w->shape.users, w->shape.items);
    for (uint32_t b = 0; b < w->shape.behaviours; b++)
        fprintf(out, "  - {name: \"%s\", interactions: %" PRIu64 ", times: %s}\n", w->shape.behaviour[b],
                t->interactions[b], w->shape.times[b] ? "yes" : "no");
    fprintf(out, "union_pairs: %" PRIu64 "\nblocks: %" PRIu64 "\nvalid: %" PRIu64 "\ntest: %" PRIu64 "\n%s", t->union_pairs,
            t->blocks, t->valid, t->test, more);
    int status = ps_dataset_files_describe(w->files, ps_text_close(&text), err);
    free(text.text);
    return status;
}
