/* bags.c - see bags.h. */
#include "worker/bags.h"

#include <stdlib.h>
#include <string.h>

enum { POOL_ENTRIES = 1 << 12 }; /* rows of one request, or what one bag needs */

struct ps_bag_source ps_bag_source_history(const struct ps_recipe *recipe, const struct ps_dataset *dataset)
{
    return (struct ps_bag_source){.dataset = dataset,
                                  .history = recipe->history,
                                  .route = PS_ROUTE_ITEM,
                                  .blocks = dataset->behaviours,
                                  .ids = dataset->items,
                                  .longest = dataset->behaviours * (uint64_t)recipe->history};
}

struct ps_bag_source ps_bag_source_feature(const struct ps_recipe *recipe, const struct ps_dataset *dataset, int k)
{
    const struct ps_feature *feature = &dataset->feature[recipe->feature[k]];
    uint64_t owners = feature->side == PS_USERS ? dataset->users : dataset->items;
    struct ps_bag_source source = {.dataset = dataset,
                                   .feature = feature,
                                   .mean = recipe->pooling == PS_POOLING_MEAN,
                                   .route = PS_TABLE_FEATURE + (uint32_t)k,
                                   .blocks = 1,
                                   .ids = feature->values};
    for (uint64_t i = 0; i < owners; i++)
        source.longest = PS_MAX(source.longest, feature->offset[i + 1] - feature->offset[i]);
    return source;
}

static uint64_t bag_count(const struct ps_bag_source *s, uint32_t block, uint32_t owner)
{
    return s->feature ? s->feature->offset[owner + 1] - s->feature->offset[owner]
                      : ps_history_count(s->dataset, block, owner, s->history);
}

static uint32_t bag_id(const struct ps_bag_source *s, uint32_t block, uint32_t owner, uint64_t k)
{
    return s->feature ? s->feature->value[s->feature->offset[owner] + k]
                      : ps_history_item(s->dataset, block, owner, s->history, k);
}

static real bag_weight(const struct ps_bag_source *s, uint64_t count)
{
    if (!s->feature)
        return ps_history_weight(count);
    return s->mean ? (real)(1 / (double)count) : 1;
}

/* ---- micro-batches ---- */

size_t ps_bags_keys(const struct ps_bag_source *source, size_t owners)
{
    return (size_t)PS_MIN(source->ids, owners * source->longest);
}

void ps_bags_init(struct ps_bags *bags, const struct ps_bag_source *source, size_t owners, size_t samples)
{
    *bags = (struct ps_bags){.begin = ps_calloc(owners + 1, sizeof *bags->begin), .own = ps_calloc(samples, sizeof *bags->own)};
    bags->keys.key = ps_calloc(ps_bags_keys(source, owners), sizeof *bags->keys.key);
}

void ps_bags_fini(struct ps_bags *bags)
{
    free(bags->keys.key), free(bags->begin), free(bags->entry), free(bags->row), free(bags->own);
    *bags = (struct ps_bags){0};
}

void ps_bags_build(struct ps_bags *bags, struct ps_unique *unique, const struct ps_bag_source *source, const struct ps_slot_map *map,
                   const struct ps_keys *owners, const uint32_t *item, int n)
{
    size_t entries = 0;
    ps_unique_begin(unique);
    for (uint32_t u = 0; u < owners->count; u++) {
        bags->begin[u] = (uint32_t)entries;
        for (uint32_t b = 0; b < source->blocks; b++) {
            uint32_t owner = (uint32_t)owners->key[u];
            uint64_t count = bag_count(source, b, owner);
            PS_GROW(bags->entry, bags->entry_capacity, entries + count);
            PS_GROW(bags->row, bags->row_capacity, entries + count);
            for (uint64_t k = 0; k < count; k++, entries++) {
                bags->row[entries] = ps_unique_add(unique, bag_id(source, b, owner, k));
                bags->entry[entries] = (struct nn_bag_entry){.block = b, .weight = bag_weight(source, count)};
            }
        }
    }
    bags->begin[owners->count] = (uint32_t)entries;
    ps_unique_finish(unique, source->route, map, &bags->keys, bags->row, entries);
    for (size_t e = 0; e < entries; e++)
        bags->entry[e].row = bags->row[e];
    for (int i = 0; i < n; i++)
        bags->own[i] = ps_unique_key(unique, item[i]);
}

/* ---- ranking ---- */

/* Distinct ids of a few bags, ascending. */
struct pool {
    uint32_t *id; /* owned, as are the others */
    size_t id_capacity;
    float *row;
    size_t row_capacity;
};

/* Gathers the ids of owners [0, result): as many owners as fit, but one at least. */
static size_t gather(struct pool *p, const struct ps_bag_source *source, const uint32_t *owner, size_t n, size_t *ids)
{
    size_t taken = 0;
    *ids = 0;
    for (; taken < n; taken++) {
        size_t more = 0;
        for (uint32_t b = 0; b < source->blocks; b++)
            more += bag_count(source, b, owner[taken]);
        if (taken && *ids + more > POOL_ENTRIES)
            break;
        PS_GROW(p->id, p->id_capacity, *ids + more + 1);
        PS_ASSERT(p->id);
        for (uint32_t b = 0; b < source->blocks; b++)
            for (uint64_t k = 0, count = bag_count(source, b, owner[taken]); k < count; k++)
                p->id[(*ids)++] = bag_id(source, b, owner[taken], k);
    }
    if (*ids)
        qsort(p->id, *ids, sizeof *p->id, ps_compare_u32);
    size_t distinct = 0;
    for (size_t k = 0; k < *ids; k++)
        if (!distinct || p->id[distinct - 1] != p->id[k])
            p->id[distinct++] = p->id[k];
    *ids = distinct;
    return taken;
}

static void add_bag(const struct pool *p, size_t ids, const struct ps_bag_source *source, uint32_t owner, int width, float *out)
{
    int columns = width / (int)source->blocks;
    PS_ASSERT(p->id || !ids);
    for (uint32_t b = 0; b < source->blocks; b++) {
        uint64_t count = bag_count(source, b, owner);
        if (!count)
            continue;
        float weight = (float)bag_weight(source, count);
        for (uint64_t k = 0; k < count; k++) {
            uint32_t id = bag_id(source, b, owner, k);
            const uint32_t *at = bsearch(&id, p->id, ids, sizeof id, ps_compare_u32);
            const float *row = p->row + (size_t)(at - p->id) * (size_t)width;
            for (int j = (int)b * columns; j < (int)(b + 1) * columns; j++)
                out[j] += weight * row[j];
        }
    }
}

int ps_bags_pool(const struct ps_bag_source *source, const struct ps_row_source *rows, int table, int width, const uint32_t *owner,
                 size_t n, float *out, struct ps_error *err)
{
    struct pool p = {0};
    int status = 0;
    for (size_t first = 0; !status && first < n;) {
        size_t ids, taken = gather(&p, source, owner + first, n - first, &ids);
        PS_GROW(p.row, p.row_capacity, ids * (size_t)width);
        if (ids)
            status = rows->fetch(rows->ctx, table, p.id, (int)ids, p.row, err);
        for (size_t u = first; !status && u < first + taken; u++)
            add_bag(&p, ids, source, owner[u], width, out + u * (size_t)width);
        first += taken;
    }
    free(p.id);
    free(p.row);
    return status;
}
