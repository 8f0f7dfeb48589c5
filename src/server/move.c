/* move.c - sends and takes slots; see move.h. */
#include "server/move.h"

#include <stdlib.h>
#include <string.h>

#include "server/feed.h"
#include "server/parts.h"

/* A hold moves what has changed during the last pass, in about the time of that pass: SHORT is the pause that is aimed at. Where rows change
 * faster than they are sent, so that passes do not become shorter by SHRINK, nothing is won by more of them. */
static const double SHORT = 0.05, SHRINK = 0.7; /* seconds; of the pass before */

/* The way to one other server. */
struct route {
    struct ps_move *move;     /* borrowed */
    struct ps_socket *socket; /* owned */
    uint32_t shard;           /* in the next map */
    bool wanted[PS_SLOTS];    /* this server's slots that are going to be its */
    struct ps_parts parts;
    bool read; /* in this pass, to the end */
    struct ps_feed feed;
};

/* One other server that sends. */
struct source {
    uint64_t from, next; /* next: the part wanted */
};

struct ps_move {
    struct ps_net *net;     /* borrowed */
    struct ps_shard *shard; /* borrowed */
    uint64_t id, hold;      /* 0: none is under way; it is being copied ahead */
    struct ps_slot_map next;
    struct route *route; /* owned */
    int routes;
    struct pass {
        uint32_t clocks;      /* which of the shard's clocks they are of */
        uint8_t since, later; /* rows with stamps from `since` on are sent; those that change meanwhile get stamps from `later` on */
        double begun, last;   /* last: seconds that the one before took */
        bool holds;           /* the shard stands still */
    } pass;
    bool ahead, sent;
    uint64_t rows;
    bool coming[PS_SLOTS];                /* slots that are going to be this server's */
    struct ps_rows arrived[PS_MAX_TABLES]; /* owned: their rows */
    struct source *source;                /* owned */
    size_t source_capacity;
    int sources;
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
    free(m->source);
    free(m);
}

void ps_move_end(struct ps_move *m)
{
    for (int i = 0; i < m->routes; i++) {
        ps_feed_fini(&m->route[i].feed);
        ps_socket_close(m->route[i].socket);
    }
    free(m->route);
    m->route = NULL;
    for (uint32_t t = 0; m->id && t < m->shard->tables; t++)
        ps_rows_fini(&m->arrived[t]);
    m->routes = m->sources = 0;
    m->id = m->hold = m->rows = 0;
    m->ahead = m->sent = false;
}

uint64_t ps_move_id(const struct ps_move *m)
{
    return m->id;
}

uint64_t ps_move_held(const struct ps_move *m)
{
    return m->hold;
}

uint64_t ps_move_rows(const struct ps_move *m)
{
    return m->rows;
}

static void begin_pass(struct ps_move *m, uint8_t since, double now)
{
    uint8_t later = ps_shard_stamp(m->shard);
    if (m->pass.clocks != m->shard->clocks) /* nothing is known of what has changed */
        since = 0;
    m->pass = (struct pass){.clocks = m->shard->clocks, .since = since, .later = later, .begun = now, .last = m->pass.last,
                            .holds = m->hold != 0};
    for (int i = 0; i < m->routes; i++) {
        m->route[i].parts = (struct ps_parts){0};
        m->route[i].read = false;
    }
}

static bool send_part(void *ctx, struct ps_data *data, struct ps_message *message)
{
    const struct route *route = ctx;
    const struct ps_move *m = route->move;
    data->kind = PS_SLOTS_PART;
    data->run = m->shard->run;
    data->from = m->shard->incarnation;
    data->to = m->next.entry[route->shard].incarnation;
    data->era = m->shard->era;
    data->map = m->shard->map;
    data->lease = m->id;
    ps_frame_fini(&message->frame[0]);
    ps_data_pack(data, &message->frame[0]);
    return !ps_socket_send(route->socket, 0, message);
}

/* Ways to all servers that are to have slots of this one. */
static int open_routes(struct ps_move *m, struct ps_error *err)
{
    const struct ps_slot_map *next = &m->next;
    const bool *owns = m->shard->owns;
    uint32_t me = ps_slot_map_find(next, m->shard->incarnation);
    bool wanted[PS_MAX_SHARDS] = {false};
    for (uint32_t slot = 0; slot < PS_SLOTS; slot++) {
        wanted[next->shard_of[slot]] |= owns[slot];
        m->coming[slot] = !owns[slot] && next->shard_of[slot] == me;
    }
    m->route = ps_calloc(next->shards, sizeof *m->route);
    for (uint32_t s = 0; s < next->shards; s++) {
        if (!wanted[s] || s == me)
            continue;
        struct route *route = &m->route[m->routes];
        route->move = m;
        route->shard = s;
        for (uint32_t slot = 0; slot < PS_SLOTS; slot++)
            route->wanted[slot] = owns[slot] && next->shard_of[slot] == s;
        int status = ps_net_connect(m->net, next->entry[s].endpoint, m->shard->incarnation, &route->socket, err);
        if (status)
            return status;
        ps_feed_init(&route->feed, 0, send_part);
        m->routes++;
    }
    return 0;
}

int ps_move_begin(struct ps_move *m, uint64_t id, const struct ps_slot_map *next, struct ps_error *err)
{
    if (m->id == id)
        return 0;
    ps_move_end(m);
    m->id = id;
    m->next = *next;
    for (uint32_t t = 0; t < m->shard->tables; t++)
        ps_rows_init(&m->arrived[t], m->shard->rows[t].width);
    int status = open_routes(m, err);
    m->pass.last = 0;
    begin_pass(m, 0, ps_now());
    return status;
}

void ps_move_hold(struct ps_move *m, uint64_t hold)
{
    m->hold = hold;
}

static void take_answers(struct route *route, double now)
{
    struct ps_message message;
    struct ps_data data;
    uint64_t from;
    while (ps_socket_receive(route->socket, &from, &message)) {
        bool sound = !ps_data_unpack(&message, &data, NULL) && data.lease == route->move->id;
        ps_message_fini(&message);
        if (sound && data.kind == PS_SLOTS_ACK)
            ps_feed_confirm(&route->feed, data.request, now);
        else if (sound && data.kind == PS_REFUSE)
            ps_feed_refused(&route->feed, data.code == PS_REFUSE_GAP, now);
    }
    for (struct ps_feed_entry *e; (e = ps_feed_settled(&route->feed));)
        ps_feed_drop(&route->feed, e);
}

/* The next part, where there is one. */
static bool add_part(struct route *route)
{
    struct ps_move *m = route->move;
    struct ps_section section;
    struct ps_message frames;
    ps_message_init(&frames);
    if (!ps_parts_make(m->shard, &route->parts, route->wanted, m->pass.since, &m->scratch, &section, &frames))
        return false;
    struct ps_feed_entry *e = ps_feed_make(&route->feed);
    e->data.sections = 1;
    e->data.section[0] = section;
    memcpy(&e->frames, &frames, sizeof frames);
    m->rows += section.rows;
    ps_feed_add(&route->feed, e, route);
    return true;
}

/* What to do when everything of a pass is acknowledged: another one, or to wait for the hold or the next map. */
static void end_pass(struct ps_move *m, double now)
{
    double took = now - m->pass.begun;
    bool last = took < SHORT || (m->pass.last > 0 && took > SHRINK * m->pass.last);
    m->sent = m->pass.holds;
    m->ahead |= m->sent || last;
    if (m->hold && !m->sent)
        m->rows = 0;
    if (m->sent || (m->ahead && !m->hold))
        return;
    m->pass.last = took;
    begin_pass(m, m->pass.later, now);
}

double ps_move_progress(struct ps_move *m)
{
    double now = ps_now(), next = 0;
    bool waits = false;
    if (!m->id || m->sent)
        return 0;
    if (m->pass.clocks != m->shard->clocks)
        begin_pass(m, 0, now);
    for (int i = 0; i < m->routes; i++) {
        struct route *route = &m->route[i];
        take_answers(route, now);
        while (!route->read && ps_feed_waiting(&route->feed) < PS_PARTS_AHEAD)
            route->read = !add_part(route);
        double at = ps_feed_progress(&route->feed, route, now);
        if (at > 0)
            next = next > 0 ? PS_MIN(next, at) : at;
        waits |= !route->read || ps_feed_waiting(&route->feed);
    }
    if (waits || (m->ahead && !m->hold))
        return next;
    end_pass(m, now);
    return m->sent || (m->ahead && !m->hold) ? 0 : now;
}

int ps_move_sockets(const struct ps_move *m, struct ps_socket **socket)
{
    for (int i = 0; i < m->routes; i++)
        socket[i] = m->route[i].socket;
    return m->routes;
}

bool ps_move_ahead(const struct ps_move *m)
{
    return m->ahead;
}

bool ps_move_sent(const struct ps_move *m)
{
    return m->sent;
}

/* ---- the other end ---- */

static struct source *find_source(struct ps_move *m, uint64_t from)
{
    for (int i = 0; i < m->sources; i++)
        if (m->source[i].from == from)
            return &m->source[i];
    if (m->sources == PS_MAX_SHARDS)
        return NULL;
    PS_GROW(m->source, m->source_capacity, m->sources + 1);
    m->source[m->sources] = (struct source){.from = from, .next = 1};
    return &m->source[m->sources++];
}

/* Why a part is not taken in now, or 0: it has been. */
static enum ps_refusal take_part(struct ps_move *m, const struct ps_data *data, const struct ps_message *message, uint64_t *taken)
{
    bool ours = m->id && data->lease == m->id && data->era == m->shard->era;
    struct source *source = ours ? find_source(m, data->from) : NULL;
    if (!source)
        return PS_REFUSE_NOT_YET; /* it has not heard of the move */
    if (data->request > source->next)
        return PS_REFUSE_GAP;
    if (data->request == source->next && !ps_parts_take(m->shard, m->arrived, data, message, m->coming, &m->scratch))
        return PS_REFUSE_BAD;
    source->next += data->request == source->next;
    *taken = source->next - 1;
    return 0;
}

void ps_move_take(struct ps_move *m, const struct ps_data *data, const struct ps_message *message)
{
    struct ps_shard *s = m->shard;
    if (data->run != s->run || data->to != s->incarnation)
        return;
    struct ps_data out = {.kind = PS_SLOTS_ACK, .run = s->run, .from = s->incarnation, .to = data->from, .era = s->era,
                          .map = s->map, .lease = data->lease};
    out.code = take_part(m, data, message, &out.request);
    if (out.code) {
        out.kind = PS_REFUSE;
        s->counters.refused[out.code]++;
    }
    struct ps_message answer;
    ps_message_init(&answer);
    ps_message_add(&answer);
    s->send(s->ctx, data->from, &out, &answer);
}

bool ps_move_done(struct ps_move *m, const struct ps_slot_map *map)
{
    if (!m->hold || !ps_slot_map_same(map, &m->next))
        return false;
    ps_shard_move(m->shard, map, ps_slot_map_find(map, m->shard->incarnation), m->arrived);
    return true;
}
