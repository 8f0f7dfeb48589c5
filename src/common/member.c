/* member.c - greeting, beats, a coordinator that moves, and goodbye; see member.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "common/member.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/yaml.h"

static const double BEAT_EVERY = 0.25, BEAT_AGAIN = 0.05; /* seconds; again: there was no connection */
static const double LOOK_AFTER = 1; /* seconds of silence before the meeting file is read again, and between readings */
enum { MEETING_BYTES = 1 << 16, MEASURING_BEATS = 8 };
static const double ANSWERED_WITHIN = 0.05; /* seconds: of a beat that measures */

struct ps_membership {
    struct ps_membership_options options;
    struct ps_socket *control, *beat; /* owned; `beat` belongs to the beat thread */
    uint64_t run;
    bool greeting;      /* there is a new coordinator, or a new connection, and no WELCOME yet */
    double hello_at;    /* when to say HELLO again */
    char *meeting;      /* owned: the meeting file as it was last read, or NULL */
    double looked;      /* when that was */
    char endpoint[256]; /* that `control` is connected to */

    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool stopping, at_once; /* at_once: the next beat does not wait */
    struct ps_progress progress;
    uint32_t entry_capacity; /* of progress.entry, which is owned */
    double last_ack;
    int measuring;       /* beats that are still to measure the coordinator's clock */
    double ahead, error; /* by the one of them that was answered first */
    uint64_t coordinator; /* incarnation */
    uint32_t term;
    char moved[256]; /* where the coordinator is by now; "" where `control` need not be moved */
    bool ended;      /* the run has, and the coordinator is gone without a word to us */
    int end_code;
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
        if (control->to == m->options.incarnation && (!m->run || control->run == m->run))
            return 1;
        ps_control_fini(control);
    }
    return 0;
}

/* Looks whether the meeting file names another coordinator than before: true, with its endpoint. A coordinator that was killed is
 * found where it was by itself; one that hangs still has its connections, so its successor is connected to even at the same place. */
static bool look_around(struct ps_membership *m, char endpoint[256])
{
    struct ps_error ignored;
    char *text;
    size_t size;
    m->looked = ps_now();
    if (!m->options.meeting || ps_file_read(m->options.meeting, MEETING_BYTES, &text, &size, &ignored))
        return false; /* none yet, or it is being replaced */
    bool first = !m->meeting, news = first || strcmp(text, m->meeting) != 0;
    free(m->meeting);
    m->meeting = text;
    struct ps_yaml *root;
    if (!news || ps_yaml_load_text(text, size, m->options.meeting, PS_EXIT_DATA, &root, &ignored))
        return false;
    const struct ps_yaml *node = ps_yaml_get(root, "endpoint");
    news = node && node->kind == PS_YAML_SCALAR && *node->text && strlen(node->text) < 256 &&
           (!first || strcmp(node->text, m->options.coordinator) != 0);
    if (news)
        snprintf(endpoint, 256, "%s", node->text);
    ps_yaml_free(root);
    return news;
}

bool ps_member_run_ended(const char *meeting, int *code)
{
    struct ps_error ignored;
    const char *slash = meeting ? strrchr(meeting, '/') : NULL;
    char *path = slash ? ps_format("%.*s/%s", (int)(slash - meeting), meeting, PS_ENDED_NAME) : NULL, *text = NULL;
    size_t size;
    bool ended = path && access(meeting, F_OK) && !ps_file_read(path, MEETING_BYTES, &text, &size, &ignored) && !strncmp(text, "code: ", 6);
    if (ended)
        *code = (int)strtol(text + 6, NULL, 10);
    free(path), free(text);
    return ended;
}

/* Takes in what has been answered to beats; whether a coordinator of `term` or a later one has. */
static bool heard_of(struct ps_membership *m, uint32_t term)
{
    struct ps_control answer;
    bool heard = false;
    while (receive_on(m, m->beat, &answer)) {
        heard |= answer.kind == PS_BEAT_ACK && answer.term >= term;
        ps_control_fini(&answer);
    }
    return heard;
}

/* Waits for the answer to a beat: how far the coordinator's clock is ahead, if it was read half-way. */
static bool measure(struct ps_membership *m, uint64_t number, double sent, double *ahead, double *error)
{
    struct ps_control answer;
    bool ready, found = false;
    for (double now = sent; !found && now - sent < ANSWERED_WITHIN; now = ps_now()) {
        ps_net_wait(&m->beat, 1, ANSWERED_WITHIN - (now - sent), &ready);
        while (receive_on(m, m->beat, &answer)) {
            if (answer.kind == PS_BEAT_ACK && answer.request == number && answer.clock > 0 && isfinite(answer.clock)) {
                *error = (ps_now() - sent) / 2;
                *ahead = answer.clock - sent - *error;
                found = true;
            }
            ps_control_fini(&answer);
        }
    }
    return found;
}

static void *beat(void *arg)
{
    struct ps_membership *m = arg;
    char at[256], moved[256];
    uint64_t number = 0;
    pthread_mutex_lock(&m->lock);
    snprintf(at, sizeof at, "%s", m->endpoint);
    while (!m->stopping) {
        if (heard_of(m, m->term)) /* before it is called silent: the connection to a new coordinator must not be made anew */
            m->last_ack = ps_now();
        struct ps_control message = {.kind = PS_BEAT, .run = m->run, .from = m->options.incarnation, .to = m->coordinator,
                                     .term = m->term, .request = ++number, .progress = m->progress};
        bool silent = ps_now() - m->last_ack > LOOK_AFTER, measuring = m->measuring > 0, measured = false;
        double ahead = 0, error = INFINITY;
        struct ps_message beat;
        ps_message_init(&beat);
        ps_control_pack(&message, ps_message_add(&beat)); /* under the lock: what the progress points at is the owner's */
        pthread_mutex_unlock(&m->lock);
        struct ps_error ignored;
        int code = 0;
        bool look = silent && ps_now() - m->looked > LOOK_AFTER, news = look && look_around(m, moved);
        bool ended = look && ps_member_run_ended(m->options.meeting, &code);
        if (news) {
            ps_socket_move(m->beat, at, moved, &ignored);
            snprintf(at, sizeof at, "%s", moved);
        }
        double sent_at = ps_now();
        bool sent = !ps_socket_send(m->beat, 0, &beat);
        if (!sent)
            ps_message_fini(&beat);
        else if (measuring)
            measured = measure(m, number, sent_at, &ahead, &error);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)((sent ? BEAT_EVERY : BEAT_AGAIN) * 1e9);
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_mutex_lock(&m->lock);
        if (news)
            snprintf(m->moved, sizeof m->moved, "%s", moved);
        if (ended) {
            m->ended = true;
            m->end_code = code;
        }
        m->measuring -= measuring;
        if (measured)
            m->last_ack = ps_now();
        if (measured && error < m->error) {
            m->ahead = ahead;
            m->error = error;
        }
        if (!m->stopping && !m->at_once && !(measured && m->measuring))
            pthread_cond_timedwait(&m->wake, &m->lock, &until);
        m->at_once = false;
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

static void send_hello(struct ps_membership *m, struct ps_control *hello)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    hello->kind = PS_HELLO;
    hello->run = m->run;
    hello->term = m->term;
    hello->from = m->options.incarnation;
    hello->role = m->options.role;
    hello->host = host;
    hello->endpoint = (char *)(uintptr_t)m->options.endpoint;
    hello->pid = (uint32_t)getpid();
    hello->first = m->options.home;
    send_on(m->control, hello, NULL);
    hello->host = NULL;
    m->hello_at = ps_now() + BEAT_EVERY;
}

/* Connects `control` where the coordinator is by now. */
static void follow(struct ps_membership *m, const char *endpoint)
{
    struct ps_error ignored; /* the next look at the meeting file finds a better one */
    ps_socket_move(m->control, m->endpoint, endpoint, &ignored);
    snprintf(m->endpoint, sizeof m->endpoint, "%s", endpoint);
}

static int greet(struct ps_membership *m, struct ps_control *welcome, struct ps_error *err)
{
    double begin = ps_now();
    char moved[256];
    for (;;) {
        double now = ps_now();
        struct ps_contact contact;
        ps_socket_contact(m->control, &contact);
        if (contact.refused)
            return ps_fail(err, PS_EXIT_NET, "the coordinator at %s refuses this process, which has not the same keys: where the run has "
                           "cluster.security: curve, join by its folder, or give a copy of RUN/keys/curve with --key; where it "
                           "has not, give no --key", m->endpoint);
        int code;
        if (now - begin > LOOK_AFTER && ps_member_run_ended(m->options.meeting, &code))
            return ps_fail(err, PS_EXIT_NET, "the run has ended with code %d before this process could join it (%s is gone)", code,
                           m->options.meeting);
        if (now - begin > m->options.start_timeout)
            return contact.reached
                       ? ps_fail(err, PS_EXIT_NET, "no coordinator has answered at %s for %.0f s, though somebody listens there; its log "
                                 "says why", m->endpoint, now - begin)
                       : ps_fail(err, PS_EXIT_NET, "nobody listens at %s, tried for %.0f s; is the run still going on, and does it "
                                 "listen on an address that this host can reach? Without cluster.interface that is its own host only",
                                 m->endpoint, now - begin);
        if (now - m->looked > LOOK_AFTER && look_around(m, moved))
            follow(m, moved);
        if (now >= m->hello_at) {
            struct ps_control hello = {0};
            send_hello(m, &hello);
        }
        bool ready;
        ps_net_wait(&m->control, 1, m->hello_at - now, &ready);
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

int ps_membership_join(struct ps_membership **member, const struct ps_membership_options *options, struct ps_control *welcome,
                       struct ps_error *err)
{
    struct ps_membership *m = ps_calloc(1, sizeof *m);
    char moved[256];
    m->options = *options;
    snprintf(m->endpoint, sizeof m->endpoint, "%s", options->coordinator);
    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&m->wake, &clock);
    pthread_condattr_destroy(&clock);
    if (look_around(m, moved)) /* since the caller read the file */
        snprintf(m->endpoint, sizeof m->endpoint, "%s", moved);
    int status = ps_net_connect(options->net, m->endpoint, options->incarnation, &m->control, err);
    if (!status)
        status = ps_socket_watch(options->net, m->control, err);
    if (!status)
        status = greet(m, welcome, err);
    if (!status)
        ps_socket_unwatch(m->control);
    if (!status)
        status = ps_net_connect(options->net, m->endpoint, ps_net_incarnation(), &m->beat, err);
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

/* Makes a STOP of the run's end, where nobody has told it. */
static bool take_end(struct ps_membership *m, struct ps_control *message)
{
    pthread_mutex_lock(&m->lock);
    bool ended = m->ended;
    m->ended = false;
    *message = (struct ps_control){.kind = PS_STOP, .code = (uint32_t)m->end_code, .term = m->term};
    pthread_mutex_unlock(&m->lock);
    if (ended)
        message->text = ps_strdup("the run has ended");
    return ended;
}

/* What the owner has to do where the coordinator has moved or changed. */
static void catch_up(struct ps_membership *m)
{
    char moved[256];
    pthread_mutex_lock(&m->lock);
    snprintf(moved, sizeof moved, "%s", m->moved);
    *m->moved = 0;
    pthread_mutex_unlock(&m->lock);
    if (*moved) { /* what was under way is lost: HELLO says so */
        follow(m, moved);
        m->greeting = true;
        m->hello_at = 0;
    }
    if (m->greeting && ps_now() >= m->hello_at) {
        struct ps_control hello = {0};
        m->options.holds(m->options.ctx, &hello);
        send_hello(m, &hello);
        free(hello.held);
    }
}

static void accept_term(struct ps_membership *m, const struct ps_control *message)
{
    pthread_mutex_lock(&m->lock);
    m->term = message->term;
    m->coordinator = message->from;
    pthread_mutex_unlock(&m->lock);
    m->greeting = true;
    m->hello_at = 0;
}

int ps_membership_receive(struct ps_membership *m, struct ps_control *message)
{
    while (receive_on(m, m->control, message)) {
        if (message->term > m->term)
            accept_term(m, message);
        bool welcome = message->kind == PS_WELCOME; /* only a new one's, or a repeat */
        if (message->term == m->term && welcome)
            m->greeting = false;
        if (message->term == m->term && !welcome && message->kind != PS_BEAT_ACK)
            return 1;
        ps_control_fini(message);
    }
    catch_up(m);
    return take_end(m, message);
}

void ps_membership_send(struct ps_membership *m, struct ps_control *message, struct ps_frame *bulk)
{
    message->run = m->run;
    message->from = m->options.incarnation;
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

void ps_membership_measure(struct ps_membership *m)
{
    pthread_mutex_lock(&m->lock);
    m->measuring = MEASURING_BEATS;
    m->error = INFINITY;
    m->at_once = true;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
}

bool ps_membership_ahead(struct ps_membership *m, double *ahead, double *error)
{
    pthread_mutex_lock(&m->lock);
    bool done = !m->measuring;
    *ahead = m->ahead;
    *error = m->error;
    pthread_mutex_unlock(&m->lock);
    return done;
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
    if (silent <= m->options.coordinator_timeout)
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
    free(m->meeting);
    free(m);
}
