/* client_map.c - the slot map on a worker: which server has which rows, and the connections to them; see client.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/client.h"

/* Groups a tensor's chunk numbers by shard. */
static void tensor_keys(struct ps_client *c, int table)
{
    struct ps_keys *keys = &c->tensor[table];
    uint64_t chunks = c->table[table].rows;
    free(keys->key);
    keys->key = ps_calloc(chunks, sizeof *keys->key);
    keys->count = 0;
    for (uint32_t s = 0; s < c->map.shards; s++) {
        keys->first[s] = keys->count;
        for (uint64_t id = 0; id < chunks; id++)
            if (c->map.shard_of[ps_slot_of(&c->table[table], (uint32_t)table, id)] == s)
                keys->key[keys->count++] = id;
    }
    keys->first[c->map.shards] = keys->count;
}

/* A connection to each server of the map; those of the old one are kept where they lead to the same process. */
static int connect_all(struct ps_client *c, const struct ps_slot_map *map, struct ps_socket **socket, struct ps_error *err)
{
    int status = 0;
    for (uint32_t s = 0; !status && s < map->shards; s++) {
        uint32_t before = ps_slot_map_find(&c->map, map->entry[s].incarnation);
        if (before != PS_NO_SHARD && c->socket[before]) {
            socket[s] = c->socket[before];
            c->socket[before] = NULL;
        } else {
            status = ps_net_connect(c->net, map->entry[s].endpoint, c->incarnation, &socket[s], err);
        }
    }
    return status;
}

static void close_all(struct ps_socket **socket, uint32_t count)
{
    for (uint32_t s = 0; socket && s < count; s++)
        ps_socket_close(socket[s]);
    free(socket);
}

int ps_client_map(struct ps_client *c, uint32_t version, const struct ps_shard_entry *entry, uint32_t count,
                  struct ps_error *err)
{
    struct ps_slot_map *map = ps_malloc(sizeof *map);
    int status = ps_slot_map_from_entries(map, version, entry, count, err);
    if (!status) {
        struct ps_socket **socket = ps_calloc(count, sizeof *socket);
        for (int i = 0; i < c->steps; i++) {
            ps_client_drop(c, c->step[i]);
            ps_step_fit(c->step[i], c->tables, c->map.shards, count);
        }
        status = connect_all(c, map, socket, err);
        close_all(c->socket, c->map.shards);
        c->socket = socket;
        c->map = *map;
    }
    free(map);
    if (status)
        return status;
    for (int t = 0; t < c->tables; t++)
        if (c->table[t].kind == PS_TABLE_TENSOR)
            tensor_keys(c, t);
    for (uint32_t s = 0; s < c->map.shards; s++) {
        bool within = !strncmp(c->map.entry[s].endpoint, "inproc://", 9);
        c->key_codec[s] = within ? PS_CODEC_PLAIN : PS_CODEC_GAPS;
        bool near = !strncmp(c->map.entry[s].endpoint, "ipc://", 6);
        c->sharing[s] = near && c->shares ? PS_SHARING_ASKED : PS_SHARING_NO;
    }
    return 0;
}

bool ps_client_map_renew(struct ps_client *c, uint32_t version, const struct ps_shard_entry *entry, uint32_t count)
{
    if (count != c->map.shards)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct ps_shard_entry *have = entry[i].shard < count ? &c->map.entry[entry[i].shard] : NULL;
        if (!have || entry[i].incarnation != have->incarnation || memcmp(entry[i].slots, have->slots, sizeof have->slots))
            return false;
    }
    c->map.version = version;
    return true;
}
