/* ncf.c - see ncf.h. */
#include "worker/models/ncf.h"

#include "worker/models/whole.h"

#include <stdlib.h>

struct ncf {
    struct ps_units units;
    int bias; /* its table, or -1 */
    struct ps_whole whole;
};

int ps_ncf_init(struct ps_model *model, struct ps_units units, double unobserved, struct ps_error *err)
{
    int status = ps_units_declare(&units, model, err), bias = -1;
    bool whole = model->recipe.loss == PS_LOSS_WHOLE;
    if (!status && !units.fixed && !ps_recipe_pairs(&model->recipe) && !whole) {
        bias = ps_model_add_tensor(model, "bias", NULL, 1, 1, PS_INIT_ZERO, 0, err);
        status = PS_MIN(bias, 0);
    }
    struct ncf *ncf = model->state = ps_malloc(sizeof *ncf);
    *ncf = (struct ncf){.units = units, .bias = bias};
    return status || !whole ? status : ps_whole_declare(&ncf->whole, model, unobserved, err);
}

void ps_ncf_fini(struct ps_model *model)
{
    free(model->state);
}

void ps_ncf_logits(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor **z)
{
    const struct ncf *ncf = model->state;
    ps_units_forward(&ncf->units, tape, tile, z);
    if (ncf->bias >= 0)
        *z = nn_add_bias(tape, *z, &tile->param[ncf->bias]);
}

bool ps_ncf_factors(const struct ps_model *model, struct nn_tape *tape, const struct nn_tensor *param, struct ps_factors *factors)
{
    const struct ncf *ncf = model->state;
    if (!ps_units_factors(&ncf->units, tape, param, (const double[]){1}, factors))
        return false;
    factors->constant = ncf->bias >= 0 ? (double)param[ncf->bias].value[0] : 0;
    return true;
}

struct nn_tensor *ps_ncf_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct ncf *ncf = model->state;
    struct nn_tensor *z;
    ps_ncf_logits(model, tape, tile, &z);
    if (model->recipe.loss == PS_LOSS_WHOLE) {
        const struct nn_tensor *g = ps_units_head(&ncf->units, tape, tile, 0);
        return ps_whole_loss(&ncf->whole, model, tape, tile, &z, &g);
    }
    return ps_loss(model, tape, tile, &z, (int)model->table[PS_USER_TABLE].width, (int)model->table[PS_ITEM_TABLE].width);
}

void ps_ncf_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out)
{
    const struct ncf *ncf = model->state;
    ps_units_score(&ncf->units, tape, input, (const double[]){1}, out);
    real bias = ncf->bias >= 0 ? input->param[ncf->bias].value[0] : 0;
    for (size_t k = 0; k < (size_t)input->users * (size_t)input->items; k++)
        out[k] += bias;
}

int ps_mf_init(struct ps_model *model, struct ps_error *err)
{
    return ps_ncf_init(model, (struct ps_units){.head = true, .fixed = true}, 0, err);
}

int ps_gmf_init(struct ps_model *model, struct ps_error *err)
{
    return ps_ncf_init(model, (struct ps_units){.head = true}, model->config->model.unobserved_weight, err);
}

/* NCF's layers for E = 32: 64 - 32 - 16 - 8. */
static struct ps_tower tower_of(const struct ps_model *model)
{
    int layers = model->config->model.layers ? model->config->model.layers : 3;
    return (struct ps_tower){.parts = NN_PAIR, .biased = true, .layers = layers};
}

int ps_mlp_init(struct ps_model *model, struct ps_error *err)
{
    struct ps_units units = {.halved = true, .tower = {tower_of(model)}};
    return ps_ncf_init(model, units, 0, err);
}

int ps_neumf_init(struct ps_model *model, struct ps_error *err)
{
    struct ps_units units = {.head = true, .halved = true, .tower = {tower_of(model)}};
    return ps_ncf_init(model, units, 0, err);
}
