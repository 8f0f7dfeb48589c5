/* rows.h - rows by key: a float vector (value, then optimiser state) for every key that was ever written.
 *
 * Rows lie in chunks of a fixed number of rows that never move, so a pointer to a row stays good until ps_rows_clear.
 * An open-addressing index leads from key to row: one byte of hash and four of row number a place, at most 85 % full
 * and grown by a quarter, so that a row costs 8 bytes of key and 6 to 7.4 of index beside its floats. Keys are looked
 * up in batches, so that the misses in cache of many keys overlap.
 *
 * A table of the model is one ps_rows, and so is the set of rows that a commit changes (commit.c).
 */
#ifndef PS_SERVER_ROWS_H
#define PS_SERVER_ROWS_H

#include "common/base.h"

enum { PS_ROWS_BATCH = 32 }; /* keys in one call */

struct ps_rows {
    uint32_t width;  /* floats of a row: value and state */
    uint32_t shift;  /* a chunk has 1 << shift rows */
    uint32_t count;  /* rows; their numbers are 0 .. count - 1, in the order they were made */
    uint32_t chunks; /* allocated */
    uint32_t places; /* of the index */
    size_t chunk_capacity;
    unsigned char **chunk; /* owned: keys, then rows */
    uint8_t *tag;          /* owned: 0 = free */
    uint32_t *number;      /* owned: row number of a place */
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

/* Row number i: its key and its floats. Within a chunk keys and rows are contiguous. */
uint64_t ps_rows_key(const struct ps_rows *rows, uint32_t i);
float *ps_rows_at(const struct ps_rows *rows, uint32_t i);

/* Bytes allocated in all. */
uint64_t ps_rows_bytes(const struct ps_rows *rows);

#endif
