/* history.c - see history.h. */
#include "worker/history.h"

#include <stdlib.h>
#include <string.h>

enum { POOL_ENTRIES = 1 << 12 }; /* rows of one request, or what one user needs */

size_t ps_bags_keys(const struct ps_recipe *recipe, const struct ps_dataset *dataset, size_t users)
{
    return PS_MIN((size_t)dataset->items, users * dataset->behaviours * (size_t)recipe->history);
}

void ps_bags_init(struct ps_bags *bags, const struct ps_recipe *recipe, const struct ps_dataset *dataset, size_t users,
                  size_t samples)
{
    *bags = (struct ps_bags){.begin = ps_calloc(users + 1, sizeof *bags->begin), .own = ps_calloc(samples, sizeof *bags->own)};
    bags->keys.key = ps_calloc(ps_bags_keys(recipe, dataset, users), sizeof *bags->keys.key);
}

void ps_bags_fini(struct ps_bags *bags)
{
    free(bags->keys.key), free(bags->begin), free(bags->entry), free(bags->row), free(bags->own);
    *bags = (struct ps_bags){0};
}

void ps_bags_build(struct ps_bags *bags, struct ps_unique *unique, const struct ps_recipe *recipe,
                   const struct ps_dataset *dataset, const struct ps_slot_map *map, const struct ps_keys *users,
                   const uint32_t *item, int n)
{
    size_t entries = 0;
    ps_unique_begin(unique);
    for (uint32_t u = 0; u < users->count; u++) {
        bags->begin[u] = (uint32_t)entries;
        for (uint32_t b = 0; b < dataset->behaviours; b++) {
            uint32_t user = (uint32_t)users->key[u];
            uint64_t count = ps_history_count(dataset, b, user, recipe->history);
            PS_GROW(bags->entry, bags->entry_capacity, entries + count);
            PS_GROW(bags->row, bags->row_capacity, entries + count);
            for (uint64_t k = 0; k < count; k++, entries++) {
                bags->row[entries] = ps_unique_add(unique, ps_history_item(dataset, b, user, recipe->history, k));
                bags->entry[entries] = (struct nn_bag_entry){.block = b, .weight = ps_history_weight(count)};
            }
        }
    }
    bags->begin[users->count] = (uint32_t)entries;
    ps_unique_finish(unique, PS_ROUTE_ITEM, map, &bags->keys, bags->row, entries);
    for (size_t e = 0; e < entries; e++)
        bags->entry[e].row = bags->row[e];
    for (int i = 0; i < n; i++)
        bags->own[i] = ps_unique_key(unique, item[i]);
}

/* Distinct ids of a few users, ascending. */
struct pool {
    uint32_t *id; /* owned, as are the others */
    size_t id_capacity;
    float *row;
    size_t row_capacity;
};

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Gathers the items of users [0, result): as many users as fit, but one at least. */
static size_t gather(struct pool *p, const struct ps_recipe *recipe, const struct ps_dataset *dataset, const uint32_t *user,
                     size_t n, size_t *ids)
{
    size_t taken = 0;
    *ids = 0;
    for (; taken < n; taken++) {
        size_t more = 0;
        for (uint32_t b = 0; b < dataset->behaviours; b++)
            more += ps_history_count(dataset, b, user[taken], recipe->history);
        if (taken && *ids + more > POOL_ENTRIES)
            break;
        PS_GROW(p->id, p->id_capacity, *ids + more + 1);
        PS_ASSERT(p->id);
        for (uint32_t b = 0; b < dataset->behaviours; b++)
            for (uint64_t k = 0; k < ps_history_count(dataset, b, user[taken], recipe->history); k++)
                p->id[(*ids)++] = ps_history_item(dataset, b, user[taken], recipe->history, k);
    }
    if (*ids)
        qsort(p->id, *ids, sizeof *p->id, compare_ids);
    size_t distinct = 0;
    for (size_t k = 0; k < *ids; k++)
        if (!distinct || p->id[distinct - 1] != p->id[k])
            p->id[distinct++] = p->id[k];
    *ids = distinct;
    return taken;
}

static void sum_up(const struct pool *p, size_t ids, const struct ps_recipe *recipe, const struct ps_dataset *dataset,
                   uint32_t user, int width, float *out)
{
    int embedding = width / (int)dataset->behaviours;
    PS_ASSERT(p->id || !ids);
    memset(out, 0, (size_t)width * sizeof *out);
    for (uint32_t b = 0; b < dataset->behaviours; b++) {
        uint64_t count = ps_history_count(dataset, b, user, recipe->history);
        if (!count)
            continue;
        float weight = (float)ps_history_weight(count);
        for (uint64_t k = 0; k < count; k++) {
            uint32_t item = ps_history_item(dataset, b, user, recipe->history, k);
            const uint32_t *at = bsearch(&item, p->id, ids, sizeof item, compare_ids);
            const float *row = p->row + (size_t)(at - p->id) * (size_t)width;
            for (int j = (int)b * embedding; j < (int)(b + 1) * embedding; j++)
                out[j] += weight * row[j];
        }
    }
}

int ps_history_pool(const struct ps_recipe *recipe, const struct ps_dataset *dataset, const struct ps_row_source *source,
                    int table, int width, const uint32_t *user, size_t n, float *out, struct ps_error *err)
{
    struct pool p = {0};
    int status = 0;
    for (size_t first = 0; !status && first < n;) {
        size_t ids, taken = gather(&p, recipe, dataset, user + first, n - first, &ids);
        PS_GROW(p.row, p.row_capacity, ids * (size_t)width);
        if (ids)
            status = source->fetch(source->ctx, table, p.id, (int)ids, p.row, err);
        for (size_t u = first; !status && u < first + taken; u++)
            sum_up(&p, ids, recipe, dataset, user[u], width, out + u * (size_t)width);
        first += taken;
    }
    free(p.id);
    free(p.row);
    return status;
}
