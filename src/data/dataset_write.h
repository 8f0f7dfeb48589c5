/* dataset_write.h - writes the files of a prepared dataset, user by user; docs/data.md has their layout.
 *
 * Memory: a few megabytes of buffers, and counters by item. The files are written under the folder that is given, which
 * the caller makes and puts in its place.
 */
#ifndef PS_DATA_DATASET_WRITE_H
#define PS_DATA_DATASET_WRITE_H

#include "data/names.h"
#include "data/split.h"

#define PS_DATASET_FORMAT "penstock-dataset"
enum { PS_DATASET_VERSION = 1 };

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

int ps_dataset_writer_new(struct ps_dataset_writer **writer, const char *folder, const struct ps_dataset_shape *shape,
                          struct ps_error *err);
/* The next user, from dense id 0 on. */
int ps_dataset_writer_add(struct ps_dataset_writer *writer, const struct ps_user_lists *lists, struct ps_error *err);
/* After the last user: everything but dataset.yaml. */
int ps_dataset_writer_end(struct ps_dataset_writer *writer, struct ps_dataset_totals *totals, struct ps_error *err);
/* Names file of an entity, in any order with the others. */
int ps_dataset_writer_names(struct ps_dataset_writer *writer, enum ps_entity entity, const struct ps_names *names,
                            const uint32_t *id, struct ps_error *err);
/* The next side feature, in the order in which a dataset lists them. _begin, then its values for every user or item from dense id
 * 0 on, strictly ascending, then _end with their names. */
struct ps_feature_writer {
    struct ps_feature feature; /* name, side and number; values and pairs by _end */
    struct ps_writer offset, value;
};
int ps_feature_writer_begin(struct ps_feature_writer *f, struct ps_dataset_writer *writer, struct ps_error *err);
int ps_feature_writer_add(struct ps_feature_writer *f, const uint32_t *value, uint64_t count, struct ps_error *err);
int ps_feature_writer_end(struct ps_feature_writer *f, struct ps_dataset_writer *writer, const struct ps_names *names,
                          const uint32_t *id, struct ps_error *err);
/* Removes what is not complete; harmless after _end. */
void ps_feature_writer_abandon(struct ps_feature_writer *f);
/* dataset.yaml, last: the counts, `more` (YAML of the caller's own: how it was prepared), and every file's sum. */
int ps_dataset_writer_describe(struct ps_dataset_writer *writer, const char *more, struct ps_error *err);
/* Frees the writer; files that are not complete are removed. NULL is allowed. */
void ps_dataset_writer_free(struct ps_dataset_writer *writer);

#endif
