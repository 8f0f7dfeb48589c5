/* scale.c - penstock scale: fewer workers or servers, or the command that starts more. */
#include <argp.h>
#include <stdlib.h>

#include "cli/arguments.h"
#include "cli/ask.h"
#include "cli/commands.h"

enum { KEY_WORKERS = 1000, KEY_SERVERS };

struct arguments {
    const char *run;
    int workers, servers; /* -1: not given */
};

static const struct argp_option options[] = {
    {"workers", KEY_WORKERS, "N", 0, "How many workers the run is to have", 0},
    {"servers", KEY_SERVERS, "N", 0, "How many servers, at least 1", 0},
    {0}};

static const char doc[] = "Change the number of workers or servers of a running job.\v"
                          "With fewer than there are, those that came last hand their lanes back and end with code 0, within a second or two; with 0 "
                          "the run then waits for others (cluster.worker_timeout). With more, the command that starts them is printed. Servers "
                          "that came last give their rows to the others first, while training goes on. Whoever can read RUN/keys/token may ask.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_WORKERS: a->workers = ps_argument_number("--workers", arg, 0, PS_MAX_LANES, state); return 0;
    case KEY_SERVERS: a->servers = ps_argument_number("--servers", arg, 1, PS_MAX_SHARDS, state); return 0;
    case ARGP_KEY_ARG:
        ps_argument_only(&a->run, arg, "RUN", state);
        return 0;
    case ARGP_KEY_END:
        if (!a->run || (a->workers < 0 && a->servers < 0))
            argp_error(state, "give the folder of a running job and --workers N, --servers N or both");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int ask(struct ps_asker *asker, enum ps_role role, int count, struct ps_error *err)
{
    char *answer = NULL;
    int status = count < 0 ? 0 : ps_asker_ask(asker, PS_ASK_SCALE, role, (uint64_t)count, &answer, err);
    if (answer)
        printf("%s\n", answer);
    free(answer);
    return status;
}

int cmd_scale(int argc, char **argv)
{
    struct arguments a = {.workers = -1, .servers = -1};
    const struct argp argp = {options, parse, "RUN", doc, NULL, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    struct ps_asker *asker = NULL;
    struct ps_error err;
    int status = ps_asker_open(a.run, &asker, &err);
    if (!status)
        status = ask(asker, PS_ROLE_SERVER, a.servers, &err);
    if (!status)
        status = ask(asker, PS_ROLE_WORKER, a.workers, &err);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    ps_asker_close(asker);
    return status ? err.code : 0;
}
