/* sampler.h - where a positive's negatives come from: one interface, a file in samplers/ for each kind.
 *
 *   uniform     items that the user has touched under no behaviour
 *   popularity  such items, in proportion to count^train.popularity_exponent
 *   level       items that the user has touched under weaker behaviours only, or untouched ones (MC-BPR, Loni et al.,
 *               RecSys 2016)
 *   supportive  for the target's positives items that the user has touched but not under the target, untouched ones
 *               where those are too few; for others untouched ones
 *
 * Uniform ones are drawn from all items, or only from those that somebody has touched (ps_sampler_leave_out_cold). A draw is a function of the dataset and the random stream alone, and ends for every user. Samplers keep no memory that
 * grows with users or interactions.
 */
#ifndef PS_WORKER_SAMPLER_H
#define PS_WORKER_SAMPLER_H

#include "common/config.h"
#include "common/random.h"
#include "data/dataset.h"

struct ps_sampler {
    const struct ps_dataset *dataset; /* borrowed */
    /* Draws `count` negatives for a positive of `behaviour` that the user has. Returns how many there are: fewer only where
     * the user has touched everything. */
    int (*draw)(const struct ps_sampler *sampler, struct ps_random *random, uint32_t user, uint32_t behaviour, int count,
                uint32_t *item);
    struct ps_alias *alias; /* owned: popularity's table */
    double unobserved;      /* level's share of untouched items */
    uint64_t items;         /* that uniform draws are from: all, or */
    uint32_t *warm;         /* these; owned, or NULL */
};

/* `kind` is any but PS_NEGATIVES_DEFAULT; popularity counts the interactions of behaviours [first, behaviours). */
void ps_sampler_init(struct ps_sampler *sampler, enum ps_negatives kind, const struct ps_dataset *dataset, uint32_t first,
                     const struct ps_config *config);
/* From now on, no item is drawn that nobody has touched under any behaviour in training: as a negative alone, a new item would only be
 * taught that nobody wants it. */
void ps_sampler_leave_out_cold(struct ps_sampler *sampler);
void ps_sampler_fini(struct ps_sampler *sampler);

/* samplers/uniform.c */
int ps_draw_uniform(const struct ps_sampler *sampler, struct ps_random *random, uint32_t user, uint32_t behaviour, int count,
                    uint32_t *item);

/* samplers/popularity.c */
struct ps_alias *ps_alias_new(const struct ps_dataset *dataset, uint32_t first, double exponent);
void ps_alias_free(struct ps_alias *alias);
uint32_t ps_alias_draw(const struct ps_alias *alias, struct ps_random *random);
double ps_alias_probability(const struct ps_alias *alias, uint32_t item);
/* What the counts of all items add up to. */
double ps_alias_counted(const struct ps_alias *alias);
int ps_draw_popularity(const struct ps_sampler *sampler, struct ps_random *random, uint32_t user, uint32_t behaviour, int count,
                       uint32_t *item);

/* samplers/touched.c */
int ps_draw_level(const struct ps_sampler *sampler, struct ps_random *random, uint32_t user, uint32_t behaviour, int count,
                  uint32_t *item);
int ps_draw_supportive(const struct ps_sampler *sampler, struct ps_random *random, uint32_t user, uint32_t behaviour, int count,
                       uint32_t *item);

#endif
