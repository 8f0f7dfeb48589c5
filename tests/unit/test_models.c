/* test_models.c - the registry in production: tables, refusals, the rules' exact scores, and training and ranking
 * scores that agree in float. Gradients are checked in test_models_double.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_bench.h"
#include "toy.h"
#include "worker/models/loss.h"

static void test_registry(void **state)
{
    for (int m = 0; ps_models[m]; m++) {
        assert_ptr_equal(ps_model_find(ps_models[m]->name), ps_models[m]);
        assert_non_null(ps_models[m]->title);
        assert_non_null(ps_models[m]->source);
        assert_non_null(ps_models[m]->options);
        assert_non_null(ps_models[m]->score);
    }
    struct ps_dataset dataset = toy_dataset(3);
    struct ps_config config = toy_config(8);
    struct ps_model model;
    struct ps_error err;
    assert_null(ps_model_find("nmtr_neumg"));
    assert_int_equal(ps_model_init(&model, "nmtr_neumg", &config, &dataset, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "did you mean 'nmtr_neumf'"));
}

/* Every table of every model: names are unique, fields fill the row, chunks hold the tensor and waste less than one row
 * each. */
static void check_tables(const struct ps_model *model)
{
    for (int t = 0; t < model->tables; t++) {
        const struct ps_table_spec *spec = &model->table[t];
        for (int other = 0; other < t; other++)
            assert_string_not_equal(spec->name, model->table[other].name);
        uint32_t width = 0;
        for (uint32_t f = 0; f < spec->fields; f++) {
            assert_int_equal(spec->field[f].first, width);
            width += spec->field[f].width;
        }
        assert_int_equal(width, spec->width);
        if (spec->kind != PS_TABLE_TENSOR)
            continue;
        uint64_t size = (uint64_t)spec->tensor_rows * spec->tensor_cols;
        assert_true(size > 0 && spec->width <= PS_CHUNK && spec->rows * spec->width >= size &&
                    spec->rows * spec->width - size < spec->rows);
    }
}

static void test_tables(void **state)
{
    FOR_MODELS(m, false)
        for (int embedding = 8; embedding <= 200; embedding += 96) {
            struct ps_dataset dataset = toy_dataset(3);
            struct ps_config config = toy_config(embedding);
            struct ps_model model;
            struct ps_error err;
            assert_int_equal(ps_model_init(&model, ps_models[m]->name, &config, &dataset, &err), 0);
            check_tables(&model);
            ps_model_fini(&model);
        }
}

static const struct ps_table_spec *find_table(const struct ps_model *model, const char *name)
{
    for (int t = 0; t < model->tables; t++)
        if (strcmp(model->table[t].name, name) == 0)
            return &model->table[t];
    fail_msg("model %s has no table %s", model->class_->name, name);
    return NULL;
}

/* The published shapes: NeuMF 192-96 for E = 64, initial values of the authors' code, one shared bias under logit_avg.
 */
static void test_published_shapes(void **state)
{
    struct ps_dataset dataset = toy_dataset(3);
    struct ps_config config = toy_config(64);
    struct ps_model model;
    struct ps_error err;
    config.model.cascade = PS_CASCADE_LOGIT_AVG;
    assert_int_equal(ps_model_init(&model, "nmtr_neumf", &config, &dataset, &err), 0);
    assert_int_equal(find_table(&model, "user")->width, 64);
    assert_int_equal(find_table(&model, "item")->width, 65);
    assert_int_equal(find_table(&model, "user")->field[0].init, PS_INIT_TRUNCATED);
    const struct ps_table_spec *w = find_table(&model, "tower_w1.cart");
    assert_true(w->tensor_rows == 192 && w->tensor_cols == 96);
    assert_true(w->rows == 5 && w->width == 3687 && fabsf(w->field[0].scale - 0.125f) < 1e-7f);
    assert_int_equal(find_table(&model, "tower_h.buy")->tensor_rows, 96);
    ps_model_fini(&model);

    config.model.unit = PS_UNIT_CODE;
    assert_int_equal(ps_model_init(&model, "nmtr_gmf", &config, &dataset, &err), 0);
    w = find_table(&model, "tower_w1.buy"); /* exactly one chunk */
    assert_true(w->tensor_rows == 64 && w->tensor_cols == 64 && w->rows == 1 && w->width == PS_CHUNK);
    ps_model_fini(&model);

    config.model.cascade = PS_CASCADE_PROB;
    assert_int_equal(ps_model_init(&model, "nmtr_mlp", &config, &dataset, &err), 0);
    assert_int_equal(find_table(&model, "item")->width, 67);
    assert_int_equal(find_table(&model, "tower_w1.view")->tensor_cols, 64);
    ps_model_fini(&model);
}

static void test_refusals(void **state)
{
    struct ps_dataset dataset = toy_dataset(3);
    struct ps_config config = toy_config(4);
    struct ps_model model;
    struct ps_error err;
    config.model.layers = 8;
    assert_int_equal(ps_model_init(&model, "nmtr_mlp", &config, &dataset, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "use at most 3"));

    config = toy_config(512);
    config.model.layers = 8;
    dataset.behaviours = 8;
    for (int b = 0; b < 8; b++)
        snprintf(dataset.behaviour[b], sizeof dataset.behaviour[b], "b%d", b);
    assert_int_equal(ps_model_init(&model, "nmtr_neumf", &config, &dataset, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "more than 64 tables"));
}

static void test_popularity(void **state)
{
    struct ps_dataset dataset = toy_dataset(3);
    struct ps_config config = toy_config(8);
    struct model_bench b;
    assert_int_equal(model_bench_init(&b, "popularity", &config, &dataset), 0);
    const uint32_t user[] = {2}, item[] = {0, 1, 2, 3, 4, 5, 6};
    real score[7];
    model_bench_score(&b, user, 1, item, 7, score);
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 7; j++)
            assert_int_equal(score[i] < score[j], toy_count[2][i] < toy_count[2][j]);
    model_bench_fini(&b);
}

/* Carted but not bought, then viewed only, then the rest; by popularity within each. */
static void test_carted_first(void **state)
{
    struct ps_dataset dataset = toy_dataset(3);
    struct ps_config config = toy_config(8);
    struct model_bench b;
    assert_int_equal(model_bench_init(&b, "carted_first", &config, &dataset), 0);
    const uint32_t user[] = {3, 0}, item[] = {5, 0, 2, 1, 6, 4};
    real score[12];
    model_bench_score(&b, user, 2, item, 6, score);
    const real *mine = score + 6;
    assert_true(mine[0] > mine[1]);                        /* 5 is carted, 0 viewed */
    assert_true(mine[1] == mine[2]);                       /* both viewed, both never bought */
    assert_true(mine[2] > mine[3]);                        /* 1 is carted, but bought already */
    assert_true(mine[3] == mine[4] && mine[4] == mine[5]); /* bought by one user each */
    assert_true(score[4] == score[3] && score[4] > score[0] && score[0] == score[1]); /* user 3 has no history */
    model_bench_fini(&b);
}

/* Touched but not bought, the latest first; with equal times by the stronger behaviour; without times as carted_first. */
static void test_own_history(void **state)
{
    static const int64_t views[12] = {70, 10, 20, 50}, carts[6] = {80, 50}; /* user 0 viewed 0 1 2 5 and carted 1 5 */
    struct ps_dataset dataset = toy_dataset(3);
    struct ps_config config = toy_config(8);
    struct model_bench b;
    const uint32_t user[] = {3, 0}, item[] = {5, 0, 2, 1, 6, 4};
    real score[12], *mine = score + 6;
    dataset.train[0].time = views;
    dataset.train[1].time = carts;
    assert_int_equal(model_bench_init(&b, "own_history", &config, &dataset), 0);
    model_bench_score(&b, user, 2, item, 6, score);
    assert_true(mine[1] > mine[0] && mine[0] > mine[2]);   /* 0 was touched at 70, 5 at 50, 2 at 20 */
    assert_true(mine[2] > mine[3]);                        /* 1 was carted last of all, but bought */
    assert_true(mine[3] == mine[4] && mine[4] == mine[5]); /* bought by one user each */
    assert_true(score[4] == score[3] && score[4] > score[0] && score[0] == score[1]); /* user 3 has no history */
    model_bench_fini(&b);

    static const int64_t same[12] = {0};
    for (int times = 0; times < 2; times++) {
        dataset.train[0].time = dataset.train[1].time = times ? same : NULL;
        assert_int_equal(model_bench_init(&b, "own_history", &config, &dataset), 0);
        model_bench_score(&b, user, 2, item, 6, score);
        assert_true(mine[0] > mine[1] && mine[1] == mine[2] && mine[2] > mine[3]);
        model_bench_fini(&b);
    }
}

/* Equal counts are equal scores and other counts others, up to the largest counts that data can have. */
static void test_rule_scores_are_exact(void **state)
{
    enum { ITEMS = 50000 };
    uint32_t *count = ps_calloc(ITEMS, sizeof *count);
    for (uint32_t i = 0; i < ITEMS; i++)
        count[i] = 4000000000u - i; /* far beyond what float tells apart */
    const uint64_t offset[2] = {0, 0};
    struct ps_dataset dataset = {.users = 1, .items = ITEMS, .behaviours = 8};
    for (int b = 0; b < 8; b++)
        dataset.train[b] = (struct ps_history){.offset = offset, .count = count};
    struct ps_config config = toy_config(8);
    static const char *const rule[] = {"popularity", "carted_first", "own_history"};
    for (int m = 0; m < 3; m++) {
        struct model_bench b;
        assert_int_equal(model_bench_init(&b, rule[m], &config, &dataset), 0);
        const uint32_t user[] = {0};
        for (uint32_t i = 0; i + 2 <= ITEMS; i += 2) {
            const uint32_t item[] = {i, i + 1};
            real score[2];
            model_bench_score(&b, user, 1, item, 2, score);
            assert_true(score[0] == score[1] + 1);
        }
        model_bench_fini(&b);
    }
    free(count);
}

/* What is ranked is what was trained: within float's rounding of a sum. */
static void test_scores_are_logits(void **state)
{
    FOR_MODELS(m, false)
        for (int form = 0; ps_models[m]->forward && form < 12; form++) {
            struct ps_dataset dataset = toy_dataset(3);
            struct ps_config config = toy_config(32);
            config.model.cascade = (enum ps_cascade)(form % 4);
            config.model.unit = (enum ps_unit)(form / 4);
            struct model_bench b;
            assert_int_equal(model_bench_init(&b, ps_models[m]->name, &config, &dataset), 0);
            model_bench_draw(&b, 5);
            const uint32_t user[] = {4, 0, 2}, item[] = {6, 3, 3, 1};
            real score[12];
            model_bench_score(&b, user, 3, item, 4, score);
            for (int u = 0; u < 3; u++)
                for (int i = 0; i < 4; i++) {
                    double logit = model_bench_logit(&b, user[u], item[i]);
                    if (logit > -8) /* below, log(1 + e^z) leaves too few bits of z in float */
                        assert_true(fabs(logit - (double)score[u * 4 + i]) < 2e-3 * (1 + fabs(logit)));
                }
            model_bench_fini(&b);
        }
}

/* The logits that forward makes its loss of, by themselves; and what the vectors are where the score is an inner product. */
static void check_logits(struct model_bench *b, uint32_t user, uint32_t item, real score)
{
    struct ps_tile tile = {.n = 1, .user = &user, .item = &item, .user_row = &user, .item_row = &item, .epoch = 1, .param = b->param};
    struct nn_tensor *z[PS_MAX_BEHAVIOURS];
    struct ps_factors f;
    for (int r = 0; r < b->model.recipe.heads; r++)
        tile.need[r] = 1;
    tile.rows = ps_embedding_compose(&b->embedding, &b->model, b->rows, b->feature);
    nn_tape_reset(b->tape);
    b->model.class_->logits(&b->model, b->tape, &tile, z);
    assert_true(fabs((double)z[b->model.recipe.heads - 1]->value[0] - (double)score) < 1e-5 * (1 + fabs((double)score)));
    if (!b->model.class_->factors || !b->model.class_->factors(&b->model, b->tape, b->param, &f))
        return;
    const real *p = b->rows[PS_USER_TABLE].value[user], *q = b->rows[PS_ITEM_TABLE].value[item];
    double sum = f.constant;
    for (int j = 0; j < f.width; j++)
        sum += (double)(f.scale[j] * p[f.user_first + j] * q[f.item_first + j]);
    for (int k = 0; k < f.biases; k++)
        sum += f.bias[k] * (double)q[f.bias_first + k];
    assert_true(fabs(sum - (double)score) < 1e-5 * (1 + fabs((double)score)));
}

static void test_logits_and_factors(void **state)
{
    int with = 0, without = 0;
    FOR_MODELS(m, false)
        for (int form = 0; ps_models[m]->forward && form < 12; form++) {
            struct ps_dataset dataset = toy_dataset(3);
            struct ps_config config = toy_config(16);
            config.model.cascade = (enum ps_cascade)(form % 4);
            config.model.unit = (enum ps_unit)(form / 4);
            struct model_bench b;
            assert_int_equal(model_bench_init(&b, ps_models[m]->name, &config, &dataset), 0);
            model_bench_draw(&b, 9);
            const uint32_t user[] = {4, 0}, item[] = {6, 3, 1};
            real score[6];
            model_bench_score(&b, user, 2, item, 3, score);
            if (ps_models[m]->logits)
                for (int k = 0; k < 6; k++, with++)
                    check_logits(&b, user[k / 3], item[k % 3], score[k]);
            without += !ps_models[m]->logits;
            model_bench_fini(&b);
        }
    assert_true(with > 0 && without == 12); /* mfpr */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_published_shapes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_popularity),
        cmocka_unit_test(test_carted_first),
        cmocka_unit_test(test_own_history),
        cmocka_unit_test(test_rule_scores_are_exact),
        cmocka_unit_test(test_scores_are_logits),
        cmocka_unit_test(test_logits_and_factors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
