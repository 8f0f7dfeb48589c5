/* schedule_replicas.h - copies of the shards in random schedules: repl.pml, played with the real shards and logs. A primary is lost, or
 * only believed lost and talks on; its copy takes over; another one is made while lanes work. test_shard_schedule.c has the tests.
 */
#ifndef SCHEDULE_REPLICAS_H
#define SCHEDULE_REPLICAS_H

#include "schedule_fixture.h"

static bool sends_entry(void *ctx, struct ps_data *data, struct ps_message *message)
{
    fly(ctx, true, 0, -1, data, message);
    return true;
}

/* A server by its incarnation, or NULL: it is dead. */
static struct ps_shard *find_server(struct sim *m, uint64_t incarnation)
{
    for (uint32_t s = 0; s < m->shards; s++) {
        if (m->shard[s].incarnation == incarnation)
            return &m->shard[s];
        if (m->has_copy[s] && m->copy[s].incarnation == incarnation)
            return &m->copy[s];
        if (m->has_old[s] && m->old[s].incarnation == incarnation)
            return &m->old[s];
    }
    return NULL;
}

/* Everybody but the deposed hears of the next map. */
static void tell_map(struct sim *m)
{
    m->map.version++;
    for (uint32_t s = 0; s < m->shards; s++) {
        m->shard[s].map = m->map.version;
        if (m->has_copy[s])
            m->copy[s].map = m->map.version;
    }
}

/* A copy of the shard from now on: on a new server, or on the one that was deposed. `loaded`: everybody has just loaded the same. */
static void begin_copy(struct sim *m, uint32_t s, bool loaded)
{
    struct ps_control welcome;
    struct ps_optimizer_spec optimizer = m->shard[s].optimizer;
    struct ps_slot_map ignored;
    struct ps_error err;
    bool returns = m->has_old[s] && chance(m) < 0.5;
    m->map.entry[s].log = ++m->map.version;
    m->map.entry[s].incarnation = m->shard[s].incarnation;
    if (returns) {
        memcpy(&m->copy[s], &m->old[s], sizeof m->copy[s]);
        m->has_old[s] = false;
    } else {
        fixture_welcome(&welcome, &ignored, m->shards, s, m->plan->mode, LANES, &optimizer);
        welcome.table = m->table;
        welcome.table_count = plan_tables(m);
        welcome.memory = m->plan->memory;
        assert_int_equal(ps_shard_init(&m->copy[s], &welcome, 1000 + s + 100 * ++m->servers, shard_sends, m, &err), 0);
    }
    if (loaded)
        assert_int_equal(ps_shard_load(&m->copy[s], m->era, m->epoch, "", NULL, 0, &err), 0);
    else
        ps_backup_begin(&m->copy[s], m->era, m->epoch, &m->map, s);
    m->copy[s].backup = true;
    ps_backup_follow(&m->copy[s], &m->map);
    m->has_copy[s] = true;
    m->synced[s] = loaded || m->plan->without == RULE_JOIN;
    m->map.version--;
    tell_map(m);
    ps_replica_begin(&m->shard[s], m->copy[s].incarnation, m->map.entry[s].log, loaded, sends_entry, m);
}

static void drop_copies(struct sim *m, uint32_t s)
{
    if (m->has_copy[s])
        ps_shard_fini(&m->copy[s]);
    if (m->has_old[s])
        ps_shard_fini(&m->old[s]);
    m->has_copy[s] = m->has_old[s] = false;
}

/* The primary is lost, or believed lost; its copy has its place, and all lanes that go on are fenced. */
static void lose_primary(struct sim *m, uint32_t s)
{
    if (m->has_old[s])
        ps_shard_fini(&m->old[s]);
    memcpy(&m->old[s], &m->shard[s], sizeof m->old[s]);
    memcpy(&m->shard[s], &m->copy[s], sizeof m->shard[s]);
    m->has_old[s] = true;
    m->has_copy[s] = m->synced[s] = false;
    m->follows[s] = m->shard[s].follows;
    tell_map(m);
    ps_backup_promote(&m->shard[s], &m->map);
    for (uint32_t l = 0; l < LANES; l++) {
        const struct ps_lane_state *lane = &m->shard[s].lane[l]; /* the END of one that has ended is acknowledged at any position */
        if (m->shard[s].epoch == m->epoch && !lane->ended && lane->hwm < m->known[s][l])
            violate(m, "I8: what was acknowledged is not in the promoted backup");
        if (lane->lease < m->known_lease[s][l])
            violate(m, "I6: a fence that was acknowledged is not in the promoted backup");
        if (m->holder[l] >= 0 && m->proc[m->holder[l]].done)
            continue;
        if (m->holder[l] >= 0)
            m->proc[m->holder[l]].zombie = true;
        m->holder[l] = -1;
        m->lease[l] = ++m->counter;
        m->fenced[l] = 0;
    }
    if (!ps_shard_epoch(&m->shard[s], m->epoch)) /* asked again, since the answer of the lost one does not count */
        violate(m, "a promoted backup is not ready for the epoch");
    if (chance(m) < 0.5) { /* crashed */
        ps_shard_fini(&m->old[s]);
        m->has_old[s] = false;
    }
}

/* One thing that happens to a shard's servers. */
static void replicas_move(struct sim *m)
{
    uint32_t s = (uint32_t)ps_random_below(&m->random, m->shards);
    double x = chance(m);
    if (x < 0.2)
        m->seconds++; /* what is not confirmed is sent again */
    ps_replica_progress(&m->shard[s], ps_now() + m->seconds);
    if (m->has_old[s])
        ps_replica_progress(&m->old[s], ps_now() + m->seconds);
    if (m->has_copy[s] && !m->synced[s] && ps_replica_synced(&m->shard[s]) == m->map.entry[s].log) {
        m->synced[s] = true;
        tell_map(m);
    }
    if (!m->has_copy[s] && x < 0.3)
        begin_copy(m, s, false);
    else if (m->losses && m->synced[s] && x < 0.1)
        m->losses--, lose_primary(m, s);
}

/* The deposed primary's log at the promoted backup, where that does not look at the map. */
static void take_by_any_map(struct sim *m, struct ps_shard *server, struct flight *f)
{
    struct ps_follows none = server->follows;
    struct ps_error err;
    for (uint32_t s = 0; s < m->shards; s++)
        if (server == &m->shard[s] && !server->replica) {
            f->data.map = server->map;
            server->backup = true;
            server->follows = m->follows[s];
            ps_backup_take(server, &f->data, &f->message, &err);
            m->follows[s] = server->follows;
            server->backup = false;
            server->follows = none;
        }
}

/* REPL, and what is answered to it. */
static void deliver_entry(struct sim *m, struct flight *f)
{
    struct ps_shard *server = find_server(m, f->data.to);
    struct ps_error err;
    if (!server)
        return;
    if (f->data.kind != PS_REPL)
        ps_replica_take(server, &f->data, ps_now() + m->seconds);
    else if (m->plan->without == RULE_MAP && !server->backup)
        take_by_any_map(m, server, f);
    else if (ps_backup_take(server, &f->data, &f->message, &err))
        violate(m, "an entry of the log makes no sense");
    if (f->data.kind == PS_REPL)
        ps_backup_confirm(server);
}

/* After a push has been taken: with one rule left out it is acknowledged although the backup may be without it. */
static void acknowledge_early(struct sim *m, const struct flight *f, const struct ps_shard *server, uint64_t before)
{
    bool repeat = f->data.position < before, in = f->data.position < server->lane[f->data.lane].hwm;
    bool current = f->data.map == server->map && f->data.lease == server->lane[f->data.lane].lease;
    if (f->data.kind != PS_PUSH || !current || !in || !(m->plan->without == RULE_ORDER || (m->plan->without == RULE_REPEATS && repeat)))
        return;
    struct ps_data ack = {.kind = PS_ACK, .run = FIXTURE_RUN, .from = server->incarnation, .to = f->data.from, .era = m->era,
                          .epoch = f->data.epoch, .lane = f->data.lane, .position = f->data.position};
    struct ps_message message;
    ps_message_init(&message);
    ps_message_add(&message);
    fly(m, true, server->number, (int)f->data.from - 1, &ack, &message);
}

static void deliver(struct sim *m)
{
    struct flight f;
    take_flight(m, &f);
    struct ps_shard *server = f.answer ? NULL : find_server(m, f.data.to);
    if (f.proc < 0 || f.proc >= PROCS) {
        deliver_entry(m, &f);
    } else if (f.answer) {
        deliver_answer(m, &f);
    } else if (server) {
        uint64_t before = server->lane[f.data.lane].hwm;
        ps_shard_take(server, &f.data, &f.message);
        acknowledge_early(m, &f, server, before);
    }
    ps_message_fini(&f.message);
}

#endif
