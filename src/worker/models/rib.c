/* rib.c - micro-behaviours: steps are items with what was done to them, a gated recurrent unit goes over them, and attention weighs its
 * states. With x_t = [item; operation] and h_t the states:
 *   alpha = softmax over the session of v . tanh(h_t W + b);   score_j = (sum_t alpha_t h_t) S . e_j
 * The authors' code regresses the target's embedding and ranks by cosine; a softmax over items as here is what the models that it is
 * compared with have. As theirs it may begin with Word2Vec's embeddings of items (model.skip_gram_epochs); those of the few operations begin at random.
 */
#include "worker/models/skip_gram.h"

#include <math.h>
#include <stdlib.h>

struct rib {
    int operation, w, b, u, c, attention, bias, v, out;
    int context; /* first column of the items' contexts */
};

static int rib_init(struct ps_model *model, struct ps_error *err)
{
    int d = model->config->model.embedding, h = model->config->model.hidden ? model->config->model.hidden : d;
    int operations = (int)PS_MAX(model->dataset->sessions.operations, 1);
    float scale = 1 / sqrtf((float)d), inner = 1 / sqrtf((float)h);
    struct rib *m = model->state = ps_calloc(1, sizeof *m);
    struct {
        int *table;
        const char *name;
        int rows, cols;
        float scale;
    } weight[] = {{&m->operation, "operation", operations, d, scale}, {&m->w, "gru_w", 2 * d, 3 * h, inner},
                  {&m->b, "gru_b", 1, 3 * h, inner},                  {&m->u, "gru_u", h, 3 * h, inner},
                  {&m->c, "gru_c", 1, 3 * h, inner},                  {&m->attention, "attention_w", h, h, inner},
                  {&m->bias, "attention_b", 1, h, inner},             {&m->v, "attention_v", h, 1, inner},
                  {&m->out, "session_w", h, d, inner}};
    int status = ps_session_items(model, d, false, PS_INIT_UNIFORM, scale, err);
    m->context = ps_skip_gram_init(model, d, scale);
    for (size_t k = 0; k < PS_COUNT(weight) && status >= 0; k++)
        status = *weight[k].table = ps_session_weight(model, weight[k].name, weight[k].rows, weight[k].cols, weight[k].scale, err);
    return PS_MIN(status, 0);
}

static void rib_fini(struct ps_model *model)
{
    free(model->state);
}

static struct nn_tensor *rib_encode(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct rib *m = model->state;
    const struct ps_session_view *s = tile->sessions;
    const struct nn_tensor *p = tile->param;
    struct nn_attention how = {NN_TANH, true};
    struct nn_cell cell = {&p[m->u], &p[m->c], NN_RESET_AFTER, false};
    struct nn_tensor *operation = nn_lookup(tape, nn_lookup_from(tape, &p[m->operation], s->operation, 0), nn_segments_rows(s->steps),
                                            model->encoded);
    struct nn_tensor *x = nn_concat(tape, ps_session_steps(tape, tile, model->encoded), operation);
    x = ps_session_drop(model, tape, tile, x);
    struct nn_tensor *h = nn_gru(tape, nn_affine(tape, x, &p[m->w], &p[m->b], false), NULL, s->steps, cell);
    struct nn_tensor *key = nn_affine(tape, h, &p[m->attention], &p[m->bias], false);
    struct nn_tensor *about = nn_attend(tape, how, h, key, NULL, &p[m->v], NULL, s->steps);
    return nn_matmul(tape, about, &p[m->out]);
}

static struct nn_tensor *rib_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct rib *m = model->state;
    return ps_skip_gram_at(model, tile) ? ps_skip_gram_loss(model, tape, tile, m->context) : ps_session_forward(model, tape, tile);
}

const struct ps_model_class ps_model_rib = {
    .name = "rib",
    .title = "a gated recurrent unit over items and operations, with attention over its states",
    .source = "Zhou et al., Micro Behaviors: A New Perspective in E-commerce Recommender Systems, WSDM 2018",
    .options = "embedding hidden dropout l2" PS_SKIP_GRAM_OPTIONS,
    .recipe = {.stream = PS_STREAM_PREFIXES, .skip_gram = true},
    .init = rib_init,
    .fini = rib_fini,
    .forward = rib_forward,
    .encode = rib_encode,
    .match = ps_session_match,
    .factors = ps_session_factors,
    .score = ps_session_score,
};
