/* prepare_steps.h - what the steps of a preparation hand to each other; of no use outside of prepare*.c. */
#ifndef PS_DATA_PREPARE_STEPS_H
#define PS_DATA_PREPARE_STEPS_H

#include "common/progress.h"
#include "data/prepare.h"

/* A side feature while it is gathered. */
struct ps_gathered {
    char name[PS_FEATURE_NAME];
    enum ps_entity side;
    bool number, given;     /* given: today, not only by the dictionary */
    uint32_t ranges;
    struct ps_names values; /* of a number: ranges, which are named when all numbers are known */
    uint32_t kept;          /* values of the dictionary come first */
    FILE *spill;            /* owned; struct ps_gathered_value, in the order of the input */
    uint64_t count;
};

/* A number is a float's bits; NaN: the field was empty. */
struct ps_gathered_value {
    uint32_t owner, value; /* provisional numbers */
};

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
    char first_bad[256];
    struct ps_gathered feature[PS_MAX_FEATURES];
    uint32_t features;
};

/* A file without a name in the folder: it is gone when it is closed, or when the process dies. NULL after ps_fail. */
FILE *ps_prepare_scratch(const struct ps_preparation *p, struct ps_error *err);
/* 0, or PS_EXIT_INTERRUPTED. */
int ps_prepare_check_stop(const struct ps_preparation *p, struct ps_error *err);

/* Counts a bad line: shows the first few, and ends the work where there are too many. */
int ps_prepare_bad(struct ps_preparation *p, struct ps_bar *bar, const struct ps_fields *fields, const char *reason,
                   struct ps_error *err);
/* Bytes of a file, for progress; 0 where that is not known. */
uint64_t ps_prepare_file_bytes(const char *path);
/* What the names take of the memory. */
uint64_t ps_prepare_names_memory(const struct ps_preparation *p);

/* Brings the values of an earlier dataset's features. */
int ps_prepare_features_keep(struct ps_preparation *p, const struct ps_dataset *old, struct ps_error *err);
/* A header that does not fit is found before anything is read. */
int ps_prepare_features_check(struct ps_preparation *p, struct ps_error *err);
int ps_prepare_features_read(struct ps_preparation *p, struct ps_error *err);
int ps_prepare_features_write(struct ps_preparation *p, uint32_t *const id[2], struct ps_dataset_writer *writer,
                              struct ps_error *err);
void ps_prepare_features_fini(struct ps_preparation *p);

int ps_prepare_read(struct ps_preparation *p, struct ps_error *err);
int ps_prepare_sort(struct ps_preparation *p, uint32_t *const id[2], struct ps_dataset_writer *writer,
                    struct ps_error *err);

#endif
