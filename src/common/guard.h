/* guard.h - who may talk to this process's sockets: CURVE on each of them, and a count of those who were turned away.
 *
 * A run with `cluster.security: curve` has two key pairs, made for it: one for whoever binds, one for whoever connects. A socket
 * that binds lets in connections that prove the second one (ZAP, RFC 27), and one that connects talks to a peer that proves the
 * first one. All members hold both, since a server binds and connects. Used by net.c only, which sets the keys of a whole process.
 */
#ifndef PS_COMMON_GUARD_H
#define PS_COMMON_GUARD_H

#include "common/net.h"

struct ps_guard;

/* The events of a monitor that tell of a failed handshake; for files that know zmq.h. */
#define PS_GUARD_REFUSALS \
    (ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

/* `context` is ZeroMQ's (borrowed); the keys are copied. PS_EXIT_USAGE where a key is none. */
int ps_guard_new(void *context, const struct ps_credentials *keys, struct ps_guard **guard, struct ps_error *err);
/* All sockets must be closed. NULL is allowed. */
void ps_guard_free(struct ps_guard *guard);
/* One event of a ZeroMQ socket's monitor: its number, 0 where there is none now, -1 where there will be no more. */
int ps_guard_event(void *monitor);
/* Puts the keys on a ZeroMQ socket, before it is bound or connected. One that will be bound is watched from then on. */
void ps_guard_socket(struct ps_guard *guard, void *socket, bool binds);
/* One more handshake failed, seen by another monitor: a ZeroMQ socket has one only, and the last one to ask has it. */
void ps_guard_count(struct ps_guard *guard);
/* Handshakes with bound sockets that failed: no key, a wrong key. Each attempt of a peer that tries again counts; what speaks no
 * ZeroMQ at all is dropped by libzmq, which does not always tell. Any thread may ask. */
uint64_t ps_guard_refused(const struct ps_guard *guard);

#endif
