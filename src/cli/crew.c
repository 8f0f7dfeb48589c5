/* crew.c - the threads of servers and workers; see crew.h. */
#include "cli/crew.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/signals.h"
#include "common/wire.h"
#include "server/server.h"
#include "worker/worker.h"

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
                                            .leave = ps_leave_flag(),
                                            .joined = &ps_joined};
        role->status = ps_server_run(&options, &role->err);
    } else {
        struct ps_worker_options options = {.net = role->crew->net,
                                            .data = m->data,
                                            .coordinator = m->endpoint,
                                            .meeting = *m->file ? m->file : NULL,
                                            .start_timeout = m->start_timeout,
                                            .coordinator_timeout = m->coordinator_timeout,
                                            .leave = ps_leave_flag(),
                                            .joined = &ps_joined};
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
