/* popularity.c - untouched items in proportion to a power of their counts, by Walker's alias method (Vose, IEEE TSE 1991):
 * two random numbers a draw, whatever the number of items; see sampler.h.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/sampler.h"

enum { REJECTIONS = 64 };

/* Place i is item i's for draws below share[i], and other[i]'s above. */
struct ps_alias {
    uint64_t places;
    double *share;   /* owned */
    uint32_t *other; /* owned */
    double *weight;  /* owned: of each item, with mean 1 */
    double counted;  /* what the items' counts add up to */
};

/* Returns what the counts add up to. */
static double weigh(const struct ps_dataset *dataset, uint32_t first, double exponent, double *weight)
{
    double sum = 0, counted = 0;
    for (uint64_t i = 0; i < dataset->items; i++) {
        double count = 0;
        for (uint32_t b = first; b < dataset->behaviours; b++)
            count += dataset->train[b].count[i];
        weight[i] = pow(count, exponent); /* 0^0 = 1: then all are alike */
        sum += weight[i];
        counted += count;
    }
    for (uint64_t i = 0; i < dataset->items; i++) /* mean 1; nothing to go by: all alike */
        weight[i] = sum > 0 ? weight[i] * (double)dataset->items / sum : 1;
    return counted;
}

struct ps_alias *ps_alias_new(const struct ps_dataset *dataset, uint32_t first, double exponent)
{
    uint64_t n = dataset->items;
    struct ps_alias *alias = ps_calloc(1, sizeof *alias);
    alias->places = n;
    alias->share = ps_calloc(n, sizeof *alias->share);
    alias->other = ps_calloc(n, sizeof *alias->other);
    alias->weight = ps_calloc(n, sizeof *alias->weight);
    alias->counted = weigh(dataset, first, exponent, alias->weight);
    memcpy(alias->share, alias->weight, n * sizeof *alias->share);
    /* Places below the mean from the front of one array, places above it from its back; each of the former is filled up from
     * one of the latter. */
    uint32_t *stack = ps_calloc(n, sizeof *stack);
    uint64_t below = 0, above = n;
    for (uint64_t i = 0; i < n; i++) {
        alias->other[i] = (uint32_t)i;
        stack[alias->share[i] < 1 ? below++ : --above] = (uint32_t)i;
    }
    while (below > 0 && above < n) {
        uint32_t low = stack[--below], high = stack[above];
        alias->other[low] = high;
        alias->share[high] -= 1 - alias->share[low];
        if (alias->share[high] < 1) {
            above++;
            stack[below++] = high;
        }
    }
    free(stack);
    return alias; /* what rounding leaves over is its own place's: other[i] is i */
}

void ps_alias_free(struct ps_alias *alias)
{
    if (!alias)
        return;
    free(alias->share), free(alias->other), free(alias->weight);
    free(alias);
}

uint32_t ps_alias_draw(const struct ps_alias *alias, struct ps_random *random)
{
    uint32_t place = (uint32_t)ps_random_below(random, alias->places);
    return ps_random_unit(random) < alias->share[place] ? place : alias->other[place];
}

double ps_alias_probability(const struct ps_alias *alias, uint32_t item)
{
    return alias->weight[item] / (double)alias->places;
}

double ps_alias_counted(const struct ps_alias *alias)
{
    return alias->counted;
}

/* An item that the user has touched is drawn again; where that takes too long, any untouched one will do. */
int ps_draw_popularity(const struct ps_sampler *sampler, struct ps_random *random, uint32_t user, uint32_t behaviour, int count,
                       uint32_t *item)
{
    int done = 0;
    for (; done < count; done++) {
        int tries = 0;
        do
            item[done] = ps_alias_draw(sampler->alias, random);
        while (ps_dataset_seen(sampler->dataset, user, item[done]) && ++tries < REJECTIONS);
        if (tries == REJECTIONS && !ps_draw_uniform(sampler, random, user, behaviour, 1, &item[done]))
            break;
    }
    return done;
}
