/* model_bench.h - a model of the registry with memory for its rows, parameters and gradients, in either precision. */
#ifndef PS_TEST_MODEL_BENCH_H
#define PS_TEST_MODEL_BENCH_H

#include "worker/history.h"
#include "worker/models/embedding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Every model that learns from sessions, or from interactions. */
#define FOR_MODELS(m, of_sessions)                                                                                     \
    for (int m = 0; ps_models[m]; m++)                                                                                 \
        if ((ps_models[m]->recipe.stream != PS_STREAM_INTERACTIONS) == (of_sessions))

/* A choice among `many` by an option that a model may not read: then only the first one. */
static inline int model_bench_choices(const struct ps_model_class *class_, const char *option, int many)
{
    size_t length = strlen(option);
    for (const char *at = class_->options; (at = strstr(at, option)); at += length)
        if ((at == class_->options || at[-1] == ' ') && (!at[length] || at[length] == ' '))
            return many;
    return 1;
}

/* Values and gradients of table t: rows x width, or rows x cols of the tensor and its padding. All owned. */
struct model_bench {
    struct ps_model model;
    struct nn_tape *tape;
    real *value[PS_MAX_TABLES], *grad[PS_MAX_TABLES];
    const real **pointer[PS_MAX_TABLES];
    struct nn_rows rows[PS_MAX_TABLES];
    struct nn_tensor param[PS_MAX_TABLES];
    uint32_t *bag_begin; /* histories, where the model looks them up; rows are item ids */
    struct nn_bag_entry *bag_entry;
    struct ps_embedding embedding; /* and side features, where the model has any; rows are values */
    struct nn_bags feature[PS_MAX_FEATURES];
};

/* By the formula: every item of every behaviour, over the root of how many there are. */
static inline void model_bench_histories(struct model_bench *b)
{
    const struct ps_dataset *d = b->model.dataset;
    size_t entries = 0;
    b->bag_begin = ps_calloc(d->users + 1, sizeof *b->bag_begin);
    b->bag_entry = ps_calloc(d->users * d->items * d->behaviours, sizeof *b->bag_entry);
    for (uint32_t user = 0; user < d->users; user++) {
        for (uint32_t t = 0; t < d->behaviours; t++) {
            uint64_t first = d->train[t].offset[user], end = d->train[t].offset[user + 1];
            for (uint64_t k = first; k < end; k++)
                b->bag_entry[entries++] =
                    (struct nn_bag_entry){d->train[t].item[k], t, (real)(1 / sqrt((double)(end - first)))};
        }
        b->bag_begin[user + 1] = (uint32_t)entries;
    }
}

/* Every value of every user or item, alike, or one part of its number. */
static inline void model_bench_features(struct model_bench *b)
{
    const struct ps_dataset *d = b->model.dataset;
    for (int k = 0; k < b->model.recipe.features; k++) {
        const struct ps_feature *f = &d->feature[b->model.recipe.feature[k]];
        uint64_t owners = f->side == PS_USERS ? d->users : d->items;
        uint32_t *begin = ps_calloc(owners + 1, sizeof *begin);
        struct nn_bag_entry *entry = ps_calloc(f->pairs, sizeof *entry);
        for (uint64_t i = 0; i < owners; i++) {
            uint64_t n = f->offset[i + 1] - f->offset[i];
            for (uint64_t v = f->offset[i]; v < f->offset[i + 1]; v++)
                entry[v] = (struct nn_bag_entry){f->value[v], 0,
                                                 b->model.config->model.feature_pooling == PS_POOLING_MEAN ? (real)(1.0 / (double)n) : 1};
            begin[i + 1] = (uint32_t)f->offset[i + 1];
        }
        b->feature[k] = (struct nn_bags){&b->rows[b->model.first_feature + k], begin, entry};
    }
}

/* The loss of a tile, and its gradients where they are wanted. */
static inline double model_bench_run(struct model_bench *b, struct ps_tile *tile, bool backward)
{
    tile->own = b->rows;
    tile->feature = b->feature;
    tile->rows = ps_embedding_compose(&b->embedding, &b->model, b->rows, b->feature);
    nn_tape_reset(b->tape);
    struct nn_tensor *loss = b->model.class_->forward(&b->model, b->tape, tile);
    if (backward) {
        nn_backward(b->tape, loss);
        ps_embedding_back(&b->embedding, &b->model, b->rows, b->feature, (const uint32_t *const[2]){NULL, NULL});
    }
    return (double)loss->value[0];
}

/* A user's bag, each behaviour's columns by themselves. */
static inline void model_bench_pool(const struct model_bench *b, int t, uint32_t user, real *out)
{
    int width = (int)(b->model.table[t].width / b->model.dataset->behaviours);
    memset(out, 0, b->model.table[t].width * sizeof *out);
    for (uint32_t e = b->bag_begin[user]; e < b->bag_begin[user + 1]; e++)
        for (int j = 0; j < width; j++) {
            size_t column = (size_t)b->bag_entry[e].block * (size_t)width + (size_t)j;
            out[column] += b->bag_entry[e].weight * b->pointer[t][b->bag_entry[e].row][column];
        }
}

static inline size_t model_bench_size(const struct model_bench *b, int t)
{
    return (size_t)b->model.table[t].rows * b->model.table[t].width;
}

/* What pushes are added to is a sum of squares: a symmetric matrix, its diagonal above 0. */
static inline void model_bench_symmetric(struct model_bench *b, int t)
{
    size_t n = b->model.table[t].tensor_rows;
    for (size_t i = 0; i < n; i++) {
        b->value[t][i * n + i] = (real)1.5 + (b->value[t][i * n + i] > 0 ? 1 : 0);
        for (size_t j = 0; j < i; j++)
            b->value[t][i * n + j] = b->value[t][j * n + i];
    }
}

/* Values ~ N(0, 0.5^2), gradients 0. */
static inline void model_bench_draw(struct model_bench *b, uint64_t seed)
{
    for (int t = 0; t < b->model.tables; t++) {
        struct ps_random r = ps_random_stream(seed, PS_RANDOM_TEST, 3, (uint64_t)t, 0);
        for (size_t k = 0; k < model_bench_size(b, t); k++)
            b->value[t][k] = (real)(0.5 * ps_random_normal(&r));
        memset(b->grad[t], 0, model_bench_size(b, t) * sizeof(real));
        if (b->model.table[t].update == PS_UPDATE_ADD)
            model_bench_symmetric(b, t);
    }
}

static inline int model_bench_init(struct model_bench *b, const char *name, const struct ps_config *config,
                                   const struct ps_dataset *dataset)
{
    struct ps_error err;
    memset(b, 0, sizeof *b);
    if (ps_model_init(&b->model, name, config, dataset, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    b->tape = nn_tape_new();
    for (int t = 0; t < b->model.tables; t++) {
        const struct ps_table_spec *spec = &b->model.table[t];
        size_t size = model_bench_size(b, t);
        b->value[t] = ps_calloc(size, sizeof(real));
        b->grad[t] = ps_calloc(size, sizeof(real));
        b->pointer[t] = ps_calloc(spec->rows, sizeof *b->pointer[t]);
        for (size_t r = 0; r < spec->rows; r++)
            b->pointer[t][r] = b->value[t] + r * spec->width;
        b->rows[t] = (struct nn_rows){(int)spec->rows, (int)spec->width, b->pointer[t], b->grad[t]};
        b->param[t] = (struct nn_tensor){(int)spec->tensor_rows, (int)spec->tensor_cols, b->value[t], b->grad[t]};
    }
    if (b->model.recipe.history)
        model_bench_histories(b);
    model_bench_features(b);
    return 0;
}

static inline void model_bench_fini(struct model_bench *b)
{
    for (int t = 0; t < b->model.tables; t++) {
        free(b->value[t]);
        free(b->grad[t]);
        free(b->pointer[t]);
    }
    free(b->bag_begin), free(b->bag_entry);
    for (int k = 0; k < b->model.recipe.features; k++) {
        free((void *)(uintptr_t)b->feature[k].begin);
        free((void *)(uintptr_t)b->feature[k].entry);
    }
    ps_embedding_fini(&b->embedding);
    nn_tape_free(b->tape);
    ps_model_fini(&b->model);
}

/* The target's logit of one pair, out of forward: with label 0 and weight 1 on the target alone, cross-entropy is
 * log(1 + e^z). */
static inline double model_bench_logit(struct model_bench *b, uint32_t user, uint32_t item)
{
    static const real zero = 0, one = 1;
    static const uint32_t positive = 0;
    enum ps_objective objective = b->model.recipe.loss;
    struct ps_tile tile = {.n = 1,
                           .user = &user,
                           .item = &item,
                           .user_row = &user,
                           .item_row = &item,
                           .behind = &positive,
                           .bag_begin = b->bag_begin,
                           .bag_entry = b->bag_entry,
                           .bag_own = &item,
                           .sample_weight = 0,
                           .param = b->param};
    for (int r = 0; r < b->model.recipe.heads; r++) {
        tile.need[r] = 1;
        tile.label[r] = &zero;
        tile.weight[r] = r + 1 == b->model.recipe.heads ? &one : &zero;
    }
    b->model.recipe.loss = PS_LOSS_BCE;
    double loss = model_bench_run(b, &tile, false);
    b->model.recipe.loss = objective;
    return log(expm1(loss));
}

/* Scores of the given users and items. */
static inline void model_bench_score(struct model_bench *b, const uint32_t *user, int users, const uint32_t *item,
                                     int items, real *out)
{
    struct nn_tape *pool = nn_tape_new();
    const real *user_row[PS_MAX_TABLES][64], *item_row[PS_MAX_TABLES][64];
    const real *const *user_rows[PS_MAX_TABLES] = {NULL}, *const * item_rows[PS_MAX_TABLES] = {NULL};
    const struct nn_rows *rows = ps_embedding_compose(&b->embedding, &b->model, b->rows, b->feature);
    for (int t = 0; t < b->model.tables; t++) {
        enum ps_table_kind kind = b->model.table[t].kind;
        if (kind == PS_TABLE_USER || kind == PS_TABLE_HISTORY)
            user_rows[t] = user_row[t];
        if (kind == PS_TABLE_ITEM || kind == PS_TABLE_HISTORY)
            item_rows[t] = item_row[t];
        for (int u = 0; u < users && kind == PS_TABLE_USER; u++)
            user_row[t][u] = rows[t].value[user[u]];
        for (int u = 0; u < users && kind == PS_TABLE_HISTORY; u++) {
            real *pooled = nn_tape_alloc(pool, b->model.table[t].width * sizeof *pooled);
            model_bench_pool(b, t, user[u], pooled);
            user_row[t][u] = pooled;
        }
        for (int i = 0; i < items && item_rows[t]; i++)
            item_row[t][i] = rows[t].value[item[i]];
    }
    struct ps_score_input input = {.users = users, .items = items, .user_id = user, .item_id = item, .user_rows = user_rows,
                                   .item_rows = item_rows, .param = b->param};
    nn_tape_reset(b->tape);
    b->model.class_->score(&b->model, b->tape, &input, out);
    nn_tape_free(pool);
}

#endif
