/* schema.h - the keys of a configuration: name, type, default, limits and one line of documentation each, and the
 * conversion of one value from and to text. Used by config.c only; everybody else reads struct ps_config.
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
    PS_KEY_REALS        /* double[size], and an int with how many */
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
    size_t offset;    /* of the field in struct ps_config */
    size_t second;    /* of the second field: a list's length, a metric's K */
    int size;         /* bytes of a text; elements of a list, at most */
    int least;        /* elements of PS_KEY_INTS, at least */
    double low, high; /* limits of numbers, also of a list's elements; both allowed unless open */
    bool low_open, high_open;
    const struct ps_choice *choices; /* ended by a NULL name */
};

enum { PS_KEY_LIMIT = 128 }; /* there are fewer keys than this */
extern const struct ps_key ps_keys[];
extern const int ps_key_count;

/* Sets the key's field from `count` texts: one for a scalar, any number for a list (is_list). A list may also come as
 * one text, "10,20,50" or "[10,20,50]", as an override on the command line brings it. On failure nothing is set, the
 * code is PS_EXIT_USAGE and the sentence reads "WHERE: KEY is VALUE, but must be ALLOWED". */
int ps_key_parse(const struct ps_key *key, const char *const *text, int count, bool is_list, const char *where,
                 struct ps_config *config, struct ps_error *err);
/* That sentence for a value of the wrong shape: `what` is "a list" or "a group of keys". */
int ps_key_refuse(const struct ps_key *key, const char *what, const char *where, struct ps_error *err);
/* The field as YAML; reading it back gives the same bits. The caller frees. */
char *ps_key_print(const struct ps_key *key, const struct ps_config *config);
/* What is allowed, in words: "a whole number from 1 to 1024", "one of async, sync". */
void ps_key_allowed(const struct ps_key *key, char *text, size_t size);

#endif
