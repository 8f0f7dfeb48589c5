/* rows.h - rows by key: a float vector (value, then optimiser state) for every key that was ever written.
 *
 * Rows lie in chunks of a fixed number of rows that never move, so a pointer to a row stays good until ps_rows_clear or ps_rows_keep.
 * An open-addressing index leads from key to row: one byte of hash and four of row number a place, at most 85 % full
 * and grown by a sixth, so that a row costs 9 bytes of key and stamp and 6 to 6.9 of index beside its floats. Keys are looked
 * up in batches, so that the misses in cache of many keys overlap.
 *
 * A row's stamp is the value that `clock` had when the row was last changed. A checkpoint moves the clock on: the stamps then
 * tell which rows have changed since, and which are about to change for the first time (snapshot.h).
 *
 * A row that is dropped leaves its number, which the next new row gets; all others keep theirs.
 *
 * A table of the model is one ps_rows, and so is the set of rows that a commit changes (commit.c).
 */
#ifndef PS_SERVER_ROWS_H
#define PS_SERVER_ROWS_H

#include "common/base.h"

enum { PS_ROWS_BATCH = 32 }; /* keys in one call */
enum { PS_ROW_GONE = UINT8_MAX }; /* stamp of a number that has no row; the clock stays below */

/* Is told, before rows change whose stamps are not the clock's, or go, which they are; it sets their stamps to `stamp`: the clock, or
 * PS_ROW_GONE. */
typedef void ps_rows_guard(void *ctx, const uint32_t *number, uint32_t n, uint8_t stamp);

struct ps_rows {
    uint32_t width;  /* floats of a row: value and state */
    uint32_t shift;  /* a chunk has 1 << shift rows */
    uint32_t count;  /* numbers: 0 .. count - 1, in the order in which they were given out */
    uint32_t gone;   /* of them without a row */
    uint32_t chunks; /* allocated */
    uint32_t places; /* of the index */
    size_t chunk_capacity;
    unsigned char **chunk; /* owned: keys, stamps, then rows */
    uint8_t *tag;          /* owned: 0 = free */
    uint32_t *number;      /* owned: row number of a place */
    uint32_t *free;        /* owned: the `gone` numbers */
    size_t free_capacity;
    uint8_t clock;         /* 1 at first */
    ps_rows_guard *guard;  /* while a snapshot is open, or NULL */
    void *guard_ctx;       /* borrowed */
};

void ps_rows_init(struct ps_rows *rows, uint32_t width);
void ps_rows_fini(struct ps_rows *rows);
/* Forgets all rows; memory is kept for the next ones. */
void ps_rows_clear(struct ps_rows *rows);

/* row[i] = the row of key[i], NULL where there is none; n <= PS_ROWS_BATCH. The first `floats` of each row are on their way
 * into the cache when this returns. */
void ps_rows_find(const struct ps_rows *rows, const uint64_t *key, uint32_t n, uint32_t floats, float **row);
/* The same, making absent rows: fresh[0 .. result) are the indices i of those, whose floats the caller has to fill.
 * Keys must be distinct. */
uint32_t ps_rows_make(struct ps_rows *rows, const uint64_t *key, uint32_t n, float **row, uint32_t *fresh);

/* The same for rows that the caller is about to change: they are stamped, and the guard is told. */
uint32_t ps_rows_change(struct ps_rows *rows, const uint64_t *key, uint32_t n, float **row, uint32_t *fresh);
/* Drops the rows of n keys, those that there are. Their numbers are given out again, but not while there is a guard, to whom they are what they
 * were. */
void ps_rows_drop(struct ps_rows *rows, const uint64_t *key, uint32_t n);
/* Drops the rows whose keys are not kept; others may get their numbers. Memory of chunks that are empty then is given back. */
typedef bool ps_rows_keeps(void *ctx, uint64_t key);
void ps_rows_keep(struct ps_rows *rows, ps_rows_keeps *keeps, void *ctx);
/* Sets all stamps to 0, as if no row had changed since any time that the clock knows. */
void ps_rows_restamp(struct ps_rows *rows);

/* Whether number i has a row, and how many have. */
bool ps_rows_has(const struct ps_rows *rows, uint32_t i);
uint32_t ps_rows_held(const struct ps_rows *rows);

/* Row number i: its key, its stamp and its floats. Within a chunk keys and rows are contiguous. */
uint64_t ps_rows_key(const struct ps_rows *rows, uint32_t i);
uint8_t *ps_rows_stamp(const struct ps_rows *rows, uint32_t i);
float *ps_rows_at(const struct ps_rows *rows, uint32_t i);

/* Bytes allocated in all. */
uint64_t ps_rows_bytes(const struct ps_rows *rows);
/* Bytes that one row costs, index included: what rows are counted by, since it depends on nothing but their width. */
uint64_t ps_rows_cost(const struct ps_rows *rows);

#endif
