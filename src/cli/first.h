/* first.h - the first checkpoint of a run that begins with what others have learned: RUN/checkpoints/epoch-0000, the state before the first
 * epoch as the end of an epoch 0.
 */
#ifndef PS_CLI_FIRST_H
#define PS_CLI_FIRST_H

#include "cli/run.h"
#include "common/slots.h"
#include "server/rows.h"

/* Where rows come from. */
struct ps_first_source {
    /* Makes the rows of the model's table number `table` whose slots the map gives to this file: value and optimiser state. */
    int (*fill)(const void *ctx, uint32_t table, const struct ps_slot_map *map, uint32_t file, struct ps_rows *rows, struct ps_error *err);
    const void *ctx;
};

/* Makes it by model.pretrained_* (pretrained.h) or train.warm_start (warm.h), and *folder is its path, which the caller frees; NULL where the
 * configuration names neither. Errors: PS_EXIT_USAGE where the runs do not fit this one; those of reading and writing checkpoints. */
int ps_first_make(const struct ps_run *run, char **folder, struct ps_error *err);

/* For those two: writes it, in memory that does not grow with the number of rows. */
int ps_first_write(const struct ps_run *run, const struct ps_first_source *source, char **folder, struct ps_error *err);

#endif
