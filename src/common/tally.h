/* tally.h - what the training of a state has cost and come to, in all epochs that led to it: part of each manifest and of the coordinator's
 * records, so that who goes back to a state counts nothing twice and forgets nothing.
 */
#ifndef PS_COMMON_TALLY_H
#define PS_COMMON_TALLY_H

#include "common/sealed.h"
#include "common/table.h"

/* Micro-batches of whole epochs: expected, applied by every server, repeated and dropped (over all servers), and what must be 0. */
struct ps_accounts {
    uint64_t epochs, expected, applied, repeated, lost, twice;
};

struct ps_tally {
    uint64_t samples; /* trained on, in whole epochs */
    double seconds;   /* spent in these epochs (no validation, no checkpoints) */
    double checkpoint_seconds, validation_seconds;
    struct ps_accounts account;
    struct ps_life life; /* rows and waiting: at the end of the last epoch */
};

/* As a map on one line. */
void ps_tally_print(FILE *out, const struct ps_tally *tally);
void ps_tally_read(struct ps_reading *reading, const struct ps_yaml *map, struct ps_tally *tally);

#endif
