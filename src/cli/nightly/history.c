/* history.c - penstock history: the nights, one a line. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/nightly/command.h"
#include "cli/nightly/version.h"

enum { KEY_CHECKS = 1000 };

struct arguments {
    struct ps_nightly nightly;
    bool checks;
};

static const struct argp_option options[] = {{"checks", KEY_CHECKS, NULL, 0, "Every check of the gate, too", 0}, {0}};

static const char doc[] = "List the nights: what came of them, their metric and production's, their log, how long they took, and why.\v"
                          "CONF is the file of 'penstock nightly'. The night that is production now has a star. All of it and more is in "
                          "NIGHTLY/nights/NIGHT/summary.json.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_CHECKS: a->checks = true; return 0;
    case ARGP_KEY_ARG:
        ps_argument_only(&a->nightly.file, arg, "CONF", state);
        return 0;
    case ARGP_KEY_END:
        if (!a->nightly.file)
            argp_error(state, "give the file of the nights");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void print_value(double value)
{
    if (isnan(value))
        printf(" %10s", "-");
    else
        printf(" %10.4f", value);
}

static void print_night(const struct ps_night *n, bool production, bool checks)
{
    uint64_t events = 0;
    for (int b = 0; b < n->log.behaviours; b++)
        events += n->log.events[b];
    printf("%c %-14s  %-13s", production ? '*' : ' ', n->name, ps_night_outcomes[n->outcome]);
    print_value(n->value);
    print_value(n->production);
    printf(" %11llu %8.1f s  %-19s %s\n", (unsigned long long)events, n->seconds, n->start, n->why);
    for (int i = 0; i < n->checks && checks; i++)
        printf("      %-7s %-20s %s\n", n->check[i].passed ? "passed" : "REFUSED", n->check[i].name, n->check[i].why);
}

int cmd_history(int argc, char **argv)
{
    static struct arguments a;
    struct ps_error err = {0};
    char production[PS_NIGHT_NAME];
    argp_parse(&(struct argp){options, parse, "CONF", doc, NULL, NULL, NULL}, argc, argv, 0, NULL, &a);
    struct ps_nightly *n = &a.nightly;
    int status = ps_nightly_open(n, &err);
    if (!status)
        status = ps_nights_list(n->folder, &n->night, &n->nights, &err);
    if (!status) {
        ps_version_production(n->folder, production);
        printf("  %-14s  %-13s %10s %10s %11s %10s  %-19s %s\n", "night", "outcome", "metric", "production", "events", "time", "start", "why");
    }
    for (int i = 0; i < n->nights && !status; i++)
        print_night(&n->night[i], !strcmp(n->night[i].name, production), a.checks);
    ps_nightly_close(n);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : PS_OK;
}
