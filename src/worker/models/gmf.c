/* gmf.c - generalised matrix factorisation on the target: h . (p*q) + b. */
#include "worker/models/ncf.h"

const struct ps_model_class ps_model_gmf = {
    .name = "gmf",
    .title = "generalised matrix factorisation",
    .source = PS_NCF_SOURCE,
    .options = "embedding loss unobserved_weight dropout l2 init_scale",
    .recipe = {.heads = PS_HEADS_TARGET, .whole = true},
    .init = ps_gmf_init,
    .fini = ps_ncf_fini,
    .forward = ps_ncf_forward,
    .logits = ps_ncf_logits,
    .factors = ps_ncf_factors,
    .score = ps_ncf_score,
};
