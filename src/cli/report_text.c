/* report_text.c - a report as people read it; see report.h. */
#include "cli/report.h"

#include <string.h>

/* HR and NDCG at every K of the groups of targets. */
static void print_group(const struct ps_report *report, enum ps_metric_group group, FILE *to)
{
    static const char *const title[2][3] = {{"all targets", "targets that the user had touched under a weaker behaviour",
                                             "targets that the user had not touched"},
                                            {"all next items", "next items that training knows", "next items that training does not know"}};
    const struct ps_result *result = &report->result;
    bool sessions = result->sessions;
    uint64_t count = report->row[0].metrics.targets[group];
    fprintf(to, "\n%s (%llu)\n", title[sessions][group], (unsigned long long)count);
    if (!count)
        return;
    fprintf(to, "  %-14s", sessions ? "HR / MRR" : "HR / NDCG");
    for (int j = 0; j < result->config.eval.k_count; j++) {
        char head[16];
        snprintf(head, sizeof head, "@%d", result->config.eval.k[j]);
        fprintf(to, "  %13s", head);
    }
    fputc('\n', to);
    for (int m = 0; m < result->models; m++) {
        fprintf(to, "  %-14s", result->model[m]);
        for (int j = 0; j < result->config.eval.k_count; j++) {
            const struct ps_quality *q = &report->row[m].metrics.at[group][j];
            fprintf(to, "  %.4f/%.4f", q->hr, sessions ? q->mrr : q->ndcg);
        }
        fputc('\n', to);
    }
}

/* The same at the first K by group of users. */
static void print_users(const struct ps_report *report, FILE *to)
{
    const struct ps_result *result = &report->result;
    int bounds = result->config.eval.user_groups_count;
    if (!bounds)
        return;
    fprintf(to, "\nHR / NDCG @%d by ", result->config.eval.k[0]);
    if (result->sessions)
        fprintf(to, "how long the session is so far (targets)\n  %-14s", "");
    else
        fprintf(to, "how many items the user has in training under '%s' (targets)\n  %-14s", result->target, "");
    for (int group = PS_GROUP_HISTORY; group < ps_metric_groups(bounds); group++) {
        char name[32], head[64];
        ps_metric_group_name(group, result->config.eval.user_groups, bounds, name);
        snprintf(head, sizeof head, "%s (%llu)", name + strlen("users_"),
                 (unsigned long long)report->row[0].metrics.targets[group]);
        fprintf(to, "  %13s", head);
    }
    fputc('\n', to);
    for (int m = 0; m < result->models; m++) {
        fprintf(to, "  %-14s", result->model[m]);
        for (int group = PS_GROUP_HISTORY; group < ps_metric_groups(bounds); group++) {
            const struct ps_quality *q = &report->row[m].metrics.at[group][0];
            if (report->row[m].metrics.targets[group])
                fprintf(to, "  %.4f/%.4f", q->hr, q->ndcg);
            else
                fprintf(to, "  %13s", "-");
        }
        fputc('\n', to);
    }
}

/* Every metric of all targets at the first K, a line each. */
static void print_metrics(const struct ps_report *report, FILE *to)
{
    const struct ps_result *result = &report->result;
    const struct ps_config *config = &result->config;
    fprintf(to, "\nall targets");
    if (config->eval.bootstrap)
        fprintf(to, ", with 95 %% intervals of %d resamples of users", config->eval.bootstrap);
    fprintf(to, "\n  %-14s", "");
    for (int m = 0; m < result->models; m++)
        fprintf(to, config->eval.bootstrap ? "  %-23s" : "  %13s", result->model[m]);
    for (int c = 0; c < report->columns; c++) {
        enum ps_measure measure = report->column[c].measure;
        bool other_name = measure == PS_MEASURE_RECALL || measure == PS_MEASURE_MAP; /* of HR and MRR */
        char name[32];
        if (report->column[c].at != 0 || (other_name && config->eval.mean == PS_MEAN_TARGETS))
            continue;
        ps_column_name(report->column[c], config->eval.k, name);
        fprintf(to, "\n  %-14s", name);
        for (int m = 0; m < result->models; m++) {
            const struct ps_intervals *interval = &report->row[m].interval[PS_GROUP_ALL];
            double value = report->row[m].metrics.at[PS_GROUP_ALL][0].of[measure];
            if (config->eval.bootstrap)
                fprintf(to, "  %6.4f [%6.4f, %6.4f]", value, interval->low[c], interval->high[c]);
            else
                fprintf(to, "  %13.4f", value);
        }
    }
    if (result->ranks[0].place) {
        fprintf(to, "\n  coverage@%-5d", config->eval.k[0]);
        for (int m = 0; m < result->models; m++)
            fprintf(to, config->eval.bootstrap ? "  %6.4f %16s" : "  %13.4f%s", report->row[m].metrics.coverage[0], "");
    }
    fputc('\n', to);
}

/* Where a rule beats the model over all targets at the smallest K, the reader is told what that means. */
static void explain_rules(const struct ps_report *report, const char *weaker, FILE *to)
{
    const struct ps_metrics *model = &report->row[0].metrics;
    const char *name = report->result.model[0];
    int k = report->result.config.eval.k[0];
    double seen = 100.0 * (double)model->targets[PS_GROUP_SEEN] / (double)PS_MAX(model->targets[PS_GROUP_ALL], 1);
    for (int m = 1; m < report->result.models; m++) {
        const char *rule = report->result.model[m];
        if (report->row[m].metrics.at[PS_GROUP_ALL][0].ndcg <= model->at[PS_GROUP_ALL][0].ndcg)
            continue;
        if (!strcmp(rule, "carted_first"))
            fprintf(to, "\nThe rule carted_first beats %s at %d: %.1f %% of the targets had been touched under a weaker behaviour in "
                    "training,\nand the rule puts the user's '%s' items first, while the model's score does not know what "
                    "this user has touched.\nOver the targets that were not touched the rule falls back to popularity: "
                    "compare there.\n", name, k, seen, weaker);
        else
            fprintf(to, "\nThe rule %s beats %s at %d: the model has not learned more than which items are popular. It may "
                    "need\nmore epochs, another learning rate or more data; do not put it into production as it is.\n",
                    rule, name, k);
    }
}

void ps_report_print(const struct ps_report *report, const char *weaker, FILE *to)
{
    ps_result_describe(&report->result, to);
    for (int g = 0; g < PS_GROUP_HISTORY; g++)
        if (g == PS_GROUP_ALL || report->result.behaviours > 1 || report->result.sessions)
            print_group(report, (enum ps_metric_group)g, to);
    print_users(report, to);
    print_metrics(report, to);
    ps_report_print_tasks(report, to);
    explain_rules(report, weaker, to);
}
