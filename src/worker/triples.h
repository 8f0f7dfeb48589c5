/* triples.h - knowledge about items as triples (item, relation, value): the dataset's features of items, in an order of their own, and
 * those of a micro-batch.
 *
 * Triples are streamed by lanes as sessions are (order.h), in passes of which each triple is in one micro-batch: before the
 * sessions of every epoch, or in the first epochs alone. Or a micro-batch of sessions has the triples of its items beside it.
 */
#ifndef PS_WORKER_TRIPLES_H
#define PS_WORKER_TRIPLES_H

#include "common/random.h"
#include "data/dataset.h"
#include "worker/recipe.h"
#include "worker/unique.h"

struct ps_entry; /* of the order: sweep.h */

struct ps_triple {
    uint32_t item, relation, value; /* value: among those of all relations */
};

struct ps_triples {
    const struct ps_dataset *dataset; /* borrowed */
    uint32_t relations;
    const struct ps_feature *relation[PS_MAX_FEATURES];
    uint64_t first[PS_MAX_FEATURES + 1]; /* triples of relation r: numbers [first[r], first[r + 1]) */
    uint32_t value[PS_MAX_FEATURES + 1]; /* likewise the values */
    double head_share[PS_MAX_FEATURES];  /* how often a corrupted triple has another item: tails a head / (that + heads a tail) */
};

/* How many there are, and of how many distinct values. */
uint64_t ps_triples_count(const struct ps_dataset *dataset);
uint64_t ps_triples_values(const struct ps_dataset *dataset);
uint32_t ps_triples_relations(const struct ps_dataset *dataset);

void ps_triples_init(struct ps_triples *triples, const struct ps_dataset *dataset);
struct ps_triple ps_triples_at(const struct ps_triples *triples, uint64_t number);
/* The triple with another item or value, one that the dataset does not have where that is soon found. */
struct ps_triple ps_triples_corrupt(const struct ps_triples *triples, struct ps_triple triple, struct ps_random *random);

/* Whether an epoch has a pass of triples, and whether sessions. */
bool ps_triples_epoch(const struct ps_recipe *recipe, uint32_t epoch);
bool ps_triples_sessions(const struct ps_recipe *recipe, uint32_t epoch);
/* A lane's share of a pass, and entries with the numbers of its triples [place, place + count), of fewer at its end. Returns how many. */
int ps_triples_next(uint64_t total, uint64_t seed, uint32_t lanes, uint32_t epoch, uint32_t lane, uint64_t place, int count,
                    struct ps_entry *out);
static inline uint64_t ps_triples_share(uint64_t total, uint32_t lanes, uint32_t lane)
{
    return total > lane ? (total - lane + lanes - 1) / lanes : 0;
}

/* The triples of a tile: indices into rows[] of the items, the relations and the values. */
struct ps_triple_view {
    int count;
    const uint32_t *item_row, *relation_row, *value_row;
    const uint32_t *other_item_row, *other_value_row; /* of the corrupted triples; NULL without */
};

/* The triples of a micro-batch: `count` true ones, then as many corrupted ones where the recipe wants them. Owned arrays. */
struct ps_triple_batch {
    struct ps_triple_view view;
    uint32_t *item, *relation_row, *value_row, *item_row;
    size_t capacity;
    int count, total; /* without and with the corrupted ones */
    struct ps_keys relations, values;
};

/* How many a micro-batch of so many entries has at most, and how many distinct values. */
size_t ps_triples_most(const struct ps_recipe *recipe, const struct ps_dataset *dataset, size_t entries);
void ps_triple_batch_init(struct ps_triple_batch *batch, const struct ps_recipe *recipe, const struct ps_dataset *dataset, size_t entries);
void ps_triple_batch_fini(struct ps_triple_batch *batch);
void ps_triple_batch_begin(struct ps_triple_batch *batch);
void ps_triple_batch_add(struct ps_triple_batch *batch, struct ps_triple triple);
/* All triples of an item. */
void ps_triple_batch_add_item(struct ps_triple_batch *batch, const struct ps_triples *triples, uint32_t item);
/* After the last one: the corrupted ones, and the distinct relations and values. */
void ps_triple_batch_end(struct ps_triple_batch *batch, const struct ps_triples *triples, bool corrupt, struct ps_random *random,
                         struct ps_unique *unique, const struct ps_slot_map *map);
/* The rows of the items, which are among those that `unique` has just finished. */
void ps_triple_batch_items(struct ps_triple_batch *batch, const struct ps_unique *unique);

#endif
