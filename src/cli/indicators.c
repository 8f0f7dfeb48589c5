/* indicators.c - penstock indicators: learns model.indicators and its kin from a run's validation pairs. */
#include <argp.h>
#include <stdlib.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/offline.h"
#include "worker/indicators.h"

enum { KEY_DATA = 1000, KEY_PLAIN };
enum { MOST_PAIRS = 10000 }; /* more would not move so few numbers */

struct arguments {
    struct ps_of_run of;
    int terms; /* of enum ps_indicator */
};

static const char *const term[PS_INDICATOR_TERMS] = {"indicators", "indicators_popularity", "indicators_recency"};

static const struct argp_option options[] = {
    {"data", KEY_DATA, "DIR", 0, "Another prepared dataset with the same ids", 0},
    {"plain", KEY_PLAIN, NULL, 0, "Learn model.indicators alone, without popularity and recency", 0},
    {0}};

static const char doc[] =
    "Learn what it says of an item that its user has it under a weaker behaviour.\v"
    "Everything that RUN has learned stays as it is; for each weaker behaviour it is fitted to the validation pairs, which the "
    "training has not seen, ranked under eval.mask: what it adds to a score that the user has the item, how popular it is under that "
    "behaviour, and, where the data have times, how long ago that was. Give the lines that it prints to the run that is to rank so: in "
    "its configuration, or as --set of evaluate and recommend. eval.users says how many pairs are used (10000 where it is 0). "
    "Validation pairs must have been put under weaker behaviours as often as those to come will be "
    "(penstock prepare --hide-weaker): where all of them have one, or none, the number is only as large as the prior lets it be.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->of; return 0;
    case KEY_DATA: ps_of_run_set(&a->of, "data.path", arg, state); return 0;
    case KEY_PLAIN: a->terms = PS_INDICATOR_TOUCHED + 1; return 0;
    case ARGP_KEY_END:
        for (int t = 0; t < PS_INDICATOR_TERMS; t++) {
            char *key = ps_format("model.%s", term[t]);
            ps_of_run_set(&a->of, key, "[]", state);
            free(key);
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static bool has_times(const struct ps_dataset *dataset)
{
    bool all = true;
    for (uint32_t r = 0; r + 1 < dataset->behaviours; r++)
        all &= dataset->train[r].time != NULL;
    return all;
}

static void print(const struct ps_dataset *dataset, size_t n, int terms, const struct ps_indicator_fit *fit)
{
    printf("%zu validation pairs\n", n);
    for (uint32_t r = 0; r + 1 < dataset->behaviours; r++) {
        printf("  %-16s %6.2f %% of the targets have it  ", dataset->behaviour[r], 100 * (double)fit->having[r] / (double)n);
        for (int t = 0; t < terms; t++)
            printf(" %+.3f", fit->weight[t][r]);
        printf("\n");
        if (fit->having[r] == 0 || fit->having[r] == n)
            ps_warn("%s of the validation targets have '%s', so nothing can be learned about it", fit->having[r] ? "all" : "none",
                    dataset->behaviour[r]);
    }
    printf("log-likelihood of a target  %.4f without, %.4f with them and with %.3f times the scores\n", fit->before, fit->after, fit->scale);
    for (int t = 0; t < terms; t++) {
        printf("model.%s=[", term[t]);
        for (uint32_t r = 0; r + 1 < dataset->behaviours; r++)
            printf("%s%.4f", r ? ", " : "", fit->weight[t][r]);
        printf("]\n");
    }
}

/* eval.users of the validation pairs, or at most MOST_PAIRS, evenly spaced. */
static int learn(struct ps_offline *offline, int terms, struct ps_error *err)
{
    const struct ps_dataset *dataset = &offline->dataset;
    if (!dataset->valid_count)
        return ps_fail(err, PS_EXIT_USAGE, "the dataset %s has no validation pairs; prepare it with --valid", dataset->path);
    if (dataset->behaviours == 1)
        return ps_fail(err, PS_EXIT_USAGE, "the dataset %s has no behaviour beside the target", dataset->path);
    if (terms > PS_INDICATOR_RECENCY && !has_times(dataset))
        terms = PS_INDICATOR_RECENCY;
    struct ps_indicator_fit fit;
    uint64_t most = offline->config.eval.users ? offline->config.eval.users : MOST_PAIRS;
    size_t n = PS_MIN(dataset->valid_count, most);
    struct ps_pair *pair = ps_calloc(n, sizeof *pair);
    for (size_t k = 0; k < n; k++)
        pair[k] = dataset->valid[k * dataset->valid_count / n];
    int status = ps_indicators_fit(&offline->model, &offline->source, pair, n, offline->config.eval.mask, terms, &fit, err);
    if (!status)
        print(dataset, n, terms, &fit);
    free(pair);
    return status;
}

int cmd_indicators(int argc, char **argv)
{
    struct arguments a = {.terms = PS_INDICATOR_TERMS};
    const struct argp argp = {options, parse, "RUN", doc, ps_of_run_settings_child, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);

    struct ps_error err = {0};
    struct ps_offline offline;
    int status = ps_offline_open(&offline, a.of.run, a.of.checkpoint, a.of.override, a.of.overrides, &err);
    if (!status) {
        status = learn(&offline, a.terms, &err);
        ps_offline_close(&offline);
    }
    ps_of_run_fini(&a.of);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : 0;
}
