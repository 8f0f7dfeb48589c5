/* page.h - RUN/report.html: a run on one page, by the files that it has left (log.jsonl, metrics.json, config.yaml).
 *
 * One self-contained file: no scripts, pictures as inline SVG, nothing from the network. It is XML too, and everything that comes from outside
 * is escaped. It can be made while a run goes on, after its end, and after a crash: what is not there yet is left out.
 */
#ifndef PS_CLI_PAGE_H
#define PS_CLI_PAGE_H

#include "cli/measured.h"
#include "cli/nightly/night.h"
#include "cli/page/story.h"
#include "common/config.h"

/* Another result that the run's is set beside. */
struct ps_page_other {
    char label[96];
    struct ps_measured test; /* owned */
    struct ps_story story;   /* owned; without epochs where there is no log */
    char model[PS_NAME_SIZE];
};

struct ps_page {
    FILE *to;
    const char *run; /* borrowed */
    char *name;      /* of its folder; owned */
    struct ps_story story;
    struct ps_measured valid, test; /* nothing in them before the run's end */
    bool configured;
    struct ps_config config;
    struct ps_page_other other[2];
    int others;
    struct ps_night *night; /* owned: where the run is a night's, all of them, oldest first */
    int nights;
    char tonight[PS_NIGHT_NAME];
};

/* Writes the page, whole or not at all, to `out` (NULL: RUN/report.html). `against`: another run whose results and curves are shown beside, or NULL;
 * a run of a night has production's beside it by itself. Errors: PS_EXIT_DATA where run (or against) is none. */
int ps_page_write(const char *run, const char *against, const char *out, struct ps_error *err);

/* charts.c: learning curves; speed over time with what happened; where the time went. */
void ps_page_curves(const struct ps_page *page);
void ps_page_speed(const struct ps_page *page);
void ps_page_phases(const struct ps_page *page);
/* results.c: "nmtr_neumf 0.1577, 6.3 times popularity" for the head; the tables and pictures of a split. */
void ps_page_verdict(const struct ps_page *page);
void ps_page_results(const struct ps_page *page, const struct ps_measured *measured, const char *split);
/* nights.c: the nights before. */
void ps_page_nights(const struct ps_page *page);
/* The metric that the run was steered by, if its results have it; otherwise one that they have. "" without results. */
const char *ps_page_metric(const struct ps_page *page, char text[32]);

#endif
