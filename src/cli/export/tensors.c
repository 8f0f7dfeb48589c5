/* tensors.c - see tensors.h. */
#include "cli/export/tensors.h"

#include <stdlib.h>
#include <string.h>

#include "worker/indicators.h"
#include "worker/models/popularity.h"
#include "worker/scorer.h"

enum { BLOCK_ROWS = 256 };

static struct ps_tensor *add(struct ps_tensors *t, enum ps_tensor_kind kind, int table, uint64_t rows, uint64_t cols)
{
    const struct ps_tensor *last = t->count ? &t->tensor[t->count - 1] : NULL;
    uint64_t offset = last ? last->offset + last->rows * last->cols * sizeof(float) : 0;
    t->tensor = ps_realloc(t->tensor, (size_t)t->count + 1, sizeof *t->tensor);
    t->tensor[t->count] = (struct ps_tensor){.kind = kind, .table = table, .rows = rows, .cols = cols, .offset = offset};
    return &t->tensor[t->count++];
}

/* A table's fields, by themselves and, where features belong to it, with them. */
static void add_fields(struct ps_tensors *t, int table)
{
    const struct ps_model *model = &t->offline->model;
    const struct ps_table_spec *spec = &model->table[table];
    bool features = false;
    for (int k = 0; k < model->recipe.features; k++)
        features |= ps_model_is_feature_of(model, k, table);
    for (uint32_t f = 0; f < spec->fields; f++)
        for (int composed = 0; composed <= features; composed++) {
            const struct ps_field *field = &spec->field[f];
            struct ps_tensor *made = add(t, composed ? PS_TENSOR_COMPOSED : PS_TENSOR_FIELD, table, spec->rows, field->width);
            made->field = field;
            snprintf(made->name, sizeof made->name, "%s.%s%s", spec->name, field->name, composed ? ".composed" : "");
        }
}

/* The first table of a kind, which is the one of users or of items in every model. */
static int table_of(const struct ps_model *model, enum ps_table_kind kind)
{
    for (int t = 0; t < model->tables; t++)
        if (model->table[t].kind == kind)
            return t;
    return -1;
}

bool ps_tensors_biased(const struct ps_tensors *t)
{
    return t->factors.biases || t->factors.constant != 0;
}

static void add_vectors(struct ps_tensors *t)
{
    const struct ps_model *model = &t->offline->model;
    int users = table_of(model, PS_TABLE_USER), items = table_of(model, PS_TABLE_ITEM);
    uint64_t width = (uint64_t)t->factors.width + ps_tensors_biased(t);
    if (t->factors.scale) {
        struct ps_tensor *made = add(t, PS_TENSOR_USER_VECTOR, users, model->table[users].rows, width);
        snprintf(made->name, sizeof made->name, "user.vector");
    }
    struct ps_tensor *made = add(t, PS_TENSOR_ITEM_VECTOR, items, model->table[items].rows, width);
    snprintf(made->name, sizeof made->name, "item.vector");
}

/* A column for the ids of a side, where not all of them need be known. */
static void add_known(struct ps_tensors *t, enum ps_entity side)
{
    const struct ps_offline *o = t->offline;
    bool users = side == PS_USERS;
    uint64_t known = users ? o->config.eval.known_users : o->config.eval.known_items;
    enum ps_table_kind kind = users ? PS_TABLE_USER : PS_TABLE_ITEM;
    for (int k = 0; k < o->model.tables && !known; k++)
        known = o->model.table[k].kind == kind && o->model.table[k].sightings;
    if (!known || (users && o->model.class_->encode))
        return;
    struct ps_tensor *made = add(t, users ? PS_TENSOR_USER_KNOWN : PS_TENSOR_ITEM_KNOWN, -1, users ? o->dataset.users : o->dataset.items, 1);
    snprintf(made->name, sizeof made->name, "%s.known", users ? "user" : "item");
}

int ps_tensors_open(struct ps_tensors *t, struct ps_offline *offline, struct ps_error *err)
{
    struct ps_model *model = &offline->model;
    uint32_t distinct;
    *t = (struct ps_tensors){.offline = offline, .tape = nn_tape_new()};
    int status = ps_scorer_params(model, &offline->source, t->param, t->value, err);
    if (status) {
        ps_tensors_close(t);
        return status;
    }
    for (int k = 0; k < model->recipe.features; k++)
        t->feature[k] = ps_bag_source_feature(&model->recipe, model->dataset, k);
    for (int table = 0; table < model->tables; table++) {
        const struct ps_table_spec *spec = &model->table[table];
        if (spec->kind == PS_TABLE_TENSOR)
            memcpy(add(t, PS_TENSOR_WHOLE, table, spec->tensor_rows, spec->tensor_cols)->name, spec->name, sizeof spec->name);
        else if (spec->kind != PS_TABLE_LANE) /* which nobody learns from */
            add_fields(t, table);
    }
    t->inner = model->class_->factors && !ps_indicators_given(&offline->config) &&
               model->class_->factors(model, t->tape, t->value, &t->factors);
    if (t->inner)
        add_vectors(t);
    t->popularity = ps_popularity_ranks(&offline->dataset, &distinct);
    snprintf(add(t, PS_TENSOR_POPULARITY, -1, offline->dataset.items, 1)->name, sizeof t->tensor->name, "item.popularity");
    add_known(t, PS_USERS);
    add_known(t, PS_ITEMS);
    return 0;
}

void ps_tensors_close(struct ps_tensors *t)
{
    for (int k = 0; k < PS_MAX_TABLES; k++)
        free(t->param[k]);
    nn_tape_free(t->tape);
    free(t->tensor), free(t->popularity);
    *t = (struct ps_tensors){0};
}

const struct ps_tensor *ps_tensors_of(const struct ps_tensors *t, int table, const struct ps_field *field)
{
    const struct ps_tensor *found = NULL;
    for (int k = 0; k < t->count; k++)
        if (t->tensor[k].table == table && t->tensor[k].field == field && t->tensor[k].kind <= PS_TENSOR_WHOLE)
            found = &t->tensor[k]; /* the composed one comes last */
    return found;
}

const struct ps_tensor *ps_tensors_named(const struct ps_tensors *t, const char *name)
{
    for (int k = 0; k < t->count; k++)
        if (!strcmp(t->tensor[k].name, name))
            return &t->tensor[k];
    return NULL;
}

/* ---- rows ---- */

/* Adds the features of the users or items [first, first + n) to their rows. */
static int add_features(const struct ps_tensors *t, int table, uint64_t first, uint64_t n, float *rows, struct ps_error *err)
{
    const struct ps_model *model = &t->offline->model;
    uint32_t owner[BLOCK_ROWS];
    int status = 0;
    for (uint32_t i = 0; i < n; i++)
        owner[i] = (uint32_t)first + i;
    for (int k = 0; !status && k < model->recipe.features; k++)
        if (ps_model_is_feature_of(model, k, table))
            status = ps_bags_pool(&t->feature[k], &t->offline->source, model->first_feature + k, (int)model->table[table].width, owner, n,
                                  rows, err);
    return status;
}

/* The columns of a tensor out of a row of its table. */
static void take_columns(const struct ps_tensors *t, const struct ps_tensor *tensor, const float *row, float *out)
{
    const struct ps_factors *f = &t->factors;
    double bias = f->constant;
    switch (tensor->kind) {
    case PS_TENSOR_USER_VECTOR:
        for (int j = 0; j < f->width; j++)
            out[j] = f->scale[j] * row[f->user_first + j];
        bias = 1;
        break;
    case PS_TENSOR_ITEM_VECTOR:
        memcpy(out, row + f->item_first, (size_t)f->width * sizeof *out);
        for (int k = 0; k < f->biases; k++)
            bias += f->bias[k] * (double)row[f->bias_first + k];
        break;
    default:
        memcpy(out, row + tensor->field->first, tensor->cols * sizeof *out);
        return;
    }
    if (ps_tensors_biased(t))
        out[f->width] = (float)bias;
}

static int put_rows(const struct ps_tensors *t, const struct ps_tensor *tensor, struct ps_writer *writer, struct ps_error *err)
{
    const struct ps_table_spec *spec = &t->offline->model.table[tensor->table];
    float *rows = ps_calloc((size_t)BLOCK_ROWS * spec->width, sizeof *rows), *out = ps_calloc(BLOCK_ROWS * tensor->cols, sizeof *out);
    uint64_t id[BLOCK_ROWS];
    int status = 0;
    for (uint64_t first = 0; !status && first < spec->rows; first += BLOCK_ROWS) {
        uint64_t n = PS_MIN((uint64_t)BLOCK_ROWS, spec->rows - first);
        for (uint64_t i = 0; i < n; i++)
            id[i] = first + i;
        ps_checkpoint_fetch(&t->offline->checkpoint, (uint32_t)tensor->table, id, n, rows);
        if (tensor->kind != PS_TENSOR_FIELD)
            status = add_features(t, tensor->table, first, n, rows, err);
        for (uint64_t i = 0; i < n; i++)
            take_columns(t, tensor, rows + i * spec->width, out + i * tensor->cols);
        if (!status)
            status = ps_writer_put(writer, out, n * tensor->cols * sizeof *out, err);
    }
    free(rows), free(out);
    return status;
}

static int put_popularity(const struct ps_tensors *t, const struct ps_tensor *tensor, struct ps_writer *writer, struct ps_error *err)
{
    int status = 0;
    for (uint64_t i = 0; i < tensor->rows && !status; i++) {
        float place = (float)t->popularity[i];
        status = ps_writer_put(writer, &place, sizeof place, err);
    }
    return status;
}

/* As ranking has it. */
static int put_known(const struct ps_tensors *t, const struct ps_tensor *tensor, struct ps_writer *writer, struct ps_error *err)
{
    struct ps_scorer scorer;
    int status = ps_scorer_init(&scorer, (struct ps_model *)&t->offline->model, &t->offline->source, 1, PS_BLOCK_ITEMS, err);
    if (status)
        return status;
    struct ps_row_set *set = tensor->kind == PS_TENSOR_USER_KNOWN ? &scorer.users : &scorer.items;
    for (uint64_t first = 0; first < tensor->rows && !status; first += BLOCK_ROWS) {
        size_t n = (size_t)PS_MIN((uint64_t)BLOCK_ROWS, tensor->rows - first);
        float known[BLOCK_ROWS];
        for (size_t k = 0; k < n; k++)
            set->id[k] = (uint32_t)(first + k);
        status = ps_scorer_fetch(&scorer, set, n, err);
        for (size_t k = 0; k < n && !status; k++)
            known[k] = ps_scorer_unknown(&scorer, set, k) ? 0 : 1;
        if (!status)
            status = ps_writer_put(writer, known, n * sizeof *known, err);
    }
    ps_scorer_fini(&scorer);
    return status;
}

int ps_tensors_put(const struct ps_tensors *t, const struct ps_tensor *tensor, struct ps_writer *writer, struct ps_error *err)
{
    switch (tensor->kind) {
    case PS_TENSOR_WHOLE: /* its chunks one behind the other, without the padding */
        return ps_writer_put(writer, t->param[tensor->table], tensor->rows * tensor->cols * sizeof(float), err);
    case PS_TENSOR_POPULARITY: return put_popularity(t, tensor, writer, err);
    case PS_TENSOR_USER_KNOWN:
    case PS_TENSOR_ITEM_KNOWN: return put_known(t, tensor, writer, err);
    default: return put_rows(t, tensor, writer, err);
    }
}
