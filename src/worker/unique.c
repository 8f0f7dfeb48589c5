/* unique.c - distinct ids in the order of the wire; see unique.h. */
#include "worker/unique.h"

#include <stdlib.h>
#include <string.h>

enum { RADIX_BITS = 11 };

/* A small open-addressing table, so that memory does not grow with the number of ids. */
struct ps_unique {
    uint32_t mask;
    uint32_t *slot; /* index into id[], plus one; 0 is free */
    uint32_t *id;   /* distinct ids in order of first appearance */
    uint32_t *order, *spare, *rank;
    uint32_t count;
};

struct ps_unique *ps_unique_new(size_t capacity)
{
    struct ps_unique *u = ps_calloc(1, sizeof *u);
    uint32_t size = 64;
    while (size < 2 * capacity)
        size *= 2;
    u->mask = size - 1;
    u->slot = ps_calloc(size, sizeof *u->slot);
    u->id = ps_calloc(capacity, sizeof *u->id);
    u->order = ps_calloc(capacity, sizeof *u->order);
    u->spare = ps_calloc(capacity, sizeof *u->spare);
    u->rank = ps_calloc(capacity, sizeof *u->rank);
    return u;
}

void ps_unique_free(struct ps_unique *u)
{
    if (!u)
        return;
    free(u->slot), free(u->id), free(u->order), free(u->spare), free(u->rank);
    free(u);
}

void ps_unique_begin(struct ps_unique *u)
{
    memset(u->slot, 0, ((size_t)u->mask + 1) * sizeof *u->slot);
    u->count = 0;
}

static uint32_t place_of(const struct ps_unique *u, uint32_t id)
{
    uint32_t place = (id * UINT32_C(2654435769)) >> 7 & u->mask;
    while (u->slot[place] && u->id[u->slot[place] - 1] != id)
        place = (place + 1) & u->mask;
    return place;
}

uint32_t ps_unique_add(struct ps_unique *u, uint32_t id)
{
    uint32_t place = place_of(u, id);
    if (!u->slot[place]) {
        u->id[u->count] = id;
        u->slot[place] = ++u->count;
    }
    return u->slot[place] - 1;
}

uint32_t ps_unique_key(const struct ps_unique *u, uint32_t id)
{
    uint32_t place = place_of(u, id);
    return u->slot[place] ? u->rank[u->slot[place] - 1] : PS_NO_KEY;
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

void ps_unique_finish(struct ps_unique *u, uint32_t route, const struct ps_slot_map *map, struct ps_keys *keys,
                      uint32_t *row, size_t n)
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
    if (keys->order)
        memcpy(keys->order, u->rank, u->count * sizeof *keys->order);
    keys->count = u->count;
    for (size_t i = 0; i < n; i++)
        row[i] = u->rank[row[i]];
}
