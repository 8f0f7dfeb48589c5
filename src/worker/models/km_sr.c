/* km_sr.c - MKM-SR without operations. */
#include "worker/models/mkm.h"

static int km_sr_init(struct ps_model *model, struct ps_error *err)
{
    return ps_mkm_init(model, (struct ps_mkm_form){PS_MKM_ITEM_GRAPH, PS_MKM_NO_OPERATIONS}, err);
}

const struct ps_model_class ps_model_km_sr = {
    .name = "km_sr",
    .title = "MKM-SR without operations",
    .source = PS_MKM_SOURCE,
    .options = PS_MKM_OPTIONS PS_MKM_KNOWLEDGE,
    .recipe = {.stream = PS_STREAM_PREFIXES, .knowledge = true},
    .init = km_sr_init,
    .fini = ps_mkm_fini,
    .forward = ps_mkm_forward,
    .encode = ps_mkm_encode,
    .match = ps_mkm_match,
    .factors = ps_mkm_factors,
    .score = ps_mkm_score,
};
