/* cut.c - one consistent cut: every shard stops at the same vector of positions (docs/protocol.md); see shard.h. */
#include <string.h>

#include "server/shard.h"

static const double CUT_PATIENCE = 2; /* seconds that a shard waits for CUT_AT */

static void end(struct ps_shard *s)
{
    s->cut.refused = PS_MAX(s->cut.refused, s->cut.id);
    s->cut.state = PS_CUT_NONE;
    for (uint32_t l = 0; l < s->lanes; l++)
        s->lane[l].limit = PS_NO_LIMIT;
    if (s->cut.held > 0)
        s->pause = PS_MAX(s->pause, ps_now() - s->cut.held);
    s->cut.held = 0;
    ps_shard_take_held(s);
}

bool ps_shard_cut_prepare(struct ps_shard *s, uint64_t id, bool hold, double now, uint64_t *limit)
{
    bool again = s->cut.state != PS_CUT_NONE && id == s->cut.id;
    if (!s->loaded || (!again && (id <= s->cut.refused || (s->cut.state != PS_CUT_NONE && id < s->cut.id))))
        return false;
    if (!again) {
        if (s->cut.state != PS_CUT_NONE)
            end(s); /* a newer cut: the older one is given up */
        ps_shard_cut_cancel(s);
        s->pause = 0;
        uint64_t most = 0;
        for (uint32_t l = 0; l < s->lanes; l++)
            most = PS_MAX(most, s->lane[l].hwm);
        for (uint32_t l = 0; l < s->lanes; l++)
            s->lane[l].limit = s->mode == PS_SYNC ? most + PS_CUT_SLACK : s->lane[l].hwm;
        s->cut = (struct ps_cut){
            .state = PS_CUT_LIMITED, .id = id, .refused = s->cut.refused, .hold = hold, .deadline = now + CUT_PATIENCE};
    }
    for (uint32_t l = 0; l < s->lanes; l++)
        limit[l] = s->lane[l].limit;
    return true;
}

bool ps_shard_cut_at(struct ps_shard *s, uint64_t id, const uint64_t *position)
{
    if (s->cut.state == PS_CUT_NONE || id != s->cut.id)
        return false;
    if (s->cut.state == PS_CUT_LIMITED) {
        for (uint32_t l = 0; l < s->lanes; l++)
            s->lane[l].limit = position[l];
        s->cut.state = PS_CUT_AGREED;
        ps_shard_take_held(s);
    }
    return true;
}

bool ps_shard_cut_reached(struct ps_shard *s)
{
    if (s->cut.state != PS_CUT_AGREED)
        return s->cut.state == PS_CUT_AT_REACHED;
    for (uint32_t l = 0; l < s->lanes; l++)
        if (!s->lane[l].ended && s->lane[l].hwm != s->lane[l].limit)
            return false;
    s->cut.state = PS_CUT_AT_REACHED;
    return true;
}

void ps_shard_cut_taken(struct ps_shard *s)
{
    if (s->cut.state == PS_CUT_AT_REACHED && !s->cut.hold)
        end(s);
}

/* The first stamp of rows that have changed since a cut; 0: any. */
static uint8_t stamp_since(const struct ps_shard *s, uint64_t cut)
{
    for (int i = s->clock; cut && i > 0; i--)
        if (s->cut_of[i] == cut)
            return (uint8_t)i;
    return 0;
}

/* The clock is at its end: begins anew, without a memory of what has changed since when. */
static void wind_clock(struct ps_shard *s)
{
    for (uint32_t t = 0; t < s->tables; t++) {
        ps_rows_restamp(&s->rows[t]);
        s->rows[t].clock = 1;
    }
    s->clock = 1;
    s->clocks++;
    memset(s->cut_of, 0, sizeof s->cut_of);
}

uint8_t ps_shard_stamp(struct ps_shard *s)
{
    if (s->snapshot)
        return s->clock;
    if (s->clock + 1 == UINT8_MAX)
        wind_clock(s);
    s->cut_of[++s->clock] = 0;
    for (uint32_t t = 0; t < s->tables; t++)
        s->rows[t].clock = s->clock;
    return s->clock;
}

void ps_shard_cut_write(struct ps_shard *s, const struct ps_folder *folder, uint64_t since, uint64_t memory)
{
    double begin = ps_now();
    PS_ASSERT(s->cut.state == PS_CUT_AT_REACHED && !s->snapshot);
    if (s->clock + 1 == UINT8_MAX)
        wind_clock(s);
    struct ps_snapshot_plan plan = {.folder = folder,
                                    .spec = s->spec,
                                    .tables = s->tables,
                                    .optimizer = &s->optimizer,
                                    .rows = s->rows,
                                    .since = stamp_since(s, since),
                                    .memory = memory};
    ps_shard_marks(s, s->cut.id, &plan.marks);
    plan.marks.since = plan.since ? since : 0;
    s->snapshot = ps_snapshot_take(&plan);
    s->cut_of[++s->clock] = s->cut.id;
    s->pause = PS_MAX(s->pause, ps_now() - begin);
    ps_shard_cut_taken(s);
}

int ps_shard_cut_written(struct ps_shard *s, struct ps_file_entry *file, struct ps_cost *cost, struct ps_error *err)
{
    int status = ps_snapshot_end(s->snapshot, file, cost, err);
    cost->pause = s->pause;
    s->snapshot = NULL;
    return status;
}

void ps_shard_cut_cancel(struct ps_shard *s)
{
    ps_snapshot_cancel(s->snapshot);
    s->snapshot = NULL;
}

void ps_shard_cut_end(struct ps_shard *s, uint64_t id)
{
    s->cut.refused = PS_MAX(s->cut.refused, id);
    if (s->cut.state != PS_CUT_NONE && s->cut.id == id)
        end(s);
}

double ps_shard_tick(struct ps_shard *s, double now)
{
    if (s->cut.state != PS_CUT_LIMITED)
        return 0;
    if (now < s->cut.deadline)
        return s->cut.deadline;
    end(s);
    return 0;
}
