/* m_ggnn2_sr.c - M(GGNNx2)-SR: the operations have a graph of their own. */
#include "worker/models/mkm.h"

static int m_ggnn2_sr_init(struct ps_model *model, struct ps_error *err)
{
    return ps_mkm_init(model, (struct ps_mkm_form){PS_MKM_ITEM_GRAPH, PS_MKM_OPERATION_GRAPH}, err);
}

const struct ps_model_class ps_model_m_ggnn2_sr = {
    .name = "m_ggnn2_sr",
    .title = "MKM-SR without knowledge, a graph of items and one of operations",
    .source = PS_MKM_SOURCE,
    .options = PS_MKM_OPTIONS,
    .recipe = {.stream = PS_STREAM_PREFIXES},
    .init = m_ggnn2_sr_init,
    .fini = ps_mkm_fini,
    .forward = ps_mkm_forward,
    .encode = ps_mkm_encode,
    .match = ps_mkm_match,
    .factors = ps_mkm_factors,
    .score = ps_mkm_score,
};
