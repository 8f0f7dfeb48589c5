/* dataset_write.h - writes the files of a dataset of interactions, user by user; docs/data.md has their layout.
 *
 * Memory: a few megabytes of buffers, and counters by item. The files are written under the folder that is given, which
 * the caller makes and puts in its place.
 */
#ifndef PS_DATA_DATASET_WRITE_H
#define PS_DATA_DATASET_WRITE_H

#include "data/dataset_files.h"
#include "data/split.h"

struct ps_dataset_writer;

/* What is written: counts, behaviours, and which of them have times. */
struct ps_dataset_shape {
    uint64_t users, items;
    uint32_t behaviours;
    char behaviour[PS_MAX_BEHAVIOURS][32];
    bool times[PS_MAX_BEHAVIOURS];
};

/* Totals of what was written. */
struct ps_dataset_totals {
    uint64_t interactions[PS_MAX_BEHAVIOURS];
    uint64_t union_pairs, blocks, valid, test;
    uint64_t untrained_users, untrained_items; /* without any training interaction: held-out or kept names only */
};

/* `files` is borrowed. */
int ps_dataset_writer_new(struct ps_dataset_writer **writer, struct ps_dataset_files *files,
                          const struct ps_dataset_shape *shape, struct ps_error *err);
/* The next user, from dense id 0 on. */
int ps_dataset_writer_add(struct ps_dataset_writer *writer, const struct ps_user_lists *lists, struct ps_error *err);
/* After the last user: everything but names and dataset.yaml. */
int ps_dataset_writer_end(struct ps_dataset_writer *writer, struct ps_dataset_totals *totals, struct ps_error *err);
/* dataset.yaml, last: the counts, `more` (YAML of the caller's own: how it was prepared), and every file's sum. */
int ps_dataset_writer_describe(struct ps_dataset_writer *writer, const char *more, struct ps_error *err);
/* Frees the writer; files that are not complete are removed. NULL is allowed. */
void ps_dataset_writer_free(struct ps_dataset_writer *writer);

#endif
