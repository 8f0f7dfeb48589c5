/* gate.h - what must be true before a model is published: checks with a value, a bound and a sentence, of tonight's log against those of the nights
 * before, and of tonight's model against production and the rules.
 *
 * They are pure functions of what the nights' summaries hold. A night passes when all of its checks have.
 */
#ifndef PS_CLI_NIGHTLY_GATE_H
#define PS_CLI_NIGHTLY_GATE_H

#include "cli/nightly/night.h"
#include "cli/nightly/settings.h"

/* Adds the checks of night->log: for each behaviour its volume; new users and items, duplicates, and the range of times. `earlier`, oldest first, are
 * the nights before: without one whose log counts, there is nothing to compare with, and only what needs no comparison is checked. `now`: seconds
 * since 1970. */
void ps_gate_log(const struct ps_nightly_settings *settings, const struct ps_night *earlier, int count, double now, struct ps_night *night);
/* Adds the one check that has not passed of a log that cannot be read at all. */
void ps_gate_unreadable(struct ps_night *night, const char *why);

/* The rules' values of the gate's metric; NAN where they were not ranked. */
struct ps_gate_floors {
    double popularity, carted_first;
};
/* Adds the checks of night->value: against night->production (NAN: there is none), gate.least and the rules. */
void ps_gate_model(const struct ps_nightly_settings *settings, const struct ps_gate_floors *floors, struct ps_night *night);

/* The first check that has not passed; NULL: all have. */
const struct ps_check *ps_gate_failure(const struct ps_night *night);

#endif
