/* meeting.c - RUN/state/coordinator; see meeting.h. */
#include "cli/meeting.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/credentials.h"
#include "cli/sockets.h"
#include "common/file.h"
#include "common/member.h"
#include "common/yaml.h"

enum { MEETING_LIMIT = 8192 };

char *ps_meeting_write(const struct ps_meeting *m)
{
    char *keys = ps_yaml_quote(m->keys);
    char *text = ps_format("endpoint: \"%s\"\ninterface: \"%s\"\nhost: \"%s\"\nkeys: %s\nstart_timeout: %.17g\n"
                           "coordinator_timeout: %.17g\nio_threads: %d\nservers: %d\npid: %d\n", m->endpoint, m->interface, m->host,
                           keys, m->start_timeout, m->coordinator_timeout, m->io_threads, m->servers, m->pid);
    free(keys);
    return text;
}

static bool take_text(const struct ps_yaml *root, const char *key, char *to, size_t size)
{
    const struct ps_yaml *node = ps_yaml_get(root, key);
    return node && node->kind == PS_YAML_SCALAR && (size_t)snprintf(to, size, "%s", node->text) < size;
}

static bool take_number(const struct ps_yaml *root, const char *key, double least, double *to)
{
    const struct ps_yaml *node = ps_yaml_get(root, key);
    char *end;
    if (!node || node->kind != PS_YAML_SCALAR || !*node->text)
        return false;
    *to = strtod(node->text, &end);
    return !*end && *to >= least && *to <= 1e9;
}

int ps_meeting_parse(struct ps_meeting *m, const char *text, const char *name, struct ps_error *err)
{
    struct ps_yaml *root;
    int status = ps_yaml_load_text(text, strlen(text), name, PS_EXIT_DATA, &root, err);
    if (status)
        return status;
    double threads = 1, servers = 1, pid = 0, code;
    *m = (struct ps_meeting){0};
    if (take_number(root, "failed", 1, &code))
        m->failed = (int)code;
    else if (!take_text(root, "endpoint", m->endpoint, sizeof m->endpoint) ||
             !take_text(root, "interface", m->interface, sizeof m->interface) ||
             !take_text(root, "host", m->host, sizeof m->host) || !take_text(root, "keys", m->keys, sizeof m->keys) ||
             !take_number(root, "start_timeout", 0, &m->start_timeout) ||
             !take_number(root, "coordinator_timeout", 0, &m->coordinator_timeout) ||
             !take_number(root, "io_threads", 1, &threads) || !take_number(root, "servers", 1, &servers) ||
             !take_number(root, "pid", 1, &pid))
        status = ps_fail(err, PS_EXIT_DATA, "%s does not say where the coordinator is; it is no file of a running job", name);
    if (!status && !m->failed) {
        m->io_threads = (int)threads;
        m->servers = (int)servers;
        m->pid = (int)pid;
    }
    ps_yaml_free(root);
    return status;
}

/* What can be known without a single packet. */
static int check_reach(const struct ps_meeting *m, const char *run, struct ps_error *err)
{
    char here[256] = "";
    gethostname(here, sizeof here - 1);
    if (!strncmp(m->endpoint, "inproc://", 9))
        return ps_fail(err, PS_EXIT_NET, "%s runs in one process, which nobody can join; start it by 'penstock launch', or with "
                       "--set cluster.transport=tcp", run);
    if (!ps_net_stays_on_host(m->endpoint) || !strcmp(m->host, here))
        return 0;
    return ps_fail(err, PS_EXIT_NET, "the coordinator of %s listens on %s, which only its own host %s can reach, and this is %s; start "
                   "the run with cluster.transport: tcp and with cluster.interface: an address of %s, or the name of its network "
                   "interface", run, m->endpoint, m->host, here, m->host);
}

int ps_meeting_find(struct ps_meeting *meeting, const char *run, double wait, struct ps_error *err)
{
    char *path = ps_format("%s/state/coordinator", run), *text;
    size_t size;
    double begin = ps_now(), patience = wait < 0 ? PS_MEETING_WAIT : wait;
    int status, code;
    bool ended = false;
    while ((status = access(path, F_OK)) && ps_now() - begin < patience && !(ended = wait < 0 && ps_member_run_ended(path, &code)))
        ps_net_wait(NULL, 0, 0.05, NULL);
    if (ended)
        status = ps_fail(err, PS_EXIT_NET, "the run in %s has ended, with code %d; one that is to begin yet is waited for with --wait SECONDS",
                         run, code);
    else if (status)
        status = ps_fail(err, PS_EXIT_NET, "no coordinator has appeared in %s for %.0f s; is the run still going on?", path, patience);
    else
        status = ps_file_read(path, MEETING_LIMIT, &text, &size, err);
    if (!status) {
        status = ps_meeting_parse(meeting, text, path, err);
        free(text);
    }
    if (!status && meeting->failed)
        status = ps_fail(err, PS_EXIT_NET, "%s tells of a run that failed at its start", path);
    if (!status && (size_t)snprintf(meeting->file, sizeof meeting->file, "%s", path) >= sizeof meeting->file)
        *meeting->file = 0; /* a path that long is not looked at again */
    free(path);
    if (!status && *meeting->keys) { /* the folder may have another name here */
        char *keys = ps_credentials_path(run);
        snprintf(meeting->keys, sizeof meeting->keys, "%s", keys);
        free(keys);
    }
    return status ? status : check_reach(meeting, run, err);
}

void ps_meeting_forget(const char *run)
{
    char *state = ps_format("%s/state", run), *file = ps_format("%s/coordinator", state), *ended = ps_format("%s/" PS_ENDED_NAME, state);
    char *metrics = ps_format("%s/metrics", state);
    ps_sockets_remove(state);
    unlink(file);
    unlink(ended);
    unlink(metrics);
    free(state), free(file), free(ended), free(metrics);
}

void ps_meeting_end(const char *run, int code)
{
    struct ps_error ignored;
    char *file = ps_format("%s/state/coordinator", run), *metrics = ps_format("%s/state/metrics", run), *ended = ps_format("%s/state/" PS_ENDED_NAME, run), *text = ps_format("code: %d\n", code);
    ps_file_write(ended, text, strlen(text), &ignored);
    unlink(file);
    unlink(metrics);
    free(file), free(metrics), free(ended), free(text);
}

int ps_meeting_net(const struct ps_meeting *meeting, struct ps_net **net, struct ps_error *err)
{
    struct ps_credentials credentials;
    int status = *meeting->keys ? ps_credentials_read(meeting->keys, &credentials, err) : 0;
    if (status)
        return status;
    struct ps_net *n = ps_net_new(meeting->io_threads);
    if (*meeting->keys)
        status = ps_net_secure(n, &credentials, err);
    if (status)
        ps_net_free(n);
    else
        *net = n;
    return status;
}
