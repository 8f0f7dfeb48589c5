/* dataset.c - what a prepared dataset says: blocks, names, features, merged histories; see dataset.h. */
#include "data/dataset_private.h"

#include <inttypes.h>
#include <string.h>

/* The same for a block of interactions as ps_dataset_check_events for one of sessions. */
static bool check_interactions(const struct ps_dataset *d, uint64_t block)
{
    uint32_t first = d->block_user[block], end = d->block_user[block + 1];
    uint64_t sum = 0;
    bool right = true;
    for (uint32_t b = 0; b < d->behaviours; b++) {
        const struct ps_history *h = &d->train[b];
        uint64_t begin = h->offset[first], count = h->offset[end] - begin;
        sum = ps_hash64(h->item + begin, count * sizeof *h->item, sum);
        if (h->time)
            sum = ps_hash64(h->time + begin, count * sizeof *h->time, sum);
        for (uint32_t u = first; u < end; u++)
            for (uint64_t i = h->offset[u]; i < h->offset[u + 1]; i++)
                right &= h->item[i] < d->items && (i == h->offset[u] || h->item[i - 1] < h->item[i]);
    }
    return right && sum == d->private_->block_sum[block];
}

int ps_dataset_check_block(const struct ps_dataset *d, uint64_t block, struct ps_error *err)
{
    bool sessions = d->sessions.count > 0;
    if (sessions ? ps_dataset_check_events(d, block) : check_interactions(d, block))
        return 0;
    return ps_fail(err, PS_EXIT_DATA,
                   "%s is damaged: block %" PRIu64 " (%s %" PRIu32 " to %" PRIu32
                   ") of its %s files does not have its checksum; prepare the dataset again",
                   d->path, block, sessions ? "sessions" : "users", d->block_user[block], d->block_user[block + 1],
                   sessions ? "event.*" : ".item and .time");
}

int ps_dataset_verify(const struct ps_dataset *d, struct ps_error *err)
{
    for (int i = 0; i < d->private_->files; i++) {
        const struct ps_mapped *f = &d->private_->file[i];
        if (ps_hash64(f->view.data, f->view.size, 0) != f->sum)
            return ps_dataset_damaged(d, f->name, "its checksum is wrong", err);
    }
    for (uint64_t b = 0; b < d->blocks + d->private_->held_blocks; b++) {
        int status = ps_dataset_check_block(d, b, err);
        if (status)
            return status;
    }
    return 0;
}

static const char *view_name(const struct ps_names_view *v, uint64_t id, size_t *length)
{
    *length = v->start[id + 1] - v->start[id];
    return v->bytes + v->start[id];
}

static int view_find(const struct ps_names_view *v, uint64_t count, const char *name, size_t length, uint64_t *id)
{
    uint64_t low = 0, high = count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        uint64_t candidate = v->sorted[middle];
        size_t other_length;
        const char *other = view_name(v, candidate, &other_length);
        int order = memcmp(other, name, PS_MIN(other_length, length));
        if (!order && other_length == length) {
            *id = candidate;
            return 1;
        }
        if (order ? order < 0 : other_length < length)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

const char *ps_dataset_name(const struct ps_dataset *d, enum ps_entity entity, uint64_t id, size_t *length)
{
    return view_name(&d->private_->names[entity], id, length);
}

int ps_dataset_find(const struct ps_dataset *d, enum ps_entity entity, const char *name, size_t length, uint64_t *id)
{
    return view_find(&d->private_->names[entity], ps_dataset_entities(d, entity), name, length, id);
}

const struct ps_feature *ps_dataset_feature(const struct ps_dataset *d, enum ps_entity side, const char *name)
{
    for (uint32_t f = 0; f < d->features; f++)
        if (d->feature[f].side == side && !strcmp(d->feature[f].name, name))
            return &d->feature[f];
    return NULL;
}

const char *ps_dataset_feature_name(const struct ps_dataset *d, const struct ps_feature *feature, uint64_t value, size_t *length)
{
    return view_name(&d->private_->values[feature - d->feature], value, length);
}

int ps_dataset_feature_find(const struct ps_dataset *d, const struct ps_feature *feature, const char *name, size_t length,
                            uint64_t *value)
{
    return view_find(&d->private_->values[feature - d->feature], feature->values, name, length, value);
}

struct ps_feature_pair ps_dataset_feature_pair(const struct ps_dataset *d, const struct ps_feature *feature, uint64_t k)
{
    uint64_t low = 0, high = feature->side == PS_USERS ? d->users : d->items; /* offset[low] <= k < offset[high] */
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (feature->offset[middle] <= k)
            low = middle;
        else
            high = middle;
    }
    return (struct ps_feature_pair){(uint32_t)low, feature->value[k]};
}

uint32_t ps_dataset_by_name(const struct ps_dataset *d, enum ps_entity entity, uint64_t place)
{
    return d->private_->names[entity].sorted[place];
}

uint64_t ps_dataset_union(const struct ps_dataset *d, uint32_t user, uint32_t *item, uint32_t *mask, uint64_t capacity)
{
    uint64_t at[PS_MAX_BEHAVIOURS], end[PS_MAX_BEHAVIOURS], count = 0;
    for (uint32_t b = 0; b < d->behaviours; b++) {
        at[b] = d->train[b].offset[user];
        end[b] = d->train[b].offset[user + 1];
    }
    for (;; count++) {
        uint32_t least = UINT32_MAX, bits = 0;
        for (uint32_t b = 0; b < d->behaviours; b++)
            if (at[b] < end[b])
                least = PS_MIN(least, d->train[b].item[at[b]]);
        for (uint32_t b = 0; b < d->behaviours; b++)
            if (at[b] < end[b] && d->train[b].item[at[b]] == least) {
                bits |= 1u << b;
                at[b]++;
            }
        if (!bits)
            return count;
        if (count < capacity) {
            item[count] = least;
            mask[count] = bits;
        }
    }
}
