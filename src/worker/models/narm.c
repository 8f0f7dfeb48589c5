/* narm.c - a gated recurrent unit over a session, and attention over its states that asks with the last one. With h_t the states, d the
 * width of an embedding and h that of a state (model.hidden):
 *   alpha_t = v . sigma(h_t A_1 + h_T A_2);   c = [sum_t alpha_t h_t; h_T];   score_j = (c B) . e_j
 * The paper sums the alphas as they are (model.unit: paper); its code takes their softmax, and has the hard sigmoid in the gates and in
 * the attention (code). By default: softmax, and the sigmoid. Dropout: on embeddings (model.dropout) and on c (model.dropout_hidden).
 */
#include "worker/models/session.h"

#include <math.h>
#include <stdlib.h>

struct narm {
    int w, b, u, a1, a2, v, out;
};

static int narm_init(struct ps_model *model, struct ps_error *err)
{
    int d = model->config->model.embedding, h = model->config->model.hidden ? model->config->model.hidden : 2 * d;
    float scale = 1 / sqrtf((float)d), inner = 1 / sqrtf((float)h);
    struct narm *m = model->state = ps_calloc(1, sizeof *m);
    struct {
        int *table;
        const char *name;
        int rows, cols;
    } weight[] = {{&m->w, "gru_w", d, 3 * h},        {&m->b, "gru_b", 1, 3 * h},        {&m->u, "gru_u", h, 3 * h},
                  {&m->a1, "attention_a1", h, h},    {&m->a2, "attention_a2", h, h},    {&m->v, "attention_v", h, 1},
                  {&m->out, "session_b", 2 * h, d}};
    int status = ps_session_items(model, d, false, PS_INIT_UNIFORM, scale, err);
    for (size_t k = 0; k < PS_COUNT(weight) && status >= 0; k++)
        status = *weight[k].table = ps_session_weight(model, weight[k].name, weight[k].rows, weight[k].cols, inner, err);
    return PS_MIN(status, 0);
}

static void narm_fini(struct ps_model *model)
{
    free(model->state);
}

static struct nn_tensor *narm_encode(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct narm *m = model->state;
    const struct nn_tensor *p = tile->param;
    const struct nn_segments steps = tile->sessions->steps;
    bool hard = model->config->model.unit == PS_UNIT_CODE;
    struct nn_attention how = {hard ? NN_HARD_SIGMOID : NN_SIGMOID, model->config->model.unit != PS_UNIT_PAPER};
    struct nn_cell cell = {&p[m->u], NULL, NN_RESET_BEFORE, hard};
    struct nn_tensor *x = ps_session_drop(model, tape, tile, ps_session_steps(tape, tile, model->encoded));
    struct nn_tensor *h = nn_gru(tape, nn_affine(tape, x, &p[m->w], &p[m->b], false), NULL, steps, cell);
    struct nn_tensor *last = nn_segment_last(tape, h, steps);
    struct nn_tensor *key = nn_matmul(tape, h, &p[m->a1]), *query = nn_matmul(tape, last, &p[m->a2]);
    struct nn_tensor *c = nn_concat(tape, nn_attend(tape, how, h, key, query, &p[m->v], NULL, steps), last);
    c = nn_dropout(tape, c, model->config->model.dropout_hidden, tile->draws);
    return nn_matmul(tape, c, &p[m->out]);
}

const struct ps_model_class ps_model_narm = {
    .name = "narm",
    .title = "a gated recurrent unit over a session, with attention over its states",
    .source = "Li et al., Neural Attentive Session-based Recommendation, CIKM 2017",
    .options = "embedding hidden unit dropout dropout_hidden l2",
    .recipe = {.stream = PS_STREAM_PREFIXES},
    .init = narm_init,
    .fini = narm_fini,
    .forward = ps_session_forward,
    .encode = narm_encode,
    .match = ps_session_match,
    .factors = ps_session_factors,
    .score = ps_session_score,
};
