/* members.c - who belongs to the run: greetings, beats and deaths. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/internal.h"
#include "coordinator/runlog.h"

struct ps_member *ps_member_find(const struct ps_coordinator *c, uint64_t incarnation)
{
    for (int i = 0; i < c->members; i++)
        if (c->member[i]->incarnation == incarnation)
            return c->member[i];
    return NULL;
}

int ps_members_count(const struct ps_coordinator *c, enum ps_role role)
{
    int count = 0;
    for (int i = 0; i < c->members; i++)
        count += c->member[i]->alive && c->member[i]->role == role && c->member[i]->home == c->member[i]->incarnation;
    return count;
}

const char *ps_role_name(enum ps_role role)
{
    return role == PS_ROLE_SERVER ? "server" : "worker";
}

/* A message that cannot be sent now (the peer is reconnecting) is lost: everything here is asked again or repeated by the
 * peer, and a peer that stays away is found by its missing beats. */
bool ps_send_to(struct ps_coordinator *c, uint64_t routing_id, uint64_t to, struct ps_control *control)
{
    control->run = c->run;
    control->from = c->incarnation;
    control->to = to;
    control->term = c->term;
    control->era = c->era;
    control->map = c->map.version;
    struct ps_message message;
    ps_message_init(&message);
    ps_control_pack(control, ps_message_add(&message));
    bool sent = ps_socket_send(c->socket, routing_id, &message) == 0;
    if (!sent)
        ps_message_fini(&message);
    return sent;
}

bool ps_send_control(struct ps_coordinator *c, struct ps_member *member, struct ps_control *control)
{
    return ps_send_to(c, member->incarnation, member->incarnation, control);
}

static void welcome(struct ps_coordinator *c, struct ps_member *member)
{
    struct ps_control w = {.kind = PS_WELCOME,
                           .role = member->role,
                           .shard = member->shard,
                           .epoch = c->epoch,
                           .seed = c->config->train.seed,
                           .first = c->options.fingerprint,
                           .lanes = c->lanes,
                           .slots = PS_SLOTS,
                           .mode = (uint32_t)c->config->train.consistency,
                           .table = (struct ps_table_spec *)c->options.table,
                           .table_count = (uint32_t)c->options.tables,
                           .optimizer = c->config->optimizer,
                           .count = (uint64_t)c->config->servers.replicas,
                           .memory = c->config->servers.memory << 20,
                           .shards = c->map.entry,
                           .shard_count = c->map.shards};
    w.kernel = (char *)(uintptr_t)c->options.kernel;
    w.text = ps_config_write(c->config);
    ps_send_control(c, member, &w);
    free(w.text);
    member->welcomed = true;
}

static void hello(struct ps_coordinator *c, uint64_t routing_id, const struct ps_control *message, int connection)
{
    struct ps_member *m = ps_member_find(c, message->from);
    if (!m && message->map && !c->options.takeover) {
        struct ps_control stop = {.kind = PS_STOP, .code = PS_EXIT_NET};
        stop.text = "the run was started anew, with other processes, from a checkpoint";
        ps_send_to(c, routing_id, message->from, &stop);
        return;
    }
    if (!m) {
        if ((message->role != PS_ROLE_SERVER && message->role != PS_ROLE_WORKER) || routing_id != message->from)
            return;
        m = ps_calloc(1, sizeof *m);
        *m = (struct ps_member){.incarnation = message->from,
                                .role = (enum ps_role)message->role,
                                .pid = message->pid,
                                .shard = PS_NO_SHARD,
                                .joined = ps_now(),
                                .turned = ps_now(),
                                .alive = true};
        char host[PS_JSON_TEXT];
        snprintf(m->host, sizeof m->host, "%s", ps_json_text(message->host, host));
        snprintf(m->endpoint, sizeof m->endpoint, "%s", message->endpoint);
        PS_GROW(c->member, c->member_capacity, c->members + 1);
        c->member[c->members++] = m;
        if (!message->first) /* of a process, its first server */
            ps_runlog(c->options.log, "{\"event\":\"member\",\"role\":\"%s\",\"host\":\"%s\",\"pid\":%u}", ps_role_name(m->role),
                      m->host, m->pid);
    }
    m->home = message->first ? message->first : m->incarnation;
    ps_detect_hello(m, !message->map, connection);
    m->task_since = -INFINITY; /* a question that it was asked before may be lost */
    ps_stock_take(c, m, message);
    if (c->map.version)
        welcome(c, m);
}

/* A member of an earlier coordinator hears of this one by a message of its term, on both its connections. */
static void call(struct ps_coordinator *c, uint64_t routing_id, const struct ps_control *beat)
{
    struct ps_control ack = {.kind = PS_BEAT_ACK, .request = beat->request};
    ps_send_to(c, routing_id, beat->from, &ack);
    ps_send_to(c, beat->from, beat->from, &ack);
}

static void beat(struct ps_coordinator *c, uint64_t routing_id, const struct ps_control *message, int connection)
{
    struct ps_member *m = ps_member_find(c, message->from);
    if (!m || message->term < c->term)
        call(c, routing_id, message);
    if (!m || m->left)
        return;
    ps_detect_beat(m, &message->progress, routing_id, connection);
    if (!m->alive && !m->stuck) { /* it only hung: its lanes are fenced, its rows of an era that is over; it may be given others */
        m->alive = true;
        m->joined = ps_now();
        m->worked = false;
        ps_runlog(c->options.log, "{\"event\":\"back\",\"role\":\"%s\",\"host\":\"%s\",\"pid\":%u}", ps_role_name(m->role), m->host,
                  m->pid);
    }
    ps_sums_take(c, m, message);
    m->progress = message->progress;
    m->progress.entry = NULL;
    ps_lanes_beat(c, m, &message->progress);
    ps_status_beat(m);
    struct ps_control ack = {.kind = PS_BEAT_ACK, .request = message->request, .clock = ps_now()};
    ps_send_to(c, routing_id, m->incarnation, &ack);
}

static void lose(struct ps_coordinator *c, struct ps_member *m, const char *why)
{
    const struct ps_member *home = ps_member_find(c, m->home);
    m->alive = false;
    if (m == home || !home || home->alive) /* otherwise its process has been told of */
        ps_runlog(c->options.log, "{\"event\":\"lost\",\"role\":\"%s\",\"host\":\"%s\",\"pid\":%u,\"why\":\"%s\",\"silent\":%.3f}",
                  ps_role_name(m->role), m->host, m->pid, why, ps_now() - m->last_beat);
    if (m->role == PS_ROLE_SERVER) {
        if (!ps_replicas_save(c, m, why))
            ps_server_lost(c, m, m->shard, why);
        ps_move_lost(c, m);
        m->shard = PS_NO_SHARD;
        return;
    }
    ps_warn("a worker (process %u on %s) is lost: %s; its lanes go to the others", m->pid, m->host, why);
    ps_lanes_member_lost(c, m);
    ps_rank_member_lost(c, m);
}

static void bye(struct ps_coordinator *c, struct ps_member *m, const struct ps_control *message)
{
    m->left = true;
    if (!m->alive)
        return;
    char why[PS_JSON_TEXT];
    /* What one worker cannot do (it has another dataset, say), the others may; nobody else can answer for a server. */
    bool others = m->role == PS_ROLE_WORKER ? c->epoch && ps_members_count(c, PS_ROLE_WORKER) > 1
                                            : ps_replicas_copy(c, m) != PS_NO_SHARD;
    if (c->stopping) {
        m->alive = false;
    } else if (message->code && others) {
        lose(c, m, ps_json_text(message->text, why));
    } else if (message->code) {
        m->alive = false;
        ps_fail(&c->failure, (int)message->code, "%s (%s, process %u on %s)", message->text, ps_role_name(m->role), m->pid,
                m->host);
    } else if (m->leaving && m->shard == PS_NO_SHARD) {
        m->alive = false;
        ps_move_lost(c, m);
        ps_lanes_member_lost(c, m); /* it may have waited in vain for us */
        ps_rank_member_lost(c, m);
        ps_runlog(c->options.log, "{\"event\":\"left\",\"role\":\"%s\",\"host\":\"%s\",\"pid\":%u,\"seconds\":%.3f}", ps_role_name(m->role), m->host,
                  m->pid, ps_now() - m->joined);
    } else {
        lose(c, m, "it said goodbye");
    }
}

static void handle(struct ps_coordinator *c, uint64_t routing_id, const struct ps_message *message)
{
    struct ps_control control;
    struct ps_error err;
    if (ps_control_unpack(message, &control, &err)) {
        ps_strangers_refuse(c, err.text);
        return;
    }
    struct ps_member *m = ps_member_find(c, control.from);
    if (control.run == c->run && control.term > c->term)
        c->state_checked = 0; /* it has heard of another coordinator: so must we, before anything else */
    else if (control.kind == PS_HELLO)
        hello(c, routing_id, &control, ps_message_connection(message));
    else if (control.kind == PS_ASK)
        ps_operator_handle(c, routing_id, &control);
    else if (control.run == c->run && control.kind == PS_BEAT)
        beat(c, routing_id, &control, ps_message_connection(message));
    else if (control.run == c->run && m && m->alive && control.kind == PS_BYE)
        bye(c, m, &control);
    else if (control.run == c->run && m && m->alive && control.kind == PS_LEAVE)
        ps_workers_leave(c, m, "it asked to");
    else if (control.run == c->run && m && m->alive && control.term == c->term && control.era == c->era) {
        ps_sums_take(c, m, &control);
        switch (control.kind) {
        case PS_MAP_ACK: ps_map_handle(c, m, &control); break;
        case PS_COPIED:
        case PS_MOVED: ps_move_handle(c, m, &control); break;
        case PS_SYNCED:
        case PS_UNSYNCED: ps_replicas_handle(c, m, &control); break;
        case PS_READY: c->loss.steps = PS_MAX(c->loss.steps, control.count); break;
        case PS_FENCE_ACK:
        case PS_GRANT_ACK:
        case PS_RETURN:
        case PS_LANE_DONE: ps_lanes_handle(c, m, &control); break;
        case PS_TRACED: ps_tracing_handle(c, m, &control, message); break;
        case PS_EVAL_DONE: ps_rank_handle(c, m, &control, message); break;
        case PS_ACCOUNT_ACK: ps_account_handle(c, m, &control); break;
        case PS_CUT_LIMIT:
        case PS_CUT_REACHED:
        case PS_CUT_DONE:
        case PS_CUT_ABORT:
            if (c->moving.id)
                ps_move_handle(c, m, &control);
            else
                ps_cut_handle(c, m, &control);
            break;
        default: break;
        }
        if (control.kind == c->expected &&
            (control.kind == PS_EPOCH_ACK ? control.epoch : control.kind == PS_READY ? control.era : control.first) ==
                c->expected_number)
            m->answered = true;
    }
    ps_control_fini(&control);
}

int ps_pump(struct ps_coordinator *c, double timeout, struct ps_error *err)
{
    struct ps_socket *const socket[] = {c->socket, c->monitor};
    bool ready[PS_COUNT(socket)];
    ps_net_wait(socket, PS_COUNT(socket), PS_MIN(timeout, c->look_at - ps_now()), ready);
    if (!c->stopping && ps_now() - c->state_checked > PS_STATE_EVERY) { /* before a word to anybody, after whatever sleep */
        int status = ps_state_check(c, err);
        if (status)
            return status;
    }
    struct ps_message message;
    uint64_t from;
    ps_detect_lost_connections(c);
    while (ps_socket_receive(c->socket, &from, &message)) {
        handle(c, from, &message);
        ps_message_fini(&message);
    }
    ps_figures_tick(c);
    ps_tracing_tick(c);
    if (c->stopping)
        return 0;
    c->look_at = ps_detect_dead(c, lose);
    int status = ps_replicas_tick(c, err);
    if (status)
        return status;
    if (!c->server_lost)
        ps_cut_tick(c);
    ps_strangers_tell(c, 1);
    if (c->failure.code) {
        *err = c->failure;
        return -err->code;
    }
    ps_map_tick(c);
    status = ps_workers_check(c, err);
    return status ? status : c->server_lost ? PS_ROLL_BACK : 0;
}

int ps_members_wait(struct ps_coordinator *c, struct ps_error *err)
{
    double begin = ps_now();
    for (;;) {
        int servers = ps_members_count(c, PS_ROLE_SERVER), workers = ps_members_count(c, PS_ROLE_WORKER);
        if (servers >= c->options.servers && workers >= c->options.workers)
            break;
        if (ps_now() - begin > c->config->cluster.start_timeout)
            return ps_fail(err, PS_EXIT_NET, "after %.0f s only %d of %d servers and %d of %d workers have come to %s; look at "
                           "their output, or raise cluster.start_timeout", ps_now() - begin, servers, c->options.servers,
                           workers, c->options.workers, c->endpoint);
        if (c->options.interrupted && *c->options.interrupted)
            return ps_fail(err, PS_EXIT_INTERRUPTED, "interrupted before training began");
        int status = ps_pump(c, 0.2, err);
        if (status)
            return status;
    }
    ps_map_deal(c); /* in the order in which they came */
    for (int i = 0; i < c->members; i++)
        welcome(c, c->member[i]);
    return 0;
}

double ps_patience(const struct ps_coordinator *c)
{
    return PS_MAX(600, c->config->net.deadline);
}
