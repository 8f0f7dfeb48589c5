/* rank.c - distributed ranking: held-out targets are cut into tasks, workers rank them, exact counts come back.
 *
 * Every target is counted once: a task that is done twice (its worker was slow, or taken for dead) is taken in once.
 */
#include <stdlib.h>
#include <string.h>

#include "coordinator/internal.h"

/* A task streams all items once: large tasks cost less of that, small ones share out better. */
static const double ASK_AGAIN = 5; /* a worker does not compute again what it has answered, or is at */
enum { TASK_LEAST = 512, TASK_MOST = 8192, OPEN = 0, GIVEN = 1, DONE = 2 };

void ps_rank_member_lost(struct ps_coordinator *c, struct ps_member *member)
{
    if (member->task && c->task_state && c->task_state[member->task - 1] == GIVEN)
        c->task_state[member->task - 1] = OPEN;
    member->task = 0;
}

void ps_rank_handle(struct ps_coordinator *c, struct ps_member *member, const struct ps_control *control,
                    const struct ps_message *message)
{
    if (!c->ranks.rank || control->request != c->evaluation)
        return;
    uint64_t task = control->first / c->task_size;
    if (member->task == task + 1)
        member->task = 0;
    if (task >= c->tasks || c->task_state[task] == DONE ||
        message->count != 2)
        return;
    uint64_t first = task * c->task_size, count = PS_MIN(c->task_size, c->ranks.count - first);
    const struct ps_frame *answer = &message->frame[1];
    if (control->first != first || ps_frame_size(answer) != ps_ranks_bytes(count, c->ranks_k, c->ranks.items))
        return;
    ps_ranks_take(&c->ranks, first, count, c->ranks_k, ps_frame_data(answer));
    c->task_state[task] = DONE;
    c->tasks_done++;
}

/* Gives an open task to every idle worker; asks again where an answer is long overdue. */
static void give_tasks(struct ps_coordinator *c, const char *model, uint32_t split)
{
    uint64_t next = 0;
    for (int i = 0; i < c->members; i++) {
        struct ps_member *m = c->member[i];
        if (!ps_map_known(c, m) || (m->leaving && !m->task))
            continue;
        bool again = m->task && ps_now() - m->task_since > ASK_AGAIN;
        if (m->task && !again)
            continue;
        if (!again) {
            while (next < c->tasks && c->task_state[next] != OPEN)
                next++;
            if (next == c->tasks)
                continue; /* but others may have to be asked again */
            m->task = next + 1;
            c->task_state[next] = GIVEN;
        }
        m->task_since = ps_now();
        uint64_t first = (m->task - 1) * c->task_size;
        struct ps_control ask = {.kind = PS_EVAL,
                                 .epoch = c->epoch,
                                 .request = c->evaluation,
                                 .text = (char *)(uintptr_t)model,
                                 .split = split,
                                 .code = c->ranks_k > 0,
                                 .first = first,
                                 .count = PS_MIN(c->task_size, c->ranks.count - first)};
        if (!ps_send_control(c, m, &ask))
            m->task_since -= ASK_AGAIN - PS_ASK_AGAIN; /* soon: it never got it */
    }
}

int ps_rank_run(struct ps_coordinator *c, const char *model, uint32_t split, bool lists, struct ps_ranks *ranks,
                struct ps_error *err)
{
    c->doing = "evaluation";
    uint64_t count = c->options.held_out[split];
    c->ranks_k = lists ? c->config->eval.k_count : 0;
    ps_ranks_init(&c->ranks, count, c->ranks_k, c->options.items);
    uint64_t share = count / (4 * (uint64_t)PS_MAX(ps_members_count(c, PS_ROLE_WORKER), 1));
    c->task_size = PS_MIN(PS_MAX(share, (uint64_t)TASK_LEAST), (uint64_t)TASK_MOST);
    c->tasks = (count + c->task_size - 1) / c->task_size;
    c->tasks_done = 0;
    c->task_state = ps_calloc(c->tasks, 1);
    c->evaluation++; /* late answers of an earlier one are told apart by it */
    struct ps_bar bar;
    char label[96];
    snprintf(label, sizeof label, "ranking %s", model);
    ps_bar_begin(&bar, label, c->tasks);
    double begin = ps_now(), last_done = begin;
    uint64_t seen_done = 0;
    int status = 0;
    while (!status && c->tasks_done < c->tasks) {
        give_tasks(c, model, split);
        status = ps_pump(c, 0.1, err);
        bool moved = false;
        if (!status && c->epoch) /* all lanes have ended */
            status = ps_move_go_on(c, &moved, err);
        for (int i = 0; moved && i < c->members; i++)
            ps_rank_member_lost(c, c->member[i]); /* workers drop what they are at with the map */
        if (c->tasks_done != seen_done) {
            seen_done = c->tasks_done;
            last_done = ps_now();
        }
        if (!status && ps_now() - last_done > ps_patience(c))
            status = ps_fail(err, PS_EXIT_NET, "ranking with '%s' has made no progress for %.0f s (%llu of %llu parts)", model,
                             ps_now() - last_done, (unsigned long long)c->tasks_done, (unsigned long long)c->tasks);
        if (!c->options.quiet)
            ps_bar_update(&bar, c->tasks_done, "");
    }
    ps_bar_end(&bar);
    for (int i = 0; i < c->members; i++)
        c->member[i]->task = 0;
    free(c->task_state);
    c->task_state = NULL;
    if (status)
        ps_ranks_fini(&c->ranks);
    else
        *ranks = c->ranks;
    c->ranks = (struct ps_ranks){0};
    return status;
}

int ps_coordinator_rank(struct ps_coordinator *c, const char *model, uint32_t split, bool lists, struct ps_ranks *ranks,
                        struct ps_error *err)
{
    int status;
    while ((status = ps_rank_run(c, model, split, lists, ranks, err)) == PS_ROLL_BACK)
        if ((status = ps_recover(c, err)))
            break;
    return status;
}
