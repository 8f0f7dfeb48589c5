/* warm.h - a run that goes on from an earlier one on newer data: ids of the earlier data still mean the same (penstock prepare --dictionary),
 * and new users and items have their initial values.
 */
#ifndef PS_CLI_WARM_H
#define PS_CLI_WARM_H

#include "cli/run.h"

/* The first checkpoint (first.h) out of the best one of the run that train.warm_start names; train.warm_state says what becomes of the
 * optimiser's state. Errors: PS_EXIT_USAGE where that run is of another model, or its dataset has other ids; those of reading and writing
 * checkpoints. */
int ps_warm_make(const struct ps_run *run, char **folder, struct ps_error *err);

#endif
