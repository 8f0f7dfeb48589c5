/* units.c - parameters and training pass of the units; their scoring pass is in units_score.c. See units.h. */
#include "worker/models/units.h"

#include <math.h>

static float uniform_scale(int fan_in)
{
    return (float)sqrt(3.0 / fan_in);
}

static int declare_tower(struct ps_units *units, int r, const char *head, struct ps_model *model, struct ps_error *err)
{
    for (int l = 0; l < units->layers; l++) {
        int in = units->width[l], out = units->width[l + 1];
        char name[16];
        snprintf(name, sizeof name, "tower_w%d", l + 1);
        units->tower_w[r][l] =
            ps_model_add_tensor(model, name, head, in, out, PS_INIT_UNIFORM, uniform_scale(in), err);
        if (units->tower_w[r][l] < 0)
            return units->tower_w[r][l];
        if (!units->biased)
            continue;
        snprintf(name, sizeof name, "tower_b%d", l + 1);
        units->tower_b[r][l] = ps_model_add_tensor(model, name, head, 1, out, PS_INIT_ZERO, 0, err);
        if (units->tower_b[r][l] < 0)
            return units->tower_b[r][l];
    }
    int last = units->width[units->layers];
    units->tower_h[r] =
        ps_model_add_tensor(model, "tower_h", head, last, 1, PS_INIT_UNIFORM, uniform_scale(last), err);
    return PS_MIN(units->tower_h[r], 0);
}

static int set_widths(struct ps_units *units, const struct ps_model *model, struct ps_error *err)
{
    int width = units->width[0] = nn_parts_width(units->parts, units->embedding);
    for (int l = 1; l <= units->layers; l++) {
        width = units->halved ? width / 2 : units->embedding;
        if (width == 0)
            return ps_fail(
                err, PS_EXIT_USAGE,
                "model.layers is %d, but with model.embedding %d layer %d of %s would be empty; use at most %d",
                units->layers, units->embedding, l, model->class_->name, l - 1);
        units->width[l] = width;
    }
    return 0;
}

/* The head and the tower have embeddings of their own where a unit has both. */
static int declare_embeddings(struct ps_units *units, struct ps_model *model, struct ps_error *err)
{
    bool separate = units->head && units->parts;
    float scale = (float)model->config->model.init_scale;
    int user = ps_model_add_rows(model, "user", PS_TABLE_USER, err);
    int item = ps_model_add_rows(model, "item", PS_TABLE_ITEM, err);
    PS_ASSERT(user == PS_USER_TABLE && item == PS_ITEM_TABLE);
    for (int table = user; table <= item; table++) {
        units->head_first = units->tower_first = ps_model_add_field(
            model, table, separate ? "embedding_gmf" : "embedding", units->embedding, PS_INIT_TRUNCATED, scale);
        if (separate)
            units->tower_first =
                ps_model_add_field(model, table, "embedding_mlp", units->embedding, PS_INIT_TRUNCATED, scale);
    }
    return 0;
}

int ps_units_declare(struct ps_units *units, struct ps_model *model, struct ps_error *err)
{
    PS_ASSERT(units->layers <= PS_MAX_LAYERS);
    PS_ASSERT(units->biased || units->layers <= 1); /* units_score.c counts on it */
    units->heads = model->recipe.heads;
    units->embedding = model->config->model.embedding;
    int status = set_widths(units, model, err);
    if (!status)
        status = declare_embeddings(units, model, err);
    for (int r = 0; !status && r < units->heads; r++) {
        const char *head = ps_model_head(model, r);
        if (units->head && !units->fixed) {
            units->head_h[r] = ps_model_add_tensor(model, "gmf_h", head, units->embedding, 1, PS_INIT_UNIFORM,
                                                   uniform_scale(units->embedding), err);
            status = PS_MIN(units->head_h[r], 0);
        }
        if (!status && units->parts)
            status = declare_tower(units, r, head, model, err);
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

static struct nn_tensor *tower_forward(const struct ps_units *units, int r, struct nn_tape *tape,
                                       const struct nn_tensor *param, const struct nn_tensor *z)
{
    for (int l = 0; l < units->layers; l++)
        z = nn_affine(tape, z, &param[units->tower_w[r][l]], units->biased ? &param[units->tower_b[r][l]] : NULL, true);
    return nn_matmul(tape, z, &param[units->tower_h[r]]);
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
            h[r] = units->fixed ? ps_ones(tape, units->embedding) : &tile->param[units->head_h[r]];
        nn_gmf(tape, p, q, units->embedding, active, h, tile->need, f);
    }
    if (!units->parts)
        return;
    p.first = q.first = units->tower_first;
    struct nn_tensor *z = nn_lookup_pair(tape, p, q, tile->need[0], units->embedding, units->parts);
    for (int r = 0; r < active; r++) {
        struct nn_tensor *tower = tower_forward(units, r, tape, tile->param, nn_head(tape, z, tile->need[r]));
        f[r] = units->head ? nn_add(tape, f[r], tower) : tower;
    }
}
