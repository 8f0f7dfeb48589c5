/* dataset_private.h - a dataset's mappings: what dataset_open.c checks and dataset.c reads. */
#ifndef PS_DATA_DATASET_PRIVATE_H
#define PS_DATA_DATASET_PRIVATE_H

#include "common/file.h"
#include "data/dataset.h"

enum { PS_MAX_MAPPINGS = 4 * PS_MAX_BEHAVIOURS + 6 + 3 * PS_MAX_FEATURES };

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
    struct ps_mapped file[PS_MAX_MAPPINGS];
    int files;
    struct ps_names_view names[2]; /* by enum ps_entity */
    struct ps_names_view values[PS_MAX_FEATURES];
    const uint64_t *block_sum;  /* blocks */
};

/* The failure "PATH/FILE is damaged (WHAT)". */
int ps_dataset_damaged(const struct ps_dataset *dataset, const char *file, const char *what, struct ps_error *err);

#endif
