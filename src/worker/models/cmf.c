/* cmf.c - collective matrix factorisation: items are shared, and a user has an embedding for each behaviour. */
#include "worker/models/units.h"

/* Columns of behaviour r's embedding in a user row: the target's comes first, as in a model of the target alone. */
static int user_first(const struct ps_model *model, int r)
{
    return (model->recipe.heads - 1 - r) * model->config->model.embedding;
}

static int cmf_init(struct ps_model *model, struct ps_error *err)
{
    int width = model->config->model.embedding, user = ps_model_add_rows(model, "user", PS_TABLE_USER, err);
    int item = ps_model_add_rows(model, "item", PS_TABLE_ITEM, err);
    float scale = (float)model->config->model.init_scale;
    PS_ASSERT(user == PS_USER_TABLE && item == PS_ITEM_TABLE);
    for (int r = model->recipe.heads - 1; r >= 0; r--) {
        char name[PS_NAME_SIZE];
        snprintf(name, sizeof name, "embedding_%s", model->dataset->behaviour[r]);
        ps_model_add_field(model, user, name, width, PS_INIT_TRUNCATED, scale);
    }
    ps_model_add_field(model, item, "embedding", width, PS_INIT_TRUNCATED, scale);
    return 0;
}

static void cmf_fini(struct ps_model *model)
{
}

static void cmf_logits(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor **z)
{
    struct nn_lookup p = {&tile->rows[PS_USER_TABLE], tile->user_row, 0};
    struct nn_lookup q = {&tile->rows[PS_ITEM_TABLE], tile->item_row, 0};
    int width = model->config->model.embedding;
    const struct nn_tensor *ones = ps_ones(tape, width);
    for (int r = 0; r < model->recipe.heads && (r == 0 || tile->need[r] > 0); r++) {
        p.first = user_first(model, r);
        nn_gmf(tape, p, q, width, 1, &ones, &tile->need[r], &z[r]);
    }
}

static struct nn_tensor *cmf_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    struct nn_tensor *z[PS_MAX_BEHAVIOURS];
    cmf_logits(model, tape, tile, z);
    return ps_loss(model, tape, tile, z, (int)model->table[PS_USER_TABLE].width, model->config->model.embedding);
}

const struct ps_model_class ps_model_cmf = {
    .name = "cmf",
    .title = "collective matrix factorisation: items shared, a user embedding for each behaviour",
    .source = "Zhao et al., Improving User Topic Interest Profiles by Behavior Factorization, WWW 2015",
    .options = "embedding loss_weights loss l2 init_scale",
    .init = cmf_init,
    .fini = cmf_fini,
    .forward = cmf_forward,
    .logits = cmf_logits,
    .factors = ps_product_factors,
    .score = ps_product_score,
};
