/* report.c - ranking for a report, and a report as JSON; see report.h. */
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/tfevents.h"
#include "coordinator/runlog.h"
#include "worker/nn/blas.h"

/* The rules that a model has to beat, of sessions and of interactions. */
static const char *const session_floors[] = {"popularity", "session_recent", "markov", NULL};
static const char *const floors[] = {"popularity", "carted_first", NULL};

static void measure(struct ps_report *report, int m)
{
    struct ps_result *result = &report->result;
    struct ps_measuring how = ps_result_measuring(result);
    ps_metrics_compute(&result->ranks[m], &how, &report->row[m].metrics);
    report->columns = ps_columns_all(how.k_count, result->ranks[m].novelty, report->column);
    for (int group = 0; group < PS_GROUP_HISTORY && result->config.eval.bootstrap; group++) {
        struct ps_intervals *interval = &report->row[m].interval[group];
        struct ps_sample sample;
        ps_sample_init(&sample, &result->ranks[m], &how, group, report->column, report->columns);
        ps_bootstrap(&sample, result->config.eval.bootstrap, result->config.eval.seed, interval->low, interval->high);
        ps_sample_fini(&sample);
    }
}

static int rank_one(struct ps_run *run, const char *model, struct ps_report *report, struct ps_error *err)
{
    struct ps_result *result = &report->result;
    int m = result->models, status = ps_coordinator_rank(run->coordinator, model, result->split, run->config.eval.lists,
                                                         &result->ranks[m], err);
    if (status)
        return status;
    snprintf(result->model[m], PS_NAME_SIZE, "%s", model);
    result->models++;
    measure(report, m);
    return 0;
}

int ps_report_rank(struct ps_run *run, enum ps_split split, struct ps_report **report, struct ps_error *err)
{
    *report = ps_calloc(1, sizeof **report);
    ps_result_init(&(*report)->result, &run->config, &run->dataset, split);
    int status = rank_one(run, run->config.model.name, *report, err);
    const char *const *floor = run->dataset.sessions.count ? session_floors : floors;
    for (; !status && run->config.eval.floors && *floor; floor++)
        if (strcmp(*floor, run->config.model.name) && (run->dataset.behaviours > 1 || strcmp(*floor, "carted_first")))
            status = rank_one(run, *floor, *report, err);
    return status;
}

void ps_report_free(struct ps_report *report)
{
    if (report)
        ps_result_fini(&report->result);
    free(report);
}

const char *ps_report_weaker(const struct ps_run *run)
{
    return run->dataset.behaviours > 1 ? run->dataset.behaviour[run->dataset.behaviours - 2] : "";
}

/* ---- JSON ---- */

static void print_protocol(const struct ps_result *result, FILE *to)
{
    const struct ps_config *config = &result->config;
    uint64_t targets = result->ranks[0].count, sampled_of = targets < result->held_out ? result->held_out : 0;
    bool all = config->eval.candidates == PS_CANDIDATES_ALL;
    char *mask = ps_result_setting(result, "eval.mask"), *ties = ps_result_setting(result, "eval.ties");
    char *mean = ps_result_setting(result, "eval.mean"), *sampled = ps_format("%d sampled", config->eval.sampled);
    fprintf(to, "{\"candidates\":\"%s\",\"mask\":\"%s\",\"ties\":\"%s\",\"mean\":\"%s\",\"targets\":%llu,\"sampled_of\":%llu",
            all ? "all items" : sampled, mask, ties, mean, (unsigned long long)targets, (unsigned long long)sampled_of);
    if (config->eval.known_users)
        fprintf(to, ",\"known_users\":%llu", (unsigned long long)config->eval.known_users);
    if (config->eval.known_items)
        fprintf(to, ",\"known_items\":%llu", (unsigned long long)config->eval.known_items);
    if (!all || sampled_of)
        fprintf(to, ",\"seed\":%llu", (unsigned long long)config->eval.seed);
    fputc('}', to);
    free(mask), free(ties), free(mean), free(sampled);
}

static void print_group(const struct ps_report *report, int m, int group, FILE *to)
{
    const struct ps_result *result = &report->result;
    const struct ps_metrics *metrics = &report->row[m].metrics;
    const int *k = result->config.eval.k;
    char name[32];
    ps_metric_group_name(group, result->config.eval.user_groups, result->config.eval.user_groups_count, name);
    fprintf(to, "%s\"%s\":{\"targets\":%llu", group ? "," : "", name, (unsigned long long)metrics->targets[group]);
    if (result->config.eval.mean == PS_MEAN_USERS)
        fprintf(to, ",\"users\":%llu", (unsigned long long)metrics->cases[group]);
    for (int c = 0; metrics->targets[group] && c < report->columns; c++) {
        ps_column_name(report->column[c], k, name);
        fprintf(to, ",\"%s\":%.8f", name, metrics->at[group][report->column[c].at].of[report->column[c].measure]);
    }
    for (int j = 0; group == PS_GROUP_ALL && result->ranks[m].place && j < result->config.eval.k_count; j++)
        fprintf(to, ",\"coverage@%d\":%.8f", k[j], metrics->coverage[j]);
    fputc('}', to);
}

static void print_intervals(const struct ps_report *report, int m, FILE *to)
{
    const struct ps_result *result = &report->result;
    for (int group = 0; group < PS_GROUP_HISTORY; group++) {
        char name[32];
        ps_metric_group_name(group, NULL, 0, name);
        fprintf(to, "%s\"%s\":{", group ? "," : "", name);
        for (int c = 0; report->row[m].metrics.cases[group] && c < report->columns; c++) {
            const struct ps_intervals *interval = &report->row[m].interval[group];
            ps_column_name(report->column[c], result->config.eval.k, name);
            fprintf(to, "%s\"%s\":[%.8f,%.8f]", c ? "," : "", name, interval->low[c], interval->high[c]);
        }
        fputc('}', to);
    }
}

void ps_report_json(const struct ps_report *report, FILE *to)
{
    const struct ps_result *result = &report->result;
    fprintf(to, "{\"split\":\"%s\",\"sessions\":%s,\"protocol\":", ps_split_name(result->split), result->sessions ? "true" : "false");
    print_protocol(result, to);
    if (result->config.eval.bootstrap) {
        fprintf(to, ",\"intervals\":{\"level\":0.95,\"resamples\":%d", result->config.eval.bootstrap);
        for (int m = 0; m < result->models; m++) {
            fprintf(to, ",\"%s\":{", result->model[m]);
            print_intervals(report, m, to);
            fputc('}', to);
        }
        fputc('}', to);
    }
    ps_report_json_tasks(report, to);
    fputs(",\"models\":{", to);
    for (int m = 0; m < result->models; m++) {
        fprintf(to, "%s\"%s\":{", m ? "," : "", result->model[m]);
        for (int group = 0; group < ps_metric_groups(result->config.eval.user_groups_count); group++)
            print_group(report, m, group, to);
        fputc('}', to);
    }
    fputs("}}", to);
}

/* ---- the end of a run ---- */

static int write_json(const struct ps_run *run, const struct ps_training *t, struct ps_report *const *report, int reports,
                      struct ps_error *err)
{
    struct ps_text text;
    FILE *to = ps_text_open(&text);
    fprintf(to, "{\"model\":\"%s\",\"dataset\":\"%016llx\",\"seed\":%llu,\"blas_kernel\":\"%s\",\n"
            " \"training\":{\"epochs\":%u,\"best_epoch\":%u,\"metric\":\"%s@%d\",\"best\":%.8f,\"stopped_early\":%s,"
            "\"samples\":%llu,\"seconds\":%.3f,\"samples_per_second\":%.0f,\"validation_seconds\":%.3f,"
            "\"checkpoint_seconds\":%.3f},\n \"account\":{\"epochs\":%llu,\"expected\":%llu,\"applied\":%llu,\"repeated\":%llu,"
            "\"lost\":%llu,\"twice\":%llu},\n \"strangers\":%llu,\n",
            run->config.model.name, (unsigned long long)run->dataset.fingerprint,
            (unsigned long long)run->config.train.seed, ps_blas_kernel(), t->epoch, t->best_epoch,
            ps_measure_name((enum ps_measure)run->config.early_stop.metric), run->config.early_stop.k, t->best,
            t->stopped_early ? "true" : "false", (unsigned long long)t->tally.samples, t->tally.seconds,
            (double)t->tally.samples / PS_MAX(t->tally.seconds, 1e-9), t->tally.validation_seconds, t->tally.checkpoint_seconds,
            (unsigned long long)t->tally.account.epochs, (unsigned long long)t->tally.account.expected, (unsigned long long)t->tally.account.applied,
            (unsigned long long)t->tally.account.repeated, (unsigned long long)t->tally.account.lost, (unsigned long long)t->tally.account.twice,
            (unsigned long long)ps_coordinator_strangers(run->coordinator));
    const struct ps_life *ids = &t->tally.life;
    if (ps_config_lives(&run->config))
        fprintf(to, " \"ids\":{\"rows\":%llu,\"waiting\":%llu,\"admitted\":%llu,\"evicted\":%llu},\n", (unsigned long long)ids->rows,
                (unsigned long long)ids->waiting, (unsigned long long)ids->admitted, (unsigned long long)ids->evicted);
    fputs(" \"results\":[", to);
    for (int i = 0; i < reports; i++) {
        fputs(i ? ",\n  " : "\n  ", to);
        ps_report_json(report[i], to);
    }
    fputs("]}\n", to);
    char *path = ps_format("%s/metrics.json", run->folder), *all = ps_text_close(&text);
    int status = ps_file_write(path, all, text.size, err);
    free(path);
    free(all);
    return status;
}

static void print_run(const struct ps_run *run, const struct ps_training *t, const struct ps_report *report)
{
    printf("%s: %u epochs%s, %llu samples in %.1f s (%.0f k samples/s)", run->config.model.name, t->epoch,
           t->stopped_early ? " (stopped early)" : "", (unsigned long long)t->tally.samples, t->tally.seconds,
           1e-3 * (double)t->tally.samples / PS_MAX(t->tally.seconds, 1e-9));
    if (t->best_epoch)
        printf("; the best epoch by validation is %u", t->best_epoch);
    printf("\n\n");
    if (report)
        ps_report_print(report, ps_report_weaker(run), stdout);
    else
        printf("The dataset holds nothing out, so nothing was ranked.\n");
    printf("\nreport: %s/report.html   results: %s/metrics.json   log: %s/log.jsonl   checkpoint: %s/checkpoints/%s\n", run->folder, run->folder,
           run->folder, run->folder, t->best_epoch ? "best" : "last");
    ps_runlog(run->log, "{\"event\":\"end\",\"code\":0,\"samples_per_second\":%.0f}",
              (double)t->tally.samples / PS_MAX(t->tally.seconds, 1e-9));
}

/* The model's results on the test, for TensorBoard: at the epoch that they are of. */
static void tell_board(const struct ps_run *run, const struct ps_training *t, const struct ps_report *report)
{
    for (int c = 0; c < report->columns; c++) {
        char name[32];
        ps_column_name(report->column[c], run->config.eval.k, name);
        ps_tfevents_note(run->board, report->row[0].metrics.at[PS_GROUP_ALL][report->column[c].at].of[report->column[c].measure], "%s/%s",
                         ps_split_name(report->result.split), name);
    }
    ps_tfevents_write(run->board, t->best_epoch ? t->best_epoch : t->epoch);
}

/* RUN/ranks/SPLIT.ranks, for penstock compare. A disk that is full does not cost the run its end. */
static void keep_ranks(const struct ps_run *run, const struct ps_result *result)
{
    struct ps_error err;
    char *folder = ps_format("%s/ranks", run->folder), *path = ps_result_path(run->folder, result->split);
    if (ps_folder_make(folder, &err) || ps_result_write(result, path, &err))
        ps_warn("the ranks are not kept, so 'penstock compare' will not know this run: %s", err.text);
    free(folder), free(path);
}

int ps_report_run(struct ps_run *run, const struct ps_training *t, struct ps_error *err)
{
    struct ps_report *report[2] = {NULL};
    int reports = 0, status = 0;
    if (run->dataset.valid_count)
        status = ps_report_rank(run, PS_SPLIT_VALID, &report[reports++], err);
    if (!status && run->dataset.test_count)
        status = ps_report_rank(run, PS_SPLIT_TEST, &report[reports++], err);
    for (int i = 0; i < reports && !status; i++)
        status = ps_report_judge(report[i], &run->model, run->folder, t->best_epoch ? "best" : "last", NULL, 0, err);
    for (int i = 0; i < reports && !status; i++)
        keep_ranks(run, &report[i]->result);
    if (!status)
        status = write_json(run, t, report, reports, err);
    if (!status)
        print_run(run, t, reports ? report[reports - 1] : NULL);
    if (!status && reports && run->dataset.test_count)
        tell_board(run, t, report[reports - 1]);
    ps_report_free(report[0]);
    ps_report_free(report[1]);
    return status;
}
