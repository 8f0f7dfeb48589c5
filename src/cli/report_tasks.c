/* report_tasks.c - the part of a report that is about feedback: how well each is foretold, and what the gates did; see report.h. */
#include "cli/report.h"

#include <math.h>

#include "cli/offline.h"

int ps_report_judge(struct ps_report *report, const struct ps_model *model, const char *run, const char *checkpoint, const char *const *override,
                    int overrides, struct ps_error *err)
{
    if (!model->class_->judge)
        return 0;
    struct ps_offline offline;
    int status = ps_offline_open(&offline, run, checkpoint, override, overrides, err);
    if (status)
        return status;
    for (int k = 0; k < PS_MAX_FEEDBACKS; k++)
        snprintf(report->feedback[k], sizeof report->feedback[k], "%s", offline.dataset.sessions.feedback_name[k]);
    status = ps_judge(&offline.model, &offline.source, report->result.split, &report->judged, err);
    ps_offline_close(&offline);
    return status;
}

static const char *task_name(const struct ps_report *report, int task)
{
    return task ? report->feedback[task - 1] : "next item";
}

void ps_report_print_tasks(const struct ps_report *report, FILE *to)
{
    const struct ps_judgement *j = &report->judged;
    if (!j->feedbacks)
        return;
    fprintf(to, "\nfeedback on items that came next or were shown (%llu)\n  %-14s  %9s  %8s  %8s\n", (unsigned long long)j->events, "", "positives",
            "AUC", "log loss");
    for (int k = 0; k < j->feedbacks; k++) {
        fprintf(to, "  %-14s  %9llu  ", report->feedback[k], (unsigned long long)j->feedback[k].positives);
        if (isnan(j->feedback[k].auc))
            fprintf(to, "%8s", "n/a");
        else
            fprintf(to, "%8.4f", j->feedback[k].auc);
        fprintf(to, "  %8.4f%s\n", j->feedback[k].log_loss, j->feedback[k].positives < PS_FEW_POSITIVES ? "  (too few positives to say much)" : "");
    }
    for (int k = 0; k <= j->feedbacks; k++) {
        if (!j->experts[k])
            continue;
        fprintf(to, "%s  %-14s  entropy %.3f of %.3f, experts", k ? "" : "gates\n", task_name(report, k), j->entropy[k],
                log((double)j->experts[k]));
        for (int e = 0; e < j->experts[k]; e++)
            fprintf(to, " %.2f", j->load[k][e]);
        fputc('\n', to);
    }
}

void ps_report_json_tasks(const struct ps_report *report, FILE *to)
{
    const struct ps_judgement *j = &report->judged;
    if (!j->feedbacks)
        return;
    fprintf(to, ",\"feedback\":{\"events\":%llu", (unsigned long long)j->events);
    for (int k = 0; k < j->feedbacks; k++) {
        fprintf(to, ",\"%s\":{\"positives\":%llu,", report->feedback[k], (unsigned long long)j->feedback[k].positives);
        if (!isnan(j->feedback[k].auc))
            fprintf(to, "\"auc\":%.8f,", j->feedback[k].auc);
        fprintf(to, "\"log_loss\":%.8f}", j->feedback[k].log_loss);
    }
    fputs("}", to);
    const char *between = ",\"gates\":{";
    for (int k = 0; k <= j->feedbacks; k++) {
        if (!j->experts[k])
            continue;
        fprintf(to, "%s\"%s\":{\"entropy\":%.6f,\"load\":[", between, task_name(report, k), j->entropy[k]);
        for (int e = 0; e < j->experts[k]; e++)
            fprintf(to, "%s%.6f", e ? "," : "", j->load[k][e]);
        fputs("]}", to);
        between = ",";
    }
    if (between[1] == 0)
        fputc('}', to);
}
