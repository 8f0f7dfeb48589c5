/* run.h - a run as a command sees it: who plays which role, where they meet, its folder.
 *
 *   embedded            one process: coordinator, servers and workers as threads
 *   mpirun -np N train  rank 0 coordinates, then servers, then workers; with two ranks rank 0 also serves
 *   launch, join        groups that find the coordinator through RUN/state/coordinator
 */
#ifndef PS_CLI_RUN_H
#define PS_CLI_RUN_H

#include <signal.h>

#include "cli/crew.h"
#include "cli/meeting.h"
#include "common/config.h"
#include "common/net.h"
#include "coordinator/coordinator.h"
#include "data/dataset.h"
#include "worker/model.h"
#include "worker/order.h"

/* What all roles of this process share, and the plan of a coordinating process. */
struct ps_run {
    struct ps_config config;
    struct ps_dataset dataset;
    struct ps_model model;
    struct ps_order order; /* for the account of micro-batches */
    struct ps_net *net;
    struct ps_meeting meeting;
    struct ps_coordinator *coordinator;
    struct ps_runlog *log;
    struct ps_tfevents *board; /* of RUN/tensorboard, or NULL */
    struct ps_crew *crew;
    struct ps_http *http; /* where the figures are served, or NULL */
    char *folder;      /* RUN, or NULL: nothing is written */
    char *token;       /* of RUN/keys/token (ask.h); owned */
    int lock;          /* of ps_run_claim, as long as `folder` is set */
    char *checkpoints; /* RUN/checkpoints, absolute */
    char *state;       /* RUN/state */
    char *first;       /* the checkpoint that a new run begins with, or NULL; owned */
    bool takeover;     /* this is a coordinator for the members that another one has left */
    char *socket_folder; /* mode 0700, for ipc; removed at the end */
};

/* Opens dataset and model of run->config: what can be wrong with them is said before anything is made. */
int ps_run_plan(struct ps_run *run, struct ps_error *err);
/* Binds the coordinator of a planned run. */
int ps_run_open(struct ps_run *run, enum ps_transport transport, int servers, int workers, bool quiet,
                volatile sig_atomic_t *interrupted, struct ps_error *err);
/* Stops all members with this outcome, joins the threads, closes everything. Where another coordinator has taken the run over, all of
 * it is that one's: the process ends here, with PS_EXIT_SUPERSEDED, and touches nothing. */
void ps_run_close(struct ps_run *run, int code, const char *reason);
/* How a folder is taken: as a new run, to go on with a run, or to take a run over from a coordinator that may still be there. */
enum ps_claim { PS_CLAIM_NEW, PS_CLAIM_RESUME, PS_CLAIM_TAKEOVER };
/* Takes RUN for this process until *lock is closed, by a lock on RUN/state/lock: so that nobody on this host begins by mistake what
 * another does (who may decide is settled by the coordinator's records, everywhere). A run that is being trained is refused, but
 * for a takeover: that takes the lock away. Otherwise what a killed coordinator left is removed: the meeting point and its sockets. */
int ps_run_claim(const char *path, enum ps_claim claim, int *lock, struct ps_error *err);
/* Claims RUN and makes it: log.jsonl, checkpoints/, export/ and state/. */
int ps_run_folder(struct ps_run *run, const char *path, enum ps_claim claim, struct ps_error *err);
/* Writes RUN/config.yaml: from here on it is a run, with this configuration. */
int ps_run_settle(const struct ps_run *run, struct ps_error *err);

/* RUN/config.yaml with overrides, for a command that works on a finished run. */
int ps_run_config(const char *run, const char *const *override, int overrides, struct ps_config *config,
                  struct ps_error *err);
/* Which of the dataset's users and items a checkpoint knows, into eval.known_*: those that its tables had rows for. */
struct ps_manifest;
void ps_run_know(struct ps_config *config, const struct ps_manifest *manifest, const struct ps_dataset *dataset);
/* The folder of a run's checkpoint by name ("best", "last", "epoch-0007"); a name with a slash is a folder already. */
char *ps_run_checkpoint(const char *run, const char *name);

/* Whether a run can be gone on with by --resume: it has a configuration and a checkpoint. */
bool ps_run_has_checkpoint(const char *run);

/* "runs/NAME-20261121-052248", by the local time; the caller frees it. */
char *ps_run_default_folder(const char *name);

/* The transport that `auto` stands for. */
enum ps_transport ps_run_transport(enum ps_transport wanted, bool embedded, bool one_host);

#endif
