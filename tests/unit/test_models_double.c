/* test_models_double.c - every model of the registry that learns, under every cascade, unit and number of behaviours:
 * gradients against central differences, and scores against the logits of the training pass. A new model is tested by
 * being in the registry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/models/cascade.h"

#include "gradient.h"
#include "model_bench.h"
#include "toy.h"

enum { SAMPLES = 9 };
static const uint32_t sample_behind[SAMPLES] = {0, 1, 0, 1, 2, 0, 1, 0, 1};

/* Duplicate users, items and pairs; every user and item appears. */
static const uint32_t sample_user[SAMPLES] = {0, 1, 0, 4, 2, 1, 3, 0, 4};
static const uint32_t sample_item[SAMPLES] = {5, 2, 5, 0, 6, 1, 3, 4, 5};

struct objective {
    struct model_bench *bench;
    struct ps_tile tile;
    real label[PS_MAX_BEHAVIOURS][SAMPLES], weight[PS_MAX_BEHAVIOURS][SAMPLES];
};

static double run(void *ctx, bool backward)
{
    struct objective *o = ctx;
    return model_bench_run(o->bench, &o->tile, backward);
}

static void objective_init(struct objective *o, struct model_bench *b)
{
    struct ps_random r = ps_random_stream(1, PS_RANDOM_TEST, 4, 0, 0);
    *o = (struct objective){.bench = b};
    o->tile = (struct ps_tile){.n = SAMPLES,
                               .user = sample_user,
                               .item = sample_item,
                               .user_row = sample_user,
                               .item_row = sample_item,
                               .behind = sample_behind,
                               .bag_begin = b->bag_begin,
                               .bag_entry = b->bag_entry,
                               .bag_own = sample_item,
                               .sample_weight = 1.0 / SAMPLES,
                               .param = b->param};
    for (int k = 0; k < b->model.recipe.heads; k++) {
        o->tile.need[k] = SAMPLES - 2 * k;
        o->tile.label[k] = o->label[k];
        o->tile.weight[k] = o->weight[k];
        for (int s = 0; s < SAMPLES; s++) {
            o->label[k][s] = (real)ps_random_below(&r, 2);
            o->weight[k][s] = 0.1 + ps_random_unit(&r);
        }
    }
}

static void check_gradients(struct model_bench *b, const char *what)
{
    struct objective o;
    objective_init(&o, b);
    struct gradient_input input[PS_MAX_TABLES];
    char names[PS_MAX_TABLES][160];
    int inputs = 0;
    for (int t = 0; t < b->model.tables; t++) {
        if (b->model.table[t].update == PS_UPDATE_ADD) /* what is left for it is no gradient */
            continue;
        snprintf(names[t], sizeof names[t], "%s: %s", what, b->model.table[t].name);
        input[inputs++] = (struct gradient_input){names[t], b->value[t], b->grad[t], model_bench_size(b, t)};
    }
    enum gradient_result result = GRADIENT_KINK;
    for (uint64_t attempt = 0; result == GRADIENT_KINK && attempt < 20; attempt++) {
        model_bench_draw(b, attempt);
        result = gradient_check(input, inputs, run, &o, false);
    }
    if (result != GRADIENT_RIGHT)
        print_message("%s\n", what);
    assert_int_equal(result, GRADIENT_RIGHT);
    assert_int_equal(gradient_check(input, inputs, run, &o, true), GRADIENT_WRONG);
}

static void check_scores(struct model_bench *b, const char *what)
{
    static const uint32_t user[] = {3, 0, 4, 1, 2}, item[] = {6, 0, 3, 3, 1, 5};
    real score[PS_COUNT(user) * PS_COUNT(item)];
    model_bench_score(b, user, PS_COUNT(user), item, PS_COUNT(item), score);
    for (size_t u = 0; u < PS_COUNT(user); u++)
        for (size_t i = 0; i < PS_COUNT(item); i++) {
            double logit = model_bench_logit(b, user[u], item[i]), found = score[u * PS_COUNT(item) + i];
            if (!(fabs(logit - found) < 1e-9 * (1 + fabs(logit))))
                print_message("%s: user %u, item %u: score %.12g, logit %.12g\n", what, user[u], item[i], found, logit);
            assert_true(fabs(logit - found) < 1e-9 * (1 + fabs(logit)));
        }
}

static void check_form(void (*check)(struct model_bench *, const char *), const struct ps_model_class *class_,
                       struct ps_config *config, uint32_t behaviours)
{
    struct ps_dataset dataset = toy_dataset(behaviours);
    char what[160];
    snprintf(what, sizeof what, "%s, %u behaviours, cascade %d, unit %d, layers %d, loss %d, features [%.20s], pooling %d", class_->name,
             behaviours, config->model.cascade, config->model.unit, config->model.layers, config->model.loss, config->model.features,
             config->model.feature_pooling);
    struct model_bench bench;
    assert_int_equal(model_bench_init(&bench, class_->name, config, &dataset), 0);
    model_bench_draw(&bench, 1);
    check(&bench, what);
    model_bench_fini(&bench);
}

/* Calls check with every model that learns, in every form; losses other than the model's own with one form alone. */
static void for_all_forms(void (*check)(struct model_bench *, const char *))
{
    FOR_MODELS(m, false)
        for (uint32_t behaviours = 1; ps_models[m]->forward && behaviours <= 3; behaviours++) {
            const struct ps_model_class *class_ = ps_models[m];
            if (class_->recipe.sweeps) /* no gradients: test_least_squares_double.c */
                continue;
            struct ps_config config = toy_config(8);
            config.model.l2 = 0.02;
            config.model.branch_updates = PS_BRANCHES_ALL; /* what is gated is no derivative: test_branches_learn_their_own */
            for (int cascade = 0; cascade < model_bench_choices(class_, "cascade", 4); cascade++)
                for (int unit = 0; unit < model_bench_choices(class_, "unit", 3); unit++)
                    for (int layers = 0; layers < model_bench_choices(class_, "layers", 2); layers++) {
                        config.model.cascade = (enum ps_cascade)cascade;
                        config.model.unit = (enum ps_unit)unit;
                        config.model.layers = 2 * layers;
                        check_form(check, class_, &config, behaviours);
                    }
            config.model.cascade = PS_CASCADE_LOGIT_AVG;
            config.model.unit = PS_UNIT_DEFAULT;
            config.model.dropout = 0.3;
            for (int loss = PS_LOSS_BCE; loss <= (class_->recipe.whole ? PS_LOSS_WHOLE : PS_LOSS_SQUARED); loss++) {
                config.model.loss = (enum ps_objective)loss;
                check_form(check, class_, &config, behaviours);
                for (int pooling = PS_POOLING_SUM; pooling <= PS_POOLING_MEAN; pooling++) {
                    config.model.feature_pooling = (enum ps_pooling)pooling;
                    snprintf(config.model.features, sizeof config.model.features, pooling ? "all" : "tags,age");
                    check_form(check, class_, &config, behaviours);
                }
                config.model.features[0] = 0;
            }
        }
}

static void test_gradients(void **state)
{
    for_all_forms(check_gradients);
}

static void test_scores(void **state)
{
    for_all_forms(check_scores);
}

/* The L2 term is on a user's and an item's own row, and on each value that they have, as often as samples do. */
static void test_penalty(void **state)
{
    struct ps_dataset dataset = toy_dataset(1);
    struct ps_config config = toy_config(8);
    struct model_bench b;
    double loss[2], want = 0;
    config.model.features[0] = 'a', config.model.features[1] = config.model.features[2] = 'l';
    config.model.feature_pooling = PS_POOLING_MEAN;
    assert_int_equal(model_bench_init(&b, "bpr", &config, &dataset), 0);
    assert_int_equal(b.model.tables, 4);
    assert_string_equal(b.model.table[2].name, "user.age");
    assert_string_equal(b.model.table[3].name, "item.tags");
    assert_int_equal(b.model.table[3].rows, 4);
    model_bench_draw(&b, 1);
    for (int turn = 0; turn < 2; turn++) {
        struct objective o;
        config.model.l2 = turn ? 0.3 : 0;
        objective_init(&o, &b);
        loss[turn] = run(&o, false);
    }
    for (int s = 0; s < SAMPLES; s++)
        for (int j = 0; j < 8; j++) {
            want += b.pointer[0][sample_user[s]][j] * b.pointer[0][sample_user[s]][j];
            want += b.pointer[1][sample_item[s]][j] * b.pointer[1][sample_item[s]][j];
            for (int k = 0; k < 2; k++) {
                uint32_t owner = k ? sample_item[s] : sample_user[s];
                for (uint64_t v = dataset.feature[k].offset[owner]; v < dataset.feature[k].offset[owner + 1]; v++)
                    want += b.pointer[2 + k][dataset.feature[k].value[v]][j] * b.pointer[2 + k][dataset.feature[k].value[v]][j];
            }
        }
    assert_true(fabs(loss[1] - loss[0] - 0.3 / 2 * want / SAMPLES) < 1e-12);
    model_bench_fini(&b);
}

/* Branch by branch, the gradient of a gated model is that of an ungated one over the pairs that have the behaviour, and
 * everything else learns from all pairs. */
static void gradient_of(struct model_bench *b, struct objective *o, enum ps_branch_updates updates, double *out[])
{
    struct ps_config config = *b->model.config;
    config.model.branch_updates = updates;
    b->model.config = &config;
    for (int t = 0; t < b->model.tables; t++)
        memset(b->grad[t], 0, model_bench_size(b, t) * sizeof(real));
    run(o, true);
    for (int t = 0; t < b->model.tables; t++)
        memcpy(out[t], b->grad[t], model_bench_size(b, t) * sizeof(real));
}

static void test_branches_learn_their_own(void **state)
{
    struct ps_dataset dataset = toy_dataset(3);
    struct ps_config config = toy_config(4);
    config.model.loss = PS_LOSS_SQUARED;
    struct model_bench b;
    struct objective o;
    double *all[PS_MAX_TABLES], *own[PS_MAX_TABLES], *part[PS_MAX_TABLES];
    assert_int_equal(model_bench_init(&b, "mf_mmlp", &config, &dataset), 0);
    model_bench_draw(&b, 3);
    objective_init(&o, &b);
    for (int t = 0; t < b.model.tables; t++) {
        all[t] = ps_calloc(model_bench_size(&b, t), sizeof(double));
        own[t] = ps_calloc(model_bench_size(&b, t), sizeof(double));
        part[t] = ps_calloc(model_bench_size(&b, t), sizeof(double));
    }
    gradient_of(&b, &o, PS_BRANCHES_ALL, all);
    gradient_of(&b, &o, PS_BRANCHES_OWN, own);
    for (uint32_t r = 0; r < 3; r++) {
        real kept[SAMPLES];
        memcpy(kept, o.weight[0], sizeof kept);
        int has = 0;
        for (int s = 0; s < SAMPLES; s++) {
            bool mine = r == 2 || ps_dataset_has(&dataset, r, sample_user[s], sample_item[s]);
            has += mine;
            o.weight[0][s] *= mine;
        }
        assert_true(has > 0 && (r == 2 || has < SAMPLES));
        gradient_of(&b, &o, PS_BRANCHES_ALL, part);
        memcpy(o.weight[0], kept, sizeof kept);
        for (int t = 0; t < b.model.tables; t++) {
            bool branch = strncmp(b.model.table[t].name, "tower_", 6) == 0;
            if (branch && !strstr(b.model.table[t].name, dataset.behaviour[r]))
                continue;
            bool differs = false;
            for (size_t k = 0; k < model_bench_size(&b, t) && b.model.table[t].kind == PS_TABLE_TENSOR; k++) {
                assert_true(gradient_near(own[t][k], branch ? part[t][k] : all[t][k]));
                differs |= !gradient_near(own[t][k], all[t][k]);
            }
            assert_int_equal(differs, branch && r < 2);
        }
    }
    for (int t = 0; t < b.model.tables; t++)
        free(all[t]), free(own[t]), free(part[t]);
    model_bench_fini(&b);
}

/* recommenders.md F2: with one behaviour every cascade is f + b; with f_2 = f_3 = 0, logit_avg gives f_1/4 + 7b/4. */
static double cascade_of(enum ps_cascade cascade, int behaviours, const real *f, const real *bias)
{
    struct nn_tape *tape = nn_tape_new();
    struct nn_tensor *unit[3], *z[3];
    uint32_t row = 0;
    struct nn_rows rows = {1, 3, &bias, NULL};
    for (int r = 0; r < behaviours; r++)
        unit[r] = nn_leaf(tape, 1, 1, &f[r], NULL);
    ps_cascade_forward(tape, cascade, behaviours, (const int[]){1, 1, 1}, unit, (struct nn_lookup){&rows, &row, 0}, z);
    double result = z[behaviours - 1]->value[0];
    nn_tape_free(tape);
    return result;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void test_cascades(void **state)
{
    const real f[3] = {0.8, -1.3, 0.4}, first_only[3] = {0.8, 0, 0}, b[3] = {0.3, -0.2, 0.7};
    for (int cascade = PS_CASCADE_PROB; cascade <= PS_CASCADE_NONE; cascade++)
        assert_true(fabs(cascade_of((enum ps_cascade)cascade, 1, f, b) - (f[0] + b[0])) < 1e-15);
    assert_true(fabs(cascade_of(PS_CASCADE_LOGIT_AVG, 3, first_only, b) - (0.8 / 4 + 7 * 0.3 / 4)) < 1e-15);
    double z = sigmoid(sigmoid(f[0] + b[0]) + f[1] + b[1]) + f[2] + b[2];
    assert_true(fabs(cascade_of(PS_CASCADE_PROB, 3, f, b) - z) < 1e-15);
    z = f[0] + b[0] + f[1] + b[1] + f[2] + b[2];
    assert_true(fabs(cascade_of(PS_CASCADE_LOGIT_SUM, 3, f, b) - z) < 1e-15);
    assert_true(fabs(cascade_of(PS_CASCADE_NONE, 3, f, b) - (f[2] + b[2])) < 1e-15);

    for (int cascade = PS_CASCADE_LOGIT_AVG; cascade <= PS_CASCADE_NONE; cascade++) {
        double unit_weight[3], bias_weight[3], linear = 0;
        ps_cascade_weights((enum ps_cascade)cascade, 3, unit_weight, bias_weight);
        for (int r = 0; r < 3; r++)
            linear += unit_weight[r] * f[r];
        for (int k = 0; k < ps_cascade_biases((enum ps_cascade)cascade, 3); k++)
            linear += bias_weight[k] * b[k];
        assert_true(fabs(cascade_of((enum ps_cascade)cascade, 3, f, b) - linear) < 1e-15);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_penalty),
        cmocka_unit_test(test_branches_learn_their_own),
        cmocka_unit_test(test_cascades),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
