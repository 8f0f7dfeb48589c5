/* encode.c - cases as vectors: the sessions so far of a group of cases go through the model; see scorer.h. */
#include "worker/scorer.h"

#include <stdlib.h>
#include <string.h>

/* Cases that are encoded together. */
enum { CASES = 256 };

/* Distinct ids and their rows in each table of a kind. */
struct fetched {
    struct ps_keys keys;
    uint64_t *key; /* owned */
    uint32_t *id;  /* owned */
    float *value[PS_MAX_TABLES];
    const real **pointer[PS_MAX_TABLES];
    struct nn_rows rows[PS_MAX_TABLES];
};

void ps_encoder_room(struct ps_scorer *s)
{
    size_t width = (size_t)s->model->encoded;
    s->encoded = ps_calloc(s->group * width, sizeof *s->encoded);
    s->encoded_row = ps_calloc(s->group, sizeof *s->encoded_row);
    for (size_t k = 0; k < s->group; k++)
        s->encoded_row[k] = s->encoded + k * width;
}

static void fetched_init(struct fetched *f, size_t capacity)
{
    *f = (struct fetched){.key = ps_calloc(capacity, sizeof *f->key), .id = ps_calloc(capacity, sizeof *f->id)};
    f->keys.key = f->key;
}

static void fetched_fini(struct fetched *f)
{
    free(f->key), free(f->id);
    for (int t = 0; t < PS_MAX_TABLES; t++)
        free(f->value[t]), free(f->pointer[t]);
}

/* The rows of f->keys, from all tables of the kind. */
static int fetch_rows(struct ps_scorer *s, struct fetched *f, enum ps_table_kind kind, struct ps_error *err)
{
    uint32_t n = f->keys.count;
    for (uint32_t k = 0; k < n; k++)
        f->id[k] = (uint32_t)f->keys.key[k];
    for (int t = 0; t < s->model->tables; t++) {
        const struct ps_table_spec *spec = &s->model->table[t];
        if (spec->kind != kind || !n)
            continue;
        f->value[t] = ps_realloc(f->value[t], (size_t)n * spec->width, sizeof *f->value[t]);
        f->pointer[t] = ps_realloc(f->pointer[t], n, sizeof *f->pointer[t]);
        int status = s->source->fetch(s->source->ctx, t, f->id, (int)n, f->value[t], err);
        if (status < 0)
            return status;
        for (uint32_t k = 0; k < n; k++)
            f->pointer[t][k] = f->value[t] + (size_t)k * spec->width;
        f->rows[t] = (struct nn_rows){(int)n, (int)spec->width, f->pointer[t], NULL};
    }
    return 0;
}

static int encode(struct ps_scorer *s, struct ps_session_batch *batch, struct ps_unique *unique, struct fetched *items,
                  struct fetched *visitors, float *out, struct ps_error *err)
{
    struct ps_model *model = s->model;
    struct ps_recipe all = model->recipe;
    struct ps_slot_map *map = ps_calloc(1, sizeof *map);
    all.candidates = PS_TRAIN_ALL;
    map->shards = 1;
    ps_session_batch_end(batch, &all, model->dataset, NULL, NULL);
    ps_session_batch_items(batch, unique, map, &items->keys, 0);
    ps_session_batch_visitors(batch, unique, map, &visitors->keys);
    free(map);
    int status = fetch_rows(s, items, PS_TABLE_ITEM, err);
    if (!status)
        status = fetch_rows(s, visitors, PS_TABLE_USER, err);
    if (status)
        return status;
    struct nn_rows rows[PS_MAX_TABLES];
    for (int t = 0; t < model->tables; t++)
        rows[t] = model->table[t].kind == PS_TABLE_USER ? visitors->rows[t] : items->rows[t];
    struct ps_tile tile = {.n = batch->targets, .sessions = &batch->view, .rows = rows, .param = s->tensor};
    nn_tape_reset(s->tape);
    struct nn_tensor *encoded = model->class_->encode(model, s->tape, &tile);
    PS_ASSERT(encoded->rows == batch->targets && encoded->cols == model->encoded);
    memcpy(out, encoded->value, (size_t)encoded->rows * (size_t)encoded->cols * sizeof *out);
    return 0;
}

int ps_encode_cases(struct ps_scorer *s, size_t n, struct ps_error *err)
{
    const struct ps_dataset *dataset = s->model->dataset;
    size_t capacity = CASES * (dataset->sessions.longest + 1);
    struct ps_session_batch batch;
    struct fetched items, visitors;
    struct ps_unique *unique = ps_unique_new(capacity);
    struct ps_recipe all = s->model->recipe;
    all.candidates = PS_TRAIN_ALL;
    ps_session_batch_init(&batch, &all, dataset, CASES, CASES);
    fetched_init(&items, capacity);
    fetched_init(&visitors, CASES);
    int status = 0;
    for (size_t first = 0; first < n && !status; first += CASES) {
        ps_session_batch_begin(&batch);
        for (size_t k = first; k < PS_MIN(n, first + CASES); k++)
            ps_session_batch_add_case(&batch, dataset, s->users.id[k]);
        PS_ASSERT(batch.targets == batch.sessions);
        status = encode(s, &batch, unique, &items, &visitors, s->encoded + first * (size_t)s->model->encoded, err);
    }
    fetched_fini(&items), fetched_fini(&visitors);
    ps_session_batch_fini(&batch);
    ps_unique_free(unique);
    return status;
}
