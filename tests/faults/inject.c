/* inject.c - makes a fault happen at an exact point of a real process; preloaded (LD_PRELOAD) by tests/faults/run.
 *
 *   INJECT="ROLE POINT N ACTION; ..."   INJECT_FOLDER=folder
 *
 * ROLE    coordinator, server or worker: told by the process's command line
 * POINT   send:KIND or recv:KIND, a message of docs/protocol.md on its way out or just taken in; fsync, rename, link, write: a call
 *         on a file
 * N       the N-th time that a process comes to this point
 * ACTION  KILL, STOP    that signal, to itself, once what it sent before has had time to leave it
 *         HOLD          this thread waits until INJECT_FOLDER/release-I exists (a minute at most)
 *         FULL          the call fails with ENOSPC, and so does each one after it until INJECT_FOLDER/release-I exists
 *
 * Rule I (0, 1, ...) fires once: in the process that comes there first, which leaves its number in INJECT_FOLDER/fired-I.
 * INJECT_FOLDER/clock, where it exists, holds seconds by which the wall clock has jumped: the monotonic clock goes on, as it does
 * when an administrator or NTP sets the time.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "common/wire.h"

enum { RULES = 8, BEFORE_DEATH_MS = 50, HOLD_MS = 60000 };

struct rule {
    char point[32];
    int kind; /* message kind, 0 where the point is a call */
    long n;
    char action[8];
    atomic_long seen;
    atomic_bool full;
};

static struct rule rule[RULES];
static int rules; /* of this process's role, at their numbers: others have an empty point */
static char folder[256];

/* The function that the one of this name here stands before; looked up once. */
#define REAL(name)                                                                                                     \
    (*({                                                                                                               \
        static __typeof__(&name) real;                                                                                 \
        if (!real)                                                                                                     \
            real = (__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name);                                              \
        &real;                                                                                                         \
    }))

static const struct {
    const char *name;
    int kind;
} kinds[] = {{"PULL", PS_PULL}, {"ROWS", PS_ROWS}, {"PUSH", PS_PUSH}, {"ACK", PS_ACK}, {"HELLO", PS_HELLO},
             {"WELCOME", PS_WELCOME}, {"BEAT", PS_BEAT}, {"FENCE", PS_FENCE}, {"FENCE_ACK", PS_FENCE_ACK},
             {"GRANT", PS_GRANT}, {"GRANT_ACK", PS_GRANT_ACK}, {"REVOKE", PS_REVOKE}, {"RETURN", PS_RETURN},
             {"LANE_DONE", PS_LANE_DONE}, {"EPOCH", PS_EPOCH}, {"EPOCH_ACK", PS_EPOCH_ACK}, {"ACCOUNT", PS_ACCOUNT},
             {"ACCOUNT_ACK", PS_ACCOUNT_ACK}, {"CUT_PREPARE", PS_CUT_PREPARE}, {"CUT_LIMIT", PS_CUT_LIMIT},
             {"CUT_AT", PS_CUT_AT}, {"CUT_REACHED", PS_CUT_REACHED}, {"CUT_DONE", PS_CUT_DONE}, {"RELEASE", PS_RELEASE},
             {"LOAD", PS_LOAD}, {"READY", PS_READY}, {"MAP", PS_MAP}, {"MAP_ACK", PS_MAP_ACK}, {"EVAL", PS_EVAL},
             {"EVAL_DONE", PS_EVAL_DONE}, {"STOP", PS_STOP}, {"BYE", PS_BYE},
             {"MOVE", PS_MOVE}, {"MOVED", PS_MOVED}, {"COPY", PS_COPY}, {"COPIED", PS_COPIED}, {"SLOTS", PS_SLOTS_PART}, {"LEAVE", PS_LEAVE},
             {"REPL", PS_REPL}, {"REPL_ACK", PS_REPL_ACK}, {"SYNCED", PS_SYNCED}};

static int kind_of(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, name))
            return kinds[i].kind;
    fprintf(stderr, "inject: no message is called %s\n", name);
    _exit(2);
}

/* The role by the command line: "penstock train ...", "penstock join --as server ...", "penstock join ...". */
static const char *role(void)
{
    static char line[4096];
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, line, sizeof line - 2);
    close(fd);
    if (size <= 0)
        return "";
    line[size] = line[size + 1] = 0;
    const char *name = strrchr(line, '/') ? strrchr(line, '/') + 1 : line, *word = line + strlen(line) + 1;
    if (strcmp(name, "penstock") || word >= line + size)
        return "";
    if (!strcmp(word, "train"))
        return "coordinator";
    if (strcmp(word, "join"))
        return "";
    for (const char *w = word; w < line + size; w += strlen(w) + 1)
        if (!strcmp(w, "server"))
            return "server";
    return "worker";
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("INJECT"), *in = getenv("INJECT_FOLDER"), *me = role();
    if (!in || !*me)
        return;
    snprintf(folder, sizeof folder, "%s", in);
    for (; text && *text && rules < RULES; rules++) {
        char who[16], point[32], action[8];
        long n;
        if (sscanf(text, " %15s %31s %ld %7s", who, point, &n, action) != 4) {
            fprintf(stderr, "inject: a rule is 'ROLE POINT N ACTION', not '%s'\n", text);
            _exit(2);
        }
        action[strcspn(action, ";")] = 0;
        struct rule *r = &rule[rules];
        bool message = !strncmp(point, "send:", 5) || !strncmp(point, "recv:", 5);
        if (!strcmp(who, me)) {
            r->kind = message ? kind_of(point + 5) : 0;
            r->n = n;
            snprintf(r->action, sizeof r->action, "%s", action);
            snprintf(r->point, sizeof r->point, "%.*s", message ? 4 : 31, point);
        }
        text = strchr(text, ';');
        text = text ? text + 1 : NULL;
    }
}

static bool exists(const char *what, int i)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s-%d", folder, what, i);
    return access(path, F_OK) == 0;
}

/* Whether this process is the one in which rule i fires. */
static bool fire(int i)
{
    char path[300], text[16];
    snprintf(path, sizeof path, "%s/fired-%d", folder, i);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    int size = snprintf(text, sizeof text, "%d\n", (int)getpid());
    bool written = REAL(write)(fd, text, (size_t)size) == size;
    close(fd);
    return written;
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* At a point: does what the rules say. True: the call is to fail for want of room. */
static bool at(const char *point, int kind)
{
    bool full = false;
    int saved = errno;
    for (int i = 0; i < rules; i++) {
        struct rule *r = &rule[i];
        if (r->kind != kind || strcmp(r->point, point))
            continue;
        long seen = atomic_fetch_add(&r->seen, 1) + 1;
        if (r->full)
            full |= !exists("release", i);
        if (seen != r->n || !fire(i))
            continue;
        if (!strcmp(r->action, "FULL")) {
            full = r->full = true;
        } else if (!strcmp(r->action, "HOLD")) {
            for (int waited = 0; waited < HOLD_MS && !exists("release", i); waited += 10)
                sleep_ms(10);
        } else {
            sleep_ms(BEFORE_DEATH_MS);
            kill(getpid(), strcmp(r->action, "STOP") ? SIGKILL : SIGSTOP);
        }
    }
    errno = saved;
    return full;
}

/* A frame that begins a message begins with the header's version and kind, as protobuf writes them. */
static void at_message(const char *point, zmq_msg_t *message)
{
    const unsigned char *data = zmq_msg_data(message);
    if (rules && zmq_msg_size(message) > 4 && data[0] == 0x08 && data[1] == PS_WIRE_VERSION && data[2] == 0x10)
        at(point, data[3]);
}

int zmq_msg_send(zmq_msg_t *message, void *socket, int flags)
{
    at_message("send", message);
    return REAL(zmq_msg_send)(message, socket, flags);
}

int zmq_msg_recv(zmq_msg_t *message, void *socket, int flags)
{
    int size = REAL(zmq_msg_recv)(message, socket, flags);
    if (size >= 0)
        at_message("recv", message);
    return size;
}

static int no_room(void)
{
    errno = ENOSPC;
    return -1;
}

int fsync(int fd)
{
    return rules && at("fsync", 0) ? no_room() : REAL(fsync)(fd);
}

int rename(const char *from, const char *to)
{
    return rules && at("rename", 0) ? no_room() : REAL(rename)(from, to);
}

int renameat(int in, const char *from, int to_in, const char *to)
{
    return rules && at("rename", 0) ? no_room() : REAL(renameat)(in, from, to_in, to);
}

int link(const char *from, const char *to)
{
    return rules && at("link", 0) ? no_room() : REAL(link)(from, to);
}

ssize_t write(int fd, const void *data, size_t size)
{
    struct stat s;
    bool regular = rules && !fstat(fd, &s) && S_ISREG(s.st_mode);
    return regular && at("write", 0) ? no_room() : REAL(write)(fd, data, size);
}

/* ---- the wall clock ---- */

static long jumped(void)
{
    char path[300], text[32] = "";
    if (!*folder)
        return 0;
    snprintf(path, sizeof path, "%s/clock", folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    return size > 0 ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *to)
{
    int status = REAL(clock_gettime)(clock, to);
    if (!status && clock == CLOCK_REALTIME)
        to->tv_sec += jumped();
    return status;
}

time_t time(time_t *to)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to)
        *to = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *to, void *zone)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    (void)zone;
    *to = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}
