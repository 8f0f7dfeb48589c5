/* parallel.c - see parallel.h. */
#include "worker/parallel.h"
#include "worker/sessions.h"

#include <stdlib.h>

void ps_parallel_init(struct ps_parallel *p, const struct ps_dataset *dataset, uint32_t lanes, uint32_t tracks)
{
    *p = (struct ps_parallel){dataset, lanes, tracks, ps_calloc(lanes, sizeof *p->lane)};
}

void ps_parallel_fini(struct ps_parallel *p)
{
    for (uint32_t l = 0; l < p->lanes; l++)
        free(p->lane[l].track);
    free(p->lane);
    *p = (struct ps_parallel){0};
}

/* The next step of the session, from event `event` on. */
static uint32_t next_step(const struct ps_sessions *s, uint32_t session, uint32_t event)
{
    while (s->operation[s->begin[session] + event] == PS_SHOWN)
        event++;
    return event;
}

/* Gives the track the lane's next session, if there is one. */
static void take_session(const struct ps_parallel *p, struct ps_lane_play *lane, struct ps_track *track)
{
    const struct ps_sessions *s = &p->dataset->sessions;
    for (; lane->next < s->train; lane->next++) {
        uint64_t targets = ps_session_targets(p->dataset, lane->next);
        if (!targets || lane->skip-- > 0)
            continue;
        uint32_t session = (uint32_t)lane->next++, first = next_step(s, session, 0);
        *track = (struct ps_track){session, next_step(s, session, first + 1), (uint32_t)targets};
        lane->skip = p->lanes - 1;
        return;
    }
}

static void rewind_lane(const struct ps_parallel *p, uint32_t l)
{
    struct ps_lane_play *lane = &p->lane[l];
    if (!lane->track)
        lane->track = ps_calloc(p->tracks, sizeof *lane->track);
    lane->position = lane->next = 0;
    lane->skip = l;
    for (uint32_t k = 0; k < p->tracks; k++) {
        lane->track[k] = (struct ps_track){0};
        take_session(p, lane, &lane->track[k]);
    }
}

/* Moves on by a micro-batch. Returns how many entries it has. */
static uint32_t play(const struct ps_parallel *p, struct ps_lane_play *lane)
{
    const struct ps_sessions *s = &p->dataset->sessions;
    uint32_t entries = 0;
    for (uint32_t k = 0; k < p->tracks; k++) {
        struct ps_track *track = &lane->track[k];
        if (!track->left)
            continue;
        entries++;
        if (--track->left)
            track->target = next_step(s, track->session, track->target + 1);
        else
            take_session(p, lane, track);
    }
    lane->position += entries > 0;
    return entries;
}

/* Plays to a position, or to the lane's end. Returns the entries before it, where that began at the beginning. */
static uint64_t seek(const struct ps_parallel *p, uint32_t l, uint64_t position)
{
    struct ps_lane_play *lane = &p->lane[l];
    uint64_t before = 0;
    uint32_t entries = 1;
    while (lane->position < position && (entries = play(p, lane)) > 0)
        before += entries;
    return before;
}

int ps_parallel_at(struct ps_parallel *p, uint32_t l, uint64_t position, struct ps_entry *out)
{
    struct ps_lane_play *lane = &p->lane[l];
    if (!lane->track || lane->position > position)
        rewind_lane(p, l);
    seek(p, l, position);
    PS_ASSERT(lane->track);
    int n = 0;
    for (uint32_t k = 0; k < p->tracks && lane->position == position; k++)
        if (lane->track[k].left)
            out[n++] = (struct ps_entry){lane->track[k].session, lane->track[k].target, k};
    return n;
}

uint64_t ps_parallel_before(struct ps_parallel *p, uint32_t l, uint64_t position)
{
    rewind_lane(p, l);
    return seek(p, l, position);
}

uint64_t ps_parallel_batches(struct ps_parallel *p, uint32_t l)
{
    struct ps_lane_play *lane = &p->lane[l];
    if (!lane->batches) {
        rewind_lane(p, l);
        seek(p, l, UINT64_MAX);
        lane->batches = lane->position;
    }
    return lane->batches;
}
