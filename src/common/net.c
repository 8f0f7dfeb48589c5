/* net.c - frames, sockets and waiting over ZeroMQ; see net.h. */
#include "common/net.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <zmq.h>

#include "common/guard.h"

_Static_assert(sizeof(struct ps_frame) == sizeof(zmq_msg_t), "a frame holds one zmq_msg_t");

enum { REFUSED_FOR_GOOD = 3, UNHEARD_MS = 1500, KEEPALIVE_S = 1 };

/* The events of a monitor that tell of a failed handshake. */
#define REFUSALS (ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

struct ps_net {
    void *context;
    struct ps_guard *guard; /* owned; NULL without keys */
    atomic_uint_fast64_t refused; /* handshakes with bound sockets that failed */
};

struct ps_socket {
    void *zmq;
    bool router;
    void *monitor; /* owned; while it is watched */
    void *watched; /* of a monitor: the ROUTER it looks at */
    struct ps_net *net; /* of a monitor: borrowed */
    int closed;    /* connections that ended within the handshake without a reason, which may be an accident */
    struct ps_contact contact;
};

static zmq_msg_t *raw(const struct ps_frame *frame)
{
    return (zmq_msg_t *)(uintptr_t)frame->opaque;
}

void ps_frame_empty(struct ps_frame *frame)
{
    zmq_msg_init(raw(frame));
}

void ps_frame_alloc(struct ps_frame *frame, size_t size)
{
    if (zmq_msg_init_size(raw(frame), size))
        ps_die(PS_EXIT_FAIL, "out of memory: a message frame of %zu bytes wanted", size);
}

void ps_frame_borrow(struct ps_frame *frame, void *data, size_t size, void (*release)(void *data, void *hint),
                     void *hint)
{
    if (zmq_msg_init_data(raw(frame), data, size, release, hint))
        ps_die(PS_EXIT_FAIL, "out of memory: a message frame of %zu bytes wanted", size);
}

void ps_frame_share(struct ps_frame *to, const struct ps_frame *from)
{
    zmq_msg_init(raw(to));
    if (zmq_msg_copy(raw(to), raw(from)))
        PS_BUG("sharing a frame: %s", zmq_strerror(errno));
}

void ps_frame_fini(struct ps_frame *frame)
{
    zmq_msg_close(raw(frame));
}

void *ps_frame_data(const struct ps_frame *frame)
{
    return zmq_msg_data(raw(frame));
}

size_t ps_frame_size(const struct ps_frame *frame)
{
    return zmq_msg_size(raw(frame));
}

struct ps_frame *ps_message_add(struct ps_message *message)
{
    if (message->count == PS_MAX_FRAMES)
        PS_BUG("a message of more than %d frames", PS_MAX_FRAMES);
    struct ps_frame *frame = &message->frame[message->count++];
    ps_frame_empty(frame);
    return frame;
}

void ps_message_fini(struct ps_message *message)
{
    for (int i = 0; i < message->count; i++)
        ps_frame_fini(&message->frame[i]);
    message->count = 0;
}

struct ps_net *ps_net_new(int io_threads)
{
    struct ps_net *net = ps_calloc(1, sizeof *net);
    net->context = zmq_ctx_new();
    if (!net->context)
        ps_die(PS_EXIT_NET, "ZeroMQ cannot make a context: %s", zmq_strerror(errno));
    zmq_ctx_set(net->context, ZMQ_IO_THREADS, io_threads);
    zmq_ctx_set(net->context, ZMQ_MAX_SOCKETS, 4096);
    return net;
}

void ps_net_free(struct ps_net *net)
{
    if (!net)
        return;
    ps_guard_free(net->guard);
    while (zmq_ctx_term(net->context) && errno == EINTR)
        ;
    free(net);
}

int ps_net_secure(struct ps_net *net, const struct ps_credentials *keys, struct ps_error *err)
{
    return ps_guard_new(net->context, keys, &net->guard, err);
}

uint64_t ps_net_strangers(const struct ps_net *net)
{
    return atomic_load(&net->refused);
}

uint64_t ps_net_incarnation(void)
{
    uint64_t id = 0;
    if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id)
        PS_BUG("getrandom: %s", strerror(errno));
    /* ZeroMQ keeps routing ids that begin with a zero byte for itself. */
    unsigned char *bytes = (unsigned char *)&id;
    bytes[0] |= 1;
    return id;
}

static int set_int(struct ps_socket *socket, int option, int value)
{
    return zmq_setsockopt(socket->zmq, option, &value, sizeof value);
}

static int socket_new(struct ps_net *net, bool router, uint64_t incarnation, struct ps_socket **out,
                      struct ps_error *err)
{
    struct ps_socket *s = ps_calloc(1, sizeof *s);
    s->router = router;
    s->zmq = zmq_socket(net->context, router ? ZMQ_ROUTER : ZMQ_DEALER);
    if (!s->zmq) {
        int status = ps_fail(err, PS_EXIT_NET, "ZeroMQ cannot make a socket: %s; check 'ulimit -n'", zmq_strerror(errno));
        free(s);
        return status;
    }
    zmq_setsockopt(s->zmq, ZMQ_ROUTING_ID, &incarnation, sizeof incarnation);
    /* What claims to be longer ends its connection before memory is taken for it. */
    int64_t longest = PS_FRAME_MAX;
    zmq_setsockopt(s->zmq, ZMQ_MAXMSGSIZE, &longest, sizeof longest);
    set_int(s, ZMQ_LINGER, 1000);
    set_int(s, ZMQ_SNDHWM, 4096); /* memory in flight is bounded by the protocol's credits, not here */
    set_int(s, ZMQ_RCVHWM, 4096);
    set_int(s, ZMQ_CONNECT_TIMEOUT, 1000);
    set_int(s, ZMQ_RECONNECT_IVL, 100);
    set_int(s, ZMQ_RECONNECT_IVL_MAX, 1000);
    if (router) {
        set_int(s, ZMQ_ROUTER_MANDATORY, 1);
        set_int(s, ZMQ_ROUTER_HANDOVER, 1); /* a process that connects anew is heard at once; nobody else has its name */
        set_int(s, ZMQ_TCP_MAXRT, UNHEARD_MS); /* what the other host's kernel does not acknowledge for so long ends the connection */
    } else {
        set_int(s, ZMQ_IMMEDIATE, 1);
    }
    /* A cut may have let one side end a connection on which the other only listens: its kernel asks whether the first is still there,
     * and it is made anew. */
    set_int(s, ZMQ_TCP_KEEPALIVE, 1);
    set_int(s, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_S);
    set_int(s, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_S);
    set_int(s, ZMQ_TCP_KEEPALIVE_CNT, 3);
    if (net->guard)
        ps_guard_socket(net->guard, s->zmq, router);
    *out = s;
    return 0;
}

/* Bound to all interfaces: others reach it by this host's name. */
static void reachable(const char *actual, char bound[256])
{
    char host[128] = "localhost";
    if (strncmp(actual, "tcp://0.0.0.0:", 14) && strncmp(actual, "tcp://[::]:", 11)) {
        snprintf(bound, 256, "%s", actual);
        return;
    }
    gethostname(host, sizeof host - 1);
    snprintf(bound, 256, "tcp://%s%s", host, strrchr(actual, ':'));
}

bool ps_net_stays_on_host(const char *endpoint)
{
    static const char *const alone[] = {"127.", "localhost", "lo:", "[::1]", "::1"};
    if (!strncmp(endpoint, "ipc://", 6) || !strncmp(endpoint, "inproc://", 9) || !strcmp(endpoint, "lo"))
        return true;
    const char *host = strncmp(endpoint, "tcp://", 6) ? endpoint : endpoint + 6;
    bool stays = false;
    for (size_t i = 0; i < PS_COUNT(alone); i++)
        stays |= !strncmp(host, alone[i], strlen(alone[i]));
    return stays;
}

int ps_net_bind(struct ps_net *net, const char *endpoint, uint64_t incarnation, char bound[256],
                struct ps_socket **socket, struct ps_error *err)
{
    struct ps_socket *s;
    int status = socket_new(net, true, incarnation, &s, err);
    if (status)
        return status;
    if (zmq_bind(s->zmq, endpoint)) {
        if (errno == EADDRINUSE)
            status = ps_fail(err, PS_EXIT_NET, "cannot listen on %s: the port is taken; choose another with "
                             "cluster.port, or 0 for any free one", endpoint);
        else if (errno == ENODEV || errno == EADDRNOTAVAIL)
            status = ps_fail(err, PS_EXIT_NET, "cannot listen on %s: this host has neither such an address nor a network interface of that "
                             "name; check cluster.interface (for one host: ADDRESS in the hosts file, or join --bind)", endpoint);
        else
            status = ps_fail(err, PS_EXIT_NET, "cannot listen on %s: %s; check cluster.interface and cluster.transport",
                             endpoint, zmq_strerror(errno));
        ps_socket_close(s);
        return status;
    }
    char actual[256];
    size_t size = sizeof actual;
    zmq_getsockopt(s->zmq, ZMQ_LAST_ENDPOINT, actual, &size);
    reachable(actual, bound);
    *socket = s;
    return 0;
}

int ps_net_connect(struct ps_net *net, const char *endpoint, uint64_t incarnation, struct ps_socket **socket,
                   struct ps_error *err)
{
    struct ps_socket *s;
    int status = socket_new(net, false, incarnation, &s, err);
    if (status)
        return status;
    if (zmq_connect(s->zmq, endpoint)) {
        status = ps_fail(err, PS_EXIT_NET, "cannot connect to '%s': %s", endpoint, zmq_strerror(errno));
        ps_socket_close(s);
        return status;
    }
    *socket = s;
    return 0;
}

/* A PAIR socket that tells the events of a socket of ours. */
static int open_monitor(struct ps_net *net, void *watched, int events, void **monitor, struct ps_error *err)
{
    static const int unbounded = 0; /* a full monitor would stop the I/O thread */
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "inproc://monitor-%p", watched);
    void *m = zmq_socket(net->context, ZMQ_PAIR);
    if (m && !zmq_setsockopt(m, ZMQ_RCVHWM, &unbounded, sizeof unbounded) && !zmq_socket_monitor(watched, endpoint, events) &&
        !zmq_connect(m, endpoint)) {
        *monitor = m;
        return 0;
    }
    int status = ps_fail(err, PS_EXIT_NET, "ZeroMQ cannot watch a socket: %s; check 'ulimit -n'", zmq_strerror(errno));
    zmq_socket_monitor(watched, NULL, 0);
    if (m)
        zmq_close(m);
    return status;
}

int ps_socket_watch(struct ps_net *net, struct ps_socket *s, struct ps_error *err)
{
    return open_monitor(net, s->zmq, ZMQ_EVENT_CONNECTED | REFUSALS, &s->monitor, err);
}

/* One event of a monitor: its number and value, or 0 where there is none now. */
static int next_event(void *monitor, int32_t *value)
{
    char event[6] = {0}, address[1]; /* number (16 bits) and value; the address is in a second frame */
    uint16_t number;
    int more = 0;
    size_t size = sizeof more;
    if (zmq_recv(monitor, event, sizeof event, ZMQ_DONTWAIT) < 0)
        return 0;
    while (!zmq_getsockopt(monitor, ZMQ_RCVMORE, &more, &size) && more && zmq_recv(monitor, address, sizeof address, ZMQ_DONTWAIT) >= 0)
        ;
    memcpy(&number, event, sizeof number);
    memcpy(value, event + sizeof number, sizeof *value);
    return number;
}

void ps_socket_contact(struct ps_socket *s, struct ps_contact *contact)
{
    int event;
    int32_t ignored;
    while ((event = next_event(s->monitor, &ignored)) > 0)
        if (event & ZMQ_EVENT_CONNECTED)
            s->contact.reached = true;
        else
            s->contact.refused |= event != ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL || ++s->closed == REFUSED_FOR_GOOD;
    *contact = s->contact;
}

void ps_socket_unwatch(struct ps_socket *s)
{
    if (!s->monitor)
        return;
    zmq_socket_monitor(s->zmq, NULL, 0);
    zmq_close(s->monitor);
    s->monitor = NULL;
}

int ps_monitor_open(struct ps_net *net, struct ps_socket *router, struct ps_socket **monitor, struct ps_error *err)
{
    void *zmq;
    int status = open_monitor(net, router->zmq, ZMQ_EVENT_DISCONNECTED | REFUSALS, &zmq, err);
    if (status)
        return status;
    *monitor = ps_calloc(1, sizeof **monitor);
    **monitor = (struct ps_socket){.zmq = zmq, .watched = router->zmq, .net = net};
    return 0;
}

int ps_monitor_lost(struct ps_socket *monitor)
{
    int event;
    int32_t value;
    while ((event = next_event(monitor->zmq, &value)) > 0)
        if (event & REFUSALS)
            atomic_fetch_add(&monitor->net->refused, 1);
        else
            return value;
    return -1;
}

int ps_message_connection(const struct ps_message *message)
{
    return message->count ? zmq_msg_get(raw(&message->frame[0]), ZMQ_SRCFD) : -1;
}

int ps_socket_move(struct ps_socket *socket, const char *from, const char *to, struct ps_error *err)
{
    zmq_disconnect(socket->zmq, from);
    if (zmq_connect(socket->zmq, to))
        return ps_fail(err, PS_EXIT_NET, "cannot connect to '%s': %s", to, zmq_strerror(errno));
    return 0;
}

void ps_socket_close(struct ps_socket *socket)
{
    if (!socket)
        return;
    ps_socket_unwatch(socket);
    if (socket->watched)
        zmq_socket_monitor(socket->watched, NULL, 0);
    zmq_close(socket->zmq);
    free(socket);
}

int ps_socket_send(struct ps_socket *socket, uint64_t to, struct ps_message *message)
{
    if (socket->router && zmq_send(socket->zmq, &to, sizeof to, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return errno == EHOSTUNREACH ? -EHOSTUNREACH : -EAGAIN;
    for (int i = 0; i < message->count; i++) {
        int more = i + 1 < message->count ? ZMQ_SNDMORE : 0;
        if (zmq_msg_send(raw(&message->frame[i]), socket->zmq, more | ZMQ_DONTWAIT) < 0)
            return errno == EHOSTUNREACH ? -EHOSTUNREACH : -EAGAIN;
    }
    ps_message_fini(message);
    return 0;
}

/* Drops the frames that are left of the message being received. */
static void drop_rest(struct ps_socket *socket, bool more)
{
    while (more) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, socket->zmq, ZMQ_DONTWAIT) < 0)
            more = false;
        else
            more = zmq_msg_more(&frame);
        zmq_msg_close(&frame);
    }
}

int ps_socket_receive(struct ps_socket *socket, uint64_t *from, struct ps_message *message)
{
    for (;;) {
        bool more = true;
        *from = 0;
        message->count = 0;
        if (socket->router) {
            char id[256];
            int size = zmq_recv(socket->zmq, id, sizeof id, ZMQ_DONTWAIT);
            if (size < 0)
                return 0;
            int set = 0;
            size_t length = sizeof set;
            zmq_getsockopt(socket->zmq, ZMQ_RCVMORE, &set, &length);
            if (size == (int)sizeof *from)
                memcpy(from, id, sizeof *from);
            more = set;
            if (!*from || !more) { /* not one of ours */
                drop_rest(socket, more);
                continue;
            }
        }
        while (more) {
            if (message->count == PS_MAX_FRAMES) {
                drop_rest(socket, true);
                ps_message_fini(message);
                break;
            }
            struct ps_frame *frame = ps_message_add(message);
            if (zmq_msg_recv(raw(frame), socket->zmq, ZMQ_DONTWAIT) < 0) {
                ps_message_fini(message);
                return 0;
            }
            more = zmq_msg_more(raw(frame));
        }
        if (message->count)
            return 1;
    }
}

int ps_net_wait(struct ps_socket *const *sockets, int count, double timeout, bool *ready)
{
    zmq_pollitem_t item[PS_NET_WAIT_MAX];
    PS_ASSERT(count <= PS_NET_WAIT_MAX);
    for (int i = 0; i < count; i++)
        item[i] = (zmq_pollitem_t){.socket = sockets[i]->zmq, .events = ZMQ_POLLIN};
    int found = zmq_poll(item, count, timeout <= 0 ? 0 : (long)ceil(timeout * 1000));
    for (int i = 0; i < count; i++)
        ready[i] = found > 0 && (item[i].revents & ZMQ_POLLIN);
    return found > 0 ? found : 0;
}
