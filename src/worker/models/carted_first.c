/* carted_first.c - the rule "what the user carted but did not buy, then popularity", for any number of behaviours:
 * items come in tiers by the strongest weaker behaviour that the user showed for them, by popularity within a tier.
 * Items that the user already bought, and items never touched, are in the last tier.
 */
#include "worker/model.h"
#include "worker/models/popularity.h"

#include <stdlib.h>
#include <string.h>

struct carted_first {
    uint32_t *popularity; /* owned; dense ranks */
    uint32_t distinct;    /* the height of a tier */
};

static int carted_first_init(struct ps_model *model, struct ps_error *err)
{
    struct carted_first *rule = ps_malloc(sizeof *rule);
    rule->popularity = ps_popularity_ranks(model->dataset, &rule->distinct);
    model->state = rule;
    return 0;
}

static void carted_first_fini(struct ps_model *model)
{
    struct carted_first *rule = model->state;
    if (rule)
        free(rule->popularity);
    free(rule);
}

static void set_tier(const struct ps_history *history, uint32_t user, uint8_t tier, uint8_t *tiers)
{
    for (uint64_t k = history->offset[user]; k < history->offset[user + 1]; k++)
        tiers[history->item[k]] = tier;
}

static void carted_first_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input,
                               real *out)
{
    const struct carted_first *rule = model->state;
    const struct ps_dataset *dataset = model->dataset;
    uint32_t target = dataset->behaviours - 1;
    uint8_t *tiers = nn_tape_alloc(tape, dataset->items); /* of the user at hand; 0 between users */
    memset(tiers, 0, dataset->items);
    for (int u = 0; u < input->users; u++) {
        uint32_t user = input->user_id[u];
        for (uint32_t b = 0; b < target; b++)
            set_tier(&dataset->train[b], user, (uint8_t)(b + 1), tiers);
        set_tier(&dataset->train[target], user, 0, tiers);
        for (int i = 0; i < input->items; i++) {
            uint32_t item = input->item_id[i];
            *out++ = (real)(tiers[item] * rule->distinct + rule->popularity[item]);
        }
        for (uint32_t b = 0; b < target; b++)
            set_tier(&dataset->train[b], user, 0, tiers);
    }
}

const struct ps_model_class ps_model_carted_first = {
    .name = "carted_first",
    .title = "the strongest weaker behaviour first, then popularity (a rule, nothing is learned)",
    .source = "none: a floor for every report",
    .options = "",
    .init = carted_first_init,
    .fini = carted_first_fini,
    .score = carted_first_score,
};
