/* split.h - what becomes of one user's events: merged, held out, or left for training.
 *
 * Pure functions of one user's records and of seeded draws that are named by the user's and the items' names, so a
 * split depends neither on dense ids nor on how the work is cut. docs/data.md tells the rules to users.
 */
#ifndef PS_DATA_SPLIT_H
#define PS_DATA_SPLIT_H

#include "data/dataset.h"

/* Where held-out pairs come from. */
enum ps_holdout {
    PS_HOLDOUT_NONE,
    PS_HOLDOUT_GIVEN,        /* files of pairs */
    PS_HOLDOUT_RANDOM,       /* one seeded random target pair of each user; for validation only */
    PS_HOLDOUT_LAST_TIME,    /* the user's last target item by time, then by position */
    PS_HOLDOUT_LAST_POSITION /* the user's last target item by position in the input */
};

struct ps_split_rules {
    uint32_t behaviours; /* the last one is the target */
    enum ps_holdout valid, test;
    uint32_t keep_targets; /* a rule holds a pair out only where this many target items are left for training */
    bool keep_future;      /* leave events in training that are later than a pair held out by time */
    bool last_duplicate;   /* a repeated (user, item, behaviour) counts at its last time; at its first otherwise */
    double hide_weaker;    /* probability that a validation pair leaves the weaker behaviours too */
    double leave_out[PS_MAX_BEHAVIOURS]; /* probability that an interaction of a weaker behaviour is left out of training */
    bool forget_test;      /* test pairs are held out as usual, and then kept nowhere: a dataset to tune on */
    uint64_t seed;
};

/* A record's kind: a behaviour's number, or one of these. */
enum { PS_KIND_VALID = PS_MAX_BEHAVIOURS, PS_KIND_TEST, PS_KINDS };

/* One event in 16 bytes, since millions of them are sorted and spilled. */
struct ps_record {
    uint32_t user; /* on its way to ps_split_user; there it is the position among the user's records */
    uint32_t item;
    int64_t when; /* milliseconds * 16 + kind */
};

static inline int64_t ps_record_when(int64_t milliseconds, uint32_t kind)
{
    return milliseconds * 16 + kind;
}
static inline uint32_t ps_record_kind(const struct ps_record *r)
{
    return (uint32_t)(r->when & 15);
}
static inline int64_t ps_record_time(const struct ps_record *r)
{
    return r->when >> 4;
}

/* The columns have whole seconds. */
static inline int64_t ps_seconds_of(int64_t milliseconds)
{
    return milliseconds / 1000 - (milliseconds % 1000 < 0);
}

/* Counts over all users. */
struct ps_split_counts {
    uint64_t duplicates[PS_MAX_BEHAVIOURS]; /* events merged into another one of the same user, item and behaviour */
    uint64_t future[PS_MAX_BEHAVIOURS];     /* events dropped as later than a pair held out by time */
    uint64_t hidden[PS_MAX_BEHAVIOURS];     /* pairs taken out of a weaker behaviour by hide_weaker */
    uint64_t left_out[PS_MAX_BEHAVIOURS];   /* interactions of a weaker behaviour left out by leave_out */
    uint64_t test_in_training, valid_in_training; /* given pairs found among the training targets, and removed there */
    uint64_t valid_in_test;                       /* given validation pairs that are test pairs too, and were dropped */
    uint64_t repeated_pairs;                      /* given pairs named more than once */
    uint64_t valid_seen[PS_MAX_BEHAVIOURS];       /* held-out pairs that are in training behaviour b */
    uint64_t test_seen[PS_MAX_BEHAVIOURS];
};

/* One user's lists; arrays are owned and used again for the next user. */
struct ps_user_lists {
    uint32_t *item[PS_MAX_BEHAVIOURS]; /* ascending */
    int64_t *time[PS_MAX_BEHAVIOURS];  /* seconds */
    uint64_t count[PS_MAX_BEHAVIOURS];
    size_t capacity[PS_MAX_BEHAVIOURS];
    uint32_t *valid, *test; /* ascending */
    uint64_t valid_count, test_count;
    size_t valid_capacity, test_capacity;
    struct ps_record *target; /* the user's target items, merged */
    size_t target_capacity;
};

void ps_user_lists_init(struct ps_user_lists *lists);
void ps_user_lists_fini(struct ps_user_lists *lists);

/* Splits the records of one user, which are in the order of the input and have dense item ids; they are put in another
 * order. user_key is a hash of the user's name, item_key[i] of the name of item i: they name the draws. */
void ps_split_user(const struct ps_split_rules *rules, struct ps_record *record, uint64_t count, uint64_t user_key,
                   const uint64_t *item_key, struct ps_user_lists *lists, struct ps_split_counts *counts);

#endif
