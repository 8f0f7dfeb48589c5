/* lists.c - see lists.h. */
#include "worker/lists.h"

#include <math.h>
#include <stdlib.h>

void ps_lists_init(struct ps_lists *lists, const struct ps_dataset *dataset, const struct ps_ranking *how, size_t group,
                   struct ps_ranks *ranks)
{
    *lists = (struct ps_lists){.how = how, .ranks = ranks};
    if (!how->k_count)
        return;
    size_t longest = (size_t)how->k[how->k_count - 1];
    PS_ASSERT(longest <= PS_TOP_MAX);
    double users = dataset->sessions.count ? (double)dataset->sessions.train : (double)dataset->users;
    const uint32_t *bought = dataset->train[dataset->behaviours - 1].count;
    lists->information = ps_calloc(dataset->items, sizeof *lists->information);
    for (uint64_t i = 0; i < dataset->items; i++)
        lists->information[i] = -log2(PS_MIN((1 + (double)bought[i]) / (1 + users), 1));
    lists->best = ps_calloc(group, sizeof *lists->best);
    lists->top = ps_calloc(group * longest, sizeof *lists->top);
}

void ps_lists_fini(struct ps_lists *lists)
{
    free(lists->information), free(lists->best), free(lists->top);
}

void ps_lists_begin(struct ps_lists *lists, size_t n)
{
    const struct ps_ranking *how = lists->how;
    for (size_t u = 0; u < n && how->k_count; u++) {
        int k = how->k[how->k_count - 1];
        lists->best[u] = (struct ps_best){.top = lists->top + u * (size_t)k, .k = k, .salt = ps_mix64(how->seed)};
    }
}

void ps_lists_add(struct ps_lists *lists, size_t u, uint64_t first, const float *score, int count)
{
    if (lists->how->k_count)
        ps_best_add(&lists->best[u], first, score, count);
}

/* Means over the first k[j] items of a list, or over all of a list that is shorter. */
static void look_at(struct ps_lists *lists, const struct ps_best *best, float *novelty)
{
    const struct ps_ranking *how = lists->how;
    double sum = 0;
    int place = 0;
    for (int j = 0; j < how->k_count; j++) {
        for (; place < how->k[j] && best->top[place].item != PS_NO_ITEM; place++) {
            uint32_t item = best->top[place].item;
            uint16_t *found = &lists->ranks->place[item];
            sum += lists->information[item];
            if (!*found || *found > place + 1)
                *found = (uint16_t)(place + 1);
        }
        novelty[j] = place ? (float)(sum / place) : 0;
    }
}

void ps_lists_end(struct ps_lists *lists, size_t first, size_t n)
{
    size_t width = (size_t)lists->how->k_count;
    for (size_t u = 0; u < n && width; u++) {
        ps_best_sort(&lists->best[u]);
        look_at(lists, &lists->best[u], lists->ranks->novelty + (first + u) * width);
    }
}
