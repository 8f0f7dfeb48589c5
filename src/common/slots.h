/* slots.h - virtual servers: id -> slot is a fixed hash, slot -> shard a small map with a version. */
#ifndef PS_COMMON_SLOTS_H
#define PS_COMMON_SLOTS_H

#include "common/random.h"
#include "common/table.h"
#include "common/wire.h"

enum { PS_SLOTS = 1024 }; /* recorded in every checkpoint; bounds the number of shards */
#define PS_NO_SHARD UINT32_MAX /* a server without slots */

/* Where the ids of a table are routed: all user tables of a model alike, and all item tables, so that the distinct users
 * and items of a micro-batch are sorted by shard once; histories as items; sightings as the ids that they are of; lane state by a route of its own; every feature and every
 * tensor by itself. */
enum { PS_ROUTE_USER = PS_TABLE_USER, PS_ROUTE_ITEM = PS_TABLE_ITEM, PS_ROUTE_LANE = 0 };

/* The slot of an id: mixed, so that neighbouring ids and a tensor's few chunks spread evenly. Part of the file format. */
static inline uint32_t ps_slot_hash(uint32_t route, uint64_t id)
{
    return (uint32_t)(ps_mix64(id + ((uint64_t)route << 56) + UINT64_C(0x9e3779b97f4a7c15)) >> 54); /* 10 bits */
}

/* The slot of row `id` of the model's table number `index`. */
static inline uint32_t ps_slot_of(const struct ps_table_spec *table, uint32_t index, uint64_t id)
{
    enum ps_table_kind kind = table->kind == PS_TABLE_SIGHTINGS ? table->counts : table->kind;
    uint32_t route = (uint32_t)kind;
    if (kind == PS_TABLE_TENSOR)
        route = PS_TABLE_TENSOR + index;
    if (kind == PS_TABLE_HISTORY)
        route = PS_ROUTE_ITEM;
    if (kind == PS_TABLE_LANE)
        route = PS_ROUTE_LANE;
    return ps_slot_hash(route, id);
}

struct ps_slot_map {
    uint32_t version;
    uint32_t shards;
    uint16_t shard_of[PS_SLOTS];
    struct ps_shard_entry entry[PS_MAX_SHARDS];
};

/* Slots dealt out in equal contiguous runs over `shards` shards (the first map of an era); endpoints are left empty. */
void ps_slot_map_init(struct ps_slot_map *map, uint32_t shards);
/* Rebuilds the map from entries that came over the wire: every slot exactly once, or an error. */
int ps_slot_map_from_entries(struct ps_slot_map *map, uint32_t version, const struct ps_shard_entry *entry,
                             uint32_t count, struct ps_error *err);
/* Whether the same servers own the same slots. */
bool ps_slot_map_same(const struct ps_slot_map *a, const struct ps_slot_map *b);
/* The shard of a server, or PS_NO_SHARD. */
uint32_t ps_slot_map_find(const struct ps_slot_map *map, uint64_t incarnation);
/* The shard whose backup that server is, or is becoming; or PS_NO_SHARD. */
uint32_t ps_slot_map_find_backup(const struct ps_slot_map *map, uint64_t incarnation);

#endif
