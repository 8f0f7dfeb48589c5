/* wmf_als.c - weighted matrix factorisation by alternating least squares (Hu, Koren and Volinsky, ICDM 2008):
 *
 *   sum over all pairs of c_ui (y_ui - p . q)^2 + lambda (sum |p|^2 + sum |q|^2),  c = 1 + alpha where the user has bought the item, 1 elsewhere
 *
 * Odd epochs solve all users' rows, given the items' and the sum of the squares of all of them, and even ones all items' rows.
 * Pushes are added to rows (PS_UPDATE_ADD), and what is pushed is what a row moves by. The sum of a side's squares moves by what its rows'
 * squares do, in the same push: so it is that of all rows when the other side's sweep begins. Users begin at 0; items begin at random and
 * enter their sum in the second epoch, when they are solved for the first time: the first epoch takes its expected value.
 */
#include "worker/models/units.h"
#include "worker/nn/blas.h"
#include "worker/sweep.h"

#include <string.h>

enum { USER_GRAM = 2, ITEM_GRAM = 3 }; /* tables */

static int add_gram(struct ps_model *model, const char *name, int want, struct ps_error *err)
{
    int width = model->config->model.embedding, table = ps_model_add_tensor(model, name, NULL, width, width, PS_INIT_ZERO, 0, err);
    PS_ASSERT(table == want);
    return PS_MIN(table, 0);
}

static int als_init(struct ps_model *model, struct ps_error *err)
{
    int width = model->config->model.embedding, user = ps_model_add_rows(model, "user", PS_TABLE_USER, err);
    int item = ps_model_add_rows(model, "item", PS_TABLE_ITEM, err);
    PS_ASSERT(user == PS_USER_TABLE && item == PS_ITEM_TABLE);
    ps_model_add_field(model, user, "embedding", width, PS_INIT_ZERO, 0);
    ps_model_add_field(model, item, "embedding", width, PS_INIT_NORMAL, (float)model->config->model.init_scale);
    int status = add_gram(model, "gram_user", USER_GRAM, err);
    if (!status)
        status = add_gram(model, "gram_item", ITEM_GRAM, err);
    for (int t = 0; !status && t < model->tables; t++)
        model->table[t].update = PS_UPDATE_ADD;
    return status;
}

static void als_fini(struct ps_model *model)
{
}

/* The sum of the other side's squares. */
static const real *squares(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, bool items)
{
    int width = model->config->model.embedding;
    if (tile->epoch > 1)
        return tile->param[items ? USER_GRAM : ITEM_GRAM].value;
    size_t size = (size_t)width * (size_t)width;
    double scale = model->config->model.init_scale;
    real *expected = nn_tape_alloc(tape, size * sizeof *expected);
    memset(expected, 0, size * sizeof *expected);
    for (size_t j = 0; j < (size_t)width; j++)
        expected[j * (size_t)width + j] = (real)(scale * scale * (double)model->dataset->items);
    return expected;
}

/* Rows of the tile that are solved: what they were, and are. */
struct solved {
    int count;
    real *before, *after; /* count x E */
};

/* Solves the row of samples [first, end), leaves what it moves by, and returns its part of the squares. */
static double solve(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, bool items, const real *gram,
                    int first, int end, struct solved *solved)
{
    const struct nn_rows *own = &tile->rows[items ? PS_ITEM_TABLE : PS_USER_TABLE];
    const struct nn_rows *others = &tile->rows[items ? PS_USER_TABLE : PS_ITEM_TABLE];
    const uint32_t *other = items ? tile->user_row : tile->item_row;
    uint32_t row = (items ? tile->item_row : tile->user_row)[first];
    int width = model->config->model.embedding;
    const real **y = nn_tape_alloc(tape, (size_t)(end - first) * sizeof *y);
    for (int b = first; b < end; b++)
        y[b - first] = others->value[other[b]];
    real *before = solved->before + (size_t)solved->count * (size_t)width, *after = solved->after + (size_t)solved->count * (size_t)width;
    memcpy(before, own->value[row], (size_t)width * sizeof *before);
    memcpy(after, before, (size_t)width * sizeof *after);
    double loss = nn_least_squares(tape, gram, y, end - first, width, (real)model->config->model.confidence,
                                   (real)model->config->model.l2, model->config->model.cg_steps, after);
    real *move = own->grad + (size_t)row * (size_t)width;
    for (int j = 0; j < width; j++) {
        move[j] = after[j] - before[j];
        after[j] = before[j] + move[j]; /* as the server will have it, to the last bit */
    }
    solved->count++;
    return loss;
}

/* lambda times the squares of both sides, as they are in their sums: the tile's share of it. */
static double penalty(const struct ps_model *model, const struct ps_tile *tile, const real *gram, const real *own)
{
    size_t width = (size_t)model->config->model.embedding;
    double trace = 0, share = (double)tile->n / (double)PS_MAX(ps_recipe_entries(&model->recipe, model->dataset), 1);
    for (size_t j = 0; j < width; j++)
        trace += (double)(gram[j * width + j] + own[j * width + j]);
    return model->config->model.l2 * share * trace;
}

static struct nn_tensor *als_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    bool items = ps_sweep_of(tile->epoch) == PS_TABLE_ITEM;
    int width = model->config->model.embedding;
    size_t most = (size_t)tile->n * (size_t)width;
    struct solved solved = {0, nn_tape_alloc(tape, most * sizeof(real)), nn_tape_alloc(tape, most * sizeof(real))};
    const real *gram = squares(model, tape, tile, items);
    const struct nn_tensor *own = &tile->param[items ? ITEM_GRAM : USER_GRAM];
    double loss = penalty(model, tile, gram, own->value);
    for (int first = 0, end; first < tile->n; first = end) {
        for (end = first + 1; end < tile->n && tile->behind[end];)
            end++;
        loss += solve(model, tape, tile, items, gram, first, end, &solved);
    }
    nn_gemm(true, false, width, width, solved.count, solved.after, width, solved.after, width, 1, own->grad, width);
    if (!items || tile->epoch > 2) { /* what has been in the sum */
        real *minus = nn_tape_alloc(tape, most * sizeof *minus);
        for (size_t k = 0; k < (size_t)solved.count * (size_t)width; k++)
            minus[k] = -solved.before[k];
        nn_gemm(true, false, width, width, solved.count, minus, width, solved.before, width, 1, own->grad, width);
    }
    real *mean = nn_tape_alloc(tape, sizeof *mean);
    *mean = (real)loss * tile->sample_weight;
    return nn_leaf(tape, 1, 1, mean, NULL);
}

const struct ps_model_class ps_model_wmf_als = {
    .name = "wmf_als",
    .title = "weighted matrix factorisation, by alternating least squares",
    .source = "Hu et al., Collaborative Filtering for Implicit Feedback Datasets, ICDM 2008; Takacs et al., Applications of the "
              "Conjugate Gradient Method for Implicit Feedback Collaborative Filtering, RecSys 2011",
    .options = "embedding confidence cg_steps l2 init_scale",
    .recipe = {.heads = PS_HEADS_TARGET, .loss = PS_LOSS_SQUARED, .sweeps = true},
    .init = als_init,
    .fini = als_fini,
    .forward = als_forward,
    .logits = ps_product_logits,
    .factors = ps_product_factors,
    .score = ps_product_score,
};
