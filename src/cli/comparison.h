/* comparison.h - two results' metrics side by side: the figures, and how they are shown. */
#ifndef PS_CLI_COMPARISON_H
#define PS_CLI_COMPARISON_H

#include "cli/result.h"
#include "common/significance.h"

enum ps_format { PS_FORMAT_TEXT, PS_FORMAT_MARKDOWN, PS_FORMAT_TSV, PS_FORMAT_JSON };

/* How chance is measured. */
struct ps_chances {
    int resamples, draws;
    uint64_t seed;
};

/* A mean with its interval. */
struct ps_estimate {
    double value, low, high;
};

struct ps_comparison {
    const char *label[2]; /* borrowed, as are result and group */
    const struct ps_result *result;
    const char *group;
    struct ps_chances chances;
    size_t users;
    int columns;
    struct {
        char name[32];
        struct ps_estimate of[2], difference; /* first less second */
        double p;
        size_t better, same, worse; /* users for whom the first is */
    } column[PS_MAX_COLUMNS];
};

/* Compares two samples of the same users; sample[0] becomes the difference. `to` has everything but users and figures. */
void ps_compare(struct ps_sample sample[2], struct ps_comparison *to);
/* A table, lines of TSV below one header, or a line of JSON. `first`: nothing has been printed yet. */
void ps_comparison_print(const struct ps_comparison *comparison, enum ps_format format, bool first);

#endif
