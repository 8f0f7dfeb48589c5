/* move.c - slots move between servers while training goes on (docs/protocol.md, "Moving slots").
 *
 * A new server is to get its share, or one that leaves gives its own away. Their rows are copied ahead while everybody works; who is to have
 * what is planned anew all the while, and where that has changed the copy begins anew. When all is copied but for what keeps changing, all shards
 * hold at one cut, send each other the rest, and the next map is the decision: before it a failure leaves everything as it was, after it the move
 * is done. Then workers are told, and all lanes are fenced and granted anew from where they stand.
 */
#include <stdlib.h>
#include <string.h>

#include "coordinator/internal.h"
#include "coordinator/runlog.h"

static const double SETTLE = 0.5; /* seconds: servers that come together are given their share together */
static const double AGAIN = 5;    /* after a move that came to nothing */

static bool stays(const struct ps_member *m)
{
    return m->role == PS_ROLE_SERVER && m->alive && m->shard != PS_NO_SHARD && !m->leaving;
}

/* A server that stands by and is to have slots: of a process that has none, its first one that is no backup. */
static bool is_new(const struct ps_coordinator *c, const struct ps_member *m)
{
    const struct ps_member *first = NULL;
    for (int i = 0; i < c->members; i++) {
        const struct ps_member *other = c->member[i];
        if (other->home != m->home || !other->alive)
            continue;
        if (other->shard != PS_NO_SHARD)
            return false;
        if (!first && ps_replicas_copy(c, other) == PS_NO_SHARD)
            first = other;
    }
    return m->role == PS_ROLE_SERVER && m == first && m->welcomed && !m->leaving && ps_now() - m->joined > SETTLE;
}

static bool is_wanted(const struct ps_coordinator *c)
{
    int come = 0, go = 0, stay = 0;
    for (int i = 0; i < c->members; i++) {
        const struct ps_member *m = c->member[i];
        come += is_new(c, m);
        stay += stays(m);
        go += m->role == PS_ROLE_SERVER && m->alive && m->leaving && m->shard != PS_NO_SHARD;
    }
    return (come && stay < PS_MAX_SHARDS) || (go && come + stay);
}

/* The next map: those who stay keep their numbers' order and as many of their slots as their share allows. Returns how many move. */
static uint32_t make_plan(const struct ps_coordinator *c, struct ps_slot_map *next)
{
    uint32_t number[PS_MAX_SHARDS], count[PS_MAX_SHARDS] = {0}, moves = 0;
    memset(next, 0, sizeof *next);
    for (uint32_t s = 0; s < c->map.shards; s++) {
        const struct ps_member *m = ps_member_find(c, c->map.entry[s].incarnation);
        number[s] = m && stays(m) ? next->shards : PS_NO_SHARD;
        if (number[s] != PS_NO_SHARD)
            next->entry[next->shards++] = c->map.entry[s];
    }
    for (int i = 0; i < c->members && next->shards < PS_MAX_SHARDS; i++)
        if (is_new(c, c->member[i])) {
            struct ps_shard_entry *entry = &next->entry[next->shards++];
            entry->incarnation = c->member[i]->incarnation;
            snprintf(entry->endpoint, sizeof entry->endpoint, "%s", c->member[i]->endpoint);
        }
    uint32_t n = next->shards, taker = 0;
    PS_ASSERT(n > 0); /* is_wanted sees to it */
    for (uint32_t s = 0; s < n; s++) {
        next->entry[s].shard = s;
        ps_replicas_forget(&next->entry[s]); /* a backup does not follow a move: another one is made */
        memset(next->entry[s].slots, 0, sizeof next->entry[s].slots);
    }
    for (int pass = 0; pass < 2; pass++) /* who keeps, then who takes */
        for (uint32_t slot = 0; slot < PS_SLOTS; slot++) {
            uint32_t owner = number[c->map.shard_of[slot]];
            bool kept = owner != PS_NO_SHARD && next->entry[owner].slots[slot / 8] >> slot % 8 & 1;
            if (pass && kept)
                continue;
            while (pass && count[taker] >= PS_SLOTS / n + (taker < PS_SLOTS % n))
                taker++;
            if (pass)
                owner = taker;
            else if (owner == PS_NO_SHARD || count[owner] >= PS_SLOTS / n + (owner < PS_SLOTS % n))
                continue;
            count[owner]++;
            moves += pass;
            next->shard_of[slot] = (uint16_t)owner;
            next->entry[owner].slots[slot / 8] |= (uint8_t)(1u << slot % 8);
        }
    return moves;
}

void ps_move_handle(struct ps_coordinator *c, struct ps_member *server, const struct ps_control *message)
{
    struct ps_moving *m = &c->moving;
    if (message->kind == PS_COPIED && message->first == m->copy && server->copied_ahead != m->copy) {
        server->copied_ahead = m->copy;
        m->ahead += message->count;
    }
    if (!m->id || message->first != m->id)
        return;
    m->failed |= message->kind == PS_CUT_ABORT;
    if (server->answered || message->kind != c->expected)
        return;
    if (message->kind == PS_MOVED) {
        m->rest += message->count;
        return;
    }
    if (message->kind == PS_CUT_LIMIT) {
        ps_cut_raise(c, m->lane, message);
        return;
    }
    m->steps = message->count;
    for (uint32_t i = 0; i < message->lane_count; i++) /* they have ended, on all shards alike */
        if (message->lane[i].lane < c->lanes)
            m->lane[message->lane[i].lane] = (struct ps_lane_entry){message->lane[i].lane, 1, message->lane[i].position};
}

void ps_move_lost(struct ps_coordinator *c, struct ps_member *server)
{
    /* Who holds waits for its replica to confirm, and is told of another one, or of none, only when the move is over. */
    c->moving.failed |= c->moving.id && (server->takes_part || server->shard != PS_NO_SHARD || ps_replicas_copy(c, server) != PS_NO_SHARD);
    server->takes_part = false;
}

/* All shards at one cut, holding. */
static int hold(struct ps_coordinator *c, struct ps_error *err)
{
    struct ps_moving *m = &c->moving;
    for (uint32_t l = 0; l < c->lanes; l++)
        m->lane[l] = (struct ps_lane_entry){.lane = l};
    struct ps_control prepare = {.kind = PS_CUT_PREPARE, .epoch = c->epoch, .first = m->id, .code = 1};
    int status = ps_ask_servers(c, &prepare, PS_CUT_LIMIT, m->id, "CUT_PREPARE", err);
    if (status || m->failed)
        return status;
    ps_cut_agree(c, m->lane);
    struct ps_control at = {.kind = PS_CUT_AT, .epoch = c->epoch, .first = m->id, .lane = m->lane, .lane_count = c->lanes};
    return ps_ask_servers(c, &at, PS_CUT_REACHED, m->id, "CUT_AT", err);
}

/* What has changed since it was copied. */
static int send_rest(struct ps_coordinator *c, struct ps_error *err)
{
    const struct ps_slot_map *next = c->moving.next;
    for (uint32_t s = 0; s < next->shards; s++) {
        struct ps_member *m = ps_member_find(c, next->entry[s].incarnation);
        m->takes_part = m->shard == PS_NO_SHARD;
        c->moving.failed |= !m->alive;
    }
    struct ps_control move = {.kind = PS_MOVE, .epoch = c->epoch, .first = c->moving.id, .since = c->moving.copy, .count = c->moving.steps,
                              .lane = c->moving.lane, .lane_count = c->lanes};
    return c->moving.failed ? 0 : ps_ask_servers(c, &move, PS_MOVED, c->moving.id, "MOVE", err);
}

/* The decision: from here on the next map is in force. */
static int decide(struct ps_coordinator *c, struct ps_error *err)
{
    const struct ps_slot_map *next = c->moving.next;
    uint32_t version = c->map.version + 1;
    c->map = *next;
    c->map.version = version;
    for (int i = 0; i < c->members; i++) {
        struct ps_member *m = c->member[i];
        uint32_t shard = m->role == PS_ROLE_SERVER ? ps_slot_map_find(next, m->incarnation) : PS_NO_SHARD;
        m->takes_part = m->alive && shard == PS_NO_SHARD && m->shard != PS_NO_SHARD; /* it leaves */
        m->shard = shard;
    }
    return ps_state_write(c, err);
}

int ps_move_settle(struct ps_coordinator *c, struct ps_error *err)
{
    struct ps_control map = {.kind = PS_MAP, .shards = c->map.entry, .shard_count = c->map.shards};
    c->moving.failed = false;
    c->moving.copy = 0;
    int status = ps_ask_servers(c, &map, PS_MAP_ACK, c->map.version, "MAP", err);
    for (int i = 0; i < c->members; i++)
        c->member[i]->takes_part = false;
    return status;
}

static void report(struct ps_coordinator *c, bool moved, uint32_t slots, double began, double held)
{
    const struct ps_moving *m = &c->moving;
    double now = ps_now();
    ps_runlog(c->options.log,
              "{\"event\":\"move\",\"moved\":%s,\"slots\":%u,\"servers\":%u,\"map\":%u,\"seconds\":%.3f,\"held\":%.3f,\"rows_ahead\":%llu,"
              "\"rows_held\":%llu}", moved ? "true" : "false", moved ? slots : 0, c->map.shards, c->map.version, now - began,
              held > 0 ? now - held : 0, (unsigned long long)m->ahead, (unsigned long long)m->rest);
}

/* Everything has been copied ahead: the rest is moved while all shards hold. */
static int finish(struct ps_coordinator *c, uint32_t slots, bool *moved, struct ps_error *err)
{
    struct ps_moving *m = &c->moving;
    double held = ps_now();
    m->lane = ps_calloc(c->lanes, sizeof *m->lane);
    m->id = ++c->cut;
    m->failed = false;
    int status = hold(c, err);
    if (!status && !m->failed)
        status = send_rest(c, err);
    *moved = !status && !m->failed;
    if (*moved)
        status = decide(c, err);
    if (!status)
        status = ps_move_settle(c, err);
    if (!status && *moved)
        ps_lanes_again(c, "moved");
    free(m->lane);
    m->lane = NULL;
    m->id = m->copy = 0;
    m->failed = false;
    m->again = *moved ? 0 : ps_now() + AGAIN;
    if (!status)
        report(c, *moved, slots, m->begun, held);
    return status;
}

/* There is nothing to move any more: a new server is gone, say. */
static int give_up(struct ps_coordinator *c, struct ps_error *err)
{
    int status = ps_move_settle(c, err);
    c->moving.again = ps_now() + AGAIN;
    if (!status)
        report(c, false, 0, c->moving.begun, 0);
    return status;
}

/* The servers copy ahead by the plan. True: they have. */
static bool copy_ahead(struct ps_coordinator *c, const struct ps_slot_map *plan)
{
    struct ps_moving *m = &c->moving;
    double now = ps_now();
    bool all = true;
    if (!m->next)
        m->next = ps_calloc(1, sizeof *m->next);
    if (!m->copy || !ps_slot_map_same(plan, m->next)) {
        *m->next = *plan;
        m->copy = ++c->cut;
        m->begun = now;
        m->asked = 0;
        m->ahead = m->rest = 0;
    }
    bool again = now - m->asked > PS_ASK_AGAIN;
    struct ps_control copy = {.kind = PS_COPY, .epoch = c->epoch, .first = m->copy, .shards = m->next->entry, .shard_count = m->next->shards};
    for (int i = 0; i < c->members; i++) {
        struct ps_member *s = c->member[i];
        if (s->role != PS_ROLE_SERVER || !s->alive || (s->shard == PS_NO_SHARD && !ps_move_takes(c, s)) || s->copied_ahead == m->copy)
            continue;
        all = false;
        if (again)
            ps_send_control(c, s, &copy);
    }
    if (again)
        m->asked = now;
    return all;
}

bool ps_move_takes(const struct ps_coordinator *c, const struct ps_member *m)
{
    return c->moving.copy && ps_slot_map_find(c->moving.next, m->incarnation) != PS_NO_SHARD;
}

int ps_move_go_on(struct ps_coordinator *c, bool *moved, struct ps_error *err)
{
    *moved = false;
    if (!is_wanted(c))
        return c->moving.copy ? give_up(c, err) : 0;
    if (ps_now() < c->moving.again || c->cutting.phase != PS_CUT_IDLE)
        return 0;
    struct ps_slot_map *plan = ps_malloc(sizeof *plan);
    uint32_t slots = make_plan(c, plan);
    bool copied = copy_ahead(c, plan);
    free(plan);
    return copied ? finish(c, slots, moved, err) : 0;
}
