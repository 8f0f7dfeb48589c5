/* plan_rates.h - what a machine does in a second, for plans: measured by bench/calibrate.py, or what was measured where Penstock was made. */
#ifndef PS_CLI_PLAN_RATES_H
#define PS_CLI_PLAN_RATES_H

#include "common/schema.h"

/* Nanoseconds on a processor that a process needs for a message, for a row that is pulled and pushed, and for a float of it. */
struct ps_toll {
    double message, row, number;
};

struct ps_rates {
    struct ps_toll worker_ipc, server_ipc; /* on one host */
    struct ps_toll worker_tcp, server_tcp; /* between hosts */
    struct {
        double speed;     /* of a core, in parts of one of the machine that the plan is made on */
        double bandwidth; /* Gbit/s of a host's link, each way */
        double disk;      /* MB/s that a host writes */
        char measured[256];
    } host;
};

/* Its defaults are the built-in rates. */
extern const struct ps_schema ps_rates_schema;

/* The built-in rates, or those of a file; then `count` of "group.key=value". Errors: as ps_config_load. */
int ps_rates_load(struct ps_rates *rates, const char *path, const char *const *overrides, int count, struct ps_error *err);

#endif
