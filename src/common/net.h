/* net.h - messages of frames over ZeroMQ: net.c and guard.c are the only places that know zmq.h.
 *
 * Every process has one ps_net (a ZeroMQ context). A socket is owned by one thread. A server side is a ROUTER (bound),
 * a client side a DEALER (connected) whose routing id is its incarnation. ROUTER_MANDATORY and IMMEDIATE are set, all
 * options come before bind and connect, and every send tells whether it was taken (launch facts, section 5).
 */
#ifndef PS_COMMON_NET_H
#define PS_COMMON_NET_H

#include "common/base.h"

enum { PS_MAX_FRAMES = 1 + 2 * 64, PS_FRAME_MAX = (1 << 30) + (1 << 20) /* bytes that a peer may send as one frame */ };

/* A frame: a reference-counted block of bytes (a zmq_msg_t inside). Zero-initialised memory is NOT a frame. */
struct ps_frame {
    _Alignas(8) unsigned char opaque[64];
};

void ps_frame_empty(struct ps_frame *frame);
void ps_frame_alloc(struct ps_frame *frame, size_t size); /* contents undefined, aligned to 16 bytes at least */
/* Sends memory without copying it: release(data, hint) is called, by any thread, when nobody needs it any more. */
void ps_frame_borrow(struct ps_frame *frame, void *data, size_t size, void (*release)(void *data, void *hint),
                     void *hint);
void ps_frame_share(struct ps_frame *to, const struct ps_frame *from); /* one more reference to the same bytes */
void ps_frame_fini(struct ps_frame *frame);
void *ps_frame_data(const struct ps_frame *frame);
size_t ps_frame_size(const struct ps_frame *frame);

struct ps_message {
    int count;
    struct ps_frame frame[PS_MAX_FRAMES];
};

static inline void ps_message_init(struct ps_message *message)
{
    message->count = 0;
}
struct ps_frame *ps_message_add(struct ps_message *message); /* an empty frame at the end; BUG past PS_MAX_FRAMES */
void ps_message_fini(struct ps_message *message);            /* frees the frames; the message is empty again */

struct ps_net;
struct ps_socket;

struct ps_net *ps_net_new(int io_threads);
/* All sockets must be closed. Waits at most `linger_ms` for bytes under way. */
void ps_net_free(struct ps_net *net);

/* The keys of a run with `cluster.security: curve`: two CURVE key pairs as text (Z85). A socket that binds has the server's pair, one
 * that connects the member's. */
enum { PS_CURVE_TEXT = 41 };
struct ps_credentials {
    char server_public[PS_CURVE_TEXT], server_secret[PS_CURVE_TEXT], member_public[PS_CURVE_TEXT], member_secret[PS_CURVE_TEXT];
};
void ps_credentials_make(struct ps_credentials *keys);
/* From here on every socket of this process encrypts, and talks to nobody without the run's keys, which are copied (inproc needs
 * and has no such protection). Before the first socket. PS_EXIT_USAGE where a key is none. */
int ps_net_secure(struct ps_net *net, const struct ps_credentials *keys, struct ps_error *err);
/* Handshakes with bound sockets that failed, as their monitors have seen them: no key or a wrong one, no ZeroMQ. Each attempt of a peer that
 * tries again counts; with keys libzmq does not tell of what speaks no ZeroMQ at all. Any thread may ask. */
uint64_t ps_net_strangers(const struct ps_net *net);

/* Incarnation: random 64 bits, one process life (and one thread's role) each; never 0. */
uint64_t ps_net_incarnation(void);

/* Binds a ROUTER. `endpoint` is "tcp://HOST:PORT" ("*" or 0 as PORT: any free one), "ipc://PATH" or "inproc://NAME";
 * what was really bound comes back in `bound`. PS_EXIT_NET where the port is taken, with a sentence that says so. */
int ps_net_bind(struct ps_net *net, const char *endpoint, uint64_t incarnation, char bound[256],
                struct ps_socket **socket, struct ps_error *err);
/* Whether only processes of the same host can reach what is bound there: a full endpoint, or an interface alone ("127.0.0.1", "lo"). */
bool ps_net_stays_on_host(const char *endpoint);
/* Connects a DEALER; returns at once, the connection is made and re-made in the background. */
int ps_net_connect(struct ps_net *net, const char *endpoint, uint64_t incarnation, struct ps_socket **socket,
                   struct ps_error *err);
/* Connects a DEALER to `to` instead of `from`, or anew to the same endpoint; what was under way is lost. */
int ps_socket_move(struct ps_socket *socket, const char *from, const char *to, struct ps_error *err);
void ps_socket_close(struct ps_socket *socket);

/* How far the connection of a DEALER has come since it began to be watched. */
struct ps_contact {
    bool reached; /* somebody listens there */
    bool refused; /* by a peer that has other keys or speaks something else: to try again is of no use */
};
/* Begins to watch a DEALER, soon after ps_net_connect and before it is used much; it must be asked every second or so until
 * ps_socket_unwatch, since what happens is queued for it. */
int ps_socket_watch(struct ps_net *net, struct ps_socket *socket, struct ps_error *err);
void ps_socket_contact(struct ps_socket *socket, struct ps_contact *contact);
void ps_socket_unwatch(struct ps_socket *socket);

/* Tells which connections of a ROUTER end, and counts those that are refused: to be waited for like a socket, read whenever it is ready,
 * and closed before it. */
int ps_monitor_open(struct ps_net *net, struct ps_socket *router, struct ps_socket **monitor, struct ps_error *err);
/* The number of a connection that has ended since, or -1. It may be given to another one at once. */
int ps_monitor_lost(struct ps_socket *monitor);
/* The number of the connection by which a message has come; -1 within a process. */
int ps_message_connection(const struct ps_message *message);

/* Sends all frames (they are consumed on success only). For a ROUTER `to` is the peer's incarnation.
 * Returns 0, or -EAGAIN (full, or no connection now) or -EHOSTUNREACH (the peer is not known): nothing was sent. */
int ps_socket_send(struct ps_socket *socket, uint64_t to, struct ps_message *message);
/* Receives without waiting: 1 with the message, 0 when there is none. A message with too many frames is
 * dropped. `from` is the sender's incarnation at a ROUTER, 0 at a DEALER. */
int ps_socket_receive(struct ps_socket *socket, uint64_t *from, struct ps_message *message);
enum { PS_NET_WAIT_MAX = 512 };
/* Waits until one of at most PS_NET_WAIT_MAX sockets can be read, or for `timeout` seconds; ready[i] tells which. Returns how many. */
int ps_net_wait(struct ps_socket *const *sockets, int count, double timeout, bool *ready);

#endif
