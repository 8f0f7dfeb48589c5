/* lanes.c - which worker holds which lane: FREE -> FENCING -> GRANTED -> FINISHED (docs/protocol.md).
 *
 * A lane is granted only after every shard has acknowledged its new lease; it begins at the lowest position that a shard
 * still wants. Losing its holder makes it FREE again; what the old holder still says is fenced by the shards. A lane of a worker that
 * goes, or that another one will end earlier (balance.c), is revoked: its holder returns it, or it is fenced all the same.
 */
#include <stdlib.h>
#include <string.h>

#include "coordinator/internal.h"
#include "coordinator/runlog.h"

void ps_lanes_begin(struct ps_coordinator *c)
{
    memset(c->lane, 0, c->lanes * sizeof *c->lane);
    for (uint32_t l = 0; c->resumed && l < c->lanes; l++) /* of a cut within this epoch: the shards know how far each had come */
        if (c->resumed[l].finished) {
            c->lane[l].state = PS_LANE_FINISHED;
            c->lane[l].samples = c->resumed[l].samples;
            c->lane[l].loss = c->resumed[l].loss;
        }
    free(c->resumed);
    c->resumed = NULL;
    c->staleness = 0;
    c->lanes_asked = 0;
}

uint32_t ps_lanes_finished(const struct ps_coordinator *c)
{
    uint32_t count = 0;
    for (uint32_t l = 0; l < c->lanes; l++)
        count += c->lane[l].state == PS_LANE_FINISHED;
    return count;
}

uint64_t ps_lanes_samples(const struct ps_coordinator *c)
{
    uint64_t samples = 0;
    for (uint32_t l = 0; l < c->lanes; l++)
        samples += c->lane[l].state == PS_LANE_FINISHED ? c->lane[l].samples : c->lane[l].reached * (uint64_t)c->config->train.batch;
    return samples;
}

bool ps_lanes_held(const struct ps_coordinator *c, const struct ps_member *worker)
{
    for (uint32_t l = 0; l < c->lanes; l++)
        if (c->lane[l].state == PS_LANE_GRANTED && c->lane[l].holder == worker)
            return true;
    return false;
}

/* Notes when and from whom a lane began to change hands; the first note counts. */
static void hand_over(struct ps_lane_record *lane, const char *why)
{
    if (lane->handover.why)
        return;
    lane->handover.why = why;
    lane->handover.since = ps_now();
    lane->handover.from = lane->holder->pid;
}

static void set_free(struct ps_lane_record *lane)
{
    lane->state = PS_LANE_FREE;
    lane->holder = NULL;
    lane->revoked = lane->unnamed = 0;
}

void ps_lanes_again(struct ps_coordinator *c, const char *why)
{
    for (uint32_t l = 0; l < c->lanes; l++) {
        if (c->lane[l].state == PS_LANE_FINISHED)
            continue;
        if (c->lane[l].state == PS_LANE_GRANTED)
            hand_over(&c->lane[l], why);
        set_free(&c->lane[l]);
    }
    c->lanes_asked = 0;
}

void ps_lanes_member_lost(struct ps_coordinator *c, struct ps_member *member)
{
    for (uint32_t l = 0; l < c->lanes; l++)
        if (c->lane[l].holder == member && c->lane[l].state == PS_LANE_GRANTED) {
            hand_over(&c->lane[l], "lost");
            set_free(&c->lane[l]);
        }
}

/* The holder has pushed under this lease: figures of the hand-over, and of a newcomer. */
static void first_push(struct ps_coordinator *c, struct ps_lane_record *lane)
{
    struct ps_member *m = lane->holder;
    if (lane->handover.why)
        ps_runlog(c->options.log, "{\"event\":\"handover\",\"lane\":%u,\"why\":\"%s\",\"from\":%u,\"to\":%u,\"position\":%llu,\"seconds\":%.3f}",
                  (uint32_t)(lane - c->lane), lane->handover.why, lane->handover.from, m->pid, (unsigned long long)lane->position,
                  ps_now() - lane->handover.since);
    lane->handover.why = NULL;
    if (!m->worked)
        ps_runlog(c->options.log, "{\"event\":\"working\",\"role\":\"worker\",\"host\":\"%s\",\"pid\":%u,\"seconds\":%.3f}", m->host, m->pid,
                  ps_now() - m->joined);
    m->worked = true;
}

/* Lanes that a worker has taken and no longer speaks of, though it lives: something between the two has been lost that neither says
 * again. They are granted anew before the run waits for ever. */
static void take_unnamed(struct ps_coordinator *c, const struct ps_member *worker, const bool *named)
{
    double now = ps_now();
    for (uint32_t l = 0; c->lane && l < c->lanes; l++) {
        struct ps_lane_record *lane = &c->lane[l];
        if (lane->state != PS_LANE_GRANTED || lane->holder != worker)
            continue;
        if (named[l] || !lane->granted)
            lane->unnamed = 0;
        else if (!lane->unnamed)
            lane->unnamed = now;
        else if (now - lane->unnamed > ps_detect_patience(c, worker)) {
            ps_warn("worker (process %u on %s) does not know of lane %u any more, which it had taken; it is granted anew", worker->pid,
                    worker->host, l);
            hand_over(lane, "unnamed");
            set_free(lane);
        }
    }
}

void ps_lanes_beat(struct ps_coordinator *c, struct ps_member *worker, const struct ps_progress *progress)
{
    bool named[PS_MAX_LANES] = {false};
    for (uint32_t i = 0; i < progress->entries; i++) {
        const struct ps_lane_entry *entry = &progress->entry[i];
        struct ps_lane_record *lane = entry->lane < c->lanes ? &c->lane[entry->lane] : NULL;
        if (!lane || lane->state != PS_LANE_GRANTED || lane->holder != worker || lane->lease != entry->lease)
            continue;
        if (lane->reached <= lane->position && entry->position > lane->position)
            first_push(c, lane);
        lane->reached = PS_MAX(lane->reached, entry->position);
        lane->granted = named[entry->lane] = true;
    }
    take_unnamed(c, worker, named);
}

static void fence_acked(struct ps_coordinator *c, struct ps_member *server, const struct ps_lane_entry *entry)
{
    struct ps_lane_record *lane = &c->lane[entry->lane];
    if (server->shard == PS_NO_SHARD || lane->state != PS_LANE_FENCING || lane->lease != entry->lease ||
        lane->fenced[server->shard])
        return;
    lane->fenced[server->shard] = 1;
    lane->position = lane->fenced_count ? PS_MIN(lane->position, entry->position) : entry->position;
    lane->fenced_count++;
}

static void done(struct ps_coordinator *c, struct ps_member *worker, const struct ps_control *message)
{
    struct ps_lane_record *lane = &c->lane[message->lane[0].lane];
    if (c->stock) /* what a worker has said that it holds counts first: it says this again until it is heard */
        return;
    if (lane->state == PS_LANE_GRANTED && lane->lease == message->lane[0].lease) {
        if (lane->reached <= lane->position)
            first_push(c, lane);
        lane->state = PS_LANE_FINISHED;
        lane->revoked = 0;
        lane->samples = message->count;
        c->staleness = PS_MAX(c->staleness, message->progress.stale);
        lane->measured += message->progress.samples;
        lane->loss += message->progress.loss;
    }
    struct ps_control ack = {.kind = PS_LANE_DONE_ACK, .epoch = message->epoch, .lane = message->lane, .lane_count = 1};
    ps_send_control(c, worker, &ack);
}

void ps_lanes_handle(struct ps_coordinator *c, struct ps_member *member, const struct ps_control *message)
{
    for (uint32_t i = 0; i < message->lane_count; i++)
        if (message->lane[i].lane >= c->lanes)
            return;
    if (message->kind == PS_LANE_DONE) {
        if (message->lane_count == 1 && message->epoch == c->epoch)
            done(c, member, message);
        return;
    }
    for (uint32_t i = 0; i < message->lane_count; i++) {
        const struct ps_lane_entry *entry = &message->lane[i];
        struct ps_lane_record *lane = &c->lane[entry->lane];
        if (message->kind == PS_FENCE_ACK && member->role == PS_ROLE_SERVER)
            fence_acked(c, member, entry);
        else if (message->kind == PS_GRANT_ACK && lane->holder == member && lane->lease == entry->lease)
            lane->granted = true;
        else if (message->kind == PS_RETURN && c->stock)
            ps_stock_returned(c, member, entry);
        else if (message->kind == PS_RETURN && lane->holder == member && lane->lease == entry->lease &&
                 lane->state == PS_LANE_GRANTED) {
            hand_over(lane, "returned");
            c->staleness = PS_MAX(c->staleness, message->progress.stale);
            lane->measured += message->progress.samples;
            lane->loss += message->progress.loss;
            set_free(lane);
        }
    }
}

/* Sends to each member, in one message, the entries of all lanes that `owes` selects for it. */
static void send_lanes(struct ps_coordinator *c, enum ps_message_kind kind,
                       bool (*owes)(const struct ps_lane_record *lane, const struct ps_member *member))
{
    struct ps_lane_entry entry[PS_MAX_LANES];
    for (int i = 0; i < c->members; i++) {
        struct ps_member *m = c->member[i];
        uint32_t count = 0;
        for (uint32_t l = 0; m->alive && l < c->lanes; l++)
            if (owes(&c->lane[l], m))
                entry[count++] = (struct ps_lane_entry){l, c->lane[l].lease, c->lane[l].position};
        if (!count)
            continue;
        struct ps_control control = {.kind = kind, .epoch = c->epoch, .lane = entry, .lane_count = count};
        ps_send_control(c, m, &control);
    }
}

static bool owes_fence(const struct ps_lane_record *lane, const struct ps_member *member)
{
    return member->shard != PS_NO_SHARD && lane->state == PS_LANE_FENCING && !lane->fenced[member->shard];
}

static bool owes_grant(const struct ps_lane_record *lane, const struct ps_member *member)
{
    return lane->state == PS_LANE_GRANTED && lane->holder == member && !lane->granted && !lane->revoked;
}

static bool owes_return(const struct ps_lane_record *lane, const struct ps_member *member)
{
    return lane->state == PS_LANE_GRANTED && lane->holder == member && lane->revoked > 0;
}

static void take_back(struct ps_lane_record *lane, const char *why)
{
    hand_over(lane, why);
    lane->revoked = ps_now();
}

void ps_lanes_tick(struct ps_coordinator *c)
{
    bool news = ps_now() - c->lanes_asked > PS_ASK_AGAIN, moving = false;
    ps_balance_measure(c);
    for (uint32_t l = 0; l < c->lanes; l++) {
        struct ps_lane_record *lane = &c->lane[l];
        if (lane->state == PS_LANE_FREE) {
            lane->state = PS_LANE_FENCING;
            lane->lease = (uint64_t)c->term << 32 | ++c->lease_counter;
            memset(lane->fenced, 0, sizeof lane->fenced);
            lane->fenced_count = 0;
            news = true;
        } else if (lane->state == PS_LANE_FENCING && lane->fenced_count == c->map.shards) {
            lane->reached = lane->position;
            struct ps_member *worker = ps_balance_choose(c, lane);
            if (!worker)
                continue;
            lane->state = PS_LANE_GRANTED;
            lane->holder = worker;
            lane->granted = false;
            news = true;
        } else if (lane->state == PS_LANE_GRANTED && lane->holder->leaving && !lane->revoked) {
            take_back(lane, "left");
            news = true;
        } else if (lane->state == PS_LANE_GRANTED && lane->revoked > 0 && ps_now() - lane->revoked > PS_RETURN_WITHIN) {
            set_free(lane);
        }
        moving |= lane->state == PS_LANE_FREE || lane->state == PS_LANE_FENCING || lane->revoked > 0 ||
                  (lane->state == PS_LANE_GRANTED && !lane->granted);
    }
    struct ps_lane_record *taken = moving ? NULL : ps_balance_take(c, ps_now());
    if (taken)
        take_back(taken, "balance");
    if (!news && !taken)
        return;
    send_lanes(c, PS_FENCE, owes_fence);
    send_lanes(c, PS_GRANT, owes_grant);
    send_lanes(c, PS_REVOKE, owes_return);
    c->lanes_asked = ps_now();
}
