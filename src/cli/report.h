/* report.h - results as people and programs read them: a table beside the floors, and metrics.json. */
#ifndef PS_CLI_REPORT_H
#define PS_CLI_REPORT_H

#include "cli/result.h"
#include "cli/run.h"
#include "common/significance.h"
#include "worker/judge.h"

/* The 95 % intervals of a group's metrics, by column. */
struct ps_intervals {
    double low[PS_MAX_COLUMNS], high[PS_MAX_COLUMNS];
};

/* A split ranked by the run's model and, where eval.floors says so, by the rules, all under one protocol. */
struct ps_report {
    struct ps_result result;
    int columns;
    struct ps_column column[PS_MAX_COLUMNS];
    struct {
        struct ps_metrics metrics;
        struct ps_intervals interval[PS_GROUP_HISTORY]; /* of all, seen and unseen targets; where eval.bootstrap asks for them */
    } row[PS_RESULT_MODELS]; /* by model of the result */
    struct ps_judgement judged; /* of a model with several tasks */
    char feedback[PS_MAX_FEEDBACKS][32];
};

/* Ranks and measures. *report is allocated; the caller passes it to ps_report_free, after an error too. */
int ps_report_rank(struct ps_run *run, enum ps_split split, struct ps_report **report, struct ps_error *err);
void ps_report_free(struct ps_report *report);
/* The table, with a line for each rule that beats the model saying why. `weaker`: name of the strongest weaker behaviour, or "". */
void ps_report_print(const struct ps_report *report, const char *weaker, FILE *to);
/* {"split": ..., "protocol": {...}, "intervals": {...}, "models": {...}} */
void ps_report_json(const struct ps_report *report, FILE *to);

/* Fewer positives than this are said to be few. */
enum { PS_FEW_POSITIVES = 50 };
/* For a model with several tasks: judges the split by a checkpoint of the run (names as for ps_offline_open). Others: nothing. */
int ps_report_judge(struct ps_report *report, const struct ps_model *model, const char *run, const char *checkpoint, const char *const *override,
                    int overrides, struct ps_error *err);
/* Parts of the two above. */
void ps_report_print_tasks(const struct ps_report *report, FILE *to);
void ps_report_json_tasks(const struct ps_report *report, FILE *to);

/* The end of a training run: validation and test of the best checkpoint, printed, RUN/metrics.json and RUN/ranks/ written. */
int ps_report_run(struct ps_run *run, const struct ps_training *training, struct ps_error *err);
/* The strongest weaker behaviour of the run's data, "" where there is none. */
const char *ps_report_weaker(const struct ps_run *run);

#endif
