/* skip_gram.c - see skip_gram.h. */
#include "worker/models/skip_gram.h"

int ps_skip_gram_init(struct ps_model *model, int width, float scale)
{
    return model->recipe.rows_alone ? ps_model_add_field(model, PS_SESSION_ITEMS, "context", width, PS_INIT_UNIFORM, scale) : 0;
}

bool ps_skip_gram_at(const struct ps_model *model, const struct ps_tile *tile)
{
    return tile->epoch <= (uint32_t)model->recipe.rows_alone;
}

struct nn_tensor *ps_skip_gram_loss(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, int context)
{
    const struct ps_session_view *s = tile->sessions;
    const uint32_t *begin = s->steps.begin, window = (uint32_t)model->config->model.skip_gram_window;
    size_t steps = (size_t)nn_segments_rows(s->steps);
    uint32_t *row = nn_tape_alloc(tape, steps * sizeof *row), *choice = nn_tape_alloc(tape, steps * sizeof *choice);
    real *weight = nn_tape_alloc(tape, steps * sizeof *weight);
    int pairs = 0;
    for (int k = 0; k < s->steps.count; k++) /* the session's one target comes behind all its steps */
        for (uint32_t t = PS_MAX(begin[k], begin[k + 1] - PS_MIN(window, begin[k + 1])); t < begin[k + 1]; t++) {
            row[pairs] = s->item_row[t];
            choice[pairs++] = s->choice[k];
        }
    for (int k = 0; k < pairs; k++)
        weight[k] = (real)(1.0 / pairs);
    struct nn_tensor *q = nn_lookup(tape, (struct nn_lookup){&tile->rows[PS_SESSION_ITEMS], row, 0}, pairs, model->encoded);
    struct nn_candidates candidates = ps_session_candidates(tile);
    candidates.from.first = context;
    return nn_softmax_loss(tape, q, candidates, choice, weight, NN_CROSS_ENTROPY);
}
