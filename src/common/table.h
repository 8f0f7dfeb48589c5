/* table.h - what a table of rows is: agreed between the model that declares it, the coordinator that hands it on and
 * the servers that keep it. Servers know nothing else about a model.
 *
 * A row is `width` floats, cut into named fields (an item row may hold an embedding and one bias per behaviour), so
 * that one id costs one look-up. A dense tensor is a table too: its values, row-major and padded with zeros, are cut into
 * rows of `width` floats ("chunks", at most PS_CHUNK floats), with ids 0, 1, 2, ...
 */
#ifndef PS_COMMON_TABLE_H
#define PS_COMMON_TABLE_H

#include "common/base.h"

enum { PS_MAX_TABLES = 64, PS_MAX_FIELDS = 8, PS_CHUNK = 4096, PS_NAME_SIZE = 48, PS_MAX_FEATURES = 64 };
enum { PS_MAX_TASKS = 9 }; /* of a loss: the behaviours, or the next item and the feedbacks */

enum ps_table_kind {
    PS_TABLE_USER = 1, /* id = dense user id */
    PS_TABLE_ITEM = 2, /* id = dense item id */
    PS_TABLE_TENSOR = 3,
    PS_TABLE_HISTORY = 4, /* id = dense item id: rows of the items in users' histories, not of a sample's item */
    PS_TABLE_LANE = 5,    /* state that a lane carries from one micro-batch to its next; id = lane * train.batch + track (worker/parallel.h) */
    PS_TABLE_VALUE = 6,    /* id = a value of a relation, those of all relations one after another (worker/triples.h) */
    PS_TABLE_RELATION = 7, /* id = a relation of knowledge triples */
    PS_TABLE_FEATURE = 8, /* and on: one for each side feature of a model; id = the value's dense id */
    PS_TABLE_SIGHTINGS = PS_TABLE_FEATURE + PS_MAX_FEATURES, /* the servers' own: of the ids of another table that have no row there */
    PS_TABLE_KINDS
};

/* What a push does to a row: it is a gradient, which the run's optimiser applies; or it is added as it is; or it takes the row's
 * place, of which the row keeps the value before for a micro-batch that is repeated (docs/protocol.md, "Lane state"). */
enum ps_update { PS_UPDATE_OPTIMIZER = 0, PS_UPDATE_ADD = 1, PS_UPDATE_ASSIGN = 2 };

enum ps_init {
    PS_INIT_ZERO = 0,
    PS_INIT_NORMAL = 1,    /* N(0, scale^2) */
    PS_INIT_TRUNCATED = 2, /* N(0, scale^2), redrawn beyond two standard deviations (TensorFlow's truncated normal) */
    PS_INIT_UNIFORM = 3    /* U(-scale, scale) */
};

struct ps_field {
    char name[PS_NAME_SIZE];
    uint32_t first, width; /* columns [first, first + width) of the row */
    enum ps_init init;
    float scale;
};

struct ps_table_spec {
    char name[PS_NAME_SIZE]; /* unique in the model; also the file name at export */
    enum ps_table_kind kind;
    uint64_t rows;  /* ids are below this */
    uint32_t width; /* floats a row */
    uint32_t fields;
    struct ps_field field[PS_MAX_FIELDS]; /* a tensor has one field */
    uint32_t tensor_rows, tensor_cols;    /* a tensor's shape; 0 otherwise */
    enum ps_update update;
    /* A table of ids that come and go (server/living.h): `sightings` is the table, behind all that models know, of the ids that have no row; 0:
     * rows are made at their first push, and stay. */
    uint32_t sightings;
    uint32_t admit_after; /* micro-batches of one training epoch that must have had an id before it has a row */
    uint32_t evict_after; /* training epochs in which none has had it, after which its row goes; 0: it stays */
    enum ps_table_kind counts; /* of a table of sightings: the kind of the table that it is of */
};

/* Columns of a sighting, and what a row of such a table has behind its optimiser's state: in how many micro-batches it was seen, and the
 * training epoch of the last one. Whole numbers up to 2^24. */
enum { PS_LIFE_SEEN, PS_LIFE_USED, PS_LIFE };

/* How it stands with ids that come and go. */
struct ps_life {
    uint64_t rows, waiting;     /* ids that have a row; that have been seen and have none */
    uint64_t admitted, evicted; /* rows made, and gone: on a server of this training epoch, in a tally of all */
};

static inline void ps_life_add(struct ps_life *sum, const struct ps_life *life)
{
    sum->rows += life->rows;
    sum->waiting += life->waiting;
    sum->admitted += life->admitted;
    sum->evicted += life->evicted;
}

enum ps_optimizer_kind {
    PS_OPT_SGD = 1,
    PS_OPT_MOMENTUM = 2,    /* m = mu m + g; theta -= lr m */
    PS_OPT_ADAGRAD = 3,     /* per coordinate, TF1: a += g^2; theta -= lr g / sqrt(a); a starts at initial_accumulator */
    PS_OPT_ADAGRAD_ROW = 4, /* one accumulator a row: a += mean(g^2) */
    PS_OPT_ADAM = 5,        /* lazy: only rows with a gradient move; bias correction by the row's own step count */
    PS_OPT_ADAM_DENSE = 6,  /* every row moves at every step, as in torch.optim.Adam */
    PS_OPT_ADAGRAD_MOMENTUM = 7 /* per coordinate, GRU4Rec: a += g^2; m = mu m - lr g / sqrt(a + epsilon); theta += m */
};

struct ps_optimizer_spec {
    enum ps_optimizer_kind kind;
    float lr, momentum, initial_accumulator, beta1, beta2, epsilon;
    float weight_decay; /* coupled: g += weight_decay * theta for every row that is updated */
    float decay;          /* the learning rate is multiplied by this */
    uint32_t decay_every; /* behind every so many training epochs; 0: never */
};

#endif
