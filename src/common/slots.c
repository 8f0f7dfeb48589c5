/* slots.c - the map from slots to shards; see slots.h. */
#include "common/slots.h"

#include <string.h>

_Static_assert(PS_SLOTS <= 8 * sizeof((struct ps_shard_entry *)0)->slots, "a shard entry has a bit for every slot");

void ps_slot_map_init(struct ps_slot_map *map, uint32_t shards)
{
    PS_ASSERT(shards >= 1 && shards <= PS_MAX_SHARDS);
    memset(map, 0, sizeof *map);
    map->version = 1;
    map->shards = shards;
    for (uint32_t s = 0; s < PS_SLOTS; s++) {
        uint32_t shard = (uint32_t)((uint64_t)s * shards / PS_SLOTS);
        map->shard_of[s] = (uint16_t)shard;
        map->entry[shard].slots[s / 8] |= (uint8_t)(1u << s % 8);
    }
    for (uint32_t i = 0; i < shards; i++)
        map->entry[i].shard = i;
}

int ps_slot_map_from_entries(struct ps_slot_map *map, uint32_t version, const struct ps_shard_entry *entry,
                             uint32_t count, struct ps_error *err)
{
    if (count < 1 || count > PS_MAX_SHARDS)
        return ps_fail(err, PS_EXIT_NET, "a slot map with %u shards; 1 to %d are possible", count, PS_MAX_SHARDS);
    memset(map, 0, sizeof *map);
    map->version = version;
    map->shards = count;
    bool owned[PS_SLOTS] = {false}, seen[PS_MAX_SHARDS] = {false};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t shard = entry[i].shard;
        if (shard >= count || seen[shard])
            return ps_fail(err, PS_EXIT_NET, "a slot map whose %u shards are not numbered 0 to %u", count, count - 1);
        seen[shard] = true;
        map->entry[shard] = entry[i];
        for (uint32_t s = 0; s < PS_SLOTS; s++) {
            if (!(entry[i].slots[s / 8] >> s % 8 & 1))
                continue;
            if (owned[s])
                return ps_fail(err, PS_EXIT_NET, "a slot map in which slot %u has two shards", s);
            owned[s] = true;
            map->shard_of[s] = (uint16_t)shard;
        }
    }
    for (uint32_t s = 0; s < PS_SLOTS; s++)
        if (!owned[s])
            return ps_fail(err, PS_EXIT_NET, "a slot map in which slot %u has no shard", s);
    return 0;
}

bool ps_slot_map_same(const struct ps_slot_map *a, const struct ps_slot_map *b)
{
    bool same = a->shards == b->shards && !memcmp(a->shard_of, b->shard_of, sizeof a->shard_of);
    for (uint32_t s = 0; same && s < a->shards; s++)
        same = a->entry[s].incarnation == b->entry[s].incarnation;
    return same;
}

uint32_t ps_slot_map_find(const struct ps_slot_map *map, uint64_t incarnation)
{
    for (uint32_t i = 0; i < map->shards; i++)
        if (map->entry[i].incarnation == incarnation)
            return i;
    return PS_NO_SHARD;
}

uint32_t ps_slot_map_find_backup(const struct ps_slot_map *map, uint64_t incarnation)
{
    for (uint32_t i = 0; i < map->shards; i++)
        if (map->entry[i].backup == incarnation)
            return i;
    return PS_NO_SHARD;
}
