/* tuning.c - searches by validation, then trains for the test; see tuning.h. */
#include "cli/tuning.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/search.h"
#include "worker/model.h"

/* A trial of a search. */
struct tried {
    int number; /* from 0 */
    struct ps_trial trial;
    char *settings; /* owned */
    bool failed;
    char failure[512];
    double value, seconds; /* the best validation so far; NaN before the first */
    int best_epoch;
};

/* A row in a column, on its way. */
struct row {
    struct ps_tuning *tuning;
    int row, column;
    char name[160]; /* for people */
    struct ps_entry *entry;
    int done, of; /* final runs */
};

void ps_tuning_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void ps_tuning_begin(struct ps_tuning *tuning)
{
    fprintf(tuning->log, "row\tcolumn\ttrial\tsettings\tepochs\tbest_epoch\t%s\tseconds\trun\tfailure\n", tuning->experiment->select);
}

/* ---- the search ---- */

/* The configuration of a trial, or of the final runs that it leads to; the settings as a text that the caller frees. */
static int draw_config(const struct row *row, int number, bool trial, struct ps_config *config, char **settings, struct ps_error *err)
{
    const struct ps_experiment *e = row->tuning->experiment;
    char *text[PS_EXP_SPACE] = {NULL};
    int status = ps_experiment_config(e, row->row, row->column, trial, config, err);
    *settings = ps_strdup("");
    ps_search_draw(e, row->row, number, text);
    for (int i = 0; i < e->row[row->row].choices; i++) {
        if (!status)
            status = ps_config_set(config, text[i], err);
        char *longer = ps_format("%s%s%s", *settings, i ? " " : "", text[i]);
        free(*settings), free(text[i]);
        *settings = longer;
    }
    return status;
}

static int begin_trial(const struct row *row, struct tried *tried, int number, struct ps_error *err)
{
    const struct ps_tuning *tuning = row->tuning;
    struct ps_config config;
    *tried = (struct tried){.number = number, .value = NAN};
    int status = draw_config(row, number, true, &config, &tried->settings, err);
    snprintf(config.data.path, sizeof config.data.path, "%s", tuning->tune[tuning->experiment->column[row->column].data]);
    config.train.epochs = tuning->experiment->budget.epochs;
    ps_trial_init(&tried->trial, &config, tuning->out, true, tuning->workers);
    return status;
}

/* What the trial's run shows up to the epochs that it was to have. */
static void measure_trial(struct tried *tried)
{
    struct ps_curve curve;
    struct ps_error err;
    if (!tried->failed && ps_trial_curve(&tried->trial, tried->trial.config.train.epochs, &curve, &err)) {
        tried->failed = true;
        snprintf(tried->failure, sizeof tried->failure, "%.*s", (int)sizeof tried->failure - 1, err.text);
    }
    if (tried->failed)
        return;
    tried->value = NAN;
    for (int i = 0; i < curve.points; i++)
        if (isnan(tried->value) || curve.point[i].value > tried->value) {
            tried->value = curve.point[i].value;
            tried->best_epoch = curve.point[i].epoch;
        }
    tried->seconds = curve.seconds;
    free(curve.point);
}

static void trial_ended(void *ctx, struct ps_child *child)
{
    const struct row *row = ctx;
    struct tried *tried = child->of;
    if (child->code) {
        tried->failed = true;
        memcpy(tried->failure, child->failure, sizeof tried->failure);
    }
    measure_trial(tried);
    if (tried->failed)
        ps_tuning_say("%s: trial %d (%s) failed: %s", row->name, tried->number + 1, tried->settings, tried->failure);
    else
        ps_tuning_say("%s: trial %d (%s): %s %.4f at epoch %d of %d, %.1f s", row->name, tried->number + 1, tried->settings,
                      row->tuning->experiment->select, tried->value, tried->best_epoch, tried->trial.config.train.epochs, child->seconds);
}

static int better(const void *left, const void *right)
{
    const struct tried *const *l = left, *const *r = right;
    if ((*l)->failed != (*r)->failed)
        return (*l)->failed - (*r)->failed;
    if (!(*l)->failed && (*l)->value != (*r)->value)
        return (*l)->value > (*r)->value ? -1 : 1;
    return (*l)->number - (*r)->number;
}

static int by_number(const void *left, const void *right)
{
    const struct tried *const *l = left, *const *r = right;
    return (*l)->number - (*r)->number;
}

static void log_trial(const struct row *row, const struct tried *t)
{
    const struct ps_experiment *e = row->tuning->experiment;
    const char *slash = strrchr(t->trial.folder, '/');
    fprintf(row->tuning->log, "%s\t%s\t%d\t%s\t%d\t", e->row[row->row].name, e->column[row->column].name, t->number + 1, t->settings,
            t->trial.config.train.epochs);
    if (t->failed)
        fprintf(row->tuning->log, "\t\t\t%s\t%s\n", slash + 1, t->failure);
    else
        fprintf(row->tuning->log, "%d\t%.6f\t%.1f\t%s\t\n", t->best_epoch, t->value, t->seconds, slash + 1);
}

/* Brings the first `alive` trials to so many epochs, and puts the best first. */
static int climb(struct row *row, struct tried **order, int alive, int epochs, struct ps_error *err)
{
    const struct ps_tuning *tuning = row->tuning;
    struct ps_child *child = ps_calloc((size_t)alive, sizeof *child);
    int children = 0, status = 0;
    qsort(order, (size_t)alive, sizeof *order, by_number);
    for (int i = 0; i < alive && !status; i++) {
        struct ps_trial *trial = &order[i]->trial;
        trial->config.train.epochs = epochs;
        if (ps_trial_complete(trial))
            continue;
        status = ps_trial_child(trial, &child[children], err);
        child[children++].of = order[i];
    }
    if (!status)
        status = ps_children_run(child, children, tuning->jobs, trial_ended, row, err);
    free(child);
    if (status)
        return status;
    for (int i = 0; i < alive; i++) {
        measure_trial(order[i]);
        log_trial(row, order[i]);
    }
    fflush(tuning->log);
    qsort(order, (size_t)alive, sizeof *order, better);
    return 0;
}

/* The winner stays first in order. */
static int search(struct row *row, struct tried **order, int trials, struct ps_error *err)
{
    const struct ps_exp_budget *budget = &row->tuning->experiment->budget;
    int alive = trials, status = 0;
    for (int rung = 0; rung < ps_search_rungs(budget, trials) && !status; rung++) {
        int wanted, epochs;
        ps_search_rung(budget, trials, rung, &wanted, &epochs);
        while (alive > 1 && (alive > wanted || order[alive - 1]->failed))
            alive--;
        if (!order[0]->failed)
            status = climb(row, order, alive, epochs, err);
    }
    return status;
}

/* ---- the final runs ---- */

static void final_ended(void *ctx, struct ps_child *child)
{
    struct row *row = ctx;
    const struct ps_trial *trial = child->of;
    const unsigned long long seed = trial->config.train.seed;
    if (child->code) {
        row->entry->broken = true;
        snprintf(row->entry->absent, sizeof row->entry->absent, "the run with seed %llu failed: %s", seed, child->failure);
        ps_tuning_say("%s: the run with seed %llu failed: %s", row->name, seed, child->failure);
    } else {
        ps_tuning_say("%s: trained on all training data with seed %llu (%d of %d), %.1f s", row->name, seed, ++row->done, row->of, child->seconds);
    }
}

/* The metrics of the final runs that there are, in the order of their seeds. */
static int take_metrics(struct row *row, const struct ps_trial *trial, int runs, struct ps_error *err)
{
    const struct ps_exp_column *column = &row->tuning->experiment->column[row->column];
    int status = 0;
    for (int i = 0; i < runs && !status; i++) {
        double value[PS_EXP_METRICS];
        status = ps_trial_metrics(&trial[i], column->group, column->metric, column->metrics, value, err);
        for (int m = 0; m < column->metrics && !status; m++)
            row->entry->value[m][i] = value[m];
    }
    if (!status)
        row->entry->runs = runs;
    return status ? status : ps_trial_protocol(&trial[0], row->tuning->results->protocol, err);
}

static int train_final(struct row *row, int runs, struct ps_error *err)
{
    const struct ps_tuning *tuning = row->tuning;
    struct ps_trial trial[PS_EXP_SEEDS];
    struct ps_child *child = ps_calloc(PS_EXP_SEEDS, sizeof *child);
    int children = 0, status = 0;
    for (int i = 0; i < runs; i++) {
        struct ps_config seeded = row->entry->config;
        seeded.train.seed = tuning->experiment->seed[i];
        ps_trial_init(&trial[i], &seeded, tuning->out, false, tuning->workers);
        if (ps_trial_complete(&trial[i])) {
            row->done++;
            continue;
        }
        if (!status)
            status = ps_trial_child(&trial[i], &child[children++], err);
    }
    row->of = runs;
    if (!status)
        status = ps_children_run(child, children, tuning->jobs, final_ended, row, err);
    if (!status && !*row->entry->absent)
        status = take_metrics(row, trial, runs, err);
    for (int i = 0; i < runs; i++)
        ps_trial_free(&trial[i]);
    free(child);
    return status;
}

/* ---- a row in a column ---- */

/* Counts of the final dataset. */
static int count_dataset(struct row *row, struct ps_error *err)
{
    const struct ps_exp_column *column = &row->tuning->experiment->column[row->column];
    struct ps_yaml *root;
    char *path = ps_format("%s/dataset.yaml", row->tuning->final[column->data]);
    int status = ps_yaml_load(path, PS_EXIT_DATA, &root, err);
    free(path);
    if (status)
        return status;
    const struct ps_yaml *statistics = ps_yaml_get(root, "statistics"), *events = statistics ? ps_yaml_get(statistics, "events") : NULL;
    for (int m = 0; m < column->metrics; m++) {
        const struct ps_yaml *node = ps_yaml_get(root, column->metric[m]);
        double *value = &row->entry->value[m][0];
        *value = node && node->kind == PS_YAML_SCALAR ? strtod(node->text, NULL) : node ? node->count : 0;
        for (int i = 0; events && !strcmp(column->metric[m], "records") && i < events->count; i++)
            *value += strtod(events->child[i].text, NULL);
        if (!ps_experiment_counts(column->metric[m]))
            *value = NAN;
    }
    row->entry->runs = 1;
    ps_yaml_free(root);
    return 0;
}

static int settle_search(struct row *row, struct tried *tried, struct tried **order, int trials, struct ps_error *err)
{
    struct ps_entry *entry = row->entry;
    struct tried *best = order[0];
    entry->trials = trials;
    for (int i = 0; i < trials; i++) {
        entry->failed += tried[i].failed;
        ps_trial_settle(&tried[i].trial);
    }
    if (best->failed) {
        entry->broken = true;
        snprintf(entry->absent, sizeof entry->absent, "every trial failed: %.500s", best->failure);
        return 0;
    }
    int status = draw_config(row, best->number, false, &entry->config, &entry->settings, err);
    entry->config.train.epochs = entry->epochs = best->best_epoch;
    if (!status)
        status = ps_trial_curve(&best->trial, best->trial.config.train.epochs, &entry->curve, err);
    ps_tuning_say("%s: the best of %d trials is %d (%s), %s %.4f at epoch %d", row->name, trials, best->number + 1, best->settings,
                  row->tuning->experiment->select, best->value, best->best_epoch);
    return status;
}

/* What the search finds, into the entry; its `absent` where it finds nothing. */
static int tune(struct row *row, struct ps_error *err)
{
    int trials = ps_search_trials(row->tuning->experiment, row->row), status = 0;
    struct tried *tried = ps_calloc((size_t)trials, sizeof *tried), **order = ps_calloc((size_t)trials, sizeof *order);
    for (int i = 0; i < trials; i++) {
        int failed = begin_trial(row, &tried[i], i, err);
        status = status ? status : failed;
        order[i] = &tried[i];
    }
    if (!status)
        status = search(row, order, trials, err);
    if (!status)
        status = settle_search(row, tried, order, trials, err);
    for (int i = 0; i < trials; i++) {
        ps_trial_free(&tried[i].trial);
        free(tried[i].settings);
    }
    free(tried), free(order);
    return status;
}

/* The same trials as in an earlier column: what they have come to serves this one, too. */
static bool share(struct row *row)
{
    const struct ps_experiment *e = row->tuning->experiment;
    for (int c = 0; c < row->column; c++) {
        const struct ps_entry *from = &row->tuning->results->entry[row->row][c];
        bool tuned = !from->trials || from->epochs;
        if (!ps_experiment_same_trials(e, c, row->column))
            continue;
        *row->entry = *from;
        if (tuned && e->column[c].data != e->column[row->column].data) /* what became of its final runs says nothing of these */
            row->entry->broken = false, *row->entry->absent = '\0';
        row->entry->runs = 0;
        row->entry->settings = from->settings ? ps_strdup(from->settings) : NULL;
        row->entry->curve = (struct ps_curve){0};
        return true;
    }
    return false;
}

int ps_tuning_row(struct ps_tuning *tuning, int r, int c, struct ps_error *err)
{
    const struct ps_experiment *e = tuning->experiment;
    struct row row = {.tuning = tuning, .row = r, .column = c, .entry = &tuning->results->entry[r][c]};
    const struct ps_model_class *model = ps_model_find(e->row[r].model);
    int status = 0;
    snprintf(row.name, sizeof row.name, "%.70s%s%.70s", e->row[r].name, *e->column[c].name ? ", " : "", e->column[c].name);
    if (!e->column[c].missing && !strcmp(e->row[r].model, "dataset"))
        return count_dataset(&row, err);
    if (e->column[c].missing || !model) {
        if (!e->column[c].missing)
            snprintf(row.entry->absent, sizeof row.entry->absent, "this program has no model '%.60s'", e->row[r].model);
        else
            snprintf(row.entry->absent, sizeof row.entry->absent, "%.500s", e->column[c].missing);
        ps_tuning_say("%s: n/a, %s", row.name, row.entry->absent);
        return 0;
    }
    if (!share(&row)) {
        status = ps_experiment_config(e, r, c, false, &row.entry->config, err);
        if (e->row[r].epochs)
            row.entry->config.train.epochs = row.entry->epochs = e->row[r].epochs;
        else if (!status && ps_experiment_tunes(e, r))
            status = tune(&row, err);
    }
    snprintf(row.entry->config.data.path, sizeof row.entry->config.data.path, "%s", tuning->final[e->column[c].data]);
    if (!status && !*row.entry->absent) /* a rule has nothing to learn: one run says all */
        status = train_final(&row, model->forward ? e->seeds : 1, err);
    return status;
}
