/* figures.c - the run and each of its processes as figures for Prometheus: its text format, version 0.0.4 (docs/monitoring.md).
 *
 * The text is made here, by the coordinator's own thread, once a second, and put where the thread that answers reads it (common/http.h):
 * no reader ever touches the coordinator's state, or makes it wait.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/http.h"
#include "common/process.h"
#include "coordinator/internal.h"
#include "coordinator/runlog.h"

static const double EVERY = 1; /* seconds */

struct figure {
    const char *name, *type, *help;
};

static void head(FILE *to, const struct figure *figure)
{
    fprintf(to, "# HELP penstock_%s %s\n# TYPE penstock_%s %s\n", figure->name, figure->help, figure->name, figure->type);
}

/* ---- the run ---- */

static double samples(const struct ps_coordinator *c)
{
    bool under_way = c->stage == PS_STAGE_TRAINING; /* otherwise the last epoch's are in the tally */
    return (double)c->training.tally.samples + (under_way ? (double)ps_lanes_samples(c) : 0);
}

static double steps(const struct ps_coordinator *c)
{
    uint64_t most = 0;
    for (int i = 0; i < c->members; i++)
        if (c->member[i]->alive && c->member[i]->role == PS_ROLE_SERVER)
            most = PS_MAX(most, c->member[i]->progress.steps);
    return (double)most;
}

static void write_run(const struct ps_coordinator *c, FILE *to)
{
    const struct ps_tally *tally = &c->training.tally;
    bool validated = c->training.best_epoch > 0, live = ps_config_lives(c->config);
    const struct ps_life ids = ps_status_life(c);
    const struct {
        struct figure figure;
        double value; /* NAN: there is none */
    } figures[] = {
        {{"samples_total", "counter", "Samples trained on in the state that the run is in; fewer after a rollback."}, samples(c)},
        {{"samples_per_second", "gauge", "Samples that all workers train on in a second."}, ps_status_rate(c)},
        {{"steps_total", "counter", "Optimiser steps of the servers (async: micro-batches)."}, steps(c)},
        {{"epoch", "gauge", "Training epoch under way, or the last one."}, c->epoch},
        {{"epochs", "gauge", "Epochs at most (train.epochs)."}, c->config->train.epochs},
        {{"epoch_done_ratio", "gauge", "Part of the epoch that is done."},
         PS_MIN((double)ps_lanes_samples(c) / (double)PS_MAX(c->options.epoch_samples, 1), 1)},
        {{"loss", "gauge", "Mean loss of the epoch under way."}, ps_coordinator_loss(c)},
        {{"validation", "gauge", "Value of early_stop.metric at the last validation."}, validated ? c->last_value : NAN},
        {{"validation_best", "gauge", "The best value of early_stop.metric so far."}, validated ? c->training.best : NAN},
        {{"best_epoch", "gauge", "The epoch of that; 0: none is validated."}, c->training.best_epoch},
        {{"validations_without_progress", "gauge", "Validations since then; early_stop.patience of them end the training."}, c->stale},
        {{"lanes", "gauge", "Lanes of an epoch (train.lanes)."}, c->lanes},
        {{"lanes_finished", "gauge", "Lanes that have ended in this epoch."}, ps_lanes_finished(c)},
        {{"training_seconds_total", "counter", "Seconds of whole training epochs."}, tally->seconds},
        {{"validation_seconds_total", "counter", "Seconds of validations."}, tally->validation_seconds},
        {{"checkpoint_seconds_total", "counter", "Seconds from the beginnings of checkpoints to their ends; training goes on meanwhile."},
         tally->checkpoint_seconds},
        {{"checkpoint_bytes_total", "counter", "Bytes of the checkpoints written since this coordinator began."}, (double)c->cutting.written},
        {{"ids_rows", "gauge", "Ids that have a row, where ids come and go (servers.admit_after, evict_after, memory)."}, live ? (double)ids.rows : NAN},
        {{"ids_waiting", "gauge", "Ids that were seen and have no row."}, live ? (double)ids.waiting : NAN},
        {{"ids_admitted", "gauge", "Rows made in this epoch."}, live ? (double)ids.admitted : NAN},
        {{"ids_evicted", "gauge", "Rows that have gone in this epoch."}, live ? (double)ids.evicted : NAN},
        {{"refused_total", "counter", "Connections and messages of strangers that were refused."}, (double)ps_coordinator_strangers(c)},
        {{"term", "gauge", "How many coordinators the run has had."}, c->term},
        {{"era", "gauge", "How often the servers have loaded a state: a rollback is one more."}, c->era},
        {{"map", "gauge", "Version of the slot map."}, c->map.version},
        {{"coordinator_memory_bytes", "gauge", "Memory that the coordinator's process has resident, with what it shares and maps."},
         (double)ps_process_memory()},
        {{"figures_seconds_total", "counter", "Seconds of a processor that putting these figures together has taken so far."}, c->figures_seconds},
        {{"figures_timestamp_seconds", "gauge", "When these figures were put together, in seconds since 1970."}, ps_wall_clock()},
    };
    for (size_t k = 0; k < PS_COUNT(figures); k++) {
        head(to, &figures[k].figure);
        if (!isnan(figures[k].value))
            fprintf(to, "penstock_%s %.17g\n", figures[k].figure.name, figures[k].value);
    }
}

static void write_names(const struct ps_coordinator *c, FILE *to)
{
    const struct ps_config *config = c->config;
    head(to, &(struct figure){"run_info", "gauge", "What is trained."});
    fprintf(to, "penstock_run_info{run=\"%016llx\",model=\"%s\",consistency=\"%s\",metric=\"%s@%d\"} 1\n", (unsigned long long)c->run,
            config->model.name, config->train.consistency == PS_ASYNC ? "async" : config->train.consistency == PS_SYNC ? "sync" : "bounded",
            ps_measure_name((enum ps_measure)config->early_stop.metric), config->early_stop.k);
    head(to, &(struct figure){"phase_info", "gauge", "What the run is doing."});
    fprintf(to, "penstock_phase_info{phase=\"%s\"} 1\n", ps_status_phase(c));
}

/* What the log is told of: those that an alarm may wait for are there from the beginning. */
static void write_events(const struct ps_coordinator *c, FILE *to)
{
    static const char *const always[] = {"checkpoint", "checkpoint_failed", "rollback", "promoted", "lost", "handover"};
    const char *name;
    uint64_t times;
    head(to, &(struct figure){"events_total", "counter", "Events in the run's log since this coordinator began."});
    for (size_t k = 0; k < PS_COUNT(always); k++) {
        int i = 0;
        while ((name = ps_runlog_count(c->options.log, i, &times)) && strcmp(name, always[k]))
            i++;
        if (!name)
            fprintf(to, "penstock_events_total{event=\"%s\"} 0\n", always[k]);
    }
    for (int i = 0; (name = ps_runlog_count(c->options.log, i, &times)); i++)
        fprintf(to, "penstock_events_total{event=\"%s\"} %llu\n", name, (unsigned long long)times);
    const struct ps_accounts *a = &c->training.tally.account;
    const struct {
        const char *name;
        uint64_t value;
    } accounts[] = {{"expected", a->expected}, {"applied", a->applied}, {"repeated", a->repeated}, {"lost", a->lost}, {"twice", a->twice}};
    head(to, &(struct figure){"micro_batches_total", "counter", "Micro-batches of whole epochs, as the account has them; lost and twice must stay 0."});
    for (size_t k = 0; k < PS_COUNT(accounts); k++)
        fprintf(to, "penstock_micro_batches_total{account=\"%s\"} %llu\n", accounts[k].name, (unsigned long long)accounts[k].value);
}

/* ---- members ---- */

enum { WORKERS = 1, SERVERS = 2, BOTH = WORKERS | SERVERS };
enum {
    UP, BEAT_AGE, PATIENCE, QUEUE, ROWS, BYTES, REFUSED, STRANGERS, MEMORY, HELD, WAITING, ADMITTED, EVICTED, SLOTS, STEPS, ROWS_RATE, SAMPLES_RATE, SAMPLES, LANES, LAG,
    REMAINING, MEMBER_FIGURES
};

static const struct {
    struct figure figure;
    int of; /* which members have it */
} member_figures[MEMBER_FIGURES] = {
    [UP] = {{"member_up", "gauge", "Whether the member is alive; those who are gone are shown for a minute."}, BOTH},
    [BEAT_AGE] = {{"member_beat_age_seconds", "gauge", "Seconds since the last sign of life."}, BOTH},
    [PATIENCE] = {{"member_patience_seconds", "gauge", "Seconds without a sign of life after which the member is taken for dead."}, BOTH},
    [QUEUE] = {{"member_queue", "gauge", "Requests under way (worker), or parked (server)."}, BOTH},
    [ROWS] = {{"member_rows_total", "counter", "Rows pulled and pushed."}, BOTH},
    [BYTES] = {{"member_bytes_total", "counter", "Bytes of rows and gradients pulled and pushed (worker), bytes sent (server)."}, BOTH},
    [REFUSED] = {{"member_refused_total", "counter", "Requests that a server has refused, or a worker has seen refused: stale maps, fences."}, BOTH},
    [STRANGERS] = {{"member_strangers_total", "counter", "Connections and messages of strangers that the member has refused."}, BOTH},
    [MEMORY] = {{"member_memory_bytes", "gauge", "Memory that the member's process has resident, with what it shares and maps."}, BOTH},
    [HELD] = {{"server_rows", "gauge", "Rows in the server's memory."}, SERVERS},
    [WAITING] = {{"server_ids_waiting", "gauge", "Ids that have been seen and have no row yet (servers.admit_after)."}, SERVERS},
    [ADMITTED] = {{"server_ids_admitted", "gauge", "Ids that got a row in this training epoch (servers.admit_after)."}, SERVERS},
    [EVICTED] = {{"server_ids_evicted", "gauge", "Ids that lost their row in this training epoch (servers.evict_after, servers.memory)."}, SERVERS},
    [SLOTS] = {{"server_slots", "gauge", "Slots of the map that the server owns, of 1,024."}, SERVERS},
    [STEPS] = {{"server_steps_total", "counter", "Optimiser steps of the server."}, SERVERS},
    [ROWS_RATE] = {{"server_rows_per_second", "gauge", "Rows that the server gives and takes in a second."}, SERVERS},
    [SAMPLES_RATE] = {{"worker_samples_per_second", "gauge", "Samples that the worker trains on in a second."}, WORKERS},
    [SAMPLES] = {{"worker_epoch_samples", "gauge", "Samples that the worker has trained on in this epoch."}, WORKERS},
    [LANES] = {{"worker_lanes", "gauge", "Lanes that the worker holds."}, WORKERS},
    [LAG] = {{"worker_lag_micro_batches", "gauge", "Micro-batches between the lane that is furthest and the worker's last one."}, WORKERS},
    [REMAINING] = {{"worker_remaining_seconds", "gauge", "Seconds that the worker needs for its lanes."}, WORKERS},
};

static void measure(const struct ps_coordinator *c, const struct ps_member *m, double value[MEMBER_FIGURES])
{
    const struct ps_progress *p = &m->progress;
    value[UP] = m->alive;
    value[BEAT_AGE] = ps_now() - m->last_beat;
    value[PATIENCE] = ps_detect_patience(c, m);
    value[QUEUE] = p->queue;
    value[ROWS] = (double)p->rows;
    value[BYTES] = (double)p->bytes;
    value[REFUSED] = (double)p->refused;
    value[STRANGERS] = (double)p->strangers;
    value[MEMORY] = (double)p->memory;
    value[HELD] = (double)p->held;
    value[WAITING] = (double)p->life.waiting;
    value[ADMITTED] = (double)p->life.admitted;
    value[EVICTED] = (double)p->life.evicted;
    value[SLOTS] = ps_status_slots(c, m);
    value[STEPS] = (double)p->steps;
    value[ROWS_RATE] = value[SAMPLES_RATE] = m->alive ? m->rate : 0;
    value[SAMPLES] = (double)p->samples;
    value[LANES] = m->load;
    value[LAG] = (double)ps_status_lag(c, m);
    value[REMAINING] = m->load ? ps_balance_seconds(c, m, 0) : 0;
}

/* Several members may be threads of one process: their numbers, in the order in which they came, tell them apart. Hosts' names are
 * escaped since the member's HELLO. */
static void write_labels(const struct ps_coordinator *c, int number, FILE *to)
{
    const struct ps_member *m = c->member[number];
    fprintf(to, "{member=\"%d\",role=\"%s\",host=\"%s\",process=\"%u\"", number, ps_role_name(m->role), m->host, m->pid);
}

static void write_members(const struct ps_coordinator *c, FILE *to)
{
    double(*value)[MEMBER_FIGURES] = ps_calloc((size_t)c->members + 1, sizeof *value);
    for (int i = 0; i < c->members; i++)
        measure(c, c->member[i], value[i]);
    for (int k = 0; k < MEMBER_FIGURES; k++) {
        head(to, &member_figures[k].figure);
        for (int i = 0; i < c->members; i++) {
            const struct ps_member *m = c->member[i];
            if (!ps_status_shown(m) || !(member_figures[k].of & (m->role == PS_ROLE_SERVER ? SERVERS : WORKERS)))
                continue;
            fprintf(to, "penstock_%s", member_figures[k].figure.name);
            write_labels(c, i, to);
            fprintf(to, "} %.17g\n", value[i][k]);
        }
    }
    free(value);
}

static void write_phases(const struct ps_coordinator *c, FILE *to)
{
    head(to, &(struct figure){"member_phase_seconds_total", "counter", "Seconds that the member's loop has been in each phase."});
    for (int i = 0; i < c->members; i++)
        for (int p = 0; p < PS_PHASES; p++) {
            const struct ps_member *m = c->member[i];
            enum ps_phase phase = (enum ps_phase)p;
            if (!ps_status_shown(m) || !(m->role == PS_ROLE_SERVER ? ps_phase_of_server(phase) : ps_phase_of_worker(phase)))
                continue;
            fputs("penstock_member_phase_seconds_total", to);
            write_labels(c, i, to);
            fprintf(to, ",phase=\"%s\"} %.6f\n", ps_phase_name(phase), m->sums.phase[p]);
        }
}

static void write_states(const struct ps_coordinator *c, FILE *to)
{
    head(to, &(struct figure){"member_info", "gauge", "What the member is doing."});
    for (int i = 0; i < c->members; i++) {
        if (!ps_status_shown(c->member[i]))
            continue;
        fputs("penstock_member_info", to);
        write_labels(c, i, to);
        fprintf(to, ",state=\"%s\"} 1\n", ps_status_state(c, c->member[i]));
    }
}

void ps_figures_tick(struct ps_coordinator *c)
{
    if (!c->options.http || ps_now() - c->figures_at < EVERY)
        return;
    c->figures_at = ps_now();
    double begin = ps_cpu_now();
    struct ps_text text;
    FILE *to = ps_text_open(&text);
    ps_balance_measure(c);
    write_names(c, to);
    write_run(c, to);
    write_events(c, to);
    write_members(c, to);
    write_phases(c, to);
    write_states(c, to);
    ps_http_publish(c->options.http, ps_text_close(&text));
    c->figures_seconds += ps_cpu_now() - begin;
}
