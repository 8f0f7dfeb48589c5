/* batch.h - a micro-batch: positives of a lane, their sampled negatives, labels, and the row ids made unique once.
 *
 * Everything in it is a pure function of (dataset, configuration, seed, epoch, lane, position, slot map), so a repeated
 * micro-batch is the same one, on any worker.
 */
#ifndef PS_WORKER_BATCH_H
#define PS_WORKER_BATCH_H

#include "common/config.h"
#include "data/dataset.h"
#include "worker/bags.h"
#include "worker/model.h"
#include "worker/order.h"
#include "worker/sampler.h"
#include "worker/sessions.h"
#include "worker/triples.h"
#include "worker/unique.h"

struct ps_batch {
    int n; /* samples: pairs of user and item */
    uint32_t *user, *item;
    uint32_t *user_row, *item_row; /* indices into users.key and items.key */
    uint32_t *behind;              /* see struct ps_tile, as for: */
    int need[PS_MAX_BEHAVIOURS];
    real *label[PS_MAX_BEHAVIOURS], *weight[PS_MAX_BEHAVIOURS];
    struct ps_keys users, items, tracks;
    struct ps_bags bags; /* the users' histories, where the recipe looks them up */
    bool rows_alone; /* tensors have no part in it: it is of a pass of triples, or of the recipe's first epochs */
    struct ps_triple_batch triples;
    struct ps_session_batch sessions; /* where the recipe streams them; then nothing above is used but n and the keys */
    int features;
    struct ps_bags *feature; /* owned; by the recipe's number of the feature: of its users or items */
};

struct ps_batcher {
    const struct ps_dataset *dataset; /* borrowed */
    struct ps_recipe recipe;
    uint64_t seed;
    int capacity;  /* samples */
    int positives; /* of a full micro-batch */
    int negatives; /* for each positive */
    double share[PS_MAX_BEHAVIOURS]; /* of the entries of an epoch, by behaviour; 1 where a behaviour's term is a sum over all samples */
    struct ps_sampler sampler;
    struct ps_triples triples; /* where the recipe learns knowledge */
    struct ps_alias *alias; /* owned: of sampled candidates; NULL without */
    struct ps_bag_source history, feature[PS_MAX_FEATURES];
    struct ps_unique *unique, *unique_bags; /* owned scratch; the latter NULL where there are no bags */
};

void ps_batcher_init(struct ps_batcher *batcher, const struct ps_dataset *dataset, const struct ps_config *config,
                     const struct ps_recipe *recipe);
void ps_batcher_fini(struct ps_batcher *batcher);

void ps_batch_init(struct ps_batch *batch, const struct ps_batcher *batcher);
void ps_batch_fini(struct ps_batch *batch);

/* Fills the batch from `count` (at most batcher->positives) entries.
 * Sampling (recommenders.md A3): under `per_behaviour` an interaction of behaviour r trains r's head alone, and its term
 * of the loss is lambda_r times the mean over r's samples; under `union` a pair trains all heads with its vector of
 * labels. Every positive is followed by its negatives, as the sampler draws them. A model with a single head has all
 * samples there, with those same weights. Where the recipe compares pairs, the mean is over pairs: a negative has the weight of
 * its pair, which is 0 under a head whose behaviour the positive lacks, and a positive has none. Under a loss over all pairs
 * there are positives alone, and behaviour r's terms are lambda_r over all samples of the batch. */
void ps_batch_build(struct ps_batch *batch, struct ps_batcher *batcher, const struct ps_slot_map *map,
                    const struct ps_entry *entry, int count, uint32_t epoch, uint32_t lane, uint64_t position);
/* Fills it from entries that are triples. */
void ps_batch_build_triples(struct ps_batch *batch, struct ps_batcher *batcher, const struct ps_slot_map *map,
                            const struct ps_entry *entry, int count, uint32_t epoch, uint32_t lane, uint64_t position);

/* The distinct ids of the batch that a table of rows is asked for. */
static inline const struct ps_keys *ps_batch_keys(const struct ps_batch *batch, enum ps_table_kind kind)
{
    if (kind >= PS_TABLE_FEATURE)
        return &batch->feature[kind - PS_TABLE_FEATURE].keys;
    switch (kind) {
    case PS_TABLE_USER: return &batch->users;
    case PS_TABLE_ITEM: return &batch->items;
    case PS_TABLE_LANE: return &batch->tracks;
    case PS_TABLE_VALUE: return &batch->triples.values;
    case PS_TABLE_RELATION: return &batch->triples.relations;
    default: return &batch->bags.keys;
    }
}
/* How many they are at most. */
static inline size_t ps_batcher_owners(const struct ps_batcher *batcher, int feature);
static inline size_t ps_batcher_keys(const struct ps_batcher *batcher, enum ps_table_kind kind)
{
    if (kind >= PS_TABLE_FEATURE)
        return ps_bags_keys(&batcher->feature[kind - PS_TABLE_FEATURE], ps_batcher_owners(batcher, (int)(kind - PS_TABLE_FEATURE)));
    if (kind == PS_TABLE_HISTORY)
        return ps_bags_keys(&batcher->history, (size_t)batcher->positives);
    if (!batcher->recipe.stream || kind == PS_TABLE_USER || kind == PS_TABLE_LANE)
        return (size_t)batcher->capacity;
    size_t triples = ps_triples_most(&batcher->recipe, batcher->dataset, (size_t)batcher->positives);
    if (kind == PS_TABLE_RELATION)
        return ps_triples_relations(batcher->dataset);
    if (kind == PS_TABLE_VALUE)
        return PS_MIN(triples, (size_t)ps_triples_values(batcher->dataset));
    return PS_MIN(triples + ps_session_keys(&batcher->recipe, batcher->dataset, (size_t)batcher->positives), (size_t)batcher->dataset->items);
}
/* Likewise the users or items that have the values of the recipe's feature number k. */
static inline size_t ps_batcher_owners(const struct ps_batcher *batcher, int k)
{
    return ps_batcher_keys(batcher, batcher->feature[k].feature->side == PS_USERS ? PS_TABLE_USER : PS_TABLE_ITEM);
}

/* The tile that begins at sample `first`: `most` samples (fewer at the batch's end), or what comes nearest to it where
 * no positive may be parted from its negatives; rows and param are filled by the caller. */
void ps_batch_tile(const struct ps_batch *batch, const struct ps_batcher *batcher, int first, int most,
                   struct ps_tile *tile);

#endif
