/* history_rules.c - rules that put what the user has touched but not bought before everything else, for any number of behaviours:
 *
 *   carted_first   by the strongest weaker behaviour that the user showed for an item, then by popularity
 *   own_history    the item that was touched last comes first; then by strength, then by popularity
 *
 * Items that the user already bought, and items never touched, come after these by popularity. Scores are small whole numbers.
 */
#include "worker/model.h"
#include "worker/models/popularity.h"

#include <stdlib.h>
#include <string.h>

struct rule {
    uint32_t *popularity; /* owned; dense ranks */
    uint32_t distinct;    /* the height of a tier */
};

static int rule_init(struct ps_model *model, struct ps_error *err)
{
    struct rule *rule = ps_malloc(sizeof *rule);
    rule->popularity = ps_popularity_ranks(model->dataset, &rule->distinct);
    model->state = rule;
    return 0;
}

static void rule_fini(struct ps_model *model)
{
    struct rule *rule = model->state;
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
    const struct rule *rule = model->state;
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

struct touch {
    int64_t time; /* of the last weaker behaviour; INT64_MIN where the data have no times */
    uint32_t item, tier, popularity;
};

static int compare_touches(const void *a, const void *b)
{
    const struct touch *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->tier != y->tier)
        return x->tier < y->tier ? -1 : 1;
    return (x->popularity > y->popularity) - (x->popularity < y->popularity);
}

static size_t weaker_interactions(const struct ps_dataset *dataset, uint32_t user)
{
    size_t n = 0;
    for (uint32_t b = 0; b + 1 < dataset->behaviours; b++)
        n += dataset->train[b].offset[user + 1] - dataset->train[b].offset[user];
    return n;
}

/* What the user has touched but not bought, in the order of compare_touches; touch has room for weaker_interactions(). */
static size_t find_touches(const struct rule *rule, const struct ps_dataset *dataset, uint32_t user, struct touch *touch)
{
    uint64_t at[PS_MAX_BEHAVIOURS];
    uint32_t target = dataset->behaviours - 1;
    size_t n = 0;
    for (uint32_t b = 0; b < target; b++)
        at[b] = dataset->train[b].offset[user];
    for (;;) {
        struct touch next = {INT64_MIN, UINT32_MAX, 0, 0};
        for (uint32_t b = 0; b < target; b++)
            if (at[b] < dataset->train[b].offset[user + 1])
                next.item = PS_MIN(next.item, dataset->train[b].item[at[b]]);
        if (next.item == UINT32_MAX)
            break;
        for (uint32_t b = 0; b < target; b++) {
            const struct ps_history *h = &dataset->train[b];
            if (at[b] == h->offset[user + 1] || h->item[at[b]] != next.item)
                continue;
            next.tier = b + 1;
            next.time = h->time && h->time[at[b]] > next.time ? h->time[at[b]] : next.time;
            at[b]++;
        }
        next.popularity = rule->popularity[next.item];
        if (!ps_dataset_has(dataset, target, user, next.item))
            touch[n++] = next;
    }
    qsort(touch, n, sizeof *touch, compare_touches);
    return n;
}

static void own_history_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out)
{
    const struct rule *rule = model->state;
    const struct ps_dataset *dataset = model->dataset;
    size_t most = 0;
    for (int u = 0; u < input->users; u++)
        most = PS_MAX(most, weaker_interactions(dataset, input->user_id[u]));
    struct touch *touch = nn_tape_alloc(tape, most * sizeof *touch);
    uint32_t *score = nn_tape_alloc(tape, dataset->items * sizeof *score); /* popularity, except for what the user at hand has touched */
    memcpy(score, rule->popularity, dataset->items * sizeof *score);
    for (int u = 0; u < input->users; u++) {
        size_t n = find_touches(rule, dataset, input->user_id[u], touch);
        uint32_t above = rule->distinct - 1;
        for (size_t k = 0; k < n; k++) {
            above += k == 0 || compare_touches(&touch[k - 1], &touch[k]) != 0;
            score[touch[k].item] = above;
        }
        for (int i = 0; i < input->items; i++)
            *out++ = (real)score[input->item_id[i]];
        for (size_t k = 0; k < n; k++)
            score[touch[k].item] = touch[k].popularity;
    }
}

const struct ps_model_class ps_model_carted_first = {
    .name = "carted_first",
    .title = "the strongest weaker behaviour first, then popularity (a rule, nothing is learned)",
    .source = "none: a floor for every report",
    .options = "",
    .init = rule_init,
    .fini = rule_fini,
    .score = carted_first_score,
};

const struct ps_model_class ps_model_own_history = {
    .name = "own_history",
    .title = "what the user touched last but did not buy first, then popularity (a rule, nothing is learned)",
    .source = "none: a floor for data with times",
    .options = "",
    .init = rule_init,
    .fini = rule_fini,
    .score = own_history_score,
};
