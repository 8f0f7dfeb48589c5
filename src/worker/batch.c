/* batch.c - micro-batches: sampling, labels, unique ids; see batch.h. */
#include "worker/batch.h"

#include <stdlib.h>
#include <string.h>

enum { RADIX_BITS = 11 };

/* Scratch for making ids unique: a small open-addressing table, so that memory does not grow with the number of ids. */
struct ps_unique {
    uint32_t mask;
    uint32_t *slot; /* index into id[], plus one; 0 is free */
    uint32_t *id;   /* distinct ids in order of first appearance */
    uint32_t *order, *spare, *rank;
    uint32_t count;
};

static struct ps_unique *unique_new(int capacity)
{
    struct ps_unique *u = ps_calloc(1, sizeof *u);
    uint32_t size = 64;
    while (size < 2u * (uint32_t)capacity)
        size *= 2;
    u->mask = size - 1;
    u->slot = ps_calloc(size, sizeof *u->slot);
    u->id = ps_calloc((size_t)capacity, sizeof *u->id);
    u->order = ps_calloc((size_t)capacity, sizeof *u->order);
    u->spare = ps_calloc((size_t)capacity, sizeof *u->spare);
    u->rank = ps_calloc((size_t)capacity, sizeof *u->rank);
    return u;
}

static void unique_free(struct ps_unique *u)
{
    if (!u)
        return;
    free(u->slot), free(u->id), free(u->order), free(u->spare), free(u->rank);
    free(u);
}

static uint32_t unique_add(struct ps_unique *u, uint32_t id)
{
    uint32_t place = (id * UINT32_C(2654435769)) >> 7 & u->mask;
    while (u->slot[place]) {
        uint32_t index = u->slot[place] - 1;
        if (u->id[index] == id)
            return index;
        place = (place + 1) & u->mask;
    }
    u->id[u->count] = id;
    u->slot[place] = ++u->count;
    return u->count - 1;
}

/* Sorts order[0, n) by ascending id: least significant digit first, only as many digits as the ids have. */
static void sort_by_id(struct ps_unique *u, uint32_t *order, uint32_t n)
{
    uint32_t highest = 0;
    for (uint32_t i = 0; i < n; i++)
        highest |= u->id[order[i]];
    uint32_t *from = order, *to = u->spare;
    for (int shift = 0; shift < 32 && highest >> shift; shift += RADIX_BITS) {
        uint32_t start[1 << RADIX_BITS] = {0}, sum = 0;
        for (uint32_t i = 0; i < n; i++)
            start[u->id[from[i]] >> shift & ((1 << RADIX_BITS) - 1)]++;
        for (int d = 0; d < 1 << RADIX_BITS; d++) {
            uint32_t count = start[d];
            start[d] = sum;
            sum += count;
        }
        for (uint32_t i = 0; i < n; i++)
            to[start[u->id[from[i]] >> shift & ((1 << RADIX_BITS) - 1)]++] = from[i];
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != order)
        memcpy(order, from, n * sizeof *order);
}

/* Gives the distinct ids the order of the wire and rewrites row[] (indices by first appearance) accordingly. */
static void unique_finish(struct ps_unique *u, uint32_t route, const struct ps_slot_map *map, struct ps_keys *keys,
                          uint32_t *row, int n)
{
    uint32_t place[PS_MAX_SHARDS + 1] = {0};
    for (uint32_t i = 0; i < u->count; i++)
        place[map->shard_of[ps_slot_hash(route, u->id[i])] + 1]++;
    for (uint32_t s = 0; s < map->shards; s++)
        place[s + 1] += place[s];
    memcpy(keys->first, place, sizeof place);
    for (uint32_t i = 0; i < u->count; i++)
        u->order[place[map->shard_of[ps_slot_hash(route, u->id[i])]]++] = i;
    for (uint32_t s = 0; s < map->shards; s++)
        sort_by_id(u, u->order + keys->first[s], keys->first[s + 1] - keys->first[s]);
    for (uint32_t i = 0; i < u->count; i++) {
        keys->key[i] = u->id[u->order[i]];
        u->rank[u->order[i]] = i;
    }
    keys->count = u->count;
    for (int i = 0; i < n; i++)
        row[i] = u->rank[row[i]];
}

static void unique_begin(struct ps_unique *u)
{
    memset(u->slot, 0, ((size_t)u->mask + 1) * sizeof *u->slot);
    u->count = 0;
}

void ps_batcher_init(struct ps_batcher *batcher, const struct ps_dataset *dataset, const struct ps_config *config,
                     const struct ps_recipe *recipe)
{
    *batcher = (struct ps_batcher){.dataset = dataset,
                                   .recipe = *recipe,
                                   .seed = config->train.seed,
                                   .capacity = config->train.batch,
                                   .negatives = config->train.negatives,
                                   .positives = config->train.batch / (1 + config->train.negatives)};
    uint64_t entries = ps_recipe_entries(recipe, dataset);
    for (uint32_t r = recipe->first; r < dataset->behaviours; r++) {
        double share = (double)dataset->train[r].interactions / (double)PS_MAX(entries, 1);
        batcher->share[r] = recipe->sampling == PS_SAMPLING_UNION ? 1 : PS_MAX(share, 1e-12);
    }
    ps_sampler_init(&batcher->sampler, recipe->negatives_from, dataset, recipe->first, config);
    batcher->unique = unique_new(batcher->capacity);
}

void ps_batcher_fini(struct ps_batcher *batcher)
{
    ps_sampler_fini(&batcher->sampler);
    unique_free(batcher->unique);
    *batcher = (struct ps_batcher){0};
}

void ps_batch_init(struct ps_batch *batch, const struct ps_batcher *batcher)
{
    size_t n = (size_t)batcher->capacity;
    *batch = (struct ps_batch){0};
    batch->user = ps_calloc(n, sizeof *batch->user);
    batch->item = ps_calloc(n, sizeof *batch->item);
    batch->user_row = ps_calloc(n, sizeof *batch->user_row);
    batch->item_row = ps_calloc(n, sizeof *batch->item_row);
    batch->behind = ps_calloc(n, sizeof *batch->behind);
    for (int r = 0; r < batcher->recipe.heads; r++) {
        batch->label[r] = ps_calloc(n, sizeof(real));
        batch->weight[r] = ps_calloc(n, sizeof(real));
    }
    batch->users.key = ps_calloc(n, sizeof *batch->users.key);
    batch->items.key = ps_calloc(n, sizeof *batch->items.key);
}

void ps_batch_fini(struct ps_batch *batch)
{
    free(batch->user), free(batch->item), free(batch->user_row), free(batch->item_row), free(batch->behind);
    for (int r = 0; r < PS_MAX_BEHAVIOURS; r++)
        free(batch->label[r]), free(batch->weight[r]);
    free(batch->users.key), free(batch->items.key);
    *batch = (struct ps_batch){0};
}

/* The user's lists are somewhere in the mapped columns: asked for some positives ahead, first where they are, then they. */
enum { OFFSETS_AHEAD = 16, LISTS_AHEAD = 8, LONGEST_AHEAD = 128, LINE = 16 /* items in a cache line */ };

static void prefetch_lists(const struct ps_dataset *dataset, const struct ps_entry *entry, int i, int count)
{
    for (uint32_t b = 0; b < dataset->behaviours; b++) {
        const struct ps_history *h = &dataset->train[b];
        if (i + OFFSETS_AHEAD < count)
            __builtin_prefetch(h->offset + entry[i + OFFSETS_AHEAD].user);
        if (i + LISTS_AHEAD < count) {
            const uint64_t *offset = h->offset + entry[i + LISTS_AHEAD].user;
            const uint32_t *list = h->item + offset[0], *end = h->item + PS_MIN(offset[1], offset[0] + LONGEST_AHEAD);
            for (; list < end; list += LINE)
                __builtin_prefetch(list);
        }
    }
}

static int strongest(uint32_t behaviours)
{
    return 31 - __builtin_clz(behaviours);
}

/* One positive and its negatives under the heads up to `head`: labels, and weights before the batch's mean is known. */
static void label_group(struct ps_batch *batch, const struct ps_batcher *batcher, const struct ps_entry *entry, int head,
                        int size)
{
    bool whole = batcher->recipe.sampling == PS_SAMPLING_UNION, pairs = ps_recipe_pairs(&batcher->recipe);
    bool single = batcher->recipe.heads == 1; /* whose weights differ from sample to sample */
    int behaviour = strongest(entry->behaviours);
    double emphasis = single ? batcher->recipe.loss_weight[behaviour] / batcher->share[behaviour] : 1;
    for (int j = 0; j < size; j++) {
        int n = batch->n++;
        batch->user[n] = entry->user;
        batch->behind[n] = (uint32_t)j;
        for (int r = 0; r <= head; r++) {
            bool positive = single || (entry->behaviours >> r & 1);
            batch->label[r][n] = !j && positive;
            bool counts = (whole || r == head) && (!pairs || (j && positive));
            batch->weight[r][n] = counts ? (real)emphasis : 0;
        }
    }
}

/* Positives of the strongest behaviour first, each followed by its negatives. Returns how many pairs there are. */
static int draw_samples(struct ps_batch *batch, struct ps_batcher *batcher, struct ps_random *random,
                        const struct ps_entry *entry, int count)
{
    const struct ps_recipe *recipe = &batcher->recipe;
    int pairs = 0;
    batch->n = 0;
    for (int head = recipe->heads - 1; head >= 0; head--) {
        for (int i = 0; i < count; i++) {
            prefetch_lists(batcher->dataset, entry, i, count);
            int behaviour = strongest(entry[i].behaviours);
            if ((recipe->sampling == PS_SAMPLING_UNION ? recipe->heads - 1 : PS_MIN(behaviour, recipe->heads - 1)) != head)
                continue;
            batch->item[batch->n] = entry[i].item;
            int drawn = batcher->sampler.draw(&batcher->sampler, random, entry[i].user, (uint32_t)behaviour,
                                              batcher->negatives, batch->item + batch->n + 1);
            label_group(batch, batcher, &entry[i], head, 1 + drawn);
            pairs += drawn;
        }
        batch->need[head] = batch->n; /* samples whose strongest needed head is this one or above */
    }
    return pairs;
}

void ps_batch_build(struct ps_batch *batch, struct ps_batcher *batcher, const struct ps_slot_map *map,
                    const struct ps_entry *entry, int count, uint32_t epoch, uint32_t lane, uint64_t position)
{
    struct ps_random random = ps_random_stream(batcher->seed, PS_RANDOM_SAMPLE, epoch, lane, position);
    const struct ps_recipe *recipe = &batcher->recipe;
    int pairs = draw_samples(batch, batcher, &random, entry, count), n = batch->n;
    int terms = PS_MAX(ps_recipe_pairs(recipe) ? pairs : n, 1);
    for (int r = 0; r < recipe->heads; r++) {
        real scale = (real)(recipe->heads == 1 ? 1.0 / terms : recipe->loss_weight[r] / (batcher->share[r] * terms));
        for (int i = 0; i < batch->need[r]; i++)
            batch->weight[r][i] *= scale;
    }

    unique_begin(batcher->unique);
    for (int i = 0; i < n; i++)
        batch->user_row[i] = i && batch->user[i] == batch->user[i - 1] ? batch->user_row[i - 1]
                                                                         : unique_add(batcher->unique, batch->user[i]);
    unique_finish(batcher->unique, PS_ROUTE_USER, map, &batch->users, batch->user_row, n);
    unique_begin(batcher->unique);
    for (int i = 0; i < n; i++)
        batch->item_row[i] = unique_add(batcher->unique, batch->item[i]);
    unique_finish(batcher->unique, PS_ROUTE_ITEM, map, &batch->items, batch->item_row, n);
}

static int tile_end(const struct ps_batch *batch, bool pairs, int first, int most)
{
    int end = PS_MIN(first + most, batch->n);
    if (!pairs || end == batch->n)
        return end;
    int group = end - (int)batch->behind[end]; /* where the positive of the sample at the end is */
    if (group > first)
        return group;
    while (end < batch->n && batch->behind[end])
        end++;
    return end;
}

void ps_batch_tile(const struct ps_batch *batch, const struct ps_batcher *batcher, int first, int most,
                   struct ps_tile *tile)
{
    tile->n = tile_end(batch, ps_recipe_pairs(&batcher->recipe), first, most) - first;
    tile->user = batch->user + first;
    tile->item = batch->item + first;
    tile->user_row = batch->user_row + first;
    tile->item_row = batch->item_row + first;
    tile->behind = batch->behind + first;
    for (int r = 0; r < batcher->recipe.heads; r++) {
        tile->need[r] = PS_MIN(PS_MAX(batch->need[r] - first, 0), tile->n);
        tile->label[r] = batch->label[r] + first;
        tile->weight[r] = batch->weight[r] + first;
    }
}
