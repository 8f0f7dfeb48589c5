/* experiment.h - a table of experiments as a file (conf/tables/NAME.yaml; docs/experiments.md has every key): which datasets, rows and columns
 * there are, what is searched and with which budget, and what the paper has.
 *
 * Everything that can be wrong with a file is found when it is loaded, and the sentence says in which line.
 */
#ifndef PS_CLI_EXPERIMENT_H
#define PS_CLI_EXPERIMENT_H

#include "common/config.h"
#include "common/yaml.h"

enum { PS_EXP_DATA = 16, PS_EXP_COLUMNS = 16, PS_EXP_METRICS = 16, PS_EXP_ROWS = 64, PS_EXP_SEEDS = 32, PS_EXP_SPACE = 16 };

/* The dataset by one name, prepared twice: with validation pairs and no test to tune on, and with the test to be measured on. */
struct ps_exp_data {
    const char *name;
    const struct ps_yaml *prepare[3]; /* options of both, of the one to tune on, of the final one; lists, or NULL */
};

struct ps_exp_column {
    const char *name;       /* "" for the only one */
    const char *missing;    /* why it cannot be measured; NULL where it can */
    int data;
    const char *group;      /* whose targets: "all", or another group of a result */
    const struct ps_yaml *set;
    int metrics;
    const char *metric[PS_EXP_METRICS]; /* "hr@100" */
};

/* What a setting of a search may be: one of some values, or a number of a range. */
struct ps_exp_choice {
    const char *key;
    const struct ps_yaml *values; /* a list; NULL for a range */
    double low, high;
    bool logarithmic; /* the range's logarithm is drawn uniformly */
    int line;
};

struct ps_exp_row {
    const char *name, *model;
    const struct ps_yaml *set;
    int epochs; /* of the final runs, in the quick form at most a trial's; 0: a search finds them */
    int choices;
    struct ps_exp_choice choice[PS_EXP_SPACE];
    const struct ps_yaml *paper; /* a list with a text for each metric of each column, or NULL */
};

/* What is spent on tuning each row in each column. */
struct ps_exp_budget {
    int trials;
    int halving; /* one in so many trials survives a rung of successive halving; 0: random search */
    int epochs;  /* of a trial, at most */
    int every;   /* epochs between validations */
    uint64_t seed;
};

enum ps_exp_axis { PS_AXIS_NONE, PS_AXIS_COLUMNS, PS_AXIS_EPOCHS };

struct ps_experiment {
    const char *file;     /* borrowed */
    struct ps_yaml *root; /* owned; all texts and trees of this struct are parts of it */
    char name[64];        /* of the file, without its folder and ".yaml"; "-quick" follows in that form */
    const char *title, *source, *protocol;
    const char *select; /* validation metric that chooses a trial and its epoch */
    bool standard_error; /* what follows a mean: this, or the standard deviation */
    int seeds;
    uint64_t seed[PS_EXP_SEEDS];
    struct ps_exp_budget budget;
    const struct ps_yaml *set, *quick_set;       /* of all runs; of all runs of the quick form, over those of columns and rows */
    const struct ps_yaml *search_set;            /* of trials alone, over all others but what is drawn */
    int datasets, columns, rows;
    struct ps_exp_data data[PS_EXP_DATA];
    struct ps_exp_column column[PS_EXP_COLUMNS];
    struct ps_exp_row row[PS_EXP_ROWS];
    enum ps_exp_axis axis; /* of the figure */
    const struct ps_yaml *figure_rows; /* a list of names; NULL: all */
};

/* Loads the table, in its quick form where asked for. Errors: PS_EXIT_USAGE with "FILE:LINE: ", PS_EXIT_DATA where it cannot be read.
 * ps_experiment_free takes what was loaded, after an error too. */
int ps_experiment_load(struct ps_experiment *e, const char *file, bool quick, struct ps_error *err);
void ps_experiment_free(struct ps_experiment *e);

/* The configuration of a row in a column, of a trial or of a final run; before what a search draws, and without a dataset. */
int ps_experiment_config(const struct ps_experiment *e, int row, int column, bool trial, struct ps_config *config, struct ps_error *err);
/* Tries every configuration that the table can come to, as loading does; a row whose model this program does not have may have keys that it does
 * not have either. */
int ps_experiment_check(const struct ps_experiment *e, struct ps_error *err);
/* Whether a metric is a count of the dataset, which only a row with the model "dataset" has: users, items, behaviours, records. */
bool ps_experiment_counts(const char *metric);
/* Whether two columns have the same trials, and so one search serves both; where their data are the same, too, they are the same runs, measured in
 * different ways. */
bool ps_experiment_same_trials(const struct ps_experiment *e, int column, int other);
/* Whether a row is searched for: it learns, and does not say what its settings and epochs are. */
bool ps_experiment_tunes(const struct ps_experiment *e, int row);
/* The paper's number of a metric of a column as it is written; NULL where it has none. */
const char *ps_experiment_paper(const struct ps_experiment *e, int row, int column, int metric);
/* Whether the figure shows a row. */
bool ps_experiment_in_figure(const struct ps_experiment *e, int row);

#endif
