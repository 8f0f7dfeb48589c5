/* test_whole_double.c - the loss over all pairs, against what it says, pair by pair and with every pattern of dropout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/models/cascade.h"
#include "worker/models/loss.h"

#include "gradient.h"
#include "model_bench.h"
#include "toy.h"

enum { WIDTH = 3, MOST = 32 };

/* An epoch in one tile: every interaction of the model's behaviours, the strongest first. */
struct epoch {
    struct model_bench bench;
    struct ps_dataset dataset;
    struct ps_config config;
    struct ps_tile tile;
    uint32_t user[MOST], item[MOST], behind[MOST];
    real label[PS_MAX_BEHAVIOURS][MOST], weight[PS_MAX_BEHAVIOURS][MOST];
    double unobserved;
};

static void epoch_init(struct epoch *e, const char *name, enum ps_cascade cascade, double dropout)
{
    memset(e, 0, sizeof *e);
    e->dataset = toy_dataset(3);
    e->config = toy_config(WIDTH);
    e->config.model.loss = PS_LOSS_WHOLE;
    e->config.model.cascade = cascade;
    e->config.model.dropout = dropout;
    e->config.model.unobserved_weight = 0.2;
    e->config.model.confidence = 9;
    e->config.model.loss_weights_count = 3;
    e->config.model.loss_weights[0] = 2, e->config.model.loss_weights[1] = 3, e->config.model.loss_weights[2] = 5;
    e->unobserved = strcmp(name, "wmf") ? 0.2 : 0.1;
    assert_int_equal(model_bench_init(&e->bench, name, &e->config, &e->dataset), 0);
    const struct ps_recipe *recipe = &e->bench.model.recipe;
    int n = 0;
    for (int r = recipe->heads - 1; r >= 0; r--) {
        const struct ps_history *h = &e->dataset.train[recipe->first + (uint32_t)r];
        for (uint32_t u = 0; u < TOY_USERS; u++)
            for (uint64_t k = h->offset[u]; k < h->offset[u + 1]; k++, n++) {
                e->user[n] = u;
                e->item[n] = h->item[k];
                e->weight[r][n] = recipe->loss_weight[recipe->first + (uint32_t)r];
            }
        e->tile.need[r] = n;
    }
    for (int r = 0; r < recipe->heads; r++) {
        for (int k = 0; k < n; k++)
            e->label[r][k] = 1, e->weight[r][k] /= n;
        e->tile.label[r] = e->label[r];
        e->tile.weight[r] = e->weight[r];
    }
    e->tile.n = n;
    e->tile.user = e->tile.user_row = e->user;
    e->tile.item = e->tile.item_row = e->item;
    e->tile.behind = e->behind;
    e->tile.sample_weight = 1.0 / n;
    e->tile.rows = e->bench.rows;
    e->tile.param = e->bench.param;
}

static int table_of(const struct model_bench *b, const char *name)
{
    for (int t = 0; t < b->model.tables; t++)
        if (strcmp(b->model.table[t].name, name) == 0)
            return t;
    fail_msg("no table %s", name);
    return -1;
}

/* Whether a user (or item) has interactions: those without are in no micro-batch, and are left out. */
static bool known(const struct epoch *e, const uint32_t *ids, uint32_t id)
{
    for (int k = 0; k < e->tile.n; k++)
        if (ids[k] == id)
            return true;
    return false;
}

static void set_gram(struct epoch *e, const char *name, int rows, const uint32_t *ids, uint32_t count)
{
    real *gram = e->bench.value[table_of(&e->bench, name)];
    memset(gram, 0, WIDTH * WIDTH * sizeof *gram);
    for (uint32_t id = 0; id < count; id++)
        for (int k = 0; k < WIDTH * WIDTH && known(e, ids, id); k++)
            gram[k] += e->bench.pointer[rows][id][k / WIDTH] * e->bench.pointer[rows][id][k % WIDTH];
}

/* s_r(u, i) where `mask` has the columns of the user that are not dropped. */
static double score(const struct epoch *e, int r, uint32_t u, uint32_t i, unsigned mask)
{
    const struct model_bench *b = &e->bench;
    double keep = 1 - e->config.model.dropout, z = 0;
    bool fixed = strcmp(b->model.class_->name, "wmf") == 0;
    for (int k = 0; k <= r; k++) {
        double f = 0;
        const real *h = fixed ? NULL : b->value[2 + k];
        for (int j = 0; j < WIDTH; j++)
            if (mask >> j & 1)
                f += (h ? h[j] : 1) * b->pointer[PS_USER_TABLE][u][j] / keep * b->pointer[PS_ITEM_TABLE][i][j];
        switch (e->config.model.cascade) {
        case PS_CASCADE_LOGIT_AVG: z = k ? (z + f) / 2 : f; break;
        case PS_CASCADE_LOGIT_SUM: z += f; break;
        default: z = f; break;
        }
    }
    return z;
}

/* The loss of the header's formula, each pair by itself, in the mean over the epoch's interactions. */
static double brute(void *ctx, bool backward)
{
    struct epoch *e = ctx;
    const struct ps_recipe *recipe = &e->bench.model.recipe;
    double total = 0, drop = e->config.model.dropout, y = 1 / (1 - e->unobserved);
    for (unsigned mask = 0; mask < 1u << WIDTH; mask++) {
        int kept = __builtin_popcount(mask);
        double chance = pow(1 - drop, kept) * pow(drop, WIDTH - kept);
        for (uint32_t u = 0; u < TOY_USERS; u++)
            for (uint32_t i = 0; i < TOY_ITEMS; i++)
                for (int r = 0; r < recipe->heads && known(e, e->user, u) && known(e, e->item, i); r++) {
                    uint32_t behaviour = recipe->first + (uint32_t)r;
                    double s = score(e, r, u, i, mask), loss = e->unobserved * s * s;
                    if (ps_dataset_has(&e->dataset, behaviour, u, i))
                        loss += (1 - e->unobserved) * (s - y) * (s - y);
                    total += chance * recipe->loss_weight[behaviour] * loss;
                }
    }
    return total / e->tile.n;
}

static double of_model(struct epoch *e)
{
    struct model_bench *b = &e->bench;
    nn_tape_reset(b->tape);
    struct nn_tensor *loss = b->model.class_->forward(&b->model, b->tape, &e->tile);
    nn_backward(b->tape, loss);
    return loss->value[0];
}

static void check(const char *name, enum ps_cascade cascade, double dropout)
{
    struct epoch e;
    epoch_init(&e, name, cascade, dropout);
    model_bench_draw(&e.bench, 5);
    set_gram(&e, "gram_user", PS_USER_TABLE, e.user, TOY_USERS);
    set_gram(&e, "gram_item", PS_ITEM_TABLE, e.item, TOY_ITEMS);
    e.bench.value[table_of(&e.bench, "gram_mass")][0] = 1;
    double found = of_model(&e), want = brute(&e, false);
    if (!(fabs(found - want) < 1e-12 * (1 + fabs(want))))
        fail_msg("%s, cascade %d, dropout %g: loss %.15g instead of %.15g", name, cascade, dropout, found, want);
    /* Its gradient is that of the loss in which the Gram matrices move with the rows. */
    for (int t = 0; t < e.bench.model.tables; t++)
        for (size_t k = 0; k < model_bench_size(&e.bench, t) && e.bench.model.table[t].update == PS_UPDATE_OPTIMIZER; k++) {
            double numeric = gradient_numeric(&e.bench.value[t][k], 1e-5, brute, &e);
            if (!gradient_near(numeric, e.bench.grad[t][k]))
                fail_msg("%s, cascade %d, dropout %g: %s[%zu]: numeric %.12g, analytic %.12g", name, cascade, dropout,
                         e.bench.model.table[t].name, k, numeric, e.bench.grad[t][k]);
        }
    model_bench_fini(&e.bench);
}

static void the_loss_is_over_all_pairs(void **state)
{
    for (int d = 0; d < 2; d++) {
        check("gmf", PS_CASCADE_NONE, 0.4 * d);
        check("wmf", PS_CASCADE_NONE, 0.4 * d);
        for (int cascade = PS_CASCADE_LOGIT_AVG; cascade <= PS_CASCADE_NONE; cascade++)
            check("nmtr_gmf", (enum ps_cascade)cascade, 0.4 * d);
    }
}

/* What is known of a part of an epoch only is scaled up to all of it. */
static void half_a_mass_counts_twice(void **state)
{
    struct epoch e;
    epoch_init(&e, "gmf", PS_CASCADE_NONE, 0);
    model_bench_draw(&e.bench, 5);
    set_gram(&e, "gram_user", PS_USER_TABLE, e.user, TOY_USERS);
    set_gram(&e, "gram_item", PS_ITEM_TABLE, e.item, TOY_ITEMS);
    real *user = e.bench.value[table_of(&e.bench, "gram_user")], *item = e.bench.value[table_of(&e.bench, "gram_item")];
    for (int k = 0; k < WIDTH * WIDTH; k++)
        user[k] /= 2, item[k] /= 2;
    e.bench.value[table_of(&e.bench, "gram_mass")][0] = 0.5;
    assert_true(fabs(of_model(&e) - brute(&e, false)) < 1e-12);
    model_bench_fini(&e.bench);
}

/* Nothing known: the pairs with an interaction alone, and no division by 0. */
static void an_empty_sum_pushes_nothing_away(void **state)
{
    struct epoch e;
    epoch_init(&e, "gmf", PS_CASCADE_NONE, 0);
    model_bench_draw(&e.bench, 5);
    for (int t = 0; t < e.bench.model.tables; t++)
        if (e.bench.model.table[t].update == PS_UPDATE_ADD)
            memset(e.bench.value[t], 0, model_bench_size(&e.bench, t) * sizeof(real));
    double want = 0;
    for (int k = 0; k < e.tile.n; k++) {
        double s = score(&e, 0, e.user[k], e.item[k], ~0u) - 1.25;
        want += 0.8 * s * s / e.tile.n;
    }
    assert_true(fabs(of_model(&e) - want) < 1e-12);
    model_bench_fini(&e.bench);
}

/* An epoch leaves the sums of all rows, whatever there was; a part of one its share, and takes off as much. */
static void check_sum(const char *name, int rows, uint32_t ids, const uint32_t *id, struct epoch *e)
{
    model_bench_draw(&e->bench, 6);
    int gram = table_of(&e->bench, name), mass = table_of(&e->bench, "gram_mass"), all = e->tile.n, part = 3;
    real before[WIDTH * WIDTH], had = e->bench.value[mass][0];
    memcpy(before, e->bench.value[gram], sizeof before);
    of_model(e);
    set_gram(e, name, rows, id, ids);
    for (int k = 0; k < WIDTH * WIDTH; k++)
        assert_true(fabs(before[k] + e->bench.grad[gram][k] - e->bench.value[gram][k]) < 1e-13);
    assert_true(fabs(had + e->bench.grad[mass][0] - 1) < 1e-13);

    model_bench_draw(&e->bench, 6);
    e->tile.n = part;
    for (int r = 0; r < e->bench.model.recipe.heads; r++)
        e->tile.need[r] = PS_MIN(e->tile.need[r], part);
    of_model(e);
    for (int k = 0; k < WIDTH * WIDTH; k++) {
        double want = -before[k] * part / all;
        for (int b = 0; b < part; b++) {
            int times = 0;
            for (int c = 0; c < all; c++)
                times += id[c] == id[b];
            const real *x = e->bench.pointer[rows][id[b]];
            want += x[k / WIDTH] * x[k % WIDTH] / times;
        }
        assert_true(fabs(e->bench.grad[gram][k] - want) < 1e-13);
    }
    assert_true(fabs(e->bench.grad[mass][0] - (1 - had) * part / all) < 1e-13);
}

static void sums_run_over_an_epoch(void **state)
{
    struct epoch e;
    epoch_init(&e, "nmtr_gmf", PS_CASCADE_NONE, 0.3);
    check_sum("gram_user", PS_USER_TABLE, TOY_USERS, e.user, &e);
    model_bench_fini(&e.bench);
    epoch_init(&e, "gmf", PS_CASCADE_NONE, 0);
    check_sum("gram_item", PS_ITEM_TABLE, TOY_ITEMS, e.item, &e);
    model_bench_fini(&e.bench);
}

/* Scores that are no product have no such loss, and say so. */
static void others_refuse_it(void **state)
{
    struct ps_dataset dataset = toy_dataset(3);
    struct ps_config config = toy_config(WIDTH);
    struct ps_model model;
    struct ps_error err;
    config.model.loss = PS_LOSS_WHOLE;
    FOR_MODELS(m, false) {
        const struct ps_model_class *class_ = ps_models[m];
        if (class_->recipe.whole || !class_->forward)
            continue;
        assert_int_equal(ps_model_init(&model, class_->name, &config, &dataset, &err), -PS_EXIT_USAGE);
        assert_non_null(strstr(err.text, "model.loss is whole, which needs scores that are linear"));
    }
    config.model.unit = PS_UNIT_CODE;
    assert_int_equal(ps_model_init(&model, "nmtr_gmf", &config, &dataset, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "set model.unit to paper"));
    config.model.unit = PS_UNIT_DEFAULT;
    config.model.cascade = PS_CASCADE_PROB;
    assert_int_equal(ps_model_init(&model, "nmtr_gmf", &config, &dataset, &err), -PS_EXIT_USAGE);
    config.model.cascade = PS_CASCADE_NONE;
    config.train.sampling = PS_SAMPLING_UNION;
    assert_int_equal(ps_model_init(&model, "nmtr_gmf", &config, &dataset, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "train.sampling"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_is_over_all_pairs), cmocka_unit_test(half_a_mass_counts_twice),
        cmocka_unit_test(an_empty_sum_pushes_nothing_away), cmocka_unit_test(sums_run_over_an_epoch),
        cmocka_unit_test(others_refuse_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
