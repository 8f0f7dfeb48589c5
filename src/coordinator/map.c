/* map.c - the slot map in force: which server owns which slots, and which workers know it.
 *
 * A worker is given lanes and evaluations only when it has acknowledged the era and the map in force: it then has dropped what
 * was under way under older ones, and talks to the right servers.
 */
#include <string.h>

#include "coordinator/internal.h"

static bool serves(const struct ps_member *m, bool stays)
{
    return m->role == PS_ROLE_SERVER && m->alive && !(stays && m->leaving);
}

void ps_map_deal(struct ps_coordinator *c)
{
    uint32_t servers = 0, kept = 0, version = c->map.version;
    bool others = false; /* than those that want to go */
    for (int i = 0; i < c->members; i++)
        others |= serves(c->member[i], true);
    for (int i = 0; i < c->members; i++)
        if (serves(c->member[i], others)) {
            servers++;
            kept += c->member[i]->shard != PS_NO_SHARD;
        }
    servers = PS_MIN(servers, (uint32_t)PS_MAX_SHARDS);
    PS_ASSERT(servers);
    if (version && kept == servers && servers == c->map.shards)
        return;
    ps_slot_map_init(&c->map, servers);
    c->map.version = version + 1;
    uint32_t shard = 0;
    for (int i = 0; i < c->members; i++) {
        struct ps_member *m = c->member[i];
        m->shard = PS_NO_SHARD;
        if (!serves(m, others) || shard == servers)
            continue;
        struct ps_shard_entry *entry = &c->map.entry[shard];
        entry->incarnation = m->incarnation;
        snprintf(entry->endpoint, sizeof entry->endpoint, "%s", m->endpoint);
        m->shard = shard++;
    }
}

static uint64_t in_force(const struct ps_coordinator *c)
{
    return (uint64_t)c->era << 32 | c->map.version;
}

bool ps_map_known(const struct ps_coordinator *c, const struct ps_member *m)
{
    return m->role == PS_ROLE_WORKER && m->alive && m->welcomed && m->map_known == in_force(c);
}

void ps_map_handle(struct ps_coordinator *c, struct ps_member *worker, const struct ps_control *message)
{
    if (worker->role == PS_ROLE_WORKER && message->map == c->map.version)
        worker->map_known = in_force(c);
}

void ps_map_tick(struct ps_coordinator *c)
{
    struct ps_control map = {.kind = PS_MAP, .shards = c->map.entry, .shard_count = c->map.shards};
    double now = ps_now();
    for (int i = 0; c->era && i < c->members; i++) {
        struct ps_member *m = c->member[i];
        if (m->role != PS_ROLE_WORKER || !m->alive || !m->welcomed || m->map_known == in_force(c))
            continue;
        if (m->map_sent == in_force(c) && now - m->map_sent_at < PS_ASK_AGAIN)
            continue;
        m->map_sent = in_force(c);
        m->map_sent_at = now;
        ps_send_control(c, m, &map);
    }
}
