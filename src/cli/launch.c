/* launch.c - penstock launch: starts a job's mpirun groups so that the loss of any of them can be survived.
 *
 * One mpirun for the coordinator, in default mode: its exit code is the job's. One mpirun per host and role for servers and
 * workers, in recovery mode, each entirely local to its host, so that a host can be lost. They find the coordinator through
 * RUN/state/coordinator (launch facts, section 7). The groups have process groups of their own: Ctrl-C reaches this program only,
 * which asks the coordinator to end after the epoch, and ends the rest when the coordinator has ended. A coordinator that is killed
 * or crashes is started again, and takes the run over while the others go on.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "common/file.h"

static const double RESTART_AFTER = 1; /* seconds */
enum { KEY_SET = 1000, KEY_RUN, KEY_SERVERS, KEY_WORKERS, KEY_HOSTS, KEY_AGENT, KEY_RESUME, KEY_FROM, MAX_PASSED = 512,
       MAX_GROUPS = 256, MAX_RESTARTS = 5 };

/* A coordinator that was killed is started again after this many seconds, twice as many each time; one that lived for LONG_LIFE begins
 * anew with both counts. */
static const double FIRST_BACKOFF = 0.25, NEW_LIFE = 5, LONG_LIFE = 60;

struct arguments {
    const char *conf, *run, *resume, *from, *hosts, *agent;
    const char *passed[MAX_PASSED]; /* --set options, handed on to the coordinator */
    int passed_count, servers, workers;
};

/* One mpirun. */
struct group {
    char host[128]; /* "" is this machine */
    enum ps_role role;
    int count;
    char bind[128];
    char session[128]; /* on this machine: a folder for mpirun's own files, or "" */
    char *command;     /* owned: its shell text */
    pid_t pid;
    double ended; /* when */
};

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
    "A coordinator that is killed is started again (at most 5 times in a row) and goes on with the servers and workers that are there. "
    "The exit code is its last life's. More workers may join at any time: mpirun -np K penstock join RUN.\n\n"
    "--set cluster.security=curve encrypts every socket and lets in nobody without the run's keys, which lie in RUN/keys/curve, "
    "readable by you alone. A connection then carries about a tenth of what it carried (docs/cluster.md).";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_SERVERS: a->servers = ps_argument_number("--servers", arg, 1, 256, state); return 0;
    case KEY_WORKERS: a->workers = ps_argument_number("--workers", arg, 1, 256, state); return 0;
    case KEY_HOSTS: a->hosts = arg; return 0;
    case KEY_AGENT: a->agent = arg; return 0;
    case KEY_SET:
        if (a->passed_count + 2 > MAX_PASSED)
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

/* ---- groups ---- */

/* One line of a hosts file, which is cut up; false where it makes no sense. */
static bool read_host(char *line, struct group *g)
{
    char *rest = NULL, *end;
    const char *host = strtok_r(line, " \t\r", &rest), *role = strtok_r(NULL, " \t\r", &rest);
    const char *count = strtok_r(NULL, " \t\r", &rest), *bind = strtok_r(NULL, " \t\r", &rest);
    if (!count || strtok_r(NULL, " \t\r", &rest) || strlen(host) >= sizeof g->host ||
        (bind && strlen(bind) >= sizeof g->bind))
        return false;
    *g = (struct group){.role = !strcmp(role, "coordinator") ? PS_ROLE_COORDINATOR : !strcmp(role, "server") ? PS_ROLE_SERVER
                                : !strcmp(role, "worker")    ? PS_ROLE_WORKER : 0};
    snprintf(g->host, sizeof g->host, "%s", host);
    snprintf(g->bind, sizeof g->bind, "%s", bind ? bind : "");
    long number = strtol(count, &end, 10);
    g->count = (int)number;
    return !*end && g->role && number >= 1 && number <= (g->role == PS_ROLE_COORDINATOR ? 1 : 256);
}

static int read_hosts(const char *path, struct group *group, int *groups, struct ps_error *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return ps_fail_errno(err, PS_EXIT_USAGE, "cannot read the hosts file %s", path);
    char line[512];
    int number = 0, status = 0, coordinators = 0, servers = 0, workers = 0;
    while (!status && fgets(line, sizeof line, file)) {
        number++;
        line[strcspn(line, "#\n")] = 0;
        if (line[strspn(line, " \t")] == 0)
            continue;
        if (*groups == MAX_GROUPS) {
            status = ps_fail(err, PS_EXIT_USAGE, "%s:%d: more than %d lines", path, number, MAX_GROUPS);
            break;
        }
        struct group *g = &group[(*groups)++];
        if (!read_host(line, g))
            status = ps_fail(err, PS_EXIT_USAGE, "%s:%d: a line is 'HOST ROLE COUNT [ADDRESS]' with ROLE one of coordinator (COUNT "
                             "1), server, worker", path, number);
        coordinators += g->role == PS_ROLE_COORDINATOR;
        servers += g->role == PS_ROLE_SERVER;
        workers += g->role == PS_ROLE_WORKER;
    }
    fclose(file);
    if (!status && (coordinators != 1 || !servers || !workers))
        status = ps_fail(err, PS_EXIT_USAGE, "%s names %d coordinators, %d lines of servers and %d of workers; there must be one "
                         "coordinator and at least one of each other", path, coordinators, servers, workers);
    return status;
}

/* Servers and the coordinator must be reachable from the other hosts: by the line's ADDRESS, or by cluster.interface. */
static int check_addresses(const struct ps_config *config, const struct group *group, int groups, struct ps_error *err)
{
    bool several = false;
    for (int i = 1; i < groups; i++)
        several |= strcmp(group[i].host, group[0].host) != 0;
    for (int i = 0; several && i < groups; i++) {
        const struct group *g = &group[i];
        if (g->role != PS_ROLE_WORKER && !*g->bind && ps_net_stays_on_host(config->cluster.interface))
            return ps_fail(err, PS_EXIT_USAGE, "the %s on %s would listen on %s, where no other host can reach it; add an ADDRESS of %s to "
                           "its line of the hosts file, or name the interface of the cluster's network for all, as in --set "
                           "cluster.interface=eth0", g->role == PS_ROLE_SERVER ? "server" : "coordinator", g->host,
                           config->cluster.interface, g->host);
    }
    return 0;
}

static int total(const struct group *group, int groups, enum ps_role role)
{
    int count = 0;
    for (int i = 0; i < groups; i++)
        count += group[i].role == role ? group[i].count : 0;
    return count;
}

/* Appends a word to a shell text, quoted. */
static void add_word(FILE *to, const char *word)
{
    fputs(" '", to);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", to);
        else
            fputc(*word, to);
    fputc('\'', to);
}

/* The group's command as shell text: mpirun with what launch facts recommend, around this same program. `again`: a coordinator for
 * the members of one that died. */
static char *command_of(const struct arguments *a, const struct group *g, const char *program, const char *run,
                        int servers, int workers, bool again)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        ps_die(PS_EXIT_FAIL, "out of memory for a command line");
    if (*g->host) { /* the other host's shell begins elsewhere */
        char *here = getcwd(NULL, 0);
        fputs("cd", to);
        add_word(to, here ? here : "/");
        fputs(" && ", to);
        free(here);
    }
    fprintf(to, "exec env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 "
            "OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader "
            "OMPI_MCA_orte_default_hostfile=none OMPI_MCA_mpi_yield_when_idle=1 "
            "OPENBLAS_NUM_THREADS=1 %s mpirun -q -np %d",
            /* mpirun ends at once with a coordinator that was killed: there is nobody else in its job to be given time */
            g->role == PS_ROLE_COORDINATOR ? "OMPI_MCA_odls_base_sigkill_timeout=0" : "OMPI_MCA_orte_enable_recovery=1", g->count);
    add_word(to, program);
    if (g->role == PS_ROLE_COORDINATOR) {
        fprintf(to, " train --coordinate --servers %d --workers %d%s", servers, workers, again ? " --takeover" : "");
        char *settled = ps_format("%s/config.yaml", run);
        bool resume = a->resume || (again && access(settled, F_OK) == 0);
        free(settled);
        if (resume) {
            if (a->from) {
                fputs(" --from", to);
                add_word(to, a->from);
            }
            fputs(" --resume", to);
        } else {
            add_word(to, a->conf);
            fputs(" --run", to);
        }
        add_word(to, run);
        for (int i = 0; i < a->passed_count; i++)
            add_word(to, a->passed[i]);
        if (*g->bind) {
            char *bind = ps_format("cluster.interface=%s", g->bind);
            fputs(" --set", to);
            add_word(to, bind);
            free(bind);
        }
        if (a->hosts)
            fputs(" --set cluster.transport=tcp", to);
    } else {
        fprintf(to, " join --as %s", g->role == PS_ROLE_SERVER ? "server" : "worker");
        if (*g->bind) {
            fputs(" --bind", to);
            add_word(to, g->bind);
        }
        add_word(to, run);
    }
    fclose(to);
    return text;
}

static void start(struct group *g, const char *agent)
{
    /* Several mpiruns that start or end at once disturb each other in a folder that they share. */
    const char *base = getenv("TMPDIR");
    snprintf(g->session, sizeof g->session, "%s/ompi-XXXXXX", base && strlen(base) < 60 ? base : "/tmp");
    if (*g->host || !mkdtemp(g->session))
        *g->session = 0;
    g->pid = fork();
    if (g->pid < 0)
        ps_die(PS_EXIT_FAIL, "cannot start a process: %s", strerror(errno));
    if (g->pid)
        return;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (*g->session)
        setenv("OMPI_MCA_orte_tmpdir_base", g->session, 1);
    if (*g->host)
        execlp(agent, agent, g->host, g->command, NULL);
    else
        execl("/bin/sh", "sh", "-c", g->command, NULL);
    fprintf(stderr, "penstock: cannot run '%s': %s\n", *g->host ? agent : "/bin/sh", strerror(errno));
    _exit(PS_EXIT_FAIL);
}

static void end_group(struct group *g, double patience)
{
    double begin = ps_now();
    bool told = false;
    while (g->pid > 0 && waitpid(g->pid, NULL, WNOHANG) == 0) {
        double waited = ps_now() - begin;
        if (waited > patience && !told) {
            kill(-g->pid, SIGTERM);
            told = true;
        }
        if (waited > patience + 3) { /* its ranks get SIGTERM by the death of their parent */
            kill(-g->pid, SIGKILL);
            waitpid(g->pid, NULL, 0);
            break;
        }
        ps_net_wait(NULL, 0, 0.02, NULL);
    }
    g->pid = 0;
    struct ps_error ignored;
    if (*g->session)
        ps_folder_remove(g->session, &ignored);
}

/* Asks the coordinator to end after the epoch: by mpirun, which hands SIGUSR1 on to its rank (SIGTERM it would follow by SIGKILL),
 * or on its host. */
static void ask_to_end(const struct group *coordinator, const char *agent, const char *run)
{
    if (!*coordinator->host) {
        kill(-coordinator->pid, SIGUSR1);
        return;
    }
    char *path = ps_format("%s/state/coordinator", run), *text;
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
            execlp(agent, agent, coordinator->host, command, NULL);
            _exit(PS_EXIT_FAIL);
        }
        if (child > 0)
            waitpid(child, NULL, 0);
        free(command);
    }
    free(path);
}

/* Starts a group of servers again whose processes are all gone while the run goes on: its coordinator waits for them. They are gone
 * at the end of the run too, but then it is only a moment to the coordinator's own end. */
static void replace(struct group *g, const char *agent)
{
    if (g->role != PS_ROLE_SERVER)
        return;
    if (g->pid > 0 && waitpid(g->pid, NULL, WNOHANG) == g->pid) {
        g->pid = 0;
        end_group(g, 0);
        g->ended = ps_now();
    }
    if (g->pid > 0 || ps_now() - g->ended < RESTART_AFTER)
        return;
    ps_warn("the %d servers on %s have ended; starting others", g->count, *g->host ? g->host : "this machine");
    start(g, agent);
}

struct supervisor {
    const struct arguments *arguments;
    struct group *group, *coordinator; /* coordinator: one of the groups */
    int groups, restarts;
    const char *program, *run;
    double begin, start_at; /* of the coordinator's life; of the next one */
    bool told;              /* Ctrl-C has been handed on */
};

/* Whether the coordinator has ended, and the job with it; *code is how. One that did not end by itself (a code of 128 or more) is due
 * to be started again. */
static bool coordinator_ended(struct supervisor *s, int *code)
{
    int status = 0;
    pid_t ended = waitpid(s->coordinator->pid, &status, WNOHANG);
    if (!ended || (ended < 0 && errno == EINTR))
        return false;
    s->coordinator->pid = 0;
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    s->restarts = ps_now() - s->begin > LONG_LIFE ? 1 : s->restarts + 1;
    if (*code < 128 || s->told || s->restarts > MAX_RESTARTS)
        return true;
    s->start_at = ps_now() + FIRST_BACKOFF * (1 << (s->restarts - 1));
    ps_warn("the coordinator ended with code %d; it is started again (%d of %d)", *code, s->restarts, MAX_RESTARTS);
    return false;
}

static void start_again(struct supervisor *s)
{
    end_group(s->coordinator, 0); /* what its mpirun has left */
    free(s->coordinator->command);
    s->coordinator->command = command_of(s->arguments, s->coordinator, s->program, s->run, total(s->group, s->groups, PS_ROLE_SERVER),
                                         total(s->group, s->groups, PS_ROLE_WORKER), true);
    s->begin = ps_now();
    start(s->coordinator, s->arguments->agent);
}

/* A coordinator that has just been started again may only have to say that the run has ended. */
static bool may_replace(const struct supervisor *s)
{
    return s->coordinator->pid && (!s->restarts || ps_now() - s->begin > NEW_LIFE);
}

/* The members go on with a coordinator that somebody else has started. */
static void wait_for_others(struct supervisor *s)
{
    int left = 1;
    fprintf(stderr, "penstock: another coordinator has taken over; the servers and workers started here go on with it\n");
    while (left && !ps_interrupted) {
        left = 0;
        for (int i = 0; i < s->groups; i++) {
            if (s->group[i].pid > 0 && waitpid(s->group[i].pid, NULL, WNOHANG))
                s->group[i].pid = 0;
            left += s->group[i].pid > 0;
        }
        ps_net_wait(NULL, 0, 0.05, NULL);
    }
}

/* Waits for the coordinator's last life. A first Ctrl-C is handed on to the coordinator, which ends after the epoch. */
static int watch(struct supervisor *s)
{
    int code = 0;
    s->begin = ps_now();
    for (;;) {
        if (s->coordinator->pid ? coordinator_ended(s, &code) : ps_interrupted)
            break;
        if (!s->coordinator->pid && ps_now() >= s->start_at)
            start_again(s);
        if (ps_interrupted && !s->told) {
            fprintf(stderr, "penstock: ending after this epoch; once more to end at once\n");
            ask_to_end(s->coordinator, s->arguments->agent, s->run);
            s->told = true;
        }
        for (int i = 0; i < s->groups && !s->told && may_replace(s); i++)
            replace(&s->group[i], s->arguments->agent);
        ps_net_wait(NULL, 0, 0.05, NULL);
    }
    if (code == PS_EXIT_SUPERSEDED)
        wait_for_others(s);
    for (int i = 0; i < s->groups; i++) /* they have been told by the coordinator, unless it died */
        end_group(&s->group[i], code ? 1 : 5);
    return code;
}

int cmd_launch(int argc, char **argv)
{
    struct arguments a = {.agent = "ssh"};
    const struct argp argp = {options, parse, "CONF\n--resume RUN", doc, NULL, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);

    static struct group group[MAX_GROUPS];
    int groups = 0;
    struct ps_error err;
    if (a.hosts) {
        if (read_hosts(a.hosts, group, &groups, &err))
            ps_die(err.code, "%s", err.text);
    } else {
        group[groups++] = (struct group){.role = PS_ROLE_COORDINATOR, .count = 1};
        group[groups++] = (struct group){.role = PS_ROLE_SERVER, .count = PS_MAX(a.servers, 1)};
        group[groups++] = (struct group){.role = PS_ROLE_WORKER, .count = PS_MAX(a.workers, 1)};
    }
    /* What every member would refuse is refused once, here. */
    struct ps_config config;
    const char *override[MAX_PASSED / 2];
    int overrides = 0;
    for (int i = 1; i < a.passed_count; i += 2)
        override[overrides++] = a.passed[i];
    char *conf = a.resume ? ps_format("%s/config.yaml", a.resume) : ps_strdup(a.conf);
    int status = ps_config_load(&config, conf, override, overrides, &err);
    free(conf);
    if (status)
        ps_die(err.code, "%s", err.text);
    if (check_addresses(&config, group, groups, &err))
        ps_die(err.code, "%s", err.text);
    struct ps_dataset dataset;
    if (!a.hosts) {
        if (ps_dataset_open(config.data.path, &dataset, &err))
            ps_die(err.code, "%s", err.text);
        ps_dataset_close(&dataset);
    }
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0)
        ps_die(PS_EXIT_FAIL, "cannot find this program's own file: %s", strerror(errno));
    program[length] = 0;
    char *folder;
    if (a.resume || a.run) {
        folder = ps_strdup(a.resume ? a.resume : a.run);
    } else {
        folder = ps_run_default_folder("job");
    }
    /* A dead job's meeting point must not be found by this one's members, and a living one's must stay. */
    int lock;
    if (access(folder, F_OK) == 0) {
        if (ps_run_claim(folder, a.resume ? PS_CLAIM_RESUME : PS_CLAIM_NEW, &lock, &err))
            ps_die(err.code, "%s", err.text);
        close(lock);
    }

    ps_catch_signals();
    int servers = total(group, groups, PS_ROLE_SERVER), workers = total(group, groups, PS_ROLE_WORKER);
    struct group *coordinator = NULL;
    for (int i = 0; i < groups; i++) {
        group[i].command = command_of(&a, &group[i], program, folder, servers, workers, false);
        start(&group[i], a.agent);
        if (group[i].role == PS_ROLE_COORDINATOR)
            coordinator = &group[i];
    }
    PS_ASSERT(coordinator); /* there is one in every list of groups */
    struct supervisor supervisor = {.arguments = &a, .group = group, .coordinator = coordinator, .groups = groups, .program = program,
                                    .run = folder};
    int code = watch(&supervisor);
    for (int i = 0; i < groups; i++)
        free(group[i].command);
    free(folder);
    return code;
}
