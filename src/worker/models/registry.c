/* registry.c - all models: a new one is its file and its line here. */
#include "worker/model.h"

#define MODELS(each)                                                                                                   \
    each(nmtr_gmf)                                                                                                     \
    each(nmtr_mlp)                                                                                                     \
    each(nmtr_neumf)                                                                                                   \
    each(bpr)                                                                                                          \
    each(gmf)                                                                                                          \
    each(mlp)                                                                                                          \
    each(neumf)                                                                                                        \
    each(mc_bpr)                                                                                                       \
    each(mc_gmf)                                                                                                       \
    each(mc_mlp)                                                                                                       \
    each(mc_neumf)                                                                                                     \
    each(cmf)                                                                                                          \
    each(wmf)                                                                                                          \
    each(wmf_als)                                                                                                      \
    each(mfpr)                                                                                                         \
    each(mmlp)                                                                                                         \
    each(mf_mmlp)                                                                                                      \
    each(gru4rec)                                                                                                      \
    each(gru4rec_full)                                                                                                 \
    each(srgnn)                                                                                                        \
    each(narm)                                                                                                         \
    each(stamp)                                                                                                        \
    each(rib)                                                                                                          \
    each(fpmc)                                                                                                         \
    each(mkmsr)                                                                                                        \
    each(km_sr)                                                                                                        \
    each(m_sr)                                                                                                         \
    each(m_gru_sr)                                                                                                     \
    each(m_ggnn_sr)                                                                                                    \
    each(m_ggnn2_sr)                                                                                                   \
    each(gru_single)                                                                                                   \
    each(gru_shared)                                                                                                   \
    each(gru_mmoe)                                                                                                     \
    each(gru_esmm)                                                                                                     \
    each(gru_ple)                                                                                                      \
    each(popularity)                                                                                                   \
    each(carted_first)                                                                                                 \
    each(own_history)                                                                                                  \
    each(session_popularity)                                                                                           \
    each(session_recent)                                                                                               \
    each(markov)                                                                                                       \
    each(item_knn)                                                                                                     \
    each(session_counts)                                                                                               \
    each(session_knowledge)

#define DECLARE(name) extern const struct ps_model_class ps_model_##name;
#define LIST(name) &ps_model_##name,

MODELS(DECLARE)

const struct ps_model_class *const ps_models[] = {MODELS(LIST) NULL};
