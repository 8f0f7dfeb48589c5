/* run.c - roles, meeting points and threads of a run; see run.h. */
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/credentials.h"
#include "common/file.h"
#include "coordinator/runlog.h"
#include "server/server.h"
#include "worker/batch.h"
#include "worker/nn/blas.h"
#include "worker/order.h"
#include "worker/worker.h"

volatile sig_atomic_t ps_interrupted;

static void interrupt(int signal_number)
{
    if (ps_interrupted)
        _exit(PS_EXIT_INTERRUPTED);
    ps_interrupted = 1;
}

void ps_catch_signals(void)
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL); /* penstock launch: mpirun hands it on and does nothing else */
}

static bool members_leave; /* set once, before any thread */
static volatile sig_atomic_t joined;

static void leave(int signal_number)
{
    if (!joined)
        _exit(0);
    ps_interrupted = 1;
}

void ps_catch_leave(void)
{
    struct sigaction action = {.sa_handler = leave, .sa_flags = SA_RESTART};
    members_leave = true;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

/* ---- threads ---- */

struct role {
    pthread_t thread;
    enum ps_role kind;
    char bind[512];
    struct ps_crew *crew;
    int status;
    struct ps_error err;
};

struct ps_crew {
    struct ps_net *net;
    struct ps_meeting meeting;
    int roles;
    struct role *role;
};

static void *play(void *arg)
{
    struct role *role = arg;
    const struct ps_meeting *m = &role->crew->meeting;
    if (role->kind == PS_ROLE_SERVER) {
        struct ps_server_options options = {.net = role->crew->net,
                                            .coordinator = m->endpoint,
                                            .meeting = *m->file ? m->file : NULL,
                                            .bind = role->bind,
                                            .start_timeout = m->start_timeout,
                                            .coordinator_timeout = m->coordinator_timeout,
                                            .leave = members_leave ? &ps_interrupted : NULL,
                                            .joined = &joined};
        role->status = ps_server_run(&options, &role->err);
    } else {
        struct ps_worker_options options = {.net = role->crew->net,
                                            .data = m->data,
                                            .coordinator = m->endpoint,
                                            .meeting = *m->file ? m->file : NULL,
                                            .start_timeout = m->start_timeout,
                                            .coordinator_timeout = m->coordinator_timeout,
                                            .leave = members_leave ? &ps_interrupted : NULL,
                                            .joined = &joined};
        role->status = ps_worker_run(&options, &role->err);
    }
    return NULL;
}

/* A server binds beside the coordinator, by the same transport. */
static void server_bind(const struct ps_meeting *m, int number, char bind[512])
{
    const char *slash = strrchr(m->endpoint, '/');
    if (!strncmp(m->endpoint, "tcp://", 6))
        snprintf(bind, 512, "tcp://%s:*", m->interface);
    else
        snprintf(bind, 512, "%.*s/server-%d-%d", (int)PS_MIN(slash - m->endpoint, 200), m->endpoint, (int)getpid(),
                 number);
}

struct ps_crew *ps_crew_start(struct ps_net *net, const struct ps_meeting *meeting, int servers, int workers)
{
    struct ps_crew *crew = ps_calloc(1, sizeof *crew);
    crew->net = net;
    crew->meeting = *meeting;
    crew->roles = servers + workers;
    crew->role = ps_calloc((size_t)crew->roles, sizeof *crew->role);
    for (int i = 0; i < crew->roles; i++) {
        struct role *role = &crew->role[i];
        role->crew = crew;
        role->kind = i < servers ? PS_ROLE_SERVER : PS_ROLE_WORKER;
        server_bind(meeting, i, role->bind);
        if (pthread_create(&role->thread, NULL, play, role))
            ps_die(PS_EXIT_FAIL, "cannot start a thread; check 'ulimit -u'");
    }
    return crew;
}

int ps_crew_join(struct ps_crew *crew, struct ps_error *err)
{
    int status = 0;
    for (int i = 0; i < crew->roles; i++) {
        pthread_join(crew->role[i].thread, NULL);
        if (crew->role[i].status && !status) {
            status = crew->role[i].status;
            *err = crew->role[i].err;
        }
    }
    free(crew->role);
    free(crew);
    return status;
}

/* ---- the coordinating process ---- */

enum ps_transport ps_run_transport(enum ps_transport wanted, bool embedded, bool one_host)
{
    if (wanted != PS_TRANSPORT_AUTO)
        return wanted;
    return embedded ? PS_TRANSPORT_INPROC : one_host ? PS_TRANSPORT_IPC : PS_TRANSPORT_TCP;
}

/* Where the coordinator before this one was: members look for it there first. false: its meeting point is gone. */
static bool last_endpoint(struct ps_run *run, char out[512])
{
    struct ps_error ignored;
    struct ps_meeting meeting;
    size_t size;
    char *path = ps_format("%s/coordinator", run->state), *text;
    bool found = !ps_file_read(path, 4096, &text, &size, &ignored);
    if (found) {
        found = !ps_meeting_parse(&meeting, text, path, &ignored) && !meeting.failed;
        free(text);
    }
    free(path);
    if (found && !strncmp(meeting.endpoint, "tcp://", 6)) {
        snprintf(out, 512, "tcp://%.200s%s", run->config.cluster.interface, strrchr(meeting.endpoint, ':'));
    } else if (found && !strncmp(meeting.endpoint, "ipc://", 6)) {
        snprintf(out, 512, "%s", meeting.endpoint);
        run->socket_folder = ps_meeting_folder(&meeting);
    } else {
        found = false;
    }
    return found;
}

static int endpoint(struct ps_run *run, enum ps_transport transport, char out[512], struct ps_error *err)
{
    if (run->takeover && last_endpoint(run, out))
        return 0;
    if (transport == PS_TRANSPORT_INPROC) {
        snprintf(out, 512, "inproc://run/coordinator");
    } else if (transport == PS_TRANSPORT_TCP) {
        if (run->config.cluster.port)
            snprintf(out, 512, "tcp://%.200s:%d", run->config.cluster.interface, run->config.cluster.port);
        else
            snprintf(out, 512, "tcp://%.200s:*", run->config.cluster.interface);
    } else {
        int status = ps_socket_folder_make(&run->socket_folder, err);
        if (status)
            return status;
        snprintf(out, 512, "ipc://%.200s/coordinator", run->socket_folder);
    }
    return 0;
}

static uint64_t held_out(const struct ps_config *config, uint64_t count)
{
    return config->eval.users ? PS_MIN(config->eval.users, count) : count;
}

static uint64_t lane_batches(void *of, uint32_t epoch, uint32_t lane)
{
    struct ps_run *run = of;
    return ps_order_batches(&run->order, epoch, lane, run->config.train.batch / (1 + run->config.train.negatives));
}

int ps_run_plan(struct ps_run *run, struct ps_error *err)
{
    const struct ps_config *config = &run->config;
    int status = ps_dataset_open(config->data.path, &run->dataset, err);
    if (!status)
        status = ps_batcher_check(&run->dataset, config, err);
    if (!status)
        status = ps_model_init(&run->model, config->model.name, config, &run->dataset, err);
    return status;
}

/* The keys are there before anybody can hear of the coordinator. */
static int secure(struct ps_run *run, struct ps_error *err)
{
    struct ps_credentials credentials;
    char *path = ps_credentials_path(run->folder);
    int status = 0;
    if ((size_t)snprintf(run->meeting.keys, sizeof run->meeting.keys, "%s", path) >= sizeof run->meeting.keys)
        status = ps_fail(err, PS_EXIT_USAGE, "the path %s is too long for a file of keys", path);
    if (!status)
        status = ps_credentials_provide(path, &credentials, err);
    if (!status)
        status = ps_net_secure(run->net, &credentials, err);
    free(path);
    return status;
}

int ps_run_open(struct ps_run *run, enum ps_transport transport, int servers, int workers, bool quiet,
                volatile sig_atomic_t *interrupted, struct ps_error *err)
{
    const struct ps_config *config = &run->config;
    char bind[512];
    int status = endpoint(run, transport, bind, err);
    if (status)
        return status;
    run->net = ps_net_new(config->net.io_threads);
    if (config->cluster.security == PS_SECURITY_CURVE && transport != PS_TRANSPORT_INPROC)
        status = secure(run, err);
    if (status)
        return status;
    struct ps_coordinator_options options = {
        .net = run->net,
        .endpoint = bind,
        .config = config,
        .any_port = run->takeover,
        .checkpoints = run->checkpoints,
        .state = run->state,
        .takeover = run->takeover,
        .log = run->log,
        .servers = servers,
        .workers = workers,
        .table = run->model.table,
        .tables = run->model.tables,
        .behaviours = run->dataset.behaviours,
        .held_out = {[PS_SPLIT_VALID] = held_out(config, run->dataset.valid_count),
                     [PS_SPLIT_TEST] = held_out(config, run->dataset.test_count)},
        .epoch_samples = ps_order_entries(&run->dataset, config->train.sampling) * (uint64_t)(1 + config->train.negatives),
        .lane_batches = lane_batches,
        .lane_batches_of = run,
        .fingerprint = run->dataset.fingerprint,
        .kernel = ps_blas_kernel(),
        .quiet = quiet,
        .token = run->token,
        .interrupted = interrupted};
    ps_order_init(&run->order, &run->dataset, config);
    status = ps_coordinator_open(&options, &run->coordinator, err);
    if (status)
        return status;
    snprintf(run->meeting.endpoint, sizeof run->meeting.endpoint, "%s", ps_coordinator_endpoint(run->coordinator));
    snprintf(run->meeting.interface, sizeof run->meeting.interface, "%s", config->cluster.interface);
    gethostname(run->meeting.host, sizeof run->meeting.host - 1);
    run->meeting.start_timeout = config->cluster.start_timeout;
    run->meeting.coordinator_timeout = config->cluster.coordinator_timeout;
    run->meeting.io_threads = config->net.io_threads;
    run->meeting.servers = servers;
    run->meeting.pid = getpid();
    return 0;
}

void ps_run_close(struct ps_run *run, int code, const char *reason)
{
    struct ps_error ignored, superseded;
    if (run->coordinator && code != PS_EXIT_SUPERSEDED && ps_coordinator_stop(run->coordinator, code, reason, &superseded)) {
        code = PS_EXIT_SUPERSEDED;
        reason = superseded.text;
    }
    if (code == PS_EXIT_SUPERSEDED) {
        fprintf(stderr, "penstock: %s\n", reason);
        fflush(stdout);
        _exit(code);
    }
    if (run->crew)
        ps_crew_join(run->crew, &ignored); /* what ended them is known: they were told */
    ps_coordinator_close(run->coordinator);
    ps_net_free(run->net);
    ps_runlog_close(run->log);
    if (run->model.class_)
        ps_model_fini(&run->model);
    ps_order_fini(&run->order);
    ps_dataset_close(&run->dataset);
    if (run->socket_folder)
        ps_folder_remove(run->socket_folder, &ignored);
    if (run->folder) {
        char *meeting = ps_format("%s/coordinator", run->state);
        unlink(meeting);
        free(meeting);
        if (*run->meeting.keys)
            ps_file_remove_secret(run->meeting.keys);
        ps_token_remove(run->folder);
        close(run->lock);
    }
    free(run->socket_folder), free(run->folder), free(run->checkpoints), free(run->state), free(run->token);
    memset(run, 0, sizeof *run);
}

/* A lock that another process holds stays with the file that it has: this one gets a new file of that name. */
static int take_lock_away(const char *file, int *lock, struct ps_error *err)
{
    char *temporary = ps_format("%s.%d", file, (int)getpid());
    int status = 0;
    close(*lock);
    *lock = open(temporary, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*lock < 0 || flock(*lock, LOCK_EX | LOCK_NB) || rename(temporary, file))
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot take the lock %s", file);
    free(temporary);
    return status;
}

int ps_run_claim(const char *path, enum ps_claim claim, int *lock, struct ps_error *err)
{
    char *config = ps_format("%s/config.yaml", path), *state = ps_format("%s/state", path);
    char *file = ps_format("%s/lock", state);
    int status = 0;
    bool exists = access(config, F_OK) == 0;
    *lock = -1;
    if (claim == PS_CLAIM_RESUME && !exists)
        status = ps_fail(err, PS_EXIT_DATA, "%s is no run: it has no config.yaml", path);
    else if (claim == PS_CLAIM_NEW && exists)
        status = ps_fail(err, PS_EXIT_USAGE, "%s holds a run already; choose another folder with --run, or go on with it by "
                         "'penstock train --resume %s'", path, path);
    if (!status)
        status = ps_folder_make(state, err);
    if (!status && (*lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666)) < 0)
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write %s", file);
    if (!status && flock(*lock, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK)
            status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot lock %s", file);
        else if (claim == PS_CLAIM_TAKEOVER)
            status = take_lock_away(file, lock, err);
        else
            status = ps_fail(err, PS_EXIT_USAGE, "%s is being trained by another process; wait for its end, or choose another "
                             "folder with --run; one that hangs is replaced by 'penstock train --resume %s --takeover'", path, path);
    }
    if (!status && claim != PS_CLAIM_TAKEOVER)
        ps_meeting_forget(path);
    if (status && *lock >= 0)
        close(*lock);
    free(config), free(state), free(file);
    return status;
}

int ps_run_folder(struct ps_run *run, const char *path, enum ps_claim claim, struct ps_error *err)
{
    static const char *const inner[] = {"checkpoints", "export"};
    int status = ps_run_claim(path, claim, &run->lock, err);
    if (!status) {
        run->folder = ps_strdup(path);
        run->state = ps_format("%s/state", path);
        run->takeover = claim == PS_CLAIM_TAKEOVER;
    }
    for (size_t i = 0; !status && i < PS_COUNT(inner); i++) {
        char *folder = ps_format("%s/%s", path, inner[i]);
        status = ps_folder_make(folder, err);
        free(folder);
    }
    if (!status)
        status = ps_runlog_open(path, &run->log, err);
    if (!status)
        status = ps_token_make(path, &run->token, err);
    if (status)
        return status;
    char *checkpoints = ps_format("%s/checkpoints", path);
    run->checkpoints = realpath(checkpoints, NULL);
    free(checkpoints);
    return run->checkpoints ? 0 : ps_fail_errno(err, PS_EXIT_STORAGE, "cannot resolve %s/checkpoints", path);
}

int ps_run_settle(const struct ps_run *run, struct ps_error *err)
{
    char *path = ps_format("%s/config.yaml", run->folder), *text = ps_config_write(&run->config);
    int status = ps_file_write(path, text, strlen(text), err);
    free(path), free(text);
    return status;
}

/* ---- a finished run ---- */

int ps_run_config(const char *run, const char *const *override, int overrides, struct ps_config *config,
                  struct ps_error *err)
{
    char *path = ps_format("%s/config.yaml", run);
    int status = access(path, F_OK) ? ps_fail(err, PS_EXIT_DATA, "%s is no run: it has no config.yaml", run)
                                    : ps_config_load(config, path, override, overrides, err);
    free(path);
    return status;
}

char *ps_run_checkpoint(const char *run, const char *name)
{
    if (strchr(name, '/'))
        return ps_strdup(name);
    char *path = ps_format("%s/checkpoints/%s", run, name);
    char *manifest = ps_format("%s/manifest.yaml", path);
    /* Without validation there is no best one: the last is it. */
    if (!strcmp(name, "best") && access(manifest, F_OK)) {
        free(path);
        path = ps_format("%s/checkpoints/last", run);
    }
    free(manifest);
    /* Servers may have another working folder. */
    char *absolute = realpath(path, NULL);
    if (absolute) {
        free(path);
        path = absolute;
    }
    return path;
}

char *ps_run_default_folder(const char *name)
{
    char now[32];
    time_t seconds = time(NULL);
    struct tm parts;
    localtime_r(&seconds, &parts);
    strftime(now, sizeof now, "%Y%m%d-%H%M%S", &parts);
    return ps_format("runs/%s-%s", name, now);
}
