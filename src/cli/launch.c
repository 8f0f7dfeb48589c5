/* launch.c - penstock launch: starts a job's mpirun groups so that the loss of any of them can be survived.
 *
 * One mpirun for the coordinator, in default mode: its exit code is the job's. One mpirun for each server, too, and one for the workers
 * of a host, in recovery mode; each entirely local to its host, so that a host can be lost. They find the coordinator through
 * RUN/state/coordinator (launch facts, section 7). The groups have process groups of their own: Ctrl-C reaches this program only,
 * which asks the coordinator to end with a checkpoint, and ends the rest when the coordinator has ended. A coordinator that is killed
 * or crashes is started again, and takes the run over while the others go on; a server that is lost has another one started in its place.
 */
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/launch.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "common/file.h"

enum { KEY_SET = 1000, KEY_RUN, KEY_SERVERS, KEY_WORKERS, KEY_HOSTS, KEY_AGENT, KEY_RESUME, KEY_FROM, MAX_RESTARTS = 5 };

/* What was killed is started again at most MAX_RESTARTS times in a row; a life longer than LONG_LIFE begins a new row. The coordinator after
 * so many seconds, twice as many each time. A server may have ended because the run has, a moment before its coordinator; but it has to be
 * back within servers.wait, so however often it dies it is not kept waiting for longer, nor for a coordinator that has just begun. */
static const double COORDINATOR_AFTER = 0.25, SERVER_AFTER = 1, LONG_LIFE = 60; /* seconds */

static const struct argp_option options[] = {
    {"servers", KEY_SERVERS, "S", 0, "Number of servers on this machine (default 1)", 0},
    {"workers", KEY_WORKERS, "W", 0, "Number of workers on this machine (default 1)", 0},
    {"hosts", KEY_HOSTS, "FILE", 0, "Lines 'HOST ROLE COUNT [ADDRESS]', ROLE one of coordinator, server, worker; replaces "
     "--servers and --workers. ADDRESS is what a server or the coordinator there binds to; without one it is cluster.interface", 0},
    {"agent", KEY_AGENT, "COMMAND", 0, "Runs a command on a host: COMMAND HOST 'shell text' (default ssh)", 0},
    {"set", KEY_SET, "KEY=VALUE", 0, "Override a key of the configuration; may be given again", 0},
    {"run", KEY_RUN, "DIR", 0, "Folder for the run (default: runs/job-TIME); on all hosts the same, shared one", 0},
    {"resume", KEY_RESUME, "RUN", 0, "Go on with a run from its newest whole checkpoint", 0},
    {"from", KEY_FROM, "NAME", 0, "With --resume: go on from this checkpoint (a folder in RUN/checkpoints) instead", 0},
    {0}};

static const char doc[] =
    "Start a training job as separate mpirun groups.\v"
    "A coordinator that is killed is started again (at most 5 times in a row) and goes on with the servers and workers that are there; "
    "so is a server. The exit code is that of the coordinator's last life. More workers may join at any time: mpirun -np K penstock join RUN.\n\n"
    "--set cluster.security=curve encrypts every socket and lets in nobody without the run's keys, which lie in RUN/keys/curve, "
    "readable by you alone. A connection then carries about a tenth of what it carried (docs/cluster.md).";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct ps_launch *a = state->input;
    switch (key) {
    case KEY_SERVERS: a->servers = ps_argument_number("--servers", arg, 1, 256, state); return 0;
    case KEY_WORKERS: a->workers = ps_argument_number("--workers", arg, 1, 256, state); return 0;
    case KEY_HOSTS: a->hosts = arg; return 0;
    case KEY_AGENT: a->agent = arg; return 0;
    case KEY_SET:
        if (a->passed_count + 2 > PS_MAX_PASSED)
            argp_error(state, "too many --set");
        a->passed[a->passed_count++] = "--set";
        a->passed[a->passed_count++] = arg;
        return 0;
    case KEY_RUN: a->run = arg; return 0;
    case KEY_RESUME: a->resume = arg; return 0;
    case KEY_FROM: a->from = arg; return 0;
    case ARGP_KEY_ARG:
        ps_argument_only(&a->conf, arg, "CONF", state);
        return 0;
    case ARGP_KEY_END:
        if (!a->conf == !a->resume)
            argp_error(state, "give either a configuration file or --resume RUN");
        if (a->from && !a->resume)
            argp_error(state, "--from names a checkpoint of the run that --resume goes on with");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* Asks the coordinator to end with a checkpoint: by mpirun, which hands SIGUSR1 on to its rank (SIGTERM it would follow by SIGKILL),
 * or on its host. */
static void ask_to_end(const struct ps_group *coordinator, const struct ps_launch *launch)
{
    if (!*coordinator->host) {
        kill(-coordinator->pid, SIGUSR1);
        return;
    }
    char *path = ps_format("%s/state/coordinator", launch->run), *text;
    size_t size;
    struct ps_meeting meeting;
    struct ps_error err;
    int status = ps_file_read(path, 1 << 16, &text, &size, &err);
    if (!status) {
        status = ps_meeting_parse(&meeting, text, path, &err);
        free(text);
    }
    if (status || meeting.failed) {
        ps_warn("cannot ask the coordinator to end: it has not begun yet");
    } else {
        char *command = ps_format("kill -USR1 %d", meeting.pid);
        pid_t child = fork();
        if (child == 0) {
            execlp(launch->agent, launch->agent, coordinator->host, command, NULL);
            _exit(PS_EXIT_FAIL);
        }
        if (child > 0)
            waitpid(child, NULL, 0);
        free(command);
    }
    free(path);
}

/* Counts one more end of a group; false: there have been too many for it to be started again. */
static bool may_start_again(struct ps_group *g)
{
    g->restarts = ps_now() - g->begun > LONG_LIFE ? 1 : g->restarts + 1;
    return g->restarts <= MAX_RESTARTS;
}

/* Whether the group's mpirun has ended since it was last asked; *code is how. */
static bool has_ended(struct ps_group *g, int *code)
{
    int status = 0;
    pid_t ended = g->pid > 0 ? waitpid(g->pid, &status, WNOHANG) : 0;
    if (!ended || (ended < 0 && errno == EINTR))
        return false;
    g->pid = 0;
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

/* Starts another server where one was lost: the coordinator waits for it, or gives it its share when it comes. One that ended well was
 * told to leave. */
static void replace(struct ps_group *g, const char *agent)
{
    int code;
    const char *host = *g->host ? g->host : "this machine";
    if (g->role != PS_ROLE_SERVER)
        return;
    if (has_ended(g, &code)) {
        ps_group_end(g, 0); /* what its mpirun has left */
        bool again = code && may_start_again(g);
        if (code && !again)
            ps_warn("a server on %s ended with code %d, for the %dth time in a row; no other one is started there", host, code, g->restarts);
        g->start_at = again ? ps_now() + SERVER_AFTER : INFINITY;
    }
    if (g->pid > 0 || ps_now() < g->start_at)
        return;
    ps_warn("a server on %s was lost; another one is started there (%d of %d)", host, g->restarts, MAX_RESTARTS);
    ps_group_start(g, agent);
}

struct supervisor {
    const struct ps_launch *launch;
    struct ps_group *group, *coordinator; /* coordinator: one of the groups */
    int groups;
    bool told; /* Ctrl-C has been handed on */
};

/* Whether the coordinator has ended, and the job with it; *code is how. One that did not end by itself (a code of 128 or more) is due
 * to be started again. */
static bool coordinator_ended(struct supervisor *s, int *code)
{
    struct ps_group *g = s->coordinator;
    if (!has_ended(g, code))
        return false;
    if (*code < 128 || s->told || !may_start_again(g))
        return true;
    g->start_at = ps_now() + ldexp(COORDINATOR_AFTER, g->restarts - 1);
    ps_warn("the coordinator ended with code %d; it is started again (%d of %d)", *code, g->restarts, MAX_RESTARTS);
    return false;
}

static void start_again(struct supervisor *s)
{
    ps_group_end(s->coordinator, 0); /* what its mpirun has left */
    ps_group_prepare(s->coordinator, s->launch, true);
    ps_group_start(s->coordinator, s->launch->agent);
}

/* The members go on with a coordinator that somebody else has started. */
static void wait_for_others(struct supervisor *s)
{
    int left = 1, code;
    fprintf(stderr, "penstock: another coordinator has taken over; the servers and workers started here go on with it\n");
    while (left && !ps_interrupted) {
        left = 0;
        for (int i = 0; i < s->groups; i++) {
            has_ended(&s->group[i], &code);
            left += s->group[i].pid > 0;
        }
        ps_net_wait(NULL, 0, 0.05, NULL);
    }
}

/* Waits for the coordinator's last life. A first Ctrl-C is handed on to the coordinator, which ends with a checkpoint. */
static int watch(struct supervisor *s)
{
    int code = 0;
    for (;;) {
        if (s->coordinator->pid ? coordinator_ended(s, &code) : ps_interrupted)
            break;
        if (!s->coordinator->pid && ps_now() >= s->coordinator->start_at)
            start_again(s);
        if (ps_interrupted && !s->told) {
            fprintf(stderr, "penstock: ending after this epoch; once more to end at once\n");
            ask_to_end(s->coordinator, s->launch);
            s->told = true;
        }
        for (int i = 0; i < s->groups && !s->told; i++)
            replace(&s->group[i], s->launch->agent);
        ps_net_wait(NULL, 0, 0.05, NULL);
    }
    if (code == PS_EXIT_SUPERSEDED)
        wait_for_others(s);
    for (int i = 0; i < s->groups; i++) /* they have been told by the coordinator, unless it died */
        ps_group_end(&s->group[i], code ? 1 : 5);
    return code;
}

/* What every member would refuse is refused once, here. */
static int check(const struct ps_launch *a, const struct ps_group *group, int groups, struct ps_error *err)
{
    struct ps_config config;
    struct ps_dataset dataset;
    const char *override[PS_MAX_PASSED / 2];
    int overrides = 0;
    for (int i = 1; i < a->passed_count; i += 2)
        override[overrides++] = a->passed[i];
    char *conf = a->resume ? ps_format("%s/config.yaml", a->resume) : ps_strdup(a->conf);
    int status = ps_config_load(&config, conf, override, overrides, err);
    free(conf);
    if (!status)
        status = ps_hosts_check(&config, group, groups, err);
    if (!status && !a->hosts) {
        status = ps_dataset_open(config.data.path, &dataset, err);
        if (!status)
            ps_dataset_close(&dataset);
    }
    return status;
}

/* A dead job's meeting point must not be found by this one's members, and a living one's must stay. */
static int clear(const struct ps_launch *a, struct ps_error *err)
{
    int lock;
    if (access(a->run, F_OK))
        return 0;
    int status = ps_run_claim(a->run, a->resume ? PS_CLAIM_RESUME : PS_CLAIM_NEW, &lock, err);
    if (!status)
        close(lock);
    return status;
}

/* All groups, as the command line names them. */
static int read_groups(struct ps_launch *a, struct ps_group *group, int *groups, struct ps_error *err)
{
    if (!a->hosts) {
        ps_groups_add(group, groups, (struct ps_group){.role = PS_ROLE_COORDINATOR, .count = 1});
        ps_groups_add(group, groups, (struct ps_group){.role = PS_ROLE_SERVER, .count = a->servers});
        ps_groups_add(group, groups, (struct ps_group){.role = PS_ROLE_WORKER, .count = a->workers});
        return 0;
    }
    int status = ps_hosts_read(a->hosts, group, groups, err);
    a->servers = a->workers = 0;
    for (int i = 0; i < *groups; i++) {
        a->servers += group[i].role == PS_ROLE_SERVER ? group[i].count : 0;
        a->workers += group[i].role == PS_ROLE_WORKER ? group[i].count : 0;
    }
    return status;
}

int cmd_launch(int argc, char **argv)
{
    static struct ps_group group[PS_MAX_GROUPS];
    struct ps_launch a = {.agent = "ssh", .servers = 1, .workers = 1};
    struct ps_error err;
    int groups = 0;
    argp_parse(&(struct argp){options, parse, "CONF\n--resume RUN", doc, NULL, NULL, NULL}, argc, argv, 0, NULL, &a);
    char *folder = a.resume || a.run ? ps_strdup(a.resume ? a.resume : a.run) : ps_run_default_folder("job");
    a.run = folder;
    ssize_t length = readlink("/proc/self/exe", a.program, sizeof a.program - 1);
    if (length < 0)
        ps_die(PS_EXIT_FAIL, "cannot find this program's own file: %s", strerror(errno));
    if (read_groups(&a, group, &groups, &err) || check(&a, group, groups, &err) || clear(&a, &err))
        ps_die(err.code, "%s", err.text);

    ps_catch_signals();
    struct supervisor supervisor = {.launch = &a, .group = group, .groups = groups};
    for (int i = 0; i < groups; i++) {
        ps_group_prepare(&group[i], &a, false);
        ps_group_start(&group[i], a.agent);
        if (group[i].role == PS_ROLE_COORDINATOR)
            supervisor.coordinator = &group[i];
    }
    PS_ASSERT(supervisor.coordinator); /* there is one in every list of groups */
    int code = watch(&supervisor);
    for (int i = 0; i < groups; i++)
        free(group[i].command);
    free(folder);
    return code;
}
