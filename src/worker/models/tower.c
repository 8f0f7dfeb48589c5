/* tower.c - parameters and training pass of a tower; its scoring pass is in tower_score.c. See tower.h. */
#include "worker/models/tower.h"

#include <math.h>

float ps_tower_scale(int fan_in)
{
    return (float)sqrt(3.0 / fan_in);
}

int ps_tower_declare(struct ps_tower *tower, struct ps_model *model, const char *name, struct ps_error *err)
{
    PS_ASSERT(tower->layers <= PS_MAX_LAYERS);
    PS_ASSERT(tower->biased || tower->layers <= 1); /* tower_score.c counts on it */
    for (int l = 0; l < tower->layers; l++) {
        int in = tower->width[l], out = tower->width[l + 1];
        char layer[16];
        snprintf(layer, sizeof layer, "tower_w%d", l + 1);
        tower->w[l] = ps_model_add_tensor(model, layer, name, in, out, PS_INIT_UNIFORM, ps_tower_scale(in), err);
        if (tower->w[l] < 0)
            return tower->w[l];
        if (!tower->biased)
            continue;
        snprintf(layer, sizeof layer, "tower_b%d", l + 1);
        tower->b[l] = ps_model_add_tensor(model, layer, name, 1, out, PS_INIT_ZERO, 0, err);
        if (tower->b[l] < 0)
            return tower->b[l];
    }
    return 0;
}

struct nn_tensor *ps_tower_input(const struct ps_tower *tower, struct nn_tape *tape, const struct ps_tile *tile, int n)
{
    struct nn_lookup p = {&tile->rows[PS_USER_TABLE], tile->user_row, tower->first};
    struct nn_lookup q = {&tile->rows[PS_ITEM_TABLE], tile->item_row, tower->first};
    return nn_lookup_pair(tape, p, q, n, tower->embedding, tower->parts);
}

struct nn_tensor *ps_tower_forward(const struct ps_tower *tower, struct nn_tape *tape, const struct nn_tensor *param,
                                   const struct nn_tensor *z)
{
    for (int l = 0; l < tower->layers; l++)
        z = nn_affine(tape, z, &param[tower->w[l]], tower->biased ? &param[tower->b[l]] : NULL, true);
    return (struct nn_tensor *)z;
}
