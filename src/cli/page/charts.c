/* charts.c - pictures of how a run went; see page.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/page/html.h"
#include "cli/page/page.h"
#include "cli/plot.h"

/* A curve over epochs: of the run, and of those beside it. */
struct curve {
    const char *title, *name;
    size_t offset; /* of the value in struct ps_story_epoch */
};

static int take_curve(const struct ps_story *story, size_t offset, double *x, double *y)
{
    int points = 0;
    for (size_t i = 0; i < story->epochs; i++) {
        double value = *(const double *)((const char *)&story->epoch[i] + offset);
        if (isfinite(value)) { /* validations may be rare: the line goes on to the next one */
            x[points] = story->epoch[i].epoch;
            y[points++] = value;
        }
    }
    return points;
}

static void put_curve(const struct ps_page *page, const struct curve *curve)
{
    const struct ps_story *story[1 + PS_COUNT(page->other)] = {&page->story};
    const char *name[PS_COUNT(story)] = {"this run"};
    struct ps_series series[PS_COUNT(story)];
    double *room[PS_COUNT(story)];
    int stories = 1, count = 0;
    for (int i = 0; i < page->others; i++) {
        story[stories] = &page->other[i].story;
        name[stories++] = page->other[i].label;
    }
    for (int i = 0; i < stories; i++) {
        size_t n = story[i]->epochs;
        double *x = room[i] = ps_malloc((2 * n + 1) * sizeof *x);
        int points = take_curve(story[i], curve->offset, x, x + n);
        if (points)
            series[count++] = (struct ps_series){.name = name[i], .points = points, .x = x, .y = x + n};
    }
    if (count && story[0]->epochs)
        ps_plot_svg(&(struct ps_plot){.title = curve->title, .x_label = "epoch", .y_label = curve->name, .series = series, .count = count,
                                      .in_page = true},
                    page->to);
    for (int i = 0; i < stories; i++)
        free(room[i]);
}

/* Each task's part of the loss. */
static void put_tasks(const struct ps_page *page)
{
    const struct ps_story *s = &page->story;
    struct ps_series series[PS_MAX_TASKS];
    double *room = ps_malloc((size_t)(2 * PS_MAX_TASKS + 1) * (s->epochs + 1) * sizeof *room);
    for (int k = 0; k < s->tasks; k++) {
        double *x = room + 2 * (size_t)k * s->epochs;
        int points = take_curve(s, offsetof(struct ps_story_epoch, task) + (size_t)k * sizeof *s->epoch->task, x, x + s->epochs);
        series[k] = (struct ps_series){.name = s->task[k], .points = points, .x = x, .y = x + s->epochs};
    }
    if (s->tasks)
        ps_plot_svg(&(struct ps_plot){.title = "Training loss, by task", .x_label = "epoch", .y_label = "loss", .series = series, .count = s->tasks,
                                      .in_page = true}, page->to);
    free(room);
}

void ps_page_curves(const struct ps_page *page)
{
    const char *at = strchr(page->story.metric, '@');
    char hr[32], ndcg[32], mrr[32];
    snprintf(hr, sizeof hr, "hr%s", at ? at : "");
    snprintf(ndcg, sizeof ndcg, "ndcg%s", at ? at : "");
    snprintf(mrr, sizeof mrr, "mrr%s", at ? at : "");
    const struct curve curves[] = {{"Training loss", "loss", offsetof(struct ps_story_epoch, loss)},
                                   {"Validation: hit rate", hr, offsetof(struct ps_story_epoch, hr)},
                                   {"Validation: NDCG", ndcg, offsetof(struct ps_story_epoch, ndcg)},
                                   {"Validation: MRR", mrr, offsetof(struct ps_story_epoch, mrr)},
                                   {"Rows on the servers", "rows", offsetof(struct ps_story_epoch, rows)}};
    if (!page->story.epochs)
        return;
    fputs("<section id=\"curves\">\n<h2>Learning curves</h2>\n<div class=\"curves\">\n", page->to);
    for (size_t i = 0; i < PS_COUNT(curves); i++)
        put_curve(page, &curves[i]);
    put_tasks(page);
    fputs("</div>\n</section>\n", page->to);
}

/* ---- speed ---- */

static const char *colour_of(enum ps_story_kind kind)
{
    switch (kind) {
    case PS_STORY_JOIN: return "#009e73";
    case PS_STORY_LOSS: return "#c0362c";
    case PS_STORY_BACK: return "#d55e00";
    default: return "#8a94a0";
    }
}

/* Marks for what touched the cluster while it trained. */
static int take_marks(const struct ps_story *s, double unit, struct ps_mark *mark)
{
    int marks = 0;
    for (size_t i = 0; i < s->events; i++) {
        const struct ps_story_event *e = &s->event[i];
        if (e->kind != PS_STORY_NOTE && e->at > s->started)
            mark[marks++] = (struct ps_mark){e->at / unit, e->text, colour_of(e->kind)};
    }
    return marks;
}

void ps_page_speed(const struct ps_page *page)
{
    const struct ps_story *s = &page->story;
    if (!s->rates)
        return;
    bool long_run = s->last > 300;
    double unit = long_run ? 60 : 1, *x = ps_malloc(2 * s->rates * sizeof *x), *y = x + s->rates;
    struct ps_mark *mark = ps_malloc((s->events + 1) * sizeof *mark);
    for (size_t i = 0; i < s->rates; i++) {
        x[i] = s->rate[i].at / unit;
        y[i] = 1e-3 * s->rate[i].rate;
    }
    struct ps_series series = {.name = "samples", .points = (int)s->rates, .x = x, .y = y};
    struct ps_plot plot = {.title = "Samples a second", .x_label = long_run ? "minutes since the beginning" : "seconds since the beginning",
                           .y_label = "thousands", .series = &series, .count = 1, .from_zero = true, .in_page = true, .wide = true,
                           .mark = mark, .marks = take_marks(s, unit, mark)};
    fputs("<section id=\"speed\">\n<h2>Speed</h2>\n<div class=\"full\">\n", page->to);
    ps_plot_svg(&plot, page->to);
    fputs("</div>\n<p class=\"soft\">Lines: <i class=\"c\" style=\"background:#009e73\"></i> joined, "
          "<i class=\"c\" style=\"background:#c0362c\"></i> lost, "
          "<i class=\"c\" style=\"background:#d55e00\"></i> went back or was taken over, "
          "<i class=\"c\" style=\"background:#8a94a0\"></i> left.</p>\n</section>\n", page->to);
    free(x), free(mark);
}

/* ---- phases ---- */

static const char *const phase_colours[PS_PHASES] = {
    [PS_PHASE_BATCH] = "#56b4e9",    [PS_PHASE_ROWS] = "#e69f00", [PS_PHASE_FORWARD] = "#0072b2",
    [PS_PHASE_BACKWARD] = "#004d7a", [PS_PHASE_PUSH] = "#009e73", [PS_PHASE_ACKS] = "#d55e00",
    [PS_PHASE_RANK] = "#cc79a7",     [PS_PHASE_READ] = "#56b4e9", [PS_PHASE_TAKE] = "#009e73",
    [PS_PHASE_APPLY] = "#0072b2",    [PS_PHASE_OTHER] = "#8a94a0", [PS_PHASE_IDLE] = "#c9d0d6"};

static double sum_phase(const struct ps_story *s, enum ps_phase phase, bool servers)
{
    double seconds = 0;
    for (size_t i = 0; i < s->epochs; i++)
        seconds += servers ? s->epoch[i].server[phase] : s->epoch[i].worker[phase];
    return seconds;
}

static void put_bar(const struct ps_page *page, const char *title, bool servers)
{
    double seconds[PS_PHASES], sum = 0;
    char text[32];
    for (int p = 0; p < PS_PHASES; p++)
        sum += seconds[p] = sum_phase(&page->story, (enum ps_phase)p, servers);
    if (!(sum > 0))
        return;
    ps_html(page->to, "h3", "%s", title);
    fputs("<div class=\"bar\">", page->to);
    for (int p = 0; p < PS_PHASES; p++)
        if (seconds[p] > 0.002 * sum)
            fprintf(page->to, "<div style=\"flex:%.4f;background:%s\" title=\"%s\"></div>", 100 * seconds[p] / sum, phase_colours[p],
                    ps_phase_meaning((enum ps_phase)p));
    fputs("</div>\n<div class=\"wide\"><table>\n<tr><th>phase</th><th></th><th class=\"n\">share</th><th class=\"n\">time</th></tr>\n", page->to);
    for (int p = 0; p < PS_PHASES; p++) {
        if (!(servers ? ps_phase_of_server((enum ps_phase)p) : ps_phase_of_worker((enum ps_phase)p)))
            continue;
        fprintf(page->to, "<tr><td><i class=\"c\" style=\"background:%s\"></i> %s</td>", phase_colours[p], ps_phase_name((enum ps_phase)p));
        ps_html(page->to, "td", "%s", ps_phase_meaning((enum ps_phase)p));
        ps_html(page->to, "td class=\"n\"", "%.1f %%", 100 * seconds[p] / sum);
        ps_html(page->to, "td class=\"n\"", "%s", ps_html_duration(seconds[p], text));
        fputs("</tr>\n", page->to);
    }
    fputs("</table></div>\n", page->to);
}

/* Shares of the workers' time by epoch: where it begins to go somewhere else, something has happened. */
static void put_shares(const struct ps_page *page)
{
    const struct ps_story *s = &page->story;
    struct ps_series series[PS_PHASES];
    int count = 0;
    double *x = ps_malloc((size_t)(PS_PHASES + 1) * (s->epochs + 1) * sizeof *x);
    for (int p = 0; p < PS_PHASES; p++) {
        double *y = x + (size_t)(count + 1) * s->epochs, most = 0;
        for (size_t i = 0; i < s->epochs; i++) {
            double sum = 0;
            for (int q = 0; q < PS_PHASES; q++)
                sum += s->epoch[i].worker[q];
            x[i] = s->epoch[i].epoch;
            y[i] = sum > 0 ? 100 * s->epoch[i].worker[p] / sum : NAN;
            most = fmax(most, y[i]);
        }
        if (most >= 5)
            series[count++] = (struct ps_series){.name = ps_phase_name((enum ps_phase)p), .points = (int)s->epochs, .x = x, .y = y,
                                                 .colour = phase_colours[p]};
    }
    if (count && s->epochs > 1) {
        fputs("<div class=\"full\">\n", page->to);
        ps_plot_svg(&(struct ps_plot){.title = "Workers, by epoch", .x_label = "epoch", .y_label = "% of the time", .series = series,
                                      .count = count, .from_zero = true, .in_page = true, .wide = true}, page->to);
        fputs("</div>\n", page->to);
    }
    free(x);
}

void ps_page_phases(const struct ps_page *page)
{
    double sum = 0;
    for (int p = 0; p < PS_PHASES; p++)
        sum += sum_phase(&page->story, (enum ps_phase)p, false) + sum_phase(&page->story, (enum ps_phase)p, true);
    if (!(sum > 0))
        return;
    fputs("<section id=\"phases\">\n<h2>Where a step's time went</h2>\n<p class=\"soft\">Over all training epochs, "
          "summed over the processes of a kind. Waiting for rows is, in sync and bounded, also waiting for the other lanes' steps.</p>\n", page->to);
    put_bar(page, "Workers", false);
    put_shares(page);
    put_bar(page, "Servers", true);
    fputs("</section>\n", page->to);
}
