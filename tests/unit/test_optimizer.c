/* test_optimizer.c - update rules against the textbook in double precision, and against a plain loop bit for bit: the
 * vector code that this machine chose must round as the plain code does.
 */
#include "server/optimizer.h"

#include "common/random.h"
#include "shard_fixture.h"

enum { WIDTH_MAX = 67, STATE_MAX = 2 * WIDTH_MAX + 1, STEPS = 25 };

/* The textbook, one coordinate or row at a time, in double. */
struct textbook {
    double value[WIDTH_MAX], m[WIDTH_MAX], v[WIDTH_MAX], a;
};

static void textbook_step(const struct ps_optimizer_spec *s, struct textbook *b, uint32_t width, const float *grad,
                          int t)
{
    double g[WIDTH_MAX], mean = 0;
    for (uint32_t j = 0; j < width; j++) {
        g[j] = grad[j] + (double)s->weight_decay * b->value[j];
        mean += g[j] * g[j] / width;
    }
    b->a += mean;
    for (uint32_t j = 0; j < width; j++) {
        switch (s->kind) {
        case PS_OPT_SGD:
            b->value[j] -= s->lr * g[j];
            break;
        case PS_OPT_MOMENTUM:
            b->m[j] = s->momentum * b->m[j] + g[j];
            b->value[j] -= s->lr * b->m[j];
            break;
        case PS_OPT_ADAGRAD:
            b->v[j] += g[j] * g[j];
            b->value[j] -= b->v[j] > 0 ? s->lr * g[j] / sqrt(b->v[j]) : 0;
            break;
        case PS_OPT_ADAGRAD_ROW:
            b->value[j] -= b->a > 0 ? s->lr * g[j] / sqrt(b->a) : 0;
            break;
        case PS_OPT_ADAGRAD_MOMENTUM:
            b->v[j] += g[j] * g[j];
            b->m[j] = s->momentum * b->m[j] - s->lr * g[j] / sqrt(b->v[j] + s->epsilon);
            b->value[j] += b->m[j];
            break;
        case PS_OPT_ADAM:
        case PS_OPT_ADAM_DENSE:
            b->m[j] = s->beta1 * b->m[j] + (1 - (double)s->beta1) * g[j];
            b->v[j] = s->beta2 * b->v[j] + (1 - (double)s->beta2) * g[j] * g[j];
            b->value[j] -=
                s->lr * (b->m[j] / (1 - pow(s->beta1, t))) / (sqrt(b->v[j] / (1 - pow(s->beta2, t))) + s->epsilon);
            break;
        }
    }
}

static const struct ps_optimizer_spec specs[] = {
    {.kind = PS_OPT_SGD, .lr = 0.1f},
    {.kind = PS_OPT_SGD, .lr = 0.1f, .weight_decay = 0.01f},
    {.kind = PS_OPT_MOMENTUM, .lr = 0.05f, .momentum = 0.9f},
    {.kind = PS_OPT_MOMENTUM, .lr = 0.05f, .momentum = 0.9f, .weight_decay = 0.1f},
    {.kind = PS_OPT_ADAGRAD, .lr = 0.1f, .initial_accumulator = 1e-8f},
    {.kind = PS_OPT_ADAGRAD, .lr = 0.1f, .initial_accumulator = 0.1f, .weight_decay = 0.02f},
    {.kind = PS_OPT_ADAGRAD_ROW, .lr = 0.1f, .initial_accumulator = 0.1f},
    {.kind = PS_OPT_ADAGRAD_ROW, .lr = 0.1f, .weight_decay = 0.02f},
    {.kind = PS_OPT_ADAGRAD_MOMENTUM, .lr = 0.1f, .momentum = 0.3f, .epsilon = 1e-6f},
    {.kind = PS_OPT_ADAGRAD_MOMENTUM, .lr = 0.1f, .momentum = 0.9f, .initial_accumulator = 0.1f, .weight_decay = 0.02f},
    {.kind = PS_OPT_ADAM, .lr = 0.01f, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f},
    {.kind = PS_OPT_ADAM_DENSE, .lr = 0.01f, .beta1 = 0.9f, .beta2 = 0.99f, .epsilon = 1e-8f, .weight_decay = 0.1f},
};

static void rules_follow_the_textbook(void **state)
{
    const uint32_t widths[] = {1, 4, 16, 33, WIDTH_MAX};
    for (size_t i = 0; i < PS_COUNT(specs); i++)
        for (size_t w = 0; w < PS_COUNT(widths); w++) {
            const struct ps_optimizer_spec *s = &specs[i];
            uint32_t width = widths[w];
            float row[2][WIDTH_MAX + STATE_MAX], grad[2 * WIDTH_MAX], *rows[2] = {row[0], row[1]};
            struct textbook book[2] = {{.a = s->initial_accumulator}, {.a = s->initial_accumulator}};
            struct ps_random random = ps_random_stream(3, PS_RANDOM_TEST, i, w, 0);
            for (int r = 0; r < 2; r++) {
                ps_optimizer_init_state(s, width, row[r] + width);
                for (uint32_t j = 0; j < width; j++) {
                    book[r].value[j] = row[r][j] = (float)ps_random_normal(&random);
                    book[r].v[j] = s->kind == PS_OPT_ADAGRAD || s->kind == PS_OPT_ADAGRAD_MOMENTUM ? s->initial_accumulator : 0;
                }
            }
            for (int t = 1; t <= STEPS; t++) {
                for (uint32_t j = 0; j < 2 * width; j++)
                    grad[j] = (float)ps_random_normal(&random);
                ps_optimizer_apply(s, (uint64_t)t, width, rows, grad, 2);
                for (int r = 0; r < 2; r++)
                    textbook_step(s, &book[r], width, grad + r * width, t);
            }
            for (int r = 0; r < 2; r++)
                for (uint32_t j = 0; j < width; j++)
                    if (!(fabs(row[r][j] - book[r].value[j]) <= 2e-5 * (1 + fabs(book[r].value[j]))))
                        fail_msg("rule %zu, width %u, column %u: %g instead of %g", i, width, j, (double)row[r][j],
                                 book[r].value[j]);
        }
}

/* The build's plain arithmetic, without vectors: volatile keeps the compiler from anything else. */
static void plain_step(const struct ps_optimizer_spec *s, uint32_t width, volatile float *row, const float *grad)
{
    volatile float sum[16] = {0}, total = 0;
    for (uint32_t j = 0; j < width; j++) {
        volatile float decay = s->weight_decay * row[j], g = grad[j] + decay, square = g * g;
        sum[j % 16] = sum[j % 16] + square;
    }
    for (int k = 0; k < 16; k++)
        total = total + sum[k];
    if (s->kind == PS_OPT_ADAGRAD_ROW)
        row[width] = row[width] + total / (float)width;
    for (uint32_t j = 0; j < width; j++) {
        volatile float decay = s->weight_decay * row[j], g = grad[j] + decay, square = g * g, step;
        if (s->kind == PS_OPT_ADAGRAD)
            row[width + j] = row[width + j] + square;
        volatile float a = row[width + (s->kind == PS_OPT_ADAGRAD ? j : 0)], rate = s->lr * g;
        step = s->kind == PS_OPT_SGD ? rate : rate / sqrtf(a);
        row[j] = row[j] - step;
    }
}

static void vector_code_rounds_like_plain_code(void **state)
{
    for (size_t i = 0; i < PS_COUNT(specs); i++) {
        const struct ps_optimizer_spec *s = &specs[i];
        if (s->kind != PS_OPT_SGD && s->kind != PS_OPT_ADAGRAD && s->kind != PS_OPT_ADAGRAD_ROW)
            continue;
        for (uint32_t width = 1; width <= WIDTH_MAX; width++) {
            float row[WIDTH_MAX + STATE_MAX], plain[WIDTH_MAX + STATE_MAX], grad[WIDTH_MAX], *rows[1] = {row};
            struct ps_random random = ps_random_stream(4, PS_RANDOM_TEST, i, width, 0);
            for (uint32_t j = 0; j < width; j++)
                row[j] = (float)ps_random_normal(&random);
            ps_optimizer_init_state(s, width, row + width);
            memcpy(plain, row, sizeof row);
            for (int t = 1; t <= 5; t++) {
                for (uint32_t j = 0; j < width; j++)
                    grad[j] = (float)ps_random_normal(&random);
                ps_optimizer_apply(s, (uint64_t)t, width, rows, grad, 1);
                plain_step(s, width, plain, grad);
            }
            assert_memory_equal(row, plain, (width + ps_optimizer_state(s, width)) * sizeof *row);
        }
    }
}

static void zero_gradients_give_no_nan(void **state)
{
    for (size_t i = 0; i < PS_COUNT(specs); i++) {
        struct ps_optimizer_spec s = specs[i];
        float row[3 * 8 + 1] = {1, -2, 3, 0, 5, 6, 7, 8}, grad[8] = {0, 0, 0, 0, 1e-30f, 0, 0, 0}, *rows[1] = {row};
        s.initial_accumulator = 0;
        s.epsilon = 0;
        s.weight_decay = 0;
        ps_optimizer_init_state(&s, 8, row + 8);
        ps_optimizer_apply(&s, 1, 8, rows, grad, 1);
        for (int j = 0; j < 8; j++)
            assert_true(isfinite(row[j]));
        assert_true(row[0] == 1 && row[1] == -2 && row[3] == 0);
    }
}

/* lr, then a tenth of it from epoch 4 on, then a hundredth from epoch 7 on. */
static void rates_decay_by_epochs(void **state)
{
    struct ps_optimizer_spec s = {.kind = PS_OPT_SGD, .lr = 1, .decay = 0.1f, .decay_every = 3};
    static const double expected[] = {1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001};
    for (uint32_t e = 0; e < PS_COUNT(expected); e++) {
        struct ps_optimizer_spec now = ps_optimizer_at(&s, e + 1);
        assert_true(fabs((double)now.lr - expected[e]) < 1e-6 * expected[e]);
        now.lr = s.lr;
        assert_memory_equal(&now, &s, sizeof s);
    }
    s.decay_every = 0;
    assert_true(ps_optimizer_at(&s, 100).lr == 1);
}

static void impossible_settings_are_refused(void **state)
{
    struct ps_error err;
    for (size_t i = 0; i < PS_COUNT(specs); i++)
        assert_int_equal(ps_optimizer_check(&specs[i], &err), 0);
    struct ps_optimizer_spec s = {.kind = PS_OPT_ADAGRAD_MOMENTUM + 1};
    assert_int_equal(ps_optimizer_check(&s, &err), -PS_EXIT_USAGE);
    s = (struct ps_optimizer_spec){.kind = PS_OPT_SGD, .lr = NAN};
    assert_int_equal(ps_optimizer_check(&s, &err), -PS_EXIT_USAGE);
    s = (struct ps_optimizer_spec){.kind = PS_OPT_ADAM, .lr = 1, .beta1 = 1};
    assert_int_equal(ps_optimizer_check(&s, &err), -PS_EXIT_USAGE);
    s = (struct ps_optimizer_spec){.kind = PS_OPT_SGD, .lr = 1, .decay = 1.5f, .decay_every = 1};
    assert_int_equal(ps_optimizer_check(&s, &err), -PS_EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_follow_the_textbook),
        cmocka_unit_test(vector_code_rounds_like_plain_code),
        cmocka_unit_test(zero_gradients_give_no_nan),
        cmocka_unit_test(rates_decay_by_epochs),
        cmocka_unit_test(impossible_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
