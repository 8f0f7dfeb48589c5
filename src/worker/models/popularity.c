/* popularity.c - the rule "what most users bought", the floor of every report. */
#include "worker/models/popularity.h"

#include "worker/model.h"

#include <stdlib.h>

uint32_t *ps_popularity_ranks(const struct ps_dataset *dataset, uint32_t *distinct)
{
    const uint32_t *count = dataset->train[dataset->behaviours - 1].count;
    size_t items = dataset->items;
    uint32_t *sorted = ps_calloc(items, sizeof *sorted), *rank = ps_calloc(items, sizeof *rank), n = 0;
    for (size_t i = 0; i < items; i++)
        sorted[i] = count[i];
    qsort(sorted, items, sizeof *sorted, ps_compare_u32);
    for (size_t i = 0; i < items; i++)
        if (n == 0 || sorted[n - 1] != sorted[i])
            sorted[n++] = sorted[i];
    for (size_t i = 0; i < items; i++) {
        const uint32_t *found = bsearch(&count[i], sorted, n, sizeof *sorted, ps_compare_u32);
        rank[i] = (uint32_t)(found - sorted);
    }
    free(sorted);
    *distinct = n;
    return rank;
}

static int popularity_init(struct ps_model *model, struct ps_error *err)
{
    uint32_t distinct;
    model->state = ps_popularity_ranks(model->dataset, &distinct);
    return 0;
}

static void popularity_fini(struct ps_model *model)
{
    free(model->state);
}

static void popularity_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input,
                             real *out)
{
    const uint32_t *rank = model->state;
    for (int u = 0; u < input->users; u++)
        for (int i = 0; i < input->items; i++)
            *out++ = (real)rank[input->item_id[i]];
}

const struct ps_model_class ps_model_popularity = {
    .name = "popularity",
    .title = "the items that most users bought (a rule, nothing is learned)",
    .source = "none: a floor for every report",
    .options = "",
    .init = popularity_init,
    .fini = popularity_fini,
    .score = popularity_score,
};
