/* test_parity.c - BPR, GMF, MLP, NeuMF and WMF on a small fixed set: scores, loss, gradients and one update of each
 * optimiser against the formulas of their papers, written down here once more in plain loops and double precision.
 * Gradients are central differences of the loss that is written here, so nothing of the program's is believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/optimizer.h"

#include "model_bench.h"
#include "toy.h"

enum { E = 8, SAMPLES = 8, WIDEST = 256 };

/* Positives of the toy's purchases and carts, each with its negatives. */
static const uint32_t sample_user[SAMPLES] = {0, 0, 0, 1, 1, 4, 4, 4}, sample_item[SAMPLES] = {1, 3, 6, 3, 0, 4, 5, 0};
static const uint32_t sample_behind[SAMPLES] = {0, 1, 2, 0, 1, 0, 1, 2};
static const double purchases[TOY_USERS] = {1, 1, 1, 0, 1}; /* toy.h */

/* The model's tables in double. */
struct parameters {
    const struct ps_model *model;
    double *value[PS_MAX_TABLES]; /* owned */
};

static const double *table(const struct parameters *p, const char *name)
{
    for (int t = 0; t < p->model->tables; t++)
        if (strcmp(p->model->table[t].name, name) == 0)
            return p->value[t];
    fail_msg("no table %s", name);
    return NULL;
}

static double product(const double *p, const double *q, const double *h)
{
    double sum = 0;
    for (int j = 0; j < E; j++)
        sum += p[j] * q[j] * (h ? h[j] : 1);
    return sum;
}

/* h . z_3: 2E - E - E/2 - E/4. */
static double tower(const struct parameters *params, const double *p, const double *q)
{
    double z[2 * E], next[E];
    memcpy(z, p, E * sizeof *z);
    memcpy(z + E, q, E * sizeof *z);
    int in = 2 * E;
    for (int l = 1; l <= 3; l++, in /= 2) {
        char name[16];
        snprintf(name, sizeof name, "tower_w%d", l);
        const double *w = table(params, name);
        snprintf(name, sizeof name, "tower_b%d", l);
        const double *b = table(params, name);
        for (int j = 0; j < in / 2; j++) {
            next[j] = b[j];
            for (int i = 0; i < in; i++)
                next[j] += z[i] * w[i * (in / 2) + j];
            next[j] = fmax(next[j], 0);
        }
        memcpy(z, next, (size_t)in / 2 * sizeof *z);
    }
    double sum = 0;
    for (int j = 0; j < in; j++)
        sum += z[j] * table(params, "tower_h")[j];
    return sum;
}

static double score(const struct parameters *params, uint32_t user, uint32_t item)
{
    const char *name = params->model->class_->name;
    bool both = strcmp(name, "neumf") == 0;
    const double *p = table(params, "user") + user * (both ? 2 * E : E), *q = table(params, "item") + item * (both ? 2 * E : E);
    if (strcmp(name, "bpr") == 0 || strcmp(name, "wmf") == 0)
        return product(p, q, NULL);
    double b = table(params, "bias")[0];
    if (strcmp(name, "gmf") == 0)
        return product(p, q, table(params, "gmf_h")) + b;
    if (strcmp(name, "mlp") == 0)
        return tower(params, p, q) + b;
    return product(p, q, table(params, "gmf_h")) + tower(params, p + E, q + E) + b;
}

static double loss(const struct parameters *params)
{
    const char *name = params->model->class_->name;
    double sum = 0;
    for (int b = 0; b < SAMPLES; b++) {
        double z = score(params, sample_user[b], sample_item[b]), y = sample_behind[b] == 0;
        if (strcmp(name, "bpr") == 0) {
            int positive = b - (int)sample_behind[b];
            double above = score(params, sample_user[positive], sample_item[positive]);
            sum += y ? 0 : -log(1 / (1 + exp(-(above - z)))) / SAMPLES;
        } else if (strcmp(name, "wmf") == 0) {
            double n = purchases[sample_user[b]], stands_for = (TOY_ITEMS - n) / (2 * n); /* two negatives a positive */
            sum += (y ? 1 + 40 : stands_for) * (y - z) * (y - z) / SAMPLES;
        } else {
            double probability = 1 / (1 + exp(-z));
            sum += -(y * log(probability) + (1 - y) * log(1 - probability)) / SAMPLES;
        }
    }
    return sum;
}

static double forward_backward(struct model_bench *b)
{
    real label[SAMPLES], weight[SAMPLES];
    for (int s = 0; s < SAMPLES; s++) {
        label[s] = sample_behind[s] == 0;
        weight[s] = 1.0f / SAMPLES;
    }
    struct ps_tile tile = {.n = SAMPLES, .user = sample_user, .item = sample_item, .user_row = sample_user,
                           .item_row = sample_item, .behind = sample_behind, .need = {SAMPLES}, .label = {label},
                           .weight = {weight}, .rows = b->rows, .param = b->param};
    nn_tape_reset(b->tape);
    struct nn_tensor *y = b->model.class_->forward(&b->model, b->tape, &tile);
    nn_backward(b->tape, y);
    return y->value[0];
}

static void assert_near(double found, double want, const char *what)
{
    if (!(fabs(found - want) <= 2e-5 + 2e-4 * fabs(want)))
        print_message("%s: %.9g, expected %.9g\n", what, found, want);
    assert_true(fabs(found - want) <= 2e-5 + 2e-4 * fabs(want));
}

/* The first step from fresh state, by the papers. */
static double updated(const struct ps_optimizer_spec *s, double x, double g, double mean_square)
{
    switch (s->kind) {
    case PS_OPT_SGD:
    case PS_OPT_MOMENTUM: return x - (double)s->lr * g;
    case PS_OPT_ADAGRAD: return x - (double)s->lr * g / sqrt((double)s->initial_accumulator + g * g);
    case PS_OPT_ADAGRAD_MOMENTUM: return x - (double)s->lr * g / sqrt((double)s->initial_accumulator + g * g + (double)s->epsilon);
    case PS_OPT_ADAGRAD_ROW: return x - (double)s->lr * g / sqrt((double)s->initial_accumulator + mean_square);
    case PS_OPT_ADAM:
    case PS_OPT_ADAM_DENSE: return x - (double)s->lr * g / (fabs(g) + (double)s->epsilon); /* the corrected means are g and g^2 */
    }
    return NAN;
}

static void check_update(enum ps_optimizer_kind kind, const struct ps_table_spec *spec, const float *value, const float *grad,
                         const double *slope)
{
    const struct ps_optimizer_spec optimizer = {.kind = kind, .lr = 0.1f, .momentum = 0.9f, .initial_accumulator = 0.01f,
                                                .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 0.01f};
    float row[3 * WIDEST + 1], *rows[] = {row};
    assert_true(spec->width <= WIDEST);
    for (uint64_t r = 0; r < spec->rows; r++, value += spec->width, grad += spec->width, slope += spec->width) {
        double mean_square = 0;
        for (uint32_t j = 0; j < spec->width; j++)
            mean_square += slope[j] * slope[j] / spec->width;
        memcpy(row, value, spec->width * sizeof *row);
        ps_optimizer_init_state(&optimizer, spec->width, row + spec->width);
        ps_optimizer_apply(&optimizer, 1, spec->width, rows, grad, 1);
        for (uint32_t j = 0; j < spec->width; j++)
            assert_near((double)row[j], updated(&optimizer, (double)value[j], slope[j], mean_square), spec->name);
    }
}

static void check_model(const char *name)
{
    struct ps_dataset dataset = toy_dataset(3);
    struct ps_config config = toy_config(E);
    config.train.negatives = 2;
    struct model_bench b;
    assert_int_equal(model_bench_init(&b, name, &config, &dataset), 0);
    struct parameters p = {.model = &b.model};
    for (int t = 0; t < b.model.tables; t++) {
        p.value[t] = ps_calloc(model_bench_size(&b, t), sizeof(double));
        for (size_t k = 0; k < model_bench_size(&b, t); k++)
            p.value[t][k] = b.value[t][k] = (float)(0.6 * sin(1.3 * (double)k + 2.1 * t + 0.4));
    }

    assert_near(forward_backward(&b), loss(&p), name);
    for (uint32_t user = 0; user < TOY_USERS; user++)
        for (uint32_t item = 0; item < TOY_ITEMS; item++) {
            real found;
            model_bench_score(&b, &user, 1, &item, 1, &found);
            assert_near((double)found, score(&p, user, item), name);
        }
    for (int t = 0; t < b.model.tables; t++) {
        size_t size = model_bench_size(&b, t);
        double *slope = ps_calloc(size, sizeof *slope), largest = 0;
        for (size_t k = 0; k < size; k++) {
            double kept = p.value[t][k], step = 1e-6;
            p.value[t][k] = kept + step;
            slope[k] = loss(&p);
            p.value[t][k] = kept - step;
            slope[k] = (slope[k] - loss(&p)) / (2 * step);
            p.value[t][k] = kept;
            assert_near((double)b.grad[t][k], slope[k], b.model.table[t].name);
            largest = fmax(largest, fabs(slope[k]));
        }
        assert_true(largest > 1e-3);
        for (int kind = PS_OPT_SGD; kind <= PS_OPT_ADAGRAD_MOMENTUM; kind++)
            check_update((enum ps_optimizer_kind)kind, &b.model.table[t], b.value[t], b.grad[t], slope);
        free(slope);
    }
    for (int t = 0; t < b.model.tables; t++)
        free(p.value[t]);
    model_bench_fini(&b);
}

static void test_bpr(void **state)
{
    check_model("bpr");
}

static void test_gmf(void **state)
{
    check_model("gmf");
}

static void test_mlp(void **state)
{
    check_model("mlp");
}

static void test_neumf(void **state)
{
    check_model("neumf");
}

static void test_wmf(void **state)
{
    check_model("wmf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bpr), cmocka_unit_test(test_gmf), cmocka_unit_test(test_mlp),
        cmocka_unit_test(test_neumf), cmocka_unit_test(test_wmf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
