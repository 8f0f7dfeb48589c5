/* train.c - the coordinator's script: start, epochs with validation and early stopping, the end. */
#include <stdlib.h>
#include <string.h>

#include "common/metrics.h"
#include "coordinator/internal.h"
#include "coordinator/runlog.h"
#include "data/dataset.h"

static int bind_socket(struct ps_coordinator *c, struct ps_error *err)
{
    const struct ps_coordinator_options *o = &c->options;
    int status = ps_net_bind(o->net, o->endpoint, c->incarnation, c->endpoint, &c->socket, err);
    if (status && o->any_port && !strncmp(o->endpoint, "tcp://", 6)) {
        char *any = ps_format("%.*s:*", (int)(strrchr(o->endpoint, ':') - o->endpoint), o->endpoint);
        status = ps_net_bind(o->net, any, c->incarnation, c->endpoint, &c->socket, err);
        free(any);
    }
    return status;
}

int ps_coordinator_open(const struct ps_coordinator_options *options, struct ps_coordinator **coordinator,
                        struct ps_error *err)
{
    struct ps_coordinator *c = ps_calloc(1, sizeof *c);
    c->options = *options;
    c->config = options->config;
    c->incarnation = ps_net_incarnation();
    c->run = ps_net_incarnation();
    c->term = 1;
    c->lanes = (uint32_t)c->config->train.lanes;
    c->lane = ps_calloc(c->lanes, sizeof *c->lane);
    c->doing = "start";
    int status = ps_state_open(c, err);
    c->cut = c->evaluation = (uint64_t)c->term << 32; /* higher than any of an older term */
    if (!status)
        status = bind_socket(c, err);
    if (!status)
        status = ps_monitor_open(c->options.net, c->socket, &c->monitor, err);
    if (status) {
        ps_coordinator_close(c);
        return status;
    }
    *coordinator = c;
    return 0;
}

void ps_coordinator_close(struct ps_coordinator *c)
{
    if (!c)
        return;
    ps_socket_close(c->monitor);
    ps_socket_close(c->socket);
    for (int i = 0; i < c->members; i++)
        free(c->member[i]);
    free(c->member), free(c->lane), free(c->resumed), free(c->base), free(c->unfinished), free(c->moving.next);
    ps_stock_close(c);
    ps_tracing_free(c->tracing);
    free(c);
}

const char *ps_coordinator_endpoint(const struct ps_coordinator *c)
{
    return c->endpoint;
}

/* Enters the next stage of the script, by a record. */
static int enter(struct ps_coordinator *c, enum ps_stage stage, struct ps_error *err)
{
    c->stage = stage;
    return ps_state_write(c, err);
}

bool ps_coordinator_begun(const struct ps_coordinator *c)
{
    return c->options.takeover && c->map.version;
}

int ps_coordinator_load(struct ps_coordinator *c, const char *from, struct ps_error *err)
{
    ps_recover_from(c, from);
    return ps_recover(c, err);
}

int ps_coordinator_start(struct ps_coordinator *c, const char *from, struct ps_error *err)
{
    if (ps_coordinator_begun(c))
        return ps_stock_open(c, err);
    int status = ps_members_wait(c, err);
    if (!status)
        status = ps_replicas_wait(c, err);
    if (!status)
        status = ps_coordinator_load(c, from, err);
    if (!status)
        status = ps_workers_ready(c, err);
    char folder[PS_JSON_TEXT];
    if (!status)
        ps_runlog(c->options.log, "{\"event\":\"start\",\"servers\":%d,\"workers\":%d,\"era\":%u,\"from\":\"%s\"}",
                  ps_members_count(c, PS_ROLE_SERVER), ps_members_count(c, PS_ROLE_WORKER), c->era, ps_json_text(from ? from : "", folder));
    return status;
}

double ps_coordinator_loss(const struct ps_coordinator *c)
{
    uint64_t measured = 0;
    double loss = 0;
    for (int i = 0; i < c->members; i++)
        if (c->member[i]->alive && c->member[i]->role == PS_ROLE_WORKER) {
            measured += c->member[i]->progress.samples;
            loss += c->member[i]->progress.loss;
        }
    return loss / (double)PS_MAX(measured, 1);
}

/* Whether a run that is to end may leave its epoch here: a cut has been written since that was asked. One that fails is not tried again, and the
 * epoch goes on to its end. */
static bool left_within(struct ps_coordinator *c, bool *asked)
{
    if (!c->options.interrupted || !*c->options.interrupted || !c->options.checkpoints)
        return false;
    if (!*asked && c->cutting.phase == PS_CUT_IDLE)
        ps_cut_begin(c, false, false);
    if (!*asked || c->cutting.phase != PS_CUT_IDLE || c->cutting.last_failure.code) {
        *asked = true;
        return false;
    }
    c->training.within = c->epoch;
    c->training.interrupted = true;
    return true;
}

static int train_epoch(struct ps_coordinator *c, struct ps_error *err)
{
    char label[64], detail[128];
    c->doing = "training";
    struct ps_control begin = {.kind = PS_EPOCH, .epoch = c->epoch};
    int status = ps_ask_servers(c, &begin, PS_EPOCH_ACK, c->epoch, "EPOCH", err);
    if (status)
        return status;
    for (int i = 0; i < c->members; i++)
        c->member[i]->progress.samples = 0, c->member[i]->progress.loss = 0;
    ps_sums_begin(c);
    ps_lanes_begin(c);
    ps_stock_lanes(c);
    struct ps_bar bar;
    snprintf(label, sizeof label, "epoch %u/%d", c->epoch, c->config->train.epochs);
    ps_bar_begin(&bar, label, c->options.epoch_samples);
    double start = ps_now(), moved = start;
    uint64_t last_samples = 0;
    uint32_t last_finished = 0;
    bool slots_moved, leaving = false;
    c->lanes_live = true;
    while (!status && ps_lanes_finished(c) < c->lanes && !left_within(c, &leaving)) {
        ps_lanes_tick(c);
        if (ps_cut_due(c))
            ps_cut_begin(c, false, false);
        status = ps_pump(c, 0.1, err);
        if (!status)
            status = ps_move_go_on(c, &slots_moved, err);
        uint64_t samples = ps_lanes_samples(c);
        if (samples != last_samples || ps_lanes_finished(c) != last_finished || c->alone_since > 0)
            moved = ps_now();
        last_samples = samples;
        last_finished = ps_lanes_finished(c);
        if (!status && ps_now() - moved > ps_patience(c))
            status = ps_fail(err, PS_EXIT_NET, "epoch %u has made no progress for %.0f s: %u of %u lanes are done, and %d workers and %d "
                             "servers send beats but nothing else; their logs say what they wait for", c->epoch, ps_now() - moved,
                             last_finished, c->lanes, ps_members_count(c, PS_ROLE_WORKER), ps_members_count(c, PS_ROLE_SERVER));
        double loss = ps_coordinator_loss(c);
        ps_tell_progress(c, samples, loss);
        snprintf(detail, sizeof detail, "loss %.5f  %.0f k samples/s", loss,
                 1e-3 * (double)samples / PS_MAX(ps_now() - start, 1e-9));
        if (!c->options.quiet)
            ps_bar_update(&bar, samples, detail);
    }
    ps_bar_end(&bar);
    c->lanes_live = false;
    if (c->training.within)
        return status;
    double seconds = ps_now() - start + c->epoch_before, loss = 0;
    c->epoch_before = 0;
    if (!status)
        status = ps_account_check(c, err);
    if (status)
        return status;
    uint64_t samples = 0, measured = 0;
    for (uint32_t l = 0; l < c->lanes; l++) {
        samples += c->lane[l].samples;
        measured += c->lane[l].measured;
        loss += c->lane[l].loss;
    }
    loss /= (double)PS_MAX(measured, 1);
    c->training.tally.samples += samples;
    c->training.tally.seconds += seconds;
    c->training.epoch = c->epoch;
    ps_tell_epoch(c, samples, loss, seconds);
    return enter(c, PS_STAGE_TRAINED, err);
}

/* Validation after an epoch; it may be the best so far. */
static int validate(struct ps_coordinator *c, struct ps_error *err)
{
    struct ps_ranks ranks;
    double begin = ps_now();
    int status = ps_rank_run(c, c->config->model.name, PS_SPLIT_VALID, false, &ranks, err);
    if (status)
        return status;
    /* Ties count against the model here: a model that gives everything one score must never be chosen. */
    struct ps_metrics metrics;
    struct ps_measuring how = {.mean = c->config->eval.mean, .ties = PS_TIES_CONSERVATIVE, 
                               .k = &c->config->early_stop.k, .k_count = 1};
    ps_metrics_compute(&ranks, &how, &metrics);
    const struct ps_quality *quality = &metrics.at[PS_GROUP_ALL][0];
    double value = quality->of[c->config->early_stop.metric];
    ps_ranks_fini(&ranks);
    c->last_value = value;
    c->training.tally.validation_seconds += ps_now() - begin;
    bool best = !c->training.best_epoch || value > c->training.best;
    if (best) {
        c->training.best = value;
        c->training.best_epoch = c->epoch;
        c->stale = 0;
    } else {
        c->stale++;
    }
    ps_tell_validation(c, quality, value, best);
    return 0;
}

static bool out_of_patience(const struct ps_coordinator *c)
{
    int patience = c->config->early_stop.patience;
    return c->options.held_out[PS_SPLIT_VALID] > 0 && patience && (int)c->stale >= patience;
}

/* The rest of an epoch, from the stage on that a coordinator before this one may have come to. */
static int go_on(struct ps_coordinator *c, struct ps_error *err)
{
    const struct ps_config *config = c->config;
    int status = 0;
    bool validates = c->options.held_out[PS_SPLIT_VALID] > 0, last = (int)c->epoch == config->train.epochs;
    if (c->stage == PS_STAGE_TRAINING)
        status = train_epoch(c, err);
    if (status || c->training.within)
        return status;
    status = ps_cut_wait(c, false, err); /* one that was begun within the epoch */
    if (!status && c->stage == PS_STAGE_TRAINED) {
        if (validates && ((int)c->epoch % config->early_stop.every == 0 || last))
            status = validate(c, err);
        if (status)
            return status;
        if (!c->options.quiet)
            fprintf(stderr, "%s\n", c->epoch_line);
        *c->epoch_line = 0;
        c->training.stopped_early = out_of_patience(c);
        status = enter(c, PS_STAGE_VALIDATED, err);
    }
    if (status)
        return status;
    bool best = !validates || c->training.best_epoch == c->epoch;
    c->training.interrupted = c->options.interrupted && *c->options.interrupted;
    last |= c->training.stopped_early || c->training.interrupted;
    if (c->options.checkpoints && (best || last || (int)c->epoch % config->checkpoint.every == 0)) {
        c->doing = "checkpoint";
        ps_cut_begin(c, true, best);
        /* The next epoch begins when the servers are at the cut; with replicas, which let nobody go back, not before the best state is on
         * the disk: a server that dies takes what it has not written with it. */
        status = ps_cut_wait(c, !last && !(best && config->servers.replicas), err);
    }
    return status ? status : enter(c, PS_STAGE_BETWEEN, err);
}

int ps_coordinator_train(struct ps_coordinator *c, struct ps_training *training, struct ps_error *err)
{
    const struct ps_config *config = c->config;
    int status = 0;
    bool validates = c->options.held_out[PS_SPLIT_VALID] > 0;
    if (c->stage == PS_STAGE_BETWEEN) /* before it was resumed */
        c->training.stopped_early = out_of_patience(c);
    ps_cut_prepare(c);
    while (!status && c->stage != PS_STAGE_REPORTING && !c->training.interrupted) {
        if (c->stage == PS_STAGE_BETWEEN && ((int)c->epoch >= config->train.epochs || c->training.stopped_early)) {
            if (c->cutting.last_failure.code && !(validates && c->training.best_epoch)) {
                *err = c->cutting.last_failure; /* what the run should return is on no disk */
                return -err->code;
            }
            status = enter(c, PS_STAGE_REPORTING, err);
            break;
        }
        if (c->stage == PS_STAGE_BETWEEN) {
            c->epoch++;
            c->epoch_begun = ps_wall_clock();
            status = enter(c, PS_STAGE_TRAINING, err);
        }
        if (!status)
            status = go_on(c, err);
        if (status == PS_ROLL_BACK) {
            status = ps_recover(c, err);
            c->training.interrupted = false; /* if it was, the epoch that ends with it is done again */
            c->training.within = 0;
            c->training.stopped_early = out_of_patience(c);
        }
    }
    *training = c->training;
    return status;
}

int ps_coordinator_stop(struct ps_coordinator *c, int code, const char *reason, struct ps_error *err)
{
    struct ps_error ignored;
    ps_fail(&c->end, code, "%s", reason);
    int status = enter(c, PS_STAGE_ENDED, err);
    if (status == -PS_EXIT_SUPERSEDED)
        return status;
    ps_cut_abort(c);
    double begin = ps_now(), asked = 0;
    struct ps_control stop = {.kind = PS_STOP, .code = (uint32_t)code, .text = (char *)(uintptr_t)reason};
    int left = 1;
    while (left && ps_now() - begin < 5) {
        left = 0;
        bool again = ps_now() - asked > PS_ASK_AGAIN;
        for (int i = 0; i < c->members; i++) {
            if (!c->member[i]->alive)
                continue;
            left++;
            if (again)
                ps_send_control(c, c->member[i], &stop);
        }
        if (again)
            asked = ps_now();
        c->stopping = true;
        if (left)
            ps_pump(c, 0.05, &ignored);
    }
    ps_cut_clear(c);
    ps_strangers_tell(c, 0);
    return 0;
}
