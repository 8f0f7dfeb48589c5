/* worker.h - a worker: holds lanes, streams their micro-batches, computes gradients; ranks held-out targets when asked. */
#ifndef PS_WORKER_H
#define PS_WORKER_H

#include <signal.h>

#include "common/base.h"
#include "common/net.h"

struct ps_worker_options {
    struct ps_net *net;      /* borrowed */
    const char *data;           /* folder of the dataset on this host; NULL: the same as the coordinator's */
    const char *coordinator; /* its endpoint */
    const char *meeting;     /* file that says where it is by now; NULL: it does not move */
    double start_timeout;    /* seconds to wait for a WELCOME */
    double coordinator_timeout; /* seconds of its silence after which the worker ends */
    const volatile sig_atomic_t *leave; /* becomes true where the worker is to go; NULL: it never is */
    volatile sig_atomic_t *joined;      /* set when the worker begins to look at `leave`; may be NULL */
};

/* Joins the run, works until it is told to stop, or hands its lanes back and goes when *leave is set. Returns 0 after a STOP with code
 * 0, or after leaving; otherwise the error says what ended it (also sent to the coordinator in a BYE). */
int ps_worker_run(const struct ps_worker_options *options, struct ps_error *err);

#endif
