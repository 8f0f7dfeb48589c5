/* manifest.h - the file that makes a checkpoint one: manifest.yaml, written last, by the coordinator.
 *
 * A folder of row files without a manifest is no checkpoint. The manifest says what the cut was, what the tables are
 * and how large every file is, and ends with a checksum of its own text.
 */
#ifndef PS_COMMON_MANIFEST_H
#define PS_COMMON_MANIFEST_H

#include "common/base.h"
#include "common/table.h"
#include "common/tally.h"
#include "common/wire.h"

struct ps_manifest_lane {
    uint64_t position; /* P[l]: the cut holds exactly the lane's pushes below it */
    bool ended;        /* the lane's END is among them */
    bool finished;     /* and its holder had reported this: */
    uint64_t samples;
    double loss; /* summed over them */
};

struct ps_manifest {
    uint64_t run, cut, seed;
    uint32_t era, term, epoch;
    bool complete;    /* the epoch is over, validated where that was due; else the cut lies within it */
    char parent[64];  /* the checkpoint beside it whose rows are not written again; "": none, it holds all rows */
    uint64_t since;   /* the parent's cut */
    uint32_t mode;    /* as in WELCOME: 0 async, 1 sync, 2 + s bounded */
    uint32_t slots;   /* PS_SLOTS of the program that wrote it */
    uint64_t step;    /* sync: committed steps of the epoch */
    uint64_t dataset; /* fingerprint */
    char blas[64];    /* kernel of the matrix library that the run used */
    char metric[48];  /* what `value` is, as "ndcg@50"; "" where nothing has been validated yet */
    double value;     /* validation at this cut */
    double best;      /* the best one so far, and the epoch it came from */
    uint32_t best_epoch;
    struct ps_tally tally; /* of the training that led here, in whole epochs */
    uint32_t lanes;
    struct ps_manifest_lane *lane; /* owned */
    uint32_t tables;
    struct ps_table_spec *table; /* owned */
    struct ps_optimizer_spec optimizer;
    uint32_t files;
    struct ps_file_entry *file; /* owned; names are relative to the folder */
    char *config;               /* owned: the effective configuration, YAML */
};

#define PS_MANIFEST_NAME "manifest.yaml"

/* Writes FOLDER/manifest.yaml (temporary name, fsync, rename, fsync of the folder). */
int ps_manifest_write(const struct ps_manifest *manifest, const char *folder, struct ps_error *err);
/* Reads and checks it: its sum, every type and range. Errors (PS_EXIT_DATA) name the file. The files that it lists are
 * checked by ps_manifest_check_files, as to existence and size; their content by those who read them. */
int ps_manifest_read(struct ps_manifest *manifest, const char *folder, struct ps_error *err);
int ps_manifest_check_files(const struct ps_manifest *manifest, const char *folder, struct ps_error *err);
/* Whether its tables are those of a model. It may be of a time when there were fewer users or items: the rows of new ones have their initial
 * values. */
int ps_manifest_check_tables(const struct ps_manifest *manifest, const char *folder, const struct ps_table_spec *table, int tables,
                             struct ps_error *err);
/* The manifest of the parent, which must be the checkpoint that it was, and its folder, which the caller frees. */
int ps_manifest_parent(const struct ps_manifest *manifest, const char *folder, struct ps_manifest *parent,
                       char **parent_folder, struct ps_error *err);
/* Every byte of the files against the manifest, and of its parent's, and so on. */
int ps_manifest_verify(const struct ps_manifest *manifest, const char *folder, struct ps_error *err);
void ps_manifest_fini(struct ps_manifest *manifest);

#endif
