/* ggnn.c - a gated graph network over session graphs, put together from smaller operations; see graph.h. */
#include "worker/nn/graph.h"

/* What every node hears from its neighbours. */
static struct nn_tensor *messages(struct nn_tape *tape, const struct nn_tensor *h, const struct nn_session_graph *graph,
                                  const struct nn_ggnn *layer)
{
    int d = h->cols;
    if (!layer->w_edge)
        return nn_add(tape, nn_sparse_matmul(tape, graph->in, h, 0, d, layer->b_in),
                      nn_sparse_matmul(tape, graph->out, h, 0, d, NULL));
    const struct nn_tensor *sent = nn_affine(tape, h, layer->w_edge, layer->b_edge, false);
    return nn_concat(tape, nn_sparse_matmul(tape, graph->in, sent, 0, d, layer->b_in),
                     nn_sparse_matmul(tape, graph->out, sent, d, d, layer->b_out));
}

struct nn_tensor *nn_ggnn(struct nn_tape *tape, const struct nn_tensor *h, const struct nn_session_graph *graph,
                          const struct nn_ggnn *layer, int steps)
{
    PS_ASSERT(steps > 0 && h->rows == nn_segments_rows(graph->nodes));
    struct nn_segments each = nn_segments_uniform(tape, h->rows, 1);
    struct nn_tensor *state = NULL;
    for (int k = 0; k < steps; k++) {
        const struct nn_tensor *before = state ? state : h, *x = messages(tape, before, graph, layer);
        state = nn_gru(tape, nn_affine(tape, x, layer->w, layer->b, false), before, each, layer->cell);
    }
    return state;
}
