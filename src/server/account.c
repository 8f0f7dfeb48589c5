/* account.c - what a shard says of the micro-batches that have landed in its rows; see common/account.h and shard.h. */
#include "common/account.h"

#include "server/shard.h"

void ps_shard_account_begin(struct ps_shard *s)
{
    for (uint32_t l = 0; l < s->lanes; l++)
        s->lane[l].account = ps_account_of(s->lane[l].hwm - s->lane[l].ended);
    s->counters.epoch_repeats = 0;
}

bool ps_shard_account(const struct ps_shard *s, uint32_t epoch, struct ps_lane_entry *entry)
{
    if (!s->loaded || s->epoch != epoch || !ps_shard_closed(s))
        return false;
    for (uint32_t l = 0; l < s->lanes; l++)
        entry[l] = (struct ps_lane_entry){l, s->lane[l].account.trail, s->lane[l].account.applied};
    return true;
}
