/* join.c - penstock join: servers and workers that find a running job through its folder, or by its address. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "common/boot.h"

struct arguments {
    const char *run, *bind, *key, *data;
    enum ps_role role;
    double wait;
};

static const struct argp_option options[] = {
    {"as", 'a', "ROLE", 0, "worker (default) or server", 0},
    {"bind", 'b', "ADDRESS", 0, "What a server binds to, instead of the run's cluster.interface", 0},
    {"data", 'd', "DIR", 0, "Where the dataset is on this host, if not where the coordinator has it", 0},
    {"key", 'k', "FILE", 0, "The run's keys, where it has cluster.security: curve and is joined by address: a copy of RUN/keys/curve, "
     "readable by you alone (mode 0600)", 0},
    {"wait", 'w', "SECONDS", 0, "How long to wait for the coordinator to appear (default 60, and not at all where the run has ended)", 0},
    {0}};

static const char doc[] =
    "Join a running job.\v"
    "RUN is the job's folder, or tcp://HOST:PORT, the coordinator's address (in RUN/state/coordinator), where there is no shared "
    "file system; a copy of the dataset must be there all the same (--data). Start several with mpirun -np K penstock join RUN. "
    "Workers may join at any time and get lanes within a second or two. Servers may join at any time too, and get their "
    "share of the rows at a step boundary.\n\n"
    "A worker or server leaves on SIGTERM, SIGINT or SIGUSR1: it hands its lanes back, or its rows to the other servers, and ends "
    "with code 0. kill -USR1 MPIRUN makes a whole "
    "mpirun of workers leave; on SIGTERM mpirun waits a second before and after telling them, then kills.\n\n"
    "Without cluster.interface a run listens on its own host only, and nobody can join from another one. With "
    "cluster.security: curve only a process with the run's keys can join; by folder it finds them itself.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'a':
        if (strcmp(arg, "worker") && strcmp(arg, "server"))
            argp_error(state, "--as is 'worker' or 'server', not '%s'", arg);
        a->role = strcmp(arg, "server") ? PS_ROLE_WORKER : PS_ROLE_SERVER;
        return 0;
    case 'b': a->bind = arg; return 0;
    case 'd': a->data = arg; return 0;
    case 'k': a->key = arg; return 0;
    case 'w': {
        char *end;
        a->wait = strtod(arg, &end);
        if (*end || !(a->wait > 0))
            argp_error(state, "'%s' is no number of seconds", arg);
        return 0;
    }
    case ARGP_KEY_ARG:
        ps_argument_only(&a->run, arg, "RUN", state);
        return 0;
    case ARGP_KEY_END:
        if (!a->run)
            argp_error(state, "give the folder of a running job, or tcp://HOST:PORT");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int find(const struct arguments *a, struct ps_meeting *meeting, struct ps_error *err)
{
    int status = 0;
    if (strncmp(a->run, "tcp://", 6)) {
        status = ps_meeting_find(meeting, a->run, a->wait, err);
    } else {
        *meeting = (struct ps_meeting){.start_timeout = a->wait > 0 ? a->wait : PS_MEETING_WAIT, .coordinator_timeout = 60, .io_threads = 1};
        snprintf(meeting->endpoint, sizeof meeting->endpoint, "%s", a->run);
    }
    meeting->data = a->data;
    if (!status && a->bind)
        snprintf(meeting->interface, sizeof meeting->interface, "%s", a->bind);
    if (!status && a->key && (size_t)snprintf(meeting->keys, sizeof meeting->keys, "%s", a->key) >= sizeof meeting->keys)
        status = ps_fail(err, PS_EXIT_USAGE, "the path %s is too long for a file of keys", a->key);
    return status;
}

int cmd_join(int argc, char **argv)
{
    struct arguments a = {.role = PS_ROLE_WORKER, .wait = -1};
    const struct argp argp = {options, parse, "RUN|tcp://HOST:PORT", doc, NULL, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    struct ps_error err = {0};
    struct ps_meeting meeting;
    ps_boot_die_with_parent();
    ps_catch_leave();
    int status = find(&a, &meeting, &err);
    if (!status && a.role == PS_ROLE_SERVER && !a.bind && !strncmp(a.run, "tcp://", 6))
        status = ps_fail(&err, PS_EXIT_USAGE, "a server that joins by address needs --bind ADDRESS: the address of this host that "
                         "workers can reach");
    struct ps_net *net;
    if (!status)
        status = ps_meeting_net(&meeting, &net, &err);
    if (!status) {
        status = ps_crew_join(ps_crew_start(net, &meeting, a.role == PS_ROLE_SERVER, a.role == PS_ROLE_WORKER), &err);
        ps_net_free(net);
    }
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : 0;
}
