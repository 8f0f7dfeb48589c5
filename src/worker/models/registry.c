/* registry.c - all models: a new one is its file and its two lines here. */
#include "worker/model.h"

extern const struct ps_model_class ps_model_nmtr_gmf, ps_model_nmtr_mlp, ps_model_nmtr_neumf;
extern const struct ps_model_class ps_model_bpr, ps_model_gmf, ps_model_mlp, ps_model_neumf;
extern const struct ps_model_class ps_model_mc_bpr, ps_model_mc_gmf, ps_model_mc_mlp, ps_model_mc_neumf;
extern const struct ps_model_class ps_model_cmf, ps_model_wmf, ps_model_wmf_als, ps_model_mfpr, ps_model_mmlp, ps_model_mf_mmlp;
extern const struct ps_model_class ps_model_srgnn;
extern const struct ps_model_class ps_model_gru_single, ps_model_gru_shared, ps_model_gru_mmoe, ps_model_gru_ple;
extern const struct ps_model_class ps_model_popularity, ps_model_carted_first;

const struct ps_model_class *const ps_models[] = {
    &ps_model_nmtr_gmf, &ps_model_nmtr_mlp,     &ps_model_nmtr_neumf, &ps_model_bpr,     &ps_model_gmf,
    &ps_model_mlp,      &ps_model_neumf,        &ps_model_mc_bpr,     &ps_model_mc_gmf,  &ps_model_mc_mlp,
    &ps_model_mc_neumf, &ps_model_cmf,          &ps_model_wmf,        &ps_model_wmf_als, &ps_model_mfpr,
    &ps_model_mmlp,     &ps_model_mf_mmlp,      &ps_model_srgnn,      &ps_model_gru_single, &ps_model_gru_shared, &ps_model_gru_mmoe, &ps_model_gru_ple, &ps_model_popularity, &ps_model_carted_first,
    NULL,
};
