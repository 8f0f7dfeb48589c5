/* knowledge.c - see knowledge.h. */
#include "worker/models/knowledge.h"

int ps_knowledge_part_init(struct ps_knowledge_part *part, struct ps_model *model, int width, float scale, struct ps_error *err)
{
    if (!model->recipe.knowledge)
        return 0;
    part->value = ps_model_add_rows(model, "value", PS_TABLE_VALUE, err);
    if (part->value < 0)
        return part->value;
    ps_model_add_field(model, part->value, "embedding", width, PS_INIT_UNIFORM, scale);
    part->relation = ps_model_add_rows(model, "relation", PS_TABLE_RELATION, err);
    if (part->relation < 0)
        return part->relation;
    ps_model_add_field(model, part->relation, "shift", width, PS_INIT_UNIFORM, scale);
    ps_model_add_field(model, part->relation, "normal", width, PS_INIT_UNIFORM, scale);
    return 0;
}

static struct nn_tensor *filled(struct nn_tape *tape, int rows, real with)
{
    real *value = nn_tape_alloc(tape, (size_t)rows * sizeof *value);
    for (int k = 0; k < rows; k++)
        value[k] = with;
    return nn_leaf(tape, rows, 1, value, NULL);
}

struct nn_tensor *ps_knowledge_part_loss(const struct ps_knowledge_part *part, struct ps_model *model, struct nn_tape *tape,
                                         const struct ps_tile *tile)
{
    const struct ps_triple_view *t = tile->triples;
    const struct nn_rows *items = &tile->rows[PS_SESSION_ITEMS], *values = &tile->rows[part->value], *relations = &tile->rows[part->relation];
    int n = t->count, width = values->width;
    struct nn_tensor *shift = nn_lookup(tape, (struct nn_lookup){relations, t->relation_row, 0}, n, width);
    struct nn_tensor *normal = nn_lookup(tape, (struct nn_lookup){relations, t->relation_row, width}, n, width);
    struct nn_tensor *f = nn_transh(tape, nn_lookup(tape, (struct nn_lookup){items, t->item_row, 0}, n, width),
                                    nn_lookup(tape, (struct nn_lookup){values, t->value_row, 0}, n, width), shift, normal);
    if (t->other_item_row) {
        struct nn_tensor *other = nn_transh(tape, nn_lookup(tape, (struct nn_lookup){items, t->other_item_row, 0}, n, width),
                                            nn_lookup(tape, (struct nn_lookup){values, t->other_value_row, 0}, n, width), shift, normal);
        struct nn_tensor *margin = filled(tape, n, (real)model->recipe.knowledge_margin);
        f = nn_relu(tape, nn_add(tape, nn_add(tape, f, nn_scale(tape, other, -1)), margin));
    }
    return nn_weighted_sum(tape, f, filled(tape, n, (real)(model->config->model.knowledge_weight / n))->value);
}
