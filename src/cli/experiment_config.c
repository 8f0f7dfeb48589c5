/* experiment_config.c - what a table's rows and columns come to: configurations, the paper's numbers; see experiment.h. */
#include "cli/experiment.h"

#include <stdlib.h>
#include <string.h>

#include "common/metrics.h"
#include "worker/model.h"

static int apply(const struct ps_experiment *e, const struct ps_yaml *set, struct ps_config *config, struct ps_error *err)
{
    int status = 0;
    for (int i = 0; set && i < set->count && !status; i++)
        status = ps_config_put(config, e->file, set->child[i].key, &set->child[i], err);
    return status;
}

static int by_value(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

/* eval.k as the table's metrics need it. */
static int choose_k(const struct ps_experiment *e, struct ps_config *config, struct ps_error *err)
{
    int k[PS_EXP_COLUMNS * PS_EXP_METRICS], count = 0, kept = 0;
    for (int c = 0; c < e->columns; c++)
        for (int m = 0; m < e->column[c].metrics; m++) {
            const char *at = strchr(e->column[c].metric[m], '@');
            if (at)
                k[count++] = (int)strtol(at + 1, NULL, 10);
        }
    qsort(k, (size_t)count, sizeof *k, by_value);
    for (int i = 0; i < count; i++)
        if (!kept || k[kept - 1] != k[i])
            k[kept++] = k[i];
    if (kept > PS_MAX_K)
        return ps_fail(err, PS_EXIT_USAGE, "%s: its metrics have %d different values of K; at most %d are possible", e->file, kept, PS_MAX_K);
    if (kept) {
        memcpy(config->eval.k, k, (size_t)kept * sizeof *k);
        config->eval.k_count = kept;
    }
    return 0;
}

int ps_experiment_config(const struct ps_experiment *e, int row, int column, bool trial, struct ps_config *config, struct ps_error *err)
{
    ps_config_init(config);
    config->eval.floors = false;
    config->eval.bootstrap = 0;
    config->checkpoint.keep = 1;
    config->early_stop.every = e->budget.every;
    config->train.seed = e->budget.seed;
    snprintf(config->model.name, sizeof config->model.name, "%s", e->row[row].model);
    char *select = ps_format("early_stop.metric=%s", e->select);
    int status = ps_config_set(config, select, err);
    free(select);
    if (!status)
        status = choose_k(e, config, err);
    const struct ps_yaml *set[] = {e->set, e->column[column].set, e->row[row].set, e->quick_set, trial ? e->search_set : NULL};
    for (size_t i = 0; i < PS_COUNT(set) && !status; i++)
        status = apply(e, set[i], config, err);
    return status;
}

/* Every value that a search may draw, tried: a whole number in a range is one that the range cannot give. */
static int check_choice(const struct ps_experiment *e, const struct ps_exp_choice *choice, struct ps_config *config, struct ps_error *err)
{
    int status = 0;
    for (int i = 0; choice->values && i < choice->values->count && !status; i++)
        status = ps_config_put(config, e->file, choice->key, &choice->values->child[i], err);
    for (int i = 0; !choice->values && i < 3 && !status; i++) {
        char text[32];
        struct ps_yaml node = {.kind = PS_YAML_SCALAR, .line = choice->line, .text = text};
        snprintf(text, sizeof text, "%.4g", choice->low + (choice->high - choice->low) * (i == 1 ? 0.2345 : i / 2.0));
        status = ps_config_put(config, e->file, choice->key, &node, err);
    }
    return status;
}

static int check_group(const struct ps_experiment *e, const struct ps_exp_column *column, const struct ps_config *config, struct ps_error *err)
{
    char name[32];
    for (int g = 0; g < ps_metric_groups(config->eval.user_groups_count); g++) {
        ps_metric_group_name(g, config->eval.user_groups, config->eval.user_groups_count, name);
        if (!strcmp(column->group, name))
            return 0;
    }
    return ps_fail(err, PS_EXIT_USAGE, "%s: the column '%s' is of the group '%s', which eval.user_groups does not make", e->file, column->name,
                   column->group);
}

int ps_experiment_check(const struct ps_experiment *e, struct ps_error *err)
{
    int status = 0;
    for (int r = 0; r < e->rows; r++)
        for (int c = 0; c < e->columns && ps_model_find(e->row[r].model); c++) {
            struct ps_config config;
            status = ps_experiment_config(e, r, c, true, &config, err);
            if (!status)
                status = check_group(e, &e->column[c], &config, err);
            for (int i = 0; i < e->row[r].choices && !status; i++)
                status = check_choice(e, &e->row[r].choice[i], &config, err);
            if (status)
                return status;
        }
    return 0;
}

bool ps_experiment_counts(const char *metric)
{
    static const char *const counts[] = {"users", "items", "behaviours", "records"};
    for (size_t i = 0; i < PS_COUNT(counts); i++)
        if (!strcmp(metric, counts[i]))
            return true;
    return false;
}

static bool same_tree(const struct ps_yaml *a, const struct ps_yaml *b)
{
    if (!a || !b)
        return a == b;
    bool same = a->kind == b->kind && a->count == b->count && !strcmp(a->key ? a->key : "", b->key ? b->key : "") &&
                !strcmp(a->text ? a->text : "", b->text ? b->text : "");
    for (int i = 0; same && i < a->count; i++)
        same = same_tree(&a->child[i], &b->child[i]);
    return same;
}

/* What a list of arguments says. */
static bool same_arguments(const struct ps_yaml *a, const struct ps_yaml *b)
{
    bool same = (a ? a->count : 0) == (b ? b->count : 0);
    for (int i = 0; same && a && i < a->count; i++)
        same = !strcmp(a->child[i].text, b->child[i].text);
    return same;
}

bool ps_experiment_same_trials(const struct ps_experiment *e, int column, int other)
{
    const struct ps_exp_column *a = &e->column[column], *b = &e->column[other];
    const struct ps_yaml *const *of_a = e->data[a->data].prepare, *const *of_b = e->data[b->data].prepare;
    bool same = !a->missing && !b->missing && same_tree(a->set, b->set);
    for (int part = 0; part < 2; part++) /* options of both datasets, and of the one to tune on */
        same = same && same_arguments(of_a[part], of_b[part]);
    return same;
}

bool ps_experiment_tunes(const struct ps_experiment *e, int row)
{
    const struct ps_model_class *model = ps_model_find(e->row[row].model);
    return model && model->forward && !e->row[row].epochs;
}

const char *ps_experiment_paper(const struct ps_experiment *e, int row, int column, int metric)
{
    const struct ps_yaml *paper = e->row[row].paper;
    for (int c = 0; c < column; c++)
        metric += e->column[c].metrics;
    const char *text = paper ? paper->child[metric].text : NULL;
    return text && *text && strcmp(text, "~") ? text : NULL;
}

bool ps_experiment_in_figure(const struct ps_experiment *e, int row)
{
    if (!e->figure_rows)
        return true;
    for (int i = 0; i < e->figure_rows->count; i++)
        if (!strcmp(e->figure_rows->child[i].text, e->row[row].name))
            return true;
    return false;
}
