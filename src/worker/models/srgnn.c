/* srgnn.c - sessions as graphs: a gated graph network over a session's items, soft attention that asks with the last of them. With h
 * the states of the steps' items, h_L that of the last:
 *   alpha_t = beta . sigma(h_L W_1 + h_t W_2 + b);   s = [sum_t alpha_t h_t; h_L] W_3 + b_3;   score_j = s . e_j
 */
#include "worker/models/session.h"
#include "worker/nn/graph.h"

#include <math.h>
#include <stdlib.h>

struct srgnn {
    int w_edge, b_edge, b_in, b_out, w, b, u, c; /* the graph network */
    int w1, w2, b2, beta, w3, b3;
};

static int srgnn_init(struct ps_model *model, struct ps_error *err)
{
    int d = model->config->model.embedding;
    float scale = 1 / sqrtf((float)d);
    struct srgnn *m = model->state = ps_calloc(1, sizeof *m);
    struct {
        int *table;
        const char *name;
        int rows, cols;
    } weight[] = {{&m->w_edge, "graph_w", d, 2 * d}, {&m->b_edge, "graph_b", 1, 2 * d}, {&m->b_in, "graph_b_in", 1, d},
                  {&m->b_out, "graph_b_out", 1, d},  {&m->w, "gru_w", 2 * d, 3 * d},    {&m->b, "gru_b", 1, 3 * d},
                  {&m->u, "gru_u", d, 3 * d},        {&m->c, "gru_c", 1, 3 * d},        {&m->w1, "attention_w1", d, d},
                  {&m->w2, "attention_w2", d, d},    {&m->b2, "attention_b", 1, d},     {&m->beta, "attention_beta", d, 1},
                  {&m->w3, "session_w", 2 * d, d},   {&m->b3, "session_b", 1, d}};
    int status = ps_session_items(model, d, false, PS_INIT_UNIFORM, scale, err);
    for (size_t k = 0; k < PS_COUNT(weight) && status >= 0; k++)
        status = *weight[k].table = ps_session_weight(model, weight[k].name, weight[k].rows, weight[k].cols, scale, err);
    return PS_MIN(status, 0);
}

static void srgnn_fini(struct ps_model *model)
{
    free(model->state);
}

static struct nn_tensor *srgnn_encode(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct srgnn *m = model->state;
    const struct ps_session_view *s = tile->sessions;
    const struct nn_tensor *p = tile->param;
    int d = model->encoded;
    struct nn_session_graph graph = nn_session_graph(tape, s->item_row, (uint32_t)tile->rows[PS_SESSION_ITEMS].count, s->steps, false);
    struct nn_ggnn layer = {&p[m->w_edge], &p[m->b_edge], &p[m->b_in], &p[m->b_out], &p[m->w], &p[m->b],
                            {&p[m->u], &p[m->c], NN_RESET_AFTER, false}};
    struct nn_tensor *nodes = nn_lookup(tape, (struct nn_lookup){&tile->rows[PS_SESSION_ITEMS], graph.item, 0},
                                        nn_segments_rows(graph.nodes), d);
    nodes = nn_ggnn(tape, nodes, &graph, &layer, 1);
    struct nn_tensor *h = nn_lookup(tape, nn_lookup_from(tape, nodes, graph.node, 0), nn_segments_rows(s->steps), d);
    struct nn_tensor *last = nn_segment_last(tape, h, s->steps);
    struct nn_tensor *key = nn_affine(tape, h, &p[m->w2], &p[m->b2], false), *query = nn_matmul(tape, last, &p[m->w1]);
    struct nn_attention how = {NN_SIGMOID, false};
    struct nn_tensor *global = nn_attend(tape, how, h, key, query, &p[m->beta], NULL, s->steps);
    return nn_affine(tape, nn_concat(tape, global, last), &p[m->w3], &p[m->b3], false);
}

const struct ps_model_class ps_model_srgnn = {
    .name = "srgnn",
    .title = "gated graph network over a session's items, with soft attention",
    .source = "Wu et al., Session-based Recommendation with Graph Neural Networks, AAAI 2019",
    .options = "embedding l2",
    .recipe = {.stream = PS_STREAM_PREFIXES},
    .init = srgnn_init,
    .fini = srgnn_fini,
    .forward = ps_session_forward,
    .encode = srgnn_encode,
    .score = ps_session_score,
};
