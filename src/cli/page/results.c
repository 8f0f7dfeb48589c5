/* results.c - what a run has come to, beside the rules and other runs; see page.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/page/html.h"
#include "cli/page/page.h"
#include "cli/plot.h"

enum { ROWS = 12, COLUMNS = 32, SHOWN = 8 }; /* columns: that there are, that there is room for */

/* A model's line in the tables: of the run's result, or of one beside it. */
struct row {
    char label[160];
    const struct ps_measured *from;
    const char *model;
    bool own;
};

static const struct ps_yaml *models(const struct ps_measured *m)
{
    return ps_measured_child(m->result, "models");
}

/* The model, those beside it, then the rules. */
static int take_rows(const struct ps_page *page, const struct ps_measured *m, bool test, struct row row[ROWS])
{
    const struct ps_yaml *all = models(m);
    int rows = 0;
    for (int i = 0; all && i < all->count && rows < ROWS; i++) {
        row[rows] = (struct row){.from = m, .model = all->child[i].key, .own = i == 0};
        snprintf(row[rows].label, sizeof row->label, "%s", all->child[i].key);
        rows++;
        for (int o = 0; i == 0 && test && o < page->others && rows < ROWS; o++) {
            const struct ps_page_other *other = &page->other[o];
            row[rows] = (struct row){.from = &other->test, .model = other->model};
            snprintf(row[rows++].label, sizeof row->label, "%s, %s", other->label, other->model);
        }
    }
    return rows;
}

static bool begins(const char *text, const char *head)
{
    return !strncmp(text, head, strlen(head));
}

/* The columns of the table: hit rate and NDCG, or MRR where what comes next is foretold, at every K. */
static int take_columns(const struct ps_measured *m, const char *column[COLUMNS])
{
    const struct ps_yaml *all = models(m);
    const struct ps_yaml *group = all && all->count ? ps_measured_child(&all->child[0], "all") : NULL;
    bool sessions = !strcmp(ps_measured_text(m->result, "sessions"), "true");
    int columns = 0;
    for (int i = 0; group && i < group->count && columns < COLUMNS; i++) {
        const char *key = group->child[i].key;
        if (begins(key, "hr@") || begins(key, sessions ? "mrr@" : "ndcg@"))
            column[columns++] = key;
    }
    return columns;
}

const char *ps_page_metric(const struct ps_page *page, char text[32])
{
    const char *column[COLUMNS];
    int columns = take_columns(&page->test, column);
    snprintf(text, 32, "%s", columns ? column[PS_MIN(1, columns - 1)] : "");
    const struct ps_yaml *all = models(&page->test);
    const char *wanted = ps_measured_text(ps_measured_child(page->test.root, "training"), "metric");
    if (columns && *wanted && isfinite(ps_measured_value(&page->test, all->child[0].key, "all", wanted)))
        snprintf(text, 32, "%s", wanted);
    return text;
}

static void put_card(const struct ps_page *page, const char *what, double own, double other, bool times)
{
    if (!isfinite(other))
        return;
    fputs("<div class=\"card\">", page->to);
    if (times && other > 0)
        fprintf(page->to, "<b class=\"%s\">%.2f times</b>", own > other ? "good" : "bad", own / other);
    else
        fprintf(page->to, "<b class=\"%s\">%+.1f %%</b>", own >= other ? "good" : "bad", other > 0 ? 100 * (own / other - 1) : 0);
    ps_html(page->to, "span", "%s (%.4f)", what, other);
    fputs("</div>\n", page->to);
}

void ps_page_verdict(const struct ps_page *page)
{
    char metric[32];
    const struct ps_yaml *all = models(&page->test);
    if (!all || !all->count || !*ps_page_metric(page, metric))
        return;
    double own = ps_measured_value(&page->test, all->child[0].key, "all", metric);
    fputs("<div class=\"card\">", page->to);
    ps_html(page->to, "b", "%.4f", own);
    ps_html(page->to, "span", "%s on the test", metric);
    fputs("</div>\n", page->to);
    for (int i = 1; i < all->count; i++)
        put_card(page, all->child[i].key, own, ps_measured_value(&page->test, all->child[i].key, "all", metric), true);
    for (int o = 0; o < page->others; o++)
        put_card(page, page->other[o].label, own, ps_measured_value(&page->other[o].test, page->other[o].model, "all", metric), false);
}

/* ---- tables ---- */

static void put_value(const struct ps_page *page, const struct row *row, const char *group, const char *metric, bool best)
{
    double value = ps_measured_value(row->from, row->model, group, metric);
    fputs("<td class=\"n\">", page->to);
    if (!isfinite(value))
        fputs("-", page->to);
    else
        fprintf(page->to, best ? "<b>%.4f</b>" : "%.4f", value);
    const struct ps_yaml *intervals = ps_measured_child(ps_measured_child(row->from->result, "intervals"), row->model);
    const struct ps_yaml *interval = ps_measured_child(ps_measured_child(intervals, group), metric);
    if (interval && interval->kind == PS_YAML_LIST && interval->count == 2 && interval->child[0].text && interval->child[1].text) {
        fputs("<span class=\"u\">", page->to);
        ps_html_text(page->to, "%.6s to %.6s", interval->child[0].text, interval->child[1].text);
        fputs("</span>", page->to);
    }
    fputs("</td>\n", page->to);
}

static void put_group(const struct ps_page *page, const struct row *row, int rows, const char *group, const char *title, const char *const *column,
                      int columns)
{
    const struct ps_yaml *own = ps_measured_child(ps_measured_child(models(row[0].from), row[0].model), group);
    const char *targets = ps_measured_text(own, "targets");
    if (!own)
        return;
    fprintf(page->to, "<tr class=\"head\"><th colspan=\"%d\">", columns + 1);
    ps_html_text(page->to, "%s: %s targets", title, targets);
    fputs("</th></tr>\n", page->to);
    for (int r = 0; r < rows && strcmp(targets, "0"); r++) {
        fputs(row[r].own ? "<tr class=\"own\">" : "<tr>", page->to);
        ps_html(page->to, "th", "%s", row[r].label);
        for (int c = 0; c < columns; c++) {
            double value = ps_measured_value(row[r].from, row[r].model, group, column[c]), most = value;
            for (int i = 0; i < rows; i++)
                most = fmax(most, ps_measured_value(row[i].from, row[i].model, group, column[c]));
            put_value(page, &row[r], group, column[c], value >= most);
        }
        fputs("</tr>\n", page->to);
    }
}

static void put_groups(const struct ps_page *page, const struct ps_measured *m, const struct row *row, int rows)
{
    bool sessions = !strcmp(ps_measured_text(m->result, "sessions"), "true");
    const char *column[COLUMNS];
    int columns = PS_MIN(take_columns(m, column), (int)SHOWN);
    fputs("<div class=\"wide\"><table>\n<tr><th></th>", page->to);
    for (int c = 0; c < columns; c++)
        ps_html(page->to, "th class=\"n\"", "%s", column[c]);
    fputs("</tr>\n", page->to);
    put_group(page, row, rows, "all", sessions ? "All next items" : "All targets", column, columns);
    put_group(page, row, rows, "seen",
              sessions ? "Next items that training knows" : "Targets that the user had touched under a weaker behaviour", column, columns);
    put_group(page, row, rows, "unseen", sessions ? "Next items that training does not know" : "Targets that the user had not touched",
              column, columns);
    fputs("</table></div>\n", page->to);
}

/* The users' groups, or lengths of sessions, at the smallest K. */
static void put_users(const struct ps_page *page, const struct ps_measured *m, const struct row *row, int rows, const char *metric)
{
    const struct ps_yaml *own = ps_measured_child(models(m), row[0].model);
    bool sessions = !strcmp(ps_measured_text(m->result, "sessions"), "true");
    int groups = 0;
    for (int i = 0; own && i < own->count; i++)
        groups += begins(own->child[i].key, "users_");
    if (!groups)
        return;
    ps_html(page->to, "h3", "%s by %s", metric,
            sessions ? "how long the session is so far" : "how many items the user has in training under the target behaviour");
    fputs("<div class=\"wide\"><table>\n<tr><th></th>", page->to);
    for (int i = 0; i < own->count; i++)
        if (begins(own->child[i].key, "users_"))
            ps_html(page->to, "th class=\"n\"", "%s (%s)", own->child[i].key + strlen("users_"), ps_measured_text(&own->child[i], "targets"));
    fputs("</tr>\n", page->to);
    for (int r = 0; r < rows; r++) {
        fputs(row[r].own ? "<tr class=\"own\">" : "<tr>", page->to);
        ps_html(page->to, "th", "%s", row[r].label);
        for (int i = 0; i < own->count; i++)
            if (begins(own->child[i].key, "users_"))
                put_value(page, &row[r], own->child[i].key, metric, false);
        fputs("</tr>\n", page->to);
    }
    fputs("</table></div>\n", page->to);
}

/* Every metric of all targets. */
static void put_all(const struct ps_page *page, const struct ps_measured *m, const struct row *row, int rows)
{
    const struct ps_yaml *all = ps_measured_child(ps_measured_child(models(m), row[0].model), "all");
    fputs("<details><summary>Every metric of all targets</summary>\n<div class=\"wide\"><table>\n<tr><th></th>", page->to);
    for (int r = 0; r < rows; r++)
        ps_html(page->to, "th class=\"n\"", "%s", row[r].label);
    fputs("</tr>\n", page->to);
    for (int i = 0; all && i < all->count; i++) {
        const char *metric = all->child[i].key;
        if (!strchr(metric, '@'))
            continue;
        fputs("<tr>", page->to);
        ps_html(page->to, "th", "%s", metric);
        for (int r = 0; r < rows; r++)
            put_value(page, &row[r], "all", metric, false);
        fputs("</tr>\n", page->to);
    }
    fputs("</table></div></details>\n", page->to);
}

/* A measure over K, with a line for each model. */
static void put_over_k(const struct ps_page *page, const struct row *row, int rows, const char *const *column, int columns,
                       const char *measure, const char *title)
{
    double x[COLUMNS], y[ROWS][COLUMNS];
    struct ps_series series[ROWS];
    int points = 0;
    for (int c = 0; c < columns; c++) {
        if (!begins(column[c], measure))
            continue;
        x[points] = strtod(column[c] + strlen(measure), NULL);
        for (int r = 0; r < rows; r++)
            y[r][points] = ps_measured_value(row[r].from, row[r].model, "all", column[c]);
        points++;
    }
    for (int r = 0; r < rows; r++)
        series[r] = (struct ps_series){.name = row[r].label, .points = points, .x = x, .y = y[r]};
    if (points > 1)
        ps_plot_svg(&(struct ps_plot){.title = title, .x_label = "K", .y_label = "", .series = series, .count = rows, .from_zero = true,
                                      .in_page = true}, page->to);
}

/* The groups of targets beside each other, at one K. */
static void put_by_group(const struct ps_page *page, const struct row *row, int rows, const char *metric)
{
    static const char *const key[] = {"all", "seen", "unseen"};
    double x[PS_COUNT(key)], y[ROWS][PS_COUNT(key)];
    struct ps_series series[ROWS];
    char title[64];
    snprintf(title, sizeof title, "%s by group of targets", metric);
    for (int r = 0; r < rows; r++) {
        for (size_t g = 0; g < PS_COUNT(key); g++) {
            x[g] = (double)g;
            y[r][g] = ps_measured_value(row[r].from, row[r].model, key[g], metric);
        }
        series[r] = (struct ps_series){.name = row[r].label, .points = PS_COUNT(key), .x = x, .y = y[r]};
    }
    ps_plot_svg(&(struct ps_plot){.title = title, .x_label = "", .y_label = "", .category = key, .categories = PS_COUNT(key),
                                  .series = series, .count = rows,
                                  .from_zero = true, .in_page = true}, page->to);
}

/* Feedback and gates of a model with several tasks. */
static void put_tasks(const struct ps_page *page, const struct ps_measured *m)
{
    const struct ps_yaml *feedback = ps_measured_child(m->result, "feedback"), *gates = ps_measured_child(m->result, "gates");
    if (!feedback)
        return;
    ps_html(page->to, "h3", "Feedback on items that came next or were shown (%s)", ps_measured_text(feedback, "events"));
    fputs("<div class=\"wide\"><table>\n<tr><th></th><th class=\"n\">positives</th><th class=\"n\">AUC</th>"
          "<th class=\"n\">log loss</th></tr>\n", page->to);
    for (int i = 0; i < feedback->count; i++) {
        const struct ps_yaml *f = &feedback->child[i];
        if (f->kind != PS_YAML_MAP)
            continue;
        fputs("<tr>", page->to);
        ps_html(page->to, "th", "%s", f->key);
        ps_html(page->to, "td class=\"n\"", "%s", ps_measured_text(f, "positives"));
        ps_html(page->to, "td class=\"n\"", "%.6s", *ps_measured_text(f, "auc") ? ps_measured_text(f, "auc") : "-");
        ps_html(page->to, "td class=\"n\"", "%.6s", ps_measured_text(f, "log_loss"));
        fputs("</tr>\n", page->to);
    }
    fputs("</table></div>\n", page->to);
    for (int i = 0; gates && i < gates->count; i++) {
        const struct ps_yaml *load = ps_measured_child(&gates->child[i], "load");
        fputs("<p>", page->to);
        ps_html_text(page->to, "Gate of %s: entropy %.5s, experts", gates->child[i].key, ps_measured_text(&gates->child[i], "entropy"));
        for (int e = 0; load && load->kind == PS_YAML_LIST && e < load->count; e++)
            ps_html_text(page->to, " %.4s", load->child[e].text ? load->child[e].text : "");
        fputs("</p>\n", page->to);
    }
}

static void put_protocol(const struct ps_page *page, const struct ps_measured *m)
{
    fputs("<p class=\"soft\">", page->to);
    ps_html_text(page->to, "%s targets ranked among %s (mask=%s); %s ties; means over %s.", ps_measured_protocol(m, "targets"),
                 ps_measured_protocol(m, "candidates"),
                 ps_measured_protocol(m, "mask"), ps_measured_protocol(m, "ties"), ps_measured_protocol(m, "mean"));
    if (ps_measured_child(m->result, "intervals"))
        ps_html_text(page->to, " Below the values: 95 %% intervals of %s resamples of users.",
                     ps_measured_text(ps_measured_child(m->result, "intervals"), "resamples"));
    fputs("</p>\n", page->to);
}

void ps_page_results(const struct ps_page *page, const struct ps_measured *m, const char *split)
{
    struct row row[ROWS];
    bool test = !strcmp(split, "test");
    int rows = take_rows(page, m, test, row);
    const char *column[COLUMNS];
    int columns = take_columns(m, column);
    if (!rows || !columns)
        return;
    if (!test)
        fputs("<details><summary>The same on the validation targets</summary>\n", page->to);
    put_protocol(page, m);
    if (test) {
        char metric[32];
        fputs("<div class=\"curves\">\n", page->to);
        put_over_k(page, row, rows, column, columns, "hr@", "Hit rate by K");
        put_over_k(page, row, rows, column, columns, "ndcg@", "NDCG by K");
        put_over_k(page, row, rows, column, columns, "mrr@", "MRR by K");
        put_by_group(page, row, rows, ps_page_metric(page, metric));
        fputs("</div>\n", page->to);
    }
    put_groups(page, m, row, rows);
    put_users(page, m, row, rows, column[PS_MIN(1, columns - 1)]);
    put_tasks(page, m);
    put_all(page, m, row, rows);
    if (!test)
        fputs("</details>\n", page->to);
}
