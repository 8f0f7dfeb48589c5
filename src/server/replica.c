/* replica.c - the log of a shard for its backup; see replica.h. */
#include "server/replica.h"

#include <stdlib.h>
#include <string.h>

#include "server/parts.h"

static const double RESEND_AFTER = 0.5;  /* seconds without a confirmation */
static const double RESEND_REFUSED = 0.05, RETRY_UNSENT = 0.02;

/* What the backup has not confirmed. */
struct entry {
    struct entry *next;
    uint64_t number;
    struct ps_data data;
    struct ps_message frames;      /* keys and values */
    uint64_t from, lease, request; /* of a push that is acknowledged with it; from 0: none is */
};

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
    uint64_t confirmed, end; /* entries; end: what closes the copy */
    struct entry *first, *last, *unsent; /* owned: first to last; unsent: from there on none is under way */
    struct entry *free;                  /* owned */
    int waiting;                         /* parts of rows among them */
    struct ps_parts parts;
    uint64_t v;     /* SENT: the state, and its epoch */
    uint32_t epoch;
    double send_at; /* what is first is sent again */
    double resent;  /* when it last was */
    double heard;   /* since when it waits for a confirmation */
    struct ps_buffer scratch;
    ps_replica_send *send;
    void *ctx; /* borrowed */
};

static void send_entries(struct ps_shard *s, double now)
{
    struct ps_replica *r = s->replica;
    while (r->unsent) {
        struct entry *e = r->unsent;
        struct ps_data data = e->data;
        data.kind = PS_REPL;
        data.run = s->run;
        data.from = s->incarnation;
        data.to = r->backup;
        data.era = s->era;
        data.map = s->map;
        data.lease = r->log;
        data.request = e->number;
        struct ps_message message;
        ps_message_init(&message);
        ps_message_add(&message);
        for (int i = 0; i < e->frames.count; i++)
            ps_frame_share(ps_message_add(&message), &e->frames.frame[i]);
        if (!r->send(r->ctx, &data, &message)) {
            ps_message_fini(&message);
            r->send_at = now + RETRY_UNSENT;
            return;
        }
        r->unsent = e->next;
        r->send_at = now + RESEND_AFTER;
    }
}

/* A new entry at the end, filled in by the caller, who then calls append(). */
static struct entry *make_entry(struct ps_shard *s, enum ps_entry code, uint32_t lane)
{
    struct ps_replica *r = s->replica;
    struct entry *e = r->free;
    if (e)
        r->free = e->next;
    else
        e = ps_malloc(sizeof *e);
    e->next = NULL;
    e->number = ++s->entries;
    e->data = (struct ps_data){.code = code, .epoch = s->epoch, .lane = lane};
    ps_message_init(&e->frames);
    e->from = 0;
    return e;
}

static void append(struct ps_shard *s, struct entry *e)
{
    struct ps_replica *r = s->replica;
    if (r->last) {
        r->last->next = e;
    } else {
        r->first = e;
        r->heard = ps_now();
    }
    r->last = e;
    if (r->unsent)
        return; /* what is before it has to go first */
    r->unsent = e;
    send_entries(s, ps_now());
}

static void append_end(struct ps_shard *s)
{
    struct entry *e = make_entry(s, PS_ENTRY_END, 0);
    s->replica->end = e->number;
    s->replica->stage = WHOLE;
    append(s, e);
}

/* Tells how the shard stands, between two steps. `loaded`: the rows are there already. */
static void begin(struct ps_shard *s, bool loaded)
{
    struct ps_replica *r = s->replica;
    struct entry *e = make_entry(s, PS_ENTRY_BEGIN, 0);
    r->stage = ROWS;
    r->confirmed = e->number - 1;
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
    if (loaded)
        begin(s, true);
}

/* Takes the first entry off; where a push has waited for it, that is acknowledged. */
static void settle(struct ps_shard *s, bool answer)
{
    struct ps_replica *r = s->replica;
    struct entry *e = r->first;
    r->first = e->next;
    if (!r->first)
        r->last = NULL;
    if (r->unsent == e)
        r->unsent = e->next;
    r->waiting -= e->data.code == PS_ENTRY_ROWS;
    if (answer && e->from) {
        struct ps_data name = {.from = e->from, .epoch = e->data.epoch, .lane = e->data.lane, .position = e->data.position,
                               .lease = e->lease, .request = e->request};
        ps_shard_acknowledge(s, &name);
    }
    ps_message_fini(&e->frames);
    e->next = r->free;
    r->free = e;
}

static void finish(struct ps_shard *s, bool answer)
{
    struct ps_replica *r = s->replica;
    if (!r)
        return;
    while (r->first)
        settle(s, answer);
    for (struct entry *e = r->free, *next; e; e = next) {
        next = e->next;
        free(e);
    }
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
    struct entry *e = make_entry(s, PS_ENTRY_PUSH, push->data.lane);
    e->data = push->data;
    e->data.code = PS_ENTRY_PUSH;
    for (int i = 1; i < push->message.count; i++)
        ps_frame_share(ps_message_add(&e->frames), &push->message.frame[i]);
    bool waits = r->stage >= WHOLE;
    if (waits) {
        e->from = push->data.from;
        e->lease = push->data.lease;
        e->request = push->data.request;
    }
    s->lane[push->data.lane].entry = e->number;
    append(s, e);
    return waits;
}

void ps_replica_fence(struct ps_shard *s, uint32_t lane, uint64_t lease)
{
    if (!s->replica || s->replica->stage == WAITING)
        return;
    struct entry *e = make_entry(s, PS_ENTRY_FENCE, lane);
    e->data.state = lease;
    s->lane[lane].entry = e->number;
    append(s, e);
}

void ps_replica_epoch(struct ps_shard *s, uint32_t epoch)
{
    if (!s->replica || s->replica->stage == WAITING)
        return;
    struct entry *e = make_entry(s, PS_ENTRY_EPOCH, 0);
    e->data.epoch = epoch;
    s->epoch_entry = e->number;
    append(s, e);
}

bool ps_replica_covers(const struct ps_shard *s, uint64_t entry)
{
    return !s->replica || s->replica->stage < WHOLE || s->replica->confirmed >= entry;
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
    if (!ps_parts_make(s, &r->parts, s->owns, &r->scratch, &section, &frames)) {
        r->stage = SENT;
        r->v = s->v;
        r->epoch = s->epoch;
        return;
    }
    struct entry *e = make_entry(s, PS_ENTRY_ROWS, 0);
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
    return r && r->stage >= WHOLE && r->first ? now - r->heard : 0;
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
    if (r->first && now >= r->send_at) {
        r->unsent = r->first;
        r->resent = now;
        send_entries(s, now);
    }
    return r->first ? r->send_at : 0;
}

void ps_replica_take(struct ps_shard *s, const struct ps_data *data, double now)
{
    struct ps_replica *r = s->replica;
    if (!r || data->run != s->run || data->from != r->backup || data->lease != r->log)
        return;
    bool gap = data->kind == PS_REFUSE && data->code == PS_REFUSE_GAP;
    uint64_t confirmed = data->era != s->era ? 0 : data->kind == PS_REPL_ACK ? data->request : gap ? data->state - 1 : 0;
    if (confirmed > r->confirmed && confirmed <= s->entries) {
        r->confirmed = confirmed;
        while (r->first && r->first->number <= confirmed)
            settle(s, true);
        if (r->stage == WHOLE && confirmed >= r->end)
            r->stage = SYNCED;
        r->send_at = now + RESEND_AFTER;
        r->heard = now;
    }
    /* Something was lost, or the backup has not heard of this era or map: once more, but not for each entry that was under way behind it. */
    if (data->kind == PS_REFUSE && now - r->resent > RESEND_REFUSED)
        r->send_at = PS_MIN(r->send_at, gap ? now : now + RESEND_REFUSED);
}
