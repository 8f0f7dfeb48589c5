/* trial.h - a run of an experiment: a folder of OUT/runs that is named by all that decides its result, so that a run that is there is not trained again,
 * whichever table asks for it.
 *
 * Beside RUN, RUN.yaml is its configuration and RUN.log what it printed. The name holds the configuration, with the dataset's own name
 * instead of its path. A run to tune on may be trained for more epochs later, so their number is no part of its name.
 */
#ifndef PS_CLI_TRIAL_H
#define PS_CLI_TRIAL_H

#include "cli/children.h"
#include "common/config.h"

struct ps_trial {
    struct ps_config config; /* train.epochs are those wanted now */
    char *folder, *log, *conf; /* owned */
    char epochs[48], data[PS_CONFIG_PATH + 16], workers[16]; /* as overrides of a run that goes on */
};

/* One more validation of a run. */
struct ps_point {
    int epoch;
    double value, hr, ndcg; /* of early_stop.metric; both at its K */
};

/* What a run has shown so far. */
struct ps_curve {
    struct ps_point *point; /* owned; by epoch */
    int points;
    double seconds;         /* of training up to the last epoch asked for */
};

/* `can_grow`: a run to tune on. */
void ps_trial_init(struct ps_trial *t, const struct ps_config *config, const char *out, bool can_grow, int workers);
void ps_trial_free(struct ps_trial *t);
/* Whether the run has its report, after as many epochs as are wanted or an early stop. */
bool ps_trial_complete(const struct ps_trial *t);
/* Makes the child that trains it, or goes on with it where it has a checkpoint; what is left of one without is removed. */
int ps_trial_child(struct ps_trial *t, struct ps_child *child, struct ps_error *err);
/* The validations up to the epoch; a repeated epoch counts once, as it was last. */
int ps_trial_curve(const struct ps_trial *t, int epochs, struct ps_curve *curve, struct ps_error *err);
/* A metric of the test's targets in a group; NaN where there is no such target or metric. */
int ps_trial_metrics(const struct ps_trial *t, const char *group, const char *const *metric, int count, double *value, struct ps_error *err);
/* How the test was ranked, in words. */
int ps_trial_protocol(const struct ps_trial *t, char text[256], struct ps_error *err);
/* Removes its checkpoints: nobody goes on with it. */
void ps_trial_settle(const struct ps_trial *t);

#endif
