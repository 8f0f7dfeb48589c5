/* prepare.h - from tables of events to a prepared dataset, with input larger than memory.
 *
 *   read    every event becomes a record of 16 bytes with provisional numbers, in an unnamed file; only the names of
 *           users and items are kept in memory (prepare_read.c); then side features in the same way (prepare_features.c)
 *   order   dense ids are given, when all names are known (names.c)
 *   sort    records go to buckets of users that fit into memory; each bucket is put into order by user, split, and
 *           appended to the columns (prepare_sort.c, prepare_users.c, split.c); features are put into order
 *           (prepare_feature_write.c). Sessions take the place of users (prepare_sessions.c, sessions_write.c)
 *   place   everything was written into OUT.tmp-PID, which is now renamed to OUT (prepare.c)
 *
 * Nothing is left behind by a failure, a full disk, or a signal that sets `stop`.
 */
#ifndef PS_DATA_PREPARE_H
#define PS_DATA_PREPARE_H

#include "data/dataset_write.h"
#include "data/input.h"
#include "data/sessions.h"

enum { PS_ANY_BEHAVIOUR = -1, PS_UNKNOWN_SHOWN = 8, PS_BAD_SHOWN = 5 };

/* All texts are borrowed. */
struct ps_prepare_input {
    const char *path;
    int behaviour; /* of all of its lines; PS_ANY_BEHAVIOUR: it has a column for that */
};

/* A file of side features: a table with a line for each user or item and a column for each feature, or of triples (item, relation,
 * value), where each relation is a feature. */
struct ps_feature_file {
    const char *path;
    enum ps_entity side;
    bool triples;
};

enum ps_feature_kind {
    PS_FEATURE_TOKEN,  /* a field is one value */
    PS_FEATURE_TOKENS, /* or several, with separators between them */
    PS_FEATURE_NUMBER, /* or a number, whose values are ranges: quantiles */
    PS_FEATURE_SKIP    /* the column is no feature */
};

/* What a column or a relation of that name is, whatever its header says. */
struct ps_feature_rule {
    char name[PS_FEATURE_NAME];
    enum ps_feature_kind kind;
    char separator;
    uint32_t ranges; /* at most, beside those of 0 and of no number */
};
enum { PS_FEATURE_RANGES = 10 };
#define PS_FEATURE_SEPARATOR ' ' /* as in RecBole's atomic files */

struct ps_prepare_options {
    const char *out; /* folder to make */
    bool overwrite;  /* a prepared dataset that is there may be replaced */
    const struct ps_prepare_input *input;
    int inputs;
    const char *valid_path, *test_path; /* where the rule is PS_HOLDOUT_GIVEN; test_path with PS_TEST_GIVEN too */
    const struct ps_feature_file *feature_file;
    const struct ps_feature_rule *feature_rule;
    int feature_files, feature_rules;
    struct ps_input_format format;
    struct ps_split_rules rules;
    struct ps_session_rules sessions;
    char behaviour[PS_MAX_BEHAVIOURS][32]; /* rules.behaviours of them; letters, digits, '-' and '_'. Of sessions: the
                                            * operations that count; none: all that occur */
    uint64_t id_seed;
    const char *dictionary;            /* folder of a prepared dataset whose names keep their ids; NULL: none */
    uint64_t memory;                   /* bytes that may be used in all, as far as the names leave room */
    int64_t since;                     /* milliseconds: earlier events are passed over; 0: none is */
    uint64_t max_bad;                  /* bad lines allowed */
    bool strict;                       /* an unknown behaviour makes a bad line; otherwise it is passed over */
    bool quiet;                        /* no progress */
    const volatile sig_atomic_t *stop; /* or NULL */
};

struct ps_prepare_stats {
    struct ps_dataset_shape shape;
    struct ps_dataset_totals totals;
    struct ps_split_counts split;
    struct ps_session_stats sessions;
    uint64_t lines, bad;
    uint64_t events[PS_MAX_BEHAVIOURS]; /* before merging */
    uint64_t kept[PS_ENTITIES];         /* names that the dictionary brought */
    int64_t first, last;                /* times of the earliest and the latest event, milliseconds; first > last: none has one */
    uint64_t unknown, not_target, early; /* lines passed over: of unknown behaviours; of others than the target, held out; before `since` */
    struct {
        char name[32];
        uint64_t lines;
    } unknown_behaviour[PS_UNKNOWN_SHOWN]; /* the first few of them */
    int unknown_behaviours;
    struct {
        struct ps_feature feature;  /* without its columns */
        uint64_t kept;              /* values that the dictionary brought */
        uint64_t owners;            /* users or items with a value at least */
    } feature[PS_MAX_FEATURES];
    uint32_t features;
    uint64_t unknown_owner[2]; /* lines of feature files with a user or item that the data does not have, by enum ps_entity */
    double seconds;
};

/* Prepares a dataset. *stats is set as far as the work came. Errors: PS_EXIT_DATA for the input, PS_EXIT_STORAGE for
 * the disk, PS_EXIT_INTERRUPTED. */
int ps_prepare(const struct ps_prepare_options *options, struct ps_prepare_stats *stats, struct ps_error *err);

/* The statistics for people, and, with how it was prepared, as YAML for dataset.yaml (the caller frees the text). */
void ps_prepare_print(const struct ps_prepare_options *options, const struct ps_prepare_stats *stats, FILE *to);
char *ps_prepare_yaml(const struct ps_prepare_options *options, const struct ps_prepare_stats *stats);

#endif
