/* nmtr_neumf.c - NMTR with NeuMF: a tower over [p; q; p*q] (the authors' code), or GMF and MLP side by side (the
 * paper). */
#include "worker/models/nmtr.h"

static int nmtr_neumf_init(struct ps_model *model, struct ps_error *err)
{
    bool paper = model->config->model.unit == PS_UNIT_PAPER;
    int layers = model->config->model.layers ? model->config->model.layers : 1;
    struct ps_tower tower = {.parts = paper ? NN_PAIR : NN_PAIR | NN_PRODUCT, .biased = true, .layers = layers};
    struct ps_units units = {.head = paper, .halved = true, .tower = {tower}};
    return ps_nmtr_init(model, units, err);
}

const struct ps_model_class ps_model_nmtr_neumf = {
    .name = "nmtr_neumf",
    .title = "NMTR with neural matrix factorisation",
    .source = PS_NMTR_SOURCE,
    .options = "embedding cascade unit layers loss_weights loss l2 init_scale",
    .init = nmtr_neumf_init,
    .fini = ps_nmtr_fini,
    .forward = ps_nmtr_forward,
    .logits = ps_nmtr_logits,
    .factors = ps_nmtr_factors,
    .score = ps_nmtr_score,
};
