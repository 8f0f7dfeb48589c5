/* cut.c - the coordinator's part of a cut (docs/protocol.md): a state machine beside the lanes; training goes on meanwhile.
 *
 *   IDLE -> LIMITS: every server is asked for the limits that it will not go beyond
 *        -> FILES: they are told the cut; each takes its snapshot when it is there (REACHED) and writes it (DONE)
 *        -> IDLE: the manifest is written, the links are set, what is too old is removed
 *
 * It moves in ps_pump, so in whatever the coordinator waits for. A cut that fails costs a warning: the checkpoint before it stays,
 * and the next one is tried when it is due.
 */
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/manifest.h"
#include "coordinator/internal.h"
#include "coordinator/runlog.h"

enum { ATTEMPTS = 5 };

/* Optimiser steps, as the servers' last beats have told them. */
static uint64_t steps_so_far(const struct ps_coordinator *c)
{
    uint64_t steps = 0;
    for (int i = 0; i < c->members; i++)
        if (c->member[i]->role == PS_ROLE_SERVER)
            steps = PS_MAX(steps, c->member[i]->progress.steps);
    return steps;
}

static struct ps_manifest draft(const struct ps_coordinator *c, bool complete)
{
    struct ps_manifest m = {.run = c->run,
                            .seed = c->config->train.seed,
                            .era = c->era,
                            .term = c->term,
                            .epoch = complete ? c->cutting.training.epoch : c->epoch,
                            .complete = complete,
                            .mode = (uint32_t)c->config->train.consistency,
                            .slots = PS_SLOTS,
                            .dataset = c->options.fingerprint,
                            .value = c->last_value,
                            .best = c->training.best,
                            .best_epoch = c->training.best_epoch,
                            .tally = c->cutting.training.tally,
                            .lanes = c->lanes,
                            .tables = (uint32_t)c->options.tables,
                            .table = (struct ps_table_spec *)(uintptr_t)c->options.table,
                            .optimizer = c->config->optimizer};
    snprintf(m.blas, sizeof m.blas, "%s", c->options.kernel);
    if (c->training.best_epoch)
        snprintf(m.metric, sizeof m.metric, "%s@%d", ps_measure_name((enum ps_measure)c->config->early_stop.metric),
                 c->config->early_stop.k);
    if (*c->cutting.parent && c->cutting.chain < c->config->checkpoint.base) {
        m.since = c->cutting.parent_cut;
        snprintf(m.parent, sizeof m.parent, "%s", c->cutting.parent);
    }
    m.lane = ps_calloc(c->lanes, sizeof *m.lane);
    m.config = ps_config_write(c->config);
    return m;
}

static void become_idle(struct ps_coordinator *c)
{
    struct ps_cutting *k = &c->cutting;
    k->phase = PS_CUT_IDLE;
    free(k->manifest.lane), free(k->manifest.config), free(k->manifest.file), free(k->folder), free(k->limit);
    k->manifest = (struct ps_manifest){0};
    k->folder = NULL;
    k->limit = NULL;
}

/* What is asked of the servers: its training, whether it is the best and `attempts` are set already. */
static void set_up(struct ps_coordinator *c, bool complete)
{
    struct ps_cutting *k = &c->cutting;
    k->begun = ps_now();
    k->failure = (struct ps_error){0};
    k->manifest = draft(c, complete);
    k->limit = ps_calloc(c->lanes, sizeof *k->limit);
    if (complete)
        snprintf(k->name, sizeof k->name, "epoch-%04u", k->manifest.epoch);
    else
        snprintf(k->name, sizeof k->name, "epoch-%04u-cut-%u.%06u", k->manifest.epoch, (uint32_t)(c->cut >> 32), (uint32_t)c->cut + 1);
    k->folder = ps_format("%s/%s", c->options.checkpoints, k->name);
}

/* The first question of an attempt: nobody has answered anything. */
static void begin_attempt(struct ps_coordinator *c, uint64_t cut, enum ps_cut_phase phase)
{
    struct ps_cutting *k = &c->cutting;
    c->cut = cut;
    k->phase = phase;
    k->dropped = false;
    k->since = ps_now();
    k->asked = 0;
    k->cost = (struct ps_cost){0};
    k->manifest.files = 0;
    k->manifest.cut = c->cut;
    memset(k->answered, 0, sizeof k->answered);
    memset(k->reached, 0, sizeof k->reached);
    memset(k->manifest.lane, 0, c->lanes * sizeof *k->manifest.lane);
    for (uint32_t l = 0; l < c->lanes; l++)
        k->limit[l] = (struct ps_lane_entry){.lane = l};
}

void ps_cut_raise(const struct ps_coordinator *c, struct ps_lane_entry *limit, const struct ps_control *answer)
{
    for (uint32_t i = 0; i < answer->lane_count; i++) {
        const struct ps_lane_entry *entry = &answer->lane[i];
        if (entry->lane < c->lanes)
            limit[entry->lane].position = PS_MAX(limit[entry->lane].position, entry->position);
    }
}

void ps_cut_agree(const struct ps_coordinator *c, struct ps_lane_entry *limit)
{
    uint64_t step = 0;
    for (uint32_t l = 0; l < c->lanes; l++)
        step = PS_MAX(step, limit[l].position);
    for (uint32_t l = 0; l < c->lanes && c->config->train.consistency == PS_SYNC; l++)
        limit[l].position = step;
}

/* All limits are here. */
static void tell_cut(struct ps_coordinator *c)
{
    struct ps_cutting *k = &c->cutting;
    ps_cut_agree(c, k->limit);
    k->phase = PS_CUT_FILES;
    k->since = ps_now();
    k->asked = 0;
    memset(k->answered, 0, sizeof k->answered);
}

void ps_cut_prepare(struct ps_coordinator *c)
{
    c->cutting.begun = ps_now();
    c->cutting.last_steps = UINT64_MAX;
    if (ps_coordinator_begun(c))
        return; /* the record tells */
    if (c->training.best_epoch != c->epoch || c->stage == PS_STAGE_BETWEEN) {
        c->cutting.saved_best = c->training.best;
        c->cutting.saved_best_epoch = c->training.best_epoch;
    }
}

void ps_cut_begin(struct ps_coordinator *c, bool complete, bool best)
{
    struct ps_cutting *k = &c->cutting;
    PS_ASSERT(k->phase == PS_CUT_IDLE);
    c->cut = PS_MAX(c->cut, (uint64_t)c->term << 32); /* higher than any of an older term */
    k->last_steps = steps_so_far(c);
    k->best = best;
    k->training = c->training;
    k->attempts = 1;
    set_up(c, complete);
    begin_attempt(c, c->cut + 1, PS_CUT_LIMITS);
    /* What an earlier life of the run left under this name (it was resumed from before it) is not trusted. */
    if (!ps_folder_remove(k->folder, &k->failure))
        ps_folder_make(k->folder, &k->failure);
}

/* Whether `last` holds that cut, or one after it, of this era. */
static bool published(const struct ps_coordinator *c, uint64_t cut)
{
    struct ps_error ignored;
    struct ps_manifest m;
    char *last = ps_format("%s/last", c->options.checkpoints);
    bool is = !ps_manifest_read(&m, last, &ignored);
    free(last);
    if (is) {
        is = m.era == c->era && m.cut >= cut;
        ps_manifest_fini(&m);
    }
    return is;
}

void ps_cut_resume(struct ps_coordinator *c)
{
    struct ps_cutting *k = &c->cutting;
    uint64_t cut = k->pending;
    k->pending = 0;
    if (c->options.checkpoints && published(c, cut)) { /* with the cut, or with one after it; without one, what was saved last in this era */
        char *last = ps_format("%s/last", c->options.checkpoints);
        ps_recover_from(c, last);
        free(last);
        if (cut && k->best) {
            k->saved_best = k->training.best;
            k->saved_best_epoch = k->training.best_epoch;
        }
        cut = 0;
    }
    if (!cut) {
        *k->parent = 0; /* the next one holds all rows */
        return;
    }
    k->attempts = ATTEMPTS; /* another one would be of another state */
    set_up(c, true);
    begin_attempt(c, cut, PS_CUT_FILES); /* all lanes have ended: the servers say where */
}

bool ps_cut_due(struct ps_coordinator *c)
{
    struct ps_cutting *k = &c->cutting;
    uint64_t steps = c->config->checkpoint.steps;
    k->last_steps = PS_MIN(k->last_steps, steps_so_far(c)); /* servers that hold an older state have made fewer */
    double minutes = c->config->checkpoint.minutes;
    return c->options.checkpoints && k->phase == PS_CUT_IDLE &&
           ((steps && steps_so_far(c) >= k->last_steps + steps) || (minutes > 0 && ps_now() >= k->begun + 60 * minutes));
}

/* The servers are told once, and find out by the next cut otherwise. */
void ps_cut_abort(struct ps_coordinator *c)
{
    if (c->cutting.phase == PS_CUT_IDLE)
        return;
    struct ps_control abort = {.kind = PS_CUT_ABORT, .epoch = c->epoch, .first = c->cut};
    for (int i = 0; i < c->members; i++)
        if (c->member[i]->alive && c->member[i]->role == PS_ROLE_SERVER)
            ps_send_control(c, c->member[i], &abort);
    free(c->unfinished);
    c->unfinished = c->cutting.folder;
    c->cutting.folder = NULL;
    become_idle(c);
}

void ps_cut_again(struct ps_coordinator *c)
{
    struct ps_cutting *k = &c->cutting;
    if (k->phase == PS_CUT_IDLE)
        return;
    if (k->manifest.complete && k->manifest.epoch != c->epoch)
        ps_fail(&k->failure, PS_EXIT_NET, "a server was lost that had the state of epoch %u in memory only", k->manifest.epoch);
    k->dropped = true;
}

void ps_cut_clear(struct ps_coordinator *c)
{
    struct ps_error ignored;
    if (c->unfinished)
        ps_folder_remove(c->unfinished, &ignored); /* files of a cut that is over are no checkpoint */
    free(c->unfinished);
    c->unfinished = NULL;
}

static void give_up(struct ps_coordinator *c)
{
    struct ps_cutting *k = &c->cutting;
    char why[PS_JSON_TEXT];
    if (k->failure.code == PS_EXIT_SUPERSEDED) { /* everything is the other one's now, the checkpoint too */
        c->failure = k->failure;
        become_idle(c);
        return;
    }
    ps_warn("checkpoint %s could not be written: %s; training goes on, and the one before it is kept", k->name, k->failure.text);
    ps_runlog(c->options.log, "{\"event\":\"checkpoint_failed\",\"epoch\":%u,\"name\":\"%s\",\"code\":%d,\"why\":\"%s\"}",
              k->manifest.epoch, k->name, k->failure.code, ps_json_text(k->failure.text, why));
    if (k->best) { /* a state that is nowhere cannot be the best one */
        c->training.best = k->saved_best;
        c->training.best_epoch = k->saved_best_epoch;
    }
    k->last_failure = k->failure;
    ps_cut_abort(c);
    ps_cut_clear(c);
}

/* Every file is there: the manifest makes it a checkpoint. */
static void finish(struct ps_coordinator *c)
{
    struct ps_cutting *k = &c->cutting;
    struct ps_manifest *m = &k->manifest;
    uint64_t bytes = 0;
    for (uint32_t l = 0; l < c->lanes; l++) {
        struct ps_manifest_lane *lane = &m->lane[l];
        if (!lane->ended)
            lane->position = k->limit[l].position;
        if (c->config->train.consistency == PS_SYNC)
            m->step = PS_MAX(m->step, lane->position - lane->ended);
        if (lane->ended && !m->complete && c->lane[l].state == PS_LANE_FINISHED) {
            lane->finished = true;
            lane->samples = c->lane[l].samples;
            lane->loss = c->lane[l].loss;
        }
    }
    m->tally.checkpoint_seconds = c->training.tally.checkpoint_seconds + ps_now() - k->begun;
    if (ps_manifest_write(m, k->folder, &k->failure) || ps_state_check(c, &k->failure) || ps_cut_publish(c, k->name, k->best, &k->failure)) {
        give_up(c);
        return;
    }
    for (uint32_t i = 0; i < m->files; i++)
        bytes += m->file[i].bytes;
    k->written += bytes;
    double seconds = ps_now() - k->begun;
    c->training.tally.checkpoint_seconds = m->tally.checkpoint_seconds;
    ps_runlog(c->options.log, "{\"event\":\"checkpoint\",\"epoch\":%u,\"name\":\"%s\",\"bytes\":%llu,\"seconds\":%.3f,"
              "\"parent\":\"%s\",\"pause\":%.6f,\"memory\":%llu,\"copies\":%llu,\"waits\":%llu}", m->epoch, k->name, (unsigned long long)bytes,
              seconds, m->parent, k->cost.pause, (unsigned long long)k->cost.memory, (unsigned long long)k->cost.copies,
              (unsigned long long)k->cost.waits);
    k->last_failure = (struct ps_error){0};
    k->chain = m->since ? k->chain + 1 : 1;
    k->parent_cut = m->cut;
    snprintf(k->parent, sizeof k->parent, "%s", k->name);
    if (k->best) {
        k->saved_best = m->best;
        k->saved_best_epoch = m->best_epoch;
    }
    ps_recover_from(c, k->folder);
    become_idle(c);
}

static void take_done(struct ps_coordinator *c, const struct ps_control *message)
{
    struct ps_cutting *k = &c->cutting;
    struct ps_manifest *m = &k->manifest;
    m->file = ps_realloc(m->file, m->files + message->file_count, sizeof *m->file);
    if (message->file_count)
        memcpy(m->file + m->files, message->file, message->file_count * sizeof *m->file);
    m->files += message->file_count;
    k->cost.pause = PS_MAX(k->cost.pause, message->cost.pause);
    k->cost.memory = PS_MAX(k->cost.memory, message->cost.memory);
    k->cost.copies += message->cost.copies;
    k->cost.waits += message->cost.waits;
}

void ps_cut_handle(struct ps_coordinator *c, struct ps_member *member, const struct ps_control *message)
{
    struct ps_cutting *k = &c->cutting;
    uint32_t shard = member->shard;
    if (k->phase == PS_CUT_IDLE || message->first != c->cut || shard == PS_NO_SHARD || k->answered[shard])
        return;
    if (message->kind == PS_CUT_ABORT) {
        k->dropped = true;
        if (message->code && !k->failure.code)
            ps_fail(&k->failure, (int)message->code, "%s", message->text);
    } else if (message->kind == PS_CUT_LIMIT && k->phase == PS_CUT_LIMITS) {
        ps_cut_raise(c, k->limit, message);
        k->answered[shard] = 1;
    } else if (k->phase == PS_CUT_FILES && (message->kind == PS_CUT_REACHED || message->kind == PS_CUT_DONE)) {
        for (uint32_t i = 0; i < message->lane_count; i++)
            if (message->lane[i].lane < c->lanes)
                k->manifest.lane[message->lane[i].lane] =
                    (struct ps_manifest_lane){.position = message->lane[i].position, .ended = true};
        k->reached[shard] = 1;
        if (message->kind == PS_CUT_DONE) {
            take_done(c, message);
            k->answered[shard] = 1;
        }
    }
}

/* A server with slots that has not answered yet, or NULL. */
static struct ps_member *missing(const struct ps_coordinator *c, const uint8_t *answered)
{
    for (int i = 0; i < c->members; i++)
        if (c->member[i]->shard != PS_NO_SHARD && !answered[c->member[i]->shard])
            return c->member[i];
    return NULL;
}

static void ask(struct ps_coordinator *c)
{
    struct ps_cutting *k = &c->cutting;
    struct ps_control prepare = {.kind = PS_CUT_PREPARE, .epoch = c->epoch, .first = c->cut, .text = k->folder,
                                 .count = (uint64_t)c->config->checkpoint.memory << 20, .since = k->manifest.since};
    struct ps_control at = {.kind = PS_CUT_AT, .epoch = c->epoch, .first = c->cut, .lane = k->limit, .lane_count = c->lanes};
    for (int i = 0; i < c->members; i++) {
        struct ps_member *m = c->member[i];
        if (m->shard != PS_NO_SHARD && !k->answered[m->shard])
            ps_send_control(c, m, k->phase == PS_CUT_LIMITS ? &prepare : &at);
    }
    k->asked = ps_now();
}

void ps_cut_tick(struct ps_coordinator *c)
{
    struct ps_cutting *k = &c->cutting;
    if (k->phase == PS_CUT_IDLE)
        return;
    struct ps_member *waited = missing(c, k->answered);
    if (k->dropped && !k->failure.code && k->attempts == ATTEMPTS)
        ps_fail(&k->failure, PS_EXIT_NET, "servers did not hear of the cut's positions in time, %d times; is the machine overloaded?",
                k->attempts);
    else if (waited && ps_now() - k->since > ps_patience(c))
        ps_fail(&k->failure, PS_EXIT_NET, "server %u (process %u on %s) has not answered %s for %.0f s", waited->shard, waited->pid,
                waited->host, k->phase == PS_CUT_LIMITS ? "CUT_PREPARE" : "CUT_AT", ps_now() - k->since);
    if (k->failure.code) {
        give_up(c);
        return;
    }
    if (k->dropped) {
        k->attempts++;
        begin_attempt(c, c->cut + 1, PS_CUT_LIMITS);
    } else if (!waited && k->phase == PS_CUT_LIMITS) {
        tell_cut(c);
    } else if (!waited) {
        finish(c);
        return;
    }
    if (ps_now() - k->asked > PS_ASK_AGAIN)
        ask(c);
}

int ps_cut_wait(struct ps_coordinator *c, bool reached, struct ps_error *err)
{
    const struct ps_cutting *k = &c->cutting;
    int status = 0;
    while (!status && k->phase != PS_CUT_IDLE && !(reached && k->phase == PS_CUT_FILES && !missing(c, k->reached)))
        status = ps_pump(c, 0.1, err);
    return status;
}
