/* loss.c - see loss.h. */
#include "worker/models/loss.h"

static struct nn_tensor *head_loss(enum ps_objective objective, struct nn_tape *tape, const struct ps_tile *tile, int r,
                                   const struct nn_tensor *z)
{
    switch (objective) {
    case PS_LOSS_BPR: return nn_bpr(tape, z, tile->behind, tile->weight[r]);
    case PS_LOSS_SQUARED: return nn_squared(tape, z, tile->label[r], tile->weight[r]);
    default: return nn_bce_logits(tape, z, tile->label[r], tile->weight[r]); /* the whole loss, too, of positives alone: models/whole.c */
    }
}

/* scale/2 times the squares of the values of one feature that these rows have. */
static struct nn_tensor *feature_l2(struct nn_tape *tape, const struct nn_bags *bags, const uint32_t *row, int n, int width, real scale)
{
    size_t entries = 0;
    for (int b = 0; b < n; b++)
        entries += bags->begin[row[b] + 1] - bags->begin[row[b]];
    uint32_t *index = nn_tape_alloc(tape, entries * sizeof *index);
    entries = 0;
    for (int b = 0; b < n; b++)
        for (uint32_t e = bags->begin[row[b]]; e < bags->begin[row[b] + 1]; e++)
            index[entries++] = bags->entry[e].row;
    return nn_l2_rows(tape, (struct nn_lookup){bags->rows, index, 0}, (int)entries, width, scale);
}

struct nn_tensor *ps_loss_l2_rows(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor *loss,
                                  int table, const uint32_t *row, int n, int width)
{
    real scale = (real)model->config->model.l2 * tile->sample_weight;
    const struct nn_rows *own = tile->own ? tile->own : tile->rows;
    if (!(scale > 0))
        return loss;
    loss = nn_add(tape, loss, nn_l2_rows(tape, (struct nn_lookup){&own[table], row, 0}, n, width, scale));
    for (int k = 0; k < model->recipe.features; k++)
        if (ps_model_is_feature_of(model, k, table))
            loss = nn_add(tape, loss, feature_l2(tape, &tile->feature[k], row, n, width, scale));
    return loss;
}

struct nn_tensor *ps_loss_l2(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile,
                             struct nn_tensor *loss, int user_width, int item_width)
{
    loss = ps_loss_l2_rows(model, tape, tile, loss, PS_USER_TABLE, tile->user_row, tile->n, user_width);
    return ps_loss_l2_rows(model, tape, tile, loss, PS_ITEM_TABLE, tile->item_row, tile->n, item_width);
}

void ps_loss_tell(const struct ps_tile *tile, int task, const struct nn_tensor *loss)
{
    if (tile->task_loss)
        tile->task_loss[task] += (double)loss->value[0];
}

struct nn_tensor *ps_loss(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile,
                          struct nn_tensor *const *z, int user_width, int item_width)
{
    const struct ps_recipe *recipe = &model->recipe;
    struct nn_tensor *loss = head_loss(recipe->loss, tape, tile, 0, z[0]);
    ps_loss_tell(tile, 0, loss);
    for (int r = 1; r < recipe->heads && tile->need[r] > 0; r++) {
        struct nn_tensor *head = head_loss(recipe->loss, tape, tile, r, z[r]);
        ps_loss_tell(tile, r, head);
        loss = nn_add(tape, loss, head);
    }
    return ps_loss_l2(model, tape, tile, loss, user_width, item_width);
}
