/* neumf.c - GMF and MLP side by side on the target, with embeddings of their own. */
#include "worker/models/ncf.h"

const struct ps_model_class ps_model_neumf = {
    .name = "neumf",
    .title = "neural matrix factorisation",
    .source = PS_NCF_SOURCE,
    .options = "embedding layers loss l2 init_scale pretrained_gmf pretrained_mlp pretrained_share",
    .recipe = {.heads = PS_HEADS_TARGET},
    .init = ps_neumf_init,
    .fini = ps_ncf_fini,
    .forward = ps_ncf_forward,
    .logits = ps_ncf_logits,
    .factors = ps_ncf_factors,
    .score = ps_ncf_score,
};
