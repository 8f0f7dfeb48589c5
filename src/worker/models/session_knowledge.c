/* session_knowledge.c - session_counts, and what the session's items have in common with others: brands, shops, categories. */
#include "worker/models/session_rule.h"

static const double DECAY = 0.8, SHARE = 0.1;
enum { OWN = 5, OWN_BITS = 56 }; /* others weigh less than 2^56 */

static void session_knowledge_list(const struct ps_rule_counts *counts, const uint32_t *step, int steps, struct ps_rule_list *list)
{
    ps_rule_add_recent(step, steps, OWN, UINT64_C(1) << OWN_BITS, list);
    ps_rule_add_neighbours(counts, step, steps, DECAY, list);
    ps_rule_add_sharers(counts, step, steps, DECAY, SHARE, list);
}

static int session_knowledge_init(struct ps_model *model, struct ps_error *err)
{
    int status = ps_session_rule_init(model, session_knowledge_list, (struct ps_counting){.window = 10, .decay = DECAY, .both = true});
    return status ? status : ps_session_rule_know(model, err);
}

const struct ps_model_class ps_model_session_knowledge = {
    .name = "session_knowledge",
    .title = "session_counts, and items with the same brand, category, .. (a rule, nothing is learned)",
    .source = "none: what counting comes to with what is known of the items",
    .options = "",
    .recipe = {.stream = PS_STREAM_SESSIONS},
    .init = session_knowledge_init,
    .fini = ps_session_rule_fini,
    .score = ps_session_rule_score,
};
