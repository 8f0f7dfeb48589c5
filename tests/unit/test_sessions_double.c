/* test_sessions_double.c - every model of sessions in the registry: gradients against central differences, scores against the loss of
 * the training pass. A new model is tested by being in the registry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gradient.h"
#include "model_bench.h"
#include "toy.h"
#include "toy_sessions.h"

struct objective {
    struct model_bench *bench;
    struct ps_session_batch batch;
    struct ps_triple_batch triples;
    struct ps_tile tile;
    uint32_t row[16];
};

static double run(void *ctx, bool backward)
{
    struct objective *o = ctx;
    struct nn_draws draws = {.seed = 3};
    o->tile.draws = &draws;
    return model_bench_run(o->bench, &o->tile, backward);
}

/* Rows are ids. */
static void objective_end(struct objective *o, struct model_bench *b)
{
    struct ps_session_batch *s = &o->batch;
    o->bench = b;
    memcpy(s->item_row, s->item, (size_t)s->steps * sizeof *s->item);
    memcpy(s->target_row, s->target, (size_t)s->targets * sizeof *s->target); /* tracks' rows are what they are already */
    memcpy(s->candidate_row, s->candidate, (size_t)s->view.candidates * sizeof *s->candidate);
    o->tile = (struct ps_tile){.n = s->next, .epoch = 1, .sessions = &s->view, .rows = b->rows, .param = b->param,
                               .sample_weight = (real)(1.0 / s->next)};
}

/* Four triples, two of one item, and corrupted ones where the recipe has them. */
static void objective_triples(struct objective *o, struct model_bench *b)
{
    static const uint64_t number[] = {0, 6, 7, 12};
    const struct ps_recipe *recipe = &b->model.recipe;
    struct ps_triples all;
    struct ps_random random = ps_random_stream(6, PS_RANDOM_TEST, 0, 0, 0);
    struct ps_triple_batch *t = &o->triples;
    if (!recipe->knowledge)
        return;
    ps_triples_init(&all, b->model.dataset);
    ps_triple_batch_init(t, recipe, b->model.dataset, 8);
    ps_triple_batch_begin(t);
    int count = PS_COUNT(number);
    for (int k = 0; k < count; k++)
        ps_triple_batch_add(t, ps_triples_at(&all, number[k]));
    t->view = (struct ps_triple_view){count, t->item, t->relation_row, t->value_row, NULL, NULL};
    for (int k = 0; k < count && recipe->knowledge_margin > 0; k++)
        ps_triple_batch_add(t, ps_triples_corrupt(&all, (struct ps_triple){t->item[k], t->relation_row[k], t->value_row[k]}, &random));
    if (recipe->knowledge_margin > 0)
        t->view.other_item_row = t->item + count, t->view.other_value_row = t->value_row + count;
    o->tile.triples = &t->view;
}

static void objective_fini(struct objective *o)
{
    ps_session_batch_fini(&o->batch);
    ps_triple_batch_fini(&o->triples);
}

/* All training sessions; the second one ends before its last step once more where prefixes are streamed. Of tracks two that begin a
 * session and two within one. */
static void objective_init(struct objective *o, struct model_bench *b)
{
    *o = (struct objective){0};
    const struct ps_dataset *d = b->model.dataset;
    const struct ps_recipe *recipe = &b->model.recipe;
    struct ps_alias *alias = ps_alias_new(d, 0, 0.75);
    struct ps_random random = ps_random_stream(5, PS_RANDOM_TEST, 0, 0, 0);
    ps_session_batch_init(&o->batch, recipe, d, 8, 16);
    ps_session_batch_begin(&o->batch);
    if (recipe->stream == PS_STREAM_SESSIONS) {
        for (uint32_t s = 0; s < 3; s++)
            ps_session_batch_add(&o->batch, d, s, 1, d->sessions.begin[s + 1] - d->sessions.begin[s], recipe->feedback);
    } else if (recipe->stream == PS_STREAM_PARALLEL) {
        ps_session_batch_add_step(&o->batch, d, 0, 1, 5);
        ps_session_batch_add_step(&o->batch, d, 0, 3, 2);
        ps_session_batch_add_step(&o->batch, d, 1, 2, 0);
        ps_session_batch_add_step(&o->batch, d, 1, 3, 7);
    } else {
        ps_session_batch_add(&o->batch, d, 0, 3, 4, false);
        ps_session_batch_add(&o->batch, d, 0, 2, 3, false);
        ps_session_batch_add(&o->batch, d, 1, 3, 4, false);
        ps_session_batch_add(&o->batch, d, 2, 1, 2, false);
    }
    ps_session_batch_end(&o->batch, recipe, d, alias, &random);
    ps_alias_free(alias);
    objective_end(o, b);
    objective_triples(o, b);
}

/* Between its kinks the hard sigmoid of NARM's code is a line: a query adds the same to all steps, and their softmax does not see it. */
static void leave_the_line(struct model_bench *b)
{
    for (int t = 0; t < b->model.tables && b->model.config->model.unit == PS_UNIT_CODE; t++)
        for (size_t k = 0; !strncmp(b->model.table[t].name, "attention_a", 11) && k < model_bench_size(b, t); k++)
            b->value[t][k] *= 10;
}

/* alone: of the triples without sessions, in which tensors have no part, nor have they in the recipe's first epochs. */
static void check_tile(struct model_bench *b, const char *what, bool alone)
{
    struct objective o;
    objective_init(&o, b);
    if (alone)
        o.tile.sessions = NULL;
    struct gradient_input input[PS_MAX_TABLES];
    char names[PS_MAX_TABLES][160];
    int inputs = 0;
    for (int t = 0; t < b->model.tables; t++) {
        if (b->model.table[t].update != PS_UPDATE_OPTIMIZER)
            continue; /* what is left for it is no gradient */
        if ((alone || b->model.recipe.rows_alone) && b->model.table[t].kind == PS_TABLE_TENSOR)
            continue;
        snprintf(names[t], sizeof names[t], "%s: %s", what, b->model.table[t].name);
        input[inputs++] = (struct gradient_input){names[t], b->value[t], b->grad[t], model_bench_size(b, t)};
    }
    enum gradient_result result = GRADIENT_KINK;
    /* Three rectified units may all be off: then the draw says nothing about what is behind them. */
    for (uint64_t attempt = 0; (result == GRADIENT_KINK || result == GRADIENT_ZERO) && attempt < 20; attempt++) {
        model_bench_draw(b, attempt);
        leave_the_line(b);
        result = gradient_check(input, inputs, run, &o, false);
    }
    if (result != GRADIENT_RIGHT)
        print_message("%s\n", what);
    assert_int_equal(result, GRADIENT_RIGHT);
    assert_int_equal(gradient_check(input, inputs, run, &o, true), GRADIENT_WRONG);
    objective_fini(&o);
}

static void check_gradients(struct model_bench *b, const char *what)
{
    check_tile(b, what, false);
    if (b->model.recipe.knowledge)
        check_tile(b, what, true);
}

/* The loss of a case's item over all items, and the one that its scores give. */
static void check_scores(struct model_bench *b, const char *what)
{
    const struct ps_dataset *d = b->model.dataset;
    struct ps_recipe all = b->model.recipe;
    all.candidates = PS_TRAIN_ALL;
    all.stream = PS_STREAM_PREFIXES;
    if (b->model.recipe.candidates != PS_TRAIN_ALL || b->model.class_->judge || b->model.recipe.rows_alone)
        return; /* the loss has other terms */
    for (uint32_t c = 0; c < TOY_CASES; c++) {
        struct objective o = {0};
        ps_session_batch_init(&o.batch, &all, d, 1, 1);
        ps_session_batch_begin(&o.batch);
        ps_session_batch_add_case(&o.batch, d, c);
        ps_session_batch_end(&o.batch, &all, d, NULL, NULL);
        objective_end(&o, b);
        double loss = run(&o, false), sum = 0;
        real score[TOY_SESSION_ITEMS];
        const real *item[PS_MAX_TABLES][TOY_SESSION_ITEMS], *const *items[PS_MAX_TABLES] = {NULL};
        for (int t = 0; t < b->model.tables; t++) {
            for (uint32_t i = 0; i < TOY_SESSION_ITEMS && b->model.table[t].kind == PS_TABLE_ITEM; i++)
                item[t][i] = o.tile.rows[t].value[i];
            items[t] = item[t];
        }
        static const uint32_t id[] = {0, 1, 2, 3, 4, 5, 6};
        nn_tape_reset(b->tape);
        o.tile.draws = NULL;
        struct nn_tensor *encoded = b->model.class_->encode(&b->model, b->tape, &o.tile);
        assert_int_equal(encoded->cols, b->model.encoded);
        const real *row = encoded->value;
        struct ps_score_input input = {.users = 1, .items = TOY_SESSION_ITEMS, .user_id = &c, .item_id = id, .item_rows = items,
                                       .case_rows = &row, .param = b->param};
        b->model.class_->score(&b->model, b->tape, &input, score);
        const struct nn_tensor *match = b->model.class_->match(&b->model, b->tape, &o.tile, encoded);
        for (int i = 0; i < TOY_SESSION_ITEMS; i++) {
            assert_true(fabs(match->value[i] - score[i]) < 1e-12 * (1 + fabs(score[i])));
            sum += exp(score[i]);
        }
        double expected = log(sum) - score[d->test[c].item];
        if (!(fabs(loss - expected) < 1e-9 * (1 + fabs(loss))))
            print_message("%s, case %u: loss %.12g, by its scores %.12g\n", what, c, loss, expected);
        assert_true(fabs(loss - expected) < 1e-9 * (1 + fabs(loss)));
        ps_session_batch_fini(&o.batch);
    }
}

/* Values of keys; `option` is one that not all models read: they are passed over. */
static const struct form {
    const char *option;
    enum ps_train_candidates candidates;
    enum ps_task_weighting weighting;
    enum ps_unit unit;
    enum ps_score score;
    enum ps_objective loss;
    enum ps_knowledge knowledge;
    double margin;
    int layers, skip_gram;
} forms[] = {{.option = "embedding", .knowledge = PS_KNOWLEDGE_ALTERNATING},
             {.option = "embedding", .knowledge = PS_KNOWLEDGE_ALTERNATING, .candidates = PS_TRAIN_SAMPLED},
             {.option = "task_weighting", .weighting = PS_TASKS_UNCERTAINTY},
             {.option = "unit", .unit = PS_UNIT_PAPER},
             {.option = "unit", .unit = PS_UNIT_CODE},
             {.option = "layers", .layers = 2},
             {.option = "skip_gram_epochs", .skip_gram = 1},
             {.option = "skip_gram_epochs", .skip_gram = 1, .candidates = PS_TRAIN_SAMPLED},
             {.option = "bpreg", .loss = PS_LOSS_BPR},
             {.option = "bpreg", .loss = PS_LOSS_BPR_MAX, .candidates = PS_TRAIN_SAMPLED},
             {.option = "bpreg", .loss = PS_LOSS_TOP1},
             {.option = "bpreg", .loss = PS_LOSS_TOP1_MAX, .layers = 2},
             {.option = "score", .unit = PS_UNIT_PAPER, .score = PS_SCORE_MLP, .knowledge = PS_KNOWLEDGE_JOINT, .margin = 3},
             {.option = "score", .score = PS_SCORE_MLP, .loss = PS_LOSS_BOTH_TERMS, .candidates = PS_TRAIN_SAMPLED}};

/* A track has few rows of lane state. */
static struct ps_config session_config(void)
{
    struct ps_config config = toy_config(4);
    config.train.lanes = 1;
    config.train.batch = 8;
    config.train.samples = 5;
    return config;
}

static void for_all_forms(void (*check)(struct model_bench *, const char *), double l2, bool any_loss)
{
    struct ps_dataset dataset = toy_session_dataset();
    FOR_MODELS(m, true)
    for (size_t k = 0; ps_models[m]->forward && k < 2 * PS_COUNT(forms); k++) {
        const struct form *form = &forms[k / 2];
        struct ps_config config = session_config();
        char what[160];
        if (model_bench_choices(ps_models[m], form->option, 2) < 2 || (form->loss && !any_loss))
            continue;
        config.model.l2 = l2;
        config.model.dropout = l2 > 0 ? 0.3 : 0;
        config.model.dropout_hidden = config.model.dropout;
        config.model.layers = form->layers;
        config.model.skip_gram_epochs = form->skip_gram;
        config.model.skip_gram_window = 2;
        config.model.elu = 0.7;
        config.model.bpreg = 0.9;
        config.model.expert_width = 3;
        config.model.experts = 2;
        config.model.levels = 2;
        config.model.task_weighting = form->weighting;
        config.model.unit = form->unit;
        config.model.score = form->score;
        config.model.loss = any_loss ? form->loss : PS_LOSS_SOFTMAX;
        config.model.knowledge = form->knowledge;
        config.model.knowledge_margin = form->margin;
        config.model.knowledge_weight = 0.7;
        config.train.candidates = form->candidates;
        snprintf(config.model.features, sizeof config.model.features, k % 2 ? "all" : "");
        config.model.feature_pooling = PS_POOLING_MEAN;
        snprintf(what, sizeof what, "%s, form %zu, features [%.20s]", ps_models[m]->name, k / 2, config.model.features);
        struct model_bench bench;
        assert_int_equal(model_bench_init(&bench, ps_models[m]->name, &config, &dataset), 0);
        model_bench_draw(&bench, 1);
        check(&bench, what);
        model_bench_fini(&bench);
    }
}

static void test_gradients(void **state)
{
    for_all_forms(check_gradients, 0.02, true);
}

static void test_scores(void **state)
{
    for_all_forms(check_scores, 0, false);
}

/* The loss and all gradients of a model of several tasks. */
static double *learn(const char *name, const struct ps_dataset *dataset, int experts, double *loss, size_t *n)
{
    struct ps_config config = toy_config(4);
    struct model_bench b;
    struct objective o;
    config.model.experts = experts;
    config.model.expert_width = 3;
    assert_int_equal(model_bench_init(&b, name, &config, dataset), 0);
    model_bench_draw(&b, 2);
    objective_init(&o, &b);
    *loss = run(&o, true);
    *n = 0;
    for (int t = 0; t < b.model.tables; t++)
        *n += model_bench_size(&b, t);
    double *all = ps_calloc(*n, sizeof *all), *at = all;
    for (int t = 0; t < b.model.tables; at += model_bench_size(&b, t++))
        memcpy(at, b.grad[t], model_bench_size(&b, t) * sizeof *at);
    objective_fini(&o);
    model_bench_fini(&b);
    return all;
}

static void same(const char *a, const char *b, const struct ps_dataset *dataset, int experts, bool expected)
{
    double loss[2], *grad[2];
    size_t n[2];
    grad[0] = learn(a, dataset, experts, &loss[0], &n[0]);
    grad[1] = learn(b, dataset, experts, &loss[1], &n[1]);
    assert_int_equal(n[0] == n[1] && loss[0] == loss[1] && !memcmp(grad[0], grad[1], n[0] * sizeof **grad), expected);
    free(grad[0]), free(grad[1]);
}

/* recommenders.md F6. */
static void test_one_expert(void **state)
{
    struct ps_dataset dataset = toy_session_dataset();
    same("gru_mmoe", "gru_shared", &dataset, 1, true);
    same("gru_mmoe", "gru_shared", &dataset, 2, false);
    same("gru_single", "gru_shared", &dataset, 1, false);
    dataset.sessions.feedbacks = 0;
    same("gru_mmoe", "gru_single", &dataset, 1, true);
    same("gru_ple", "gru_single", &dataset, 1, false);
}

/* What both models make of the same values: P(k) of the chain is P(first) P(k) of the single ones. */
static void judged(const char *name, const struct ps_dataset *dataset, real *out)
{
    struct ps_config config = session_config();
    struct model_bench b;
    struct objective o;
    assert_int_equal(model_bench_init(&b, name, &config, dataset), 0);
    model_bench_draw(&b, 4);
    objective_init(&o, &b);
    o.tile.draws = NULL;
    b.model.class_->judge(&b.model, b.tape, &o.tile, NULL, out);
    objective_fini(&o);
    model_bench_fini(&b);
}

static void test_chain(void **state)
{
    struct ps_dataset dataset = toy_session_dataset();
    real single[16], chain[16];
    judged("gru_single", &dataset, single);
    judged("gru_esmm", &dataset, chain);
    for (int t = 0; t < 7; t++) {
        double first = 1 / (1 + exp(-single[2 * t])), own = 1 / (1 + exp(-single[2 * t + 1])), both = 1 / (1 + exp(-chain[2 * t + 1]));
        assert_true(chain[2 * t] == single[2 * t]);
        assert_true(fabs(both - first * own) < 1e-12);
    }
}

/* Steps, targets and weights of the toy's sessions. */
static void test_packing(void **state)
{
    struct ps_dataset d = toy_session_dataset();
    struct ps_recipe recipe = {.stream = PS_STREAM_SESSIONS};
    struct ps_session_batch b;
    ps_session_batch_init(&b, &recipe, &d, 8, 16);
    ps_session_batch_begin(&b);
    ps_session_batch_add(&b, &d, 0, 1, 4, false);
    ps_session_batch_add(&b, &d, 1, 1, 4, true);
    ps_session_batch_add(&b, &d, 0, 2, 3, false);
    ps_session_batch_end(&b, &recipe, &d, NULL, NULL);
    static const uint32_t begin[] = {0, 3, 5, 7}, item[] = {1, 2, 1, 3, 3, 1, 2}, operation[] = {0, 1, 0, 0, 1, 0, 1};
    static const uint32_t state_of[] = {0, 1, 2, 3, 3, 4, 6}, target[] = {2, 1, 5, 0, 3, 4, 1};
    static const uint8_t feedback[] = {0, 3, 1, 0, 2, 1, 3};
    assert_memory_equal(b.view.steps.begin, begin, sizeof begin);
    assert_memory_equal(b.view.item, item, sizeof item);
    assert_memory_equal(b.view.operation, operation, sizeof operation);
    assert_int_equal(b.view.targets, 7);
    assert_memory_equal(b.view.state, state_of, sizeof state_of);
    assert_memory_equal(b.view.target, target, sizeof target);
    assert_memory_equal(b.view.feedback, feedback, sizeof feedback);
    assert_int_equal(b.next, 6);
    for (int t = 0; t < 7; t++)
        assert_true(b.view.weight[t] == (t == 3 ? 0 : 1.0 / 6)); /* what was only shown is no next item */
    ps_session_batch_fini(&b);
}

/* A session on a track, whose state is carried from micro-batch to micro-batch through the row, has after every step the state that
 * the steps so far have together; what the row held before the session does not matter. */
static void test_tracks(void **state)
{
    struct ps_dataset d = toy_session_dataset();
    struct ps_config config = session_config();
    struct model_bench b;
    config.model.layers = 2;
    assert_int_equal(model_bench_init(&b, "gru4rec", &config, &d), 0);
    model_bench_draw(&b, 4);
    struct ps_recipe prefix = b.model.recipe;
    prefix.stream = PS_STREAM_PREFIXES;
    int rows = 0, width = b.model.encoded;
    while (b.model.table[rows].kind != PS_TABLE_LANE)
        rows++;
    assert_int_equal(b.model.table[rows].width, 2 * width);
    for (uint32_t session = 0; session < 2; session++)
        for (uint32_t target = 1; target < 4; target++) {
            struct objective o, whole;
            if (toy_operations[toy_begin[session] + target] == PS_SHOWN)
                continue;
            ps_session_batch_init(&o.batch, &b.model.recipe, &d, 8, 8);
            ps_session_batch_init(&whole.batch, &prefix, &d, 8, 8);
            ps_session_batch_begin(&o.batch), ps_session_batch_begin(&whole.batch);
            ps_session_batch_add_step(&o.batch, &d, session, target, 3);
            ps_session_batch_add(&whole.batch, &d, session, target, target + 1, false);
            assert_int_equal(o.batch.begins[0], whole.batch.steps == 1);
            assert_int_equal(o.batch.item[0], whole.batch.item[whole.batch.steps - 1]);
            assert_int_equal(o.batch.operation[0], whole.batch.operation[whole.batch.steps - 1]);
            ps_session_batch_end(&o.batch, &b.model.recipe, &d, NULL, NULL);
            ps_session_batch_end(&whole.batch, &prefix, &d, NULL, NULL);
            objective_end(&o, &b), objective_end(&whole, &b);
            nn_tape_reset(b.tape);
            const real *now = b.model.class_->encode(&b.model, b.tape, &o.tile)->value;
            const real *want = b.model.class_->encode(&b.model, b.tape, &whole.tile)->value;
            for (int j = 0; j < width; j++)
                assert_true(fabs(now[j] - want[j]) < 1e-12);
            memcpy(b.value[rows] + 3 * 2 * width, b.grad[rows] + 3 * 2 * width, (size_t)(2 * width) * sizeof(real)); /* what a server does */
            ps_session_batch_fini(&o.batch), ps_session_batch_fini(&whole.batch);
        }
    model_bench_fini(&b);
}

/* The mean over pairs of a step, one of the last two, and the next item of what it costs to foretell this one. */
static void test_skip_gram(void **state)
{
    static const int pair[][2] = {{2, 5}, {1, 5}, {1, 1}, {2, 1}, {3, 4}, {3, 4}, {0, 6}};
    struct ps_dataset d = toy_session_dataset();
    struct ps_config config = session_config();
    struct model_bench b;
    struct objective o;
    config.model.skip_gram_epochs = 1;
    config.model.skip_gram_window = 2;
    assert_int_equal(model_bench_init(&b, "rib", &config, &d), 0);
    model_bench_draw(&b, 4);
    objective_init(&o, &b);
    int width = b.model.encoded;
    double expected = 0;
    assert_int_equal(b.model.table[0].width, 2 * width);
    for (size_t k = 0; k < PS_COUNT(pair); k++) {
        double sum = 0, score[TOY_SESSION_ITEMS] = {0};
        for (int i = 0; i < TOY_SESSION_ITEMS; i++) {
            for (int j = 0; j < width; j++)
                score[i] += b.value[0][2 * width * pair[k][0] + j] * b.value[0][2 * width * i + width + j];
            sum += exp(score[i]);
        }
        expected += (log(sum) - score[pair[k][1]]) / (double)PS_COUNT(pair);
    }
    assert_true(fabs(run(&o, false) - expected) < 1e-12);
    o.tile.epoch = 2; /* the model's own loss */
    assert_true(fabs(run(&o, false) - expected) > 1e-3);
    objective_fini(&o);
    model_bench_fini(&b);
}

/* Item i is expected targets * count_i / steps + samples * q_i times among the candidates. */
static void test_log_q(void **state)
{
    struct ps_dataset d = toy_session_dataset();
    struct ps_recipe recipe = {.stream = PS_STREAM_SESSIONS, .candidates = PS_TRAIN_SAMPLED, .samples = 5};
    struct ps_random random = ps_random_stream(5, PS_RANDOM_TEST, 0, 0, 0);
    struct ps_alias *alias = ps_alias_new(&d, 0, 0.75);
    struct ps_session_batch b;
    double steps = 0, power = 0;
    for (int i = 0; i < TOY_SESSION_ITEMS; i++) {
        steps += toy_event_count[i];
        power += pow(toy_event_count[i], 0.75);
    }
    ps_session_batch_init(&b, &recipe, &d, 8, 16);
    ps_session_batch_begin(&b);
    ps_session_batch_add(&b, &d, 0, 1, 4, false);
    ps_session_batch_end(&b, &recipe, &d, alias, &random);
    assert_int_equal(b.view.candidates, 3 + 5);
    for (int k = 0; k < b.view.candidates; k++) {
        double count = toy_event_count[b.candidate[k]];
        assert_true(fabs(b.view.log_q[k] - log(3 * count / steps + 5 * pow(count, 0.75) / power)) < 1e-12);
    }
    ps_session_batch_fini(&b);
    ps_alias_free(alias);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packing),
        cmocka_unit_test(test_log_q),
        cmocka_unit_test(test_skip_gram),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_one_expert),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_tracks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
