/* server.c - the loop of a server; see server.h.
 *
 * One thread owns the shard and both sockets: the ROUTER that workers talk to, and the control connection to the
 * coordinator. Beats come from the membership's own thread, so a server that is busy loading or writing is not taken
 * for dead. It sleeps until a message or a deadline comes.
 */
#include "server/server.h"

#include <stdlib.h>
#include <string.h>

#include "common/member.h"
#include "server/move.h"
#include "server/shard.h"

enum { BURST = 64 };                 /* requests taken before the coordinator is listened to again */
static const double LOOK_AROUND = 1; /* seconds: the longest sleep */
static const double SNAPSHOT_LOOK = 0.02;
static const double LEAVE_PATIENCE = 10; /* seconds that a server which wants to go waits for others to take its rows */
static const double SILENCE_LIMIT = 60, WELCOME_LIMIT = 60;

struct server {
    struct ps_net *net; /* borrowed */
    struct ps_membership *member;
    struct ps_socket *data; /* owned */
    struct ps_shard shard;
    struct ps_move *move; /* owned */
    uint64_t told_moved;  /* the last move whose end the coordinator was told of */
    double leave_since, leave_at; /* it wants to go since; when to say so again */
    uint64_t bytes;   /* sent */
    uint64_t dropped; /* steps given up for the era that is loaded */
    struct cut {      /* the last one prepared */
        uint64_t id, since, memory;
        struct ps_folder folder; /* owned: where it is to be written; not open where nothing is */
        enum { CUT_COMING, CUT_TAKEN, CUT_WRITTEN, CUT_FAILED } state;
        struct ps_lane_entry *lane; /* owned: those that had ended when it was taken */
        uint32_t lanes;
        struct ps_file_entry file;  /* WRITTEN */
        struct ps_cost cost;
        struct ps_error err; /* FAILED */
    } cut;
    bool stopping;
    int code;
};

/* The shard's answers. What cannot be sent now is lost: whoever wants it asks again. */
static void send_data(void *ctx, uint64_t to, struct ps_data *data, struct ps_message *message)
{
    struct server *s = ctx;
    uint64_t bytes = 0;
    ps_frame_fini(&message->frame[0]);
    ps_data_pack(data, &message->frame[0]);
    for (int i = 0; i < message->count; i++)
        bytes += ps_frame_size(&message->frame[i]);
    if (ps_socket_send(s->data, to, message))
        ps_message_fini(message);
    else
        s->bytes += bytes;
}

static void reply(struct server *s, const struct ps_control *question, enum ps_message_kind kind,
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
    if (kind == PS_ACCOUNT_ACK)
        out.count = s->shard.counters.epoch_repeats;
    if (kind == PS_READY)
        out.count = s->dropped;
    if (kind == PS_CUT_REACHED)
        out.count = s->shard.steps;
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
static void holds(void *ctx, struct ps_control *hello)
{
    const struct ps_shard *shard = &((struct server *)ctx)->shard;
    hello->era = shard->loaded ? shard->era : 0;
    hello->map = shard->map;
    hello->epoch = shard->epoch;
    hello->held_count = shard->lanes;
    hello->held = ps_calloc(shard->lanes, sizeof *hello->held);
    for (uint32_t l = 0; l < shard->lanes; l++)
        hello->held[l] = (struct ps_held){.lane = l, .lease = shard->lane[l].lease, .position = shard->lane[l].hwm};
}

static int load(struct server *s, const struct ps_control *m, struct ps_error *err)
{
    struct ps_slot_map map;
    int status = ps_slot_map_from_entries(&map, m->map, m->shards, m->shard_count, err);
    if (!status && m->era > s->shard.era) {
        uint64_t before = s->shard.steps;
        ps_move_end(s->move);
        ps_shard_map(&s->shard, &map, ps_slot_map_find(&map, s->shard.incarnation));
        status = ps_shard_load(&s->shard, m->era, m->epoch, m->text, m->lane, m->lane_count, err);
        s->dropped = before > s->shard.steps ? before - s->shard.steps : 0;
    }
    if (!status)
        reply(s, m, PS_READY, NULL, 0);
    return status;
}

static void fence(struct server *s, const struct ps_control *m)
{
    struct ps_lane_entry *lane = ps_calloc(m->lane_count, sizeof *lane);
    uint32_t lanes = 0;
    for (uint32_t i = 0; i < m->lane_count; i++) {
        uint64_t hwm;
        if (ps_shard_fence(&s->shard, m->lane[i].lane, m->lane[i].lease, &hwm))
            continue;
        lane[lanes].lane = m->lane[i].lane;
        lane[lanes].lease = s->shard.lane[m->lane[i].lane].lease;
        lane[lanes++].position = hwm;
    }
    if (lanes)
        reply(s, m, PS_FENCE_ACK, lane, lanes);
    free(lane);
}

static void account(struct server *s, const struct ps_control *m)
{
    struct ps_lane_entry lane[PS_MAX_LANES];
    if (ps_shard_account(&s->shard, m->epoch, lane))
        reply(s, m, PS_ACCOUNT_ACK, lane, s->shard.lanes);
}

static int begin_move(struct server *s, const struct ps_control *m, struct ps_error *err)
{
    struct ps_shard *shard = &s->shard;
    struct ps_slot_map next;
    int status = ps_slot_map_from_entries(&next, m->map + 1, m->shards, m->shard_count, err);
    if (status)
        return status;
    if (ps_move_id(s->move) != m->first) {
        if (m->era > shard->era || shard->number == PS_NO_SHARD)
            ps_shard_adopt(shard, m->era, m->epoch, m->map, m->count, m->lane, m->lane_count);
        else if (!ps_shard_cut_reached(shard) || !shard->cut.hold || shard->cut.id != m->first)
            return 0;
        status = ps_move_begin(s->move, m->first, &next, err);
    } else if (ps_move_sent(s->move)) {
        reply(s, m, PS_MOVED, NULL, 0);
    }
    return status;
}

/* Goes on with a move; tells of its end once by itself. */
static double go_on_moving(struct server *s)
{
    double next = ps_move_progress(s->move);
    if (ps_move_sent(s->move) && s->told_moved != ps_move_id(s->move)) {
        struct ps_control move = {.first = s->told_moved = ps_move_id(s->move)};
        reply(s, &move, PS_MOVED, NULL, 0);
    }
    return next;
}

/* The map in force: the next one, by which a move is done, or the one before it, by which it is void. */
static void take_map(struct server *s, const struct ps_control *m)
{
    const struct ps_slot_map *next = ps_move_next(s->move);
    if (m->map == s->shard.map) {
        if (ps_move_id(s->move))
            ps_shard_move_void(&s->shard);
        else if (s->shard.cut.hold)
            ps_shard_cut_end(&s->shard, s->shard.cut.id);
    } else if (ps_move_id(s->move) && m->map == next->version) {
        ps_shard_move(&s->shard, next, ps_slot_map_find(next, s->shard.incarnation));
    } else {
        return;
    }
    ps_move_end(s->move);
    struct ps_control map = {.first = m->map};
    reply(s, &map, PS_MAP_ACK, NULL, 0);
}

/* Tells how far the cut has come. */
static void report_cut(struct server *s)
{
    struct ps_control cut = {.first = s->cut.id};
    if (s->cut.state == CUT_WRITTEN)
        reply(s, &cut, PS_CUT_DONE, s->cut.lane, s->cut.lanes);
    else if (s->cut.state == CUT_TAKEN)
        reply(s, &cut, PS_CUT_REACHED, s->cut.lane, s->cut.lanes);
    else if (s->cut.state == CUT_FAILED)
        reply(s, &cut, PS_CUT_ABORT, NULL, 0);
}

/* Takes the snapshot when the shard is exactly at the cut; tells when its file is written, or why it is not. */
static void advance_cut(struct server *s)
{
    struct ps_shard *shard = &s->shard;
    if (s->cut.state == CUT_COMING && shard->cut.id == s->cut.id && ps_shard_cut_reached(shard)) {
        for (uint32_t l = 0; l < shard->lanes; l++)
            if (shard->lane[l].ended)
                s->cut.lane[s->cut.lanes++] = (struct ps_lane_entry){l, shard->lane[l].lease, shard->lane[l].hwm};
        s->cut.state = CUT_TAKEN;
        if (s->cut.folder.fd >= 0)
            ps_shard_cut_write(shard, &s->cut.folder, s->cut.since, s->cut.memory);
        else
            ps_shard_cut_taken(shard);
        report_cut(s);
    }
    if (!shard->snapshot || !ps_snapshot_ready(shard->snapshot))
        return;
    s->cut.state = ps_shard_cut_written(shard, &s->cut.file, &s->cut.cost, &s->cut.err) ? CUT_FAILED : CUT_WRITTEN;
    report_cut(s);
}

static void end_cut(struct server *s)
{
    ps_folder_close(&s->cut.folder);
    free(s->cut.lane);
}

static void prepare_cut(struct server *s, const struct ps_control *m)
{
    uint32_t lanes = s->shard.lanes;
    uint64_t limit[PS_MAX_LANES];
    struct ps_lane_entry lane[PS_MAX_LANES];
    if (m->first == s->cut.id && s->cut.state == CUT_FAILED) { /* asked again */
        report_cut(s);
        return;
    }
    if (!ps_shard_cut_prepare(&s->shard, m->first, m->code == 1, ps_now(), limit))
        return;
    if (s->cut.id != m->first) {
        end_cut(s);
        s->cut = (struct cut){.id = m->first, .since = m->since, .memory = m->count, .folder.fd = -1};
        s->cut.lane = ps_calloc(lanes, sizeof *s->cut.lane);
        /* Before the coordinator hears from us: if it has given us up by the time we write, that is another folder of this name. */
        if (*m->text && ps_folder_open(&s->cut.folder, m->text, &s->cut.err)) {
            s->cut.state = CUT_FAILED;
            ps_shard_cut_end(&s->shard, m->first);
            report_cut(s);
            return;
        }
    }
    for (uint32_t l = 0; l < lanes; l++)
        lane[l] = (struct ps_lane_entry){.lane = l, .lease = s->shard.lane[l].lease, .position = limit[l]};
    reply(s, m, PS_CUT_LIMIT, lane, lanes);
}

static void agree_cut(struct server *s, const struct ps_control *m)
{
    uint64_t position[PS_MAX_LANES];
    bool named[PS_MAX_LANES] = {false};
    uint32_t lanes = 0;
    if (m->first == s->cut.id && s->cut.state != CUT_COMING) { /* asked again */
        report_cut(s);
        return;
    }
    for (uint32_t i = 0; i < m->lane_count; i++) {
        uint32_t l = m->lane[i].lane;
        if (l >= s->shard.lanes || named[l])
            return;
        named[l] = true;
        position[l] = m->lane[i].position;
        lanes++;
    }
    if (lanes == s->shard.lanes && !ps_shard_cut_at(&s->shard, m->first, position))
        reply(s, m, PS_CUT_ABORT, NULL, 0); /* it came too late: this cut is over here */
}

static int take_control(struct server *s, const struct ps_control *m, struct ps_error *err)
{
    bool new_here = m->kind == PS_LOAD || m->kind == PS_MOVE;
    if (m->kind != PS_STOP && (m->era < s->shard.era || (m->era > s->shard.era && !new_here)))
        return 0; /* of a time that is over, or of one that this server has not been told of yet */
    switch (m->kind) {
    case PS_LOAD:
        return load(s, m, err);
    case PS_EPOCH:
        if (ps_shard_epoch(&s->shard, m->epoch))
            reply(s, m, PS_EPOCH_ACK, NULL, 0);
        return 0;
    case PS_ACCOUNT:
        account(s, m);
        return 0;
    case PS_FENCE:
        fence(s, m);
        return 0;
    case PS_MOVE:
        return begin_move(s, m, err);
    case PS_MAP:
        take_map(s, m);
        return 0;
    case PS_CUT_PREPARE:
        prepare_cut(s, m);
        return 0;
    case PS_CUT_AT:
        agree_cut(s, m);
        return 0;
    case PS_CUT_ABORT:
        if (m->first == s->cut.id)
            ps_shard_cut_cancel(&s->shard);
        ps_shard_cut_end(&s->shard, m->first);
        return 0;
    case PS_RELEASE:
        ps_shard_cut_end(&s->shard, m->first);
        return 0;
    case PS_STOP:
        s->stopping = true;
        s->code = (int)m->code;
        return 0;
    default:
        return 0; /* not for a server */
    }
}

static void take_requests(struct server *s)
{
    struct ps_message message;
    struct ps_data data;
    uint64_t from;
    for (int i = 0; i < BURST && ps_socket_receive(s->data, &from, &message); i++) {
        /* `from` in the header is where answers go: it must be the connection's own name */
        bool sound = !ps_data_unpack(&message, &data, NULL) && data.from == from;
        if (sound && data.kind == PS_SLOTS_PART)
            ps_move_take(s->move, &data, &message);
        else if (sound)
            ps_shard_take(&s->shard, &data, &message);
        else
            s->shard.counters.refused[PS_REFUSE_BAD]++;
        ps_message_fini(&message);
    }
}

static void report(struct server *s)
{
    const struct ps_shard_counters *c = &s->shard.counters;
    struct ps_progress progress = {.rows = c->pulled + c->pushed,
                                   .bytes = s->bytes,
                                   .strangers = ps_net_strangers(s->net),
                                   .steps = s->shard.steps,
                                   .queue = s->shard.parked};
    for (int i = 0; i <= PS_REFUSE_WHO; i++)
        progress.refused += c->refused[i];
    ps_membership_progress(s->member, &progress, false);
}

/* Asks to go. Where nobody takes the rows in time it goes all the same, and is lost. */
static void ask_to_leave(struct server *s)
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

static int serve(struct server *s, const struct ps_server_options *o, struct ps_error *err)
{
    struct ps_socket *socket[2 + PS_MAX_SHARDS] = {s->data, ps_membership_socket(s->member)};
    bool ready[PS_COUNT(socket)];
    int status = 0;
    double reported = 0, look = 0;
    while (!status && !s->stopping) {
        double now = ps_now(), until = now + LOOK_AROUND, deadline = ps_shard_tick(&s->shard, now), move = go_on_moving(s);
        until = deadline > 0 ? PS_MIN(deadline, until) : until;
        until = move > 0 ? PS_MIN(move, until) : until;
        until = s->shard.snapshot ? PS_MIN(now + SNAPSHOT_LOOK, until) : until; /* its end comes without a message */
        ps_net_wait(socket, 2 + ps_move_sockets(s->move, socket + 2), until - now, ready);
        if (ready[0])
            take_requests(s);
        struct ps_control message;
        while (!status && ps_membership_receive(s->member, &message)) {
            status = take_control(s, &message, err);
            ps_control_fini(&message);
        }
        if (!status)
            advance_cut(s);
        if (o->leave && *o->leave)
            ask_to_leave(s);
        now = ps_now();
        if (now - reported > 0.2) {
            report(s);
            reported = now;
        }
        if (!status && now - look > LOOK_AROUND) {
            look = now;
            status = ps_membership_check(s->member, err);
        }
    }
    if (!status && s->code)
        status = ps_fail(err, s->code, "the coordinator ended the run with code %d, and says why", s->code);
    return status;
}

int ps_server_run(const struct ps_server_options *o, struct ps_error *err)
{
    struct ps_error local;
    err = err ? err : &local;
    struct server *s = ps_calloc(1, sizeof *s);
    s->net = o->net;
    s->cut.folder.fd = -1;
    struct ps_control welcome = {0};
    char bound[256];
    uint64_t incarnation = ps_net_incarnation();
    int status = ps_net_bind(o->net, o->bind, incarnation, bound, &s->data, err);
    struct ps_membership_options membership = {
        .net = o->net,
        .coordinator = o->coordinator,
        .meeting = o->meeting,
        .role = PS_ROLE_SERVER,
        .incarnation = incarnation,
        .endpoint = bound,
        .start_timeout = o->start_timeout > 0 ? o->start_timeout : WELCOME_LIMIT,
        .coordinator_timeout = o->coordinator_timeout > 0 ? o->coordinator_timeout : SILENCE_LIMIT,
        .holds = holds,
        .ctx = s};
    if (!status)
        status = ps_membership_join(&s->member, &membership, &welcome, err);
    if (!status) {
        status = ps_shard_init(&s->shard, &welcome, incarnation, send_data, s, err);
        s->shard.far = strncmp(bound, "ipc://", 6) != 0;
        ps_control_fini(&welcome);
        if (!status) {
            s->move = ps_move_new(o->net, &s->shard);
            if (o->joined)
                *o->joined = 1;
            status = serve(s, o, err);
            ps_move_free(s->move);
            ps_shard_fini(&s->shard);
        }
    }
    ps_membership_leave(s->member, status ? -status : 0, status ? err->text : "");
    ps_socket_close(s->data);
    end_cut(s);
    free(s);
    return status;
}
