/* client_wait.c - what a client is waiting for, for the run's status; see client.h. */
#include "worker/client.h"

static const double WORTH_TELLING = 1; /* seconds */

void ps_client_waits(const struct ps_client *c, char *text, size_t size)
{
    const struct ps_step *oldest = NULL;
    uint32_t shard = 0;
    for (int i = 0; i < c->steps; i++) {
        const struct ps_step *step = c->step[i];
        if (step->state != PS_STEP_PULLING && step->state != PS_STEP_PUSHED)
            continue;
        for (uint32_t s = 0; s < c->map.shards; s++)
            if (step->part[s].waiting && (!oldest || step->part[s].first_sent < oldest->part[shard].first_sent)) {
                oldest = step;
                shard = s;
            }
    }
    double since = oldest ? ps_now() - oldest->part[shard].first_sent : 0;
    if (!oldest || since < WORTH_TELLING)
        *text = 0;
    else
        snprintf(text, size, "server %u to answer the %s of epoch %u, lane %u, position %llu, since %.0f s", shard,
                 oldest->state == PS_STEP_PUSHED ? "push" : "pull", oldest->epoch, oldest->lane,
                 (unsigned long long)oldest->position, since);
}
