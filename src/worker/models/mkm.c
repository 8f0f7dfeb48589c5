/* mkm.c - see mkm.h. */
#include "worker/models/mkm.h"

#include "worker/models/knowledge.h"
#include "worker/models/session_parts.h"
#include "worker/nn/blas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct mkm {
    struct ps_mkm_form form;
    struct ps_graph_part graph, operation_graph;
    struct ps_gru_part gru; /* of the operations, or of the pairs */
    struct ps_readout_part readout;
    struct ps_knowledge_part knowledge;
    int operation;                                 /* embeddings, operations x d */
    int score_session, score_item, score_b, score_hidden; /* of PS_SCORE_MLP */
};

static int steps_init(struct mkm *m, struct ps_model *model, int d, float scale, struct ps_error *err)
{
    bool paper = model->config->model.unit == PS_UNIT_PAPER;
    struct ps_mkm_form form = m->form;
    if (form.items == PS_MKM_PAIR_GRU)
        return ps_gru_part_init(&m->gru, model, "", 2 * d, 2 * d, scale, err);
    if (form.items == PS_MKM_PAIR_GRAPH)
        return ps_graph_part_init(&m->graph, model, "", 2 * d, paper, scale, err);
    int status = ps_graph_part_init(&m->graph, model, "", d, paper, scale, err);
    if (status < 0 || form.operations == PS_MKM_NO_OPERATIONS)
        return status;
    if (form.operations == PS_MKM_OPERATION_GRU)
        return ps_gru_part_init(&m->gru, model, "operation_", d, d, scale, err);
    return ps_graph_part_init(&m->operation_graph, model, "operation_", d, paper, scale, err);
}

static int score_init(struct mkm *m, struct ps_model *model, int d, float scale, struct ps_error *err)
{
    int status = m->score_session = ps_session_weight(model, "score_session_w", d, d, scale, err);
    if (status >= 0)
        status = m->score_item = ps_session_weight(model, "score_item_w", d, d, scale, err);
    if (status >= 0)
        status = m->score_b = ps_session_weight(model, "score_b", 1, d, scale, err);
    if (status >= 0)
        status = m->score_hidden = ps_session_weight(model, "score_hidden", d, 1, scale, err);
    return status;
}

int ps_mkm_init(struct ps_model *model, struct ps_mkm_form form, struct ps_error *err)
{
    int d = model->config->model.embedding;
    float scale = 1 / sqrtf(2 * (float)d);
    struct mkm *m = model->state = ps_calloc(1, sizeof *m);
    bool items_only = form.items == PS_MKM_ITEM_GRAPH && form.operations == PS_MKM_NO_OPERATIONS;
    m->form = form;
    int status = ps_session_items(model, d, false, PS_INIT_UNIFORM, scale, err);
    if (status >= 0)
        status = ps_knowledge_part_init(&m->knowledge, model, d, scale, err);
    if (status >= 0 && !items_only)
        status = m->operation = ps_session_weight(model, "operation", (int)model->dataset->sessions.operations, d, scale, err);
    if (status >= 0)
        status = steps_init(m, model, d, scale, err);
    if (status >= 0)
        status = ps_readout_part_init(&m->readout, model, items_only ? d : 2 * d, d, scale, err);
    if (status >= 0 && model->config->model.score == PS_SCORE_MLP && ps_recipe_ranks(&model->recipe))
        status = ps_fail(err, PS_EXIT_USAGE, "model.score is mlp, which is for the losses softmax and both_terms; set model.loss to one of them, "
                         "or model.score to dot");
    if (status >= 0 && model->config->model.score == PS_SCORE_MLP)
        status = score_init(m, model, d, scale, err);
    return PS_MIN(status, 0);
}

void ps_mkm_fini(struct ps_model *model)
{
    free(model->state);
}

static struct nn_lookup item_rows(const struct ps_tile *tile, const uint32_t *row)
{
    return (struct nn_lookup){&tile->rows[PS_SESSION_ITEMS], row, 0};
}

/* Nodes are the distinct pairs of item and operation, which begin as [item; operation]. */
static struct nn_tensor *pair_graph(const struct mkm *m, struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, uint32_t operations, int d)
{
    const struct ps_session_view *s = tile->sessions;
    int n = nn_segments_rows(s->steps);
    uint32_t items = (uint32_t)tile->rows[PS_SESSION_ITEMS].count;
    const uint32_t *pair = nn_index_join(tape, s->item_row, s->operation, n, operations), *item, *operation;
    struct nn_session_graph graph = nn_session_graph(tape, pair, items * operations, s->steps, true);
    int nodes = nn_segments_rows(graph.nodes);
    nn_index_part(tape, graph.item, nodes, operations, &item, &operation);
    struct nn_tensor *begin = nn_concat(tape, nn_lookup(tape, item_rows(tile, item), nodes, d),
                                        nn_lookup(tape, nn_lookup_from(tape, &tile->param[m->operation], operation, 0), nodes, d));
    return ps_graph_part_run(&m->graph, tape, tile, &graph, ps_session_drop(model, tape, tile, begin));
}

static struct nn_tensor *operation_states(const struct mkm *m, struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct ps_session_view *s = tile->sessions;
    const struct nn_tensor *table = &tile->param[m->operation];
    if (m->form.operations == PS_MKM_OPERATION_GRU) {
        struct nn_tensor *x = nn_lookup(tape, nn_lookup_from(tape, table, s->operation, 0), nn_segments_rows(s->steps), table->cols);
        return ps_gru_part_run(&m->gru, tape, tile, ps_session_drop(model, tape, tile, x));
    }
    struct nn_session_graph graph = nn_session_graph(tape, s->operation, (uint32_t)table->rows, s->steps, true);
    struct nn_tensor *nodes = nn_lookup(tape, nn_lookup_from(tape, table, graph.item, 0), nn_segments_rows(graph.nodes), table->cols);
    return ps_graph_part_run(&m->operation_graph, tape, tile, &graph, ps_session_drop(model, tape, tile, nodes));
}

/* m_t of every step. */
static struct nn_tensor *steps(const struct mkm *m, struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct ps_session_view *s = tile->sessions;
    int d = model->config->model.embedding, n = nn_segments_rows(s->steps);
    if (m->form.items == PS_MKM_PAIR_GRAPH)
        return pair_graph(m, model, tape, tile, model->dataset->sessions.operations, d);
    if (m->form.items == PS_MKM_PAIR_GRU) {
        struct nn_tensor *operations = nn_lookup(tape, nn_lookup_from(tape, &tile->param[m->operation], s->operation, 0), n, d);
        struct nn_tensor *x = nn_concat(tape, ps_session_steps(tape, tile, d), operations);
        return ps_gru_part_run(&m->gru, tape, tile, ps_session_drop(model, tape, tile, x));
    }
    struct nn_session_graph graph = nn_session_graph(tape, s->item_row, (uint32_t)tile->rows[PS_SESSION_ITEMS].count, s->steps, true);
    struct nn_tensor *nodes = nn_lookup(tape, item_rows(tile, graph.item), nn_segments_rows(graph.nodes), d);
    struct nn_tensor *items = ps_graph_part_run(&m->graph, tape, tile, &graph, ps_session_drop(model, tape, tile, nodes));
    return m->form.operations == PS_MKM_NO_OPERATIONS ? items : nn_concat(tape, items, operation_states(m, model, tape, tile));
}

struct nn_tensor *ps_mkm_encode(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct mkm *m = model->state;
    struct nn_tensor *s = ps_readout_part_run(&m->readout, tape, tile, steps(m, model, tape, tile));
    if (model->config->model.score == PS_SCORE_DOT)
        return s;
    return nn_affine(tape, s, &tile->param[m->score_session], &tile->param[m->score_b], false);
}

/* The candidates' half of the hidden layer, which all sessions share. */
static struct nn_tensor *hidden_items(const struct mkm *m, struct nn_tape *tape, const struct ps_tile *tile, int d)
{
    struct nn_lookup items = ps_session_candidates(tile).from;
    return nn_matmul(tape, nn_lookup(tape, items, tile->sessions->candidates, d), &tile->param[m->score_item]);
}

static struct nn_candidates hidden_candidates(const struct mkm *m, struct nn_tape *tape, const struct ps_tile *tile, int d)
{
    struct nn_candidates c = ps_session_candidates(tile);
    struct nn_tensor *items = hidden_items(m, tape, tile, d);
    c.from = nn_lookup_from(tape, items, NULL, 0);
    c.hidden = &tile->param[m->score_hidden];
    return c;
}

static struct nn_tensor *session_loss(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct mkm *m = model->state;
    if (model->config->model.score == PS_SCORE_DOT)
        return ps_session_forward(model, tape, tile);
    return ps_session_softmax(model, tape, tile, ps_mkm_encode(model, tape, tile),
                              hidden_candidates(m, tape, tile, model->config->model.embedding));
}

struct nn_tensor *ps_mkm_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct mkm *m = model->state;
    struct nn_tensor *sessions = tile->sessions ? session_loss(model, tape, tile) : NULL;
    struct nn_tensor *triples = tile->triples ? ps_knowledge_part_loss(&m->knowledge, model, tape, tile) : NULL;
    return sessions && triples ? nn_add(tape, sessions, triples) : sessions ? sessions : triples;
}

struct nn_tensor *ps_mkm_match(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, const struct nn_tensor *encoded)
{
    const struct mkm *m = model->state;
    if (model->config->model.score == PS_SCORE_DOT)
        return ps_session_match(model, tape, tile, encoded);
    struct nn_tensor *hidden = nn_relu(tape, nn_add_bias(tape, hidden_items(m, tape, tile, model->encoded), encoded));
    return nn_matmul(tape, hidden, &tile->param[m->score_hidden]);
}

bool ps_mkm_factors(const struct ps_model *model, struct nn_tape *tape, const struct nn_tensor *param, struct ps_factors *factors)
{
    return model->config->model.score == PS_SCORE_DOT && ps_session_factors(model, tape, param, factors);
}

void ps_mkm_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out)
{
    const struct mkm *m = model->state;
    if (model->config->model.score == PS_SCORE_DOT) {
        ps_session_score(model, tape, input, out);
        return;
    }
    int d = model->encoded, items = input->items, users = input->users;
    size_t width = (size_t)d;
    real *e = nn_tape_alloc(tape, (size_t)items * width * sizeof *e), *h = nn_tape_alloc(tape, (size_t)items * width * sizeof *h);
    real *q = nn_tape_alloc(tape, (size_t)users * width * sizeof *q);
    for (int i = 0; i < items; i++)
        memcpy(e + (size_t)i * width, input->item_rows[PS_SESSION_ITEMS][i], width * sizeof *e);
    for (int u = 0; u < users; u++)
        memcpy(q + (size_t)u * width, input->case_rows[u], width * sizeof *q);
    const struct nn_tensor *w = &input->param[m->score_item];
    nn_gemm(false, false, items, d, d, e, d, w->value, d, 0, h, d);
    nn_additive_scores(tape, nn_leaf(tape, users, d, q, NULL), h, d, items, input->param[m->score_hidden].value, out);
}
