/* session_parts.c - see session_parts.h. */
#include "worker/models/session_parts.h"

/* A parameter, and where its number goes. */
struct weight {
    int *table;
    const char *name;
    int rows, cols;
};

static int declare(struct ps_model *model, const char *prefix, const struct weight *weight, size_t n, float scale, struct ps_error *err)
{
    for (size_t k = 0; k < n; k++) {
        char name[PS_NAME_SIZE];
        snprintf(name, sizeof name, "%s%s", prefix, weight[k].name);
        *weight[k].table = ps_session_weight(model, name, weight[k].rows, weight[k].cols, scale, err);
        if (*weight[k].table < 0)
            return *weight[k].table;
    }
    return 0;
}

int ps_graph_part_init(struct ps_graph_part *part, struct ps_model *model, const char *prefix, int width, bool paper, float scale,
                       struct ps_error *err)
{
    const int d = width, heard = paper ? d : 2 * d;
    const struct weight weight[] = {{&part->b_in, "graph_b_in", 1, d}, {&part->w, "gru_w", heard, 3 * d}, {&part->b, "gru_b", 1, 3 * d},
                                    {&part->u, "gru_u", d, 3 * d},     {&part->c, "gru_c", 1, 3 * d},     {&part->w_edge, "graph_w", d, 2 * d},
                                    {&part->b_edge, "graph_b", 1, 2 * d}, {&part->b_out, "graph_b_out", 1, d}};
    part->paper = paper;
    return declare(model, prefix, weight, paper ? PS_COUNT(weight) - 3 : PS_COUNT(weight), scale, err);
}

struct nn_tensor *ps_graph_part_run(const struct ps_graph_part *part, struct nn_tape *tape, const struct ps_tile *tile,
                                    const struct nn_session_graph *graph, const struct nn_tensor *nodes)
{
    const struct nn_tensor *p = tile->param;
    struct nn_ggnn layer = {.b_in = &p[part->b_in], .w = &p[part->w], .b = &p[part->b],
                            .cell = {&p[part->u], &p[part->c], part->paper ? NN_RESET_BEFORE : NN_RESET_AFTER, false}};
    if (!part->paper)
        layer.w_edge = &p[part->w_edge], layer.b_edge = &p[part->b_edge], layer.b_out = &p[part->b_out];
    struct nn_tensor *h = nn_ggnn(tape, nodes, graph, &layer, 1);
    return nn_lookup(tape, nn_lookup_from(tape, h, graph->node, 0), nn_segments_rows(tile->sessions->steps), h->cols);
}

int ps_gru_part_init(struct ps_gru_part *part, struct ps_model *model, const char *prefix, int in, int width, float scale,
                     struct ps_error *err)
{
    const struct weight weight[] = {{&part->w, "gru_w", in, 3 * width}, {&part->b, "gru_b", 1, 3 * width},
                                    {&part->u, "gru_u", width, 3 * width}, {&part->c, "gru_c", 1, 3 * width}};
    return declare(model, prefix, weight, PS_COUNT(weight), scale, err);
}

struct nn_tensor *ps_gru_part_run(const struct ps_gru_part *part, struct nn_tape *tape, const struct ps_tile *tile,
                                  const struct nn_tensor *x)
{
    const struct nn_tensor *p = tile->param;
    struct nn_cell cell = {&p[part->u], &p[part->c], NN_RESET_AFTER, false};
    return nn_gru(tape, nn_affine(tape, x, &p[part->w], &p[part->b], false), NULL, tile->sessions->steps, cell);
}

int ps_readout_part_init(struct ps_readout_part *part, struct ps_model *model, int in, int width, float scale, struct ps_error *err)
{
    const struct weight weight[] = {{&part->w1, "attention_w1", in, in}, {&part->w2, "attention_w2", in, in},
                                    {&part->b2, "attention_b", 1, in},   {&part->beta, "attention_beta", in, 1},
                                    {&part->w3, "session_w", 2 * in, width}, {&part->b3, "session_b", 1, width}};
    return declare(model, "", weight, PS_COUNT(weight), scale, err);
}

struct nn_tensor *ps_readout_part_run(const struct ps_readout_part *part, struct nn_tape *tape, const struct ps_tile *tile,
                                      const struct nn_tensor *m)
{
    const struct nn_tensor *p = tile->param;
    struct nn_segments steps = tile->sessions->steps;
    struct nn_tensor *last = nn_segment_last(tape, m, steps);
    struct nn_tensor *key = nn_affine(tape, m, &p[part->w2], &p[part->b2], false), *query = nn_matmul(tape, last, &p[part->w1]);
    struct nn_attention how = {NN_SIGMOID, false};
    struct nn_tensor *global = nn_attend(tape, how, m, key, query, &p[part->beta], NULL, steps);
    return nn_affine(tape, nn_concat(tape, global, last), &p[part->w3], &p[part->b3], false);
}
