/* markov.c - the first-order Markov chain: what came next in training behind the session's last item. */
#include "worker/models/session_rule.h"

static void markov_list(const struct ps_rule_counts *counts, const uint32_t *step, int steps, struct ps_rule_list *list)
{
    ps_rule_add_neighbours(counts, step + steps - 1, 1, 1, list);
}

static int markov_init(struct ps_model *model, struct ps_error *err)
{
    return ps_session_rule_init(model, markov_list, (struct ps_counting){.window = 1, .decay = 1, .itself = true});
}

const struct ps_model_class ps_model_markov = {
    .name = "markov",
    .title = "the items that most often came next behind the last one, then popularity (a rule, nothing is learned)",
    .source = "none: a floor for every report on sessions",
    .options = "",
    .recipe = {.stream = PS_STREAM_SESSIONS},
    .init = markov_init,
    .fini = ps_session_rule_fini,
    .score = ps_session_rule_score,
};
