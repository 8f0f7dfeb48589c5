/* sums.c - what members tell of an epoch as sums that only grow: where their time went (common/phases.h), each task's part of the loss. */
#include <string.h>

#include "common/tfevents.h"
#include "coordinator/internal.h"
#include "coordinator/runlog.h"

/* What comes late says nothing new. */
static void keep_highest(double *sum, const double *told, int count)
{
    for (int i = 0; i < count; i++)
        sum[i] = PS_MAX(sum[i], told[i]);
}

void ps_sums_take(const struct ps_coordinator *c, struct ps_member *m, const struct ps_control *message)
{
    static const struct ps_sums none;
    bool known = memcmp(&m->sums, &none, sizeof none) != 0, begins = message->kind == PS_GRANT_ACK && !m->sums_begun;
    keep_highest(m->sums.phase, message->progress.phase, PS_PHASES);
    keep_highest(m->sums.task_loss, message->progress.task_loss, PS_MAX_TASKS);
    keep_highest(&m->sums.task_samples, &message->progress.task_samples, 1);
    m->sums_begun |= begins;
    if (begins || (!known && c->options.takeover)) /* what it did under the coordinator before this one is that one's to tell */
        m->sums_from = m->sums;
}

void ps_sums_begin(struct ps_coordinator *c)
{
    for (int i = 0; i < c->members; i++) {
        c->member[i]->sums_from = c->member[i]->sums;
        c->member[i]->sums_begun = false;
    }
}

/* The phases of the members of a role, as a JSON object, and their shares for TensorBoard. */
static void sum_up(const struct ps_coordinator *c, enum ps_role role, char text[512])
{
    double seconds[PS_PHASES] = {0}, sum = 0;
    size_t used = 0;
    for (int p = 0; p < PS_PHASES; p++) {
        for (int i = 0; i < c->members; i++)
            if (c->member[i]->role == role)
                seconds[p] += c->member[i]->sums.phase[p] - c->member[i]->sums_from.phase[p];
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

/* Each task's part of the loss, as a mean over the samples. */
static void tell_tasks(const struct ps_coordinator *c)
{
    char text[PS_MAX_TASKS * 64], name[PS_JSON_TEXT];
    double samples = 0;
    size_t used = 0;
    for (int i = 0; i < c->members; i++)
        samples += c->member[i]->sums.task_samples - c->member[i]->sums_from.task_samples;
    for (int k = 0; k < c->options.tasks && samples > 0; k++) {
        double loss = 0;
        for (int i = 0; i < c->members; i++)
            loss += c->member[i]->sums.task_loss[k] - c->member[i]->sums_from.task_loss[k];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%.32s\":%.8g", used ? "," : "", ps_json_text(c->options.task[k], name), loss / samples);
        ps_tfevents_note(c->options.board, loss / samples, "train/loss_%s", c->options.task[k]);
    }
    if (used)
        ps_runlog(c->options.log, "{\"event\":\"tasks\",\"epoch\":%u,\"loss\":{%s}}", c->epoch, text);
}

void ps_sums_tell(const struct ps_coordinator *c)
{
    char workers[512], servers[512];
    sum_up(c, PS_ROLE_WORKER, workers);
    sum_up(c, PS_ROLE_SERVER, servers);
    ps_runlog(c->options.log, "{\"event\":\"phases\",\"epoch\":%u,\"workers\":%s,\"servers\":%s}", c->epoch, workers, servers);
    tell_tasks(c);
}
