/* dataset_files.h - the files of a prepared dataset while they are written: their sizes and sums are noted, and dataset.yaml
 * names them at the end.
 */
#ifndef PS_DATA_DATASET_FILES_H
#define PS_DATA_DATASET_FILES_H

#include "data/dataset.h"
#include "data/names.h"

#define PS_DATASET_FORMAT "penstock-dataset"
enum { PS_DATASET_VERSION = 1, PS_DATASET_FILES = 4 * PS_MAX_BEHAVIOURS + 8 + 3 * PS_MAX_FEATURES };

struct ps_dataset_files {
    char *folder; /* owned */
    struct {
        char name[64];
        uint64_t bytes, sum;
    } file[PS_DATASET_FILES];
    int count;
    struct ps_feature feature[PS_MAX_FEATURES]; /* that are written */
    uint32_t features;
};

/* Runs of users (or sessions), each with a checksum over its part of the columns. */
struct ps_blocks {
    uint32_t *end; /* owned; count + 1: where block b begins, and at last where the last one ends */
    uint64_t *sum; /* owned */
    size_t end_capacity, sum_capacity;
    uint64_t count;
};

void ps_dataset_files_init(struct ps_dataset_files *files, const char *folder);
void ps_dataset_files_fini(struct ps_dataset_files *files);

/* Begins FIRST.SECOND; ps_dataset_file_close completes it and notes its size and sum. */
int ps_dataset_file_open(const struct ps_dataset_files *files, struct ps_writer *file, const char *first, const char *second,
                         struct ps_error *err);
int ps_dataset_file_close(struct ps_dataset_files *files, struct ps_writer *file, struct ps_error *err);
/* A whole file at once. */
int ps_dataset_file_put(struct ps_dataset_files *files, const char *first, const char *second, const void *data, size_t size,
                        struct ps_error *err);
/* FIRST.names: names by dense id, which id[] gives by provisional number. */
int ps_dataset_file_names(struct ps_dataset_files *files, const char *first, const struct ps_names *names, const uint32_t *id,
                          struct ps_error *err);

void ps_blocks_init(struct ps_blocks *blocks);
void ps_blocks_fini(struct ps_blocks *blocks);
/* One more block, up to `end`. */
void ps_blocks_add(struct ps_blocks *blocks, uint64_t end, uint64_t sum);
/* blocks.sums: the ends, filled up to eight bytes, then the sums. */
int ps_blocks_write(struct ps_blocks *blocks, struct ps_dataset_files *files, struct ps_error *err);

/* The next side feature, in the order in which a dataset lists them. _begin, then its values for every user or item from dense id
 * 0 on, strictly ascending, then _end with their names. */
struct ps_feature_writer {
    struct ps_feature feature; /* name, side and number; values and pairs by _end */
    struct ps_writer offset, value;
};
int ps_feature_writer_begin(struct ps_feature_writer *f, struct ps_dataset_files *files, struct ps_error *err);
int ps_feature_writer_add(struct ps_feature_writer *f, const uint32_t *value, uint64_t count, struct ps_error *err);
int ps_feature_writer_end(struct ps_feature_writer *f, struct ps_dataset_files *files, const struct ps_names *names,
                          const uint32_t *id, struct ps_error *err);
/* Removes what is not complete; harmless after _end. */
void ps_feature_writer_abandon(struct ps_feature_writer *f);

/* dataset.yaml, last: format, version, `text` (YAML of the caller's own), the features, every file's size and sum, and a checksum. */
int ps_dataset_files_describe(const struct ps_dataset_files *files, const char *text, struct ps_error *err);

#endif
