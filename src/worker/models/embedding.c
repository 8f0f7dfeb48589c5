/* embedding.c - see embedding.h. */
#include "worker/models/embedding.h"

#include "worker/nn/tape.h"

#include <stdlib.h>
#include <string.h>

void ps_embedding_fini(struct ps_embedding *e)
{
    for (int t = 0; t < PS_MAX_TABLES; t++)
        free(e->table[t].value), free(e->table[t].grad), free(e->table[t].row);
    *e = (struct ps_embedding){0};
}

static bool has_parts(const struct ps_model *model, int t)
{
    bool has = false;
    for (int k = 0; k < model->recipe.features; k++)
        has |= ps_model_is_feature_of(model, k, t);
    return has;
}

static void compose(struct ps_embedding *e, const struct ps_model *model, int t, const struct nn_rows *own, const struct nn_bags *feature)
{
    size_t width = (size_t)own->width, count = (size_t)own->count;
    PS_GROW(e->table[t].value, e->table[t].value_capacity, count * width + 1);
    PS_GROW(e->table[t].grad, e->table[t].grad_capacity, count * width + 1);
    PS_GROW(e->table[t].row, e->table[t].row_capacity, count + 1);
    real *value = e->table[t].value;
    memset(e->table[t].grad, 0, count * width * sizeof(real));
    for (size_t r = 0; r < count; r++) {
        memcpy(value + r * width, own->value[r], width * sizeof *value);
        e->table[t].row[r] = value + r * width;
    }
    for (int k = 0; k < model->recipe.features; k++)
        for (uint32_t r = 0; ps_model_is_feature_of(model, k, t) && r < count; r++)
            nn_bag_add(&feature[k], r, value + r * width);
    e->rows[t] = (struct nn_rows){own->count, own->width, e->table[t].row, e->table[t].grad};
}

const struct nn_rows *ps_embedding_compose(struct ps_embedding *e, const struct ps_model *model, const struct nn_rows *own,
                                           const struct nn_bags *feature)
{
    if (!model->recipe.features)
        return own;
    memcpy(e->rows, own, (size_t)model->tables * sizeof *own);
    for (int t = 0; t < model->first_feature; t++)
        if (has_parts(model, t))
            compose(e, model, t, &own[t], feature);
    return e->rows;
}

/* One row's gradient. */
static void back(const struct ps_embedding *e, const struct ps_model *model, int t, uint32_t row, const struct nn_rows *own,
                 const struct nn_bags *feature)
{
    size_t width = (size_t)own->width;
    const real *grad = e->table[t].grad + row * width;
    nn_axpy(own->grad + row * width, 1, grad, width);
    for (int k = 0; k < model->recipe.features; k++)
        if (ps_model_is_feature_of(model, k, t))
            nn_bag_add_back(&feature[k], row, grad);
}

void ps_embedding_back(const struct ps_embedding *e, const struct ps_model *model, const struct nn_rows *own, const struct nn_bags *feature,
                       const uint32_t *const order[2])
{
    for (int t = 0; t < model->first_feature && model->recipe.features; t++) {
        const uint32_t *row = order[model->table[t].kind == PS_TABLE_USER ? PS_USERS : PS_ITEMS];
        for (int r = 0; has_parts(model, t) && r < own[t].count; r++)
            back(e, model, t, row ? row[r] : (uint32_t)r, &own[t], feature);
    }
}
