/* mfpr.c - matrix factorisation in which a user is also what he has done, from all kinds of implicit feedback:
 *
 *   x_ui = b_i + q_i . (p_u + sum over behaviours t of |N_t(u)|^(-1/2) sum over j in N_t(u), j != i, of y_j^t)
 *
 * (MFPR, the part on implicit feedback, as far as it can be made out from those who cite it; a weight of each behaviour would
 * only scale its y.) Pairs are ordered by strength: bought before touched but not bought, touched before untouched. An item
 * never speaks for itself: in training it would give the answer away.
 */
#include "worker/history.h"
#include "worker/models/loss.h"
#include "worker/nn/blas.h"
#include "worker/places.h"

#include <string.h>

static int mfpr_init(struct ps_model *model, struct ps_error *err)
{
    int width = model->config->model.embedding, user = ps_model_add_rows(model, "user", PS_TABLE_USER, err);
    int item = ps_model_add_rows(model, "item", PS_TABLE_ITEM, err);
    int history = ps_model_add_rows(model, "history", PS_TABLE_HISTORY, err);
    float scale = (float)model->config->model.init_scale;
    PS_ASSERT(user == PS_USER_TABLE && item == PS_ITEM_TABLE && history == PS_HISTORY_TABLE);
    ps_model_add_field(model, user, "embedding", width, PS_INIT_TRUNCATED, scale);
    ps_model_add_field(model, item, "embedding", width, PS_INIT_TRUNCATED, scale);
    ps_model_add_field(model, item, "bias", 1, PS_INIT_ZERO, 0);
    for (uint32_t t = 0; t < model->dataset->behaviours; t++)
        ps_model_add_field(model, history, model->dataset->behaviour[t], width, PS_INIT_TRUNCATED, scale);
    return 0;
}

static void mfpr_fini(struct ps_model *model)
{
}

static struct nn_tensor *mfpr_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    int width = model->config->model.embedding, n = tile->n;
    struct nn_lookup p = {&tile->rows[PS_USER_TABLE], tile->user_row, 0};
    struct nn_lookup q = {&tile->rows[PS_ITEM_TABLE], tile->item_row, 0}, bias = q;
    struct nn_bags bags = {&tile->rows[PS_HISTORY_TABLE], tile->bag_begin, tile->bag_entry};
    bias.first = width;
    struct nn_tensor *history = nn_bag(tape, bags, tile->user_row, tile->bag_own, n, width);
    struct nn_tensor *user = nn_add(tape, nn_lookup(tape, p, n, width), history);
    struct nn_tensor *x = nn_row_dot(tape, user, nn_lookup(tape, q, n, width));
    x = nn_add(tape, x, nn_lookup(tape, bias, n, 1));
    return ps_loss(model, tape, tile, &x, width, width);
}

/* p_u and the user's whole bag, row-major. */
static real *sum_users(const struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input)
{
    int width = model->config->model.embedding;
    real *user = nn_tape_alloc(tape, (size_t)input->users * (size_t)width * sizeof *user);
    for (int u = 0; u < input->users; u++) {
        real *to = user + (size_t)u * width;
        memcpy(to, input->user_rows[PS_USER_TABLE][u], (size_t)width * sizeof *to);
        for (uint32_t t = 0; t < model->dataset->behaviours; t++)
            for (int j = 0; j < width; j++)
                to[j] += input->user_rows[PS_HISTORY_TABLE][u][(int)t * width + j];
    }
    return user;
}

/* Takes out of a user's scores what his items say for themselves. */
static void leave_out(const struct ps_model *model, const struct ps_score_input *input, uint32_t user,
                      const struct ps_places *places, real *out)
{
    int width = model->config->model.embedding, most = model->recipe.history;
    for (uint32_t t = 0; t < model->dataset->behaviours; t++) {
        uint64_t count = ps_history_count(model->dataset, t, user, most);
        real weight = ps_history_weight(count);
        for (uint64_t k = 0; k < count; k++)
            for (uint32_t at = ps_places_of(places, ps_history_item(model->dataset, t, user, most, k)); at;
                 at = places->next[at - 1]) {
                const real *q = input->item_rows[PS_ITEM_TABLE][at - 1];
                const real *y = input->item_rows[PS_HISTORY_TABLE][at - 1] + (int)t * width;
                real sum = 0;
                for (int j = 0; j < width; j++)
                    sum += q[j] * y[j];
                out[at - 1] -= weight * sum;
            }
    }
}

static void mfpr_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out)
{
    int width = model->config->model.embedding, items = input->items;
    const real *const *rows = input->item_rows[PS_ITEM_TABLE];
    real *user = sum_users(model, tape, input);
    real *q = nn_tape_alloc(tape, (size_t)items * (size_t)width * sizeof *q);
    struct ps_places places;
    ps_places_init(&places, tape, input->item_id, items);
    for (int i = 0; i < items; i++)
        memcpy(q + (size_t)i * width, rows[i], (size_t)width * sizeof *q);
    nn_gemm(false, true, input->users, items, width, user, width, q, width, 0, out, items);
    for (int u = 0; u < input->users; u++, out += items) {
        for (int i = 0; i < items; i++)
            out[i] += rows[i][width];
        leave_out(model, input, input->user_id[u], &places, out);
    }
}

const struct ps_model_class ps_model_mfpr = {
    .name = "mfpr",
    .title = "matrix factorisation with the user's history of all behaviours",
    .source = "after MFPR: Liu et al., PAKDD 2017 (a reconstruction, without explicit feedback)",
    .options = "embedding history loss_weights loss l2 init_scale",
    .recipe = {.heads = PS_HEADS_SHARED, .negatives_from = PS_NEGATIVES_SUPPORTIVE, .loss = PS_LOSS_BPR, .history = true},
    .init = mfpr_init,
    .fini = mfpr_fini,
    .forward = mfpr_forward,
    .score = mfpr_score,
};
