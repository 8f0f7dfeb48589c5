/* sessions.h - sessions as a model sees them: steps packed without padding, the items that are to be foretold from them, and what
 * those compete with.
 *
 * An entry of the order (order.h) is a target, an event with the steps before it (PS_STREAM_PREFIXES), or a session with all of its
 * targets (PS_STREAM_SESSIONS), or a target with the one step before it, and a track whose state knows the others (PS_STREAM_PARALLEL).
 * Everything is a function of (dataset, configuration, seed, epoch, lane, position).
 */
#ifndef PS_WORKER_SESSIONS_H
#define PS_WORKER_SESSIONS_H

#include "common/random.h"
#include "data/dataset.h"
#include "worker/nn/candidates.h"
#include "worker/nn/sequence.h"
#include "worker/recipe.h"
#include "worker/sampler.h"
#include "worker/unique.h"

/* What a tile has of sessions. All arrays are borrowed; rows are indices into rows[] of the item tables, or of the visitor tables. */
struct ps_session_view {
    struct nn_segments steps;
    const uint32_t *item, *item_row, *operation; /* by step */
    const uint32_t *visitor_row;                 /* by session; NULL where the dataset knows no visitors */
    const uint32_t *track_row;                   /* by session: its row of the tables of lane state; NULL: there is none */
    const bool *begins;                          /* likewise: its first step, before which its state is zero whatever the row holds */
    int targets;
    const uint32_t *state;           /* by target, as the next ones: the step after which it is to be foretold */
    const uint32_t *target, *target_row; /* its item */
    const uint32_t *choice;          /* its number among the candidates */
    const uint8_t *feedback;         /* what was done with it; 0 where the dataset has no feedback */
    const real *weight;              /* in the mean over the micro-batch's next items; 0 for what was only shown */
    /* Items that a target competes with, the same for all: all items, or the targets and drawn ones. */
    int candidates;
    const uint32_t *candidate_row; /* all items come in the order of their ids: where their rows are is the servers' matter */
    const real *log_q;             /* log of how likely it was to be a candidate; NULL for all items */
};

/* The sessions of a micro-batch. Owned arrays. */
struct ps_session_batch {
    struct ps_session_view view; /* of the arrays below */
    uint32_t *begin, *item, *item_row, *operation, *visitor_row, *track_row;
    bool *begins;
    uint32_t *state, *target, *target_row, *choice, *candidate, *candidate_row;
    uint8_t *feedback;
    real *weight, *log_q;
    int sessions, steps, targets, next; /* next: targets that are next items, and not only shown */
};

/* The most targets of so many entries, and the most distinct items. */
size_t ps_session_most(const struct ps_recipe *recipe, const struct ps_dataset *dataset, size_t entries);
size_t ps_session_keys(const struct ps_recipe *recipe, const struct ps_dataset *dataset, size_t entries);
/* Room for `sessions` sessions with at most `targets` targets, and the recipe's drawn items. */
void ps_session_batch_init(struct ps_session_batch *batch, const struct ps_recipe *recipe, const struct ps_dataset *dataset,
                           size_t sessions, size_t targets);
void ps_session_batch_fini(struct ps_session_batch *batch);

/* Empties it, and appends a session: as targets those of its events [from, until) that have a step before them (shown ones only where
 * asked for), and as steps all before the last event of them. */
void ps_session_batch_begin(struct ps_session_batch *batch);
void ps_session_batch_add(struct ps_session_batch *batch, const struct ps_dataset *dataset, uint32_t session, uint64_t from,
                          uint64_t until, bool shown);
/* Appends what is needed to foretell a case: the steps before it. Its only target is the case's own item. */
void ps_session_batch_add_case(struct ps_session_batch *batch, const struct ps_dataset *dataset, uint32_t case_);
/* Appends the step before the event `target` of a training session, on a track, and the event as its target. */
void ps_session_batch_add_step(struct ps_session_batch *batch, const struct ps_dataset *dataset, uint32_t session, uint32_t target,
                               uint32_t track);
/* After the last one: weights and candidates. Draws sampled candidates from `alias`. */
void ps_session_batch_end(struct ps_session_batch *batch, const struct ps_recipe *recipe, const struct ps_dataset *dataset,
                          const struct ps_alias *alias, struct ps_random *random);
/* The distinct items of steps, targets and, where asked for, candidates (else there are none), and the rows of each; and `others`, whose
 * rows `unique` knows then. */
void ps_session_batch_items(struct ps_session_batch *batch, struct ps_unique *unique, const struct ps_slot_map *map,
                            struct ps_keys *keys, bool candidates, const uint32_t *others, int count);

/* Likewise who made the sessions, where that is known. */
void ps_session_batch_visitors(struct ps_session_batch *batch, struct ps_unique *unique, const struct ps_slot_map *map,
                               struct ps_keys *keys);

/* Likewise the tracks' state: the rows from `first` on are the lane's. */
void ps_session_batch_tracks(struct ps_session_batch *batch, struct ps_unique *unique, const struct ps_slot_map *map,
                             struct ps_keys *keys, uint32_t first);

/* Next items of a training session. */
static inline uint64_t ps_session_targets(const struct ps_dataset *dataset, uint64_t session)
{
    return dataset->sessions.targets[session + 1] - dataset->sessions.targets[session];
}

#endif
