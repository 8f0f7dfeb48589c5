/* item_knn.c - neighbours of the session's items: how often two items came near each other in training, decayed by the steps between them,
 * and by how long ago the session had the one. */
#include "worker/models/session_rule.h"

static const double DECAY = 0.8;

static void item_knn_list(const struct ps_rule_counts *counts, const uint32_t *step, int steps, struct ps_rule_list *list)
{
    ps_rule_add_neighbours(counts, step, steps, DECAY, list);
}

static int item_knn_init(struct ps_model *model, struct ps_error *err)
{
    return ps_session_rule_init(model, item_knn_list, (struct ps_counting){.window = 10, .decay = DECAY, .both = true});
}

const struct ps_model_class ps_model_item_knn = {
    .name = "item_knn",
    .title = "items that came near the session's items in training, then popularity (a rule, nothing is learned)",
    .source = "after Item-KNN of Hidasi et al., ICLR 2016",
    .options = "",
    .recipe = {.stream = PS_STREAM_SESSIONS},
    .init = item_knn_init,
    .fini = ps_session_rule_fini,
    .score = ps_session_rule_score,
};
