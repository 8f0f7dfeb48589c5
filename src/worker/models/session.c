/* session.c - see session.h. */
#include "worker/models/session.h"

#include "worker/models/loss.h"
#include "worker/nn/blas.h"

#include <string.h>

int ps_session_items(struct ps_model *model, int width, bool biased, enum ps_init init, float scale, struct ps_error *err)
{
    int items = ps_model_add_rows(model, "item", PS_TABLE_ITEM, err);
    PS_ASSERT(items == PS_SESSION_ITEMS);
    ps_model_add_field(model, items, "embedding", width, init, scale);
    if (biased)
        ps_model_add_field(model, items, "bias", 1, PS_INIT_ZERO, 0);
    model->encoded = width;
    return items;
}

int ps_session_weight(struct ps_model *model, const char *name, int rows, int cols, float scale, struct ps_error *err)
{
    return ps_model_add_tensor(model, name, NULL, rows, cols, scale > 0 ? PS_INIT_UNIFORM : PS_INIT_ZERO, scale, err);
}

struct nn_tensor *ps_session_steps(struct nn_tape *tape, const struct ps_tile *tile, int width)
{
    const struct ps_session_view *s = tile->sessions;
    return nn_lookup(tape, (struct nn_lookup){&tile->rows[PS_SESSION_ITEMS], s->item_row, 0}, nn_segments_rows(s->steps), width);
}

struct nn_tensor *ps_session_states(struct nn_tape *tape, const struct ps_tile *tile, const struct nn_tensor *x)
{
    return nn_lookup(tape, nn_lookup_from(tape, x, tile->sessions->state, 0), tile->sessions->targets, x->cols);
}

struct nn_tensor *ps_session_drop(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor *x)
{
    return nn_dropout(tape, x, model->config->model.dropout, tile->draws);
}

static const struct nn_tensor *ones(struct nn_tape *tape, int rows)
{
    real *value = nn_tape_alloc(tape, (size_t)rows * sizeof *value);
    for (int k = 0; k < rows; k++)
        value[k] = 1;
    return nn_leaf(tape, rows, 1, value, NULL);
}

/* Whether items have a bias behind their embeddings. */
static bool biased(const struct ps_model *model)
{
    const struct ps_table_spec *items = &model->table[PS_SESSION_ITEMS];
    return items->fields > 1 && !strcmp(items->field[1].name, "bias");
}

struct nn_candidates ps_session_candidates(const struct ps_tile *tile)
{
    const struct ps_session_view *s = tile->sessions;
    return (struct nn_candidates){{&tile->rows[PS_SESSION_ITEMS], s->candidate_row, 0}, s->candidates, s->log_q, NULL};
}

/* All candidates' scores are written down: a ranking loss is for sampled ones. */
static struct nn_tensor *ranking_loss(struct ps_model *model, struct nn_tape *tape, const struct ps_session_view *s, struct nn_tensor *q,
                                      struct nn_candidates candidates)
{
    static const enum nn_ranking kinds[] = {[PS_LOSS_BPR] = NN_RANK_BPR,
                                            [PS_LOSS_BPR_MAX] = NN_RANK_BPR_MAX,
                                            [PS_LOSS_TOP1] = NN_RANK_TOP1,
                                            [PS_LOSS_TOP1_MAX] = NN_RANK_TOP1_MAX};
    struct nn_tensor *o = nn_scores(tape, q, nn_lookup(tape, candidates.from, candidates.count, q->cols));
    if (model->recipe.loss == PS_LOSS_BPR_MAX)
        o = nn_elu(tape, o, (real)model->config->model.elu);
    return nn_ranking_loss(tape, kinds[model->recipe.loss], o, (real)model->config->model.bpreg, s->choice, s->weight);
}

static struct nn_tensor *session_l2(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor *loss)
{
    const struct ps_session_view *s = tile->sessions;
    int width = (int)model->table[PS_SESSION_ITEMS].field[0].width;
    loss = ps_loss_l2_rows(model, tape, tile, loss, PS_SESSION_ITEMS, s->item_row, nn_segments_rows(s->steps), width);
    return ps_loss_l2_rows(model, tape, tile, loss, PS_SESSION_ITEMS, s->target_row, s->targets, width);
}

struct nn_tensor *ps_session_softmax(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor *q,
                                     struct nn_candidates candidates)
{
    const struct ps_session_view *s = tile->sessions;
    enum nn_softmax_form form = model->recipe.loss == PS_LOSS_BOTH_TERMS ? NN_BOTH_TERMS : NN_CROSS_ENTROPY;
    struct nn_tensor *loss = ps_recipe_ranks(&model->recipe) ? ranking_loss(model, tape, s, q, candidates)
                                                             : nn_softmax_loss(tape, q, candidates, s->choice, s->weight, form);
    return session_l2(model, tape, tile, loss);
}

struct nn_tensor *ps_session_loss(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor *q)
{
    if (biased(model)) /* in the column behind the embedding */
        q = nn_concat(tape, q, ones(tape, q->rows));
    return ps_session_softmax(model, tape, tile, q, ps_session_candidates(tile));
}

struct nn_tensor *ps_session_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    return ps_session_loss(model, tape, tile, model->class_->encode(model, tape, tile));
}

struct nn_tensor *ps_session_match(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, const struct nn_tensor *encoded)
{
    struct nn_lookup item = ps_session_candidates(tile).from;
    int candidates = tile->sessions->candidates;
    struct nn_tensor *o = nn_scores(tape, nn_lookup(tape, item, candidates, model->encoded), encoded);
    item.first = model->encoded;
    return biased(model) ? nn_add(tape, o, nn_lookup(tape, item, candidates, 1)) : o;
}

bool ps_session_factors(const struct ps_model *model, struct nn_tape *tape, const struct nn_tensor *param, struct ps_factors *factors)
{
    *factors = (struct ps_factors){.width = model->encoded, .bias_first = model->encoded, .biases = biased(model), .bias = {1}};
    return true;
}

void ps_session_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out)
{
    int width = model->encoded, items = input->items;
    const real *const *rows = input->item_rows[PS_SESSION_ITEMS];
    bool with_bias = biased(model);
    real *e = nn_tape_alloc(tape, (size_t)items * (size_t)width * sizeof *e);
    real *q = nn_tape_alloc(tape, (size_t)input->users * (size_t)width * sizeof *q);
    for (int i = 0; i < items; i++)
        memcpy(e + (size_t)i * (size_t)width, rows[i], (size_t)width * sizeof *e);
    for (int u = 0; u < input->users; u++)
        memcpy(q + (size_t)u * (size_t)width, input->case_rows[u], (size_t)width * sizeof *q);
    nn_gemm(false, true, input->users, items, width, q, width, e, width, 0, out, items);
    for (int u = 0; u < input->users && with_bias; u++)
        for (int i = 0; i < items; i++)
            out[(size_t)u * (size_t)items + (size_t)i] += rows[i][width];
}
