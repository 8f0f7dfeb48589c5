/* recipe.h - which samples a model is trained on, and by what loss: what the model's publication says, unless the
 * configuration says otherwise. The order of training, micro-batches and the models' losses all follow it.
 */
#ifndef PS_WORKER_RECIPE_H
#define PS_WORKER_RECIPE_H

#include "common/config.h"
#include "data/dataset.h"

/* What a model scores, and the positives that train it. A head is a score of its own; the last one ranks. */
enum ps_heads {
    PS_HEADS_EACH,   /* a head for each behaviour, trained by that behaviour's interactions */
    PS_HEADS_TARGET, /* one, trained by the target's interactions alone */
    PS_HEADS_SHARED  /* one, trained by the interactions of all behaviours */
};

/* What an entry of the order is. */
enum ps_stream {
    PS_STREAM_INTERACTIONS, /* a user and an item */
    PS_STREAM_PREFIXES,     /* a session up to some step, and the next item */
    PS_STREAM_SESSIONS,     /* a session, and the next item behind each of its steps */
    PS_STREAM_PARALLEL      /* a step of a track, and the next item; the track's state is the lane's (parallel.h) */
};

/* Part of a model's class: what its publication used. */
struct ps_recipe_defaults {
    enum ps_stream stream;            /* a dataset of sessions is needed for all but the first */
    enum ps_heads heads;
    enum ps_negatives negatives_from; /* PS_NEGATIVES_DEFAULT: uniform */
    enum ps_objective loss;                /* PS_LOSS_DEFAULT: binary cross-entropy; of sessions softmax */
    bool feedback;                    /* of sessions: it learns from what was only shown, too */
    bool knowledge;                   /* it learns the items' features as triples (triples.h) */
    bool skip_gram;                   /* it may begin with Word2Vec's embeddings (models/skip_gram.h) */
    bool history;                     /* it looks up the items of a user's history */
    bool sweeps;                           /* it solves rows, a sweep over users or items an epoch (sweep.h) */
    bool whole;                            /* the model can be trained by PS_LOSS_WHOLE (models/whole.h) */
};

struct ps_recipe {
    enum ps_stream stream;
    enum ps_train_candidates candidates; /* what a next item competes with; where they are sampled, */
    int samples;                         /* so many are drawn for a micro-batch */
    bool feedback;                       /* what was only shown is a target, too */
    int heads;                /* the dataset's behaviours, or 1 */
    uint32_t first;           /* positives are the interactions of behaviours [first, behaviours) */
    enum ps_sampling sampling;
    enum ps_negatives negatives_from;
    enum ps_objective loss;
    int negatives; /* for each positive */
    bool sweeps;
    enum ps_knowledge knowledge; /* when the items' triples are learned (triples.h): in its first epochs alone, if pretrain, */
    int knowledge_epochs;
    double knowledge_margin; /* above 0: beside corrupted ones */
    int rows_alone; /* first epochs in which tensors have no part (models/skip_gram.h) */
    int history; /* items of a user's history under each behaviour, at most; 0: none are looked up */
    int features; /* side features whose embeddings are added to those of users and items (models/embedding.h) */
    uint8_t feature[PS_MAX_FEATURES]; /* their numbers in the dataset, ascending */
    enum ps_pooling pooling;
    double loss_weight[1 + PS_MAX_BEHAVIOURS]; /* lambda of each behaviour from `first` on, summing to 1; of sessions, of the next item and of
                                                  each feedback */
};

/* Errors: PS_EXIT_USAGE where the configuration does not fit the dataset or the model, here called `name`. */
int ps_recipe_init(struct ps_recipe *recipe, const char *name, const struct ps_recipe_defaults *defaults,
                   const struct ps_config *config, const struct ps_dataset *dataset, struct ps_error *err);

/* Whether the dataset has what a model, here called `name`, learns from. */
int ps_recipe_stream(const char *name, enum ps_stream stream, const struct ps_dataset *dataset, struct ps_error *err);

/* Whether the loss compares positives with their own negatives. */
static inline bool ps_recipe_pairs(const struct ps_recipe *recipe)
{
    return recipe->loss == PS_LOSS_BPR && recipe->stream == PS_STREAM_INTERACTIONS;
}

/* Whether next items are learned by their rank among candidates. */
static inline bool ps_recipe_ranks(const struct ps_recipe *recipe)
{
    return recipe->stream && recipe->loss != PS_LOSS_SOFTMAX && recipe->loss != PS_LOSS_BOTH_TERMS;
}

/* Whether consecutive samples belong together: a positive and its negatives, a row's interactions. */
static inline bool ps_recipe_groups(const struct ps_recipe *recipe)
{
    return ps_recipe_pairs(recipe) || recipe->sweeps;
}

/* Positives of an epoch: interactions, or next items, and triples where every epoch has a pass of them. */
uint64_t ps_recipe_entries(const struct ps_recipe *recipe, const struct ps_dataset *dataset);

#endif
