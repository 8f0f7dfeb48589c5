/* server.c - the loop of a server; see server.h.
 *
 * One thread owns the shard and both sockets: the ROUTER that workers talk to, and the control connection to the
 * coordinator. Beats come from the membership's own thread, so a server that is busy loading or writing is not taken
 * for dead. It sleeps until a message or a deadline comes.
 */
#include "server/server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/process.h"
#include "server/internal.h"
#include "server/living.h"

enum { BURST = 64 };                 /* requests taken before the coordinator is listened to again */
static const double LOOK_AROUND = 1; /* seconds: the longest sleep */
static const double SNAPSHOT_LOOK = 0.02;
static const double SILENCE_LIMIT = 60, WELCOME_LIMIT = 60;

/* The shard's answers. What cannot be sent now is lost: whoever wants it asks again. */
static void send_data(void *ctx, uint64_t to, struct ps_data *data, struct ps_message *message)
{
    struct ps_server *s = ctx;
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

static int take_requests(struct ps_server *s, struct ps_error *err)
{
    int status = 0;
    struct ps_message message;
    struct ps_data data;
    uint64_t from;
    for (int i = 0; !status && i < BURST && ps_socket_receive(s->data, &from, &message); i++) {
        /* `from` in the header is where answers go: it must be the connection's own name */
        bool sound = !ps_data_unpack(&message, &data, NULL) && data.from == from;
        if (sound && data.kind != PS_PULL) /* the shard tells a pull's time itself */
            ps_phase_enter(&s->shard.phases, data.kind == PS_SLOTS_PART ? PS_PHASE_OTHER : PS_PHASE_TAKE);
        if (sound && data.kind == PS_SLOTS_PART)
            ps_move_take(s->move, &data, &message);
        else if (sound && data.kind == PS_REPL)
            status = ps_backup_take(&s->shard, &data, &message, err);
        else if (sound)
            ps_shard_take(&s->shard, &data, &message);
        else
            s->shard.counters.refused[PS_REFUSE_BAD]++;
        ps_message_fini(&message);
    }
    return status;
}

static void report(struct ps_server *s)
{
    const struct ps_shard_counters *c = &s->shard.counters;
    struct ps_progress progress = {.rows = c->pulled + c->pushed,
                                   .bytes = s->bytes,
                                   .strangers = ps_net_strangers(s->net) + c->refused[PS_REFUSE_BAD],
                                   .steps = s->shard.steps,
                                   .queue = s->shard.parked,
                                   .memory = ps_process_memory()};
    ps_living_count(&s->shard, &progress.life);
    for (uint32_t t = 0; t < s->shard.tables; t++)
        progress.held += ps_rows_held(&s->shard.rows[t]);
    for (int i = 0; i <= PS_REFUSE_WHO; i++)
        progress.refused += c->refused[i];
    memcpy(progress.phase, s->shard.phases.seconds, sizeof progress.phase);
    ps_membership_progress(s->member, &progress, false);
}

static int serve(struct ps_server *s, const struct ps_server_options *o, struct ps_error *err)
{
    struct ps_socket *socket[4 + PS_MAX_SHARDS] = {s->data, s->monitor, ps_membership_socket(s->member)};
    bool ready[PS_COUNT(socket)];
    int status = 0;
    double reported = 0, look = 0;
    while (!status && !s->stopping) {
        double next = ps_server_go_on(s), now = ps_now(), until = now + LOOK_AROUND;
        until = next > 0 ? PS_MIN(next, until) : until;
        until = s->shard.snapshot ? PS_MIN(now + SNAPSHOT_LOOK, until) : until; /* its end comes without a message */
        int sockets = 3 + ps_move_sockets(s->move, socket + 3);
        if (ps_mate_socket(s->mate))
            socket[sockets++] = ps_mate_socket(s->mate);
        ps_phase_enter_for(&s->shard.phases, PS_PHASE_IDLE, PS_NO_LANE, 0);
        ps_net_wait(socket, sockets, until - now, ready);
        ps_phase_enter(&s->shard.phases, PS_PHASE_OTHER);
        while (ready[1] && ps_monitor_lost(s->monitor) >= 0)
            ; /* who is gone does not matter here; who was refused is counted */
        if (ready[0])
            status = take_requests(s, err);
        ps_phase_enter_for(&s->shard.phases, PS_PHASE_OTHER, PS_NO_LANE, 0);
        struct ps_control message;
        while (!status && ps_membership_receive(s->member, &message)) {
            status = ps_server_control(s, &message, err);
            ps_control_fini(&message);
        }
        if (!status)
            ps_server_settle(s);
        if (o->leave && *o->leave)
            ps_server_leave(s);
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

/* With servers.replicas a process has room for copies of others' shards beside its own: as many further servers, each a member of its
 * own with a thread, an incarnation and an endpoint of its own. A copy that becomes the primary is so found where it has always been. */
struct seat {
    const struct ps_server_options *options; /* borrowed */
    char *bind;                              /* owned */
    uint64_t home;
    pthread_t thread;
    int status;
    struct ps_error err;
};

struct seats {
    struct seat *seat; /* owned */
    int count;
};

static int run_seat(const struct ps_server_options *o, const char *bind, uint64_t home, struct seats *seats, struct ps_error *err);

static void *play_seat(void *arg)
{
    struct seat *seat = arg;
    seat->status = run_seat(seat->options, seat->bind, seat->home, NULL, &seat->err);
    return NULL;
}

static void take_seats(struct seats *seats, const struct ps_server_options *o, uint64_t home, int count)
{
    seats->seat = ps_calloc((size_t)count, sizeof *seats->seat);
    for (; seats->count < count; seats->count++) {
        struct seat *seat = &seats->seat[seats->count];
        seat->options = o;
        seat->home = home;
        /* over tcp any free port will do once more */
        seat->bind = strncmp(o->bind, "tcp://", 6) ? ps_format("%s-%d", o->bind, seats->count + 1) : ps_strdup(o->bind);
        if (pthread_create(&seat->thread, NULL, play_seat, seat))
            ps_die(PS_EXIT_FAIL, "cannot start a thread; check 'ulimit -u'");
    }
}

/* One server: a member of its own, with an endpoint of its own. `home`: the first one of its process, where this is not it. */
static int run_seat(const struct ps_server_options *o, const char *bind, uint64_t home, struct seats *seats, struct ps_error *err)
{
    struct ps_server *s = ps_calloc(1, sizeof *s);
    s->net = o->net;
    s->cut.folder.fd = -1;
    struct ps_control welcome = {0};
    char bound[256];
    uint64_t incarnation = ps_net_incarnation();
    int status = ps_net_bind(o->net, bind, incarnation, bound, &s->data, err);
    if (!status)
        status = ps_monitor_open(o->net, s->data, &s->monitor, err);
    struct ps_membership_options membership = {
        .net = o->net,
        .coordinator = o->coordinator,
        .meeting = o->meeting,
        .role = PS_ROLE_SERVER,
        .incarnation = incarnation,
        .home = home,
        .endpoint = bound,
        .start_timeout = o->start_timeout > 0 ? o->start_timeout : WELCOME_LIMIT,
        .coordinator_timeout = o->coordinator_timeout > 0 ? o->coordinator_timeout : SILENCE_LIMIT,
        .holds = ps_server_holds,
        .ctx = s};
    if (!status)
        status = ps_membership_join(&s->member, &membership, &welcome, err);
    if (!status) {
        status = ps_shard_init(&s->shard, &welcome, incarnation, send_data, s, err);
        s->shard.far = strncmp(bound, "ipc://", 6) != 0;
        if (!status && !home)
            take_seats(seats, o, incarnation, (int)welcome.count);
        ps_control_fini(&welcome);
        if (!status) {
            s->move = ps_move_new(o->net, &s->shard);
            s->mate = ps_mate_new(o->net, &s->shard);
            if (o->joined)
                *o->joined = 1;
            status = serve(s, o, err);
            ps_move_free(s->move);
            ps_mate_free(s->mate);
            ps_shard_fini(&s->shard);
            ps_trace_fini(&s->trace);
        }
    }
    ps_membership_leave(s->member, status ? -status : 0, status ? err->text : "");
    ps_socket_close(s->monitor);
    ps_socket_close(s->data);
    ps_server_end_cut(s);
    free(s);
    return status;
}

int ps_server_run(const struct ps_server_options *o, struct ps_error *err)
{
    struct ps_error local;
    struct seats seats = {0};
    err = err ? err : &local;
    int status = run_seat(o, o->bind, 0, &seats, err);
    for (int i = 0; i < seats.count; i++) {
        struct seat *seat = &seats.seat[i];
        pthread_join(seat->thread, NULL);
        if (seat->status && !status) {
            status = seat->status;
            *err = seat->err;
        }
        free(seat->bind);
    }
    free(seats.seat);
    return status;
}
