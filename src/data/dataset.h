/* dataset.h - a prepared dataset, opened for reading: memory-mapped columns, user-major.
 *
 * Folder of a prepared dataset (docs/data.md has the byte layout):
 *   dataset.yaml        counts, behaviours, how it was prepared, statistics, size and XXH64 of every other file
 *   users.names items.names      original names by dense id
 *   B.offset B.item [B.time] B.count      for each behaviour B: training interactions by user, items ascending, one
 *                       time (seconds) each where the data has times, and the number of users of every item
 *   union.offset        cumulative number of distinct items of each user over all behaviours
 *   blocks.sums         runs of users with about PS_BLOCK_INTERACTIONS interactions, with a checksum over their columns
 *   valid.pairs test.pairs        held-out (user, item) pairs of the target behaviour
 *   item.F.offset item.F.value item.F.names (or user.F....)      for each side feature F: the values of each item (or user), by
 *                       dense id, and their original names
 *
 * A dataset of sessions has other columns: session.offset event.item event.operation [event.time] [event.feedback]
 * [session.visitor visitors.names] session.first session.targets session.cases, and event.count (B.count of all its training
 * steps). Its blocks are runs of training sessions. Its users are its cases, named SESSION/POSITION, so that a case is ranked as a user with one held-out item is; it has one behaviour, "event",
 * under which no user has any item.
 *
 * Everything is mapped read-only, so a process needs no memory of its own that grows with the dataset.
 * Behaviours are numbered from the weakest (0) to the target (behaviours - 1), in cascade order.
 */
#ifndef PS_DATA_DATASET_H
#define PS_DATA_DATASET_H

#include "common/table.h"

enum { PS_MAX_BEHAVIOURS = 8, PS_BLOCK_INTERACTIONS = 4096, PS_FEATURE_NAME = 40 };

struct ps_pair {
    uint32_t user, item;
};

enum ps_split { PS_SPLIT_VALID = 1, PS_SPLIT_TEST = 2 };
enum ps_entity { PS_USERS = 0, PS_ITEMS = 1, PS_VISITORS = 2, PS_ENTITIES }; /* visitors: of a dataset of sessions, where they are known */

/* A held-out case: the event at `position` of the session is to be foretold from those before it. */
struct ps_case {
    uint32_t session, position;
};

enum { PS_MAX_FEEDBACKS = 8, PS_SHOWN = 255 };

/* Sessions: sequences of events, oldest first. Those of training are [0, train); those that cases are taken from follow. An event
 * is a step of its session, except where its operation is PS_SHOWN: an item that was shown, and nothing was done with it. */
struct ps_sessions {
    uint64_t count, train;    /* count is 0 where the dataset has interactions instead */
    uint64_t longest;         /* steps of a session */
    const uint64_t *begin;    /* count + 1: events of session s are [begin[s], begin[s+1]) */
    const uint32_t *item;     /* by event, as the next three */
    const uint8_t *operation; /* a number below operations, or PS_SHOWN */
    const int64_t *time;      /* seconds; NULL without times */
    const uint8_t *feedback;  /* bit k: feedback k was given; NULL without feedback columns */
    const uint32_t *visitor;  /* by session: who; NULL where that is not known */
    const uint32_t *first;    /* by held-out session: the first event that is held out; those before it are context */
    const uint64_t *targets;  /* train + 1: cumulative number of steps that have a step before them in their session */
    const struct ps_case *cases; /* dataset.users of them, validation's before the test's */
    uint64_t visitors;
    uint32_t operations, feedbacks;
    char operation_name[PS_MAX_BEHAVIOURS][32], feedback_name[PS_MAX_FEEDBACKS][32];
};

/* "user" or "item": the first word of the names of what belongs to that side. */
static inline const char *ps_feature_side(enum ps_entity side)
{
    return side == PS_USERS ? "user" : "item";
}

/* One behaviour's training interactions. Items of user u: item[offset[u]] up to item[offset[u+1]], strictly ascending.
 */
struct ps_history {
    const uint64_t *offset;
    const uint32_t *item;
    const int64_t *time;   /* parallel to item; NULL without times */
    const uint32_t *count; /* users of each item under this behaviour: the item's popularity */
    uint64_t interactions;
};

/* A side feature: what is known of users or of items beside the interactions (a brand, tags, an age). Values have dense ids of the
 * feature's own. The values of user or item i are value[offset[i]] up to value[offset[i + 1]], strictly ascending; none where
 * nothing is known. Also knowledge triples: (head i, relation `name`, tail value). */
struct ps_feature {
    char name[PS_FEATURE_NAME]; /* unique among the features of its side */
    enum ps_entity side;        /* whose it is */
    bool number;                /* values are ranges of a number: their names say where each begins (prepare_features.c) */
    uint64_t values, pairs;
    const uint64_t *offset;
    const uint32_t *value;
};

struct ps_dataset {
    char *path; /* owned; all other pointers are borrowed from the files' mappings */
    uint64_t users, items;
    uint32_t behaviours;
    char behaviour[PS_MAX_BEHAVIOURS][32];
    struct ps_history train[PS_MAX_BEHAVIOURS];
    struct ps_sessions sessions;
    const uint64_t *union_offset; /* users + 1 */
    uint64_t union_pairs;
    uint64_t blocks;
    const uint32_t *block_user; /* blocks + 1: block b holds users (training sessions) [block_user[b], block_user[b+1]) */
    const struct ps_pair *valid, *test;
    uint64_t valid_count, test_count;
    uint32_t features;
    struct ps_feature feature[PS_MAX_FEATURES]; /* those of users first, and by name */
    uint64_t fingerprint;                /* XXH64 over dataset.yaml: goes into configuration and checkpoints */
    struct ps_dataset_private *private_; /* owned; mappings and names */
};

/* Opens and checks a dataset: version, sizes of all files, contents and sums of all but the columns that are as long as the
 * training data.
 * Block sums are checked when a block is streamed (ps_dataset_check_block) or all at once (ps_dataset_verify).
 * Errors: PS_EXIT_DATA with the file named and what to do. */
int ps_dataset_open(const char *path, struct ps_dataset *dataset, struct ps_error *err);
void ps_dataset_close(struct ps_dataset *dataset);
int ps_dataset_check_block(const struct ps_dataset *dataset, uint64_t block, struct ps_error *err);
int ps_dataset_verify(const struct ps_dataset *dataset, struct ps_error *err);

/* How many users, items or visitors there are. */
static inline uint64_t ps_dataset_entities(const struct ps_dataset *dataset, enum ps_entity entity)
{
    return entity == PS_USERS ? dataset->users : entity == PS_ITEMS ? dataset->items : dataset->sessions.visitors;
}

/* Names by dense id (not NUL-terminated; *length bytes, borrowed). */
const char *ps_dataset_name(const struct ps_dataset *dataset, enum ps_entity entity, uint64_t id, size_t *length);
/* Dense id by name: 1 found, 0 not. A binary search over a sorted permutation in the names file. */
int ps_dataset_find(const struct ps_dataset *dataset, enum ps_entity entity, const char *name, size_t length,
                    uint64_t *id);

/* The dense id with that place in the order of names: an order that has nothing to do with ids. */
uint32_t ps_dataset_by_name(const struct ps_dataset *dataset, enum ps_entity entity, uint64_t place);

/* The feature of that side and name; NULL: there is none. */
const struct ps_feature *ps_dataset_feature(const struct ps_dataset *dataset, enum ps_entity side, const char *name);
/* A value's name, as ps_dataset_name; and a value by its name, as ps_dataset_find. */
const char *ps_dataset_feature_name(const struct ps_dataset *dataset, const struct ps_feature *feature, uint64_t value,
                                    size_t *length);
int ps_dataset_feature_find(const struct ps_dataset *dataset, const struct ps_feature *feature, const char *name, size_t length,
                            uint64_t *value);
/* How many values user or item `id` has, and they. */
static inline const uint32_t *ps_dataset_feature_values(const struct ps_feature *feature, uint64_t id, uint64_t *count)
{
    *count = feature->offset[id + 1] - feature->offset[id];
    return feature->value + feature->offset[id];
}

/* Pair number k < pairs, as in a list of them all: whose it is, and the value. A binary search over the dataset's users or items. */
struct ps_feature_pair {
    uint32_t id, value;
};
struct ps_feature_pair ps_dataset_feature_pair(const struct ps_dataset *dataset, const struct ps_feature *feature, uint64_t k);

/* Whether (user, item) is in training behaviour b: a binary search in the user's list, without branches that depend on
 * the data (which way it goes is a coin toss, and samplers ask this millions of times a second). */
static inline bool ps_dataset_has(const struct ps_dataset *dataset, uint32_t b, uint32_t user, uint32_t item)
{
    const struct ps_history *h = &dataset->train[b];
    const uint32_t *base = h->item + h->offset[user];
    uint64_t n = h->offset[user + 1] - h->offset[user];
    if (!n)
        return false;
    while (n > 1) {
        uint64_t half = n / 2;
        base += half & -(uint64_t)(base[half - 1] < item);
        n -= half;
    }
    return *base == item;
}

/* Bit b set: the pair is in training behaviour b. */
static inline uint32_t ps_dataset_seen(const struct ps_dataset *dataset, uint32_t user, uint32_t item)
{
    uint32_t mask = 0;
    for (uint32_t b = 0; b < dataset->behaviours; b++)
        mask |= (uint32_t)ps_dataset_has(dataset, b, user, item) << b;
    return mask;
}

/* Merges the user's lists: writes up to `capacity` distinct items, ascending, with their behaviour masks; returns how
 * many there are in all. */
uint64_t ps_dataset_union(const struct ps_dataset *dataset, uint32_t user, uint32_t *item, uint32_t *mask,
                          uint64_t capacity);

#endif
