/* control.c - what the coordinator says to a worker, and what the worker tells it: lanes granted, revoked, handed back. */
#include <string.h>

#include "common/process.h"
#include "worker/evaluate.h"
#include "worker/internal.h"

static const double TELL_EVERY = 0.1;      /* seconds between two looks at the lanes for the beats */
static const double LEAVE_PATIENCE = 10;   /* seconds without an answer after which a worker that was told to go goes */

void ps_worker_send(struct ps_worker *w, struct ps_control *control)
{
    control->era = w->client.era;
    ps_membership_send(w->member, control, NULL);
}

/* Drops what is pulled and not yet computed. */
static void drop_ahead(struct ps_worker *w, struct ps_lane *lane)
{
    for (int i = 0; i < PS_AHEAD; i++)
        if (lane->ahead[i]) {
            w->ahead--;
            ps_client_drop(&w->client, lane->ahead[i]);
            lane->ahead[i] = NULL;
        }
    lane->next_pull = lane->next_push;
}

void ps_worker_forget_lane(struct ps_worker *w, uint32_t l)
{
    struct ps_lane *lane = &w->lane[l];
    drop_ahead(w, lane);
    if (lane->pushed)
        ps_client_drop(&w->client, lane->pushed);
    memset(lane, 0, sizeof *lane);
}

static void forget_all(struct ps_worker *w)
{
    for (uint32_t l = 0; l < w->lanes; l++)
        ps_worker_forget_lane(w, l);
}

/* What only grows, of the worker's whole life. */
static void tell_sums(const struct ps_worker *w, struct ps_progress *progress)
{
    memcpy(progress->phase, w->phases.seconds, sizeof progress->phase);
    memcpy(progress->task_loss, w->task_loss, sizeof progress->task_loss);
    progress->task_samples = w->task_samples;
}

static void granted(struct ps_worker *w, const struct ps_control *message)
{
    if (message->epoch != w->epoch) { /* a new training epoch: nothing of the last one is left */
        forget_all(w);
        w->epoch = w->client.epoch = message->epoch;
        w->samples = 0;
        w->loss = 0;
        w->client.stale = 0;
    }
    for (uint32_t i = 0; i < message->lane_count; i++) {
        const struct ps_lane_entry *entry = &message->lane[i];
        if (entry->lane >= w->lanes || w->lane[entry->lane].lease >= entry->lease)
            continue; /* a repeat */
        ps_worker_forget_lane(w, entry->lane);
        struct ps_lane *lane = &w->lane[entry->lane];
        *lane = (struct ps_lane){.held = true, .epoch = message->epoch, .lease = entry->lease, .first = entry->position,
                                 .next_pull = entry->position, .next_push = entry->position};
        lane->before = ps_order_seek(&w->order, lane->epoch, entry->lane, entry->position, w->batcher.positives, &lane->cursor) *
                       (uint64_t)(1 + w->batcher.negatives);
    }
    struct ps_control ack = {.kind = PS_GRANT_ACK, .epoch = message->epoch, .lane = message->lane,
                             .lane_count = message->lane_count};
    tell_sums(w, &ack.progress);
    ps_worker_send(w, &ack);
}

struct ps_progress ps_worker_lane_progress(const struct ps_worker *w, const struct ps_lane *lane)
{
    struct ps_progress progress = {.samples = lane->samples, .loss = lane->loss, .stale = w->client.stale};
    tell_sums(w, &progress);
    return progress;
}

void ps_worker_return_lane(struct ps_worker *w, uint32_t l)
{
    struct ps_lane *lane = &w->lane[l];
    struct ps_lane_entry entry = {l, lane->lease, lane->next_push};
    struct ps_control back = {.kind = PS_RETURN, .epoch = lane->epoch, .lane = &entry, .lane_count = 1,
                              .progress = ps_worker_lane_progress(w, lane)};
    ps_worker_send(w, &back);
    lane->held = false;
}

/* Pulls of a revoked lane are dropped; it goes back when its last push is acknowledged. One that is not held (its GRANT, or the RETURN,
 * was lost) goes back at once. */
static void revoked(struct ps_worker *w, const struct ps_control *message)
{
    for (uint32_t i = 0; i < message->lane_count; i++) {
        const struct ps_lane_entry *entry = &message->lane[i];
        if (entry->lane >= w->lanes || w->lane[entry->lane].lease > entry->lease)
            continue;
        struct ps_lane *lane = &w->lane[entry->lane];
        if (lane->lease < entry->lease) {
            ps_worker_forget_lane(w, entry->lane);
            *lane = (struct ps_lane){.epoch = message->epoch, .lease = entry->lease, .next_push = entry->position};
        }
        if (!lane->held) {
            ps_worker_return_lane(w, entry->lane);
        } else if (!lane->revoked) {
            lane->revoked = true;
            drop_ahead(w, lane);
        }
    }
}

int ps_worker_news(void *ctx, struct ps_error *err)
{
    struct ps_worker *w = ctx;
    struct ps_control message;
    ps_membership_turn(w->member);
    while (ps_membership_receive(w->member, &message)) { /* they are kept for the loop; some make the evaluation void */
        PS_GROW(w->waiting, w->waiting_capacity, w->waiting_count + 1);
        w->waiting[w->waiting_count++] = message;
        w->evaluation_void |= message.kind == PS_STOP || message.era != w->client.era || message.map != w->client.map.version;
    }
    if (w->evaluation_void)
        return ps_fail(err, PS_EXIT_NET, "the evaluation is void");
    return ps_membership_check(w->member, err);
}

bool ps_worker_receive(struct ps_worker *w, struct ps_control *message)
{
    if (!w->waiting_count)
        return ps_membership_receive(w->member, message);
    *message = w->waiting[0]; /* those that were kept come first */
    memmove(w->waiting, w->waiting + 1, --w->waiting_count * sizeof *w->waiting);
    return true;
}

static void answer(struct ps_worker *w, const struct ps_control *message)
{
    struct ps_control done = {.kind = PS_EVAL_DONE, .request = message->request, .first = message->first,
                              .count = message->count, .era = w->client.era};
    struct ps_frame ranks;
    ps_frame_share(&ranks, &w->answered.ranks);
    ps_membership_send(w->member, &done, &ranks);
}

void ps_worker_forget_answer(struct ps_worker *w)
{
    if (w->answered.request)
        ps_frame_fini(&w->answered.ranks);
    w->answered.request = 0;
}

static int evaluate(struct ps_worker *w, const struct ps_control *message, struct ps_error *err)
{
    if (w->answered.request == message->request && w->answered.first == message->first) {
        answer(w, message);
        return 0;
    }
    ps_worker_forget_answer(w);
    w->evaluation_void = false;
    enum ps_phase before = ps_phase_enter(&w->phases, PS_PHASE_RANK);
    int status = ps_evaluate_targets(&w->client, &w->config, &w->dataset, &w->model, &w->rule, message, &w->answered.ranks, err);
    ps_phase_enter(&w->phases, before);
    if (status)
        return w->evaluation_void ? 0 : status;
    w->answered.request = message->request;
    w->answered.first = message->first;
    answer(w, message);
    return 0;
}

/* The servers hold other rows now, or others hold them: everything that is under way is void, and lanes are granted anew. */
static int new_map(struct ps_worker *w, const struct ps_control *message, struct ps_error *err)
{
    bool newer = message->era > w->client.era || message->map > w->client.map.version;
    if (newer && message->era == w->client.era &&
        ps_client_map_renew(&w->client, message->map, message->shards, message->shard_count))
        newer = false;
    if (newer) {
        forget_all(w);
        ps_worker_forget_answer(w);
        w->epoch = 0;
        w->samples = 0;
        w->loss = 0;
        w->client.stale = 0;
        int status = ps_client_map(&w->client, message->map, message->shards, message->shard_count, err);
        if (status)
            return status;
        w->client.era = message->era;
    }
    struct ps_control ack = {.kind = PS_MAP_ACK, .map = message->map};
    ps_worker_send(w, &ack);
    return 0;
}

void ps_worker_holds(void *ctx, struct ps_control *hello)
{
    struct ps_worker *w = ctx;
    hello->era = w->client.era;
    hello->map = w->client.map.version;
    hello->epoch = w->epoch;
    hello->held = ps_calloc(w->lanes, sizeof *hello->held);
    for (uint32_t l = 0; l < w->lanes; l++) {
        const struct ps_lane *lane = &w->lane[l];
        if (lane->held || lane->done)
            hello->held[hello->held_count++] = (struct ps_held){.lane = l,
                                                                .lease = lane->lease,
                                                                .position = lane->next_push,
                                                                .done = lane->done,
                                                                .samples = lane->before + lane->samples,
                                                                .measured = lane->samples,
                                                                .loss = lane->loss};
    }
}

int ps_worker_handle(struct ps_worker *w, const struct ps_control *message, struct ps_error *err)
{
    if (message->kind == PS_MAP && message->era >= w->client.era && message->map >= w->client.map.version)
        return new_map(w, message, err);
    if (message->kind != PS_STOP && (message->era != w->client.era || message->map != w->client.map.version))
        return 0; /* of a time that is over, or of one that this worker has not been told of yet */
    switch (message->kind) {
    case PS_GRANT: granted(w, message); return 0;
    case PS_REVOKE: revoked(w, message); return 0;
    case PS_LANE_DONE_ACK:
        if (message->lane_count == 1 && message->lane[0].lane < w->lanes &&
            w->lane[message->lane[0].lane].lease == message->lane[0].lease)
            w->lane[message->lane[0].lane].held = false;
        return 0;
    case PS_TRACE: ps_trace_handle(&w->trace, &w->phases, w->member, message, w->client.era); return 0;
    case PS_EVAL: return evaluate(w, message, err);
    case PS_STOP:
        if (!message->code)
            return 1;
        return ps_fail(err, (int)message->code, "the coordinator ended the run with code %u, and says why", message->code);
    default: return 0;
    }
}

int ps_worker_leave(struct ps_worker *w)
{
    double now = ps_now();
    if (!w->leave_since)
        w->leave_since = now;
    if (now - w->leave_since > LEAVE_PATIENCE) {
        ps_warn("the coordinator has not answered for %.0f s; this worker goes all the same, and its lanes are fenced", LEAVE_PATIENCE);
        return 1;
    }
    if (now < w->leave_at)
        return 0;
    struct ps_control leave = {.kind = PS_LEAVE};
    ps_worker_send(w, &leave);
    w->leave_at = now + 0.5;
    return 0;
}

void ps_worker_report(struct ps_worker *w)
{
    double now = ps_now();
    bool news = w->first_push;
    if (!news && now - w->told < TELL_EVERY) {
        ps_membership_turn(w->member);
        return;
    }
    struct ps_progress progress = {.samples = w->samples, .loss = w->loss, .speed = ps_pace_speed(&w->pace, now), .rows = w->client.rows,
                                   .bytes = w->client.bytes, .refused = w->client.refused, .memory = ps_process_memory(), .entry = w->held};
    for (uint32_t l = 0; l < w->lanes; l++) {
        const struct ps_lane *lane = &w->lane[l];
        if (!lane->held)
            continue;
        w->held[progress.entries++] = (struct ps_lane_entry){l, lane->lease, lane->next_push};
        progress.queue += (lane->pushed != NULL) + (lane->ahead[0] != NULL) + (lane->ahead[1] != NULL);
    }
    ps_client_waits(&w->client, progress.wait, sizeof progress.wait);
    tell_sums(w, &progress);
    ps_membership_progress(w->member, &progress, news);
    w->told = now;
    w->first_push = false;
}
