/* targets.h - held-out targets: which of them are ranked, and the candidates that are drawn for a user.
 *
 * Both are functions of the dataset, the configuration and eval.seed: the same in every process, for every model.
 */
#ifndef PS_DATA_TARGETS_H
#define PS_DATA_TARGETS_H

#include "common/config.h"
#include "data/dataset.h"

/* All held-out pairs of a split, by user and item. */
const struct ps_pair *ps_held_out(const struct ps_dataset *dataset, enum ps_split split, uint64_t *count);
/* Those of one user. */
const struct ps_pair *ps_held_out_of(const struct ps_dataset *dataset, enum ps_split split, uint32_t user, uint64_t *count);

/* The targets that are ranked, in their order. */
struct ps_targets {
    const struct ps_pair *pair;
    uint64_t count;
    struct ps_pair *owned; /* NULL: `pair` is the dataset's */
};

/* All held-out pairs, or the sample of eval.users: of pairs in a drawn order where the mean is over targets; where it is over
 * users, all pairs of a sample of users, in the dataset's order. */
void ps_targets_init(struct ps_targets *targets, const struct ps_dataset *dataset, enum ps_split split,
                     const struct ps_config *config);
void ps_targets_fini(struct ps_targets *targets);

/* Draws up to `count` distinct items, each as likely, among those that the user has neither in training under the masked
 * behaviours nor held out in the split; fewer where there are not so many. Draws are named by the user's name and made in the
 * order of the items' names, so that ids do not matter; a shorter list is the beginning of a longer one. Returns how many. */
uint64_t ps_candidates_draw(const struct ps_dataset *dataset, enum ps_split split, enum ps_mask mask, uint32_t user,
                            uint64_t seed, uint32_t *item, uint64_t count);

#endif
