/* comparison.c - see comparison.h. */
#include "cli/comparison.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/runlog.h"

/* ---- figures ---- */

static void count(const struct ps_sample *difference, int column, size_t *better, size_t *same)
{
    *better = *same = 0;
    for (size_t u = 0; u < difference->users; u++) {
        double d = difference->sum[u * (size_t)difference->columns + (size_t)column];
        *better += d > 0;
        *same += d == 0;
    }
}

void ps_compare(struct ps_sample sample[2], struct ps_comparison *to)
{
    const struct ps_chances *chances = &to->chances;
    double mean[2][PS_MAX_COLUMNS], low[PS_MAX_COLUMNS], high[PS_MAX_COLUMNS], p[PS_MAX_COLUMNS];
    for (int s = 0; s < 2; s++) {
        ps_sample_means(&sample[s], mean[s]);
        ps_bootstrap(&sample[s], chances->resamples, chances->seed, low, high);
        for (int c = 0; c < to->columns; c++)
            to->column[c].of[s] = (struct ps_estimate){mean[s][c], low[c], high[c]};
    }
    ps_sample_subtract(&sample[0], &sample[1]);
    ps_bootstrap(&sample[0], chances->resamples, chances->seed, low, high);
    ps_sign_flip(&sample[0], chances->draws, chances->seed, p);
    to->users = sample[0].users;
    for (int c = 0; c < to->columns; c++) {
        to->column[c].difference = (struct ps_estimate){mean[0][c] - mean[1][c], low[c], high[c]};
        to->column[c].p = p[c];
        count(&sample[0], c, &to->column[c].better, &to->column[c].same);
        to->column[c].worse = to->users - to->column[c].better - to->column[c].same;
    }
}

/* ---- as text, Markdown, TSV and JSON ---- */

static void print_estimate(const char *format, struct ps_estimate e)
{
    printf(format, e.value, e.low, e.high);
}

static void print_json(const struct ps_comparison *c)
{
    static const char *const keys[] = {"mean", "candidates", "mask", "ties"};
    char text[PS_JSON_TEXT];
    printf("{\"split\":\"%s\",\"group\":\"%s\",", ps_split_name(c->result->split), c->group);
    for (size_t i = 0; i < PS_COUNT(keys); i++) {
        char *key = ps_format("eval.%s", keys[i]), *value = ps_result_setting(c->result, key);
        printf("\"%s\":\"%s\",", keys[i], value);
        free(key), free(value);
    }
    printf("\"users\":%zu,\"resamples\":%d,\"draws\":%d,\"seed\":%llu,", c->users, c->chances.resamples, c->chances.draws,
           (unsigned long long)c->chances.seed);
    printf("\"first\":\"%s\",", ps_json_text(c->label[0], text));
    printf("\"second\":\"%s\",\"metrics\":{", ps_json_text(c->label[1], text));
    for (int i = 0; i < c->columns; i++) {
        printf("%s\"%s\":{", i ? "," : "", c->column[i].name);
        print_estimate("\"first\":%.8f,\"first_interval\":[%.8f,%.8f],", c->column[i].of[0]);
        print_estimate("\"second\":%.8f,\"second_interval\":[%.8f,%.8f],", c->column[i].of[1]);
        print_estimate("\"difference\":%.8f,\"interval\":[%.8f,%.8f],", c->column[i].difference);
        printf("\"p\":%.6g,\"better\":%zu,\"same\":%zu,\"worse\":%zu}", c->column[i].p, c->column[i].better, c->column[i].same,
               c->column[i].worse);
    }
    printf("}}\n");
}

static void print_tsv(const struct ps_comparison *c, bool first)
{
    if (first)
        printf("first\tsecond\tmetric\tfirst_mean\tfirst_low\tfirst_high\tsecond_mean\tsecond_low\tsecond_high\t"
               "difference\tlow\thigh\tp\tbetter\tsame\tworse\n");
    for (int i = 0; i < c->columns; i++) {
        printf("%s\t%s\t%s", c->label[0], c->label[1], c->column[i].name);
        print_estimate("\t%.8f\t%.8f\t%.8f", c->column[i].of[0]);
        print_estimate("\t%.8f\t%.8f\t%.8f", c->column[i].of[1]);
        print_estimate("\t%.8f\t%.8f\t%.8f", c->column[i].difference);
        printf("\t%.6g\t%zu\t%zu\t%zu\n", c->column[i].p, c->column[i].better, c->column[i].same, c->column[i].worse);
    }
}

static void print_table(const struct ps_comparison *c, bool markdown, bool first)
{
    const char *gap = markdown ? " | " : "  ", *edge = markdown ? "| " : "", *end = markdown ? " |" : "";
    int width[2]; /* of a column that holds "0.1234 [0.1234, 0.1234]" or the label */
    for (int s = 0; s < 2; s++)
        width[s] = PS_MAX((int)strlen(c->label[s]), 23);
    if (first)
        ps_result_describe(c->result, stdout);
    printf("%s%s: %zu users; 95 %% intervals of %d resamples of users; p of %d draws of signs\n\n", first ? "" : "\n", c->group,
           c->users, c->chances.resamples, c->chances.draws);
    printf("%s%-13s%s%-*s%s%-*s%s%-26s%s%-6s%sbetter/same/worse%s\n", edge, "", gap, width[0], c->label[0], gap, width[1],
           c->label[1], gap, "difference", gap, "p", gap, end);
    if (markdown)
        printf("|---|---|---|---|---|---|\n");
    for (int i = 0; i < c->columns; i++) {
        printf("%s%-13s", edge, c->column[i].name);
        for (int s = 0; s < 2; s++) {
            printf("%s", gap);
            print_estimate("%6.4f [%6.4f, %6.4f]", c->column[i].of[s]);
            printf("%*s", width[s] - 23, "");
        }
        printf("%s", gap);
        print_estimate("%+7.4f [%+7.4f, %+7.4f]", c->column[i].difference);
        printf("%s%-6.2g%s%zu/%zu/%zu%s\n", gap, c->column[i].p, gap, c->column[i].better, c->column[i].same, c->column[i].worse,
               end);
    }
}

void ps_comparison_print(const struct ps_comparison *comparison, enum ps_format format, bool first)
{
    switch (format) {
    case PS_FORMAT_TEXT:
    case PS_FORMAT_MARKDOWN: print_table(comparison, format == PS_FORMAT_MARKDOWN, first); break;
    case PS_FORMAT_TSV: print_tsv(comparison, first); break;
    case PS_FORMAT_JSON: print_json(comparison); break;
    }
}
