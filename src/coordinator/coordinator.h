/* coordinator.h - membership, lanes, the slot map, epochs and checkpoints of a run. It holds no parameters.
 *
 * The command that knows the plan (src/cli) drives it:  open -> start -> train -> rank ... -> stop -> close.
 * One thread runs it; every wait inside has a deadline, answers all members meanwhile, and ends with an error that names who was
 * waited for, for what and since when.
 */
#ifndef PS_COORDINATOR_H
#define PS_COORDINATOR_H

#include <signal.h>

#include "common/config.h"
#include "common/metrics.h"
#include "common/net.h"
#include "common/tally.h"
#include "common/wire.h"

struct ps_runlog;
struct ps_tfevents;
struct ps_coordinator;

struct ps_coordinator_options {
    struct ps_net *net;
    const char *endpoint; /* to bind */
    bool any_port;        /* tcp: where that port is taken, another one will do */
    const struct ps_config *config;
    const char *checkpoints;  /* RUN/checkpoints, existing; NULL: none are written */
    const char *state;        /* RUN/state, existing: what is decided is recorded there; NULL: nothing is */
    bool takeover;            /* go on with the members of the coordinator that wrote the last record */
    struct ps_runlog *log;    /* may be NULL */
    struct ps_tfevents *board; /* for TensorBoard; may be NULL */
    int tasks;                 /* whose parts of the loss are told, by name */
    const char *task[PS_MAX_TASKS];
    int servers, workers;     /* that are waited for at the start; more workers may come */
    const struct ps_table_spec *table;
    int tables;
    uint32_t behaviours;     /* of the dataset */
    uint64_t held_out[3];    /* targets to rank, by enum ps_split, after eval.users */
    uint64_t items;          /* of the dataset */
    uint64_t epoch_samples;  /* about how many an epoch has, for the progress bar */
    /* Micro-batches of a lane in an epoch, by the dataset and the configuration alone. */
    uint64_t (*lane_batches)(void *of, uint32_t epoch, uint32_t lane);
    void *lane_batches_of;   /* borrowed */
    uint64_t fingerprint;    /* of the dataset: every worker must have the same one */
    const char *kernel;      /* BLAS kernel in use */
    struct ps_http *http;    /* where the run's figures are served (common/http.h); borrowed, NULL: nowhere */
    const char *token;       /* that an operator's command must have; NULL: there are none */
    bool quiet;              /* no progress bar */
    volatile sig_atomic_t *interrupted; /* set by a signal handler: train ends after saving a checkpoint */
};

/* What training has come to. */
struct ps_training {
    uint32_t epoch;      /* last one completed */
    uint32_t within;     /* the epoch that was interrupted and saved where it was; 0: none */
    uint32_t best_epoch; /* 0: none validated */
    double best;         /* value of early_stop.metric there */
    struct ps_tally tally;
    bool stopped_early, interrupted;
};

/* Connections and messages of strangers that the coordinator and the servers have refused. */
uint64_t ps_coordinator_strangers(const struct ps_coordinator *coordinator);

int ps_coordinator_open(const struct ps_coordinator_options *options, struct ps_coordinator **coordinator,
                        struct ps_error *err);
void ps_coordinator_close(struct ps_coordinator *coordinator);
/* Where members find it: what was really bound, with a host name that others can reach. */
const char *ps_coordinator_endpoint(const struct ps_coordinator *coordinator);

/* The newest checkpoint of RUN/checkpoints whose every byte is right, as an absolute path that the caller frees; NULL where
 * there is none yet. One warning, and an entry of the log (which may be NULL), name the newer ones that are damaged and passed
 * over; where no other is left that is an error (PS_EXIT_DATA). `last` and `best` are then set to what is there. With a name
 * ("best", "epoch-0007") that one, or an error. */
int ps_cut_choose(const char *checkpoints, const char *name, struct ps_runlog *log, char **folder,
                         struct ps_error *err);

/* Whether this is a takeover of a run whose servers have been told what to load. */
bool ps_coordinator_begun(const struct ps_coordinator *coordinator);
/* Waits for the members, welcomes them and loads the servers: from checkpoint folder `from`, or initial values (NULL). A takeover
 * goes on with what is there instead, and returns 1 where the run has ended already: with which code and reason is in `err`. */
int ps_coordinator_start(struct ps_coordinator *coordinator, const char *from, struct ps_error *err);
/* Puts other rows into the servers (a new era), e.g. those of the best checkpoint. */
int ps_coordinator_load(struct ps_coordinator *coordinator, const char *from, struct ps_error *err);
/* Trains until train.epochs or early stopping; goes on after the epoch of the checkpoint that it was started from. */
int ps_coordinator_train(struct ps_coordinator *coordinator, struct ps_training *training, struct ps_error *err);
/* Ranks the held-out targets of a split with a model of the registry, distributed over the workers; `lists`: looks at users' best
 * items too. *ranks has held_out[split] entries, in the order of ps_targets_init; the caller frees it. */
int ps_coordinator_rank(struct ps_coordinator *coordinator, const char *model, uint32_t split, bool lists,
                        struct ps_ranks *ranks, struct ps_error *err);
/* Records the end, tells every member to end with this exit code and reason, and waits briefly for their BYE. PS_EXIT_SUPERSEDED
 * where another coordinator has the run by now: then nobody is told anything. */
int ps_coordinator_stop(struct ps_coordinator *coordinator, int code, const char *reason, struct ps_error *err);

#endif
