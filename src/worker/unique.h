/* unique.h - the distinct ids of a micro-batch: what is asked of the servers, and where each sample finds it. */
#ifndef PS_WORKER_UNIQUE_H
#define PS_WORKER_UNIQUE_H

#include "common/slots.h"

/* Distinct ids of one kind, in the order of the wire: by shard, ascending within a shard. Owned arrays. */
struct ps_keys {
    uint32_t count;
    uint64_t *key;
    uint32_t first[PS_MAX_SHARDS + 1]; /* keys of shard s: [first[s], first[s+1]) */
    uint32_t *order; /* or NULL: the keys in the order in which their ids first appeared, which no slot map changes */
};

#define PS_NO_KEY UINT32_MAX

/* Scratch for making ids unique, for at most `capacity` distinct ones. */
struct ps_unique *ps_unique_new(size_t capacity);
void ps_unique_free(struct ps_unique *unique);
void ps_unique_begin(struct ps_unique *unique);
/* Adds an id if it is new. Returns its number, by first appearance. */
uint32_t ps_unique_add(struct ps_unique *unique, uint32_t id);
/* Gives the distinct ids the order of the wire and turns row[0, n) from numbers by first appearance into indices of keys. */
void ps_unique_finish(struct ps_unique *unique, uint32_t route, const struct ps_slot_map *map, struct ps_keys *keys,
                      uint32_t *row, size_t n);
/* After ps_unique_finish: the index of an id's key, or PS_NO_KEY. */
uint32_t ps_unique_key(const struct ps_unique *unique, uint32_t id);

#endif
