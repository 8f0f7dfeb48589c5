/* dataset_private.h - a dataset's mappings: what dataset_open.c and dataset_sessions.c check and dataset.c reads. */
#ifndef PS_DATA_DATASET_PRIVATE_H
#define PS_DATA_DATASET_PRIVATE_H

#include "common/file.h"
#include "common/yaml.h"
#include "data/dataset_files.h"

struct ps_mapped {
    struct ps_mapping view; /* owned */
    char name[64];
    uint64_t sum;
};

struct ps_names_view {
    const uint64_t *start;  /* borrowed from the mapping; count + 1 */
    const uint32_t *sorted; /* ids in the order of their names */
    const char *bytes;
};

struct ps_dataset_private {
    struct ps_mapped file[PS_DATASET_FILES];
    int files;
    struct ps_names_view names[PS_ENTITIES];
    struct ps_names_view values[PS_MAX_FEATURES];
    const uint64_t *block_sum; /* by block */
    uint64_t held_blocks;      /* of held-out sessions, behind those of training */
    uint64_t *no_history;      /* owned; users + 1 zeros, in pages that take no memory: histories of the cases of sessions */
};

/* The failure "PATH/FILE is damaged (WHAT)". */
int ps_dataset_damaged(const struct ps_dataset *dataset, const char *file, const char *what, struct ps_error *err);

/* A number of dataset.yaml, up to `limit`. */
int ps_dataset_number(const struct ps_dataset *dataset, const struct ps_yaml *map, const char *key, int base, uint64_t limit,
                      uint64_t *value, struct ps_error *err);
/* Maps FIRST.SECOND, of the size that dataset.yaml tells (and `size`, unless it is 0 for any). */
int ps_dataset_map(struct ps_dataset *dataset, const struct ps_yaml *files, const char *first, const char *second, uint64_t size,
                   bool check_sum, const void **data, uint64_t *bytes, struct ps_error *err);
/* Maps KIND.names, which has `count` names. */
int ps_dataset_map_names(struct ps_dataset *dataset, const struct ps_yaml *files, const char *kind, uint64_t count,
                         struct ps_names_view *view, struct ps_error *err);
/* Whether offsets begin with 0, never fall, and end with `end`. */
bool ps_dataset_ascends(const uint64_t *offset, uint64_t count, uint64_t end);

/* A dataset of sessions: what dataset.yaml says of them, and their columns; then, when all files are mapped, what is held out. */
int ps_dataset_map_sessions(struct ps_dataset *dataset, const struct ps_yaml *map, const struct ps_yaml *files,
                            struct ps_error *err);
int ps_dataset_check_held_out(const struct ps_dataset *dataset, struct ps_error *err);
/* Whether a block's events are in range and have the block's checksum. */
bool ps_dataset_check_events(const struct ps_dataset *dataset, uint64_t block);

#endif
