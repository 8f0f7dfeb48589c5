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

/* scale/2 times the squares of the values of feature k that the samples have. */
static struct nn_tensor *feature_l2(struct nn_tape *tape, const struct ps_tile *tile, const struct nn_bags *bags, const uint32_t *row,
                                    int width, real scale)
{
    int n = 0;
    for (int b = 0; b < tile->n; b++)
        n += (int)(bags->begin[row[b] + 1] - bags->begin[row[b]]);
    uint32_t *index = nn_tape_alloc(tape, (size_t)n * sizeof *index);
    n = 0;
    for (int b = 0; b < tile->n; b++)
        for (uint32_t e = bags->begin[row[b]]; e < bags->begin[row[b] + 1]; e++)
            index[n++] = bags->entry[e].row;
    return nn_l2_rows(tape, (struct nn_lookup){bags->rows, index, 0}, n, width, scale);
}

struct nn_tensor *ps_loss_l2(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile,
                             struct nn_tensor *loss, int user_width, int item_width)
{
    if (!(model->config->model.l2 > 0))
        return loss;
    const struct nn_rows *own = tile->own ? tile->own : tile->rows;
    struct nn_lookup p = {&own[PS_USER_TABLE], tile->user_row, 0};
    struct nn_lookup q = {&own[PS_ITEM_TABLE], tile->item_row, 0};
    real scale = (real)model->config->model.l2 * tile->sample_weight;
    loss = nn_add(tape, loss, nn_l2_rows(tape, p, tile->n, user_width, scale));
    loss = nn_add(tape, loss, nn_l2_rows(tape, q, tile->n, item_width, scale));
    for (int k = 0; tile->feature && k < model->recipe.features; k++) {
        bool user = model->dataset->feature[model->recipe.feature[k]].side == PS_USERS;
        loss = nn_add(tape, loss, feature_l2(tape, tile, &tile->feature[k], user ? tile->user_row : tile->item_row,
                                             user ? user_width : item_width, scale));
    }
    return loss;
}

struct nn_tensor *ps_loss(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile,
                          struct nn_tensor *const *z, int user_width, int item_width)
{
    const struct ps_recipe *recipe = &model->recipe;
    struct nn_tensor *loss = head_loss(recipe->loss, tape, tile, 0, z[0]);
    for (int r = 1; r < recipe->heads && tile->need[r] > 0; r++)
        loss = nn_add(tape, loss, head_loss(recipe->loss, tape, tile, r, z[r]));
    return ps_loss_l2(model, tape, tile, loss, user_width, item_width);
}
