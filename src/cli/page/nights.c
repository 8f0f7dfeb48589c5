/* nights.c - the nights before that of the run; see page.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/page/html.h"
#include "cli/page/page.h"
#include "cli/plot.h"

enum { SHOWN = 30 };

static void put_value(FILE *to, double value)
{
    if (isnan(value))
        ps_html(to, "td class=\"n\"", "-");
    else
        ps_html(to, "td class=\"n\"", "%.4f", value);
}

static void put_row(const struct ps_page *page, const struct ps_night *n)
{
    uint64_t events = 0;
    char text[32];
    for (int b = 0; b < n->log.behaviours; b++)
        events += n->log.events[b];
    fputs(strcmp(n->name, page->tonight) ? "<tr>" : "<tr class=\"own\">", page->to);
    ps_html(page->to, "th", "%s", n->name);
    ps_html(page->to, n->outcome == PS_NIGHT_PUBLISHED ? "td class=\"good\"" : "td", "%s", ps_night_outcomes[n->outcome]);
    put_value(page->to, n->value);
    put_value(page->to, n->production);
    ps_html(page->to, "td class=\"n\"", "%llu", (unsigned long long)events);
    ps_html(page->to, "td class=\"n\"", "%s", ps_html_duration(n->seconds, text));
    ps_html(page->to, "td", "%s", n->start);
    ps_html(page->to, "td", "%s", n->why);
    fputs("</tr>\n", page->to);
}

void ps_page_nights(const struct ps_page *page)
{
    int first = PS_MAX(page->nights - SHOWN, 0), count = page->nights - first;
    if (!count)
        return;
    const struct ps_night *night = page->night + first, *last = &night[count - 1];
    double *x = ps_malloc((size_t)count * 3 * sizeof *x), *own = x + count, *production = own + count;
    for (int i = 0; i < count; i++) {
        x[i] = i - (count - 1);
        own[i] = night[i].value;
        production[i] = night[i].production;
    }
    struct ps_series series[] = {{.name = "the night's model", .points = count, .x = x, .y = own},
                                 {.name = "production then", .points = count, .x = x, .y = production}};
    fputs("<section id=\"nights\">\n<h2>The nights before</h2>\n<div class=\"curves\">\n", page->to);
    ps_plot_svg(&(struct ps_plot){.title = *last->metric ? last->metric : "metric", .x_label = "nights, tonight at 0", .y_label = "",
                                  .series = series, .count = PS_COUNT(series), .in_page = true}, page->to);
    fputs("</div>\n<div class=\"wide\"><table>\n<tr><th>night</th><th>outcome</th><th class=\"n\">metric</th><th class=\"n\">production</th>"
          "<th class=\"n\">events</th><th class=\"n\">time</th><th>start</th><th>why</th></tr>\n", page->to);
    for (int i = count - 1; i >= 0; i--)
        put_row(page, &night[i]);
    fputs("</table></div>\n", page->to);
    for (int i = 0; i < last->checks; i++) {
        fprintf(page->to, "<p><span class=\"%s\">%s</span> ", last->check[i].passed ? "good" : "bad", last->check[i].passed ? "passed" : "refused");
        ps_html_text(page->to, "%s: %s", last->check[i].name, last->check[i].why);
        fputs("</p>\n", page->to);
    }
    fputs("</section>\n", page->to);
    free(x);
}
