/* guard.c - CURVE keys, the ZAP handler and the count of refused handshakes; see guard.h. Beside net.c the only place that
 * knows zmq.h.
 *
 * One thread, which begins with the first socket that binds, owns the door (the ZAP handler, a REP socket) and a monitor of each
 * bound socket. libzmq asks the door for every client that has proved a key; it never comes to that for one without CURVE or with
 * a wrong key of the server, so those are seen by the monitors. A monitor must be read by somebody who is never busy otherwise,
 * because a full one stops libzmq's I/O thread: hence the thread.
 */
#include "common/guard.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define DOOR "inproc://zeromq.zap.01" /* where libzmq looks for the handler */

enum { KEY_BYTES = 32, ZAP_FRAMES = 7, ZAP_TEXT = 256, DOOR_ITEM = 0, TOLD_ITEM = 1, FIRST_MONITOR = 2 };

struct ps_guard {
    void *context; /* borrowed */
    struct ps_credentials keys;
    uint8_t member[KEY_BYTES]; /* the key that is let in */
    atomic_uint_fast64_t refused;
    pthread_mutex_t lock; /* of what follows */
    bool running;
    pthread_t thread;
    void *tell;        /* owned: tells the thread of monitors, by their pointers */
    uint64_t monitors; /* ever */
    zmq_pollitem_t *item; /* the thread's */
    size_t items, item_capacity;
};

void ps_credentials_make(struct ps_credentials *keys)
{
    if (zmq_curve_keypair(keys->server_public, keys->server_secret) ||
        zmq_curve_keypair(keys->member_public, keys->member_secret))
        ps_die(PS_EXIT_FAIL, "this build of ZeroMQ has no CURVE; set cluster.security to none");
}

static int check_key(const char *key, const char *name, uint8_t bytes[KEY_BYTES], struct ps_error *err)
{
    if (strlen(key) == PS_CURVE_TEXT - 1 && zmq_z85_decode(bytes, key))
        return 0;
    return ps_fail(err, PS_EXIT_USAGE, "the run's %s is no CURVE key", name);
}

int ps_guard_new(void *context, const struct ps_credentials *keys, struct ps_guard **guard, struct ps_error *err)
{
    uint8_t ignored[KEY_BYTES];
    struct ps_guard *g = ps_calloc(1, sizeof *g);
    g->context = context;
    g->keys = *keys;
    pthread_mutex_init(&g->lock, NULL);
    int status = check_key(keys->server_public, "server_public", ignored, err);
    if (!status)
        status = check_key(keys->server_secret, "server_secret", ignored, err);
    if (!status)
        status = check_key(keys->member_secret, "member_secret", ignored, err);
    if (!status)
        status = check_key(keys->member_public, "member_public", g->member, err);
    if (status)
        ps_guard_free(g);
    else
        *guard = g;
    return status;
}

/* ---- the thread ---- */

static void add_item(struct ps_guard *g, void *socket)
{
    PS_GROW(g->item, g->item_capacity, g->items + 1);
    g->item[g->items++] = (zmq_pollitem_t){.socket = socket, .events = ZMQ_POLLIN};
}

static bool more(void *socket)
{
    int set = 0;
    size_t size = sizeof set;
    zmq_getsockopt(socket, ZMQ_RCVMORE, &set, &size);
    return set;
}

/* One question of libzmq's: version, request, domain, address, routing id, mechanism, credentials. */
static void answer(struct ps_guard *g, void *door)
{
    char frame[ZAP_FRAMES][ZAP_TEXT];
    int size[ZAP_FRAMES] = {0}, frames = 0;
    do {
        char beyond[1];
        bool known = frames < ZAP_FRAMES;
        int n = zmq_recv(door, known ? frame[frames] : beyond, known ? ZAP_TEXT : sizeof beyond, ZMQ_DONTWAIT);
        if (n < 0)
            return;
        if (known)
            size[frames] = n;
        frames++;
    } while (more(door));
    bool enter = frames == ZAP_FRAMES && size[5] == 5 && !memcmp(frame[5], "CURVE", 5) && size[6] == KEY_BYTES &&
                 !memcmp(frame[6], g->member, KEY_BYTES);
    const char *code = enter ? "200" : "400", *text = enter ? "OK" : "not a key of this run";
    zmq_send(door, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(door, frame[1], (size_t)PS_MIN(size[1], ZAP_TEXT), ZMQ_SNDMORE);
    zmq_send(door, code, 3, ZMQ_SNDMORE);
    zmq_send(door, text, strlen(text), ZMQ_SNDMORE);
    zmq_send(door, "", 0, ZMQ_SNDMORE);
    zmq_send(door, "", 0, 0);
}

int ps_guard_event(void *monitor)
{
    uint8_t event[6] = {0}; /* number and value; the address is in a second frame */
    char beyond[1];
    uint16_t number;
    if (zmq_recv(monitor, event, sizeof event, ZMQ_DONTWAIT) < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    while (more(monitor) && zmq_recv(monitor, beyond, sizeof beyond, ZMQ_DONTWAIT) >= 0)
        ;
    memcpy(&number, event, sizeof number);
    return number == ZMQ_EVENT_MONITOR_STOPPED ? -1 : number;
}

static void *watch(void *arg)
{
    struct ps_guard *g = arg;
    for (;;) {
        if (zmq_poll(g->item, (int)g->items, -1) < 0) {
            if (errno == EINTR)
                continue;
            break; /* the context ends */
        }
        if (g->item[DOOR_ITEM].revents)
            answer(g, g->item[DOOR_ITEM].socket);
        for (size_t i = FIRST_MONITOR; i < g->items;) {
            int event = g->item[i].revents ? ps_guard_event(g->item[i].socket) : 0;
            if (event > 0)
                atomic_fetch_add(&g->refused, 1);
            if (event >= 0) {
                i++;
                continue;
            }
            zmq_close(g->item[i].socket);
            g->item[i] = g->item[--g->items];
        }
        void *monitor;
        if (g->item[TOLD_ITEM].revents && zmq_recv(g->item[TOLD_ITEM].socket, &monitor, sizeof monitor, ZMQ_DONTWAIT) > 0)
            add_item(g, monitor);
    }
    for (size_t i = 0; i < g->items; i++)
        zmq_close(g->item[i].socket);
    return NULL;
}

/* ---- the other threads ---- */

static void start(struct ps_guard *g)
{
    void *door = zmq_socket(g->context, ZMQ_REP), *told = zmq_socket(g->context, ZMQ_PAIR);
    g->tell = zmq_socket(g->context, ZMQ_PAIR);
    if (!door || !told || !g->tell || zmq_bind(door, DOOR) || zmq_bind(told, "inproc://guard") ||
        zmq_connect(g->tell, "inproc://guard"))
        PS_BUG("the guard's sockets: %s", zmq_strerror(errno));
    add_item(g, door);
    add_item(g, told);
    if (pthread_create(&g->thread, NULL, watch, g))
        ps_die(PS_EXIT_FAIL, "cannot start a thread; check 'ulimit -u'");
    g->running = true;
}

static void set_watch(struct ps_guard *g, void *socket)
{
    char endpoint[64];
    pthread_mutex_lock(&g->lock);
    if (!g->running)
        start(g);
    snprintf(endpoint, sizeof endpoint, "inproc://guard-%llu", (unsigned long long)g->monitors++);
    void *monitor = zmq_socket(g->context, ZMQ_PAIR);
    if (!monitor || zmq_socket_monitor(socket, endpoint, PS_GUARD_REFUSALS | ZMQ_EVENT_MONITOR_STOPPED) || zmq_connect(monitor, endpoint) ||
        zmq_send(g->tell, &monitor, sizeof monitor, 0) < 0)
        PS_BUG("a monitor: %s", zmq_strerror(errno));
    pthread_mutex_unlock(&g->lock);
}

static void set_key(void *socket, int option, const char *key)
{
    if (zmq_setsockopt(socket, option, key, strlen(key) + 1))
        PS_BUG("a CURVE key: %s", zmq_strerror(errno));
}

void ps_guard_socket(struct ps_guard *g, void *socket, bool binds)
{
    static const int on = 1;
    if (!binds) {
        set_key(socket, ZMQ_CURVE_SERVERKEY, g->keys.server_public);
        set_key(socket, ZMQ_CURVE_PUBLICKEY, g->keys.member_public);
        set_key(socket, ZMQ_CURVE_SECRETKEY, g->keys.member_secret);
        return;
    }
    set_watch(g, socket); /* the door is there before the socket is bound: without one libzmq would let in any key */
    if (zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "penstock", 8) ||
        zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &on, sizeof on))
        PS_BUG("CURVE on a socket: %s", zmq_strerror(errno));
    set_key(socket, ZMQ_CURVE_SECRETKEY, g->keys.server_secret);
}

void ps_guard_count(struct ps_guard *g)
{
    atomic_fetch_add(&g->refused, 1);
}

uint64_t ps_guard_refused(const struct ps_guard *g)
{
    return atomic_load(&g->refused);
}

void ps_guard_free(struct ps_guard *g)
{
    if (!g)
        return;
    if (g->running) {
        zmq_close(g->tell);
        zmq_ctx_shutdown(g->context); /* wakes the thread */
        pthread_join(g->thread, NULL);
    }
    pthread_mutex_destroy(&g->lock);
    free(g->item);
    explicit_bzero(&g->keys, sizeof g->keys);
    free(g);
}
