/* sessions.h - the rules by which events become sessions, and sessions training or held-out cases; docs/data.md tells them
 * to users.
 *
 * A dataset of sessions goes through the same steps as one of interactions (prepare.h), with the session in the place of the
 * user. What is held out is either whole sessions (of files of their own, or the last ones by time) or the ends of sessions; then
 * the session is stored twice: its beginning among those of training, and all of it, as context, among those that are held out.
 */
#ifndef PS_DATA_SESSIONS_H
#define PS_DATA_SESSIONS_H

#include "data/split.h"

/* What is held out for the test. For validation it is the last part of the sessions that would be training's, by their start;
 * with PS_TEST_LAST_ITEM the step before the test's. */
enum ps_session_test {
    PS_TEST_NONE,
    PS_TEST_GIVEN,     /* the sessions of a file */
    PS_TEST_LAST_ITEM, /* the last step of every session */
    PS_TEST_FROM       /* all events from a time on */
};

struct ps_session_rules {
    bool enabled;         /* a dataset of sessions is prepared */
    uint64_t last;        /* a session is its last steps, this many; 0: all of them */
    uint64_t min_length;  /* steps that a session must have, at least 2 */
    enum ps_session_test test;
    bool from_fraction;   /* PS_TEST_FROM: `from` is the last part of the time between the first and the last event; otherwise seconds */
    double from;
    double valid;         /* part of the training sessions; 0: no validation. With PS_TEST_LAST_ITEM: not 0 for yes */
    bool forget_test;     /* as in ps_split_rules */
    double gap;           /* seconds without an event after which a user's next one begins a new session; INFINITY: never; 0: there
                           * are sessions in the input */
    uint64_t min_item_count; /* events of rarer items are dropped */
    uint32_t feedbacks;
    char feedback[PS_MAX_FEEDBACKS][32];
};

/* A session's event in a ps_record, whose `when` is, from the most significant bit: 35 bits of seconds; 17 of the position where
 * there is a column for it, and of milliseconds otherwise; 4 of the operation, or PS_KIND_SHOWN; 8 of feedback. */
enum { PS_KIND_SHOWN = 15 };

static inline int64_t ps_session_when(int64_t seconds, uint32_t order, uint32_t kind, uint32_t feedback)
{
    return (int64_t)((uint64_t)seconds << 29 | (uint64_t)order << 12 | kind << 8 | feedback);
}
static inline int64_t ps_session_seconds(const struct ps_record *r)
{
    return r->when >> 29;
}
static inline uint32_t ps_session_order(const struct ps_record *r)
{
    return (uint32_t)(r->when >> 12) & 0x1ffff;
}
static inline uint32_t ps_session_kind(const struct ps_record *r)
{
    return (uint32_t)(r->when >> 8) & 15;
}
static inline void ps_session_set_kind(struct ps_record *r, uint32_t kind)
{
    r->when = (r->when & ~INT64_C(0xf00)) | (int64_t)kind << 8;
}
static inline uint8_t ps_session_feedback(const struct ps_record *r)
{
    return (uint8_t)r->when;
}

/* Counts over all sessions, for the statistics. */
struct ps_session_stats {
    uint64_t sessions, train, held, events, train_events, steps, train_steps, targets, longest;
    uint64_t valid_sessions;             /* whole sessions that are validation's */
    uint64_t short_sessions, dropped;    /* sessions of fewer steps than min_length, and the steps in them */
    uint64_t trimmed;                    /* events before the last ones of a session */
    uint64_t rare_items, rare_events;    /* dropped by min_item_count */
    uint64_t visitors;
    uint32_t operations;
    char operation[PS_MAX_BEHAVIOURS][32];
    uint64_t operation_steps[PS_MAX_BEHAVIOURS], shown; /* in training */
    uint64_t feedback_events[PS_MAX_FEEDBACKS];         /* in training */
    uint64_t valid_cases, test_cases;
    uint64_t cold_items, cold_events, cold_valid, cold_test; /* items that no training session has; held-out events, and cases, of them */
};

#endif
