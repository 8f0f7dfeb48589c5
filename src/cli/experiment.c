/* experiment.c - loads and checks a table of experiments; see experiment.h. */
#include "cli/experiment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/metrics.h"
#include "common/suggest.h"

static int refuse(const struct ps_experiment *e, const struct ps_yaml *at, struct ps_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int refuse(const struct ps_experiment *e, const struct ps_yaml *at, struct ps_error *err, const char *format, ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return ps_fail(err, PS_EXIT_USAGE, "%s:%d: %s", e->file, at->line, what);
}

/* ---- values of the tree ---- */

/* A map with no other keys than these. */
static int check_map(const struct ps_experiment *e, const struct ps_yaml *map, const char *what, const char *const *keys, struct ps_error *err)
{
    if (map->kind != PS_YAML_MAP)
        return refuse(e, map, err, "%s is a group of keys", what);
    for (int i = 0; i < map->count; i++) {
        int k = 0;
        while (keys[k] && strcmp(keys[k], map->child[i].key))
            k++;
        if (keys[k])
            continue;
        const char *near = ps_suggest(map->child[i].key, keys);
        return refuse(e, &map->child[i], err, "%s has no key '%s'%s%s%s", what, map->child[i].key, near ? "; did you mean '" : "",
                      near ? near : "", near ? "'?" : "");
    }
    return 0;
}

/* The text of a key into *out, which stays as it is where there is none. */
static int take_text(const struct ps_experiment *e, const struct ps_yaml *map, const char *key, const char **out, struct ps_error *err)
{
    const struct ps_yaml *node = ps_yaml_get(map, key);
    if (node && node->kind != PS_YAML_SCALAR)
        return refuse(e, node, err, "%s is a text", key);
    if (node)
        *out = node->text;
    return 0;
}

static int to_number(const struct ps_experiment *e, const struct ps_yaml *node, const char *what, double low, double high, double *out,
                     struct ps_error *err)
{
    char *end = NULL;
    double value = node->kind == PS_YAML_SCALAR ? strtod(node->text, &end) : NAN;
    if (!end || end == node->text || *end || !(value >= low && value <= high))
        return refuse(e, node, err, "%s is a number from %.17g to %.17g, not '%s'", what, low, high, node->text ? node->text : "a group");
    *out = value;
    return 0;
}

static int take_count(const struct ps_experiment *e, const struct ps_yaml *map, const char *key, int least, int *out, struct ps_error *err)
{
    const struct ps_yaml *node = map ? ps_yaml_get(map, key) : NULL;
    double value = *out;
    if (!node)
        return 0;
    int status = to_number(e, node, key, least, 1000000, &value, err);
    if (!status && value != floor(value))
        status = refuse(e, node, err, "%s is a whole number, not %s", key, node->text);
    if (!status)
        *out = (int)value;
    return status;
}

/* The list of a key, with one child at least; NULL where there is none. */
static int take_list(const struct ps_experiment *e, const struct ps_yaml *map, const char *key, int most, const struct ps_yaml **out,
                     struct ps_error *err)
{
    *out = map ? ps_yaml_get(map, key) : NULL;
    if (*out && ((*out)->kind != PS_YAML_LIST || !(*out)->count || (*out)->count > most))
        return refuse(e, *out, err, "%s is a list of 1 to %d", key, most);
    return 0;
}

static int take_settings(const struct ps_experiment *e, const struct ps_yaml *map, const struct ps_yaml **out, struct ps_error *err)
{
    *out = map ? ps_yaml_get(map, "set") : NULL;
    if (*out && (*out)->kind != PS_YAML_MAP)
        return refuse(e, *out, err, "set is a group of keys of a configuration, as in 'optimizer.lr: 0.05'");
    return 0;
}

/* ---- the parts of a table ---- */

static int load_budget(struct ps_experiment *e, const struct ps_yaml *map, struct ps_error *err)
{
    static const char *const keys[] = {"trials", "halving", "epochs", "every", "seed", "set", NULL};
    int seed = (int)e->budget.seed;
    if (!map)
        return 0;
    int status = check_map(e, map, "search", keys, err);
    if (!status)
        status = take_count(e, map, "trials", 1, &e->budget.trials, err);
    if (!status)
        status = take_count(e, map, "halving", 0, &e->budget.halving, err);
    if (!status)
        status = take_count(e, map, "epochs", 1, &e->budget.epochs, err);
    if (!status)
        status = take_count(e, map, "every", 1, &e->budget.every, err);
    if (!status)
        status = take_count(e, map, "seed", 0, &seed, err);
    e->budget.seed = (uint64_t)seed;
    if (!status && ps_yaml_get(map, "set"))
        status = take_settings(e, map, &e->search_set, err);
    if (!status && e->budget.halving == 1)
        status = refuse(e, map, err, "halving is 0 for a random search, or from 2 on: one trial in so many goes on");
    if (!status && e->budget.epochs % e->budget.every)
        status = refuse(e, map, err, "epochs (%d) is no multiple of every (%d), so a trial would end without a validation",
                        e->budget.epochs, e->budget.every);
    return status;
}

static int load_seeds(struct ps_experiment *e, const struct ps_yaml *map, struct ps_error *err)
{
    const struct ps_yaml *list;
    int status = take_list(e, map, "seeds", PS_EXP_SEEDS, &list, err);
    if (status || !list)
        return status;
    e->seeds = list->count;
    for (int i = 0; i < list->count && !status; i++) {
        double value = 0;
        status = to_number(e, &list->child[i], "a seed", 0, 0x1p53, &value, err);
        e->seed[i] = (uint64_t)value;
        for (int j = 0; j < i && !status; j++)
            if (e->seed[j] == e->seed[i])
                status = refuse(e, &list->child[i], err, "the seed %s is there twice", list->child[i].text);
    }
    return status;
}

static int load_data(struct ps_experiment *e, const struct ps_yaml *map, struct ps_error *err)
{
    static const char *const keys[] = {"prepare", "tune", "final", NULL};
    int status = map->kind == PS_YAML_MAP && map->count && map->count <= PS_EXP_DATA
                     ? 0 : refuse(e, map, err, "data is a group of 1 to %d datasets by name", PS_EXP_DATA);
    for (int i = 0; i < map->count && !status; i++) {
        struct ps_exp_data *data = &e->data[e->datasets++];
        data->name = map->child[i].key;
        status = check_map(e, &map->child[i], "a dataset", keys, err);
        for (int p = 0; p < 3 && !status; p++) {
            status = take_list(e, &map->child[i], keys[p], 256, &data->prepare[p], err);
            for (int j = 0; data->prepare[p] && j < data->prepare[p]->count && !status; j++)
                if (data->prepare[p]->child[j].kind != PS_YAML_SCALAR)
                    status = refuse(e, &data->prepare[p]->child[j], err, "%s is a list of arguments of penstock prepare", keys[p]);
        }
    }
    return status;
}

static bool is_metric(const char *name)
{
    const char *at = strchr(name, '@');
    char *end = NULL;
    for (int m = 0; m < PS_MEASURES; m++) {
        const char *measure = ps_measure_name((enum ps_measure)m);
        size_t length = strlen(measure);
        if (m == PS_MEASURE_AUC && !strcmp(name, measure))
            return true;
        if (m != PS_MEASURE_AUC && at && (size_t)(at - name) == length && !strncmp(name, measure, length))
            return strtol(at + 1, &end, 10) > 0 && !*end;
    }
    return false;
}

static int load_column(struct ps_experiment *e, const struct ps_yaml *map, struct ps_error *err)
{
    static const char *const keys[] = {"name", "missing", "data", "group", "set", "metrics", NULL};
    struct ps_exp_column *column = &e->column[e->columns++];
    const struct ps_yaml *metrics;
    const char *data = e->datasets ? e->data[0].name : "";
    *column = (struct ps_exp_column){.name = "", .group = "all"};
    int status = check_map(e, map, "a column", keys, err);
    if (!status)
        status = take_text(e, map, "name", &column->name, err);
    if (!status)
        status = take_text(e, map, "missing", &column->missing, err);
    if (!status)
        status = take_text(e, map, "group", &column->group, err);
    if (!status)
        status = take_text(e, map, "data", &data, err);
    if (!status)
        status = take_settings(e, map, &column->set, err);
    if (!status)
        status = take_list(e, map, "metrics", PS_EXP_METRICS, &metrics, err);
    if (!status && !metrics)
        status = refuse(e, map, err, "a column needs metrics, as in metrics: [hr@100, ndcg@100]");
    for (int i = 0; !status && i < metrics->count; i++) {
        const struct ps_yaml *metric = &metrics->child[i];
        if (metric->kind != PS_YAML_SCALAR || (!is_metric(metric->text) && !ps_experiment_counts(metric->text)))
            status = refuse(e, metric, err, "'%s' is no metric; one is hr@100, ndcg@10, auc or another of docs/metrics.md", metric->text ? metric->text : "");
        else
            column->metric[column->metrics++] = metric->text;
    }
    while (!status && !column->missing && strcmp(e->data[column->data].name, data))
        if (++column->data == e->datasets)
            status = refuse(e, map, err, "there is no dataset '%s' under data", data);
    return status;
}

/* "KEY: [value, value]", "KEY: {log: [low, high]}" or "KEY: {uniform: [low, high]}". */
static int load_choice(struct ps_experiment *e, const struct ps_yaml *node, struct ps_exp_choice *choice, struct ps_error *err)
{
    *choice = (struct ps_exp_choice){.key = node->key, .line = node->line};
    if (node->kind == PS_YAML_LIST && node->count) {
        choice->values = node;
        return 0;
    }
    const struct ps_yaml *range = node->kind == PS_YAML_MAP && node->count == 1 ? &node->child[0] : NULL;
    choice->logarithmic = range && !strcmp(range->key, "log");
    if (!range || (!choice->logarithmic && strcmp(range->key, "uniform")) || range->kind != PS_YAML_LIST || range->count != 2)
        return refuse(e, node, err, "%s is searched among a list of values, or in a range: {log: [0.001, 0.1]}, {uniform: [0, 1]}", node->key);
    int status = to_number(e, &range->child[0], node->key, choice->logarithmic ? 1e-300 : -1e300, 1e300, &choice->low, err);
    if (!status)
        status = to_number(e, &range->child[1], node->key, choice->low, 1e300, &choice->high, err);
    return status;
}

static int load_row(struct ps_experiment *e, const struct ps_yaml *map, struct ps_error *err)
{
    static const char *const keys[] = {"name", "model", "set", "epochs", "space", "paper", NULL};
    struct ps_exp_row *row = &e->row[e->rows++];
    const struct ps_yaml *space = ps_yaml_get(map, "space");
    int metrics = 0, status = check_map(e, map, "a row", keys, err);
    for (int c = 0; c < e->columns; c++)
        metrics += e->column[c].metrics;
    if (!status)
        status = take_text(e, map, "name", &row->name, err);
    if (!status)
        status = take_text(e, map, "model", &row->model, err);
    if (status)
        return status;
    if (!row->name || !row->model)
        return refuse(e, map, err, "a row needs a name and a model");
    for (int r = 0; r < e->rows - 1 && !status; r++)
        if (!strcmp(e->row[r].name, row->name))
            status = refuse(e, map, err, "two rows are named '%s'", row->name);
    if (!status)
        status = take_settings(e, map, &row->set, err);
    if (!status)
        status = take_list(e, map, "paper", PS_EXP_COLUMNS * PS_EXP_METRICS, &row->paper, err);
    if (!status && row->paper && row->paper->count != metrics)
        status = refuse(e, row->paper, err, "paper has %d numbers for %d metrics; write ~ for one that the paper does not have", row->paper->count, metrics);
    if (!status)
        status = take_count(e, map, "epochs", 1, &row->epochs, err);
    if (!status && row->epochs && space)
        status = refuse(e, space, err, "a row with epochs of its own is not tuned, and has no space");
    if (!status && space && (space->kind != PS_YAML_MAP || space->count > PS_EXP_SPACE))
        status = refuse(e, space, err, "space is a group of up to %d keys of a configuration", PS_EXP_SPACE);
    for (int i = 0; space && i < space->count && !status; i++)
        status = load_choice(e, &space->child[i], &row->choice[row->choices++], err);
    return status;
}

static int load_list(struct ps_experiment *e, const char *key, int most, int (*load)(struct ps_experiment *, const struct ps_yaml *, struct ps_error *),
                     struct ps_error *err)
{
    const struct ps_yaml *list;
    int status = take_list(e, e->root, key, most, &list, err);
    if (status)
        return status;
    if (!list)
        return refuse(e, e->root, err, "a table has %s", key);
    for (int i = 0; !status && i < list->count; i++)
        status = load(e, &list->child[i], err);
    return status;
}

static int load_figure(struct ps_experiment *e, const struct ps_yaml *map, struct ps_error *err)
{
    static const char *const keys[] = {"x", "rows", NULL};
    const char *x = "columns";
    if (!map)
        return 0;
    int status = check_map(e, map, "figure", keys, err);
    if (!status)
        status = take_text(e, map, "x", &x, err);
    if (!status && strcmp(x, "columns") && strcmp(x, "epochs"))
        status = refuse(e, map, err, "a figure's x is columns or epochs, not '%s'", x);
    if (!status)
        status = take_list(e, map, "rows", PS_EXP_ROWS, &e->figure_rows, err);
    for (int i = 0; !status && e->figure_rows && i < e->figure_rows->count; i++) {
        const struct ps_yaml *name = &e->figure_rows->child[i];
        int r = 0;
        while (r < e->rows && name->text && strcmp(e->row[r].name, name->text))
            r++;
        if (!name->text || r == e->rows)
            status = refuse(e, name, err, "there is no row '%s' for the figure", name->text ? name->text : "");
    }
    e->axis = strcmp(x, "columns") ? PS_AXIS_EPOCHS : PS_AXIS_COLUMNS;
    return status;
}

/* ---- the whole ---- */

static void name_of_file(struct ps_experiment *e, bool quick)
{
    const char *slash = strrchr(e->file, '/'), *base = slash ? slash + 1 : e->file, *dot = strrchr(base, '.');
    size_t length = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    snprintf(e->name, sizeof e->name, "%.*s%s", (int)PS_MIN(length, sizeof e->name - 8), base, quick ? "-quick" : "");
}

static int load_head(struct ps_experiment *e, bool quick, struct ps_error *err)
{
    static const char *const keys[] = {"title", "source", "protocol", "select", "spread", "seeds", "search", "set",
                                       "quick", "data",   "columns",  "rows",   "figure", NULL};
    static const char *const quick_keys[] = {"seeds", "search", "set", NULL};
    const struct ps_yaml *fast = ps_yaml_get(e->root, "quick");
    const char *spread = "deviation";
    int status = check_map(e, e->root, "a table", keys, err);
    if (!status && fast)
        status = check_map(e, fast, "quick", quick_keys, err);
    if (!status && quick && !fast)
        status = ps_fail(err, PS_EXIT_USAGE, "%s has no quick form", e->file);
    e->title = e->source = e->protocol = "";
    e->select = "ndcg@10";
    if (!status)
        status = take_text(e, e->root, "title", &e->title, err);
    if (!status)
        status = take_text(e, e->root, "source", &e->source, err);
    if (!status)
        status = take_text(e, e->root, "protocol", &e->protocol, err);
    if (!status)
        status = take_text(e, e->root, "select", &e->select, err);
    if (!status && strncmp(e->select, "hr@", 3) && strncmp(e->select, "ndcg@", 5) && strncmp(e->select, "mrr@", 4))
        status = refuse(e, ps_yaml_get(e->root, "select"), err, "select is hr@K, ndcg@K or mrr@K, not '%s'", e->select);
    if (!status)
        status = take_text(e, e->root, "spread", &spread, err);
    if (!status && strcmp(spread, "deviation") && strcmp(spread, "standard_error"))
        status = refuse(e, ps_yaml_get(e->root, "spread"), err, "spread is deviation or standard_error, not '%s'", spread);
    e->standard_error = !strcmp(spread, "standard_error");
    if (!status)
        status = take_settings(e, e->root, &e->set, err);
    for (int form = 0; form <= quick && !status; form++) {
        const struct ps_yaml *from = form ? fast : e->root, *search = ps_yaml_get(from, "search");
        status = load_seeds(e, from, err);
        if (!status)
            status = load_budget(e, search, err);
    }
    if (!status && quick)
        status = take_settings(e, fast, &e->quick_set, err);
    return status;
}

int ps_experiment_load(struct ps_experiment *e, const char *file, bool quick, struct ps_error *err)
{
    *e = (struct ps_experiment){.file = file, .seeds = 1, .seed = {1}, .budget = {.trials = 8, .epochs = 20, .every = 1, .seed = 1}};
    name_of_file(e, quick);
    int status = ps_yaml_load(file, PS_EXIT_USAGE, &e->root, err);
    if (!status)
        status = load_head(e, quick, err);
    if (status)
        return status;
    const struct ps_yaml *data = ps_yaml_get(e->root, "data");
    if (!data)
        return refuse(e, e->root, err, "a table has data");
    status = load_data(e, data, err);
    if (!status)
        status = load_list(e, "columns", PS_EXP_COLUMNS, load_column, err);
    if (!status)
        status = load_list(e, "rows", PS_EXP_ROWS, load_row, err);
    for (int r = 0; r < e->rows && quick; r++)
        e->row[r].epochs = PS_MIN(e->row[r].epochs, e->budget.epochs);
    if (!status)
        status = load_figure(e, ps_yaml_get(e->root, "figure"), err);
    return status ? status : ps_experiment_check(e, err);
}

void ps_experiment_free(struct ps_experiment *e)
{
    ps_yaml_free(e->root);
    e->root = NULL;
}
