/* member.c - greeting, beats and goodbye; see member.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "common/member.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double BEAT_EVERY = 0.25;

struct ps_membership {
    struct ps_socket *control, *beat; /* owned; `beat` belongs to the beat thread */
    uint64_t run, incarnation, coordinator;
    uint32_t term;
    char endpoint[256]; /* the coordinator's, for messages */
    double coordinator_timeout;

    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool stopping, at_once; /* at_once: the next beat does not wait */
    struct ps_progress progress;
    uint32_t entry_capacity; /* of progress.entry, which is owned */
    double last_ack;
};

static void send_on(struct ps_socket *socket, const struct ps_control *control, struct ps_frame *bulk)
{
    struct ps_message message;
    ps_message_init(&message);
    ps_control_pack(control, ps_message_add(&message));
    if (bulk) {
        struct ps_frame *frame = ps_message_add(&message);
        ps_frame_fini(frame);
        *frame = *bulk;
    }
    if (ps_socket_send(socket, 0, &message))
        ps_message_fini(&message);
}

/* Takes one control message of our run from a socket; 0 where there is none. */
static int receive_on(struct ps_membership *m, struct ps_socket *socket, struct ps_control *control)
{
    struct ps_message message;
    uint64_t from;
    struct ps_error err;
    while (ps_socket_receive(socket, &from, &message)) {
        int status = ps_control_unpack(&message, control, &err);
        ps_message_fini(&message);
        if (status)
            continue;
        if (control->to == m->incarnation && (!m->run || control->run == m->run))
            return 1;
        ps_control_fini(control);
    }
    return 0;
}

static void *beat(void *arg)
{
    struct ps_membership *m = arg;
    uint64_t number = 0;
    pthread_mutex_lock(&m->lock);
    while (!m->stopping) {
        struct ps_control control = {.kind = PS_BEAT, .run = m->run, .from = m->incarnation, .to = m->coordinator,
                                     .request = ++number, .progress = m->progress};
        struct ps_message message;
        ps_message_init(&message);
        ps_control_pack(&control, ps_message_add(&message));
        pthread_mutex_unlock(&m->lock);
        if (ps_socket_send(m->beat, 0, &message))
            ps_message_fini(&message);
        struct ps_control answer;
        bool heard = false;
        while (receive_on(m, m->beat, &answer)) {
            heard |= answer.kind == PS_BEAT_ACK;
            ps_control_fini(&answer);
        }
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)(BEAT_EVERY * 1e9);
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_mutex_lock(&m->lock);
        if (heard)
            m->last_ack = ps_now();
        if (!m->stopping && !m->at_once)
            pthread_cond_timedwait(&m->wake, &m->lock, &until);
        m->at_once = false;
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

static int greet(struct ps_membership *m, enum ps_role role, const char *endpoint, double timeout,
                 struct ps_control *welcome, struct ps_error *err)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    struct ps_control hello = {.kind = PS_HELLO,
                               .from = m->incarnation,
                               .role = role,
                               .host = host,
                               .endpoint = (char *)(uintptr_t)endpoint,
                               .pid = (uint32_t)getpid()};
    double begin = ps_now(), hello_at = begin;
    for (;;) {
        double now = ps_now();
        struct ps_contact contact;
        ps_socket_contact(m->control, &contact);
        if (contact.refused)
            return ps_fail(err, PS_EXIT_NET, "the coordinator at %s refuses this process, which has not the same keys: where the run has "
                           "cluster.security: curve, join by its folder, or give a copy of RUN/keys/curve with --key; where it "
                           "has not, give no --key", m->endpoint);
        if (now - begin > timeout)
            return contact.reached
                       ? ps_fail(err, PS_EXIT_NET, "no coordinator has answered at %s for %.0f s, though somebody listens there; its log "
                                 "says why", m->endpoint, now - begin)
                       : ps_fail(err, PS_EXIT_NET, "nobody listens at %s, tried for %.0f s; is the run still going on, and does it "
                                 "listen on an address that this host can reach? Without cluster.interface that is its own host only",
                                 m->endpoint, now - begin);
        if (now >= hello_at) {
            send_on(m->control, &hello, NULL);
            hello_at = now + BEAT_EVERY;
        }
        bool ready;
        ps_net_wait(&m->control, 1, hello_at - now, &ready);
        struct ps_control message;
        while (receive_on(m, m->control, &message)) {
            if (message.kind == PS_WELCOME) {
                m->run = message.run;
                m->coordinator = message.from;
                m->term = message.term;
                *welcome = message;
                return 0;
            }
            int status = message.kind == PS_STOP
                             ? ps_fail(err, message.code ? (int)message.code : PS_EXIT_FAIL, "the coordinator at %s: %s",
                                       m->endpoint, message.text)
                             : 0;
            ps_control_fini(&message);
            if (status)
                return status;
        }
    }
}

int ps_membership_join(struct ps_membership **member, struct ps_net *net, const char *coordinator, enum ps_role role,
                       uint64_t incarnation, const char *endpoint, double timeout, double coordinator_timeout,
                       struct ps_control *welcome, struct ps_error *err)
{
    struct ps_membership *m = ps_calloc(1, sizeof *m);
    m->incarnation = incarnation;
    m->coordinator_timeout = coordinator_timeout;
    snprintf(m->endpoint, sizeof m->endpoint, "%s", coordinator);
    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&m->wake, &clock);
    pthread_condattr_destroy(&clock);
    int status = ps_net_connect(net, coordinator, incarnation, &m->control, err);
    if (!status)
        status = ps_socket_watch(net, m->control, err);
    if (!status)
        status = ps_net_connect(net, coordinator, ps_net_incarnation(), &m->beat, err);
    if (!status)
        status = greet(m, role, endpoint, timeout, welcome, err);
    if (!status)
        ps_socket_unwatch(m->control);
    if (status) {
        ps_membership_leave(m, 0, "");
        return status;
    }
    m->last_ack = ps_now();
    m->running = true;
    if (pthread_create(&m->thread, NULL, beat, m))
        ps_die(PS_EXIT_FAIL, "cannot start a thread; check 'ulimit -u'");
    *member = m;
    return 0;
}

struct ps_socket *ps_membership_socket(struct ps_membership *m)
{
    return m->control;
}

int ps_membership_receive(struct ps_membership *m, struct ps_control *message)
{
    while (receive_on(m, m->control, message)) {
        if (message->term >= m->term) {
            m->term = message->term;
            return 1;
        }
        ps_control_fini(message);
    }
    return 0;
}

void ps_membership_send(struct ps_membership *m, struct ps_control *message, struct ps_frame *bulk)
{
    message->run = m->run;
    message->from = m->incarnation;
    message->to = m->coordinator;
    message->term = m->term;
    send_on(m->control, message, bulk);
}

void ps_membership_progress(struct ps_membership *m, const struct ps_progress *progress, bool at_once)
{
    pthread_mutex_lock(&m->lock);
    struct ps_lane_entry *entry = m->progress.entry;
    uint64_t turns = m->progress.turns + 1;
    PS_GROW(entry, m->entry_capacity, progress->entries);
    m->progress = *progress;
    m->progress.turns = turns;
    m->progress.entry = entry;
    if (progress->entries)
        memcpy(entry, progress->entry, progress->entries * sizeof *entry);
    if (at_once) {
        m->at_once = true;
        pthread_cond_signal(&m->wake);
    }
    pthread_mutex_unlock(&m->lock);
}

void ps_membership_turn(struct ps_membership *m)
{
    pthread_mutex_lock(&m->lock);
    m->progress.turns++;
    pthread_mutex_unlock(&m->lock);
}

int ps_membership_check(struct ps_membership *m, struct ps_error *err)
{
    pthread_mutex_lock(&m->lock);
    double silent = ps_now() - m->last_ack;
    pthread_mutex_unlock(&m->lock);
    if (silent <= m->coordinator_timeout)
        return 0;
    return ps_fail(err, PS_EXIT_NET, "the coordinator at %s has been silent for %.0f s; its log says why, and 'penstock train "
                   "--resume RUN' goes on from the last checkpoint", m->endpoint, silent);
}

void ps_membership_leave(struct ps_membership *m, int code, const char *text)
{
    if (!m)
        return;
    if (m->running) {
        pthread_mutex_lock(&m->lock);
        m->stopping = true;
        pthread_cond_signal(&m->wake);
        pthread_mutex_unlock(&m->lock);
        pthread_join(m->thread, NULL);
        struct ps_control bye = {.kind = PS_BYE, .code = (uint32_t)code, .text = (char *)(uintptr_t)text};
        ps_membership_send(m, &bye, NULL);
    }
    ps_socket_close(m->control);
    ps_socket_close(m->beat);
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->wake);
    free(m->progress.entry);
    free(m);
}
