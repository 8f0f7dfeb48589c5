/* checkpoint_format.h - the records of a row file, as they lie on the disk: little-endian, 8-byte-aligned.
 * For the files of this folder that write and read them; what they mean is in checkpoint.h.
 */
#ifndef PS_SERVER_CHECKPOINT_FORMAT_H
#define PS_SERVER_CHECKPOINT_FORMAT_H

#include "server/checkpoint.h"

enum { PS_FILE_VERSION = 2 };
#define PS_FILE_MAGIC "PSTKROWS"
#define PS_FOOTER_MAGIC "PSTKDONE"

/* Behind it lanes * struct ps_lane_mark, then the XXH64 of header and marks. */
struct ps_file_header {
    char magic[8];
    uint32_t version, slots;
    uint64_t run, seed, cut, v, steps;
    uint32_t era, shard, mode, epoch, lanes, tables;
    uint64_t specs; /* ps_specs_digest */
    uint64_t since; /* the cut since which the rows have changed; 0: all rows */
};

/* Behind it rows * u64 keys, rows * width floats, zeros up to a multiple of 8 bytes. */
struct ps_segment_header {
    uint32_t slot, table;
    uint64_t rows;
    uint32_t width, zero;
    uint64_t content; /* XXH64 of what is behind this header */
    uint64_t sum;     /* XXH64 of the fields above */
};

struct ps_file_footer {
    char magic[8];
    uint64_t segments, rows;
    uint64_t sum; /* XXH64 of the fields above */
};

_Static_assert(sizeof(struct ps_file_header) == 96 && sizeof(struct ps_lane_mark) == 24 &&
                   sizeof(struct ps_segment_header) == 40 && sizeof(struct ps_file_footer) == 32,
               "records have no padding");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "row files are little-endian memory images");

/* Where a segment is. */
struct ps_place {
    uint32_t slot, table, file, width;
    uint64_t offset, rows, content; /* offset: of the keys */
};

static inline uint64_t ps_segment_bytes(uint64_t rows, uint32_t width)
{
    return (rows * (sizeof(uint64_t) + (uint64_t)width * sizeof(float)) + 7) & ~UINT64_C(7);
}

/* What rows depend on: tables, fields, initial values and the kind of optimiser (not its rates). */
uint64_t ps_specs_digest(const struct ps_table_spec *spec, uint32_t tables, const struct ps_optimizer_spec *optimizer);

#endif
