/* session_counts.c - the session's own last items, then their neighbours as item_knn counts them: the strongest rule of counts. */
#include "worker/models/session_rule.h"

static const double DECAY = 0.8;
enum { OWN = 5, OWN_BITS = 56 }; /* neighbours weigh less than 2^56 */

static void session_counts_list(const struct ps_rule_counts *counts, const uint32_t *step, int steps, struct ps_rule_list *list)
{
    ps_rule_add_recent(step, steps, OWN, UINT64_C(1) << OWN_BITS, list);
    ps_rule_add_neighbours(counts, step, steps, DECAY, list);
}

static int session_counts_init(struct ps_model *model, struct ps_error *err)
{
    return ps_session_rule_init(model, session_counts_list, (struct ps_counting){.window = 10, .decay = DECAY, .both = true});
}

const struct ps_model_class ps_model_session_counts = {
    .name = "session_counts",
    .title = "the session's last five items, then what came near its items in training, then popularity (a rule)",
    .source = "none: what counting comes to",
    .options = "",
    .recipe = {.stream = PS_STREAM_SESSIONS},
    .init = session_counts_init,
    .fini = ps_session_rule_fini,
    .score = ps_session_rule_score,
};
