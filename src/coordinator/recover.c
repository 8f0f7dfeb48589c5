/* recover.c - a new era: the state of a checkpoint (or the initial one) in the servers that are there (docs/protocol.md).
 *
 * It begins a run, and it is what the loss of a server comes down to: whatever the coordinator is doing, ps_pump then returns
 * PS_ROLL_BACK, the script unwinds, and ps_recover waits a while for a replacement, deals the slots out to the servers that
 * are alive, has everybody load the state that the run last saved, and counts what was lost. A server that is lost meanwhile
 * is one more round.
 */
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "coordinator/internal.h"
#include "coordinator/runlog.h"

void ps_recover_from(struct ps_coordinator *c, const char *folder)
{
    char *absolute = folder ? realpath(folder, NULL) : NULL; /* `last` and `best` are links that will point elsewhere */
    free(c->base);
    c->base = absolute ? absolute : folder ? ps_strdup(folder) : NULL;
}

void ps_server_lost(struct ps_coordinator *c, const struct ps_member *server, uint32_t shard, const char *why)
{
    if (shard == PS_NO_SHARD)
        return; /* it had no rows */
    ps_warn("server %u (process %u on %s) is lost during the %s: %s; waiting at most %g s for another one", shard,
            server->pid, server->host, c->doing, why, c->config->servers.wait);
    if (!c->loss.servers++) {
        c->loss.doing = c->doing;
        c->loss.since = ps_now();
    }
    c->server_lost = true;
}

/* Until there are as many servers as before, or servers.wait seconds are over. */
static int wait_for_servers(struct ps_coordinator *c, struct ps_error *err)
{
    double until = ps_now() + c->config->servers.wait;
    bool interrupted = false;
    c->server_lost = false;
    while (ps_members_count(c, PS_ROLE_SERVER) < (int)c->map.shards && ps_now() < until && !interrupted) {
        int status = ps_pump(c, 0.1, err);
        if (status && status != PS_ROLL_BACK)
            return status;
        c->server_lost = false; /* who is there counts when the wait is over */
        interrupted = c->options.interrupted && *c->options.interrupted;
    }
    if (ps_members_count(c, PS_ROLE_SERVER))
        return 0;
    if (interrupted)
        return ps_fail(err, PS_EXIT_INTERRUPTED, "interrupted while no server was left; 'penstock train --resume RUN' goes on from "
                       "the last checkpoint");
    return ps_fail(err, PS_EXIT_NET, "no server is left, and none has come for %g s (servers.wait); go on from the last checkpoint "
                   "with 'penstock train --resume RUN', and let more servers join, or wait longer", c->config->servers.wait);
}

/* The decision that everything else follows from: who owns which slots of which state. Made here and nowhere else, before
 * anybody is told. */
static int decide(struct ps_coordinator *c, struct ps_error *err)
{
    ps_map_deal(c);
    c->era++;
    if (c->stage != PS_STAGE_REPORTING)
        c->stage = c->resumed ? PS_STAGE_TRAINING : PS_STAGE_BETWEEN;
    return ps_state_write(c, err);
}

int ps_era_begin(struct ps_coordinator *c, struct ps_error *err)
{
    struct ps_control load = {.kind = PS_LOAD, .epoch = c->epoch, .text = c->base, .shards = c->map.entry,
                              .shard_count = c->map.shards};
    return ps_ask_servers(c, &load, PS_READY, c->era, "LOAD", err);
}

/* A checkpoint that was damaged since it was written is passed over. */
static int choose(struct ps_coordinator *c, struct ps_error *err)
{
    char *folder;
    int status = ps_cut_choose(c->options.checkpoints, strrchr(c->base, '/') + 1, c->options.log, &folder, err);
    if (status == -PS_EXIT_DATA)
        status = ps_cut_choose(c->options.checkpoints, NULL, c->options.log, &folder, err);
    if (status)
        return status;
    free(c->base);
    c->base = folder;
    return 0;
}

static int load(struct ps_coordinator *c, struct ps_error *err)
{
    struct ps_training over = c->training;
    int status = c->base && c->loss.servers ? choose(c, err) : 0;
    if (!status && c->base) {
        status = ps_cut_load(c, c->base, err);
    } else if (!status) {
        c->epoch = c->stale = 0;
        c->training = (struct ps_training){0};
        c->last_value = 0;
        c->cutting.saved_best = c->cutting.saved_best_epoch = 0;
        free(c->resumed);
        c->resumed = NULL;
    }
    if (status)
        return status;
    if (c->stage == PS_STAGE_REPORTING)
        c->training = over; /* whatever state is looked at, this is what the run has come to */
    status = decide(c, err);
    return status ? status : ps_era_begin(c, err);
}

static void report(struct ps_coordinator *c)
{
    const char *name = c->base ? strrchr(c->base, '/') : NULL;
    name = name ? name + 1 : "the beginning";
    const char *unit = c->config->train.consistency == PS_SYNC ? "steps" : "micro-batches";
    double seconds = ps_now() - c->loss.since;
    char text[PS_JSON_TEXT];
    ps_warn("back to %s: %llu %s are lost and are done again, with %u servers, after %.1f s", name,
            (unsigned long long)c->loss.steps, unit, c->map.shards, seconds);
    ps_runlog(c->options.log,
              "{\"event\":\"rollback\",\"during\":\"%s\",\"lost_servers\":%d,\"to\":\"%s\",\"epoch\":%u,\"%s_lost\":%llu,\"era\":%u,"
              "\"map\":%u,\"servers\":%u,\"seconds\":%.3f}", c->loss.doing, c->loss.servers, ps_json_text(name, text), c->epoch,
              c->config->train.consistency == PS_SYNC ? "steps" : "micro_batches", (unsigned long long)c->loss.steps, c->era,
              c->map.version, c->map.shards, seconds);
}

int ps_recover(struct ps_coordinator *c, struct ps_error *err)
{
    int status;
    ps_cut_abort(c);
    ps_stock_close(c); /* what members held is of an era that is over */
    c->doing = "loading";
    c->recovering = true;
    c->lanes_live = false;
    c->moving.copy = 0; /* LOAD ends it */
    for (int i = 0; i < c->members; i++)
        c->member[i]->takes_part = false;
    do {
        status = wait_for_servers(c, err);
        if (!status)
            status = load(c, err);
    } while (status == PS_ROLL_BACK);
    if (status)
        return status;
    c->recovering = false;
    if (c->loss.servers)
        report(c);
    ps_cut_clear(c); /* all who may have been writing there have left it */
    c->loss = (struct ps_loss){0};
    return 0;
}
