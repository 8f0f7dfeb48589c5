/* admit.c - who may ask a shard for what, and when: pulls and pushes; see shard.h and docs/protocol.md. */
#include <string.h>

#include "server/replica.h"

/* The header of an answer to `data`, whose names it repeats. */
static struct ps_data header(const struct ps_shard *s, const struct ps_data *data, enum ps_message_kind kind)
{
    return (struct ps_data){.kind = kind,
                            .run = s->run,
                            .from = s->incarnation,
                            .to = data->from,
                            .era = s->era,
                            .map = s->map,
                            .epoch = data->epoch,
                            .lane = data->lane,
                            .lease = data->lease,
                            .position = data->position,
                            .request = data->request};
}

/* Sends a message without sections: the whole answer to `data`. */
static void answer(struct ps_shard *s, const struct ps_data *data, enum ps_message_kind kind, uint32_t code,
                   uint64_t state)
{
    struct ps_data out = header(s, data, kind);
    out.code = code;
    out.state = state;
    struct ps_message message;
    ps_message_init(&message);
    ps_message_add(&message);
    s->send(s->ctx, data->from, &out, &message);
}

void ps_shard_acknowledge(struct ps_shard *s, const struct ps_data *name)
{
    answer(s, name, PS_ACK, 0, s->lane[name->lane].hwm);
}

void ps_shard_refuse(struct ps_shard *s, const struct ps_data *data, enum ps_refusal code, uint64_t state)
{
    s->counters.refused[code]++;
    answer(s, data, PS_REFUSE, code, state);
}

/* Whether the state that a pull asks for is here. `previous`: it is the one before the last commit; not in sync, where only rows
 * that are assigned have one: before the lane's last push. */
static bool state_here(const struct ps_shard *s, const struct ps_data *data, bool *previous)
{
    *previous = false;
    if (data->flags & PS_FLAG_READ)
        return true;
    uint64_t last = s->mode == PS_SYNC ? s->v : s->lane[data->lane].hwm;
    *previous = data->position + 1 == last;
    if (s->mode == PS_SYNC)
        return data->position <= s->v;
    if (s->mode == PS_ASYNC)
        return true;
    uint64_t low = ps_shard_low(s), staleness = s->mode - PS_BOUNDED;
    return low >= data->position || data->position - low <= staleness;
}

/* Reads rows into a frame; returns its codec. Where the memory that was named cannot be reached, that is plain. */
static uint32_t read_frame(struct ps_shard *s, const struct ps_section *section, const uint64_t *key, enum ps_state_of of,
                           struct ps_frame *frame)
{
    size_t values = (size_t)section->rows * s->spec[section->table].width;
    if (section->value_codec == PS_CODEC_PLAIN || section->value_codec == PS_CODEC_SHARED) {
        ps_frame_alloc(frame, values * sizeof(float));
        ps_commit_read(s, section->table, key, section->rows, of, ps_frame_data(frame));
        return PS_CODEC_PLAIN;
    }
    float *to = ps_buffer_need(&s->encode, values * sizeof(float));
    ps_commit_read(s, section->table, key, section->rows, of, to);
    return ps_values_encode(to, values, section->value_codec, frame);
}

/* Answers a pull with rows of one state and drops it. */
static void send_rows(struct ps_shard *s, struct ps_request *pull, bool previous)
{
    const struct ps_data *data = &pull->data;
    struct ps_data out = header(s, data, PS_ROWS);
    enum ps_state_of of = data->flags & PS_FLAG_READ ? PS_STATE_READ : previous ? PS_STATE_BEFORE : PS_STATE_NOW;
    out.flags = data->flags;
    out.state = s->mode == PS_SYNC ? s->v - previous : ps_shard_low(s);
    out.sections = data->sections;
    enum ps_claim claim = pull->shared ? ps_view_claim(pull->shared, s->number, data->request) : PS_CLAIM_FILL;
    if (claim == PS_CLAIM_VOID) { /* a late copy: the worker is past it */
        ps_request_drop(s, pull);
        return;
    }
    struct ps_phase_at before = ps_phase_enter_for(&s->phases, PS_PHASE_READ, data->lane, data->position);
    struct ps_message message;
    ps_message_init(&message);
    ps_message_add(&message);
    for (uint32_t i = 0; i < data->sections; i++) {
        const struct ps_section *section = &data->section[i];
        out.section[i] = (struct ps_section){.table = section->table, .rows = section->rows};
        ps_message_add(&message);
        struct ps_frame *frame = ps_message_add(&message);
        if (pull->target[i]) {
            out.section[i].value_codec = PS_CODEC_SHARED;
            if (claim == PS_CLAIM_FILL)
                ps_commit_read(s, section->table, pull->key[i], section->rows, of, pull->target[i]);
        } else {
            out.section[i].value_codec = read_frame(s, section, pull->key[i], of, frame);
        }
        s->counters.pulled += section->rows;
    }
    if (pull->shared)
        ps_view_filled(pull->shared, s->number, data->request);
    s->send(s->ctx, data->from, &out, &message);
    ps_request_drop(s, pull);
    ps_phase_return(&s->phases, before);
}

void ps_shard_release(struct ps_shard *s)
{
    for (uint32_t l = 0; s->parked && l < s->lanes; l++)
        for (int i = 0; i < PS_DEPTH; i++) {
            struct ps_request *pull = s->lane[l].pull[i];
            bool previous;
            if (!pull || !state_here(s, &pull->data, &previous))
                continue;
            s->lane[l].pull[i] = NULL;
            s->parked--;
            send_rows(s, pull, previous);
        }
}

/* Parks a pull whose state is still to come. A live lane is never further ahead than its pushes and one pull. */
static void park(struct ps_shard *s, struct ps_request *pull)
{
    struct ps_lane_state *lane = &s->lane[pull->data.lane];
    struct ps_request **place = &lane->pull[pull->data.position % PS_DEPTH];
    if (pull->data.position >= lane->hwm + PS_DEPTH) {
        ps_shard_refuse(s, &pull->data, PS_REFUSE_NOT_YET, s->v);
        ps_request_drop(s, pull);
        return;
    }
    s->parked += !*place;
    ps_request_drop(s, *place);
    *place = pull;
}

static void take_pull(struct ps_shard *s, struct ps_request *pull)
{
    const struct ps_data *data = &pull->data;
    bool read = data->flags & PS_FLAG_READ, previous;
    uint64_t floor = s->v > s->retain ? s->v - s->retain : 0; /* the oldest state there is */
    if (!read && (data->epoch < s->epoch || (s->mode == PS_SYNC && data->position < floor))) {
        ps_shard_refuse(s, data, PS_REFUSE_TOO_OLD, s->v);
        ps_request_drop(s, pull);
        return;
    }
    enum ps_refusal refusal = ps_request_decode(s, pull);
    if (refusal) {
        ps_shard_refuse(s, data, refusal, s->map);
        ps_request_drop(s, pull);
    } else if (state_here(s, data, &previous)) {
        send_rows(s, pull, previous);
    } else {
        park(s, pull);
    }
}

void ps_shard_mark(struct ps_shard *s, const struct ps_data *push)
{
    struct ps_lane_state *lane = &s->lane[push->lane];
    lane->hwm++;
    lane->ended = push->flags & PS_FLAG_END;
    for (uint32_t i = 0; i < push->sections; i++)
        s->counters.pushed += push->section[i].rows;
}

static void take_push(struct ps_shard *s, struct ps_request *push)
{
    const struct ps_data *data = &push->data;
    struct ps_lane_state *lane = &s->lane[data->lane];
    bool end = data->flags & PS_FLAG_END;
    enum ps_refusal refusal = 0;
    if (data->epoch < s->epoch || data->position < lane->hwm || (lane->ended && end)) {
        s->counters.repeats++;
        s->counters.epoch_repeats++;
        if (ps_replica_covers(s, lane->entry)) /* otherwise the backup may be without it; it will be asked again */
            ps_shard_acknowledge(s, data);
        ps_request_drop(s, push);
        return;
    }
    if (data->position > lane->hwm || lane->ended)
        refusal = PS_REFUSE_GAP;
    else if (s->mode == PS_SYNC && data->position >= s->v + PS_DEPTH)
        refusal = PS_REFUSE_NOT_YET; /* of a live lane at most the next step's push can be here */
    else
        refusal = ps_request_decode(s, push);
    if (refusal) {
        ps_shard_refuse(s, data, refusal, refusal == PS_REFUSE_GAP ? lane->hwm : s->map);
        ps_request_drop(s, push);
        return;
    }
    if (data->position >= lane->limit) { /* a cut is coming: not acknowledged before it is over */
        ps_request_drop(s, lane->held);
        lane->held = push;
        if (!(s->cut.held > 0))
            s->cut.held = ps_now();
        return;
    }
    bool waits = s->replica && ps_replica_push(s, push);
    /* Memory that the worker shares is its own again with the ACK: by then its values are applied, or kept here. */
    bool applied_first = push->shared && s->mode != PS_SYNC;
    if (push->shared && !applied_first)
        ps_request_own(s, push);
    struct ps_data name = *data;
    ps_shard_mark(s, &name);
    if (!waits && !applied_first)
        ps_shard_acknowledge(s, &name);
    ps_commit_take(s, push);
    if (!waits && applied_first)
        ps_shard_acknowledge(s, &name);
}

void ps_shard_take_held(struct ps_shard *s)
{
    for (uint32_t l = 0; l < s->lanes; l++) {
        struct ps_request *push = s->lane[l].held;
        if (!push || push->data.position >= s->lane[l].limit)
            continue;
        s->lane[l].held = NULL;
        take_push(s, push);
    }
}

/* The checks of a request's names, in the order that docs/protocol.md gives. 0, or the refusal and what it carries. */
static enum ps_refusal check_names(const struct ps_shard *s, const struct ps_data *data, uint64_t *state)
{
    *state = 0;
    if (data->run != s->run)
        return PS_REFUSE_RUN;
    if (data->to != s->incarnation)
        return PS_REFUSE_WHO;
    if (!s->loaded || data->era != s->era) {
        *state = s->loaded ? s->era : 0;
        return PS_REFUSE_ERA;
    }
    if (data->map != s->map || s->backup) {
        *state = s->map;
        return PS_REFUSE_MAP;
    }
    if (data->kind == PS_PULL && (data->flags & PS_FLAG_READ))
        return 0;
    if (data->lane >= s->lanes)
        return PS_REFUSE_BAD;
    uint64_t lease = s->lane[data->lane].lease;
    if (data->lease != lease) {
        *state = lease;
        return data->lease < lease ? PS_REFUSE_FENCED : PS_REFUSE_NOT_YET;
    }
    *state = s->epoch;
    return data->epoch > s->epoch ? PS_REFUSE_NOT_YET : 0;
}

void ps_shard_take(struct ps_shard *s, const struct ps_data *data, struct ps_message *message)
{
    uint64_t state;
    s->counters.requests++;
    ps_phase_enter_for(&s->phases, data->kind == PS_PULL ? PS_PHASE_READ : PS_PHASE_TAKE, data->lane, data->position);
    enum ps_refusal refusal = check_names(s, data, &state);
    if (!refusal && data->kind != PS_PULL && data->kind != PS_PUSH)
        refusal = PS_REFUSE_BAD;
    if (refusal) {
        ps_shard_refuse(s, data, refusal, state);
        ps_message_fini(message);
    } else if (data->kind == PS_PULL) {
        take_pull(s, ps_request_take(s, data, message));
    } else {
        take_push(s, ps_request_take(s, data, message));
    }
}
