/* replicas.c - which server has the copy of which shard, and what a death comes to where there is one (docs/protocol.md, "Replicas").
 *
 * With servers.replicas each process has a server for a shard of its own and one for a copy. The map names each shard's backup, and
 * whether its copy is complete ("synced"); both are recorded before anybody is told, like everything in the map:
 * - at a new era primary and backup load the same checkpoint, so a copy is complete from the beginning;
 * - a backup that is lost is taken out of the map: only then its primary acknowledges alone;
 * - where a shard has none, a server that stands by becomes it; the primary says SYNCED, and the map says so too;
 * - a primary that is lost gives its place in the map to its backup, if that is synced; otherwise the run goes back (recover.c).
 */
#include <stdlib.h>
#include <string.h>

#include "coordinator/internal.h"
#include "coordinator/runlog.h"

static struct ps_member *backup_of(const struct ps_coordinator *c, uint32_t shard)
{
    uint64_t backup = c->map.entry[shard].backup;
    struct ps_member *m = backup ? ps_member_find(c, backup) : NULL;
    return m && m->alive ? m : NULL;
}

uint32_t ps_replicas_copy(const struct ps_coordinator *c, const struct ps_member *m)
{
    return m->role == PS_ROLE_SERVER && c->map.version ? ps_slot_map_find_backup(&c->map, m->incarnation) : PS_NO_SHARD;
}

/* ---- who gets a copy ---- */

struct placing {
    const struct ps_coordinator *c;
    bool spread;                             /* over hosts: there are several */
    uint32_t *shard_of;                      /* by member: the shard that it gets; PS_NO_SHARD: none */
    bool *tried;
};

static bool several_hosts(const struct ps_coordinator *c)
{
    const char *host = NULL;
    for (int i = 0; i < c->members; i++) {
        const struct ps_member *m = c->member[i];
        if (m->role != PS_ROLE_SERVER || !m->alive)
            continue;
        if (host && strcmp(host, m->host))
            return true;
        host = m->host;
    }
    return false;
}

static bool fits(const struct placing *p, uint32_t shard, const struct ps_member *m)
{
    const struct ps_member *primary = ps_member_find(p->c, p->c->map.entry[shard].incarnation);
    return primary && m->role == PS_ROLE_SERVER && m->alive && m->welcomed && !m->leaving && m->shard == PS_NO_SHARD &&
           ps_replicas_copy(p->c, m) == PS_NO_SHARD && m->home != primary->home && !ps_move_takes(p->c, m) &&
           !(p->spread && !strcmp(m->host, primary->host));
}

/* Finds a server for the shard, moving those found before for others where that helps (a matching by augmenting paths). */
static bool place(struct placing *p, uint32_t shard)
{
    uint32_t first = shard + 1; /* the next one in the ring is tried first */
    for (int n = 0; n < p->c->members; n++) {
        int i = (int)((first + (uint32_t)n) % (uint32_t)p->c->members);
        if (p->tried[i] || !fits(p, shard, p->c->member[i]))
            continue;
        p->tried[i] = true;
        if (p->shard_of[i] != PS_NO_SHARD && !place(p, p->shard_of[i]))
            continue;
        p->shard_of[i] = shard;
        return true;
    }
    return false;
}

static void take(struct ps_coordinator *c, uint32_t shard, const struct ps_member *m, bool synced)
{
    struct ps_shard_entry *entry = &c->map.entry[shard];
    entry->backup = m->incarnation;
    memcpy(entry->backup_endpoint, m->endpoint, sizeof entry->backup_endpoint);
    entry->log = c->map.version + 1;
    entry->synced = synced;
    ps_runlog(c->options.log, "{\"event\":\"replica\",\"shard\":%u,\"host\":\"%s\",\"pid\":%u,\"state\":\"%s\"}", shard, m->host, m->pid,
              synced ? "synced" : "copying");
}

/* Backups for shards that have none. Returns how many were found. */
static int choose(struct ps_coordinator *c, bool synced)
{
    size_t members = (size_t)c->members;
    struct placing p = {.c = c, .spread = several_hosts(c)};
    int found = 0, without = 0;
    p.shard_of = ps_malloc(members * sizeof *p.shard_of);
    p.tried = ps_malloc(members * sizeof *p.tried);
    memset(p.shard_of, 0xff, members * sizeof *p.shard_of);
    for (uint32_t s = 0; s < c->map.shards; s++) {
        memset(p.tried, 0, members * sizeof *p.tried);
        without += !c->map.entry[s].backup && !place(&p, s);
    }
    for (size_t i = 0; i < members; i++)
        if (p.shard_of[i] != PS_NO_SHARD) {
            take(c, p.shard_of[i], c->member[i], synced);
            found++;
        }
    free(p.shard_of), free(p.tried);
    if (found && !p.spread && !c->one_host_told) {
        ps_warn("all servers are on one host: a server's replica is in another process there, and is lost with the host");
        c->one_host_told = true;
    }
    if (without && without != c->without_replica)
        ps_warn("%d of %u shards have no replica until another server joins%s", without, c->map.shards,
                p.spread ? " on another host" : "");
    c->without_replica = without;
    return found;
}

void ps_replicas_forget(struct ps_shard_entry *entry)
{
    entry->backup = 0;
    *entry->backup_endpoint = 0;
    entry->log = 0;
    entry->synced = false;
}

void ps_replicas_deal(struct ps_coordinator *c)
{
    for (uint32_t s = 0; s < c->map.shards; s++)
        ps_replicas_forget(&c->map.entry[s]);
    choose(c, true);
}

int ps_replicas_wait(struct ps_coordinator *c, struct ps_error *err)
{
    double until = ps_now() + c->config->cluster.start_timeout;
    int status = 0, seats = 0, homes = 0;
    while (!status && c->config->servers.replicas && ps_now() < until) {
        seats = 0;
        homes = ps_members_count(c, PS_ROLE_SERVER);
        for (int i = 0; i < c->members; i++)
            seats += c->member[i]->alive && c->member[i]->role == PS_ROLE_SERVER;
        if (seats >= homes * (1 + c->config->servers.replicas))
            return 0;
        status = ps_pump(c, 0.1, err);
    }
    return status;
}

/* ---- what a death comes to ---- */

bool ps_replicas_save(struct ps_coordinator *c, const struct ps_member *m, const char *why)
{
    if (m->shard == PS_NO_SHARD || c->recovering || c->expected == PS_READY || !c->map.entry[m->shard].synced)
        return false;
    const struct ps_member *backup = backup_of(c, m->shard);
    if (backup)
        ps_warn("server %u (process %u on %s) is lost during the %s: %s; its replica (process %u on %s) goes on, and nothing is lost",
                m->shard, m->pid, m->host, c->doing, why, backup->pid, backup->host);
    return backup;
}

void ps_replicas_handle(struct ps_coordinator *c, struct ps_member *server, const struct ps_control *message)
{
    if (server->shard == PS_NO_SHARD)
        return;
    const struct ps_member *backup = backup_of(c, server->shard);
    if (message->kind == PS_SYNCED)
        server->copied = message->first;
    else if (backup && 1e-3 * (double)message->count > ps_detect_patience(c, backup)) /* more where beats come late */
        server->missed = message->first, c->moving.failed |= c->moving.id != 0;
}

static void promote(struct ps_coordinator *c, uint32_t shard, struct ps_member *m)
{
    struct ps_shard_entry *entry = &c->map.entry[shard];
    entry->incarnation = m->incarnation;
    memcpy(entry->endpoint, entry->backup_endpoint, sizeof entry->endpoint);
    ps_replicas_forget(entry);
    m->shard = shard;
    m->map_known = 0;
    ps_runlog(c->options.log, "{\"event\":\"promoted\",\"shard\":%u,\"host\":\"%s\",\"pid\":%u,\"during\":\"%s\",\"map\":%u}", shard, m->host,
              m->pid, c->doing, c->map.version + 1);
}

/* One shard of the next map. Returns whether it has changed; *promoted: its primary has. */
static bool revise(struct ps_coordinator *c, uint32_t shard, bool *promoted)
{
    struct ps_shard_entry *entry = &c->map.entry[shard];
    struct ps_member *primary = ps_member_find(c, entry->incarnation), *backup = backup_of(c, shard);
    if (!primary->alive) {
        if (!backup || !entry->synced) {
            ps_server_lost(c, primary, shard, "and so is its replica");
            return false;
        }
        promote(c, shard, backup);
        return *promoted = true;
    }
    if (entry->backup && (!backup || backup->leaving || primary->missed == entry->log)) {
        ps_replicas_forget(entry);
        ps_runlog(c->options.log, "{\"event\":\"replica\",\"shard\":%u,\"state\":\"lost\"}", shard);
        return true;
    }
    if (!entry->backup || entry->synced || primary->copied != entry->log)
        return false;
    ps_runlog(c->options.log, "{\"event\":\"replica\",\"shard\":%u,\"host\":\"%s\",\"pid\":%u,\"state\":\"synced\"}", shard, backup->host,
              backup->pid);
    return entry->synced = true;
}

/* What was under way by the map before. Lanes begin anew where every shard has what it acknowledged; a cut is asked for again. */
static void start_over(struct ps_coordinator *c)
{
    if (c->lanes_live)
        ps_lanes_again(c, "promoted");
    ps_stock_unsettle(c);
    ps_cut_again(c);
}

static int record(struct ps_coordinator *c, bool promoted, struct ps_error *err)
{
    c->map.version++;
    int status = ps_state_write(c, err);
    if (!status && promoted)
        start_over(c);
    for (int i = 0; i < c->members; i++) /* workers drop what they rank with the map */
        ps_rank_member_lost(c, c->member[i]);
    return status;
}

int ps_replicas_tick(struct ps_coordinator *c, struct ps_error *err)
{
    if (!c->config->servers.replicas || !c->era || c->recovering || c->moving.id || c->server_lost || c->expected == PS_READY)
        return 0;
    bool changed = false, promoted = false;
    for (uint32_t s = 0; s < c->map.shards; s++)
        changed |= revise(c, s, &promoted);
    if (c->server_lost)
        return 0;
    if (!c->stock) /* while members are still to say which processes they are of */
        changed |= choose(c, false) > 0;
    return changed ? record(c, promoted, err) : 0;
}
