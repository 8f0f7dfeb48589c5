/* prepare_steps.h - what the steps of a preparation hand to each other; of no use outside of prepare*.c. */
#ifndef PS_DATA_PREPARE_STEPS_H
#define PS_DATA_PREPARE_STEPS_H

#include "common/progress.h"
#include "data/prepare.h"

/* A side feature while it is gathered. */
struct ps_gathered {
    char name[PS_FEATURE_NAME];
    enum ps_entity side;
    bool number, given;     /* given: today, not only by the dictionary */
    uint32_t ranges;
    struct ps_names values; /* of a number: ranges, which are named when all numbers are known */
    uint32_t kept;          /* values of the dictionary come first */
    FILE *spill;            /* owned; struct ps_gathered_value, in the order of the input */
    uint64_t count;
};

/* A number is a float's bits; NaN: the field was empty. */
struct ps_gathered_value {
    uint32_t owner, value; /* provisional numbers */
};

/* Records on the disk. */
struct ps_spill {
    FILE *file; /* owned */
    uint64_t records;
    uint32_t *events; /* owned; records by number of the user or session */
    size_t capacity;
};

struct ps_preparation {
    const struct ps_prepare_options *options; /* borrowed */
    struct ps_prepare_stats *stats;           /* borrowed */
    char *folder;                             /* owned; OUT.tmp-PID */
    struct ps_names names[2];                 /* by enum ps_entity */
    uint32_t kept[PS_ENTITIES];                         /* names of the dictionary come first */
    struct ps_spill spill;                    /* owned; with provisional numbers, in the order of the input */
    char first_bad[256];
    struct ps_gathered feature[PS_MAX_FEATURES];
    uint32_t features;
    struct ps_session_log *sessions; /* owned; NULL where users' interactions are prepared */
};

enum { PS_SESSIONS_TRAIN = 0, PS_SESSIONS_TEST = 1 };

/* What is known of sessions before their records are sorted. Their provisional numbers are those of p->names[PS_USERS], and behind
 * them those of `test`, since a file of test sessions has names of its own. */
struct ps_session_log {
    struct ps_names test, visitors;
    uint32_t train; /* sessions that are no file's test sessions: their names are all known when the test's are read */
    struct ps_session_facts {
        int64_t start;    /* seconds */
        uint32_t steps, held; /* of them, those from the time on from which all are held out */
        uint32_t visitor; /* provisional number */
    } *session;           /* owned; by provisional number */
    size_t capacity;
    uint64_t lists; /* lines of the files of training before this one */
    bool anonymous; /* not every event says who */
};

/* Where sorted records go. All pointers are borrowed. */
enum { PS_NO_KEY = UINT32_MAX };
struct ps_sink {
    uint64_t keys;
    const uint32_t *number;       /* by key: its provisional number */
    const uint32_t *key, *second; /* by provisional number: where its records go, and where they go too (or NULL); PS_NO_KEY: nowhere */
    const uint32_t *item;         /* dense id by provisional number */
    uint64_t memory;              /* bytes that the sink uses itself */
    void *context;
    /* All records of a key, in the order of the input, with dense item ids; keys come in their order. */
    int (*take)(void *context, uint64_t key, struct ps_record *record, uint64_t count, struct ps_error *err);
};

/* A file without a name in the folder: it is gone when it is closed, or when the process dies. NULL after ps_fail. */
FILE *ps_prepare_scratch(const struct ps_preparation *p, struct ps_error *err);
/* 0, or PS_EXIT_INTERRUPTED. */
int ps_prepare_check_stop(const struct ps_preparation *p, struct ps_error *err);

/* Counts a bad line: shows the first few, and ends the work where there are too many. */
int ps_prepare_bad(struct ps_preparation *p, struct ps_bar *bar, const struct ps_fields *fields, const char *reason,
                   struct ps_error *err);
/* Bytes of a file, for progress; 0 where that is not known. */
uint64_t ps_prepare_file_bytes(const char *path);
/* What the names take of the memory. */
uint64_t ps_prepare_names_memory(const struct ps_preparation *p);

/* Brings the values of an earlier dataset's features. */
int ps_prepare_features_keep(struct ps_preparation *p, const struct ps_dataset *old, struct ps_error *err);
/* A header that does not fit is found before anything is read. */
int ps_prepare_features_check(struct ps_preparation *p, struct ps_error *err);
int ps_prepare_features_read(struct ps_preparation *p, struct ps_error *err);
int ps_prepare_features_write(struct ps_preparation *p, uint32_t *const id[2], struct ps_dataset_files *files,
                              struct ps_error *err);
void ps_prepare_features_fini(struct ps_preparation *p);

/* Whether the event, one of training, is before --since: then it is counted, and passed over. */
bool ps_prepare_early(struct ps_preparation *p, const struct ps_event *event);
/* Notes the time of an event of training. */
void ps_prepare_note_time(struct ps_preparation *p, uint32_t behaviour, const struct ps_event *event);
/* The number of the event's behaviour among `count` names, or PS_ANY_BEHAVIOUR. */
int ps_prepare_find_behaviour(const char (*name)[32], uint32_t count, const struct ps_event *event);
/* An event of a behaviour that --behaviours does not name: counted (0), or a bad line (1). */
int ps_prepare_pass_over(struct ps_preparation *p, const struct ps_event *event, const char **reason);

int ps_prepare_read(struct ps_preparation *p, struct ps_error *err);
/* Writing ends with _rewind, after which `count` records at a time are read, as many as there are in all. */
int ps_spill_open(const struct ps_preparation *p, struct ps_spill *spill, struct ps_error *err);
int ps_spill_put(const struct ps_preparation *p, struct ps_spill *spill, const struct ps_record *record, struct ps_error *err);
int ps_spill_rewind(const struct ps_preparation *p, struct ps_spill *spill, struct ps_error *err);
int ps_spill_read(const struct ps_preparation *p, struct ps_spill *spill, struct ps_record *record, uint64_t count,
                  struct ps_error *err);
/* Makes events[] known for numbers below `keys`, 0 where there are no records. */
void ps_spill_reserve(struct ps_spill *spill, size_t keys);
/* Harmless for one that is closed. */
void ps_spill_close(struct ps_spill *spill);

/* Hands the spilled records over, key by key, and ends the spill. */
int ps_prepare_sort(struct ps_preparation *p, const struct ps_sink *sink, struct ps_error *err);

/* Dense ids of names by provisional number, in the order of id_seed; the caller frees the array. */
uint32_t *ps_prepare_ids(const struct ps_preparation *p, enum ps_entity entity, const struct ps_names *names);

/* Users' records become a dataset of interactions, sessions' records one of sessions: all of its files. */
int ps_prepare_users(struct ps_preparation *p, struct ps_dataset_files *files, struct ps_error *err);
int ps_prepare_sessions(struct ps_preparation *p, struct ps_dataset_files *files, struct ps_error *err);

/* An event of a session, read from a file of training or of test sessions; as take_event in prepare_read.c. `line` counts the lines
 * of the file, which name the sessions of lists. */
int ps_session_take(struct ps_preparation *p, bool test, const struct ps_event *event, uint64_t line, const char **reason,
                    struct ps_error *err);
/* Notes a session's record before it goes to the spill. */
struct ps_session_facts *ps_session_note(struct ps_session_log *log, const struct ps_spill *spill, const struct ps_record *record);
/* Makes facts known for sessions below `sessions`, empty where there are no records. */
void ps_session_reserve(struct ps_session_log *log, size_t sessions);
/* Puts a session's records, which are in the order of the input, into that of their positions or of their times. */
void ps_session_sort(struct ps_record *record, uint64_t count, bool by_position_column);
/* When all is read: users' events are cut into sessions, and those of rare items dropped, where the rules say so. */
int ps_sessions_refine(struct ps_preparation *p, struct ps_error *err);
void ps_session_log_init(struct ps_preparation *p);
void ps_session_log_fini(struct ps_preparation *p);

#endif
