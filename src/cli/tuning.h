/* tuning.h - one row of a table in one column: its search on validation pairs, and its final runs on the test. */
#ifndef PS_CLI_TUNING_H
#define PS_CLI_TUNING_H

#include "cli/tabulate.h"

/* What all rows share. */
struct ps_tuning {
    const struct ps_experiment *experiment; /* borrowed */
    struct ps_results *results;             /* borrowed */
    const char *out;                        /* borrowed */
    char *tune[PS_EXP_DATA], *final[PS_EXP_DATA]; /* owned; folders of the datasets */
    int jobs, workers;
    FILE *log; /* of the search: a line for each trial on each rung */
};

/* The head of the log. */
void ps_tuning_begin(struct ps_tuning *tuning);
/* Searches, trains the final runs and fills in results->entry[row][column]. A trial or a run that fails is told, counted and no error;
 * errors: PS_EXIT_INTERRUPTED, and what the file system says. */
int ps_tuning_row(struct ps_tuning *tuning, int row, int column, struct ps_error *err);
/* One sentence of progress, to the standard error. */
void ps_tuning_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
