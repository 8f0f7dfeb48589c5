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

/* A process has one shard, whatever its number of servers. */
static bool takes_shard(const struct ps_member *m, bool stays)
{
    return serves(m, stays) && m->home == m->incarnation;
}

/* Whether the shards of the map are all in hands that stay, as many as there should be. */
static bool is_dealt(const struct ps_coordinator *c, uint32_t servers, bool others)
{
    uint32_t kept = 0;
    for (int i = 0; i < c->members; i++)
        kept += c->member[i]->shard != PS_NO_SHARD && serves(c->member[i], others);
    return c->map.version && kept == servers && servers == c->map.shards;
}

static void deal(struct ps_coordinator *c, uint32_t servers, bool others)
{
    uint32_t shard = 0;
    ps_slot_map_init(&c->map, servers);
    for (int i = 0; i < c->members; i++) {
        struct ps_member *m = c->member[i];
        m->shard = PS_NO_SHARD;
        if (!takes_shard(m, others) || shard == servers)
            continue;
        struct ps_shard_entry *entry = &c->map.entry[shard];
        entry->incarnation = m->incarnation;
        snprintf(entry->endpoint, sizeof entry->endpoint, "%s", m->endpoint);
        m->shard = shard++;
    }
}

void ps_map_deal(struct ps_coordinator *c)
{
    uint32_t servers = 0, version = c->map.version;
    bool others = false; /* than those that want to go */
    for (int i = 0; i < c->members; i++)
        others |= takes_shard(c->member[i], true);
    for (int i = 0; i < c->members; i++)
        servers += takes_shard(c->member[i], others);
    servers = PS_MIN(servers, (uint32_t)PS_MAX_SHARDS);
    PS_ASSERT(servers);
    bool dealt = is_dealt(c, servers, others), copies = c->config->servers.replicas > 0;
    if (dealt && !copies)
        return;
    if (!dealt)
        deal(c, servers, others);
    if (copies && version) /* the first map is for the greeting alone */
        ps_replicas_deal(c);
    c->map.version = version + 1;
}

static uint64_t in_force(const struct ps_coordinator *c)
{
    return (uint64_t)c->era << 32 | c->map.version;
}

bool ps_map_known(const struct ps_coordinator *c, const struct ps_member *m)
{
    return m->role == PS_ROLE_WORKER && m->alive && m->welcomed && m->map_known == in_force(c);
}

void ps_map_handle(struct ps_coordinator *c, struct ps_member *member, const struct ps_control *message)
{
    if (message->map == c->map.version)
        member->map_known = in_force(c);
}

/* Workers, and with replicas servers: the map makes them primaries and backups. They hear of eras by LOAD, of moves by ps_move_settle. */
static bool is_told(const struct ps_coordinator *c, const struct ps_member *m)
{
    return m->role == PS_ROLE_WORKER ||
           (c->config->servers.replicas && !c->moving.id && !c->recovering && c->expected != PS_READY);
}

void ps_map_tick(struct ps_coordinator *c)
{
    struct ps_control map = {.kind = PS_MAP, .epoch = c->epoch, .since = c->moving.copy, .shards = c->map.entry,
                             .shard_count = c->map.shards};
    double now = ps_now();
    for (int i = 0; c->era && i < c->members; i++) {
        struct ps_member *m = c->member[i];
        if (!m->alive || !m->welcomed || m->map_known == in_force(c) || !is_told(c, m))
            continue;
        if (m->map_sent == in_force(c) && now - m->map_sent_at < PS_ASK_AGAIN)
            continue;
        m->map_sent = in_force(c);
        m->map_sent_at = now;
        ps_send_control(c, m, &map);
    }
}
