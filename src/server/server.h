/* server.h - a server process (or thread): joins the coordinator, serves one shard, and with servers.replicas has a copy of another one's, until it
 * is told to stop. */
#ifndef PS_SERVER_SERVER_H
#define PS_SERVER_SERVER_H

#include <signal.h>

#include "common/base.h"
#include "common/net.h"

struct ps_server_options {
    struct ps_net *net;         /* borrowed: the roles of one process share it */
    const char *coordinator;    /* its endpoint */
    const char *meeting;        /* file that says where it is by now; NULL: it does not move */
    const char *bind;           /* where to serve: "tcp://HOST:*", "ipc://PATH" or "inproc://NAME" */
    double start_timeout;       /* seconds to wait for WELCOME; <= 0: 60 */
    double coordinator_timeout; /* seconds of the coordinator's silence before giving up; <= 0: 60 */
    const volatile sig_atomic_t *leave; /* becomes true where the server is to go; NULL: it never is */
    volatile sig_atomic_t *joined;      /* set when the server begins to look at `leave`; may be NULL */
};

/* Runs until STOP, which also comes when *leave is set and the others have its rows. Returns 0 where it came with code 0, otherwise a
 * negative code and its sentence: the coordinator's, or PS_EXIT_NET where it has gone silent. */
int ps_server_run(const struct ps_server_options *options, struct ps_error *err);

#endif
