/* plan_cost.h - from what a micro-batch costs to what a cluster does: memory, bytes on the wire, samples a second, and what limits them.
 *
 * The model of a run without sync's waits: every worker and every server is a process that uses one core at the most; a host's link carries
 * as much in as out; nothing waits for anything but for a resource that is used up. What a message, a row and a float cost a process is
 * measured (plan_rates.h); what a micro-batch costs a worker beside that is, too (worker/rehearse.h).
 */
#ifndef PS_CLI_PLAN_COST_H
#define PS_CLI_PLAN_COST_H

#include "cli/plan_rates.h"
#include "worker/rehearse.h"

struct ps_plan_task {
    const struct ps_model *model;           /* with its configuration; borrowed, as the next two */
    const struct ps_rehearsal *rehearsal;
    const struct ps_rates *rates;
    double epoch_samples;
    int hosts, server_hosts; /* server_hosts: of them, those for servers alone; 0: servers are on all, beside the workers */
    int cores;               /* of a host */
    int servers, workers;    /* in all; 0: as many as go best with the cores */
};

enum ps_plan_limit {
    PS_LIMIT_WORKERS,      /* processor time of the worker processes */
    PS_LIMIT_SERVERS,      /* of the server processes */
    PS_LIMIT_CORES,        /* of both on the cores that there are */
    PS_LIMIT_WORKER_LINKS, /* hosts' links; where servers are beside workers, */
    PS_LIMIT_SERVER_LINKS, /* both are the same */
    PS_LIMITS
};

struct ps_plan {
    int servers, workers;
    double rows, server_bytes, worker_bytes, host_bytes; /* rows: of all tables; bytes: of a process, and of the fullest host */
    double checkpoint_bytes, checkpoint_seconds;         /* one that is full; all servers write at once */
    double batch_rows, pulled, pushed, parts;            /* of a micro-batch: distinct rows, bytes, servers that it asks */
    double worker_seconds, server_seconds;               /* of a processor, for a micro-batch: of its worker, of all servers together */
    double limit[PS_LIMITS];                             /* samples a second that each allows; INFINITY: it is not used */
    enum ps_plan_limit limited;                          /* by the lowest, */
    double rate, epoch_seconds;                          /* which is the rate */
};

void ps_plan_cost(const struct ps_plan_task *task, struct ps_plan *plan);

#endif
