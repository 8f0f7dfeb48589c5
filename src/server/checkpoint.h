/* checkpoint.h - row files: a shard's rows and marks in one file, written at a cut; reading them back on any number of
 * shards, or without any server.
 *
 * shard-NNN.rows is a sequence of 8-byte-aligned little-endian records: a header (struct ps_file_header in
 * checkpoint_format.h) with the marks, then segments in ascending (slot, table) order, then a footer. A segment has the
 * rows of one table in one slot: keys ascending, then the rows (value and optimiser state). It depends on these rows
 * only, so that the same state gives the same segments whatever number of servers wrote it. Every byte is covered by a
 * checksum. Rows that were never written are not in the file: they have their initial value.
 *
 * Where ids come and go (living.h), of files that build upon each other the newest that names an id, in its own table or in that of sightings,
 * says whether it has a row.
 */
#ifndef PS_SERVER_CHECKPOINT_H
#define PS_SERVER_CHECKPOINT_H

#include "common/file.h"
#include "common/manifest.h"
#include "common/slots.h"
#include "server/rows.h"

struct ps_lane_mark {
    uint64_t lease, hwm, ended;
};

/* The state of a shard beside its rows. All files of a checkpoint agree on it, but for `shard` and leases. */
struct ps_marks {
    uint64_t run, seed, cut, v, steps;
    uint64_t since; /* the rows are those that have changed since this cut; 0: all */
    uint32_t era, shard, mode, epoch, lanes;
    struct ps_lane_mark *lane; /* owned */
};

struct ps_snapshot;

/* Writes shard-NNN.rows into the folder (temporary name, fsync, rename) and tells its name, size and XXH64. `rows` are the
 * tables' rows, whose width is value and state; nobody changes them meanwhile, or they are the ones of a snapshot, which is NULL
 * otherwise. */
int ps_checkpoint_write(const struct ps_marks *marks, const struct ps_table_spec *spec, uint32_t tables,
                        const struct ps_optimizer_spec *optimizer, const struct ps_rows *rows,
                        struct ps_snapshot *snapshot, const struct ps_folder *folder, struct ps_file_entry *file,
                        struct ps_error *err);

/* The rows of one table in one slot: in the mapped file, or merged out of several. */
struct ps_segment {
    uint32_t slot, table, width; /* width: floats a row, value and state */
    uint64_t rows;
    uint64_t content;    /* XXH64 of keys, rows and zeros up to a multiple of 8 bytes */
    const uint64_t *key; /* ascending */
    const float *row;    /* rows * width */
};

struct ps_checkpoint {
    struct ps_checkpoint *parent; /* owned: whose rows count where this one has not the row; NULL where it has all */
    char *folder; /* owned */
    struct ps_manifest manifest;
    struct ps_marks marks;      /* of the first file; leases are those of that shard */
    struct ps_mapping *mapping; /* owned, by file */
    struct ps_place *place;     /* owned: where the segments are, in ascending (slot, table) order */
    size_t places;
    struct ps_buffer merged; /* a segment that lies in several files */
    uint32_t *find; /* owned: 1 + number of the place of (slot, table) at slot * tables + table; 0: no such segment */
};

/* Opens a folder, and those that it builds upon: manifest, sizes, headers and the places of all segments are checked, their content is not yet.
 * Errors (PS_EXIT_DATA) name the file. */
int ps_checkpoint_open(struct ps_checkpoint *checkpoint, const char *folder, struct ps_error *err);
void ps_checkpoint_close(struct ps_checkpoint *checkpoint);
/* Every byte of every file against its sums, also of those that it builds upon. */
int ps_checkpoint_verify(const struct ps_checkpoint *checkpoint, struct ps_error *err);

/* The rows of one table in one slot, maybe none; what is read is checked on the way. Good until the next call. */
int ps_checkpoint_segment(struct ps_checkpoint *checkpoint, uint32_t slot, uint32_t table, struct ps_segment *segment,
                          struct ps_error *err);
/* Values of rows by id (any order) into out[n * width of the table]; rows that are not in the files have their initial
 * value, or are 0 where ids come and go, as for those who rank a run that goes on (commit.c). Segments must have been checked before (ps_checkpoint_verify). */
void ps_checkpoint_fetch(const struct ps_checkpoint *checkpoint, uint32_t table, const uint64_t *id, uint64_t n,
                         float *out);
/* Table by name; -1 where there is none. */
int ps_checkpoint_table(const struct ps_checkpoint *checkpoint, const char *name);

/* Takes the rows and marks of a checkpoint into the tables of a shard: the slots that it owns, in memory that does not
 * grow with the checkpoint. Specifications, seed, lanes and mode must be those of the checkpoint; tables of users and items may have more rows. */
int ps_checkpoint_load(const char *folder, const bool owns[PS_SLOTS], const struct ps_table_spec *spec, uint32_t tables,
                       const struct ps_optimizer_spec *optimizer, struct ps_rows *rows, struct ps_marks *marks,
                       struct ps_error *err);
void ps_marks_fini(struct ps_marks *marks);

/* One number for the state: the same for the same rows, optimiser state, seed and positions, whatever number of servers
 * wrote it, and when. All segments are read and checked. */
int ps_checkpoint_digest(const char *folder, uint64_t *digest, struct ps_error *err);

#endif
