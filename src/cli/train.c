/* train.c - penstock train: embedded, or one rank of a plain mpirun, or the coordinator of a launched job. */
#include <argp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/first.h"
#include "cli/page/page.h"
#include "cli/report.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "common/boot.h"
#include "common/file.h"
#include "coordinator/runlog.h"

enum {
    KEY_SET = 1000, KEY_RUN, KEY_RESUME, KEY_FROM, KEY_TAKEOVER, KEY_SERVERS, KEY_WORKERS, KEY_COORDINATE, KEY_QUIET, MAX_OVERRIDES = 256
};

struct arguments {
    const char *conf, *run, *resume, *from;
    const char *override[MAX_OVERRIDES];
    int overrides, servers, workers;
    bool coordinate, takeover, quiet;
};

static const struct argp_option options[] = {
    {"set", KEY_SET, "KEY=VALUE", 0, "Override a key of the configuration; may be given again", 0},
    {"run", KEY_RUN, "DIR", 0, "Folder for the run's results (default: runs/MODEL-TIME)", 0},
    {"resume", KEY_RESUME, "RUN", 0, "Go on with a run from its newest whole checkpoint; CONF is RUN/config.yaml then", 0},
    {"from", KEY_FROM, "NAME", 0, "With --resume: go on from this checkpoint (a folder in RUN/checkpoints) instead", 0},
    {"takeover", KEY_TAKEOVER, NULL, 0, "With --resume, for a run of several processes: coordinate the servers and workers that are still "
     "there, in the place of a coordinator that died or hangs", 0},
    {"servers", KEY_SERVERS, "S", 0, "Servers: threads when embedded; under mpirun, ranks (default: cluster.servers)", 0},
    {"workers", KEY_WORKERS, "W", 0, "Workers, as threads, when embedded (default: one for each core)", 0},
    {"coordinate", KEY_COORDINATE, NULL, 0, "Be the coordinator alone; S servers and W workers come by 'penstock join RUN'", 0},
    {"quiet", KEY_QUIET, NULL, 0, "No progress, only the result", 0},
    {0}};

static const char doc[] =
    "Train a model.\v"
    "Without mpirun everything runs as threads of this process. Under 'mpirun -np N', rank 0 coordinates, then come the "
    "servers, then the workers: with 1 rank all is embedded; with 2, rank 0 coordinates and serves, rank 1 works; with 3 "
    "there is one of each; with more, cluster.servers of them serve (default: a third of the rest). One mpirun ends as a "
    "whole when one of its processes dies or a host is lost: 'penstock launch' starts the same run so that it can be "
    "survived.\n\n"
    "--resume checks every byte of the checkpoint before it is used. One that is torn or damaged is passed over with a "
    "warning, for the newest one that is whole.\n\n"
    "--set cluster.security=curve encrypts every socket and lets in nobody without the run's keys (RUN/keys/curve), at about a "
    "tenth of a connection's bandwidth.\n\n"
    "SIGINT or SIGTERM end the run with a checkpoint of where it is. Exit codes: docs/cluster.md.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_SET:
        if (a->overrides == MAX_OVERRIDES)
            argp_error(state, "more than %d --set", MAX_OVERRIDES);
        a->override[a->overrides++] = arg;
        return 0;
    case KEY_RUN: a->run = arg; return 0;
    case KEY_RESUME: a->resume = arg; return 0;
    case KEY_FROM: a->from = arg; return 0;
    case KEY_SERVERS: a->servers = ps_argument_number("--servers", arg, 1, 256, state); return 0;
    case KEY_WORKERS: a->workers = ps_argument_number("--workers", arg, 1, 256, state); return 0;
    case KEY_COORDINATE: a->coordinate = true; return 0;
    case KEY_TAKEOVER: a->takeover = a->coordinate = true; return 0;
    case KEY_QUIET: a->quiet = true; return 0;
    case ARGP_KEY_ARG:
        ps_argument_only(&a->conf, arg, "CONF", state);
        return 0;
    case ARGP_KEY_END:
        if (!a->conf && !a->resume)
            argp_error(state, "give a configuration file, or --resume RUN");
        if (a->takeover && !a->resume && !a->run)
            argp_error(state, "--takeover needs --resume RUN");
        if (a->resume && (a->conf || a->run))
            argp_error(state, "--resume takes the configuration and the folder of the run: no CONF, no --run");
        if (a->from && !a->resume)
            argp_error(state, "--from names a checkpoint of the run that --resume goes on with");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int report_failure(const struct ps_error *err)
{
    fprintf(stderr, "penstock: %s\n", err->text);
    return err->code;
}

/* ---- who does what ---- */

struct roles {
    int servers, workers;             /* in the whole job */
    int local_servers, local_workers; /* as threads of this process */
};

static int assign(const struct ps_boot *boot, const struct arguments *a, const struct ps_config *config,
                  struct roles *roles, struct ps_error *err)
{
    int wanted = a->servers ? a->servers : config->cluster.servers;
    if (a->coordinate) {
        *roles = (struct roles){.servers = PS_MAX(wanted, 1), .workers = PS_MAX(a->workers, 1)};
    } else if (boot->size == 1) {
        int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
        *roles = (struct roles){.servers = PS_MAX(wanted, 1), .workers = a->workers ? a->workers : PS_MAX(cores, 1)};
        roles->local_servers = roles->servers;
        roles->local_workers = roles->workers;
    } else if (boot->size == 2) {
        *roles = (struct roles){.servers = 1, .workers = 1, .local_servers = 1};
    } else {
        roles->servers = wanted ? wanted : PS_MAX((boot->size - 1) / 3, 1);
        roles->workers = boot->size - 1 - roles->servers;
        roles->local_servers = roles->local_workers = 0;
        if (roles->workers < 1)
            return ps_fail(err, PS_EXIT_USAGE, "%d servers leave no worker among %d ranks; start at least %d, or lower "
                           "cluster.servers", roles->servers, boot->size, roles->servers + 2);
    }
    if (config->servers.replicas && (roles->servers < 2 || roles->local_servers > 1))
        return ps_fail(err, PS_EXIT_USAGE, "servers.replicas: %d wants at least two server processes, so that a shard and its copy do not die "
                       "together, and there is %s; start 'penstock launch --servers 2', or set servers.replicas: 0", config->servers.replicas,
                       roles->local_servers > 1 ? "one process for all" : "one");
    if (roles->servers > PS_MAX_SHARDS)
        return ps_fail(err, PS_EXIT_USAGE, "%d servers; at most %d are possible; set cluster.servers", roles->servers,
                       PS_MAX_SHARDS);
    if (roles->workers > config->train.lanes)
        return ps_fail(err, PS_EXIT_USAGE, "%d workers for train.lanes = %d: a lane is the least that a worker can hold; raise "
                       "train.lanes", roles->workers, config->train.lanes);
    return 0;
}

/* Where the ranks are on several hosts, the loopback interface will not do, and there is no telling which other one is meant. */
static int check_interface(const struct ps_boot *boot, const struct ps_config *config, struct ps_error *err)
{
    const char *interface = config->cluster.interface;
    if (boot->one_host || !ps_net_stays_on_host(interface))
        return 0;
    return ps_fail(err, PS_EXIT_USAGE, "the ranks are on several hosts, and with cluster.interface: %s they would listen where no other host "
                   "can reach them; name the interface of the cluster's network, as in --set cluster.interface=eth0", interface);
}

/* A rank that does not coordinate: plays its one role as this process's only one. Where rank 0 has failed it has said why, and
 * all ranks end with its code: mpirun's own is the first that comes. */
static int be_member(const char *text, const struct ps_boot *boot, struct ps_error *err)
{
    struct ps_meeting meeting;
    int status = ps_meeting_parse(&meeting, text, "rank 0", err);
    if (status || meeting.failed)
        return status ? status : meeting.failed;
    bool serves = boot->size > 2 && boot->rank <= meeting.servers;
    if (!serves)
        ps_catch_leave();
    signal(SIGUSR1, SIG_IGN); /* mpirun hands it to all ranks: it is rank 0's, which ends the run */
    struct ps_net *net;
    status = ps_meeting_net(&meeting, &net, err);
    if (status)
        return status;
    status = ps_crew_join(ps_crew_start(net, &meeting, serves, !serves), err);
    ps_net_free(net);
    return status;
}

/* ---- the run ---- */

static int write_meeting(const struct ps_run *run, struct ps_error *err)
{
    char *path = ps_format("%s/state/coordinator", run->folder);
    char *text = ps_meeting_write(&run->meeting);
    int status = ps_file_write(path, text, strlen(text), err);
    free(path);
    free(text);
    return status;
}

/* Trains, then ranks the held-out targets with the best checkpoint and with the floors, and reports. */
static int train(struct ps_run *run, const struct arguments *a, struct ps_error *err)
{
    char *from = NULL, *best = NULL;
    struct ps_training training = {0};
    bool begun = ps_coordinator_begun(run->coordinator); /* this is a takeover: the servers have their rows */
    int status = a->resume && !begun ? ps_cut_choose(run->checkpoints, a->from, run->log, &from, err) : 0;
    if (!status)
        status = ps_coordinator_start(run->coordinator, from ? from : run->first, err);
    if (status == 1) { /* the members have to be told, no more */
        status = -err->code;
        goto end;
    }
    if (!status)
        status = ps_run_settle(run, err);
    if (!status && run->model.class_->forward) /* a rule has nothing to learn and is only reported */
        status = ps_coordinator_train(run->coordinator, &training, err);
    if (!status && training.interrupted)
        status = ps_fail(err, PS_EXIT_INTERRUPTED, "interrupted %s epoch %u and saved; 'penstock train --resume %s' goes on",
                         training.within ? "within" : "after", training.within ? training.within : training.epoch, run->folder);
    if (!status && training.best_epoch && training.best_epoch != training.epoch) {
        struct ps_error damage;
        if (ps_cut_choose(run->checkpoints, "best", run->log, &best, &damage))
            ps_warn("the best checkpoint cannot be used, so the results are those of the last epoch: %s", damage.text);
        else
            status = ps_coordinator_load(run->coordinator, best, err);
    }
    if (!status)
        status = ps_report_run(run, &training, err);
end:
    free(from);
    free(best);
    return status;
}

static int load_config(const struct arguments *a, struct ps_config *config, struct ps_error *err)
{
    char *path = a->resume ? ps_format("%s/config.yaml", a->resume) : ps_strdup(a->conf);
    int status = ps_config_load(config, path, a->override, a->overrides, err);
    free(path);
    if (status)
        return status;
    /* The members, and a later --resume from elsewhere, find the dataset by this. */
    char *absolute = realpath(config->data.path, NULL);
    if (absolute && strlen(absolute) < sizeof config->data.path)
        snprintf(config->data.path, sizeof config->data.path, "%s", absolute);
    free(absolute);
    return 0;
}

int cmd_train(int argc, char **argv)
{
    struct arguments a = {0};
    const struct argp argp = {options, parse, "CONF\n--resume RUN", doc, NULL, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);

    struct ps_boot boot;
    struct ps_error err = {0};
    struct ps_run run = {0};
    struct roles roles = {0};
    int status;
    char *text = NULL;
    ps_boot_start(&boot);
    if (boot.rank > 0) {
        status = ps_boot_broadcast(&boot, NULL, &text, &err);
        ps_boot_finish(&boot);
        if (!status)
            status = be_member(text, &boot, &err);
        free(text);
        return status < 0 ? report_failure(&err) : status;
    }

    status = load_config(&a, &run.config, &err);
    if (!status)
        status = assign(&boot, &a, &run.config, &roles, &err);
    if (!status)
        status = check_interface(&boot, &run.config, &err);
    bool embedded = !status && roles.local_workers > 0;
    char *folder = a.resume || a.run ? ps_strdup(a.resume ? a.resume : a.run) : ps_run_default_folder(run.config.model.name);
    if (!status)
        status = ps_run_plan(&run, &err);
    if (!status)
        status = ps_run_folder(&run, folder, a.takeover ? PS_CLAIM_TAKEOVER : a.resume ? PS_CLAIM_RESUME : PS_CLAIM_NEW, &err);
    if (!status && !a.resume)
        status = ps_first_make(&run, &run.first, &err);
    if (!status) {
        ps_catch_signals();
        status = ps_run_open(&run, ps_run_transport(run.config.cluster.transport, embedded, boot.one_host),
                             roles.servers, roles.workers, a.quiet, &ps_interrupted, &err);
    }
    char *meeting = status ? ps_format("failed: %d\n", err.code) : ps_meeting_write(&run.meeting);
    struct ps_error told;
    if (ps_boot_broadcast(&boot, meeting, &text, &told) && !status) {
        err = told;
        status = -err.code;
    }
    ps_boot_finish(&boot);
    free(text);
    free(meeting);
    if (!status)
        status = write_meeting(&run, &err);
    if (!status) {
        run.crew = ps_crew_start(run.net, &run.meeting, roles.local_servers, roles.local_workers);
        status = train(&run, &a, &err);
        if (run.log && status)
            ps_runlog(run.log, "{\"event\":\"end\",\"code\":%d}", err.code);
        struct ps_error problem;
        if (!(status && err.code == PS_EXIT_SUPERSEDED) && ps_page_write(run.folder, NULL, NULL, &problem))
            ps_warn("there is no report: %s; 'penstock report %s' writes it", problem.text, run.folder);
    }
    ps_run_close(&run, status ? err.code : 0, status ? err.text : "");
    free(folder);
    return status ? report_failure(&err) : 0;
}
