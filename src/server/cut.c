/* cut.c - one consistent cut: every shard stops at the same vector of positions (docs/protocol.md); see shard.h. */
#include "server/shard.h"

static const double CUT_PATIENCE = 2; /* seconds that a shard waits for CUT_AT */

static void end(struct ps_shard *s)
{
    s->cut.refused = PS_MAX(s->cut.refused, s->cut.id);
    s->cut.state = PS_CUT_NONE;
    for (uint32_t l = 0; l < s->lanes; l++)
        s->lane[l].limit = PS_NO_LIMIT;
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
