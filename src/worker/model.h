/* model.h - what a recommender is: the tables it declares, a forward pass for training, a scoring pass for ranking.
 *
 * A model is one file in src/worker/models/ and one line in its registry (models/registry.c). It never sees the
 * network, the learning rate or other workers: it gets rows and labels, and leaves gradients.
 */
#ifndef PS_WORKER_MODEL_H
#define PS_WORKER_MODEL_H

#include "common/config.h"
#include "common/random.h"
#include "common/table.h"
#include "data/dataset.h"
#include "worker/nn/nn.h"
#include "worker/nn/tasks.h"
#include "worker/recipe.h"
#include "worker/sessions.h"
#include "worker/triples.h"

struct ps_model;

/* A tile of a micro-batch, as the model sees it. Each positive is followed by its negatives. Samples are ordered so
 * that a sample which needs head r (its loss, or that of a stronger behaviour through the cascade) comes before those
 * that do not: head r's unit runs on samples [0, need[r]) only, and need[0] = n >= need[1] >= ... Under `sampling:
 * union` all are n. */
struct ps_tile {
    int n;
    const uint32_t *user, *item;         /* n dense ids */
    const uint32_t *user_row, *item_row; /* n indices into rows[] of the user and item tables */
    /* Histories, by row of the user tables, and without[] for nn_bag: the row of a sample's own item, which must not speak for
     * itself. NULL where the recipe looks up none. */
    const uint32_t *bag_begin, *bag_own;
    const struct nn_bag_entry *bag_entry;
    /* Where side features are part of the rows of users and items: the rows by themselves, by table index, and each feature's bags by row
     * of its side's tables (models/embedding.h). NULL otherwise. */
    const struct nn_rows *own;
    const struct nn_bags *feature;
    uint32_t epoch;         /* of training, from 1 */
    const uint32_t *behind; /* n: how many samples before it a sample's positive (in a sweep: its row's first) is; 0: it is that itself */
    int need[PS_MAX_BEHAVIOURS];           /* by head */
    const real *label[PS_MAX_BEHAVIOURS];  /* need[r] labels in {0, 1} */
    const real *weight[PS_MAX_BEHAVIOURS]; /* need[r] loss weights, or 0: see batch.h */
    const struct ps_session_view *sessions; /* of a model of sessions; user, item and what else is above is not set for those */
    const struct ps_triple_view *triples;   /* what such a model learns beside; or alone: then sessions is NULL. NULL: nothing */
    struct nn_draws *draws;     /* of the micro-batch; NULL in scoring: nothing is dropped */
    double *task_loss;          /* by task (ps_model_tasks): a forward pass adds to it what each is of the loss; NULL: nobody asks */
    real sample_weight;         /* 1/(samples of the batch): the share of one sample in the L2 term, the batch's mean */
    const struct nn_rows *rows; /* by table index; unused for tensors */
    const struct nn_tensor *param; /* by table index; unused for row tables */
};

/* Users and items to be scored: pointers to rows of the model's user and item tables, by table index. */
struct ps_score_input {
    int users, items;
    const uint32_t *user_id, *item_id;
    /* user_rows[table][u] and item_rows[table][i]; NULL where the table is of the other kind. A table of histories has both: its
     * row of the item, and the sum of the user's bag (history.h), each behaviour's columns by themselves. */
    const real *const *const *user_rows;
    const real *const *case_rows; /* of a model of sessions, whose users are cases: what encode made of each */
    const real *const *const *item_rows;
    const struct nn_tensor *param;
};

/* Where a score is an inner product (exporting, nearest neighbours): with p a user's row, or (scale is NULL) what encode makes of a session,
 * and q an item's row,
 *   score = sum_j scale_j p_(user_first + j) q_(item_first + j) + sum_k bias_k q_(bias_first + k) + constant */
struct ps_factors {
    int width, user_first, item_first;
    const real *scale; /* width numbers in the tape's memory */
    int bias_first, biases;
    double bias[PS_MAX_BEHAVIOURS], constant;
};

struct ps_model_class {
    const char *name, *title, *source;
    const char *options; /* names of the model.* keys that it reads, separated by blanks */
    struct ps_recipe_defaults recipe;
    /* Fills model->table[] and whatever private state is needed, from configuration and dataset counts. */
    int (*init)(struct ps_model *model, struct ps_error *err);
    void (*fini)(struct ps_model *model); /* frees model->state; also called after a failed init */
    /* Builds the loss of a tile (1 x 1) on the tape; NULL for a rule, which has nothing to learn. */
    struct nn_tensor *(*forward)(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile);
    /* Models of sessions: what a session says at each state of tile->sessions: targets x model->encoded. */
    struct nn_tensor *(*encode)(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile);
    /* Models with several tasks: the logit of every feedback of every target, targets x feedbacks. use[k] gets what the gate of task k
     * did (nn/tasks.h; task 0 is the next item), where the model has gates; may be NULL. */
    void (*judge)(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_gate_use *use, real *out);
    /* The scores as the tape computes them, for whoever listens to it (nn/trace.h). Of pairs: z[r] of every head r, of which forward makes
     * the loss; the last one ranks. Of a session, tile->sessions having one target: those of its candidates, candidates x 1, by what encode
     * has made. NULL: the model's scores are more than that. */
    void (*logits)(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor **z);
    struct nn_tensor *(*match)(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, const struct nn_tensor *encoded);
    /* Whether score is an inner product, and of what; NULL: it is none. */
    bool (*factors)(const struct ps_model *model, struct nn_tape *tape, const struct nn_tensor *param, struct ps_factors *factors);
    /* out[u * items + i] = score, higher is better. The tape is reset by the caller and used for scratch. Its
     * arithmetic for one (user, item) must not depend on which other users and items are in the input beyond the BLAS
     * kernel. */
    void (*score)(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out);
};

struct ps_model {
    const struct ps_model_class *class_;
    const struct ps_config *config;   /* borrowed */
    const struct ps_dataset *dataset; /* borrowed */
    struct ps_recipe recipe;          /* set before the class's init */
    int encoded; /* columns of what encode makes */
    int tables; /* that models and workers know; behind them are the servers' own (`declared` in all) */
    int declared;
    struct ps_table_spec table[PS_MAX_TABLES];
    int first_feature; /* table of the recipe's first feature; the others follow, and nothing else */
    void *state; /* owned by the class */
};

/* The registry, ended by a NULL. */
extern const struct ps_model_class *const ps_models[];
const struct ps_model_class *ps_model_find(const char *name);

int ps_model_init(struct ps_model *model, const char *name, const struct ps_config *config,
                  const struct ps_dataset *dataset, struct ps_error *err);
void ps_model_fini(struct ps_model *model);

/* Whether the recipe's feature number k is part of the rows of table t. */
bool ps_model_is_feature_of(const struct ps_model *model, int k, int t);

/* The tasks whose parts of the loss a model tells of: its heads, by behaviour; or the next item and each feedback. Their names into
 * name[PS_MAX_TASKS]; 0 where there is only one loss, or one over all pairs. */
int ps_model_tasks(const struct ps_model *model, const char *name[PS_MAX_TASKS]);

/* For a model's init. They declare the next table and return its index, or a negative status (too many tables).
 * A row table starts without fields; ps_model_add_field appends columns to it and returns the first one's number. */
int ps_model_add_rows(struct ps_model *model, const char *name, enum ps_table_kind kind, struct ps_error *err);
int ps_model_add_field(struct ps_model *model, int table, const char *name, int width, enum ps_init init, float scale);
/* What the tensors of head r are called after: its behaviour, or NULL for a model that has one head whatever the data. */
const char *ps_model_head(const struct ps_model *model, int r);
/* A tensor, rows x cols, cut into equal chunks of at most PS_CHUNK floats, the last padded with zeros; named
 * "NAME.BEHAVIOUR" (or NAME where behaviour is NULL). */
int ps_model_add_tensor(struct ps_model *model, const char *name, const char *behaviour, int rows, int cols,
                        enum ps_init init, float scale, struct ps_error *err);

#endif
