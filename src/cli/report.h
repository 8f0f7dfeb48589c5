/* report.h - results as people and programs read them: a table beside the floors, and metrics.json. */
#ifndef PS_CLI_REPORT_H
#define PS_CLI_REPORT_H

#include "cli/run.h"
#include "common/metrics.h"

enum { PS_REPORT_ROWS = 8 };

/* One model's or rule's result on a split. */
struct ps_report_row {
    const char *model;
    struct ps_metrics metrics;
};

/* A split ranked by the run's model and, where eval.floors says so, by the rules, all under one protocol. */
struct ps_report {
    enum ps_split split;
    uint64_t targets, sampled_of; /* sampled_of: how many there are where eval.users takes a sample; 0: all were ranked */
    int rows;
    struct ps_report_row row[PS_REPORT_ROWS];
};

int ps_report_rank(struct ps_run *run, enum ps_split split, struct ps_report *report, struct ps_error *err);
/* The table, with a line for each rule that beats the model saying why. */
void ps_report_print(const struct ps_run *run, const struct ps_report *report, FILE *to);
/* {"split": ..., "protocol": {...}, "models": {...}} */
void ps_report_json(const struct ps_run *run, const struct ps_report *report, FILE *to);

/* The end of a training run: validation and test of the best checkpoint, printed, and RUN/metrics.json written. */
int ps_report_run(struct ps_run *run, const struct ps_training *training, struct ps_error *err);

#endif
