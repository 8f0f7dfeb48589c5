/* compare.c - penstock compare: two results side by side, and whether their difference could be chance. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/comparison.h"

enum { KEY_SPLIT = 1000, KEY_GROUP, KEY_DRAWS, KEY_RESAMPLES, KEY_SEED, KEY_FORMAT };

struct arguments {
    const char *run[2], *metrics, *topk, *ties, *group;
    int runs;
    struct ps_chances chances;
    enum ps_split split;
    enum ps_format format;
};

static const char *const formats[] = {"text", "markdown", "tsv", "json", NULL}; /* by enum ps_format */

static const struct argp_option options[] = {
    {"metric", 'm', "LIST", 0, "Metrics, as in ndcg,hr@10,auc (default: hr,ndcg); without @K, at every K", 0},
    {"topk", 'k', "LIST", 0, "Values of K (default: the eval.k of both)", 0},
    {"ties", 't', "TIES", 0, "standard, expected or conservative (default: the eval.ties of both)", 0},
    {"group", KEY_GROUP, "GROUP", 0, "all (default), seen, unseen, or one by history, as users_5-8", 0},
    {"split", KEY_SPLIT, "SPLIT", 0, "test (default) or valid", 0},
    {"draws", KEY_DRAWS, "N", 0, "Draws of the randomisation test (default 10000)", 0},
    {"resamples", KEY_RESAMPLES, "N", 0, "Resamples of users behind an interval (default 1000)", 0},
    {"seed", KEY_SEED, "N", 0, "Names these draws (default 2026)", 0},
    {"format", KEY_FORMAT, "FORMAT", 0, "text (default), markdown, tsv or json", 0},
    {0}};

static const char doc[] =
    "Compare two results, user by user.\v"
    "A result is a run, RUN or RUN:MODEL (RUN:popularity is the rule's), or a file that 'penstock evaluate --ranks' has written; with one "
    "alone, its model is compared with every other that was ranked beside it. Nothing is ranked again.\n\n"
    "For each metric: both means and their difference (first less second), with 95 % bootstrap intervals over users; p of the two-sided "
    "paired randomisation test over users; and for how many users the first is better, the same and worse. Each p is that of "
    "one metric alone: of twenty that are looked at, one is below 0.05 by chance.\n\n"
    "Results that were measured differently, or on different data, are refused (code 3), and what differs is named.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'm': a->metrics = arg; return 0;
    case 'k': a->topk = arg; return 0;
    case 't': a->ties = arg; return 0;
    case KEY_GROUP: a->group = arg; return 0;
    case KEY_SPLIT: a->split = ps_argument_split(arg, state); return 0;
    case KEY_DRAWS: a->chances.draws = ps_argument_number("--draws", arg, 100, 10000000, state); return 0;
    case KEY_RESAMPLES: a->chances.resamples = ps_argument_number("--resamples", arg, 100, 1000000, state); return 0;
    case KEY_SEED: a->chances.seed = ps_argument_count("--seed", arg, 0, UINT64_C(1) << 53, state); return 0;
    case KEY_FORMAT: a->format = (enum ps_format)ps_argument_choice("--format", arg, formats, state); return 0;
    case ARGP_KEY_ARG:
        if (a->runs == 2)
            argp_error(state, "two results at most; '%s' is too many", arg);
        a->run[a->runs++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (!a->runs)
            argp_error(state, "give one or two results: folders of runs, or files of ranks");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- which results ---- */

/* A result as it was named, and which of its models is meant. */
struct side {
    char *path; /* owned; without the model */
    struct ps_result result;
    int model;
};

/* Splits "PATH:MODEL"; a path that has a colon itself and is there is one. */
static int open_side(struct side *side, const char *name, enum ps_split split, struct ps_error *err)
{
    struct stat st;
    const char *colon = strrchr(name, ':'), *model = "";
    bool whole = !colon || !stat(name, &st);
    side->path = whole ? ps_strdup(name) : ps_format("%.*s", (int)(colon - name), name);
    if (!whole)
        model = colon + 1;
    bool is_run = !stat(side->path, &st) && S_ISDIR(st.st_mode);
    char *file = is_run ? ps_result_path(side->path, split) : ps_strdup(side->path);
    int status = 0;
    if (stat(file, &st))
        status = ps_fail(err, PS_EXIT_DATA, "there is no %s: train the run to its end, or 'penstock evaluate %s --split %s --ranks "
                         "FILE' and compare the files", file, side->path, ps_split_name(split));
    else
        status = ps_result_read(&side->result, file, err);
    free(file);
    for (side->model = 0; !status && *model; side->model++)
        if (side->model == side->result.models)
            return ps_fail(err, PS_EXIT_DATA, "%s has no ranks of '%s'; its own model is %s", side->path, model, side->result.model[0]);
        else if (!strcmp(side->result.model[side->model], model))
            break;
    return status;
}

/* --topk and --ties for both, or what both have. */
static int choose(const struct arguments *a, struct side side[2], int sides, struct ps_error *err)
{
    static const char *const keys[] = {"eval.k", "eval.ties"}, *const options[] = {"--topk", "--ties"};
    const char *const chosen[] = {a->topk, a->ties};
    char different[512];
    ps_result_difference(&side[0].result, &side[sides - 1].result, different);
    if (*different)
        return ps_fail(err, PS_EXIT_DATA, "%s and %s cannot be compared: they differ in %s; rank both alike with 'penstock evaluate "
                       "--ranks FILE' and compare the files", side[0].path, side[1].path, different);
    for (size_t i = 0; i < PS_COUNT(keys); i++) {
        int status = 0;
        char *set = chosen[i] ? ps_format("%s=%s", keys[i], chosen[i]) : NULL;
        for (int s = 0; s < sides && set && !status; s++)
            status = ps_config_set(&side[s].result.config, set, err);
        free(set);
        if (status)
            return status;
        char *first = ps_result_setting(&side[0].result, keys[i]);
        char *second = ps_result_setting(&side[sides - 1].result, keys[i]);
        if (strcmp(first, second))
            status = ps_fail(err, PS_EXIT_DATA, "%s and %s differ in %s (%s and %s); choose with %s", side[0].path, side[1].path,
                             keys[i], first, second, options[i]);
        free(first), free(second);
        if (status)
            return status;
    }
    return 0;
}

/* ---- which metrics and whose ---- */

/* Adds the metrics that a name means: "ndcg" at every K, "ndcg@10" at that one. */
static int add_columns(const char *name, const struct ps_config *config, bool lists, struct ps_column *column, int *columns,
                       struct ps_error *err)
{
    struct ps_column all[PS_MAX_COLUMNS];
    int count = ps_columns_all(config->eval.k_count, lists, all), before = *columns;
    for (int c = 0; c < count; c++) {
        char full[32];
        ps_column_name(all[c], config->eval.k, full);
        if ((!strcmp(name, full) || !strcmp(name, ps_measure_name(all[c].measure))) && *columns < PS_MAX_COLUMNS)
            column[(*columns)++] = all[c];
    }
    if (*columns > before)
        return 0;
    return ps_fail(err, PS_EXIT_USAGE, "--metric: '%s' is none of hr, ndcg, mrr, recall, precision, map%s, auc, with or without "
                   "a @K of eval.k%s", name, lists ? ", novelty" : "", lists ? "" : " (novelty needs results with eval.lists)");
}

static int choose_columns(const struct arguments *a, const struct side *side, bool lists, struct ps_column *column, int *columns,
                          struct ps_error *err)
{
    char *names = ps_strdup(a->metrics ? a->metrics : "hr,ndcg"), *rest = names, *name;
    int status = 0;
    *columns = 0;
    while (!status && (name = strsep(&rest, ",")))
        status = add_columns(name, &side->result.config, lists, column, columns, err);
    free(names);
    return status;
}

static int choose_group(const struct arguments *a, const struct ps_measuring *how, int *group, struct ps_error *err)
{
    char names[512] = "";
    for (*group = 0; *group < ps_metric_groups(how->bounds); ++*group) {
        char name[32];
        ps_metric_group_name(*group, how->bound, how->bounds, name);
        if (!strcmp(a->group, name))
            return 0;
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", name);
    }
    return ps_fail(err, PS_EXIT_USAGE, "--group is one of %s, not '%s'", names, a->group);
}

/* ---- the comparison ---- */

static char *label(const struct side *side, int model)
{
    return ps_format("%s:%s", side->path, side->result.model[model]);
}

/* Compares one model of a side with one of another side, or of the same. */
static int compare_models(const struct arguments *a, const struct side *side[2], const int model[2], bool first, struct ps_error *err)
{
    const struct ps_result *result = &side[0]->result;
    struct ps_measuring how = ps_result_measuring(result);
    struct ps_ranks ranks[2] = {result->ranks[model[0]], side[1]->result.ranks[model[1]]};
    bool lists = ranks[0].novelty && ranks[1].novelty && !a->topk; /* their K are those that were ranked with */
    struct ps_column column[PS_MAX_COLUMNS] = {{PS_MEASURE_HR, 0}};
    struct ps_comparison *c = ps_calloc(1, sizeof *c);
    *c = (struct ps_comparison){.result = result, .group = a->group, .chances = a->chances};
    int group = 0, status = choose_group(a, &how, &group, err);
    if (!status)
        status = choose_columns(a, side[0], lists, column, &c->columns, err);
    if (!status) {
        struct ps_sample sample[2];
        char *labels[2];
        for (int i = 0; i < c->columns; i++)
            ps_column_name(column[i], how.k, c->column[i].name);
        for (int s = 0; s < 2; s++) {
            ranks[s].novelty = lists ? ranks[s].novelty : NULL;
            ps_sample_init(&sample[s], &ranks[s], &how, group, column, c->columns);
            c->label[s] = labels[s] = label(side[s], model[s]);
        }
        ps_compare(sample, c);
        ps_comparison_print(c, a->format, first);
        for (int s = 0; s < 2; s++) {
            ps_sample_fini(&sample[s]);
            free(labels[s]);
        }
    }
    free(c);
    return status;
}

/* Two sides; or one, whose model is compared with every other one beside it. */
static int compare_sides(const struct arguments *a, const struct side side[2], struct ps_error *err)
{
    const struct side *of[2] = {&side[0], &side[a->runs - 1]};
    int model[2] = {side[0].model, side[1].model}, status = 0;
    if (a->runs == 2)
        return compare_models(a, of, model, true, err);
    if (side->result.models == 1)
        return ps_fail(err, PS_EXIT_DATA, "%s has ranks of one model only, so there is nothing to compare it with; name another result",
                       side->path);
    bool first = true;
    for (int m = 0; m < side->result.models && !status; m++)
        if (m != side->model) {
            model[1] = m;
            status = compare_models(a, of, model, first, err);
            first = false;
        }
    return status;
}

int cmd_compare(int argc, char **argv)
{
    struct arguments a = {.split = PS_SPLIT_TEST,
                          .group = "all",
                          .chances = {.resamples = 1000, .draws = 10000, .seed = 2026}};
    const struct argp argp = {options, parse, "RESULT [RESULT]", doc, NULL, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);

    struct ps_error err = {0};
    struct side side[2] = {{0}};
    int status = 0;
    for (int s = 0; s < a.runs && !status; s++)
        status = open_side(&side[s], a.run[s], a.split, &err);
    if (!status)
        status = choose(&a, side, a.runs, &err);
    if (!status)
        status = compare_sides(&a, side, &err);
    for (int s = 0; s < 2; s++) {
        ps_result_fini(&side[s].result);
        free(side[s].path);
    }
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : 0;
}
