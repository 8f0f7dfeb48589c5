/* encode.c - see encode.h. */
#include "worker/encode.h"

#include "worker/bags.h"

#include <stdlib.h>

/* Distinct ids and their rows in each table of a kind. */
struct fetched {
    struct ps_keys keys;
    uint32_t *id; /* owned, as are the values and pointers */
    float *value[PS_MAX_TABLES];
    const real **pointer[PS_MAX_TABLES];
};

struct ps_encoder {
    struct ps_model *model; /* borrowed, as is source */
    const struct ps_row_source *source;
    struct ps_recipe recipe; /* the model's, with nothing drawn */
    struct ps_slot_map map;  /* of a single shard */
    struct ps_session_batch batch;
    struct ps_unique *unique;
    struct fetched items, visitors;
    struct ps_bag_source feature[PS_MAX_FEATURES];
    struct nn_rows rows[PS_MAX_TABLES];
};

static void fetched_init(struct fetched *f, size_t capacity)
{
    *f = (struct fetched){.id = ps_calloc(capacity, sizeof *f->id)};
    f->keys.key = ps_calloc(capacity, sizeof *f->keys.key);
}

static void fetched_fini(struct fetched *f)
{
    free(f->keys.key), free(f->id);
    for (int t = 0; t < PS_MAX_TABLES; t++)
        free(f->value[t]), free(f->pointer[t]);
}

struct ps_encoder *ps_encoder_new(struct ps_model *model, const struct ps_row_source *source, size_t targets)
{
    struct ps_encoder *e = ps_calloc(1, sizeof *e);
    size_t capacity = PS_ENCODE_SESSIONS * model->dataset->sessions.longest + targets;
    e->model = model;
    e->source = source;
    e->recipe = model->recipe;
    e->recipe.candidates = PS_TRAIN_ALL;
    e->recipe.stream = PS_STREAM_PREFIXES; /* whole sessions, of a model that was trained step by step, too */
    e->map.shards = 1;
    for (int k = 0; k < model->recipe.features; k++)
        e->feature[k] = ps_bag_source_feature(&model->recipe, model->dataset, k);
    e->unique = ps_unique_new(capacity);
    ps_session_batch_init(&e->batch, &e->recipe, model->dataset, PS_ENCODE_SESSIONS, targets);
    fetched_init(&e->items, capacity);
    fetched_init(&e->visitors, PS_ENCODE_SESSIONS);
    return e;
}

void ps_encoder_free(struct ps_encoder *e)
{
    if (!e)
        return;
    fetched_fini(&e->items), fetched_fini(&e->visitors);
    ps_session_batch_fini(&e->batch);
    ps_unique_free(e->unique);
    free(e);
}

struct ps_session_batch *ps_encoder_batch(struct ps_encoder *e)
{
    return &e->batch;
}

/* The rows of f->keys, from all tables of the kind. */
static int fetch_rows(struct ps_encoder *e, struct fetched *f, enum ps_table_kind kind, struct ps_error *err)
{
    uint32_t n = f->keys.count;
    for (uint32_t k = 0; k < n; k++)
        f->id[k] = (uint32_t)f->keys.key[k];
    for (int t = 0; t < e->model->tables; t++) {
        const struct ps_table_spec *spec = &e->model->table[t];
        if (spec->kind != kind || !n)
            continue;
        f->value[t] = ps_realloc(f->value[t], (size_t)n * spec->width, sizeof *f->value[t]);
        f->pointer[t] = ps_realloc(f->pointer[t], n, sizeof *f->pointer[t]);
        int status = e->source->fetch(e->source->ctx, t, f->id, (int)n, f->value[t], err);
        for (int k = 0; status >= 0 && k < e->model->recipe.features; k++)
            if (ps_model_is_feature_of(e->model, k, t))
                status = ps_bags_pool(&e->feature[k], e->source, e->model->first_feature + k, (int)spec->width, f->id, n, f->value[t], err);
        if (status < 0)
            return status;
        for (uint32_t k = 0; k < n; k++)
            f->pointer[t][k] = f->value[t] + (size_t)k * spec->width;
        e->rows[t] = (struct nn_rows){(int)n, (int)spec->width, f->pointer[t], NULL};
    }
    return 0;
}

int ps_encoder_tile(struct ps_encoder *e, struct ps_tile *tile, struct ps_error *err)
{
    struct ps_session_batch *batch = &e->batch;
    ps_session_batch_end(batch, &e->recipe, e->model->dataset, NULL, NULL);
    ps_session_batch_items(batch, e->unique, &e->map, &e->items.keys, false, NULL, 0);
    ps_session_batch_visitors(batch, e->unique, &e->map, &e->visitors.keys);
    int status = fetch_rows(e, &e->items, PS_TABLE_ITEM, err);
    if (!status)
        status = fetch_rows(e, &e->visitors, PS_TABLE_USER, err);
    *tile = (struct ps_tile){.n = batch->targets, .sessions = &batch->view, .rows = e->rows};
    return status;
}
