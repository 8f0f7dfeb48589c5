/* synth_dataset.h - a dataset of given sizes that was never written: what a model's tables and micro-batches need to know of one, for
 * plans (src/worker/rehearse.h). It takes memory for as many items, hardly any for users, and none for interactions.
 *
 * Nobody has any history in it, so that no negative is ever rejected. Interactions are divided equally among the behaviours, and are all
 * distinct pairs; items are drawn with a density ~ (rank + 1)^-0.9, as in the made logs (synth.h). Sessions all have the same length.
 */
#ifndef PS_DATA_SYNTH_DATASET_H
#define PS_DATA_SYNTH_DATASET_H

#include "common/random.h"
#include "data/dataset.h"

struct ps_synth_sizes {
    uint64_t users, items, interactions; /* of sessions: who makes them, their items, their steps */
    uint32_t behaviours;                 /* 1 to PS_MAX_BEHAVIOURS; of sessions: operations */
    uint32_t session;                    /* steps of a session, from 2 on; 0: a dataset of users' interactions */
};

/* Sessions that the dataset really has: of those, micro-batches are made. */
enum { PS_SYNTH_MADE_SESSIONS = 1 << 14 };

/* The arrays are owned by the dataset; free it by ps_synth_dataset_free alone. */
void ps_synth_dataset(const struct ps_synth_sizes *sizes, struct ps_dataset *dataset);
void ps_synth_dataset_free(struct ps_dataset *dataset);

/* One of `items` items, by that popularity: which ones are popular has nothing to do with their ids. */
uint32_t ps_synth_popular(struct ps_random *random, uint64_t items);

#endif
