/* session_rule.c - see session_rule.h. */
#include "worker/models/session_rule.h"

#include <stdlib.h>
#include <string.h>

#include "worker/models/popularity.h"

/* Items pass by a block at a time, and cases again with each block: their lists are kept. */
enum { CASES = 8192, LONGEST = 4096 };

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
    struct ps_cooccurrence counts; /* owned, as is everything below */
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

void ps_rule_add_neighbours(const struct ps_cooccurrence *counts, const uint32_t *step, int steps, double decay,
                            struct ps_rule_list *list)
{
    for (int back = 0; back < steps; back++) {
        uint32_t item = step[steps - 1 - back];
        uint64_t weight = ps_decayed(decay, (uint64_t)back);
        for (uint64_t k = counts->begin[item]; k < counts->begin[item + 1] && weight; k++)
            ps_rule_add(list, counts->entry[k].item, weight * counts->entry[k].weight);
    }
}

int ps_session_rule_init(struct ps_model *model, ps_rule_list_fn *fill, struct ps_counting how)
{
    const struct ps_dataset *dataset = model->dataset;
    struct rule *rule = model->state = ps_calloc(1, sizeof *rule);
    rule->fill = fill;
    rule->popularity = ps_popularity_ranks(dataset, &rule->distinct);
    rule->step = ps_calloc(dataset->sessions.longest, sizeof *rule->step);
    if (how.window)
        ps_cooccurrence_init(&rule->counts, dataset, how);
    return 0;
}

void ps_session_rule_fini(struct ps_model *model)
{
    struct rule *rule = model->state;
    if (!rule)
        return;
    for (int k = 0; k < CASES; k++)
        free(rule->kept[k].item);
    ps_cooccurrence_fini(&rule->counts);
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
