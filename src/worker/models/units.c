/* units.c - parameters and training pass of the units; their scoring pass is in units_score.c. See units.h. */
#include "worker/models/units.h"

static int declare_head(struct ps_model *model, const char *name, const char *head, int width, int *table,
                        struct ps_error *err)
{
    *table = ps_model_add_tensor(model, name, head, width, 1, PS_INIT_UNIFORM, ps_tower_scale(width), err);
    return PS_MIN(*table, 0);
}

static int set_widths(struct ps_tower *tower, bool halved, const struct ps_model *model, struct ps_error *err)
{
    int width = tower->width[0] = nn_parts_width(tower->parts, tower->embedding);
    for (int l = 1; l <= tower->layers; l++) {
        width = halved ? width / 2 : tower->embedding;
        if (width == 0)
            return ps_fail(
                err, PS_EXIT_USAGE,
                "model.layers is %d, but with model.embedding %d layer %d of %s would be empty; use at most %d",
                tower->layers, tower->embedding, l, model->class_->name, l - 1);
        tower->width[l] = width;
    }
    return 0;
}

/* The head and the tower have embeddings of their own where a unit has both. */
static int declare_embeddings(struct ps_units *units, struct ps_tower *tower,
                              struct ps_model *model, struct ps_error *err)
{
    bool separate = units->head && tower->parts;
    float scale = (float)model->config->model.init_scale;
    int user = ps_model_add_rows(model, "user", PS_TABLE_USER, err);
    int item = ps_model_add_rows(model, "item", PS_TABLE_ITEM, err);
    PS_ASSERT(user == PS_USER_TABLE && item == PS_ITEM_TABLE);
    for (int table = user; table <= item; table++) {
        units->head_first = tower->first = ps_model_add_field(
            model, table, separate ? "embedding_gmf" : "embedding", units->embedding, PS_INIT_TRUNCATED, scale);
        if (separate)
            tower->first =
                ps_model_add_field(model, table, "embedding_mlp", units->embedding, PS_INIT_TRUNCATED, scale);
    }
    return 0;
}

int ps_units_declare(struct ps_units *units, struct ps_model *model, struct ps_error *err)
{
    struct ps_tower tower = units->tower[0];
    units->heads = model->recipe.heads;
    units->embedding = tower.embedding = model->config->model.embedding;
    int status = set_widths(&tower, units->halved, model, err);
    if (!status)
        status = declare_embeddings(units, &tower, model, err);
    for (int r = 0; !status && r < units->heads; r++) {
        const char *head = ps_model_head(model, r);
        if (units->head && !units->fixed)
            status = declare_head(model, "gmf_h", head, units->embedding, &units->head_h[r], err);
        units->tower[r] = tower;
        if (!status && tower.parts)
            status = ps_tower_declare(&units->tower[r], model, head, err);
        if (!status && tower.parts)
            status = declare_head(model, "tower_h", head, tower.width[tower.layers], &units->tower_h[r], err);
    }
    return status;
}

const struct nn_tensor *ps_ones(struct nn_tape *tape, int width)
{
    real *value = nn_tape_alloc(tape, (size_t)width * sizeof *value);
    for (int j = 0; j < width; j++)
        value[j] = 1;
    return nn_leaf(tape, width, 1, value, NULL);
}

const struct nn_tensor *ps_units_head(const struct ps_units *units, struct nn_tape *tape, const struct ps_tile *tile, int r)
{
    return units->fixed ? ps_ones(tape, units->embedding) : &tile->param[units->head_h[r]];
}

void ps_units_forward(const struct ps_units *units, struct nn_tape *tape, const struct ps_tile *tile,
                      struct nn_tensor **f)
{
    struct nn_lookup p = {&tile->rows[PS_USER_TABLE], tile->user_row, units->head_first};
    struct nn_lookup q = {&tile->rows[PS_ITEM_TABLE], tile->item_row, units->head_first};
    int active = 1;
    while (active < units->heads && tile->need[active] > 0)
        active++;
    if (units->head) {
        const struct nn_tensor *h[PS_MAX_BEHAVIOURS];
        for (int r = 0; r < active; r++)
            h[r] = ps_units_head(units, tape, tile, r);
        nn_gmf(tape, p, q, units->embedding, active, h, tile->need, f);
    }
    if (!units->tower[0].parts)
        return;
    struct nn_tensor *input = ps_tower_input(&units->tower[0], tape, tile, tile->need[0]);
    for (int r = 0; r < active; r++) {
        struct nn_tensor *z = ps_tower_forward(&units->tower[r], tape, tile->param, nn_head(tape, input, tile->need[r]));
        struct nn_tensor *tower = nn_matmul(tape, z, &tile->param[units->tower_h[r]]);
        f[r] = units->head ? nn_add(tape, f[r], tower) : tower;
    }
}
