/* move.c - sends and takes slots; see move.h. */
#include "server/move.h"

#include <stdlib.h>
#include <string.h>

enum { PART_BYTES = 256 << 10, WINDOW = 8 };
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
    uint32_t table, row;      /* where reading goes on */
    uint64_t parts;           /* made so far */
    int waiting;
    struct part part[WINDOW];
};

struct ps_move {
    struct ps_net *net;     /* borrowed */
    struct ps_shard *shard; /* borrowed */
    uint64_t id;            /* 0: none is under way */
    uint32_t me;            /* this server in the next map */
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
        for (int p = 0; p < WINDOW; p++)
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
    for (uint32_t slot = 0; slot < PS_SLOTS; slot++)
        if (m->shard->owns[slot])
            wanted[next->shard_of[slot]] = true;
    m->route = ps_calloc(next->shards, sizeof *m->route);
    for (uint32_t s = 0; s < next->shards; s++) {
        if (!wanted[s] || s == m->me)
            continue;
        struct route *route = &m->route[m->routes];
        route->shard = s;
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

struct found {
    uint64_t key;
    uint32_t row;
};

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const struct found *)a)->key, y = ((const struct found *)b)->key;
    return (x > y) - (x < y);
}

/* The next rows for this route, at most `most` of one table; 0 where there are no more. */
static uint32_t find_rows(struct ps_move *m, struct route *route, struct found **found)
{
    struct ps_shard *s = m->shard;
    for (; route->table < s->tables; route->table++, route->row = 0) {
        const struct ps_rows *rows = &s->rows[route->table];
        uint32_t most = PS_MAX(PART_BYTES / (uint32_t)(rows->width * sizeof(float)), 1u), count = 0;
        *found = ps_buffer_need(&m->scratch, most * sizeof **found);
        for (; route->row < rows->count && count < most; route->row++) {
            uint64_t key = ps_rows_key(rows, route->row);
            uint32_t slot = ps_slot_of(&s->spec[route->table], route->table, key);
            if (s->owns[slot] && m->next.shard_of[slot] == route->shard)
                (*found)[count++] = (struct found){key, route->row};
        }
        if (count)
            return count;
    }
    return 0;
}

/* Makes the next part in a free place; false where there is nothing more to send. */
static bool fill_part(struct ps_move *m, struct route *route, struct part *part)
{
    struct found *found;
    uint32_t count = find_rows(m, route, &found);
    if (!count)
        return false;
    qsort(found, count, sizeof *found, by_key);
    const struct ps_rows *rows = &m->shard->rows[route->table];
    *part = (struct part){.waiting = true, .number = ++route->parts, .section = {.table = route->table, .rows = count}};
    struct ps_frame *keys = ps_message_add(&part->frames), *values = ps_message_add(&part->frames);
    ps_frame_alloc(keys, count * sizeof(uint64_t));
    ps_frame_alloc(values, (size_t)count * rows->width * sizeof(float));
    uint64_t *key = ps_frame_data(keys);
    float *value = ps_frame_data(values);
    for (uint32_t i = 0; i < count; i++) {
        key[i] = found[i].key;
        memcpy(value + (size_t)i * rows->width, ps_rows_at(rows, found[i].row), rows->width * sizeof *value);
    }
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
        for (int p = 0; sound && p < WINDOW; p++) {
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
        for (int p = 0; p < WINDOW; p++) {
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
        if (m->route[i].waiting || m->route[i].table < m->shard->tables)
            return false;
    return m->id;
}

/* ---- the other end ---- */

/* Takes the rows in; false where they make no sense. */
static bool take_rows(struct ps_move *m, const struct ps_data *data, const struct ps_message *message)
{
    struct ps_shard *s = m->shard;
    if (data->sections != 1 || message->count != 3 || data->section[0].table >= s->tables || !data->section[0].rows)
        return false;
    uint32_t t = data->section[0].table, n = data->section[0].rows;
    struct ps_rows *rows = &s->rows[t];
    const uint64_t *key;
    if (ps_frame_size(&message->frame[2]) != (size_t)n * rows->width * sizeof(float) ||
        ps_keys_decode(&message->frame[1], n, PS_CODEC_PLAIN, &m->scratch, &key, NULL) || key[n - 1] >= s->spec[t].rows)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (m->next.shard_of[ps_slot_of(&s->spec[t], t, key[i])] != m->me || s->owns[ps_slot_of(&s->spec[t], t, key[i])])
            return false;
    const char *value = ps_frame_data(&message->frame[2]);
    float *row[PS_ROWS_BATCH];
    uint32_t fresh[PS_ROWS_BATCH];
    for (uint32_t i = 0; i < n; i += PS_ROWS_BATCH) {
        uint32_t count = PS_MIN(n - i, (uint32_t)PS_ROWS_BATCH);
        ps_rows_change(rows, key + i, count, row, fresh);
        for (uint32_t k = 0; k < count; k++, value += rows->width * sizeof(float))
            memcpy(row[k], value, rows->width * sizeof(float));
    }
    return true;
}

void ps_move_take(struct ps_move *m, const struct ps_data *data, const struct ps_message *message)
{
    struct ps_shard *s = m->shard;
    if (data->run != s->run || data->to != s->incarnation)
        return;
    struct ps_data out = {.kind = PS_SLOTS_ACK, .run = s->run, .from = s->incarnation, .to = data->from, .era = s->era,
                          .map = s->map, .lease = data->lease, .request = data->request};
    if (!m->id || data->lease != m->id || data->era != s->era || !take_rows(m, data, message)) {
        out.kind = PS_REFUSE;
        out.code = PS_REFUSE_NOT_YET;
        s->counters.refused[PS_REFUSE_NOT_YET]++;
    }
    struct ps_message answer;
    ps_message_init(&answer);
    ps_message_add(&answer);
    s->send(s->ctx, data->from, &out, &answer);
}
