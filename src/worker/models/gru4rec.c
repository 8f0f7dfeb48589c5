/* gru4rec.c - gated recurrent units over a session, whose state after a step foretells the next item, in two forms:
 *
 *   gru4rec       as its authors train it: session-parallel, a step of many sessions in a micro-batch and nothing propagated further
 *                 back; score_j = h . e_j + b_j with the embeddings that the steps have, too ("constrained")
 *   gru4rec_full  as RecBole and Tenrec have it: whole sessions, a target behind every step, backpropagation through all of them;
 *                 without biases in the units, score_j = (h W + b) . e_j
 *
 * Weights begin as U(-s, s), s = sqrt(6 / (rows + columns)) of a gate's block, and the items' embeddings likewise.
 */
#include "worker/models/recurrent.h"

#include <math.h>
#include <stdlib.h>

struct gru4rec {
    struct ps_recurrent states;
    bool full;
    int w, b; /* of gru4rec_full: from state to score */
};

static int init(struct ps_model *model, bool full, struct ps_error *err)
{
    int d = model->config->model.embedding;
    struct gru4rec *m = model->state = ps_calloc(1, sizeof *m);
    m->full = full;
    float scale = sqrtf(3 / (float)d), of_items = sqrtf(6 / (float)(model->dataset->items + (uint64_t)d));
    int status = ps_session_items(model, d, !full, PS_INIT_UNIFORM, of_items, err);
    if (status >= 0)
        status = ps_recurrent_declare(&m->states, model, d, scale, full ? -1 : 0, err);
    if (status >= 0 && full)
        status = m->w = ps_session_weight(model, "dense_w", d, d, scale, err);
    if (status >= 0 && full)
        status = m->b = ps_session_weight(model, "dense_b", 1, d, 0, err);
    return PS_MIN(status, 0);
}

static int init_parallel(struct ps_model *model, struct ps_error *err)
{
    return init(model, false, err);
}

static int init_full(struct ps_model *model, struct ps_error *err)
{
    return init(model, true, err);
}

static void fini(struct ps_model *model)
{
    free(model->state);
}

static struct nn_tensor *encode(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct gru4rec *m = model->state;
    struct nn_tensor *h = ps_session_states(tape, tile, ps_recurrent_states(&m->states, model, tape, tile));
    return m->full ? nn_affine(tape, h, &tile->param[m->w], &tile->param[m->b], false) : h;
}

const struct ps_model_class ps_model_gru4rec = {
    .name = "gru4rec",
    .title = "recurrent unit over sessions, trained session-parallel with the lane's state",
    .source = "Hidasi et al., Session-based Recommendations with Recurrent Neural Networks, ICLR 2016; Hidasi and Karatzoglou, CIKM 2018",
    .options = PS_SESSION_OPTIONS " layers dropout dropout_hidden",
    .recipe = {.stream = PS_STREAM_PARALLEL},
    .init = init_parallel,
    .fini = fini,
    .forward = ps_session_forward,
    .encode = encode,
    .match = ps_session_match,
    .factors = ps_session_factors,
    .score = ps_session_score,
};

const struct ps_model_class ps_model_gru4rec_full = {
    .name = "gru4rec_full",
    .title = "recurrent unit over whole sessions, with backpropagation through time",
    .source = "Tan et al., Improved Recurrent Neural Networks for Session-based Recommendations, DLRS 2016, as RecBole and Tenrec have it",
    .options = PS_SESSION_OPTIONS " layers dropout dropout_hidden",
    .recipe = {.stream = PS_STREAM_SESSIONS},
    .init = init_full,
    .fini = fini,
    .forward = ps_session_forward,
    .encode = encode,
    .match = ps_session_match,
    .factors = ps_session_factors,
    .score = ps_session_score,
};
