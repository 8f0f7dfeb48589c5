/* yaml.h - YAML as a tree of nodes with line numbers: the only place that knows yaml.h of libyaml.
 *
 * Files are untrusted: anchors and aliases, tags, several documents, a key twice in one group, deep nesting and large
 * files are refused with a sentence. Scalars stay texts; what they mean is the caller's business.
 */
#ifndef PS_COMMON_YAML_H
#define PS_COMMON_YAML_H

#include "common/base.h"

enum { PS_YAML_DEPTH = 16, PS_YAML_BYTES = 1 << 20 };

enum ps_yaml_kind { PS_YAML_SCALAR, PS_YAML_LIST, PS_YAML_MAP };

struct ps_yaml {
    enum ps_yaml_kind kind;
    int line;              /* of the key in a map, of the value itself otherwise; from 1 */
    char *key;             /* owned; NULL outside of a map */
    char *text;            /* owned; a scalar's, "" for nothing; NULL otherwise */
    struct ps_yaml *child; /* owned array: a list's elements, a map's values with their keys */
    int count;
};

/* Loads a file, or `size` bytes of memory (`name` stands for the file in errors). An empty document is an empty map.
 * *root is set on success only; ps_yaml_free frees it. A file that cannot be read has PS_EXIT_DATA (PS_EXIT_STORAGE for
 * an I/O error); what is wrong inside has `code`, with "NAME:LINE: " at the head of the sentence. */
int ps_yaml_load(const char *path, int code, struct ps_yaml **root, struct ps_error *err);
int ps_yaml_load_text(const char *text, size_t size, const char *name, int code, struct ps_yaml **root,
                      struct ps_error *err);
void ps_yaml_free(struct ps_yaml *root);

/* The value of a key in a map; NULL where there is none. Borrowed. */
const struct ps_yaml *ps_yaml_get(const struct ps_yaml *map, const char *key);

/* The text in double quotes, as YAML reads it back; the caller frees it. */
char *ps_yaml_quote(const char *text);

#endif
