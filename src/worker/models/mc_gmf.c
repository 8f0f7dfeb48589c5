/* mc_gmf.c - gmf.c with negatives of weaker behaviours, as in the NMTR authors' baselines. */
#include "worker/models/ncf.h"

const struct ps_model_class ps_model_mc_gmf = {
    .name = "mc_gmf",
    .title = "generalised matrix factorisation with negatives from weaker behaviours",
    .source = "a baseline of " PS_NMTR_SOURCE,
    .options = "embedding loss l2 init_scale",
    .recipe = {.heads = PS_HEADS_TARGET, .negatives_from = PS_NEGATIVES_LEVEL},
    .init = ps_gmf_init,
    .fini = ps_ncf_fini,
    .forward = ps_ncf_forward,
    .logits = ps_ncf_logits,
    .factors = ps_ncf_factors,
    .score = ps_ncf_score,
};
