/* session_rule.h - rules of sessions: each weighs some items by the session so far; all others come behind them. Items that weigh
 * the same, and those behind, are ordered by popularity. Nothing is learned but counts.
 */
#ifndef PS_MODELS_SESSION_RULE_H
#define PS_MODELS_SESSION_RULE_H

#include "worker/model.h"
#include "worker/models/cooccurrence.h"

/* A growing list of weighed items; one may be in it several times, its weights add up. Owned. */
struct ps_rule_list {
    struct ps_weighed *entry;
    size_t count, capacity;
};
void ps_rule_add(struct ps_rule_list *list, uint32_t item, uint64_t weight);

/* What a rule has counted. */
struct ps_rule_counts {
    struct ps_cooccurrence near;
    const struct ps_dataset *dataset; /* borrowed */
    struct ps_sharers {
        uint64_t *begin; /* owned; values + 1 */
        uint32_t *item;  /* owned: who has a value of the items' feature, value by value */
    } sharers[PS_MAX_FEATURES]; /* by the dataset's features; empty for users' */
};

/* Lists what the items of a session's steps so far (oldest first, at least one) speak for. */
typedef void ps_rule_list_fn(const struct ps_rule_counts *counts, const uint32_t *step, int steps, struct ps_rule_list *list);

/* model->init: for a rule that counts nothing, window is 0. A rule of knowledge begins as any other, and then counts who shares what.
 * Errors: PS_EXIT_USAGE where nothing is known of the items. */
int ps_session_rule_init(struct ps_model *model, ps_rule_list_fn *fill, struct ps_counting how);
int ps_session_rule_know(struct ps_model *model, struct ps_error *err);
void ps_session_rule_fini(struct ps_model *model);
/* model->score: exact in float, as the number of an item's place among the distinct ones of its case. */
void ps_session_rule_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out);

/* Adds the last `most` distinct items of a session: the last one with weight most * unit, the one before with a unit less, .. */
void ps_rule_add_recent(const uint32_t *step, int steps, int most, uint64_t unit, struct ps_rule_list *list);
/* Adds the neighbours of a session's steps: those of the last one, and those of the ones before it, each decayed once more. */
void ps_rule_add_neighbours(const struct ps_rule_counts *counts, const uint32_t *step, int steps, double decay,
                            struct ps_rule_list *list);
/* Adds the items that share a value of a feature with one of the last steps: for each such value `share` times the log of how rare it is
 * among the items, decayed as above. */
void ps_rule_add_sharers(const struct ps_rule_counts *counts, const uint32_t *step, int steps, double decay, double share,
                         struct ps_rule_list *list);

#endif
