/* report.c - results as people and programs read them; see report.h. */
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/yaml.h"
#include "coordinator/runlog.h"
#include "worker/nn/blas.h"

static const char *const floors[] = {"popularity", "carted_first"};
static const char *const mask_name[] = {"none", "target", "any"};
static const char *const ties_name[] = {"standard", "expected", "conservative"};

static const char *split_name(enum ps_split split)
{
    return split == PS_SPLIT_VALID ? "valid" : "test";
}

static int rank_one(struct ps_run *run, const char *model, struct ps_report *report, struct ps_error *err)
{
    const struct ps_config *config = &run->config;
    struct ps_rank *rank;
    int status = ps_coordinator_rank(run->coordinator, model, report->split, config->eval.mask, &rank, err);
    if (status)
        return status;
    struct ps_report_row *row = &report->row[report->rows++];
    row->model = model;
    ps_metrics_compute(rank, report->targets, run->dataset.behaviours, config->eval.k, config->eval.k_count,
                       config->eval.ties, &row->metrics);
    free(rank);
    return 0;
}

int ps_report_rank(struct ps_run *run, enum ps_split split, struct ps_report *report, struct ps_error *err)
{
    uint64_t held = split == PS_SPLIT_VALID ? run->dataset.valid_count : run->dataset.test_count;
    uint64_t users = run->config.eval.users;
    *report = (struct ps_report){.split = split, .targets = users && users < held ? users : held,
                                 .sampled_of = users && users < held ? held : 0};
    int status = rank_one(run, run->config.model.name, report, err);
    for (size_t i = 0; !status && run->config.eval.floors && i < PS_COUNT(floors); i++)
        if (strcmp(floors[i], run->config.model.name) && (run->dataset.behaviours > 1 || strcmp(floors[i], "carted_first")))
            status = rank_one(run, floors[i], report, err);
    return status;
}

static void describe_candidates(const struct ps_run *run, char text[200])
{
    const char *target = run->dataset.behaviour[run->dataset.behaviours - 1];
    switch (run->config.eval.mask) {
    case PS_MASK_NONE: snprintf(text, 200, "all items"); break;
    case PS_MASK_TARGET: snprintf(text, 200, "all items but the user's training items under '%s'", target); break;
    case PS_MASK_ANY: snprintf(text, 200, "all items but the user's training items under any behaviour"); break;
    }
}

static const char *weaker(const struct ps_run *run)
{
    return run->dataset.behaviours > 1 ? run->dataset.behaviour[run->dataset.behaviours - 2] : "";
}

static void print_group(const struct ps_run *run, const struct ps_report *report, enum ps_group group, FILE *to)
{
    static const char *const title[] = {"all targets", "targets that the user had touched under a weaker behaviour",
                                        "targets that the user had not touched"};
    uint64_t count = report->row[0].metrics.targets[group];
    fprintf(to, "\n%s (%llu)\n", title[group], (unsigned long long)count);
    if (!count)
        return;
    int shown[PS_MAX_K], columns = 0;
    for (int i = 0; i < run->config.eval.k_count; i++)
        shown[columns++] = i;
    fprintf(to, "  %-14s", "HR / NDCG");
    for (int i = 0; i < columns; i++) {
        char head[16];
        snprintf(head, sizeof head, "@%d", run->config.eval.k[shown[i]]);
        fprintf(to, "  %13s", head);
    }
    fputc('\n', to);
    for (int r = 0; r < report->rows; r++) {
        fprintf(to, "  %-14s", report->row[r].model);
        for (int i = 0; i < columns; i++) {
            const struct ps_quality *q = &report->row[r].metrics.at[group][shown[i]];
            fprintf(to, "  %.4f/%.4f", q->hr, q->ndcg);
        }
        fputc('\n', to);
    }
}

/* Where a rule beats the model over all targets at the smallest K, the reader is told what that means. */
static void explain_rules(const struct ps_run *run, const struct ps_report *report, FILE *to)
{
    const struct ps_metrics *model = &report->row[0].metrics;
    int k = run->config.eval.k[0];
    double seen = 100.0 * (double)model->targets[PS_GROUP_SEEN] / (double)PS_MAX(model->targets[PS_GROUP_ALL], 1);
    for (int r = 1; r < report->rows; r++) {
        const struct ps_report_row *rule = &report->row[r];
        if (rule->metrics.at[PS_GROUP_ALL][0].ndcg <= model->at[PS_GROUP_ALL][0].ndcg)
            continue;
        if (!strcmp(rule->model, "carted_first"))
            fprintf(to, "\nThe rule carted_first beats %s at %d: %.1f %% of the targets had been touched under a weaker behaviour in "
                    "training,\nand the rule puts the user's '%s' items first, while the model's score does not know what "
                    "this user has touched.\nOver the targets that were not touched the rule falls back to popularity: "
                    "compare there.\n", report->row[0].model, k, seen, weaker(run));
        else
            fprintf(to, "\nThe rule %s beats %s at %d: the model has not learned more than which items are popular. It may "
                    "need\nmore epochs, another learning rate or more data; do not put it into production as it is.\n",
                    rule->model, report->row[0].model, k);
    }
}

void ps_report_print(const struct ps_run *run, const struct ps_report *report, FILE *to)
{
    char candidates[200];
    describe_candidates(run, candidates);
    fprintf(to, "%s: %llu targets", split_name(report->split), (unsigned long long)report->targets);
    if (report->sampled_of)
        fprintf(to, " (a fixed sample of %llu)", (unsigned long long)report->sampled_of);
    fprintf(to, ", ranked among %s (mask=%s); %s ties; means over targets\n", candidates,
            mask_name[run->config.eval.mask], ties_name[run->config.eval.ties]);
    for (int g = 0; g < PS_GROUPS; g++)
        if (g == PS_GROUP_ALL || run->dataset.behaviours > 1)
            print_group(run, report, (enum ps_group)g, to);
    explain_rules(run, report, to);
}

void ps_report_json(const struct ps_run *run, const struct ps_report *report, FILE *to)
{
    const struct ps_config *config = &run->config;
    fprintf(to, "{\"split\":\"%s\",\"protocol\":{\"candidates\":\"all items\",\"mask\":\"%s\",\"ties\":\"%s\",\"mean\":\"targets\","
            "\"targets\":%llu,\"sampled_of\":%llu},\"models\":{", split_name(report->split), mask_name[config->eval.mask],
            ties_name[config->eval.ties], (unsigned long long)report->targets, (unsigned long long)report->sampled_of);
    for (int r = 0; r < report->rows; r++) {
        const struct ps_metrics *m = &report->row[r].metrics;
        fprintf(to, "%s\"%s\":{", r ? "," : "", report->row[r].model);
        for (int g = 0; g < PS_GROUPS; g++) {
            fprintf(to, "%s\"%s\":{\"targets\":%llu", g ? "," : "", ps_group_name((enum ps_group)g),
                    (unsigned long long)m->targets[g]);
            for (int i = 0; m->targets[g] && i < config->eval.k_count; i++)
                fprintf(to, ",\"hr@%d\":%.8f,\"ndcg@%d\":%.8f,\"mrr@%d\":%.8f", config->eval.k[i], m->at[g][i].hr,
                        config->eval.k[i], m->at[g][i].ndcg, config->eval.k[i], m->at[g][i].mrr);
            fputc('}', to);
        }
        fputc('}', to);
    }
    fputs("}}", to);
}

static int write_json(const struct ps_run *run, const struct ps_training *t, const struct ps_report *report, int reports,
                      struct ps_error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        ps_die(PS_EXIT_FAIL, "out of memory for metrics.json");
    fprintf(to, "{\"model\":\"%s\",\"dataset\":\"%016llx\",\"seed\":%llu,\"blas_kernel\":\"%s\",\n"
            " \"training\":{\"epochs\":%u,\"best_epoch\":%u,\"metric\":\"%s@%d\",\"best\":%.8f,\"stopped_early\":%s,"
            "\"samples\":%llu,\"seconds\":%.3f,\"samples_per_second\":%.0f,\"validation_seconds\":%.3f,"
            "\"checkpoint_seconds\":%.3f},\n \"account\":{\"epochs\":%llu,\"expected\":%llu,\"applied\":%llu,\"repeated\":%llu,"
            "\"lost\":%llu,\"twice\":%llu},\n \"strangers\":%llu,\n \"results\":[",
            run->config.model.name, (unsigned long long)run->dataset.fingerprint,
            (unsigned long long)run->config.train.seed, ps_blas_kernel(), t->epoch, t->best_epoch,
            run->config.early_stop.metric == PS_METRIC_HR ? "hr" : "ndcg", run->config.early_stop.k, t->best,
            t->stopped_early ? "true" : "false", (unsigned long long)t->samples, t->seconds,
            (double)t->samples / PS_MAX(t->seconds, 1e-9), t->validation_seconds, t->checkpoint_seconds,
            (unsigned long long)t->account.epochs, (unsigned long long)t->account.expected, (unsigned long long)t->account.applied,
            (unsigned long long)t->account.repeated, (unsigned long long)t->account.lost, (unsigned long long)t->account.twice,
            (unsigned long long)ps_coordinator_strangers(run->coordinator));
    for (int i = 0; i < reports; i++) {
        fputs(i ? ",\n  " : "\n  ", to);
        ps_report_json(run, &report[i], to);
    }
    fputs("]}\n", to);
    fclose(to);
    char *path = ps_format("%s/metrics.json", run->folder);
    int status = ps_file_write(path, text, size, err);
    free(path);
    free(text);
    return status;
}

static double number_of(const struct ps_yaml *map, const char *key)
{
    const struct ps_yaml *node = map ? ps_yaml_get(map, key) : NULL;
    return node && node->kind == PS_YAML_SCALAR ? strtod(node->text, NULL) : 0;
}

static uint64_t count_of(const struct ps_yaml *map, const char *key)
{
    const struct ps_yaml *node = map ? ps_yaml_get(map, key) : NULL;
    return node && node->kind == PS_YAML_SCALAR ? strtoull(node->text, NULL, 10) : 0;
}

/* A run that was finished and is only reported again keeps the figures of its training: those of the report that is there. */
static void keep_training(const struct ps_run *run, struct ps_training *t)
{
    char *path = ps_format("%s/metrics.json", run->folder), *text = NULL;
    struct ps_yaml *root = NULL;
    struct ps_error ignored;
    size_t size;
    if (!ps_file_read(path, PS_YAML_BYTES, &text, &size, &ignored) &&
        !ps_yaml_load_text(text, size, path, PS_EXIT_DATA, &root, &ignored)) { /* JSON is YAML */
        const struct ps_yaml *training = ps_yaml_get(root, "training"), *account = ps_yaml_get(root, "account");
        if (count_of(training, "epochs") == t->epoch) {
            t->samples = count_of(training, "samples");
            t->seconds = number_of(training, "seconds");
            t->validation_seconds = number_of(training, "validation_seconds");
            t->checkpoint_seconds = number_of(training, "checkpoint_seconds");
            t->account = (struct ps_accounts){.epochs = count_of(account, "epochs"),
                                              .expected = count_of(account, "expected"),
                                              .applied = count_of(account, "applied"),
                                              .repeated = count_of(account, "repeated"),
                                              .lost = count_of(account, "lost"),
                                              .twice = count_of(account, "twice")};
        }
        ps_yaml_free(root);
    }
    free(text), free(path);
}

int ps_report_run(struct ps_run *run, const struct ps_training *training, struct ps_error *err)
{
    struct ps_report report[2];
    struct ps_training kept = *training, *t = &kept;
    int reports = 0, status = 0;
    if (!t->samples)
        keep_training(run, t);
    if (run->dataset.valid_count)
        status = ps_report_rank(run, PS_SPLIT_VALID, &report[reports++], err);
    if (!status && run->dataset.test_count)
        status = ps_report_rank(run, PS_SPLIT_TEST, &report[reports++], err);
    if (!status)
        status = write_json(run, t, report, reports, err);
    if (status)
        return status;
    printf("%s: %u epochs%s, %llu samples in %.1f s (%.0f k samples/s)", run->config.model.name, t->epoch,
           t->stopped_early ? " (stopped early)" : "", (unsigned long long)t->samples, t->seconds,
           1e-3 * (double)t->samples / PS_MAX(t->seconds, 1e-9));
    if (t->best_epoch)
        printf("; the best epoch by validation is %u", t->best_epoch);
    printf("\n\n");
    if (reports)
        ps_report_print(run, &report[reports - 1], stdout);
    else
        printf("The dataset holds nothing out, so nothing was ranked.\n");
    printf("\nresults: %s/metrics.json   log: %s/log.jsonl   checkpoint: %s/checkpoints/%s\n", run->folder, run->folder,
           run->folder, t->best_epoch ? "best" : "last");
    ps_runlog(run->log, "{\"event\":\"end\",\"code\":0,\"samples_per_second\":%.0f}",
              (double)t->samples / PS_MAX(t->seconds, 1e-9));
    return 0;
}
