/* snapshot.h - the rows of a shard as they are at one moment, written to a row file by a thread of its own while the shard
 * goes on changing them.
 *
 * Taking a snapshot moves the rows' clocks on and copies nothing. A row that is about to change for the first time since then
 * (its stamp says so) and has not been written yet is copied first; the copy is let go when it is written. Copies are bounded by
 * `memory`: where there is no room the change waits for the writer, and after WAIT_MOST seconds in all the snapshot is given
 * up, never the training. The file's order (slot, table, key) is the writer's order too, so one position tells what has been
 * written.
 *
 * Beside the copies a snapshot needs 8 bytes for each row to be written, and room for the rows of one table in one slot.
 */
#ifndef PS_SERVER_SNAPSHOT_H
#define PS_SERVER_SNAPSHOT_H

#include "server/checkpoint.h"

struct ps_snapshot;

struct ps_snapshot_plan {
    const struct ps_folder *folder; /* borrowed */
    struct ps_marks marks; /* taken over */
    const struct ps_table_spec *spec; /* borrowed, as all below */
    uint32_t tables;
    const struct ps_optimizer_spec *optimizer;
    struct ps_rows *rows;
    uint8_t since;   /* rows whose stamps are at least this are written; 0: all */
    uint64_t memory; /* bytes of copies, at most */
};

/* The clock that the rows have afterwards is one more; it must be below 255. */
struct ps_snapshot *ps_snapshot_take(const struct ps_snapshot_plan *plan);
/* Whether the file is written, or the snapshot has failed: ps_snapshot_end will not wait. */
bool ps_snapshot_ready(const struct ps_snapshot *snapshot);
/* Seconds that changes have spent on copying rows and waiting. */
double ps_snapshot_spent(const struct ps_snapshot *snapshot);
/* Waits for the writer and frees the snapshot. *file is the written file; memory, copies and waits of *cost are set. */
int ps_snapshot_end(struct ps_snapshot *snapshot, struct ps_file_entry *file, struct ps_cost *cost, struct ps_error *err);
/* Makes the writer stop at its next row, then the same; nothing is left of the file. NULL is fine. */
void ps_snapshot_cancel(struct ps_snapshot *snapshot);

/* ---- for the writer (checkpoint_write.c) ---- */

struct ps_keyed_row {
    uint64_t key;
    uint32_t number;
};

/* The numbers of a table's rows that belong into the file, ascending; the caller frees them. */
uint32_t *ps_snapshot_select(struct ps_snapshot *snapshot, uint32_t table, uint32_t *count);
/* Copies n of them, of one slot and ascending by key: keys to key[], rows to value[]. Fails where the snapshot has been given up. */
int ps_snapshot_copy(struct ps_snapshot *snapshot, uint32_t slot, uint32_t table, const struct ps_keyed_row *row,
                     uint32_t n, uint64_t *key, float *value, struct ps_error *err);
/* Tells how much memory the writer needs. */
void ps_snapshot_needs(struct ps_snapshot *snapshot, uint64_t bytes);

#endif
