/* control_cut.c - a server's part of a cut: limits, the snapshot when it is there, the file; see internal.h. */
#include <stdlib.h>

#include "server/internal.h"

/* Tells how far the cut has come. */
static void report_cut(struct ps_server *s)
{
    struct ps_control cut = {.first = s->cut.id};
    if (s->cut.state == CUT_WRITTEN)
        ps_server_reply(s, &cut, PS_CUT_DONE, s->cut.lane, s->cut.lanes);
    else if (s->cut.state == CUT_TAKEN)
        ps_server_reply(s, &cut, PS_CUT_REACHED, s->cut.lane, s->cut.lanes);
    else if (s->cut.state == CUT_FAILED)
        ps_server_reply(s, &cut, PS_CUT_ABORT, NULL, 0);
}

void ps_server_advance_cut(struct ps_server *s)
{
    struct ps_shard *shard = &s->shard;
    if (s->cut.state == CUT_COMING && shard->cut.id == s->cut.id && ps_shard_cut_reached(shard)) {
        for (uint32_t l = 0; l < shard->lanes; l++)
            if (shard->lane[l].ended)
                s->cut.lane[s->cut.lanes++] = (struct ps_lane_entry){l, shard->lane[l].lease, shard->lane[l].hwm};
        s->cut.state = CUT_TAKEN;
        if (s->cut.folder.fd >= 0)
            ps_shard_cut_write(shard, &s->cut.folder, s->cut.since, s->cut.memory);
        else
            ps_shard_cut_taken(shard);
        report_cut(s);
    }
    if (!shard->snapshot || !ps_snapshot_ready(shard->snapshot))
        return;
    s->cut.state = ps_shard_cut_written(shard, &s->cut.file, &s->cut.cost, &s->cut.err) ? CUT_FAILED : CUT_WRITTEN;
    report_cut(s);
}

void ps_server_end_cut(struct ps_server *s)
{
    ps_folder_close(&s->cut.folder);
    free(s->cut.lane);
}

void ps_server_prepare_cut(struct ps_server *s, const struct ps_control *m)
{
    uint32_t lanes = s->shard.lanes;
    uint64_t limit[PS_MAX_LANES];
    struct ps_lane_entry lane[PS_MAX_LANES];
    if (m->first == s->cut.id && s->cut.state == CUT_FAILED) { /* asked again */
        report_cut(s);
        return;
    }
    if (!ps_shard_cut_prepare(&s->shard, m->first, m->code == 1, ps_now(), limit))
        return;
    if (s->cut.id != m->first) {
        ps_server_end_cut(s);
        s->cut = (struct cut){.id = m->first, .since = m->since, .memory = m->count, .folder.fd = -1};
        s->cut.lane = ps_calloc(lanes, sizeof *s->cut.lane);
        /* Before the coordinator hears from us: if it has given us up by the time we write, that is another folder of this name. */
        if (*m->text && ps_folder_open(&s->cut.folder, m->text, &s->cut.err)) {
            s->cut.state = CUT_FAILED;
            ps_shard_cut_end(&s->shard, m->first);
            report_cut(s);
            return;
        }
    }
    for (uint32_t l = 0; l < lanes; l++)
        lane[l] = (struct ps_lane_entry){.lane = l, .lease = s->shard.lane[l].lease, .position = limit[l]};
    ps_server_reply(s, m, PS_CUT_LIMIT, lane, lanes);
}

void ps_server_agree_cut(struct ps_server *s, const struct ps_control *m)
{
    uint64_t position[PS_MAX_LANES];
    bool named[PS_MAX_LANES] = {false};
    uint32_t lanes = 0;
    if (m->first == s->cut.id && s->cut.state != CUT_COMING) { /* asked again */
        report_cut(s);
        return;
    }
    for (uint32_t i = 0; i < m->lane_count; i++) {
        uint32_t l = m->lane[i].lane;
        if (l >= s->shard.lanes || named[l])
            return;
        named[l] = true;
        position[l] = m->lane[i].position;
        lanes++;
    }
    if (lanes == s->shard.lanes && !ps_shard_cut_at(&s->shard, m->first, position))
        ps_server_reply(s, m, PS_CUT_ABORT, NULL, 0); /* it came too late: this cut is over here */
}
