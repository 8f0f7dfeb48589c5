/* mlp.c - a tower over [p; q] on the target. */
#include "worker/models/ncf.h"

const struct ps_model_class ps_model_mlp = {
    .name = "mlp",
    .title = "a multi-layer perceptron",
    .source = PS_NCF_SOURCE,
    .options = "embedding layers loss l2 init_scale",
    .recipe = {.heads = PS_HEADS_TARGET},
    .init = ps_mlp_init,
    .fini = ps_ncf_fini,
    .forward = ps_ncf_forward,
    .logits = ps_ncf_logits,
    .factors = ps_ncf_factors,
    .score = ps_ncf_score,
};
