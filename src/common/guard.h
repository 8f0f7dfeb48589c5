/* guard.h - who may talk to this process's sockets: CURVE on each of them.
 *
 * A run with `cluster.security: curve` has two key pairs, made for it: one for whoever binds, one for whoever connects. A socket
 * that binds lets in connections that prove the second one (ZAP, RFC 27), and one that connects talks to a peer that proves the
 * first one. All members hold both, since a server binds and connects. Used by net.c only, which sets the keys of a whole process.
 */
#ifndef PS_COMMON_GUARD_H
#define PS_COMMON_GUARD_H

#include "common/net.h"

struct ps_guard;

/* `context` is ZeroMQ's (borrowed); the keys are copied. PS_EXIT_USAGE where a key is none. */
int ps_guard_new(void *context, const struct ps_credentials *keys, struct ps_guard **guard, struct ps_error *err);
/* All sockets must be closed. NULL is allowed. */
void ps_guard_free(struct ps_guard *guard);
/* Puts the keys on a ZeroMQ socket, before it is bound or connected. */
void ps_guard_socket(struct ps_guard *guard, void *socket, bool binds);

#endif
