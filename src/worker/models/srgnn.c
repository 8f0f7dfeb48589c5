/* srgnn.c - sessions as graphs: a gated graph network over a session's items, soft attention that asks with the last of them. With h
 * the states of the steps' items, h_L that of the last:
 *   alpha_t = beta . sigma(h_L W_1 + h_t W_2 + b);   s = [sum_t alpha_t h_t; h_L] W_3 + b_3;   score_j = s . e_j
 */
#include "worker/models/session_parts.h"

#include <math.h>
#include <stdlib.h>

struct srgnn {
    struct ps_graph_part graph;
    struct ps_readout_part readout;
};

static int srgnn_init(struct ps_model *model, struct ps_error *err)
{
    int d = model->config->model.embedding;
    float scale = 1 / sqrtf((float)d);
    struct srgnn *m = model->state = ps_calloc(1, sizeof *m);
    int status = ps_session_items(model, d, false, PS_INIT_UNIFORM, scale, err);
    if (status >= 0)
        status = ps_graph_part_init(&m->graph, model, "", d, false, scale, err);
    return status < 0 ? status : ps_readout_part_init(&m->readout, model, d, d, scale, err);
}

static void srgnn_fini(struct ps_model *model)
{
    free(model->state);
}

static struct nn_tensor *srgnn_encode(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct srgnn *m = model->state;
    const struct ps_session_view *s = tile->sessions;
    const struct nn_rows *items = &tile->rows[PS_SESSION_ITEMS];
    struct nn_session_graph graph = nn_session_graph(tape, s->item_row, (uint32_t)items->count, s->steps, false);
    struct nn_tensor *nodes = nn_lookup(tape, (struct nn_lookup){items, graph.item, 0}, nn_segments_rows(graph.nodes), model->encoded);
    nodes = ps_graph_part_run(&m->graph, tape, tile, &graph, ps_session_drop(model, tape, tile, nodes));
    return ps_readout_part_run(&m->readout, tape, tile, nodes);
}

const struct ps_model_class ps_model_srgnn = {
    .name = "srgnn",
    .title = "gated graph network over a session's items, with soft attention",
    .source = "Wu et al., Session-based Recommendation with Graph Neural Networks, AAAI 2019",
    .options = PS_SESSION_OPTIONS " dropout",
    .recipe = {.stream = PS_STREAM_PREFIXES},
    .init = srgnn_init,
    .fini = srgnn_fini,
    .forward = ps_session_forward,
    .encode = srgnn_encode,
    .match = ps_session_match,
    .factors = ps_session_factors,
    .score = ps_session_score,
};
