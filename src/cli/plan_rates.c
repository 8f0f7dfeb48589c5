/* plan_rates.c - the schema of a calibration; see plan_rates.h. */
#include "cli/plan_rates.h"

#include <math.h>

#include "common/yaml.h"

#define RATE(group, field, name, text)                                                                                                   \
    {#group "." #field, .type = PS_KEY_REAL, .offset = offsetof(struct ps_rates, group.field), .low = 0, .high = INFINITY, .initial = name, \
     .doc = text}
#define TOLL(group, who, message_ns, row_ns, float_ns)                                                    \
    RATE(group, message, message_ns, "Nanoseconds of a " who "'s processor for a request and its answer."), \
    RATE(group, row, row_ns, "For a row that is pulled, pushed and updated."),                              \
    RATE(group, number, float_ns, "For each float of it.")

static const struct ps_key keys[] = {
    TOLL(worker_ipc, "worker", "29000", "9.4", "0.58"),
    TOLL(server_ipc, "server", "13600", "48", "2.15"),
    TOLL(worker_tcp, "worker", "30500", "28", "2.03"),
    TOLL(server_tcp, "server", "15300", "57", "3.7"),
    {"host.speed", .type = PS_KEY_REAL, .offset = offsetof(struct ps_rates, host.speed), .low = 0, .high = INFINITY, .low_open = true,
     .initial = "1", .doc = "Speed of a core, in parts of one of the machine that the plan is made on."},
    {"host.bandwidth", .type = PS_KEY_REAL, .offset = offsetof(struct ps_rates, host.bandwidth), .low = 0, .high = INFINITY,
     .low_open = true, .initial = "10", .doc = "Gbit/s of a host's link, each way: assumed, unless told."},
    {"host.disk", .type = PS_KEY_REAL, .offset = offsetof(struct ps_rates, host.disk), .low = 0, .high = INFINITY, .low_open = true,
     .initial = "200", .doc = "MB/s that a host writes: assumed, unless told."},
    {"host.measured", .type = PS_KEY_TEXT, .offset = offsetof(struct ps_rates, host.measured),
     .size = sizeof((struct ps_rates *)0)->host.measured, .initial = "built in, from a virtual machine of 2 AMD cores with AVX-512",
     .doc = "Where and when these rates were measured."},
};

const struct ps_schema ps_rates_schema = {keys, PS_COUNT(keys), "penstock plan --rates"};

int ps_rates_load(struct ps_rates *rates, const char *path, const char *const *overrides, int count, struct ps_error *err)
{
    struct ps_yaml *root = NULL;
    *rates = (struct ps_rates){0};
    ps_schema_init(&ps_rates_schema, rates);
    int status = path ? ps_yaml_load(path, PS_EXIT_USAGE, &root, err) : 0;
    if (!status && path)
        status = ps_schema_load(&ps_rates_schema, rates, path, root, err);
    for (int k = 0; !status && k < count; k++)
        status = ps_schema_set(&ps_rates_schema, rates, overrides[k], err);
    ps_yaml_free(root);
    return status;
}
