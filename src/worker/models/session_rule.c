/* session_rule.c - see session_rule.h. */
#include "worker/models/session_rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/models/popularity.h"

/* Items pass by a block at a time, and cases again with each block: their lists are kept. */
enum { CASES = 8192, LONGEST = 4096 };
enum { ASKED = 8, SHARED = 4096 }; /* steps that are asked what they share; items with a value, beyond which it says little */

struct scored {
    uint32_t item;
    float score;
};

/* What the rule says of a case: ascending items. */
struct kept {
    bool known;
    uint32_t case_;
    size_t count;
    struct scored *item; /* owned */
};

struct rule {
    ps_rule_list_fn *fill;
    struct ps_rule_counts counts; /* owned, as is everything below */
    uint32_t *popularity, distinct;
    struct ps_rule_list list;
    uint32_t *step;
    struct kept kept[CASES];
};

void ps_rule_add(struct ps_rule_list *list, uint32_t item, uint64_t weight)
{
    if (list->count == list->capacity) {
        list->capacity = 2 * list->capacity + 64;
        list->entry = ps_realloc(list->entry, list->capacity, sizeof *list->entry);
    }
    list->entry[list->count++] = (struct ps_weighed){item, weight};
}

void ps_rule_add_recent(const uint32_t *step, int steps, int most, uint64_t unit, struct ps_rule_list *list)
{
    for (int at = steps - 1; at >= 0 && most > 0; at--) {
        bool again = false;
        for (int later = at + 1; later < steps; later++)
            again |= step[later] == step[at];
        if (!again)
            ps_rule_add(list, step[at], (uint64_t)most-- * unit);
    }
}

void ps_rule_add_neighbours(const struct ps_rule_counts *counts, const uint32_t *step, int steps, double decay,
                            struct ps_rule_list *list)
{
    for (int back = 0; back < steps; back++) {
        uint32_t item = step[steps - 1 - back];
        uint64_t weight = ps_decayed(decay, (uint64_t)back);
        const struct ps_cooccurrence *near = &counts->near;
        for (uint64_t k = near->begin[item]; k < near->begin[item + 1] && weight; k++)
            ps_rule_add(list, near->entry[k].item, weight * near->entry[k].weight);
    }
}

static void add_sharers_of(const struct ps_rule_counts *counts, uint32_t f, uint32_t item, double weight, struct ps_rule_list *list)
{
    const struct ps_sharers *s = &counts->sharers[f];
    uint64_t values;
    const uint32_t *value = ps_dataset_feature_values(&counts->dataset->feature[f], item, &values);
    for (uint64_t v = 0; v < values; v++) {
        uint64_t begin = s->begin[value[v]], end = s->begin[value[v] + 1];
        if (end - begin > SHARED)
            continue;
        double rare = log((double)counts->dataset->items / (double)(end - begin));
        for (uint64_t k = begin; k < end; k++)
            if (s->item[k] != item)
                ps_rule_add(list, s->item[k], (uint64_t)llround(weight * rare));
    }
}

void ps_rule_add_sharers(const struct ps_rule_counts *counts, const uint32_t *step, int steps, double decay, double share,
                         struct ps_rule_list *list)
{
    for (int back = 0; back < PS_MIN(steps, ASKED); back++)
        for (uint32_t f = 0; f < counts->dataset->features; f++)
            if (counts->sharers[f].begin)
                add_sharers_of(counts, f, step[steps - 1 - back],
                               share * PS_WEIGHT_ONE * (double)ps_decayed(decay, (uint64_t)back), list);
}

int ps_session_rule_init(struct ps_model *model, ps_rule_list_fn *fill, struct ps_counting how)
{
    const struct ps_dataset *dataset = model->dataset;
    struct rule *rule = model->state = ps_calloc(1, sizeof *rule);
    rule->fill = fill;
    rule->popularity = ps_popularity_ranks(dataset, &rule->distinct);
    rule->step = ps_calloc(dataset->sessions.longest, sizeof *rule->step);
    rule->counts.dataset = dataset;
    if (how.window)
        ps_cooccurrence_init(&rule->counts.near, dataset, how);
    return 0;
}

/* The items of each value, by counting. */
static void invert(struct ps_sharers *s, const struct ps_feature *feature, uint64_t items)
{
    s->begin = ps_calloc(feature->values + 2, sizeof *s->begin);
    s->item = ps_calloc(PS_MAX(feature->pairs, (uint64_t)1), sizeof *s->item);
    for (uint64_t k = 0; k < feature->pairs; k++)
        s->begin[feature->value[k] + 2]++;
    for (uint64_t v = 0; v < feature->values; v++)
        s->begin[v + 2] += s->begin[v + 1];
    for (uint64_t i = 0; i < items; i++)
        for (uint64_t k = feature->offset[i]; k < feature->offset[i + 1]; k++)
            s->item[s->begin[feature->value[k] + 1]++] = (uint32_t)i;
}

int ps_session_rule_know(struct ps_model *model, struct ps_error *err)
{
    const struct ps_dataset *dataset = model->dataset;
    struct rule *rule = model->state;
    uint32_t known = 0;
    for (uint32_t f = 0; f < dataset->features; f++)
        if (dataset->feature[f].side == PS_ITEMS) {
            invert(&rule->counts.sharers[f], &dataset->feature[f], dataset->items);
            known++;
        }
    if (!known)
        return ps_fail(err, PS_EXIT_USAGE, "model %s asks what items have in common, but the dataset %s has no features of items; prepare "
                       "it with --item-features or --item-triples", model->class_->name, dataset->path);
    return 0;
}

void ps_session_rule_fini(struct ps_model *model)
{
    struct rule *rule = model->state;
    if (!rule)
        return;
    for (int k = 0; k < CASES; k++)
        free(rule->kept[k].item);
    for (int f = 0; f < PS_MAX_FEATURES; f++)
        free(rule->counts.sharers[f].begin), free(rule->counts.sharers[f].item);
    ps_cooccurrence_fini(&rule->counts.near);
    free(rule->popularity), free(rule->step), free(rule->list.entry);
    free(rule);
}

static int steps_before(const struct ps_dataset *dataset, uint32_t case_, uint32_t *step)
{
    const struct ps_sessions *s = &dataset->sessions;
    struct ps_case c = s->cases[case_];
    int steps = 0;
    for (uint64_t e = s->begin[c.session]; e < s->begin[c.session] + c.position; e++)
        if (s->operation[e] != PS_SHOWN)
            step[steps++] = s->item[e];
    return steps;
}

/* While a list is put in order an item's weight is followed by its popularity. */
struct placed {
    uint64_t weight;
    uint32_t popularity, item;
};

static int by_place(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->weight != y->weight)
        return (x->weight > y->weight) - (x->weight < y->weight);
    return (x->popularity > y->popularity) - (x->popularity < y->popularity);
}

static int by_item(const void *a, const void *b)
{
    uint32_t x = ((const struct scored *)a)->item, y = ((const struct scored *)b)->item;
    return (x > y) - (x < y);
}

/* Scores above those of popularity alone: the distinct places of the list, from the last. */
static void place(struct rule *rule, struct kept *kept)
{
    size_t n = rule->list.count;
    struct placed *placed = ps_calloc(n, sizeof *placed);
    for (size_t k = 0; k < n; k++) {
        uint32_t item = rule->list.entry[k].item;
        placed[k] = (struct placed){rule->list.entry[k].weight, rule->popularity[item], item};
    }
    qsort(placed, n, sizeof *placed, by_place);
    kept->item = ps_realloc(kept->item, n, sizeof *kept->item);
    kept->count = n;
    uint32_t score = rule->distinct;
    for (size_t k = 0; k < n; k++) {
        score += k && by_place(&placed[k - 1], &placed[k]);
        kept->item[k] = (struct scored){placed[k].item, (float)score};
    }
    qsort(kept->item, n, sizeof *kept->item, by_item);
    free(placed);
}

static const struct kept *of_case(struct ps_model *model, uint32_t case_)
{
    struct rule *rule = model->state;
    struct kept *kept = &rule->kept[case_ % CASES];
    if (kept->known && kept->case_ == case_)
        return kept;
    int steps = steps_before(model->dataset, case_, rule->step);
    rule->list.count = 0;
    rule->fill(&rule->counts, rule->step, steps, &rule->list);
    rule->list.count = ps_weighed_merge(rule->list.entry, rule->list.count);
    rule->list.count = ps_weighed_heaviest(rule->list.entry, rule->list.count, LONGEST);
    place(rule, kept);
    kept->known = true;
    kept->case_ = case_;
    return kept;
}

/* The first place of the list with an item of at least `item`. */
static size_t find(const struct kept *kept, uint32_t item)
{
    size_t low = 0, high = kept->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kept->item[middle].item < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void ps_session_rule_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out)
{
    const struct rule *rule = model->state;
    uint32_t least = UINT32_MAX, most = 0;
    for (int i = 0; i < input->items; i++) {
        least = PS_MIN(least, input->item_id[i]);
        most = PS_MAX(most, input->item_id[i]);
    }
    float *score = nn_tape_alloc(tape, ((size_t)most - least + 1) * sizeof *score); /* of the case at hand; 0 between cases */
    memset(score, 0, ((size_t)most - least + 1) * sizeof *score);
    for (int u = 0; u < input->users; u++) {
        const struct kept *kept = of_case(model, input->user_id[u]);
        size_t first = find(kept, least), end = first;
        for (; end < kept->count && kept->item[end].item <= most; end++)
            score[kept->item[end].item - least] = kept->item[end].score;
        for (int i = 0; i < input->items; i++) {
            uint32_t item = input->item_id[i];
            *out++ = (real)(score[item - least] > 0 ? score[item - least] : (float)rule->popularity[item]);
        }
        for (size_t k = first; k < end; k++)
            score[kept->item[k].item - least] = 0;
    }
}
