/* prepare_steps.h - what the steps of a preparation hand to each other; of no use outside of prepare*.c. */
#ifndef PS_DATA_PREPARE_STEPS_H
#define PS_DATA_PREPARE_STEPS_H

#include "data/prepare.h"

struct ps_preparation {
    const struct ps_prepare_options *options; /* borrowed */
    struct ps_prepare_stats *stats;           /* borrowed */
    char *folder;                             /* owned; OUT.tmp-PID */
    struct ps_names names[2];                 /* by enum ps_entity */
    uint32_t kept[2];                         /* names of the dictionary come first */
    FILE *spill;                              /* owned; records with provisional numbers, in the order of the input */
    uint64_t records;
    uint32_t *events; /* owned; records by provisional user */
    size_t events_capacity;
};

/* A file without a name in the folder: it is gone when it is closed, or when the process dies. NULL after ps_fail. */
FILE *ps_prepare_scratch(const struct ps_preparation *p, struct ps_error *err);
/* 0, or PS_EXIT_INTERRUPTED. */
int ps_prepare_check_stop(const struct ps_preparation *p, struct ps_error *err);

int ps_prepare_read(struct ps_preparation *p, struct ps_error *err);
int ps_prepare_sort(struct ps_preparation *p, uint32_t *const id[2], struct ps_dataset_writer *writer,
                    struct ps_error *err);

#endif
