/* session_recent.c - the rule "what the session had last comes again". */
#include "worker/models/session_rule.h"

static void session_recent_list(const struct ps_rule_counts *counts, const uint32_t *step, int steps, struct ps_rule_list *list)
{
    ps_rule_add_recent(step, steps, steps, 1, list);
}

static int session_recent_init(struct ps_model *model, struct ps_error *err)
{
    return ps_session_rule_init(model, session_recent_list, (struct ps_counting){0});
}

const struct ps_model_class ps_model_session_recent = {
    .name = "session_recent",
    .title = "the session's own items, latest first, then popularity (a rule, nothing is learned)",
    .source = "none: a floor for every report on sessions",
    .options = "",
    .recipe = {.stream = PS_STREAM_SESSIONS},
    .init = session_recent_init,
    .fini = ps_session_rule_fini,
    .score = ps_session_rule_score,
};
