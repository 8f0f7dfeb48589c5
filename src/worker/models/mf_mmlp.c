/* mf_mmlp.c - the ensemble of matrix factorisation and the multi-branch MLP; see mmlp.h. */
#include "worker/models/mmlp.h"

static int mf_mmlp_init(struct ps_model *model, struct ps_error *err)
{
    return ps_mmlp_init(model, true, err);
}

const struct ps_model_class ps_model_mf_mmlp = {
    .name = "mf_mmlp",
    .title = "matrix factorisation beside an MLP with a branch for each behaviour",
    .source = PS_MMLP_SOURCE,
    .options = "embedding layers branch_updates loss l2 init_scale",
    .recipe = {.heads = PS_HEADS_TARGET, .negatives_from = PS_NEGATIVES_SUPPORTIVE, .loss = PS_LOSS_BPR},
    .init = mf_mmlp_init,
    .fini = ps_mmlp_fini,
    .forward = ps_mmlp_forward,
    .logits = ps_mmlp_logits,
    .score = ps_mmlp_score,
};
