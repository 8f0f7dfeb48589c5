/* names.h - the names of users or items while a dataset is prepared: numbered as they come, then put in order.
 *
 * Memory grows with the number of distinct names (their bytes and about 32 bytes each), never with the interactions.
 * A name gets a provisional number when it is first seen, and a dense id at the end, when all names are known.
 */
#ifndef PS_DATA_NAMES_H
#define PS_DATA_NAMES_H

#include "common/base.h"
#include "common/file.h"

enum { PS_NAME_BYTES_MAX = 4096 };

struct ps_names {
    char *bytes;     /* owned; all names, one behind another */
    uint64_t *start; /* owned; name n is bytes[start[n]..start[n + 1]) */
    uint32_t count;
    size_t bytes_capacity, start_capacity;
    struct ps_names_slot *slot; /* owned; open addressing */
    uint64_t mask;
};

void ps_names_init(struct ps_names *names);
void ps_names_fini(struct ps_names *names);

/* Whether bytes can be a name: 1 to PS_NAME_BYTES_MAX of them, without control characters, which no table of results
 * could hold. */
bool ps_names_allow(const char *name, size_t length);
/* The provisional number of a name that is allowed, given now if it is new. */
uint32_t ps_names_add(struct ps_names *names, const char *name, size_t length);

/* Its provisional number, or PS_NO_NAME. */
#define PS_NO_NAME UINT32_MAX
uint32_t ps_names_find(const struct ps_names *names, const char *name, size_t length);

const char *ps_names_get(const struct ps_names *names, uint32_t number, size_t *length);
uint64_t ps_names_memory(const struct ps_names *names);

/* Dense ids by provisional number; the caller frees the array. The first `kept` names keep their number as their id.
 * The others follow in the order of a seeded hash of the name, so that an id depends on the seed and on the set of new
 * names, and tells nothing about the order of the input. */
uint32_t *ps_names_order(const struct ps_names *names, uint32_t kept, uint64_t seed);

/* Writes a names file (its layout is in docs/data.md): names by dense id, and a permutation sorted by name. */
int ps_names_write(const struct ps_names *names, const uint32_t *id, struct ps_writer *writer, struct ps_error *err);

#endif
