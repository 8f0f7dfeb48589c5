/* command.c - penstock report: a run on one page. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/page/page.h"

enum { KEY_AGAINST = 1000, KEY_OUT };

struct arguments {
    const char *run, *against, *out;
};

static const struct argp_option options[] = {{"against", KEY_AGAINST, "RUN", 0, "Another run, whose results and curves are shown beside", 0},
                                             {"out", KEY_OUT, "FILE", 0, "Where to write it (default: RUN/report.html)", 0},
                                             {0}};

static const char doc[] =
    "Write a run's report: one HTML file that needs nothing else.\v"
    "Results beside the rules that the model has to beat, by group of users and of targets; learning curves; speed over time; where a step's time "
    "went; what the cluster went through; the configuration. A run of a night has production's results and the nights before beside it. Every run "
    "writes it at its end; it can be written at any time, while a run goes on and after a crash. It only reads what is in RUN.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_AGAINST: a->against = arg; return 0;
    case KEY_OUT: a->out = arg; return 0;
    case ARGP_KEY_ARG:
        ps_argument_only(&a->run, arg, "RUN", state);
        return 0;
    case ARGP_KEY_END:
        if (!a->run)
            argp_error(state, "give the folder of a run");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int cmd_report(int argc, char **argv)
{
    struct arguments a = {0};
    struct ps_error err = {0};
    argp_parse(&(struct argp){options, parse, "RUN", doc, NULL, NULL, NULL}, argc, argv, 0, NULL, &a);
    char *version = ps_format("%s/version.yaml", a.run);
    int status = 0;
    if (!a.out && !access(version, F_OK))
        status = ps_fail(&err, PS_EXIT_USAGE,
                         "%s is a published version, in which nothing may change; say with --out where the report is to go", a.run);
    if (!status)
        status = ps_page_write(a.run, a.against, a.out, &err);
    free(version);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    else
        printf("%s%s\n", a.out ? a.out : a.run, a.out ? "" : "/report.html");
    return status ? err.code : PS_OK;
}
