/* schema.h - the keys of a kind of configuration: name, type, default, limits and one line of documentation each; one value from and to
 * text, whole files, and what describes them. The fields are those of a plain struct: struct ps_config for a run (config.c), others for
 * other files.
 */
#ifndef PS_COMMON_SCHEMA_H
#define PS_COMMON_SCHEMA_H

#include "common/config.h"

enum ps_key_type {
    PS_KEY_TEXT,        /* char[size] */
    PS_KEY_INT,         /* int */
    PS_KEY_COUNT,       /* uint64_t, at most 2^53 so that every reader of YAML or JSON keeps it exact */
    PS_KEY_REAL,        /* double */
    PS_KEY_FLOAT,       /* float */
    PS_KEY_BOOL,        /* bool */
    PS_KEY_CHOICE,      /* an enum or int */
    PS_KEY_CONSISTENCY, /* int: train.consistency */
    PS_KEY_METRIC,      /* enum ps_metric, and an int behind it: early_stop.metric */
    PS_KEY_INTS,        /* int[size], strictly ascending, and an int with how many */
    PS_KEY_REALS,       /* double[size], and an int with how many */
    PS_KEY_NAMES        /* char[size]: names with commas between them */
};

struct ps_choice {
    const char *name;
    int value;
};

struct ps_key {
    const char *path; /* "group.name" */
    enum ps_key_type type;
    const char *initial; /* the default, as it is written in YAML */
    const char *doc;
    size_t offset;    /* of the field in the struct */
    size_t second;    /* of the second field: a list's length, a metric's K */
    int size;         /* bytes of a text; elements of a list, at most */
    int least;        /* elements of PS_KEY_INTS, at least */
    double low, high; /* limits of numbers, also of a list's elements; both allowed unless open */
    bool low_open, high_open;
    const struct ps_choice *choices; /* ended by a NULL name */
};

enum { PS_KEY_LIMIT = 128 }; /* a schema has fewer keys than this */

struct ps_schema {
    const struct ps_key *key;
    int count;
    const char *listing; /* the command that lists all keys */
};
/* Of struct ps_config. */
extern const struct ps_schema ps_config_schema;

/* Sets the key's field from `count` texts: one for a scalar, any number for a list (is_list). A list may also come as
 * one text, "10,20,50" or "[10,20,50]", as an override on the command line brings it. On failure nothing is set, the
 * code is PS_EXIT_USAGE and the sentence reads "WHERE: KEY is VALUE, but must be ALLOWED". */
int ps_key_parse(const struct ps_key *key, const char *const *text, int count, bool is_list, const char *where,
                 void *fields, struct ps_error *err);
/* That sentence for a value of the wrong shape: `what` is "a list" or "a group of keys". */
int ps_key_refuse(const struct ps_key *key, const char *what, const char *where, struct ps_error *err);
/* The field as YAML; reading it back gives the same bits. The caller frees. */
char *ps_key_print(const struct ps_key *key, const void *fields);
/* What is allowed, in words: "a whole number from 1 to 1024", "one of async, sync". */
void ps_key_allowed(const struct ps_key *key, char *text, size_t size);

/* The key with this path; NULL where there is none. */
const struct ps_key *ps_schema_find(const struct ps_schema *schema, const char *path);
/* All defaults, into a struct of zeros. */
void ps_schema_init(const struct ps_schema *schema, void *fields);
/* Sets one key from a value of a tree ("NAME:LINE: " is in the error), from "group.key=value", or all that a tree of groups has. On failure of
 * the first two nothing is set. Errors: PS_EXIT_USAGE; a name that no key has comes with the nearest one. */
struct ps_yaml;
int ps_schema_put(const struct ps_schema *schema, void *fields, const char *name, const char *path, const struct ps_yaml *value,
                  struct ps_error *err);
int ps_schema_set(const struct ps_schema *schema, void *fields, const char *override, struct ps_error *err);
int ps_schema_load(const struct ps_schema *schema, void *fields, const char *name, const struct ps_yaml *root, struct ps_error *err);
/* All groups and their keys as YAML: the values of `fields`, or (NULL) the defaults with their documentation; and the keys as a table of
 * Markdown. The caller frees. */
char *ps_schema_write(const struct ps_schema *schema, const void *fields);
char *ps_schema_table(const struct ps_schema *schema);

#endif
