/* stock.c - a coordinator that takes over takes stock: what do the members hold? (docs/protocol.md, "The coordinator")
 *
 * Members that meet a higher term say HELLO again with all they hold and refuse lower terms from then on. When every server of the
 * record has done so, nothing of an older term can take effect any more. Then what the record decided is finished, what was only
 * begun is done again (every question to the servers is idempotent), and the script goes on at the stage that the record tells. An
 * epoch goes on in the middle: training has not stopped meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "coordinator/internal.h"
#include "coordinator/runlog.h"

static const double WORKERS_WITHIN = 2; /* seconds after the servers; lanes of later ones are granted anew */
static const double LAST_CALL = 2;      /* seconds in which the members of a run that has ended can come to hear it */

/* A lane as the members have it. */
struct known {
    uint64_t lease;           /* the highest that a server has */
    struct ps_member *holder; /* the worker with the highest lease among those that spoke of it */
    struct ps_held held;      /* its word */
};

struct ps_stock {
    uint32_t old_eras; /* servers without the rows of the record's era */
    struct known *lane; /* owned */
};

void ps_stock_close(struct ps_coordinator *c)
{
    if (c->stock)
        free(c->stock->lane);
    free(c->stock);
    c->stock = NULL;
}

/* A copy that is being made is not one of the era's servers yet. */
static bool copying(const struct ps_coordinator *c, const struct ps_member *m)
{
    uint32_t shard = ps_replicas_copy(c, m);
    return shard != PS_NO_SHARD && !c->map.entry[shard].synced;
}

void ps_stock_take(struct ps_coordinator *c, struct ps_member *m, const struct ps_control *hello)
{
    bool first = m->role == PS_ROLE_WORKER || m->awaited;
    m->awaited = false;
    if (!c->stock || !first)
        return;
    if (m->role == PS_ROLE_SERVER)
        c->stock->old_eras += hello->era != c->era && !copying(c, m);
    if (hello->era != c->era || hello->epoch != c->epoch)
        return;
    if (m->role == PS_ROLE_WORKER && hello->map != c->map.version)
        return; /* slots have moved since: it drops what it holds when it is told, and all lanes are granted anew */
    for (uint32_t i = 0; i < hello->held_count; i++) {
        const struct ps_held *held = &hello->held[i];
        struct known *lane = held->lane < c->lanes ? &c->stock->lane[held->lane] : NULL;
        if (lane && m->role == PS_ROLE_SERVER) {
            lane->lease = PS_MAX(lane->lease, held->lease);
        } else if (lane && (!lane->holder || held->lease > lane->held.lease)) {
            lane->holder = m;
            lane->held = *held;
        }
    }
}

void ps_stock_returned(struct ps_coordinator *c, const struct ps_member *worker, const struct ps_lane_entry *entry)
{
    struct known *lane = &c->stock->lane[entry->lane];
    if (lane->holder == worker && lane->held.lease == entry->lease)
        lane->holder = NULL;
}

void ps_stock_unsettle(struct ps_coordinator *c)
{
    for (uint32_t l = 0; c->stock && l < c->lanes; l++)
        c->stock->lane[l].holder = NULL;
}

/* Whether the lane needs no new lease. */
static bool settled(const struct known *lane)
{
    return lane->holder && lane->holder->alive && lane->held.lease == lane->lease;
}

static uint32_t lanes_settled(const struct ps_coordinator *c)
{
    uint32_t count = 0;
    for (uint32_t l = 0; l < c->lanes; l++)
        count += settled(&c->stock->lane[l]);
    return count;
}

void ps_stock_lanes(struct ps_coordinator *c)
{
    for (uint32_t l = 0; c->stock && l < c->lanes; l++) {
        const struct known *known = &c->stock->lane[l];
        if (!settled(known))
            continue;
        c->lane[l].state = known->held.done ? PS_LANE_FINISHED : PS_LANE_GRANTED;
        c->lane[l].lease = known->lease;
        c->lane[l].position = c->lane[l].reached = known->held.position;
        c->lane[l].holder = known->holder;
        c->lane[l].granted = true;
        if (!known->held.done)
            continue;
        c->lane[l].samples = known->held.samples;
        c->lane[l].measured = known->held.measured;
        c->lane[l].loss = known->held.loss;
    }
    ps_stock_close(c);
}

static const struct ps_member *awaited(const struct ps_coordinator *c)
{
    for (int i = 0; i < c->members; i++)
        if (c->member[i]->alive && c->member[i]->awaited)
            return c->member[i];
    return NULL;
}

/* A server that loads or writes speaks when it is done, and sends beats all the while; a dead one is found like any other. */
static int wait_for_servers(struct ps_coordinator *c, struct ps_error *err)
{
    double begin = ps_now();
    const struct ps_member *m;
    while ((m = awaited(c))) {
        if (ps_now() - begin > ps_patience(c))
            return ps_fail(err, PS_EXIT_NET, "server %u (process %u on %s) has not said what it holds for %.0f s after the coordinator was "
                           "replaced", m->shard, m->pid, m->host, ps_now() - begin);
        int status = ps_pump(c, 0.1, err);
        if (status)
            return status;
    }
    return 0;
}

static int wait_for_workers(struct ps_coordinator *c, struct ps_error *err)
{
    double begin = ps_now(), patience = c->config->cluster.worker_timeout;
    for (;;) {
        double waited = ps_now() - begin;
        bool all = c->stage == PS_STAGE_TRAINING ? lanes_settled(c) == c->lanes || waited > WORKERS_WITHIN : true;
        if (all && ps_members_count(c, PS_ROLE_WORKER))
            return 0;
        if (waited > patience)
            return ps_fail(err, PS_EXIT_NET, "no worker has come to the coordinator for %.0f s after it was replaced; start workers with "
                           "'mpirun -np K penstock join RUN', or go on with 'penstock train --resume RUN'", waited);
        int status = ps_pump(c, 0.1, err);
        if (status)
            return status;
    }
}

/* The run has ended; whoever has not heard it comes now. */
static int tell_the_end(struct ps_coordinator *c, struct ps_error *err)
{
    double until = ps_now() + LAST_CALL;
    c->stopping = true; /* nobody's silence matters */
    while (ps_now() < until)
        ps_pump(c, 0.1, err);
    for (int i = 0; i < c->members; i++)
        c->member[i]->alive &= !c->member[i]->awaited;
    *err = c->end;
    return 1;
}

int ps_stock_open(struct ps_coordinator *c, struct ps_error *err)
{
    double begin = ps_now();
    if (c->stage == PS_STAGE_TRAINING)
        c->epoch_before = PS_MAX(ps_wall_clock() - c->epoch_begun, 0);
    if (c->stage == PS_STAGE_ENDED)
        return tell_the_end(c, err);
    c->stock = ps_calloc(1, sizeof *c->stock);
    c->stock->lane = ps_calloc(c->lanes, sizeof *c->stock->lane);
    c->doing = "takeover";
    int status = wait_for_servers(c, err);
    /* A server may not have loaded the era's rows yet: then nobody has trained in it, and those that have loaded say so. */
    if (!status && c->stock->old_eras)
        status = ps_era_begin(c, err);
    if (!status) /* a move of slots that was under way is done or void */
        status = ps_move_settle(c, err);
    if (!status)
        ps_cut_resume(c);
    if (!status)
        status = wait_for_workers(c, err);
    if (status == PS_ROLL_BACK) { /* a server is gone too, and its part of a cut */
        c->cutting.pending = 0;
        status = ps_recover(c, err);
    }
    if (!status)
        ps_runlog(c->options.log,
                  "{\"event\":\"takeover\",\"term\":%u,\"era\":%u,\"epoch\":%u,\"stage\":\"%s\",\"servers\":%d,\"workers\":%d,\"lanes_kept\":%u,\"seconds\":%.3f}",
                  c->term, c->era, c->epoch, ps_stage_name(c), ps_members_count(c, PS_ROLE_SERVER), ps_members_count(c, PS_ROLE_WORKER),
                  c->stock && c->stage == PS_STAGE_TRAINING ? lanes_settled(c) : 0, ps_now() - begin);
    if (c->stage != PS_STAGE_TRAINING)
        ps_stock_close(c);
    return status;
}
