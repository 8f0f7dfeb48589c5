/* move.c - sends and takes slots; see move.h. */
#include "server/move.h"

#include <stdlib.h>
#include <string.h>

#include "server/parts.h"

static const double RETRY_AFTER = 0.5, RETRY_REFUSED = 0.05, RETRY_UNSENT = 0.02; /* seconds */

/* Rows of one table that have not been acknowledged. */
struct part {
    bool waiting;
    uint64_t number;
    double send_at;
    struct ps_section section;
    struct ps_message frames; /* keys, rows */
};

/* The way to one other server. */
struct route {
    struct ps_socket *socket; /* owned */
    uint32_t shard;           /* in the next map */
    bool wanted[PS_SLOTS];    /* this server's slots that are going to be its */
    struct ps_parts parts;
    uint64_t made; /* parts so far */
    int waiting;
    struct part part[PS_PARTS_AHEAD];
};

struct ps_move {
    struct ps_net *net;     /* borrowed */
    struct ps_shard *shard; /* borrowed */
    uint64_t id;            /* 0: none is under way */
    uint32_t me;            /* this server in the next map */
    bool coming[PS_SLOTS];  /* slots that are going to be its */
    struct ps_slot_map next;
    struct route *route; /* owned */
    int routes;
    struct ps_buffer scratch;
};

struct ps_move *ps_move_new(struct ps_net *net, struct ps_shard *shard)
{
    struct ps_move *m = ps_calloc(1, sizeof *m);
    m->net = net;
    m->shard = shard;
    return m;
}

void ps_move_free(struct ps_move *m)
{
    if (!m)
        return;
    ps_move_end(m);
    ps_buffer_fini(&m->scratch);
    free(m);
}

void ps_move_end(struct ps_move *m)
{
    for (int i = 0; i < m->routes; i++) {
        for (int p = 0; p < PS_PARTS_AHEAD; p++)
            ps_message_fini(&m->route[i].part[p].frames);
        ps_socket_close(m->route[i].socket);
    }
    free(m->route);
    m->route = NULL;
    m->routes = 0;
    m->id = 0;
}

uint64_t ps_move_id(const struct ps_move *m)
{
    return m->id;
}

const struct ps_slot_map *ps_move_next(const struct ps_move *m)
{
    return &m->next;
}

int ps_move_begin(struct ps_move *m, uint64_t id, const struct ps_slot_map *next, struct ps_error *err)
{
    if (m->id == id)
        return 0;
    ps_move_end(m);
    m->next = *next;
    m->me = ps_slot_map_find(next, m->shard->incarnation);
    bool wanted[PS_MAX_SHARDS] = {false};
    for (uint32_t slot = 0; slot < PS_SLOTS; slot++) {
        wanted[next->shard_of[slot]] |= m->shard->owns[slot];
        m->coming[slot] = !m->shard->owns[slot] && next->shard_of[slot] == m->me;
    }
    m->route = ps_calloc(next->shards, sizeof *m->route);
    for (uint32_t s = 0; s < next->shards; s++) {
        if (!wanted[s] || s == m->me)
            continue;
        struct route *route = &m->route[m->routes];
        route->shard = s;
        for (uint32_t slot = 0; slot < PS_SLOTS; slot++)
            route->wanted[slot] = m->shard->owns[slot] && next->shard_of[slot] == s;
        int status = ps_net_connect(m->net, next->entry[s].endpoint, m->shard->incarnation, &route->socket, err);
        if (status)
            return status;
        m->routes++;
    }
    m->id = id;
    return 0;
}

static void send_part(struct ps_move *m, struct route *route, struct part *part, double now)
{
    struct ps_data data = {.kind = PS_SLOTS_PART,
                           .run = m->shard->run,
                           .from = m->shard->incarnation,
                           .to = m->next.entry[route->shard].incarnation,
                           .era = m->shard->era,
                           .map = m->next.version,
                           .lease = m->id,
                           .request = part->number,
                           .sections = 1,
                           .section = {part->section}};
    struct ps_message message;
    ps_message_init(&message);
    ps_data_pack(&data, ps_message_add(&message));
    for (int i = 0; i < part->frames.count; i++)
        ps_frame_share(ps_message_add(&message), &part->frames.frame[i]);
    bool sent = ps_socket_send(route->socket, 0, &message) == 0;
    if (!sent)
        ps_message_fini(&message);
    part->send_at = now + (sent ? RETRY_AFTER : RETRY_UNSENT);
}

/* Makes the next part in a free place; false where there is nothing more to send. */
static bool fill_part(struct ps_move *m, struct route *route, struct part *part)
{
    struct part next = {.waiting = true, .number = route->made + 1};
    if (!ps_parts_make(m->shard, &route->parts, route->wanted, &m->scratch, &next.section, &next.frames))
        return false;
    *part = next;
    route->made++;
    route->waiting++;
    return true;
}

static void take_answers(struct route *route, uint64_t id)
{
    struct ps_message message;
    struct ps_data data;
    uint64_t from;
    while (ps_socket_receive(route->socket, &from, &message)) {
        bool sound = !ps_data_unpack(&message, &data, NULL);
        ps_message_fini(&message);
        for (int p = 0; sound && p < PS_PARTS_AHEAD; p++) {
            struct part *part = &route->part[p];
            if (!part->waiting || data.lease != id || data.request != part->number)
                continue;
            if (data.kind == PS_REFUSE) { /* it has not heard of the move */
                part->send_at = ps_now() + RETRY_REFUSED;
            } else if (data.kind == PS_SLOTS_ACK) {
                ps_message_fini(&part->frames);
                part->waiting = false;
                route->waiting--;
            }
        }
    }
}

double ps_move_progress(struct ps_move *m)
{
    double now = ps_now(), next = 0;
    for (int i = 0; i < m->routes; i++) {
        struct route *route = &m->route[i];
        take_answers(route, m->id);
        for (int p = 0; p < PS_PARTS_AHEAD; p++) {
            struct part *part = &route->part[p];
            if (!part->waiting && !fill_part(m, route, part))
                continue;
            if (now >= part->send_at)
                send_part(m, route, part, now);
            next = next > 0 ? PS_MIN(next, part->send_at) : part->send_at;
        }
    }
    return next;
}

int ps_move_sockets(const struct ps_move *m, struct ps_socket **socket)
{
    for (int i = 0; i < m->routes; i++)
        socket[i] = m->route[i].socket;
    return m->routes;
}

bool ps_move_sent(const struct ps_move *m)
{
    for (int i = 0; i < m->routes; i++)
        if (m->route[i].waiting || m->route[i].parts.table < m->shard->tables)
            return false;
    return m->id;
}

/* ---- the other end ---- */

void ps_move_take(struct ps_move *m, const struct ps_data *data, const struct ps_message *message)
{
    struct ps_shard *s = m->shard;
    if (data->run != s->run || data->to != s->incarnation)
        return;
    struct ps_data out = {.kind = PS_SLOTS_ACK, .run = s->run, .from = s->incarnation, .to = data->from, .era = s->era,
                          .map = s->map, .lease = data->lease, .request = data->request};
    if (!m->id || data->lease != m->id || data->era != s->era || !ps_parts_take(s, data, message, m->coming, &m->scratch)) {
        out.kind = PS_REFUSE;
        out.code = PS_REFUSE_NOT_YET;
        s->counters.refused[PS_REFUSE_NOT_YET]++;
    }
    struct ps_message answer;
    ps_message_init(&answer);
    ps_message_add(&answer);
    s->send(s->ctx, data->from, &out, &answer);
}
