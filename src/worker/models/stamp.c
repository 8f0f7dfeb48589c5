/* stamp.c - short-term attention: the last step's item, and what attention makes of all steps when it is asked with that and with their
 * mean. With x_t the embeddings of the steps, m_s their mean and m_t = x_T the last one:
 *   alpha_i = w_0 . sigma(x_i W_1 + m_t W_2 + m_s W_3 + b);   m_a = sum_i alpha_i x_i (+ m_s)
 *   h_s = tanh(m_a W_s + b_s);   h_t = tanh(m_t W_t + b_t);   score_j = e_j . (h_s * h_t)
 * The authors' code adds m_s to m_a and takes x_t of a norm above 1 at that norm (the default), their paper does neither (model.unit: paper). It also clips
 * gradients (train.clip: 150). The paper's sigmoid around the score, which
 * bounds what the softmax gets by 0 and 1, is in neither form.
 */
#include "worker/models/session.h"

#include <stdlib.h>

static const float EMBEDDINGS = 0.002f, WEIGHTS = 0.05f; /* standard deviations at the start, as published */

struct stamp {
    int w0, w1, w2, w3, b, ws, bs, wt, bt;
};

static int stamp_init(struct ps_model *model, struct ps_error *err)
{
    int d = model->config->model.embedding;
    struct stamp *m = model->state = ps_calloc(1, sizeof *m);
    struct {
        int *table;
        const char *name;
        int rows, cols;
    } weight[] = {{&m->w0, "attention_w0", d, 1}, {&m->w1, "attention_w1", d, d}, {&m->w2, "attention_w2", d, d},
                  {&m->w3, "attention_w3", d, d}, {&m->b, "attention_b", 1, d},   {&m->ws, "session_w", d, d},
                  {&m->bs, "session_b", 1, d},    {&m->wt, "last_w", d, d},       {&m->bt, "last_b", 1, d}};
    int status = ps_session_items(model, d, false, PS_INIT_NORMAL, EMBEDDINGS, err);
    for (size_t k = 0; k < PS_COUNT(weight) && status >= 0; k++)
        status = *weight[k].table = ps_model_add_tensor(model, weight[k].name, NULL, weight[k].rows, weight[k].cols,
                                                        weight[k].rows > 1 ? PS_INIT_NORMAL : PS_INIT_ZERO, WEIGHTS, err);
    return PS_MIN(status, 0);
}

static void stamp_fini(struct ps_model *model)
{
    free(model->state);
}

static struct nn_tensor *stamp_encode(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct stamp *m = model->state;
    const struct nn_tensor *p = tile->param;
    const struct nn_segments steps = tile->sessions->steps;
    struct nn_attention how = {NN_SIGMOID, false};
    bool coded = model->config->model.unit != PS_UNIT_PAPER;
    struct nn_tensor *x = ps_session_steps(tape, tile, model->encoded);
    x = ps_session_drop(model, tape, tile, coded ? nn_clip_rows(tape, x, 1) : x);
    struct nn_tensor *last = nn_segment_last(tape, x, steps), *mean = nn_segment_mean(tape, x, steps);
    struct nn_tensor *key = nn_affine(tape, x, &p[m->w1], &p[m->b], false);
    struct nn_tensor *query = nn_add(tape, nn_matmul(tape, last, &p[m->w2]), nn_matmul(tape, mean, &p[m->w3]));
    struct nn_tensor *about = nn_attend(tape, how, x, key, query, &p[m->w0], NULL, steps);
    if (coded)
        about = nn_add(tape, about, mean);
    about = nn_tanh(tape, nn_affine(tape, about, &p[m->ws], &p[m->bs], false));
    return nn_mul(tape, about, nn_tanh(tape, nn_affine(tape, last, &p[m->wt], &p[m->bt], false)));
}

const struct ps_model_class ps_model_stamp = {
    .name = "stamp",
    .title = "short-term attention: the last item beside what all steps are about",
    .source = "Liu et al., STAMP: Short-Term Attention/Memory Priority Model, KDD 2018",
    .options = "embedding unit dropout l2",
    .recipe = {.stream = PS_STREAM_PREFIXES},
    .init = stamp_init,
    .fini = stamp_fini,
    .forward = ps_session_forward,
    .encode = stamp_encode,
    .match = ps_session_match,
    .factors = ps_session_factors,
    .score = ps_session_score,
};
