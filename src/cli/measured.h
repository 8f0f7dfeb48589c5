/* measured.h - what a report has written, read back: RUN/metrics.json, and what evaluate --json writes. */
#ifndef PS_CLI_MEASURED_H
#define PS_CLI_MEASURED_H

#include "common/yaml.h"

/* One split of such a file. */
struct ps_measured {
    struct ps_yaml *root;         /* owned */
    const struct ps_yaml *result; /* part of root; NULL: the split was not ranked */
};

/* Errors: PS_EXIT_DATA. ps_measured_close takes what was opened. */
int ps_measured_open(struct ps_measured *measured, const char *path, const char *split, struct ps_error *err);
void ps_measured_close(struct ps_measured *measured);
/* A metric of a model's targets in a group, as "ndcg@10" of "all"; NaN where there is no such model, group, target or metric. */
double ps_measured_value(const struct ps_measured *measured, const char *model, const char *group, const char *metric);
/* A field of the protocol as it is written, or "". Borrowed. */
const char *ps_measured_protocol(const struct ps_measured *measured, const char *field);

/* The value of a key; NULL where there is none, or no map. Borrowed. */
const struct ps_yaml *ps_measured_child(const struct ps_yaml *map, const char *key);
/* The text of a scalar in a map, "" where there is none (or no map). Borrowed. */
const char *ps_measured_text(const struct ps_yaml *map, const char *key);

#endif
