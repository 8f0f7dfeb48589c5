/* sampler.c - choosing a sampler; see sampler.h. */
#include "worker/sampler.h"

#include <stdlib.h>

void ps_sampler_init(struct ps_sampler *sampler, enum ps_negatives kind, const struct ps_dataset *dataset, uint32_t first,
                     const struct ps_config *config)
{
    *sampler = (struct ps_sampler){.dataset = dataset, .items = dataset->items, .unobserved = config->train.unobserved_share};
    switch (kind) {
    case PS_NEGATIVES_DEFAULT: PS_ASSERT(!"a model has chosen");
    case PS_NEGATIVES_UNIFORM: sampler->draw = ps_draw_uniform; break;
    case PS_NEGATIVES_POPULARITY:
        sampler->draw = ps_draw_popularity;
        sampler->alias = ps_alias_new(dataset, first, config->train.popularity_exponent);
        break;
    case PS_NEGATIVES_LEVEL: sampler->draw = ps_draw_level; break;
    case PS_NEGATIVES_SUPPORTIVE: sampler->draw = ps_draw_supportive; break;
    }
}

void ps_sampler_leave_out_cold(struct ps_sampler *sampler)
{
    const struct ps_dataset *dataset = sampler->dataset;
    sampler->warm = ps_malloc(dataset->items * sizeof *sampler->warm);
    sampler->items = 0;
    for (uint32_t i = 0; i < dataset->items; i++) {
        bool touched = false;
        for (uint32_t b = 0; b < dataset->behaviours; b++)
            touched |= dataset->train[b].count[i] > 0;
        sampler->warm[sampler->items] = i;
        sampler->items += touched;
    }
}

void ps_sampler_fini(struct ps_sampler *sampler)
{
    free(sampler->warm);
    ps_alias_free(sampler->alias);
    *sampler = (struct ps_sampler){0};
}
