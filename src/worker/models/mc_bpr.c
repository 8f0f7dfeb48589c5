/* mc_bpr.c - BPR with positives of all behaviours, and negatives of weaker ones. */
#include "worker/models/ncf.h"

const struct ps_model_class ps_model_mc_bpr = {
    .name = "mc_bpr",
    .title = "BPR with negatives from weaker behaviours, and positives of all",
    .source = PS_MC_SOURCE,
    .options = "embedding loss loss_weights l2 init_scale",
    .recipe = {.heads = PS_HEADS_SHARED, .negatives_from = PS_NEGATIVES_LEVEL, .loss = PS_LOSS_BPR},
    .init = ps_mf_init,
    .fini = ps_ncf_fini,
    .forward = ps_ncf_forward,
    .logits = ps_ncf_logits,
    .factors = ps_ncf_factors,
    .score = ps_ncf_score,
};
