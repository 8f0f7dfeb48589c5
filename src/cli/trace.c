/* trace.c - penstock trace: what the workers and servers of a running job do in some micro-batches, as a file for Perfetto. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "common/file.h"
#include "common/net.h"
#include "common/trace.h"

enum { KEY_STEPS = 1000 };
static const double LOOK_EVERY = 0.2; /* seconds */

struct arguments {
    const char *run, *out;
    int steps;
};

static const struct argp_option options[] = {
    {"steps", KEY_STEPS, "N", 0, "Micro-batches of each worker that are traced (default: 20)", 0},
    {"out", 'o', "FILE", 0, "File to write (default: trace.json)", 0},
    {0}};

static const char doc[] =
    "Write a trace of a running job.\v"
    "Asks every worker and server of the job in RUN to write down when it is in which phase of a micro-batch, until every worker has computed N "
    "more, and writes what they tell as a Chrome trace, by the coordinator's clock. Open it at https://ui.perfetto.dev (it stays on your "
    "machine) or in chrome://tracing. docs/monitoring.md says what the phases are, and how far the hosts' clocks can be trusted. Whoever "
    "can read RUN/keys/token may ask. Exit code 4: no coordinator is at work there; 8: it is being traced for somebody else.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_STEPS: a->steps = ps_argument_number("--steps", arg, 1, PS_TRACE_STEPS, state); return 0;
    case 'o': a->out = arg; return 0;
    case ARGP_KEY_ARG: ps_argument_only(&a->run, arg, "RUN", state); return 0;
    case ARGP_KEY_END:
        if (!a->run)
            argp_error(state, "give the folder of a running job");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int cmd_trace(int argc, char **argv)
{
    struct arguments a = {.out = "trace.json", .steps = 20};
    struct ps_asker *asker = NULL;
    struct ps_error err;
    char *text = NULL;
    argp_parse(&(struct argp){options, parse, "RUN", doc, NULL, NULL, NULL}, argc, argv, 0, NULL, &a);
    int status = ps_asker_open(a.run, &asker, &err);
    while (!status && !(text && *text)) { /* asked again, the coordinator says how far it is: nothing, and then all of it */
        if (text)
            ps_net_wait(NULL, 0, LOOK_EVERY, NULL);
        free(text);
        text = NULL;
        status = ps_asker_ask(asker, PS_ASK_TRACE, PS_ROLE_COORDINATOR, (uint64_t)a.steps, &text, &err);
    }
    if (!status)
        status = ps_file_write(a.out, text, strlen(text), &err);
    if (!status)
        printf("%s: open it at https://ui.perfetto.dev\n", a.out);
    free(text);
    ps_asker_close(asker);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : PS_OK;
}
