/* tabulate.h - what a table of experiments came to, as text, Markdown, TSV and pictures. */
#ifndef PS_CLI_TABULATE_H
#define PS_CLI_TABULATE_H

#include "cli/experiment.h"
#include "cli/trial.h"

/* A row in a column. */
struct ps_entry {
    char absent[600];    /* why there are no values; "" where there are */
    bool broken;         /* that is because all trials, or a final run, failed */
    int trials, failed;  /* of the search */
    int epochs;          /* that it found */
    int runs;            /* final ones with a result */
    char *settings;      /* that it found, "key=value key=value"; owned; NULL where there was nothing to search */
    double value[PS_EXP_METRICS][PS_EXP_SEEDS]; /* by metric and final run */
    struct ps_curve curve; /* of the trial that was chosen; owned */
    struct ps_config config; /* of the final runs, but for their seeds */
};

struct ps_results {
    const struct ps_experiment *experiment; /* borrowed */
    struct ps_entry entry[PS_EXP_ROWS][PS_EXP_COLUMNS];
    char protocol[256]; /* how the test was ranked, where it was */
};

/* Mean and deviation (the sample's, n - 1) of an entry's metric; with standard_error in place of the deviation where the table says so. 0 for
 * one run. */
void ps_results_mean(const struct ps_results *results, int row, int column, int metric, double *mean, double *spread);
void ps_results_text(const struct ps_results *results, FILE *to);
void ps_results_markdown(const struct ps_results *results, FILE *to);
/* One line for each row, column and metric. */
void ps_results_tsv(const struct ps_results *results, FILE *to);
/* Pictures that the figure has: one for each metric of the first column over columns, two (HR and NDCG) over epochs; 0 without a figure. */
int ps_results_figures(const struct ps_results *results);
/* One of them; its name without ".svg" into name. */
void ps_results_svg(const struct ps_results *results, int number, char name[64], FILE *to);
void ps_results_fini(struct ps_results *results);

#endif
