/* shard.c - who may ask a shard for what, and when; see shard.h and docs/protocol.md. */
#include "server/shard.h"

#include <stdlib.h>
#include <string.h>

static int check_welcome(const struct ps_control *w, struct ps_error *err)
{
    if (!w->lanes || w->lanes > PS_MAX_LANES)
        return ps_fail(err, PS_EXIT_NET, "the coordinator speaks of %u lanes; 1 to %d are possible", w->lanes,
                       PS_MAX_LANES);
    if (w->slots != PS_SLOTS)
        return ps_fail(err, PS_EXIT_NET, "the coordinator speaks of %u slots, this program of %d", w->slots, PS_SLOTS);
    if (!w->table_count || w->table_count > PS_MAX_TABLES)
        return ps_fail(err, PS_EXIT_NET, "the coordinator speaks of %u tables; 1 to %d are possible", w->table_count,
                       PS_MAX_TABLES);
    if (w->shard >= w->shard_count)
        return ps_fail(err, PS_EXIT_NET, "this server is to be shard %u of %u", w->shard, w->shard_count);
    for (uint32_t t = 0; t < w->table_count; t++)
        if (!w->table[t].width)
            return ps_fail(err, PS_EXIT_NET, "table '%s' has rows of no width", w->table[t].name);
    return ps_optimizer_check(&w->optimizer, err);
}

int ps_shard_init(struct ps_shard *s, const struct ps_control *w, uint64_t incarnation, ps_shard_send *send, void *ctx,
                  struct ps_error *err)
{
    struct ps_slot_map map;
    int status = check_welcome(w, err);
    if (!status)
        status = ps_slot_map_from_entries(&map, w->map, w->shards, w->shard_count, err);
    if (status)
        return status;
    memset(s, 0, sizeof *s);
    s->run = w->run;
    s->incarnation = incarnation;
    s->seed = w->seed;
    s->number = w->shard;
    s->mode = w->mode;
    s->map = w->map;
    s->lanes = w->lanes;
    s->tables = w->table_count;
    s->retain = w->mode == PS_SYNC && w->shard_count > 1;
    s->optimizer = w->optimizer;
    s->send = send;
    s->ctx = ctx;
    for (uint32_t slot = 0; slot < PS_SLOTS; slot++)
        s->owns[slot] = map.shard_of[slot] == w->shard;
    uint32_t widest = 0;
    for (uint32_t t = 0; t < s->tables; t++) {
        s->spec[t] = w->table[t];
        uint32_t width = s->spec[t].width;
        widest = PS_MAX(widest, width);
        ps_rows_init(&s->rows[t], width + ps_optimizer_state(&s->optimizer, width));
        ps_rows_init(&s->sum[t], width);
        ps_rows_init(&s->kept[t], width);
    }
    s->scratch = ps_malloc_aligned((size_t)PS_ROWS_BATCH * widest * sizeof *s->scratch);
    s->lane = ps_calloc(s->lanes, sizeof *s->lane);
    return 0;
}

/* Sends a message without sections: the answer to `data`, whose names it repeats. */
static void answer(struct ps_shard *s, const struct ps_data *data, enum ps_message_kind kind, uint32_t code,
                   uint64_t state)
{
    struct ps_data out = {.kind = kind,
                          .run = s->run,
                          .from = s->incarnation,
                          .to = data->from,
                          .era = s->era,
                          .map = s->map,
                          .epoch = data->epoch,
                          .lane = data->lane,
                          .lease = data->lease,
                          .position = data->position,
                          .request = data->request,
                          .code = code,
                          .state = state};
    struct ps_message message;
    ps_message_init(&message);
    ps_message_add(&message);
    s->send(s->ctx, data->from, &out, &message);
}

static void refuse(struct ps_shard *s, const struct ps_data *data, enum ps_refusal code, uint64_t state)
{
    s->counters.refused[code]++;
    answer(s, data, PS_REFUSE, code, state);
}

/* Refuses and drops what a lane has parked. */
static void drop_parked(struct ps_shard *s, struct ps_lane_state *lane, enum ps_refusal code, uint64_t state)
{
    for (int i = 0; i <= PS_DEPTH; i++) {
        struct ps_request **place = i < PS_DEPTH ? &lane->pull[i] : &lane->held;
        if (!*place)
            continue;
        s->parked -= i < PS_DEPTH;
        refuse(s, &(*place)->data, code, state);
        ps_request_drop(s, *place);
        *place = NULL;
    }
}

/* Forgets positions and requests of all lanes; leases stay. */
static void reset_lanes(struct ps_shard *s, enum ps_refusal code, uint64_t state)
{
    for (uint32_t l = 0; l < s->lanes; l++) {
        struct ps_lane_state *lane = &s->lane[l];
        drop_parked(s, lane, code, state);
        for (int i = 0; i < PS_DEPTH; i++) {
            ps_request_drop(s, lane->staged[i]);
            lane->staged[i] = NULL;
        }
        lane->hwm = 0;
        lane->ended = false;
        lane->limit = PS_NO_LIMIT;
    }
    s->v = 0;
    ps_commit_reset(s);
}

void ps_shard_fini(struct ps_shard *s)
{
    for (uint32_t l = 0; s->lane && l < s->lanes; l++) {
        struct ps_lane_state *lane = &s->lane[l];
        for (int i = 0; i < PS_DEPTH; i++) {
            ps_request_drop(s, lane->staged[i]);
            ps_request_drop(s, lane->pull[i]);
        }
        ps_request_drop(s, lane->held);
    }
    for (uint32_t t = 0; t < s->tables; t++) {
        ps_rows_fini(&s->rows[t]);
        ps_rows_fini(&s->sum[t]);
        ps_rows_fini(&s->kept[t]);
    }
    ps_request_free_all(s);
    ps_buffer_fini(&s->encode);
    free(s->scratch);
    free(s->lane);
    memset(s, 0, sizeof *s);
}

int ps_shard_load(struct ps_shard *s, uint32_t era, uint32_t epoch, const char *folder,
                  const struct ps_lane_entry *lane, uint32_t lanes, struct ps_error *err)
{
    if (era < s->era || (s->loaded && era == s->era))
        return 0;
    s->loaded = false;
    s->era = era;
    reset_lanes(s, PS_REFUSE_ERA, era);
    s->cut = (struct ps_cut){0};
    s->steps = 0;
    s->epoch = epoch;
    for (uint32_t t = 0; t < s->tables; t++) {
        uint32_t width = s->rows[t].width;
        ps_rows_fini(&s->rows[t]);
        ps_rows_init(&s->rows[t], width);
    }
    for (uint32_t l = 0; l < s->lanes; l++)
        s->lane[l].lease = 0;
    if (*folder) {
        struct ps_marks marks = {.seed = s->seed, .mode = s->mode, .lanes = s->lanes};
        int status = ps_checkpoint_load(folder, s->owns, s->spec, s->tables, &s->optimizer, s->rows, &marks, err);
        if (status)
            return status;
        s->epoch = marks.epoch;
        s->v = marks.v;
        s->steps = marks.steps;
        for (uint32_t l = 0; l < s->lanes; l++) {
            s->lane[l].hwm = marks.lane[l].hwm;
            s->lane[l].ended = marks.lane[l].ended;
        }
        ps_marks_fini(&marks);
    }
    for (uint32_t i = 0; i < lanes; i++)
        if (lane[i].lane < s->lanes)
            s->lane[lane[i].lane].lease = lane[i].lease;
    ps_commit_begin(s);
    s->loaded = true;
    return 0;
}

bool ps_shard_closed(const struct ps_shard *s)
{
    for (uint32_t l = 0; l < s->lanes; l++)
        if (!s->lane[l].ended)
            return false;
    return true;
}

uint64_t ps_shard_low(const struct ps_shard *s)
{
    uint64_t low = PS_NO_LIMIT;
    for (uint32_t l = 0; l < s->lanes; l++)
        if (!s->lane[l].ended)
            low = PS_MIN(low, s->lane[l].hwm);
    return low;
}

int ps_shard_fence(struct ps_shard *s, uint32_t number, uint64_t lease, uint64_t *hwm)
{
    if (!s->loaded || number >= s->lanes)
        return -1;
    struct ps_lane_state *lane = &s->lane[number];
    if (lease > lane->lease) {
        lane->lease = lease;
        drop_parked(s, lane, PS_REFUSE_FENCED, lease);
    }
    *hwm = lane->hwm;
    return 0;
}

bool ps_shard_epoch(struct ps_shard *s, uint32_t epoch)
{
    if (!s->loaded || epoch <= s->epoch)
        return s->loaded && epoch == s->epoch;
    bool untouched = true;
    for (uint32_t l = 0; l < s->lanes; l++)
        untouched &= s->lane[l].hwm == 0;
    if (!untouched && !ps_shard_closed(s))
        return false;
    reset_lanes(s, PS_REFUSE_NOT_YET, 0);
    ps_shard_cut_end(s, s->cut.id);
    s->epoch = epoch;
    return true;
}

/* Whether the state that a pull asks for is here. `previous`: it is the one before the last commit. */
static bool state_here(const struct ps_shard *s, const struct ps_data *data, bool *previous)
{
    *previous = false;
    if ((data->flags & PS_FLAG_READ) || s->mode == PS_ASYNC)
        return true;
    if (s->mode == PS_SYNC) {
        *previous = data->position + 1 == s->v;
        return data->position <= s->v;
    }
    uint64_t low = ps_shard_low(s), staleness = s->mode - PS_BOUNDED;
    return low >= data->position || data->position - low <= staleness;
}

/* Answers a pull with rows of one state and drops it. */
static void send_rows(struct ps_shard *s, struct ps_request *pull, bool previous)
{
    const struct ps_data *data = &pull->data;
    struct ps_data out = {.kind = PS_ROWS,
                          .run = s->run,
                          .from = s->incarnation,
                          .to = data->from,
                          .era = s->era,
                          .map = s->map,
                          .epoch = data->epoch,
                          .lane = data->lane,
                          .lease = data->lease,
                          .position = data->position,
                          .request = data->request,
                          .flags = data->flags,
                          .state = s->mode == PS_SYNC ? s->v - previous : ps_shard_low(s),
                          .sections = data->sections};
    struct ps_message message;
    ps_message_init(&message);
    ps_message_add(&message);
    for (uint32_t i = 0; i < data->sections; i++) {
        struct ps_section section = data->section[i];
        size_t values = (size_t)section.rows * s->spec[section.table].width;
        bool plain = section.value_codec == PS_CODEC_PLAIN;
        ps_message_add(&message);
        struct ps_frame *frame = ps_message_add(&message);
        if (plain)
            ps_frame_alloc(frame, values * sizeof(float));
        float *to = plain ? ps_frame_data(frame) : ps_buffer_need(&s->encode, values * sizeof(float));
        ps_commit_read(s, section.table, pull->key[i], section.rows, previous, to);
        out.section[i] = (struct ps_section){.table = section.table, .rows = section.rows};
        if (!plain)
            out.section[i].value_codec = ps_values_encode(to, values, section.value_codec, frame);
        s->counters.pulled += section.rows;
    }
    s->send(s->ctx, data->from, &out, &message);
    ps_request_drop(s, pull);
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
        refuse(s, &pull->data, PS_REFUSE_NOT_YET, s->v);
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
        refuse(s, data, PS_REFUSE_TOO_OLD, s->v);
        ps_request_drop(s, pull);
        return;
    }
    enum ps_refusal refusal = ps_request_decode(s, pull);
    if (refusal) {
        refuse(s, data, refusal, s->map);
        ps_request_drop(s, pull);
    } else if (state_here(s, data, &previous)) {
        send_rows(s, pull, previous);
    } else {
        park(s, pull);
    }
}

static void take_push(struct ps_shard *s, struct ps_request *push)
{
    const struct ps_data *data = &push->data;
    struct ps_lane_state *lane = &s->lane[data->lane];
    bool end = data->flags & PS_FLAG_END;
    enum ps_refusal refusal = 0;
    if (data->epoch < s->epoch || data->position < lane->hwm || (lane->ended && end)) {
        s->counters.repeats++;
        answer(s, data, PS_ACK, 0, lane->hwm);
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
        refuse(s, data, refusal, refusal == PS_REFUSE_GAP ? lane->hwm : s->map);
        ps_request_drop(s, push);
        return;
    }
    if (data->position >= lane->limit) { /* a cut is coming: not acknowledged before it is over */
        ps_request_drop(s, lane->held);
        lane->held = push;
        return;
    }
    lane->hwm++;
    lane->ended = end;
    for (uint32_t i = 0; i < data->sections; i++)
        s->counters.pushed += data->section[i].rows;
    answer(s, data, PS_ACK, 0, lane->hwm);
    ps_commit_take(s, push);
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
    if (data->map != s->map) {
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
    enum ps_refusal refusal = check_names(s, data, &state);
    if (!refusal && data->kind != PS_PULL && data->kind != PS_PUSH)
        refusal = PS_REFUSE_BAD;
    if (refusal) {
        refuse(s, data, refusal, state);
        ps_message_fini(message);
    } else if (data->kind == PS_PULL) {
        take_pull(s, ps_request_take(s, data, message));
    } else {
        take_push(s, ps_request_take(s, data, message));
    }
}

void ps_shard_marks(const struct ps_shard *s, uint64_t cut, struct ps_marks *marks)
{
    *marks = (struct ps_marks){.run = s->run,
                               .seed = s->seed,
                               .cut = cut,
                               .v = s->v,
                               .steps = s->steps,
                               .era = s->era,
                               .shard = s->number,
                               .mode = s->mode,
                               .epoch = s->epoch,
                               .lanes = s->lanes,
                               .lane = ps_calloc(s->lanes, sizeof *marks->lane)};
    for (uint32_t l = 0; l < s->lanes; l++)
        marks->lane[l] = (struct ps_lane_mark){s->lane[l].lease, s->lane[l].hwm, s->lane[l].ended};
}
