/* control.c - what the coordinator says to a server: eras, maps, fences, epochs and moves; see internal.h. */
#include <stdlib.h>
#include <string.h>

#include "server/internal.h"
#include "server/living.h"

static const double LEAVE_PATIENCE = 10; /* seconds that a server which wants to go waits for others to take its rows */
static const double TELL_AGAIN = 0.5;
static const double WORTH_TELLING = 1; /* seconds without a word from the backup */

void ps_server_reply(struct ps_server *s, const struct ps_control *question, enum ps_message_kind kind,
                     struct ps_lane_entry *lane, uint32_t lanes)
{
    struct ps_control out = {.kind = kind,
                             .era = s->shard.era,
                             .map = s->shard.map,
                             .epoch = s->shard.epoch,
                             .shard = s->shard.number,
                             .request = question->request,
                             .first = question->first,
                             .lane = lane,
                             .lane_count = lanes};
    memcpy(out.progress.phase, s->shard.phases.seconds, sizeof out.progress.phase); /* with those that begin and end an epoch */
    if (kind == PS_ACCOUNT_ACK)
        out.count = s->shard.counters.epoch_repeats;
    if (kind == PS_ACCOUNT_ACK)
        ps_living_count(&s->shard, &out.life);
    if (kind == PS_READY)
        out.count = s->dropped;
    if (kind == PS_CUT_REACHED)
        out.count = s->shard.steps;
    if (kind == PS_COPIED || kind == PS_MOVED)
        out.count = ps_move_rows(s->move);
    if (kind == PS_UNSYNCED)
        out.count = (uint64_t)(1e3 * ps_replica_silence(&s->shard, ps_now()));
    if (kind == PS_CUT_DONE) {
        out.file = &s->cut.file;
        out.file_count = 1;
        out.cost = s->cut.cost;
    } else if (kind == PS_CUT_ABORT && s->cut.state == CUT_FAILED && question->first == s->cut.id) {
        out.code = (uint32_t)s->cut.err.code;
        out.text = s->cut.err.text;
    }
    ps_membership_send(s->member, &out, NULL);
}

/* For a coordinator that has taken over. */
void ps_server_holds(void *ctx, struct ps_control *hello)
{
    const struct ps_shard *shard = &((struct ps_server *)ctx)->shard;
    hello->era = shard->loaded ? shard->era : 0;
    hello->map = shard->map;
    hello->epoch = shard->epoch;
    hello->held_count = shard->lanes;
    hello->held = ps_calloc(shard->lanes, sizeof *hello->held);
    for (uint32_t l = 0; l < shard->lanes; l++)
        hello->held[l] = (struct ps_held){.lane = l, .lease = shard->lane[l].lease, .position = shard->lane[l].hwm};
}

/* Goes on with the copy on the server that the map names, or without one. `loaded`: that has the same rows. */
static int set_mate(struct ps_server *s, const struct ps_slot_map *map, bool loaded, struct ps_error *err)
{
    const struct ps_shard *shard = &s->shard;
    bool primary = !shard->backup && shard->number != PS_NO_SHARD;
    const struct ps_shard_entry *entry = primary ? &map->entry[shard->number] : NULL;
    s->recorded = entry && entry->synced;
    return ps_mate_set(s->mate, entry, loaded, err);
}

static int load(struct ps_server *s, const struct ps_control *m, struct ps_error *err)
{
    struct ps_slot_map map;
    struct ps_shard *shard = &s->shard;
    int status = ps_slot_map_from_entries(&map, m->map, m->shards, m->shard_count, err);
    if (!status && (m->era > shard->era || !shard->loaded)) {
        uint64_t before = shard->steps;
        uint32_t number = ps_slot_map_find(&map, shard->incarnation);
        ps_move_end(s->move);
        if (number == PS_NO_SHARD)
            number = ps_slot_map_find_backup(&map, shard->incarnation);
        if (number == PS_NO_SHARD)
            return 0; /* a map without this server */
        shard->backup = map.entry[number].incarnation != shard->incarnation;
        ps_shard_map(shard, &map, number);
        status = ps_shard_load(shard, m->era, m->epoch, m->text, m->lane, m->lane_count, err);
        s->dropped = before > shard->steps ? before - shard->steps : 0;
        if (shard->backup)
            ps_backup_follow(shard, &map);
        if (!status)
            status = set_mate(s, &map, true, err);
    }
    if (!status)
        ps_server_reply(s, m, PS_READY, NULL, 0);
    return status;
}

/* Answers fences and epochs that the backup has confirmed by now, or that need no confirmation. */
static void answer_owed(struct ps_server *s)
{
    struct ps_shard *shard = &s->shard;
    struct ps_lane_entry lane[PS_MAX_LANES];
    struct ps_control nothing = {0};
    uint32_t lanes = 0;
    for (uint32_t l = 0; l < shard->lanes; l++) {
        if (!s->owes_fence[l] || !ps_shard_fence_holds(shard, l))
            continue;
        s->owes_fence[l] = false;
        lane[lanes++] = (struct ps_lane_entry){l, shard->lane[l].lease, shard->lane[l].hwm};
    }
    if (lanes)
        ps_server_reply(s, &nothing, PS_FENCE_ACK, lane, lanes);
    if (s->owes_epoch && ps_shard_epoch_holds(shard)) {
        s->owes_epoch = false;
        ps_server_reply(s, &nothing, PS_EPOCH_ACK, NULL, 0);
    }
}

static void fence(struct ps_server *s, const struct ps_control *m)
{
    uint64_t hwm;
    for (uint32_t i = 0; i < m->lane_count; i++)
        if (!ps_shard_fence(&s->shard, m->lane[i].lane, m->lane[i].lease, &hwm))
            s->owes_fence[m->lane[i].lane] = true;
}

static void account(struct ps_server *s, const struct ps_control *m)
{
    struct ps_lane_entry lane[PS_MAX_LANES];
    if (ps_shard_account(&s->shard, m->epoch, lane))
        ps_server_reply(s, m, PS_ACCOUNT_ACK, lane, s->shard.lanes);
}

/* COPY: rows of slots that are to move go ahead. A server without slots has nothing yet but the era. */
static int copy_ahead(struct ps_server *s, const struct ps_control *m, struct ps_error *err)
{
    struct ps_shard *shard = &s->shard;
    struct ps_slot_map next;
    int status = ps_slot_map_from_entries(&next, 0, m->shards, m->shard_count, err);
    if (status)
        return status;
    if (shard->number == PS_NO_SHARD && shard->era != m->era)
        ps_shard_forget(shard, m->era, m->epoch);
    if (ps_move_id(s->move) != m->first)
        return ps_move_begin(s->move, m->first, &next, err);
    if (ps_move_ahead(s->move))
        ps_server_reply(s, m, PS_COPIED, NULL, 0);
    return 0;
}

/* MOVE: the shard stands still; the rest goes too. */
static void move_rest(struct ps_server *s, const struct ps_control *m)
{
    struct ps_shard *shard = &s->shard;
    if (!m->since || ps_move_id(s->move) != m->since)
        return; /* it is void here, and the next map in force says so */
    if (ps_move_held(s->move) == m->first) {
        if (ps_move_sent(s->move))
            ps_server_reply(s, m, PS_MOVED, NULL, 0);
        return;
    }
    if (shard->number == PS_NO_SHARD)
        ps_shard_adopt(shard, m->era, m->epoch, m->map, m->count, m->lane, m->lane_count);
    else if (!ps_shard_cut_reached(shard) || !shard->cut.hold || shard->cut.id != m->first)
        return;
    ps_move_hold(s->move, m->first);
}

/* Goes on with a copy or a move; tells of the end of each once by itself. */
static double go_on_moving(struct ps_server *s)
{
    double next = ps_move_progress(s->move);
    bool sent = ps_move_sent(s->move);
    uint64_t done = sent ? ps_move_held(s->move) : ps_move_ahead(s->move) ? ps_move_id(s->move) : 0;
    if (done && s->told_moved != done) {
        struct ps_control news = {.first = s->told_moved = done};
        ps_server_reply(s, &news, sent ? PS_MOVED : PS_COPIED, NULL, 0);
    }
    return next;
}

/* What a map makes of this server where no slots move: the primary of its shard, a backup, or neither. True: so it is. */
static bool take_role(struct ps_server *s, const struct ps_control *m, const struct ps_slot_map *map, struct ps_error *err)
{
    struct ps_shard *shard = &s->shard;
    uint32_t number = ps_slot_map_find(map, shard->incarnation), copy = ps_slot_map_find_backup(map, shard->incarnation);
    bool here = m->era == shard->era && shard->loaded;
    if (number != PS_NO_SHARD) {
        if (!here || shard->number != number)
            return false;
        if (shard->backup)
            ps_backup_promote(shard, map);
        else
            ps_shard_map(shard, map, number);
    } else if (copy != PS_NO_SHARD) {
        if (here && shard->backup && shard->follows.log == map->entry[copy].log)
            ps_shard_map(shard, map, copy);
        else
            ps_backup_begin(shard, m->era, m->epoch, map, copy);
    } else {
        if (m->era != shard->era || shard->loaded)
            ps_shard_forget(shard, m->era, m->epoch); /* it was deposed, or is not wanted as a backup any more */
        ps_shard_map(shard, map, PS_NO_SHARD);
        shard->backup = false;
    }
    return !set_mate(s, map, false, err);
}

/* The map in force: the next one, by which a move is done, or one by which it is void, or goes on to be copied ahead. */
static void take_map(struct ps_server *s, const struct ps_control *m, struct ps_error *err)
{
    struct ps_slot_map map;
    if (m->map < s->shard.map || ps_slot_map_from_entries(&map, m->map, m->shards, m->shard_count, err))
        return;
    bool held = ps_move_held(s->move), done = ps_move_done(s->move, &map);
    if (!done && s->shard.cut.hold)
        ps_shard_cut_end(&s->shard, s->shard.cut.id);
    if (held || ps_move_id(s->move) != m->since)
        ps_move_end(s->move);
    if (!take_role(s, m, &map, err))
        return;
    struct ps_control answer = {.first = m->map};
    ps_server_reply(s, &answer, PS_MAP_ACK, NULL, 0);
}

/* A copy that has become whole: the coordinator records it, and from then on it may become the primary. Or one that is silent: the
 * coordinator may let us go on without it. */
static double tell_of_copy(struct ps_server *s)
{
    double now = ps_now(), silence = ps_replica_silence(&s->shard, now);
    bool silent = silence > WORTH_TELLING, synced = !s->recorded && ps_replica_synced(&s->shard);
    if (!silent && !synced)
        return 0;
    if (now >= s->tell_at) {
        struct ps_control news = {.first = ps_replica_log(&s->shard)};
        ps_server_reply(s, &news, silent ? PS_UNSYNCED : PS_SYNCED, NULL, 0);
        s->tell_at = now + TELL_AGAIN;
    }
    return s->tell_at;
}

double ps_server_go_on(struct ps_server *s)
{
    double each[] = {ps_shard_tick(&s->shard, ps_now()), go_on_moving(s), ps_mate_progress(s->mate), tell_of_copy(s)}, next = 0;
    for (size_t i = 0; i < PS_COUNT(each); i++)
        if (each[i] > 0)
            next = next > 0 ? PS_MIN(next, each[i]) : each[i];
    answer_owed(s);
    return next;
}

void ps_server_settle(struct ps_server *s)
{
    ps_backup_confirm(&s->shard);
    ps_server_advance_cut(s);
}

int ps_server_control(struct ps_server *s, const struct ps_control *m, struct ps_error *err)
{
    bool new_here = m->kind == PS_LOAD || m->kind == PS_COPY || m->kind == PS_MAP;
    if (m->kind != PS_STOP && (m->era < s->shard.era || (m->era > s->shard.era && !new_here)))
        return 0; /* of a time that is over, or of one that this server has not been told of yet */
    if (s->shard.backup && m->kind != PS_LOAD && m->kind != PS_MAP && m->kind != PS_STOP && m->kind != PS_TRACE)
        return 0; /* for a primary */
    switch (m->kind) {
    case PS_LOAD:
        return load(s, m, err);
    case PS_EPOCH:
        s->owes_epoch |= ps_shard_epoch(&s->shard, m->epoch);
        return 0;
    case PS_ACCOUNT:
        account(s, m);
        return 0;
    case PS_FENCE:
        fence(s, m);
        return 0;
    case PS_COPY:
        return copy_ahead(s, m, err);
    case PS_MOVE:
        move_rest(s, m);
        return 0;
    case PS_MAP:
        take_map(s, m, err);
        return 0;
    case PS_CUT_PREPARE:
        ps_server_prepare_cut(s, m);
        return 0;
    case PS_CUT_AT:
        ps_server_agree_cut(s, m);
        return 0;
    case PS_CUT_ABORT:
        if (m->first == s->cut.id)
            ps_shard_cut_cancel(&s->shard);
        ps_shard_cut_end(&s->shard, m->first);
        return 0;
    case PS_RELEASE:
        ps_shard_cut_end(&s->shard, m->first);
        return 0;
    case PS_TRACE:
        ps_trace_handle(&s->trace, &s->shard.phases, s->member, m, s->shard.era);
        return 0;
    case PS_STOP:
        s->stopping = true;
        s->code = (int)m->code;
        return 0;
    default:
        return 0; /* not for a server */
    }
}

void ps_server_leave(struct ps_server *s)
{
    double now = ps_now();
    if (!s->leave_since || ps_move_id(s->move))
        s->leave_since = now;
    if (now - s->leave_since > LEAVE_PATIENCE) {
        ps_warn("nobody has taken over this server's rows for %.0f s; it goes all the same", LEAVE_PATIENCE);
        s->stopping = true;
    }
    if (now < s->leave_at)
        return;
    struct ps_control leave = {.kind = PS_LEAVE, .era = s->shard.era, .map = s->shard.map};
    ps_membership_send(s->member, &leave, NULL);
    s->leave_at = now + 0.5;
}

