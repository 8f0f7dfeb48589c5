/* nmtr_mlp.c - NMTR with a multi-layer perceptron over [p; q]. */
#include "worker/models/nmtr.h"

static int nmtr_mlp_init(struct ps_model *model, struct ps_error *err)
{
    int layers = model->config->model.layers ? model->config->model.layers : 1;
    struct ps_units units = {.halved = true, .tower = {{.parts = NN_PAIR, .biased = true, .layers = layers}}};
    return ps_nmtr_init(model, units, err);
}

const struct ps_model_class ps_model_nmtr_mlp = {
    .name = "nmtr_mlp",
    .title = "NMTR with a multi-layer perceptron",
    .source = PS_NMTR_SOURCE,
    .options = "embedding cascade layers loss_weights loss l2 init_scale",
    .init = nmtr_mlp_init,
    .fini = ps_nmtr_fini,
    .forward = ps_nmtr_forward,
    .logits = ps_nmtr_logits,
    .factors = ps_nmtr_factors,
    .score = ps_nmtr_score,
};
