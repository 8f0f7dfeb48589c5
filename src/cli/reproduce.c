/* reproduce.c - penstock reproduce: a table of experiments from its file to its numbers beside the paper's. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/tuning.h"
#include "common/file.h"

enum { KEY_QUICK = 1000, KEY_OUT, KEY_JOBS, KEY_WORKERS, KEY_FORMAT };
enum format { TEXT, MARKDOWN, TSV, FORMATS };

struct arguments {
    const char *file, *out;
    int jobs, workers;
    enum format format;
    bool quick;
};

static const char *const formats[] = {"text", "markdown", "tsv", NULL};
static const char *const file_names[FORMATS] = {"table.txt", "table.md", "table.tsv"};
static void (*const writers[FORMATS])(const struct ps_results *results, FILE *to) = {ps_results_text, ps_results_markdown, ps_results_tsv};

static const struct argp_option options[] = {
    {"quick", KEY_QUICK, NULL, 0, "The table's quick form: fewer trials, epochs and seeds; ends within ten minutes on 2 cores", 0},
    {"out", KEY_OUT, "DIR", 0, "Where datasets, runs and tables are kept (default: reproduced)", 0},
    {"jobs", KEY_JOBS, "N", 0, "Runs at once (default 1)", 0},
    {"workers", KEY_WORKERS, "W", 0, "Threads of each run that train (default: the cores, shared by the runs)", 0},
    {"format", KEY_FORMAT, "FORMAT", 0, "What is printed at the end: text (default), markdown or tsv", 0},
    {0}};

static const char doc[] =
    "Train what a table of a paper needs, and print its numbers beside ours.\v"
    "TABLE is a file as in conf/tables: datasets, rows, columns, the space and the budget of the search, the paper's numbers; "
    "docs/experiments.md has every key. Every row is tuned with the same budget on validation pairs alone; its best trial is then trained on all "
    "training data, with each seed, and ranks the test once.\n\n"
    "DIR/TABLE/ gets table.txt, table.md, table.tsv, search.tsv (every trial) and the pictures; DIR/data/ the datasets, DIR/runs/ the runs. What has a "
    "complete result there is not run again: after an interruption the same command goes on, and tables share what they have in common. SIGINT and "
    "SIGTERM end it with a checkpoint (code 7), a second one at once.\n\n"
    "Trials that fail are reported and counted, and the table goes on; a row without any result makes the exit code 1.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_QUICK: a->quick = true; return 0;
    case KEY_OUT: a->out = arg; return 0;
    case KEY_JOBS: a->jobs = ps_argument_number("--jobs", arg, 1, 256, state); return 0;
    case KEY_WORKERS: a->workers = ps_argument_number("--workers", arg, 1, 256, state); return 0;
    case KEY_FORMAT: a->format = (enum format)ps_argument_choice("--format", arg, formats, state); return 0;
    case ARGP_KEY_ARG:
        ps_argument_only(&a->file, arg, "TABLE", state);
        return 0;
    case ARGP_KEY_END:
        if (!a->file)
            argp_error(state, "give the file of a table, as in conf/tables");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- the folder ---- */

static int take_folder(const char *out, int *lock, struct ps_error *err)
{
    static const char *const inner[] = {"data", "runs"};
    int status = 0;
    for (size_t i = 0; i < PS_COUNT(inner) && !status; i++) {
        char *folder = ps_format("%s/%s", out, inner[i]);
        status = ps_folder_make(folder, err);
        free(folder);
    }
    return status ? status : ps_children_lock(out, lock, err);
}

/* ---- datasets ---- */

/* An argument of penstock prepare, with the folder of the real data put in for $PENSTOCK_DATA; the caller frees it. */
static int expand(const struct ps_experiment *e, const struct ps_yaml *argument, char **out, struct ps_error *err)
{
    static const char variable[] = "$PENSTOCK_DATA";
    const char *at = strstr(argument->text, variable), *value = getenv(variable + 1);
    if (!at) {
        *out = ps_strdup(argument->text);
        return 0;
    }
    if (!value)
        return ps_fail(err, PS_EXIT_DATA, "%s:%d: the table needs real data: set PENSTOCK_DATA to the folder that holds it", e->file, argument->line);
    *out = ps_format("%.*s%s%s", (int)(at - argument->text), argument->text, value, at + sizeof variable - 1);
    return 0;
}

/* Prepares the dataset for tuning (part 1) or for the final runs (part 2), unless it is there; *folder is the caller's. Its name holds the options. */
static int prepare(const struct ps_experiment *e, int d, int part, const char *out, char **folder, struct ps_error *err)
{
    const struct ps_exp_data *data = &e->data[d];
    const struct ps_yaml *lists[] = {data->prepare[part], data->prepare[0]};
    struct ps_child child = {0};
    char *owned[PS_CHILD_ARGS] = {NULL};
    int count = 0, status = 0;
    uint64_t sum = 0;
    for (size_t l = 0; l < PS_COUNT(lists); l++)
        for (int i = 0; lists[l] && i < lists[l]->count && !status; i++) {
            const struct ps_yaml *argument = &lists[l]->child[i];
            sum = ps_hash64(argument->text, strlen(argument->text) + 1, sum);
            if (count == PS_CHILD_ARGS - 4)
                status = ps_fail(err, PS_EXIT_USAGE, "%s:%d: more than %d arguments for penstock prepare", e->file, argument->line, count);
            else
                status = expand(e, argument, &owned[count++], err);
        }
    *folder = ps_format("%s/data/%s-%s-%08llx", out, data->name, part == 1 ? "tune" : "final", (unsigned long long)sum & 0xffffffff);
    char *log = ps_format("%s.log", *folder), *made = ps_format("%s/dataset.yaml", *folder);
    if (!status && access(made, R_OK)) {
        const char *head[] = {"prepare", "--out", *folder};
        child.output = log;
        memcpy(child.argument, head, sizeof head);
        for (int i = 0; i < count; i++)
            child.argument[PS_COUNT(head) + (size_t)i] = owned[i];
        ps_tuning_say("preparing the dataset %s %s", data->name, part == 1 ? "to tune on" : "for the final runs");
        status = ps_children_run(&child, 1, 1, NULL, NULL, err);
        if (!status && child.code)
            status = ps_fail(err, child.code < 128 ? child.code : PS_EXIT_FAIL, "the dataset '%s' of %s cannot be prepared: %s", data->name, e->file,
                             child.failure);
    }
    for (int i = 0; i < count; i++)
        free(owned[i]);
    free(log), free(made);
    return status;
}

/* Whether the column's trials are those of an earlier one. */
static bool shares_trials(const struct ps_experiment *e, int column)
{
    for (int c = 0; c < column; c++)
        if (ps_experiment_same_trials(e, c, column))
            return true;
    return false;
}

/* All datasets that a column needs. */
static int prepare_all(struct ps_tuning *tuning, struct ps_error *err)
{
    const struct ps_experiment *e = tuning->experiment;
    bool tunes = false;
    int status = 0;
    for (int r = 0; r < e->rows; r++)
        tunes |= ps_experiment_tunes(e, r);
    for (int c = 0; c < e->columns && !status; c++) {
        int d = e->column[c].data;
        if (!e->column[c].missing && !tuning->tune[d] && tunes && !shares_trials(e, c))
            status = prepare(e, d, 1, tuning->out, &tuning->tune[d], err);
        if (!e->column[c].missing && !tuning->final[d] && !status)
            status = prepare(e, d, 2, tuning->out, &tuning->final[d], err);
    }
    return status;
}

/* ---- the results ---- */

/* Writes one file by what a writer prints. */
static int write_file(const char *folder, const char *name, const char *text, size_t size, struct ps_error *err)
{
    char *path = ps_format("%s/%s", folder, name);
    int status = ps_file_write(path, text, size, err);
    free(path);
    return status;
}

static int write_results(const struct ps_results *results, const char *folder, struct ps_error *err)
{
    int status = 0;
    for (int f = 0; f < FORMATS + ps_results_figures(results) && !status; f++) {
        char name[64], file[80];
        struct ps_text text;
        FILE *to = ps_text_open(&text);
        if (f < FORMATS) {
            writers[f](results, to);
            snprintf(file, sizeof file, "%s", file_names[f]);
        } else {
            ps_results_svg(results, f - FORMATS, name, to);
            snprintf(file, sizeof file, "%s.svg", name);
        }
        ps_text_close(&text);
        status = write_file(folder, file, text.text, text.size, err);
        free(text.text);
    }
    return status;
}

/* Everything between the file and its results; the log of the search is written whenever a row is done. */
static int work(struct ps_tuning *tuning, const char *folder, struct ps_error *err)
{
    const struct ps_experiment *e = tuning->experiment;
    struct ps_text log;
    tuning->log = ps_text_open(&log);
    ps_tuning_begin(tuning);
    int status = prepare_all(tuning, err);
    for (int r = 0; r < e->rows; r++)
        for (int c = 0; c < e->columns && !status; c++) {
            status = ps_tuning_row(tuning, r, c, err);
            fflush(tuning->log);
            struct ps_error storage;
            if (write_file(folder, "search.tsv", log.text, log.size, &storage) && !status)
                status = -(*err = storage).code;
        }
    free(ps_text_close(&log));
    return status;
}

/* Whether a row has no result because all failed. */
static bool broken(const struct ps_results *results)
{
    const struct ps_experiment *e = results->experiment;
    for (int r = 0; r < e->rows; r++)
        for (int c = 0; c < e->columns; c++)
            if (results->entry[r][c].broken)
                return true;
    return false;
}

static int reproduce(const struct arguments *a, const struct ps_experiment *e, struct ps_results *results, struct ps_error *err)
{
    int lock = -1, cores = (int)PS_MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
    struct ps_tuning tuning = {.experiment = e, .results = results, .out = a->out, .jobs = a->jobs,
                               .workers = a->workers ? a->workers : PS_MAX(cores / a->jobs, 1)};
    char *folder = ps_format("%s/%s", a->out, e->name);
    ps_children_prepare();
    int status = take_folder(a->out, &lock, err);
    if (!status)
        status = ps_folder_make(folder, err);
    if (!status)
        status = work(&tuning, folder, err);
    if (!status)
        status = write_results(results, folder, err);
    if (!status) {
        writers[a->format](results, stdout);
        ps_tuning_say("the table, the log of the search and the pictures are in %s, the runs in %s/runs", folder, a->out);
    }
    for (int d = 0; d < PS_EXP_DATA; d++)
        free(tuning.tune[d]), free(tuning.final[d]);
    if (lock >= 0)
        close(lock);
    free(folder);
    return status;
}

int cmd_reproduce(int argc, char **argv)
{
    struct arguments a = {.out = "reproduced", .jobs = 1};
    argp_parse(&(struct argp){options, parse, "TABLE", doc, NULL, NULL, NULL}, argc, argv, 0, NULL, &a);
    struct ps_error err = {0};
    struct ps_experiment *e = ps_calloc(1, sizeof *e);
    struct ps_results *results = ps_calloc(1, sizeof *results);
    results->experiment = e;
    int status = ps_experiment_load(e, a.file, a.quick, &err);
    if (!status)
        status = reproduce(&a, e, results, &err);
    int code = status ? err.code : broken(results) ? PS_EXIT_FAIL : PS_OK;
    ps_results_fini(results);
    ps_experiment_free(e);
    free(results), free(e);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return code;
}
