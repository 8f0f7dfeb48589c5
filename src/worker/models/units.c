/* units.c - parameters and training pass of the units; their scoring pass is in units_score.c. See units.h. */
#include "worker/models/units.h"

#include <math.h>

static float uniform_scale(int fan_in)
{
    return (float)sqrt(3.0 / fan_in);
}

static int declare_tower(struct ps_units *units, int r, const char *behaviour, struct ps_model *model,
                         struct ps_error *err)
{
    for (int l = 0; l < units->layers; l++) {
        int in = units->width[l], out = units->width[l + 1];
        char name[16];
        snprintf(name, sizeof name, "tower_w%d", l + 1);
        units->tower_w[r][l] =
            ps_model_add_tensor(model, name, behaviour, in, out, PS_INIT_UNIFORM, uniform_scale(in), err);
        if (units->tower_w[r][l] < 0)
            return units->tower_w[r][l];
        if (!units->biased)
            continue;
        snprintf(name, sizeof name, "tower_b%d", l + 1);
        units->tower_b[r][l] = ps_model_add_tensor(model, name, behaviour, 1, out, PS_INIT_ZERO, 0, err);
        if (units->tower_b[r][l] < 0)
            return units->tower_b[r][l];
    }
    int last = units->width[units->layers];
    units->tower_h[r] =
        ps_model_add_tensor(model, "tower_h", behaviour, last, 1, PS_INIT_UNIFORM, uniform_scale(last), err);
    return PS_MIN(units->tower_h[r], 0);
}

int ps_units_declare(struct ps_units *units, struct ps_model *model, struct ps_error *err)
{
    PS_ASSERT(units->biased || units->layers <= 1); /* units_score.c counts on it */
    units->behaviours = (int)model->dataset->behaviours;
    units->width[0] = nn_parts_width(units->parts, units->embedding);
    for (int r = 0; r < units->behaviours; r++) {
        const char *behaviour = model->dataset->behaviour[r];
        if (units->head) {
            units->head_h[r] = ps_model_add_tensor(model, "gmf_h", behaviour, units->embedding, 1, PS_INIT_UNIFORM,
                                                   uniform_scale(units->embedding), err);
            if (units->head_h[r] < 0)
                return units->head_h[r];
        }
        int status = units->parts ? declare_tower(units, r, behaviour, model, err) : 0;
        if (status < 0)
            return status;
    }
    return 0;
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
    while (active < units->behaviours && tile->need[active] > 0)
        active++;
    if (units->head) {
        const struct nn_tensor *h[PS_MAX_BEHAVIOURS];
        for (int r = 0; r < active; r++)
            h[r] = &tile->param[units->head_h[r]];
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
