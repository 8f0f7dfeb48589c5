/* replica.c - the log of a shard for its backup; see replica.h. */
#include "server/replica.h"

#include <stdlib.h>
#include <string.h>

#include "server/parts.h"

enum stage {
    WAITING, /* for a moment between two steps */
    ROWS,    /* the rows are being sent */
    SENT,    /* sync: for the next step, by which the backup knows the state before it too */
    WHOLE,   /* they have been: nothing is answered without the backup */
    SYNCED   /* and it has confirmed that */
};

struct ps_replica {
    uint64_t backup, log;
    enum stage stage;
    struct ps_feed feed; /* its entries */
    uint64_t end;        /* the one that closes the copy */
    int waiting;         /* parts of rows among those that are not confirmed */
    struct ps_parts parts;
    uint64_t v;     /* SENT: the state, and its epoch */
    uint32_t epoch;
    struct ps_buffer scratch;
    ps_replica_send *send;
    void *ctx; /* borrowed */
};

static bool send_entry(void *ctx, struct ps_data *data, struct ps_message *message)
{
    const struct ps_shard *s = ctx;
    const struct ps_replica *r = s->replica;
    data->kind = PS_REPL;
    data->run = s->run;
    data->from = s->incarnation;
    data->to = r->backup;
    data->era = s->era;
    data->map = s->map;
    data->lease = r->log;
    return r->send(r->ctx, data, message);
}

/* A new entry at the end, filled in by the caller, who then calls append(). */
static struct ps_feed_entry *make_entry(struct ps_shard *s, enum ps_entry code, uint32_t lane)
{
    struct ps_feed_entry *e = ps_feed_make(&s->replica->feed);
    s->entries = e->number;
    e->data = (struct ps_data){.code = code, .epoch = s->epoch, .lane = lane};
    return e;
}

static void append(struct ps_shard *s, struct ps_feed_entry *e)
{
    ps_feed_add(&s->replica->feed, e, s);
}

static void append_end(struct ps_shard *s)
{
    struct ps_feed_entry *e = make_entry(s, PS_ENTRY_END, 0);
    s->replica->end = e->number;
    s->replica->stage = WHOLE;
    append(s, e);
}

/* Tells how the shard stands, between two steps. `loaded`: the rows are there already. */
static void begin(struct ps_shard *s, bool loaded)
{
    struct ps_replica *r = s->replica;
    struct ps_feed_entry *e = make_entry(s, PS_ENTRY_BEGIN, 0);
    r->stage = ROWS;
    e->data.state = s->v;
    e->data.count = s->steps;
    e->data.flags = loaded ? 0 : PS_FLAG_EMPTY;
    append(s, e);
    for (uint32_t l = 0; l < s->lanes; l++) {
        const struct ps_lane_state *lane = &s->lane[l];
        e = make_entry(s, PS_ENTRY_LANE, l);
        e->data.position = lane->hwm;
        e->data.flags = lane->ended ? PS_FLAG_END : 0;
        e->data.count = lane->account.applied;
        e->data.state = lane->account.trail;
        append(s, e);
        ps_replica_fence(s, l, lane->lease);
    }
    if (loaded)
        append_end(s);
}

void ps_replica_begin(struct ps_shard *s, uint64_t backup, uint64_t log, bool loaded, ps_replica_send *send, void *ctx)
{
    if (s->replica && s->replica->log == log)
        return;
    ps_replica_end(s);
    s->replica = ps_calloc(1, sizeof *s->replica);
    *s->replica = (struct ps_replica){.backup = backup, .log = log, .send = send, .ctx = ctx};
    ps_feed_init(&s->replica->feed, s->entries, send_entry);
    if (loaded)
        begin(s, true);
}

/* Lets confirmed entries go; pushes that have waited for them are acknowledged. */
static void settle(struct ps_shard *s, bool answer)
{
    struct ps_replica *r = s->replica;
    for (struct ps_feed_entry *e; (e = ps_feed_settled(&r->feed));) {
        r->waiting -= e->data.code == PS_ENTRY_ROWS;
        if (answer && e->waits) /* its names are those of the push */
            ps_shard_acknowledge(s, &e->data);
        ps_feed_drop(&r->feed, e);
    }
}

static void finish(struct ps_shard *s, bool answer)
{
    struct ps_replica *r = s->replica;
    if (!r)
        return;
    r->feed.confirmed = r->feed.made;
    settle(s, answer);
    ps_feed_fini(&r->feed);
    ps_buffer_fini(&r->scratch);
    free(r);
    s->replica = NULL;
}

void ps_replica_end(struct ps_shard *s)
{
    finish(s, true);
}

void ps_replica_drop(struct ps_shard *s)
{
    finish(s, false);
}

bool ps_replica_push(struct ps_shard *s, struct ps_request *push)
{
    struct ps_replica *r = s->replica;
    if (r->stage == WAITING && ps_commit_between(s))
        begin(s, false);
    if (r->stage == WAITING)
        return false;
    ps_request_frame(s, push);
    struct ps_feed_entry *e = make_entry(s, PS_ENTRY_PUSH, push->data.lane);
    e->data = push->data;
    e->data.code = PS_ENTRY_PUSH;
    for (int i = 1; i < push->message.count; i++)
        ps_frame_share(ps_message_add(&e->frames), &push->message.frame[i]);
    bool waits = e->waits = r->stage >= WHOLE;
    s->lane[push->data.lane].entry = e->number;
    append(s, e);
    return waits;
}

void ps_replica_fence(struct ps_shard *s, uint32_t lane, uint64_t lease)
{
    if (!s->replica || s->replica->stage == WAITING)
        return;
    struct ps_feed_entry *e = make_entry(s, PS_ENTRY_FENCE, lane);
    e->data.state = lease;
    s->lane[lane].entry = e->number;
    append(s, e);
}

void ps_replica_epoch(struct ps_shard *s, uint32_t epoch)
{
    if (!s->replica || s->replica->stage == WAITING)
        return;
    struct ps_feed_entry *e = make_entry(s, PS_ENTRY_EPOCH, 0);
    e->data.epoch = epoch;
    s->epoch_entry = e->number;
    append(s, e);
}

void ps_replica_evict(struct ps_shard *s, const struct ps_section *section, uint32_t sections, const uint64_t *id)
{
    if (!s->replica || s->replica->stage == WAITING)
        return;
    struct ps_feed_entry *e = make_entry(s, PS_ENTRY_EVICT, 0);
    e->data.state = s->v;
    e->data.sections = sections;
    for (uint32_t i = 0; i < sections; id += section[i++].rows) {
        e->data.section[i] = section[i];
        ps_keys_encode(id, section[i].rows, PS_CODEC_PLAIN, ps_message_add(&e->frames));
        ps_message_add(&e->frames);
    }
    append(s, e);
}

bool ps_replica_covers(const struct ps_shard *s, uint64_t entry)
{
    return !s->replica || s->replica->stage < WHOLE || s->replica->feed.confirmed >= entry;
}

uint64_t ps_replica_synced(const struct ps_shard *s)
{
    return s->replica && s->replica->stage == SYNCED ? s->replica->log : 0;
}

/* The next rows, if there are more. */
static void append_rows(struct ps_shard *s)
{
    struct ps_replica *r = s->replica;
    struct ps_section section;
    struct ps_message frames;
    ps_message_init(&frames);
    if (!ps_parts_make(s, &r->parts, s->owns, 0, &r->scratch, &section, &frames)) {
        r->stage = SENT;
        r->v = s->v;
        r->epoch = s->epoch;
        return;
    }
    struct ps_feed_entry *e = make_entry(s, PS_ENTRY_ROWS, 0);
    e->data.sections = 1;
    e->data.section[0] = section;
    memcpy(&e->frames, &frames, sizeof frames);
    r->waiting++;
    append(s, e);
}

/* Whether the backup has what a pull of the state before this one may ask for: a step has been committed on whole rows, or nobody asks. */
static bool knows_before(const struct ps_shard *s)
{
    return !s->retain || ps_shard_closed(s) || s->v != s->replica->v || s->epoch != s->replica->epoch;
}

double ps_replica_silence(const struct ps_shard *s, double now)
{
    const struct ps_replica *r = s->replica;
    return r && r->stage >= WHOLE && r->feed.first ? now - r->feed.heard : 0;
}

uint64_t ps_replica_log(const struct ps_shard *s)
{
    return s->replica ? s->replica->log : 0;
}

double ps_replica_progress(struct ps_shard *s, double now)
{
    struct ps_replica *r = s->replica;
    if (!r)
        return 0;
    if (r->stage == WAITING && ps_commit_between(s))
        begin(s, false);
    while (r->stage == ROWS && r->waiting < PS_PARTS_AHEAD)
        append_rows(s);
    if (r->stage == SENT && !r->waiting && knows_before(s)) /* a backup that cannot be reached never counts */
        append_end(s);
    return ps_feed_progress(&r->feed, s, now);
}

void ps_replica_take(struct ps_shard *s, const struct ps_data *data, double now)
{
    struct ps_replica *r = s->replica;
    if (!r || data->run != s->run || data->from != r->backup || data->lease != r->log)
        return;
    bool gap = data->kind == PS_REFUSE && data->code == PS_REFUSE_GAP;
    uint64_t confirmed = data->era != s->era ? 0 : data->kind == PS_REPL_ACK ? data->request : gap ? data->state - 1 : 0;
    ps_feed_confirm(&r->feed, confirmed, now);
    settle(s, true);
    if (r->stage == WHOLE && r->feed.confirmed >= r->end)
        r->stage = SYNCED;
    if (data->kind == PS_REFUSE) /* something was lost, or the backup has not heard of this era or map */
        ps_feed_refused(&r->feed, gap, now);
}
