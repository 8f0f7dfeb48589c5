/* client.c - pulls and pushes of micro-batches; see client.h. */
#include "worker/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct ps_keys *step_keys(const struct ps_client *c, const struct ps_step *step, int table)
{
    static const struct ps_keys none;
    enum ps_table_kind kind = c->table[table].kind;
    if (kind == PS_TABLE_TENSOR)
        return step->batch.rows_alone ? &none : &c->tensor[table];
    return ps_batch_keys(&step->batch, kind);
}

int ps_client_init(struct ps_client *c, struct ps_net *net, uint64_t incarnation, const struct ps_control *welcome,
                   const struct ps_config *config, const struct ps_batcher *batcher, struct ps_error *err)
{
    memset(c, 0, sizeof *c);
    c->net = net;
    c->incarnation = incarnation;
    c->run = welcome->run;
    c->era = welcome->era;
    c->batcher = batcher;
    c->deadline = config->net.deadline;
    c->consistency = config->train.consistency;
    c->value_codec = (uint32_t)config->net.values;
    if (config->net.compression == PS_COMPRESSION_LZ4)
        c->value_codec |= PS_CODEC_LZ4;
    c->tables = (int)welcome->table_count;
    memcpy(c->table, welcome->table, welcome->table_count * sizeof *c->table);
    while (c->tables && c->table[c->tables - 1].kind == PS_TABLE_SIGHTINGS) /* the servers' own */
        c->tables--;
    c->shares = config->net.shared_memory && c->value_codec == PS_CODEC_PLAIN;
    return ps_client_map(c, welcome->map, welcome->shards, welcome->shard_count, err);
}

void ps_client_fini(struct ps_client *c)
{
    for (uint32_t s = 0; c->socket && s < c->map.shards; s++)
        ps_socket_close(c->socket[s]);
    free(c->socket);
    /* What the I/O threads still send points into the steps: they end with the context, soon after the sockets. */
    double end = ps_now() + 2;
    for (int i = 0; i < c->steps; i++) {
        ps_client_drop(c, c->step[i]);
        ps_step_free(c->step[i], c->tables, c->map.shards, end - ps_now());
    }
    free(c->step);
    for (int t = 0; t < c->tables; t++)
        free(c->tensor[t].key);
    memset(c, 0, sizeof *c);
}

struct ps_step *ps_client_step(struct ps_client *c)
{
    for (int i = 0; i < c->steps; i++)
        if (ps_step_idle(c->step[i]))
            return c->step[i];
    bool shared = false;
    for (uint32_t s = 0; s < c->map.shards; s++)
        shared |= c->sharing[s] != PS_SHARING_NO;
    c->step = ps_realloc(c->step, (size_t)c->steps + 1, sizeof *c->step);
    return c->step[c->steps++] = ps_step_new(c->batcher, c->table, c->tables, c->map.shards, shared);
}

/* Sends a part's request, with a fresh header around the kept frames. */
static void send_part(struct ps_client *c, struct ps_step *step, uint32_t s, double now)
{
    struct ps_part *part = &step->part[s];
    bool pushing = step->state == PS_STEP_PUSHED;
    struct ps_data data = {.kind = pushing ? PS_PUSH : PS_PULL,
                           .run = c->run,
                           .from = c->incarnation,
                           .to = c->map.entry[s].incarnation,
                           .era = c->era,
                           .map = c->map.version,
                           .epoch = step->epoch,
                           .lane = step->lane,
                           .lease = step->lease,
                           .position = step->position,
                           .request = part->request_id,
                           .sections = part->sections};
    if (pushing && !part->sections)
        data.flags |= step->end ? PS_FLAG_END : PS_FLAG_EMPTY;
    memcpy(data.section, part->section, part->sections * sizeof *data.section);
    struct ps_message message;
    ps_message_init(&message);
    ps_data_pack(&data, ps_message_add(&message));
    for (int i = 0; i < part->request.count; i++)
        ps_frame_share(ps_message_add(&message), &part->request.frame[i]);
    bool sent = ps_socket_send(c->socket[s], 0, &message) == 0;
    if (!sent)
        ps_message_fini(&message);
    part->attempts += sent;
    part->send_at = now + (sent ? ps_client_retry_after(part->attempts) : PS_RETRY_UNSENT);
}

static void begin_part(struct ps_client *c, struct ps_step *step, uint32_t s, double now)
{
    struct ps_part *part = &step->part[s];
    part->waiting = true;
    part->request_id = ++c->next_request;
    part->first_sent = now;
    part->attempts = 0;
    step->waiting++;
    if (step->state == PS_STEP_PULLING && step->share && c->sharing[s] != PS_SHARING_NO)
        ps_share_offer(step->share, s, part->request_id);
    send_part(c, step, s, now);
}

/* A frame of keys: in place, or packed. */
static void add_keys(struct ps_client *c, struct ps_step *step, uint32_t s, const uint64_t *key, uint32_t n)
{
    struct ps_part *part = &step->part[s];
    struct ps_frame *frame = ps_message_add(&part->request);
    part->section[part->sections].key_codec = c->key_codec[s];
    if (c->key_codec[s] == PS_CODEC_PLAIN)
        ps_step_borrow(step, frame, key, n * sizeof *key);
    else
        ps_keys_encode(key, n, c->key_codec[s], frame);
}

void ps_client_pull(struct ps_client *c, struct ps_step *step)
{
    step->state = PS_STEP_PULLING;
    step->waiting = 0;
    double now = ps_now();
    uint64_t rows = 0;
    for (uint32_t s = 0; s < c->map.shards; s++) {
        struct ps_part *part = &step->part[s];
        ps_message_fini(&part->request);
        ps_message_fini(&part->rows);
        part->sections = 0;
        for (int t = 0; t < c->tables; t++) {
            const struct ps_keys *keys = step_keys(c, step, t);
            uint32_t n = keys->first[s + 1] - keys->first[s];
            if (!n)
                continue;
            part->section[part->sections] = (struct ps_section){.table = (uint32_t)t, .rows = n,
                                                                .value_codec = c->value_codec};
            add_keys(c, step, s, keys->key + keys->first[s], n);
            struct ps_frame *frame = ps_message_add(&part->request);
            if (step->room[t] && c->sharing[s] != PS_SHARING_NO) {
                size_t width = c->table[t].width;
                part->section[part->sections].value_codec = PS_CODEC_SHARED;
                ps_step_ticket(step, frame, step->room[t] + keys->first[s] * width, n * width * sizeof(real));
            }
            part->sections++;
            rows += n;
        }
        if (part->sections)
            begin_part(c, step, s, now);
    }
    if (!step->waiting)
        step->state = PS_STEP_READY;
    c->rows += rows;
    /* While the rows are under way: */
    for (int t = 0; t < c->tables; t++)
        if (step->grad[t])
            memset(step->grad[t], 0, (size_t)step_keys(c, step, t)->count * c->table[t].width * sizeof(real));
}

/* A frame of gradients: in place for plain embeddings; copied for tensors, whose chunks belong to several shards. */
static void add_values(struct ps_client *c, struct ps_step *step, uint32_t s, int t, uint32_t first, uint32_t n,
                       const real *param_grad)
{
    struct ps_part *part = &step->part[s];
    struct ps_section *section = &part->section[part->sections];
    struct ps_frame *frame = ps_message_add(&part->request);
    size_t width = c->table[t].width;
    section->value_codec = c->value_codec;
    if (step->grad[t]) {
        const real *from = step->grad[t] + (size_t)first * width;
        if (step->share && c->sharing[s] == PS_SHARING_YES) {
            section->value_codec = PS_CODEC_SHARED;
            ps_step_ticket(step, frame, from, n * width * sizeof *from);
        } else if (c->value_codec == PS_CODEC_PLAIN)
            ps_step_borrow(step, frame, from, n * width * sizeof *from);
        else
            section->value_codec = ps_values_encode(from, n * width, c->value_codec, frame);
        return;
    }
    PS_ASSERT(param_grad);
    if (c->value_codec == PS_CODEC_PLAIN)
        ps_frame_alloc(frame, n * width * sizeof(real));
    real *to = c->value_codec == PS_CODEC_PLAIN ? ps_frame_data(frame) : ps_malloc(n * width * sizeof(real));
    for (uint32_t i = 0; i < n; i++)
        memcpy(to + i * width, param_grad + c->tensor[t].key[first + i] * width, width * sizeof(real));
    if (c->value_codec != PS_CODEC_PLAIN) {
        section->value_codec = ps_values_encode(to, n * width, c->value_codec, frame);
        free(to);
    }
}

void ps_client_push(struct ps_client *c, struct ps_step *step, real *const *param_grad)
{
    step->state = PS_STEP_PUSHED;
    step->waiting = 0;
    double now = ps_now();
    uint64_t rows = 0;
    for (uint32_t s = 0; s < c->map.shards; s++) {
        struct ps_part *part = &step->part[s];
        ps_message_fini(&part->request);
        ps_message_fini(&part->rows);
        part->sections = 0;
        for (int t = 0; t < c->tables && !step->end; t++) {
            const struct ps_keys *keys = step_keys(c, step, t);
            uint32_t first = keys->first[s], n = keys->first[s + 1] - first;
            if (!n)
                continue;
            part->section[part->sections] = (struct ps_section){.table = (uint32_t)t, .rows = n};
            add_keys(c, step, s, keys->key + first, n);
            add_values(c, step, s, t, first, n, param_grad ? param_grad[t] : NULL);
            part->sections++;
            rows += n;
        }
        begin_part(c, step, s, now);
    }
    c->rows += rows;
}

void ps_client_drop(struct ps_client *c, struct ps_step *step)
{
    for (uint32_t s = 0; s < c->map.shards; s++) {
        step->part[s].waiting = false;
        ps_message_fini(&step->part[s].request);
        ps_message_fini(&step->part[s].rows);
    }
    step->waiting = 0;
    step->state = PS_STEP_FREE;
}

/* By how many steps the rows may miss pushes of other lanes; `state` is the shard's lowest mark. I11: no more than the bound. */
static int check_staleness(struct ps_client *c, const struct ps_step *step, uint32_t s, uint64_t state, struct ps_error *err)
{
    if (c->consistency == PS_SYNC || state >= step->position)
        return 0;
    uint64_t stale = step->position - state;
    c->stale = PS_MAX(c->stale, stale);
    if (c->consistency < PS_BOUNDED || stale <= (uint64_t)(c->consistency - PS_BOUNDED))
        return 0;
    return ps_fail(err, PS_EXIT_NET, "shard %u answered the pull of epoch %u, lane %u, position %llu with rows of step %llu, where "
                   "train.consistency allows %d steps: a broken invariant (I11); please report it with both logs", s, step->epoch,
                   step->lane, (unsigned long long)step->position, (unsigned long long)state, c->consistency - PS_BOUNDED);
}

/* Rows of one shard: checked against what was asked for, decoded in place, and pointed at. */
static int take_rows(struct ps_client *c, struct ps_step *step, uint32_t s, const struct ps_data *data,
                     struct ps_message *message, struct ps_error *err)
{
    struct ps_part *part = &step->part[s];
    if (data->sections != part->sections)
        return ps_fail(err, PS_EXIT_NET, "shard %u answered %u tables where %u were asked for", s, data->sections,
                       part->sections);
    int status = check_staleness(c, step, s, data->state, err);
    if (status)
        return status;
    /* The frames move first: small ones hold their bytes in themselves, and rows are used where they lie. */
    part->rows = *message;
    message->count = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < part->sections; i++) {
        uint32_t t = part->section[i].table, n = part->section[i].rows;
        if (data->section[i].table != t || data->section[i].rows != n)
            return ps_fail(err, PS_EXIT_NET, "shard %u answered %u rows of table %u where %u of table %u were asked for",
                           s, data->section[i].rows, data->section[i].table, n, t);
        const struct ps_frame *frame = &part->rows.frame[2 + 2 * i];
        const float *values;
        size_t width = c->table[t].width;
        const struct ps_keys *keys = step_keys(c, step, (int)t);
        bool asked = part->section[i].value_codec == PS_CODEC_SHARED;
        if (asked)
            c->sharing[s] = data->section[i].value_codec == PS_CODEC_SHARED ? PS_SHARING_YES : PS_SHARING_NO;
        if (asked && c->sharing[s] == PS_SHARING_YES) {
            if (!ps_share_filled(step->share, s, part->request_id))
                return ps_fail(err, PS_EXIT_NET, "shard %u says that it has put rows where it has not", s);
            values = step->room[t] + keys->first[s] * width;
        } else {
            status = ps_values_decode(frame, n * width, data->section[i].value_codec, &part->scratch[i], &values, err);
            if (status)
                return status;
        }
        bytes += ps_frame_size(frame);
        const real **value = step->value[t] + keys->first[s];
        for (uint32_t r = 0; r < n; r++)
            value[r] = values + r * width;
    }
    c->bytes += bytes;
    part->waiting = false;
    if (--step->waiting == 0)
        step->state = PS_STEP_READY;
    return 0;
}

static void take_ack(struct ps_client *c, struct ps_step *step, uint32_t s)
{
    step->part[s].waiting = false;
    if (--step->waiting == 0)
        ps_client_drop(c, step);
}

static int take_refusal(struct ps_client *c, struct ps_step *step, uint32_t s, const struct ps_data *data,
                        uint32_t *fenced, struct ps_error *err)
{
    c->refused += 1;
    switch (data->code) {
    case PS_REFUSE_NOT_YET:
    case PS_REFUSE_ERA:
    case PS_REFUSE_MAP: /* the shard is still being told: again, soon */
        if (step->part[s].waiting)
            step->part[s].send_at = ps_now() + PS_RETRY_REFUSED;
        return 0;
    case PS_REFUSE_FENCED:
        *fenced = step->lane;
        return 0;
    case PS_REFUSE_TOO_OLD:
    case PS_REFUSE_GAP:
    default:
        return ps_fail(err, PS_EXIT_NET, "shard %u refused %s of epoch %u, lane %u, position %llu with code %u: a broken "
                       "invariant; please report it with both logs", s,
                       step->state == PS_STEP_PUSHED ? "the push" : "the pull", step->epoch, step->lane,
                       (unsigned long long)step->position, data->code);
    }
}

static int take_message(struct ps_client *c, uint32_t s, struct ps_message *message, uint32_t *fenced,
                        struct ps_error *err)
{
    struct ps_data data;
    int status = ps_data_unpack(message, &data, err);
    if (status)
        return status;
    if (data.run != c->run || data.to != c->incarnation || data.era != c->era)
        return 0; /* an answer to somebody else, or of another time */
    for (int i = 0; i < c->steps; i++) {
        struct ps_step *step = c->step[i];
        struct ps_part *part = &step->part[s];
        if (step->state == PS_STEP_FREE || !part->waiting)
            continue;
        if (data.kind == PS_ACK) { /* an ACK names its push; its number says nothing */
            if (step->state == PS_STEP_PUSHED && step->epoch == data.epoch && step->lane == data.lane &&
                step->position == data.position) {
                take_ack(c, step, s);
                return 0;
            }
        } else if (part->request_id == data.request) {
            if (data.kind == PS_ROWS && step->state == PS_STEP_PULLING)
                return take_rows(c, step, s, &data, message, err);
            if (data.kind == PS_REFUSE)
                return take_refusal(c, step, s, &data, fenced, err);
        }
    }
    return 0; /* a late copy */
}

/* Sends again what is overdue. The first wait beyond the deadline is reported (who, for what, since when); the next one after
 * something has been heard again. */
static void send_overdue(struct ps_client *c)
{
    double now = ps_now();
    for (int i = 0; i < c->steps; i++) {
        struct ps_step *step = c->step[i];
        if (step->state != PS_STEP_PULLING && step->state != PS_STEP_PUSHED)
            continue;
        for (uint32_t s = 0; s < c->map.shards; s++) {
            struct ps_part *part = &step->part[s];
            if (!part->waiting || now < part->send_at)
                continue;
            if (now - part->first_sent > c->deadline && !c->warned) {
                c->warned = true;
                ps_warn("waiting for shard %u at %s to answer %s of epoch %u, lane %u, position %llu since %.0f s", s,
                        c->map.entry[s].endpoint, step->state == PS_STEP_PUSHED ? "the push" : "the pull", step->epoch,
                        step->lane, (unsigned long long)step->position, now - part->first_sent);
            }
            send_part(c, step, s, now);
        }
    }
}

int ps_client_progress(struct ps_client *c, uint32_t *fenced, struct ps_error *err)
{
    *fenced = UINT32_MAX;
    for (uint32_t s = 0; s < c->map.shards; s++) {
        struct ps_message message;
        uint64_t from;
        while (ps_socket_receive(c->socket[s], &from, &message)) {
            int status = take_message(c, s, &message, fenced, err);
            ps_message_fini(&message);
            if (status)
                return status;
            c->warned = false;
            if (*fenced != UINT32_MAX)
                return 0;
        }
    }
    send_overdue(c);
    return 0;
}

double ps_client_next_retry(const struct ps_client *c)
{
    double next = ps_now() + 1;
    for (int i = 0; i < c->steps; i++)
        if (c->step[i]->state == PS_STEP_PULLING || c->step[i]->state == PS_STEP_PUSHED)
            for (uint32_t s = 0; s < c->map.shards; s++)
                if (c->step[i]->part[s].waiting)
                    next = PS_MIN(next, c->step[i]->part[s].send_at);
    return next;
}

void ps_client_tensor(const struct ps_client *c, const struct ps_step *step, int table, real *out)
{
    size_t width = c->table[table].width;
    for (uint32_t i = 0; i < c->tensor[table].count; i++)
        memcpy(out + c->tensor[table].key[i] * width, step->value[table][i], width * sizeof *out);
}
