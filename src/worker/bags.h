/* bags.h - bags of rows that belong to users or items: the histories of users (history.h), and side features.
 *
 * A bag is a weighted sum of rows, in blocks: a history has a block of columns for each behaviour; a feature has one block, the whole row
 * of each value, which weighs 1, or 1/n among n where they are averaged.
 */
#ifndef PS_WORKER_BAGS_H
#define PS_WORKER_BAGS_H

#include "worker/history.h"
#include "worker/rank.h"
#include "worker/recipe.h"
#include "worker/unique.h"

/* Whose bags, and of what. */
struct ps_bag_source {
    const struct ps_dataset *dataset; /* borrowed, as is */
    const struct ps_feature *feature; /* NULL: histories, of at most */
    int history;                      /* items under each behaviour */
    bool mean;                        /* of a feature's values, not their sum */
    uint32_t route, blocks;
    uint64_t ids;     /* of rows are below this */
    uint64_t longest; /* entries of a bag, at most */
};

struct ps_bag_source ps_bag_source_history(const struct ps_recipe *recipe, const struct ps_dataset *dataset);
/* The recipe's feature number k. */
struct ps_bag_source ps_bag_source_feature(const struct ps_recipe *recipe, const struct ps_dataset *dataset, int k);

/* The bags of a micro-batch's distinct users or items. Owned arrays. */
struct ps_bags {
    struct ps_keys keys; /* of the rows in them */
    uint32_t *begin;     /* by key of the user or item, and one more */
    struct nn_bag_entry *entry;
    size_t entry_capacity;
    uint32_t *row;       /* scratch: the entries' rows */
    size_t row_capacity;
    uint32_t *own;       /* histories, by sample: the key of its item, or PS_NO_KEY where it is in no bag */
};

/* Distinct rows in the bags of so many users or items, at most. */
size_t ps_bags_keys(const struct ps_bag_source *source, size_t owners);
/* Room for the bags of `owners` users or items, and for own[] of `samples` samples, or 0. */
void ps_bags_init(struct ps_bags *bags, const struct ps_bag_source *source, size_t owners, size_t samples);
void ps_bags_fini(struct ps_bags *bags);
/* The bags of `owners`; own[] for n samples of these items. */
void ps_bags_build(struct ps_bags *bags, struct ps_unique *unique, const struct ps_bag_source *source, const struct ps_slot_map *map,
                   const struct ps_keys *owners, const uint32_t *item, int n);

/* For ranking: adds the bags of n users or items to out[u * width], each block's columns by themselves, from `table` of the row source.
 * Memory is bounded, whatever n. */
int ps_bags_pool(const struct ps_bag_source *source, const struct ps_row_source *rows, int table, int width, const uint32_t *owner,
                 size_t n, float *out, struct ps_error *err);

#endif
