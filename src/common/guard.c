/* guard.c - CURVE keys and the ZAP handler; see guard.h. Beside net.c the only place that knows zmq.h.
 *
 * One thread, which begins with the first socket that binds, owns the door (the ZAP handler, a REP socket). libzmq asks the door for
 * every client that has proved a key; it never comes to that for one without CURVE or with a wrong key of the server. All that are
 * refused are counted by the sockets' monitors (net.c).
 */
#include "common/guard.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define DOOR "inproc://zeromq.zap.01" /* where libzmq looks for the handler */

enum { KEY_BYTES = 32, ZAP_FRAMES = 7, ZAP_TEXT = 256 };

struct ps_guard {
    void *context; /* borrowed */
    struct ps_credentials keys;
    uint8_t member[KEY_BYTES]; /* the key that is let in */
    pthread_mutex_t lock; /* of what follows */
    bool running;
    pthread_t thread;
    void *door; /* owned by the thread */
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

static void *keep_door(void *arg)
{
    struct ps_guard *g = arg;
    zmq_pollitem_t item = {.socket = g->door, .events = ZMQ_POLLIN};
    for (;;) {
        if (zmq_poll(&item, 1, -1) >= 0)
            answer(g, g->door);
        else if (errno != EINTR)
            break; /* the context ends */
    }
    zmq_close(g->door);
    return NULL;
}

/* ---- the other threads ---- */

static void open_door(struct ps_guard *g)
{
    pthread_mutex_lock(&g->lock);
    if (!g->running) {
        g->door = zmq_socket(g->context, ZMQ_REP);
        if (!g->door || zmq_bind(g->door, DOOR))
            PS_BUG("the guard's door: %s", zmq_strerror(errno));
        if (pthread_create(&g->thread, NULL, keep_door, g))
            ps_die(PS_EXIT_FAIL, "cannot start a thread; check 'ulimit -u'");
        g->running = true;
    }
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
    open_door(g); /* it is there before the socket is bound: without one libzmq would let in any key */
    if (zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "penstock", 8) ||
        zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &on, sizeof on))
        PS_BUG("CURVE on a socket: %s", zmq_strerror(errno));
    set_key(socket, ZMQ_CURVE_SECRETKEY, g->keys.server_secret);
}

void ps_guard_free(struct ps_guard *g)
{
    if (!g)
        return;
    if (g->running) {
        zmq_ctx_shutdown(g->context); /* wakes the thread */
        pthread_join(g->thread, NULL);
    }
    pthread_mutex_destroy(&g->lock);
    explicit_bzero(&g->keys, sizeof g->keys);
    free(g);
}
