/* page.c - a run's report as a page: what is read, and the order in which it is told; see page.h. */
#include "cli/page/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/page/html.h"
#include "cli/run.h"
#include "common/file.h"
#include "common/schema.h"

/* ---- what is read ---- */

/* The last part of a path, whole where it has no other. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* The night that a run belongs to: RUN is NIGHTLY/nights/NIGHT/run, or a version of it, NIGHTLY/versions/NIGHT. */
static char *find_nightly(const char *absolute, char night[PS_NIGHT_NAME])
{
    char *path = ps_strdup(absolute), *nightly = NULL, *slash = strrchr(path, '/');
    if (slash && !strcmp(slash, "/run"))
        *slash = 0;
    slash = strrchr(path, '/');
    if (slash && strlen(slash + 1) < PS_NIGHT_NAME) {
        snprintf(night, PS_NIGHT_NAME, "%s", slash + 1);
        *slash = 0;
        slash = strrchr(path, '/');
    }
    if (slash && (!strcmp(slash, "/nights") || !strcmp(slash, "/versions"))) {
        *slash = 0;
        char *summary = ps_format("%s/nights/%s/summary.json", path, night);
        nightly = access(summary, R_OK) ? NULL : ps_strdup(path);
        free(summary);
    }
    free(path);
    return nightly;
}

static void add_other(struct ps_page *page, const char *label, const char *results, const char *run)
{
    struct ps_error ignored;
    struct ps_page_other *other = &page->other[page->others];
    if (ps_measured_open(&other->test, results, "test", &ignored))
        return;
    const struct ps_yaml *models = other->test.result ? ps_yaml_get(other->test.result, "models") : NULL;
    snprintf(other->label, sizeof other->label, "%s", label);
    snprintf(other->model, sizeof other->model, "%s", models && models->count ? models->child[0].key : "");
    if (!run || ps_story_read(&other->story, run, &ignored))
        other->story = (struct ps_story){0};
    page->others++;
}

/* Tonight and the nights before it; production's result on tonight's split. */
static void read_nights(struct ps_page *page, const char *nightly)
{
    struct ps_error ignored;
    if (ps_nights_list(nightly, &page->night, &page->nights, &ignored))
        page->nights = 0;
    while (page->nights && strcmp(page->night[page->nights - 1].name, page->tonight) > 0)
        page->nights--; /* later ones */
    if (!page->nights || !*page->night[page->nights - 1].against)
        return;
    char *label = ps_format("production (%s)", page->night[page->nights - 1].against);
    char *results = ps_night_path(nightly, page->tonight, "production.json");
    add_other(page, label, results, NULL);
    free(label), free(results);
}

static int read_run(struct ps_page *page, const char *against, struct ps_error *err)
{
    char *results = ps_format("%s/metrics.json", page->run), *absolute = realpath(page->run, NULL), *nightly = NULL;
    struct ps_error ignored;
    int status = ps_story_read(&page->story, page->run, err);
    page->name = ps_strdup(base_name(absolute ? absolute : page->run));
    if (!status && ps_measured_open(&page->test, results, "test", &ignored) == 0) /* neither before the end of the run */
        ps_measured_open(&page->valid, results, "valid", &ignored);
    page->configured = !ps_run_config(page->run, NULL, 0, &page->config, &ignored);
    if (absolute && (nightly = find_nightly(absolute, page->tonight)))
        read_nights(page, nightly);
    if (!status && against) {
        char *other = ps_format("%s/metrics.json", against);
        status = access(other, R_OK) ? ps_fail_errno(err, PS_EXIT_DATA, "%s has no results to be set beside: cannot read %s", against, other) : 0;
        if (!status)
            add_other(page, against, other, against);
        free(other);
    }
    free(results), free(absolute), free(nightly);
    return status;
}

/* ---- what is written ---- */

static void card(FILE *to, const char *what, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void card(FILE *to, const char *what, const char *format, ...)
{
    char value[96];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    fputs("<div class=\"card\">", to);
    ps_html(to, "b", "%s", value);
    ps_html(to, "span", "%s", what);
    fputs("</div>\n", to);
}

static void put_state(const struct ps_page *page)
{
    const struct ps_story *s = &page->story;
    char *meeting = ps_format("%s/state/coordinator", page->run);
    bool there = !access(meeting, F_OK);
    free(meeting);
    if (s->ended && !s->code)
        ps_html(page->to, "span class=\"state good\"", "finished");
    else if (s->ended)
        ps_html(page->to, "span class=\"state bad\"", "ended with exit code %d", s->code);
    else
        ps_html(page->to, "span class=\"state warn\"", there ? "not over: it goes on, or its coordinator was killed" : "not over: it was cut short");
}

static void put_head(const struct ps_page *page)
{
    const struct ps_story *s = &page->story;
    const struct ps_yaml *training = page->test.root ? ps_yaml_get(page->test.root, "training") : NULL;
    char duration[32], now[32];
    double samples = 0, seconds = 0;
    bool early = !strcmp(ps_measured_text(training, "stopped_early"), "true");
    ps_html(page->to, "h1", "%s", page->name);
    fputs("<p>", page->to);
    put_state(page);
    ps_timestamp(now);
    ps_html_text(page->to, " · %s on %s · written %s by penstock " PS_VERSION, page->configured ? page->config.model.name : "a model",
                 page->configured ? base_name(page->config.data.path) : "some data", now);
    fputs("</p>\n<div class=\"cards\">\n", page->to);
    ps_page_verdict(page);
    for (size_t i = 0; i < s->epochs; i++) {
        samples += isfinite(s->epoch[i].samples) ? s->epoch[i].samples : 0;
        seconds += isfinite(s->epoch[i].seconds) ? s->epoch[i].seconds : 0;
    }
    card(page->to, "from beginning to end", "%s", ps_html_duration(s->last, duration));
    if (training && strcmp(ps_measured_text(training, "best_epoch"), "0"))
        card(page->to, early ? "epochs, the best one; stopped early" : "epochs, the best one", "%s / %s",
             ps_measured_text(training, "epochs"), ps_measured_text(training, "best_epoch"));
    else
        card(page->to, "epochs so far", "%zu", s->epochs);
    if (seconds > 0)
        card(page->to, "thousand samples a second in training", "%.0f", 1e-3 * samples / seconds);
    fputs("</div>\n", page->to);
    if (s->lost || s->twice)
        ps_html(page->to, "p class=\"bad\"", "The account is wrong: %llu micro-batches are lost and %llu were applied more than once.",
                (unsigned long long)s->lost, (unsigned long long)s->twice);
}

static void put_events(const struct ps_page *page)
{
    enum { HEAD = 100, TAIL = 200 };
    const struct ps_story *s = &page->story;
    static const char *const look[] = {[PS_STORY_JOIN] = "good", [PS_STORY_LEAVE] = "soft", [PS_STORY_LOSS] = "bad",
                                       [PS_STORY_BACK] = "warn", [PS_STORY_NOTE] = ""};
    char text[32];
    fputs("<section id=\"events\">\n<h2>What the cluster went through</h2>\n<div class=\"wide\"><table>\n", page->to);
    for (size_t i = 0; i < s->events; i++) {
        if (s->events > HEAD + TAIL && i == HEAD) {
            i = s->events - TAIL;
            fputs("<tr><td></td><td class=\"soft\">", page->to);
            ps_html_text(page->to, "%zu more, in log.jsonl", s->events - HEAD - TAIL);
            fputs("</td></tr>\n", page->to);
        }
        fputs("<tr>", page->to);
        ps_html(page->to, "td class=\"n\"", "%s", ps_html_duration(s->event[i].at, text));
        fprintf(page->to, "<td class=\"%s\">", look[s->event[i].kind]);
        ps_html_text(page->to, "%s", s->event[i].text);
        fputs("</td></tr>\n", page->to);
    }
    fputs("</table></div>\n<p>", page->to);
    ps_html_text(page->to,
                 "%llu lanes changed hands, the longest in %.3f s. %llu micro-batches were asked for and applied, "
                 "%llu pushes came a second time and were dropped. ",
                 (unsigned long long)s->handovers, s->handover_longest, (unsigned long long)s->micro_batches, (unsigned long long)s->repeated);
    ps_html_text(page->to, "%llu checkpoints were written in %.1f s, the last of %.1f MB; none kept a request waiting for longer than %.1f ms.",
                 (unsigned long long)s->checkpoints, s->checkpoint_seconds, 1e-6 * (double)s->checkpoint_bytes, 1e3 * s->checkpoint_pause);
    if (s->unread)
        ps_html_text(page->to, " %d lines of the log could not be read.", s->unread);
    fputs("</p>\n</section>\n", page->to);
}

static void put_config(const struct ps_page *page)
{
    struct ps_config defaults = {0};
    if (!page->configured)
        return;
    ps_schema_init(&ps_config_schema, &defaults);
    fputs("<section id=\"configuration\">\n<h2>Configuration</h2>\n<div class=\"wide\"><table>\n<tr><th>key</th><th>value</th>"
          "<th>default</th></tr>\n", page->to);
    for (int i = 0; i < ps_config_schema.count; i++) {
        const struct ps_key *key = &ps_config_schema.key[i];
        char *value = ps_key_print(key, &page->config), *usual = ps_key_print(key, &defaults);
        if (strcmp(value, usual)) {
            fputs("<tr>", page->to);
            ps_html(page->to, "th", "%s", key->path);
            ps_html(page->to, "td", "%s", value);
            ps_html(page->to, "td class=\"soft\"", "%s", usual);
            fputs("</tr>\n", page->to);
        }
        free(value), free(usual);
    }
    char *all = ps_config_write(&page->config);
    fputs("</table></div>\n<details><summary>All keys</summary>\n<pre>", page->to);
    for (char *line = all, *end; *line; line = end + 1) { /* the escape makes blanks of line ends */
        end = line + strcspn(line, "\n");
        ps_html_text(page->to, "%.*s", (int)(end - line), line);
        fputc('\n', page->to);
        if (!*end)
            break;
    }
    fputs("</pre></details>\n</section>\n", page->to);
    free(all);
}

static void put_page(const struct ps_page *page)
{
    ps_html_begin(page->to, page->name);
    put_head(page);
    if (page->test.result || page->valid.result) {
        fputs("<section id=\"results\">\n<h2>Results</h2>\n", page->to);
        ps_page_results(page, &page->test, "test");
        ps_page_results(page, &page->valid, "valid");
        fputs("</section>\n", page->to);
    }
    ps_page_nights(page);
    ps_page_curves(page);
    ps_page_speed(page);
    ps_page_phases(page);
    put_events(page);
    put_config(page);
    ps_html_end(page->to);
}

int ps_page_write(const char *run, const char *against, const char *out, struct ps_error *err)
{
    struct ps_page *page = ps_calloc(1, sizeof *page);
    char *all = NULL, *path = out ? ps_strdup(out) : ps_format("%s/report.html", run);
    struct ps_text text;
    page->run = run;
    int status = read_run(page, against, err);
    if (!status) {
        page->to = ps_text_open(&text);
        put_page(page);
        all = ps_text_close(&text);
        status = ps_file_write(path, all, text.size, err);
    }
    ps_story_free(&page->story);
    ps_measured_close(&page->test);
    ps_measured_close(&page->valid);
    for (int i = 0; i < page->others; i++) {
        ps_measured_close(&page->other[i].test);
        ps_story_free(&page->other[i].story);
    }
    free(page->night), free(page->name), free(page), free(all), free(path);
    return status;
}
