/* session_popularity.c - the rule "what the session had most comes again" (S-POP). */
#include "worker/models/session_rule.h"

static void session_popularity_list(const struct ps_rule_counts *counts, const uint32_t *step, int steps, struct ps_rule_list *list)
{
    for (int k = 0; k < steps; k++)
        ps_rule_add(list, step[k], 1);
}

static int session_popularity_init(struct ps_model *model, struct ps_error *err)
{
    return ps_session_rule_init(model, session_popularity_list, (struct ps_counting){0});
}

const struct ps_model_class ps_model_session_popularity = {
    .name = "session_popularity",
    .title = "the session's own items by how often it had them, then popularity (a rule, nothing is learned)",
    .source = "none: a floor, called S-POP by Hidasi et al., ICLR 2016",
    .options = "",
    .recipe = {.stream = PS_STREAM_SESSIONS},
    .init = session_popularity_init,
    .fini = ps_session_rule_fini,
    .score = ps_session_rule_score,
};
