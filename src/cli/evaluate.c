/* evaluate.c - penstock evaluate: ranks held-out targets with a run's checkpoint, under a protocol of the user's choice. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/run.h"
#include "common/manifest.h"

enum { KEY_SPLIT = 1000, KEY_MEAN, KEY_SAMPLED, KEY_LISTS, KEY_BOOTSTRAP, KEY_WORKERS, KEY_JSON, KEY_RANKS, KEY_DATA };

struct arguments {
    struct ps_of_run of;
    const char *json, *ranks;
    enum ps_split split;
    int workers;
};

static const struct argp_option options[] = {
    {"split", KEY_SPLIT, "SPLIT", 0, "test (default) or valid", 0},
    {"mask", 'm', "MASK", 0, "none, target or any: which of the user's training items are no candidates", 0},
    {"sampled", KEY_SAMPLED, "N", 0, "Rank among N items drawn for each user, and the targets; 0: all items", 0},
    {"mean", KEY_MEAN, "MEAN", 0, "targets, each ranked by itself, or users, all targets of one ranked together", 0},
    {"ties", 't', "TIES", 0, "standard, expected or conservative", 0},
    {"topk", 'k', "LIST", 0, "Values of K, as in 10,20,50", 0},
    {"users", 'u', "N", 0, "Rank a fixed, seeded sample of N targets (--mean users: of N users); 0: all", 0},
    {"lists", KEY_LISTS, NULL, 0, "Coverage and novelty too", 0},
    {"bootstrap", KEY_BOOTSTRAP, "N", 0, "Resamples behind the 95 % intervals; 0: no intervals", 0},
    {"data", KEY_DATA, "DIR", 0, "Another prepared dataset with the same ids, and perhaps new ones: docs/data.md", 0},
    {"workers", KEY_WORKERS, "W", 0, "Threads that rank (default: one for each core)", 0},
    {"json", KEY_JSON, "FILE", 0, "Also write the result as JSON ('-': to the standard output, instead of the table)", 0},
    {"ranks", KEY_RANKS, "FILE", 0, "Also keep the ranks, for penstock compare", 0},
    {0}};

static const char doc[] = "Rank held-out targets with a run's checkpoint.\v"
                          "All items are candidates but the masked ones; nothing is sampled unless --users or --sampled say so. The "
                          "protocol stands in the result; docs/metrics.md defines every metric.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->of; return 0;
    case KEY_SPLIT: a->split = ps_argument_split(arg, state); return 0;
    case 'm': ps_of_run_set(&a->of, "eval.mask", arg, state); return 0;
    case 't': ps_of_run_set(&a->of, "eval.ties", arg, state); return 0;
    case 'u': ps_of_run_set(&a->of, "eval.users", arg, state); return 0;
    case 'k': {
        char *list = ps_format("[%s]", arg);
        ps_of_run_set(&a->of, "eval.k", list, state);
        free(list);
        return 0;
    }
    case KEY_MEAN: ps_of_run_set(&a->of, "eval.mean", arg, state); return 0;
    case KEY_SAMPLED:
        ps_of_run_set(&a->of, "eval.candidates", strcmp(arg, "0") ? "sampled" : "all", state);
        if (strcmp(arg, "0"))
            ps_of_run_set(&a->of, "eval.sampled", arg, state);
        return 0;
    case KEY_LISTS: ps_of_run_set(&a->of, "eval.lists", "true", state); return 0;
    case KEY_BOOTSTRAP: ps_of_run_set(&a->of, "eval.bootstrap", arg, state); return 0;
    case KEY_DATA: ps_of_run_set(&a->of, "data.path", arg, state); return 0;
    case KEY_WORKERS: a->workers = ps_argument_number("--workers", arg, 1, 256, state); return 0;
    case KEY_JSON: a->json = arg; return 0;
    case KEY_RANKS: a->ranks = arg; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int write_json(const struct ps_report *report, const char *path, struct ps_error *err)
{
    bool standard = !strcmp(path, "-");
    FILE *to = standard ? stdout : fopen(path, "we");
    if (!to)
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write %s", path);
    ps_report_json(report, to);
    fputc('\n', to);
    if (!standard && (ferror(to) | fclose(to)))
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write %s", path);
    return 0;
}

/* The dataset may have users and items that came after the checkpoint. */
static int know(struct ps_run *run, const char *checkpoint, struct ps_error *err)
{
    struct ps_manifest m;
    int status = ps_manifest_read(&m, checkpoint, err);
    if (status)
        return status;
    ps_run_know(&run->config, &m, &run->dataset);
    ps_manifest_fini(&m);
    return 0;
}

int cmd_evaluate(int argc, char **argv)
{
    struct arguments a = {.split = PS_SPLIT_TEST};
    const struct argp argp = {options, parse, "RUN", doc, ps_of_run_settings_child, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);

    struct ps_error err = {0};
    struct ps_run run = {0};
    struct ps_report *report = NULL;
    char *checkpoint = ps_run_checkpoint(a.of.run, a.of.checkpoint);
    int status = ps_run_config(a.of.run, a.of.override, a.of.overrides, &run.config, &err);
    int workers = a.workers ? a.workers : (int)PS_MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
    if (!status)
        status = ps_run_plan(&run, &err);
    if (!status && run.model.class_->forward)
        status = know(&run, checkpoint, &err);
    if (!status)
        status = ps_run_open(&run, PS_TRANSPORT_INPROC, 1, workers, false, NULL, &err);
    if (!status) {
        run.crew = ps_crew_start(run.net, &run.meeting, 1, workers);
        /* A rule has no checkpoint: it counts the training data. */
        status = ps_coordinator_start(run.coordinator, run.model.class_->forward ? checkpoint : NULL, &err);
    }
    if (!status)
        status = ps_report_rank(&run, a.split, &report, &err);
    if (!status)
        status = ps_report_judge(report, &run.model, a.of.run, a.of.checkpoint, a.of.override, a.of.overrides, &err);
    if (!status && (!a.json || strcmp(a.json, "-")))
        ps_report_print(report, ps_report_weaker(&run), stdout);
    if (!status && a.json)
        status = write_json(report, a.json, &err);
    if (!status && a.ranks)
        status = ps_result_write(&report->result, a.ranks, &err);
    ps_report_free(report);
    ps_run_close(&run, status ? err.code : 0, status ? err.text : "");
    free(checkpoint);
    ps_of_run_fini(&a.of);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : 0;
}
