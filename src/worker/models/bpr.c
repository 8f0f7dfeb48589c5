/* bpr.c - matrix factorisation on the target, by pairs: -log sigma(p . q_i - p . q_j). */
#include "worker/models/ncf.h"

const struct ps_model_class ps_model_bpr = {
    .name = "bpr",
    .title = "matrix factorisation, Bayesian personalised ranking",
    .source = "Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, UAI 2009",
    .options = "embedding loss l2 init_scale",
    .recipe = {.heads = PS_HEADS_TARGET, .loss = PS_LOSS_BPR},
    .init = ps_mf_init,
    .fini = ps_ncf_fini,
    .forward = ps_ncf_forward,
    .logits = ps_ncf_logits,
    .factors = ps_ncf_factors,
    .score = ps_ncf_score,
};
