/* nmtr_gmf.c - NMTR with generalised matrix factorisation: h . (p*q), or the authors' h . relu((p*q) W). */
#include "worker/models/nmtr.h"

static int nmtr_gmf_init(struct ps_model *model, struct ps_error *err)
{
    if (model->config->model.unit == PS_UNIT_CODE)
        return ps_nmtr_init(model, (struct ps_units){.tower = {{.parts = NN_PRODUCT, .layers = 1}}}, err);
    return ps_nmtr_init(model, (struct ps_units){.head = true}, err);
}

const struct ps_model_class ps_model_nmtr_gmf = {
    .name = "nmtr_gmf",
    .title = "NMTR with generalised matrix factorisation",
    .source = PS_NMTR_SOURCE,
    .options = "embedding cascade unit loss_weights loss unobserved_weight dropout l2 init_scale",
    .recipe = {.whole = true},
    .init = nmtr_gmf_init,
    .fini = ps_nmtr_fini,
    .forward = ps_nmtr_forward,
    .logits = ps_nmtr_logits,
    .factors = ps_nmtr_factors,
    .score = ps_nmtr_score,
};
