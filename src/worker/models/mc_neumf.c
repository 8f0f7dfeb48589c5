/* mc_neumf.c - neumf.c with negatives of weaker behaviours, as in the NMTR authors' baselines. */
#include "worker/models/ncf.h"

const struct ps_model_class ps_model_mc_neumf = {
    .name = "mc_neumf",
    .title = "neural matrix factorisation with negatives from weaker behaviours",
    .source = "a baseline of " PS_NMTR_SOURCE,
    .options = "embedding layers loss l2 init_scale pretrained_gmf pretrained_mlp pretrained_share",
    .recipe = {.heads = PS_HEADS_TARGET, .negatives_from = PS_NEGATIVES_LEVEL},
    .init = ps_neumf_init,
    .fini = ps_ncf_fini,
    .forward = ps_ncf_forward,
    .logits = ps_ncf_logits,
    .factors = ps_ncf_factors,
    .score = ps_ncf_score,
};
