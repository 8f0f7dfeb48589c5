/* sealed.h - YAML texts whose last line is the checksum of all before it: manifests, and the coordinator's records.
 *
 * Writing goes into memory through a FILE; reading takes typed values out of the tree, and the first thing that is missing or
 * wrong fails the whole: everything after it is skipped.
 */
#ifndef PS_COMMON_SEALED_H
#define PS_COMMON_SEALED_H

#include "common/yaml.h"

/* Adds the checksum's line and closes the text, which the caller frees. */
char *ps_sealed_end(struct ps_text *text);
/* A text in single quotes, as YAML wants them. */
void ps_sealed_text(FILE *out, const char *text);

/* Reads a file, checks its last line and its YAML. PS_EXIT_DATA names the file and ends with `advice`: what to do. */
int ps_sealed_load(const char *path, const char *advice, struct ps_yaml **root, struct ps_error *err);

/* Takes values out of a tree. Only the first failure is kept. */
struct ps_reading {
    const char *path, *advice; /* borrowed */
    struct ps_error *err;
    int status;
};

/* A child of a map, of the kind asked for ("key:" with nothing behind it is an empty list); NULL after a failure. */
const struct ps_yaml *ps_read_child(struct ps_reading *reading, const struct ps_yaml *map, const char *key,
                                    enum ps_yaml_kind kind);
/* A scalar as a whole number up to `most`; `key` is for the message. A NULL node is 0. */
uint64_t ps_read_number(struct ps_reading *reading, const struct ps_yaml *node, uint64_t most, const char *key);
uint64_t ps_read_whole(struct ps_reading *reading, const struct ps_yaml *map, const char *key, uint64_t most);
double ps_read_real(struct ps_reading *reading, const struct ps_yaml *map, const char *key);
/* Copies a text that must fit. */
void ps_read_text(struct ps_reading *reading, const struct ps_yaml *map, const char *key, char *to, size_t size);

#endif
