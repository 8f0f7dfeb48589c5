/* phases.c - where the members' time went in a training epoch (common/phases.h), by what their beats and the answers at its ends tell. */
#include <string.h>

#include "common/tfevents.h"
#include "coordinator/internal.h"
#include "coordinator/runlog.h"

void ps_phases_take(const struct ps_coordinator *c, struct ps_member *m, const struct ps_control *message)
{
    bool known = false, begins = message->kind == PS_GRANT_ACK && !m->phase_begun;
    for (int p = 0; p < PS_PHASES; p++) { /* the sums only grow: what comes late says nothing new */
        known |= m->phase[p] > 0;
        m->phase[p] = PS_MAX(m->phase[p], message->progress.phase[p]);
    }
    m->phase_begun |= begins;
    if (begins || (!known && c->options.takeover)) /* its time under the coordinator before this one is that one's to tell */
        memcpy(m->phase_from, m->phase, sizeof m->phase);
}

void ps_phases_begin(struct ps_coordinator *c)
{
    for (int i = 0; i < c->members; i++) {
        memcpy(c->member[i]->phase_from, c->member[i]->phase, sizeof c->member[i]->phase);
        c->member[i]->phase_begun = false;
    }
}

/* The sums over the members of a role, as a JSON object, and their shares for TensorBoard. */
static void sum_up(const struct ps_coordinator *c, enum ps_role role, char text[512])
{
    double seconds[PS_PHASES] = {0}, sum = 0;
    size_t used = 0;
    for (int p = 0; p < PS_PHASES; p++) {
        for (int i = 0; i < c->members; i++)
            if (c->member[i]->role == role)
                seconds[p] += c->member[i]->phase[p] - c->member[i]->phase_from[p];
        sum += seconds[p];
    }
    for (int p = 0; p < PS_PHASES; p++) {
        const char *name = ps_phase_name((enum ps_phase)p);
        if (!(role == PS_ROLE_WORKER ? ps_phase_of_worker((enum ps_phase)p) : ps_phase_of_server((enum ps_phase)p)))
            continue;
        used += (size_t)snprintf(text + used, 512 - used, "%c\"%s\":%.3f", used ? ',' : '{', name, seconds[p]);
        if (sum > 0)
            ps_tfevents_note(c->options.board, seconds[p] / sum, "phases_%ss/%s", ps_role_name(role), name);
    }
    snprintf(text + used, 512 - used, "}");
}

void ps_phases_tell(const struct ps_coordinator *c)
{
    char workers[512], servers[512];
    sum_up(c, PS_ROLE_WORKER, workers);
    sum_up(c, PS_ROLE_SERVER, servers);
    ps_runlog(c->options.log, "{\"event\":\"phases\",\"epoch\":%u,\"workers\":%s,\"servers\":%s}", c->epoch, workers, servers);
}
