/* workers.c - workers that go, and a run that waits for the next one where none is left (docs/protocol.md, "Leases").
 *
 * A worker, or a server, goes because it says LEAVE or because it is one too many (ps_workers_scale). Its lanes are revoked
 * (lanes.c), its slots moved (move.c); when it holds none, and ranks nothing, STOP with code 0 lets it go, until its BYE.
 */
#include <string.h>

#include "coordinator/internal.h"
#include "coordinator/runlog.h"

/* Members that are to stay. */
static int count_of(const struct ps_coordinator *c, enum ps_role role)
{
    int count = 0;
    for (int i = 0; i < c->members; i++)
        count += c->member[i]->alive && c->member[i]->role == role && c->member[i]->home == c->member[i]->incarnation &&
                 !c->member[i]->leaving;
    return count;
}

int ps_workers_count(const struct ps_coordinator *c)
{
    return count_of(c, PS_ROLE_WORKER);
}

void ps_workers_leave(struct ps_coordinator *c, struct ps_member *m, const char *why)
{
    if (m->leaving)
        return;
    for (int i = 0; i < c->members; i++) /* a process leaves as a whole */
        c->member[i]->leaving |= c->member[i]->home == m->home;
    ps_runlog(c->options.log, "{\"event\":\"leaving\",\"role\":\"%s\",\"host\":\"%s\",\"pid\":%u,\"why\":\"%s\"}", ps_role_name(m->role),
              m->host, m->pid, why);
}

static void release(struct ps_coordinator *c)
{
    struct ps_control stop = {.kind = PS_STOP, .text = "what it held is in others' hands"};
    for (int i = 0; i < c->members; i++) {
        struct ps_member *m = c->member[i];
        if (!m->alive || !m->leaving || ps_now() - m->released < PS_ASK_AGAIN || m->task || ps_lanes_held(c, m) || m->shard != PS_NO_SHARD ||
            ps_replicas_copy(c, m) != PS_NO_SHARD)
            continue;
        ps_send_control(c, m, &stop);
        m->released = ps_now();
    }
}

void ps_workers_scale(struct ps_coordinator *c, enum ps_role role, int count, char *text, size_t size)
{
    int have = count_of(c, role), told = 0;
    const char *name = ps_role_name(role);
    for (int i = c->members - 1; i >= 0 && have - told > count; i--) { /* the last to come is the first to go */
        struct ps_member *m = c->member[i];
        if (m->role != role || !m->alive || m->leaving || m->home != m->incarnation)
            continue;
        ps_workers_leave(c, m, "scale");
        told++;
    }
    if (have < count)
        snprintf(text, size, "%d of %d %ss are there; the others are started with 'mpirun -np %d penstock join%s RUN'", have, count, name,
                 count - have, role == PS_ROLE_SERVER ? " --as server" : "");
    else
        snprintf(text, size, "%d of %d %ss leave%s", told, have, name, count ? "" : "; the run then waits for others (cluster.worker_timeout)");
}

int ps_workers_check(struct ps_coordinator *c, struct ps_error *err)
{
    release(c);
    double now = ps_now(), patience = c->config->cluster.worker_timeout;
    if (!c->map.version || c->stock || ps_workers_count(c)) { /* a coordinator that takes stock waits for them anyway */
        c->alone_since = 0;
        return 0;
    }
    if (!c->alone_since) {
        c->alone_since = now;
        ps_runlog(c->options.log, "{\"event\":\"alone\",\"seconds\":%.0f}", patience);
        ps_warn("no worker is left; the run waits %.0f s (cluster.worker_timeout) for 'mpirun -np K penstock join RUN'", patience);
    }
    if (c->options.interrupted && *c->options.interrupted)
        return ps_fail(err, PS_EXIT_INTERRUPTED, "interrupted, and no worker is left to end the epoch; 'penstock train --resume RUN' goes on "
                       "from the last checkpoint");
    if (now - c->alone_since > patience)
        return ps_fail(err, PS_EXIT_NET, "no worker is left, and none has come for %.0f s (cluster.worker_timeout); go on from the last "
                       "checkpoint with 'penstock train --resume RUN'", patience);
    return 0;
}

int ps_workers_ready(struct ps_coordinator *c, struct ps_error *err)
{
    double begin = ps_now();
    for (;;) {
        struct ps_member *missing = NULL;
        for (int i = 0; i < c->members; i++)
            if (c->member[i]->alive && c->member[i]->role == PS_ROLE_WORKER && !c->member[i]->progress.turns)
                missing = c->member[i];
        if (!missing)
            return 0;
        if (ps_now() - begin > c->config->cluster.start_timeout)
            return ps_fail(err, PS_EXIT_NET, "a worker (process %u on %s) has been opening its data for %.0f s; look at its output, or raise "
                           "cluster.start_timeout", missing->pid, missing->host, ps_now() - begin);
        int status = ps_pump(c, 0.1, err);
        if (status)
            return status;
    }
}
