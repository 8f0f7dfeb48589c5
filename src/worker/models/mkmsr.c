/* mkmsr.c - MKM-SR: micro-behaviours and item knowledge. */
#include "worker/models/mkm.h"

static int mkmsr_init(struct ps_model *model, struct ps_error *err)
{
    return ps_mkm_init(model, (struct ps_mkm_form){PS_MKM_ITEM_GRAPH, PS_MKM_OPERATION_GRU}, err);
}

const struct ps_model_class ps_model_mkmsr = {
    .name = "mkmsr",
    .title = "graph network over items, GRU over operations, item knowledge",
    .source = PS_MKM_SOURCE,
    .options = PS_MKM_OPTIONS PS_MKM_KNOWLEDGE,
    .recipe = {.stream = PS_STREAM_PREFIXES, .knowledge = true},
    .init = mkmsr_init,
    .fini = ps_mkm_fini,
    .forward = ps_mkm_forward,
    .encode = ps_mkm_encode,
    .match = ps_mkm_match,
    .factors = ps_mkm_factors,
    .score = ps_mkm_score,
};
