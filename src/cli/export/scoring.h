/* scoring.h - a model's scoring function as the operations that its tape computes (worker/nn/trace.h), from one pass over a made sample:
 * two pairs of user and item, or a session of three steps and two candidates. Only what is computed from what matters, not the numbers.
 */
#ifndef PS_CLI_EXPORT_SCORING_H
#define PS_CLI_EXPORT_SCORING_H

#include "worker/model.h"
#include "worker/nn/trace.h"

struct ps_scoring {
    struct nn_tape *tape; /* owned; what the events point to lies in it */
    struct nn_event *event; /* owned */
    size_t events, capacity;
    const struct nn_tensor *score;   /* of every pair or candidate, one column */
    const struct nn_tensor *encoded; /* what encode makes of the session; NULL for models of pairs */
    /* What the pass was given, by address: look-ups by these are the function's arguments. */
    const struct nn_rows *rows;      /* by table */
    const struct nn_tensor *param;   /* by table */
    const uint32_t *user, *item;     /* of each pair */
    const uint32_t *step, *operation, *visitor, *candidate; /* of the session */
};

/* param: the model's tensors, borrowed. PS_EXIT_USAGE where the model has scores that its tape does not compute. */
int ps_scoring_record(struct ps_scoring *scoring, struct ps_model *model, const struct nn_tensor *param, struct ps_error *err);
void ps_scoring_fini(struct ps_scoring *scoring);
/* What is computed at an address: the event told of it last; NULL: nothing, it was given. */
const struct nn_event *ps_scoring_find(const struct ps_scoring *scoring, const void *what);

#endif
