/* run.c - a run in its coordinating process, from its plan to its end; see run.h. */
#include "cli/run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/credentials.h"
#include "cli/sockets.h"
#include "common/file.h"
#include "common/http.h"
#include "common/tfevents.h"
#include "coordinator/runlog.h"
#include "data/targets.h"
#include "worker/batch.h"
#include "worker/nn/blas.h"

enum ps_transport ps_run_transport(enum ps_transport wanted, bool embedded, bool one_host)
{
    if (wanted != PS_TRANSPORT_AUTO)
        return wanted;
    return embedded ? PS_TRANSPORT_INPROC : one_host ? PS_TRANSPORT_IPC : PS_TRANSPORT_TCP;
}

/* The tcp port of the coordinator before this one: members look for it there first. (The folder of ipc sockets stays the same.) */
static bool last_port(struct ps_run *run, char out[512])
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
    found = found && !strncmp(meeting.endpoint, "tcp://", 6);
    if (found)
        snprintf(out, 512, "tcp://%.200s%s", run->config.cluster.interface, strrchr(meeting.endpoint, ':'));
    return found;
}

static int endpoint(struct ps_run *run, enum ps_transport transport, char out[512], struct ps_error *err)
{
    if (run->takeover && last_port(run, out))
        return 0;
    if (transport == PS_TRANSPORT_INPROC) {
        snprintf(out, 512, "inproc://run/coordinator");
    } else if (transport == PS_TRANSPORT_TCP) {
        if (run->config.cluster.port)
            snprintf(out, 512, "tcp://%.200s:%d", run->config.cluster.interface, run->config.cluster.port);
        else
            snprintf(out, 512, "tcp://%.200s:*", run->config.cluster.interface);
    } else {
        int status = ps_sockets_make(run->state, &run->socket_folder, err);
        if (status)
            return status;
        snprintf(out, 512, "ipc://%.200s/coordinator", run->socket_folder);
    }
    return 0;
}

static uint64_t held_out(const struct ps_run *run, enum ps_split split)
{
    struct ps_targets targets;
    ps_targets_init(&targets, &run->dataset, split, &run->config);
    uint64_t count = targets.count;
    ps_targets_fini(&targets);
    return count;
}

static uint64_t lane_batches(void *of, uint32_t epoch, uint32_t lane)
{
    struct ps_run *run = of;
    return ps_order_batches(&run->order, epoch, lane, run->config.train.batch / (1 + run->model.recipe.negatives));
}

int ps_run_plan(struct ps_run *run, struct ps_error *err)
{
    const struct ps_config *config = &run->config;
    int status = ps_dataset_open(config->data.path, &run->dataset, err);
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

/* coordinator.metrics. A coordinator that takes over does so without figures where the one before it still has their port. */
static int serve_figures(struct ps_run *run, struct ps_error *err)
{
    static const double stale = 600; /* seconds: as long as some waits for servers take */
    const char *address = run->config.coordinator.metrics;
    if (!*address)
        return 0;
    char *path = ps_format("%s/metrics", run->state);
    int status = ps_http_open(address, "coordinator.metrics", stale, &run->http, err);
    if (status == -PS_EXIT_NET && run->takeover) {
        ps_warn("%s; the run goes on without", err->text);
        unlink(path); /* the other one's */
        status = 0;
    } else if (!status) {
        char *line = ps_format("%s\n", ps_http_url(run->http));
        status = ps_file_write(path, line, strlen(line), err);
        free(line);
    }
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
    status = serve_figures(run, err);
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
        .board = run->board,
        .servers = servers,
        .workers = workers,
        .table = run->model.table,
        .tables = run->model.declared,
        .behaviours = run->dataset.behaviours,
        .held_out = {[PS_SPLIT_VALID] = held_out(run, PS_SPLIT_VALID), [PS_SPLIT_TEST] = held_out(run, PS_SPLIT_TEST)},
        .items = run->dataset.items,
        .epoch_samples = ps_recipe_entries(&run->model.recipe, &run->dataset) * (uint64_t)(1 + run->model.recipe.negatives),
        .lane_batches = lane_batches,
        .lane_batches_of = run,
        .fingerprint = run->dataset.fingerprint,
        .kernel = ps_blas_kernel(),
        .quiet = quiet,
        .http = run->http,
        .token = run->token,
        .interrupted = interrupted};
    options.tasks = ps_model_tasks(&run->model, options.task);
    ps_order_init(&run->order, &run->dataset, config, &run->model.recipe);
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
    bool opened = run->coordinator != NULL;
    if (opened && code != PS_EXIT_SUPERSEDED && ps_coordinator_stop(run->coordinator, code, reason, &superseded)) {
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
    ps_http_close(run->http);
    ps_net_free(run->net);
    ps_runlog_close(run->log);
    ps_tfevents_close(run->board);
    if (run->model.class_)
        ps_model_fini(&run->model);
    ps_order_fini(&run->order);
    ps_dataset_close(&run->dataset);
    if (run->socket_folder)
        ps_sockets_remove(run->state);
    if (run->folder) {
        if (opened)
            ps_meeting_end(run->folder, code);
        if (*run->meeting.keys)
            ps_file_remove_secret(run->meeting.keys);
        ps_token_remove(run->folder);
        close(run->lock);
    }
    free(run->socket_folder), free(run->folder), free(run->checkpoints), free(run->state), free(run->first), free(run->token);
    memset(run, 0, sizeof *run);
}
