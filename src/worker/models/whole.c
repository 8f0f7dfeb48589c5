/* whole.c - see whole.h. */
#include "worker/models/whole.h"

static int declare(struct ps_model *model, const char *name, int width, int *table, struct ps_error *err)
{
    *table = ps_model_add_tensor(model, name, NULL, width, width, PS_INIT_ZERO, 0, err);
    if (*table < 0)
        return *table;
    model->table[*table].update = PS_UPDATE_ADD;
    return 0;
}

int ps_whole_declare(struct ps_whole *whole, struct ps_model *model, double unobserved, struct ps_error *err)
{
    *whole = (struct ps_whole){.width = model->config->model.embedding, .unobserved = unobserved};
    int status = declare(model, "gram_user", whole->width, &whole->user_gram, err);
    if (!status)
        status = declare(model, "gram_item", whole->width, &whole->item_gram, err);
    if (!status)
        status = declare(model, "gram_mass", 1, &whole->mass, err);
    return status;
}

/* 1 / n_u and 1 / n_i of each sample: interactions of its user and of its item in training. */
static void shares(const struct ps_model *model, const struct ps_tile *tile, real *user, real *item)
{
    const struct ps_dataset *dataset = model->dataset;
    for (int b = 0; b < tile->n; b++) {
        uint64_t of_user = 0, of_item = 0;
        for (uint32_t r = model->recipe.first; r < dataset->behaviours; r++) {
            const struct ps_history *h = &dataset->train[r];
            of_user += h->offset[tile->user[b] + 1] - h->offset[tile->user[b]];
            of_item += h->count[tile->item[b]];
        }
        user[b] = (real)(1.0 / (double)PS_MAX(of_user, 1));
        item[b] = (real)(1.0 / (double)PS_MAX(of_item, 1));
    }
}

static void scale_into(real *to, const real *from, int n, double factor)
{
    for (int b = 0; b < n; b++)
        to[b] = (real)factor * from[b];
}

/* Takes this share of an epoch off what runs, which nn_quadratic adds the batch's own to. */
static void fade(const struct nn_tensor *sum, real share)
{
    for (int k = 0; k < sum->rows * sum->cols; k++)
        sum->grad[k] -= share * sum->value[k];
}

/* (1 - c0) sum_b w_b (E[s_b^2] - 2 y s_b + y^2) of a head's own samples, y = 1 / (1 - c0). */
static struct nn_tensor *observed(const struct ps_whole *whole, struct nn_tape *tape, const struct nn_tensor *z,
                                  const struct nn_tensor *g, const struct nn_tensor *square, const real *own, double rho)
{
    double more = 1 - whole->unobserved;
    real *label = nn_tape_alloc(tape, (size_t)z->rows * sizeof *label);
    real *weight = nn_tape_alloc(tape, (size_t)z->rows * sizeof *weight);
    for (int b = 0; b < z->rows; b++)
        label[b] = (real)(1 / more);
    scale_into(weight, own, z->rows, more);
    struct nn_tensor *loss = nn_squared(tape, z, label, weight);
    if (!(rho > 0))
        return loss;
    real *dropped = nn_tape_alloc(tape, (size_t)z->rows * sizeof *dropped);
    scale_into(dropped, weight, z->rows, rho);
    struct nn_tensor *spread = nn_matmul(tape, nn_head(tape, square, z->rows), nn_mul(tape, g, g));
    return nn_add(tape, loss, nn_weighted_sum(tape, spread, dropped));
}

/* The tile's share of c0 times the squares of all pairs, as the Gram matrices have it by now. */
static struct nn_tensor *all_pairs(const struct ps_whole *whole, const struct ps_model *model, struct nn_tape *tape,
                                   const struct ps_tile *tile, const struct nn_tensor *const *g, double rho)
{
    const struct ps_recipe *recipe = &model->recipe;
    const struct nn_tensor *a = &tile->param[whole->user_gram], *b = &tile->param[whole->item_gram];
    const struct nn_tensor *mass = &tile->param[whole->mass];
    struct nn_lookup p = {&tile->rows[PS_USER_TABLE], tile->user_row, 0}, q = {&tile->rows[PS_ITEM_TABLE], tile->item_row, 0};
    real *of_user = nn_tape_alloc(tape, (size_t)tile->n * sizeof *of_user);
    real *of_item = nn_tape_alloc(tape, (size_t)tile->n * sizeof *of_item), factor[PS_MAX_BEHAVIOURS];
    double share = (double)tile->n / (double)PS_MAX(ps_recipe_entries(recipe, model->dataset), 1);
    double known = (double)mass->value[0], scale = known > 0 ? 1 / known : 0; /* nothing is known: nothing is pushed away */
    for (int r = 0; r < recipe->heads; r++)
        factor[r] = (real)(whole->unobserved * recipe->loss_weight[recipe->first + (uint32_t)r]);
    shares(model, tile, of_user, of_item);
    struct nn_tensor *by_item = nn_kernel(tape, recipe->heads, g, factor, b->value, (real)scale, (real)(1 + rho));
    struct nn_tensor *by_user = nn_kernel(tape, recipe->heads, g, factor, a->value, (real)scale, (real)(1 + rho));
    struct nn_tensor *sum = nn_quadratic(tape, p, tile->n, by_item, of_user, a);
    sum = nn_add(tape, sum, nn_quadratic(tape, q, tile->n, by_user, of_item, b));
    sum = nn_add(tape, sum, nn_inner(tape, by_item, a->value, (real)(-share * scale)));
    fade(a, (real)share);
    fade(b, (real)share);
    mass->grad[0] += (real)share * (1 - mass->value[0]);
    return nn_scale(tape, sum, tile->sample_weight);
}

struct nn_tensor *ps_whole_loss(const struct ps_whole *whole, const struct ps_model *model, struct nn_tape *tape,
                                const struct ps_tile *tile, struct nn_tensor *const *z, const struct nn_tensor *const *g)
{
    struct nn_lookup p = {&tile->rows[PS_USER_TABLE], tile->user_row, 0}, q = {&tile->rows[PS_ITEM_TABLE], tile->item_row, 0};
    double rho = model->config->model.dropout / (1 - model->config->model.dropout);
    struct nn_tensor *square = NULL;
    if (rho > 0) {
        struct nn_tensor *product = nn_lookup_pair(tape, p, q, tile->n, whole->width, NN_PRODUCT);
        square = nn_mul(tape, product, product);
    }
    struct nn_tensor *loss = all_pairs(whole, model, tape, tile, g, rho);
    for (int r = 0; r < model->recipe.heads && (r == 0 || tile->need[r] > 0); r++)
        loss = nn_add(tape, loss, observed(whole, tape, z[r], g[r], square, tile->weight[r], rho));
    return ps_loss_l2(model, tape, tile, loss, whole->width, whole->width);
}
