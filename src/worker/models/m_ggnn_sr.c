/* m_ggnn_sr.c - M(GGNN)-SR: the graph's nodes are pairs of item and operation. */
#include "worker/models/mkm.h"

static int m_ggnn_sr_init(struct ps_model *model, struct ps_error *err)
{
    return ps_mkm_init(model, (struct ps_mkm_form){PS_MKM_PAIR_GRAPH, PS_MKM_NO_OPERATIONS}, err);
}

const struct ps_model_class ps_model_m_ggnn_sr = {
    .name = "m_ggnn_sr",
    .title = "MKM-SR without knowledge, a graph of pairs of item and operation",
    .source = PS_MKM_SOURCE,
    .options = PS_MKM_OPTIONS,
    .recipe = {.stream = PS_STREAM_PREFIXES},
    .init = m_ggnn_sr_init,
    .fini = ps_mkm_fini,
    .forward = ps_mkm_forward,
    .encode = ps_mkm_encode,
    .match = ps_mkm_match,
    .factors = ps_mkm_factors,
    .score = ps_mkm_score,
};
