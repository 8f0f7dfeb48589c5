/* test_least_squares_double.c - alternating least squares against its equations: rows against the normal equations solved by
 * elimination and against the conjugate gradient method written with a full matrix, sweeps against the loss over all pairs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/models/loss.h"
#include "worker/sweep.h"

#include "model_bench.h"
#include "toy.h"

enum { E = 4, ROWS = 6 };

/* A full system of E equations, out of the definition. */
struct dense {
    double a[E][E], b[E];
};

static struct dense normal_equations(const double *gram, const double *const *y, int n, double alpha, double lambda)
{
    struct dense d = {0};
    for (int i = 0; i < E; i++)
        for (int j = 0; j < E; j++) {
            d.a[i][j] = gram[i * E + j] + (i == j ? lambda : 0);
            for (int k = 0; k < n; k++)
                d.a[i][j] += alpha * y[k][i] * y[k][j];
        }
    for (int i = 0; i < E; i++)
        for (int k = 0; k < n; k++)
            d.b[i] += (1 + alpha) * y[k][i];
    return d;
}

/* Gauss's elimination with pivots. */
static void eliminate(struct dense d, double *x)
{
    for (int c = 0; c < E; c++) {
        int pivot = c;
        for (int i = c; i < E; i++)
            pivot = fabs(d.a[i][c]) > fabs(d.a[pivot][c]) ? i : pivot;
        struct dense swap = d;
        memcpy(d.a[c], swap.a[pivot], sizeof d.a[c]), memcpy(d.a[pivot], swap.a[c], sizeof d.a[c]);
        d.b[c] = swap.b[pivot], d.b[pivot] = swap.b[c];
        for (int i = c + 1; i < E; i++) {
            double factor = d.a[i][c] / d.a[c][c];
            for (int j = c; j < E; j++)
                d.a[i][j] -= factor * d.a[c][j];
            d.b[i] -= factor * d.b[c];
        }
    }
    for (int i = E - 1; i >= 0; i--) {
        x[i] = d.b[i];
        for (int j = i + 1; j < E; j++)
            x[i] -= d.a[i][j] * x[j];
        x[i] /= d.a[i][i];
    }
}

static double product(const double *a, const double *b)
{
    double sum = 0;
    for (int j = 0; j < E; j++)
        sum += a[j] * b[j];
    return sum;
}

/* Hestenes and Stiefel 1952, with the matrix at hand. */
static void conjugate_gradient(const struct dense *d, int steps, double *x)
{
    double r[E], p[E], ap[E];
    for (int i = 0; i < E; i++)
        p[i] = r[i] = d->b[i] - product(d->a[i], x);
    for (int s = 0; s < steps; s++) {
        double before = product(r, r);
        for (int i = 0; i < E; i++)
            ap[i] = product(d->a[i], p);
        double length = before / product(p, ap);
        for (int i = 0; i < E; i++)
            x[i] += length * p[i], r[i] -= length * ap[i];
        double ratio = product(r, r) / before;
        for (int i = 0; i < E; i++)
            p[i] = r[i] + ratio * p[i];
    }
}

/* Scratch is not cleared: what it held before must not matter. */
static void spoil(struct nn_tape *tape)
{
    enum { NUMBERS = 10000 };
    double *scratch = nn_tape_alloc(tape, NUMBERS * sizeof *scratch);
    for (int k = 0; k < NUMBERS; k++)
        scratch[k] = NAN;
    nn_tape_reset(tape);
}

static void rows_solve_their_equations(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    spoil(tape);
    struct ps_random random = ps_random_stream(3, PS_RANDOM_TEST, 7, 0, 0);
    double rows[ROWS][E], gram[E * E] = {0}, start[E], x[E], want[E];
    const double *y[] = {rows[0], rows[2], rows[5]};
    for (int k = 0; k < ROWS; k++)
        for (int j = 0; j < E; j++)
            rows[k][j] = ps_random_normal(&random), start[j] = ps_random_normal(&random);
    for (int k = 0; k < ROWS; k++)
        for (int j = 0; j < E * E; j++)
            gram[j] += rows[k][j / E] * rows[k][j % E];
    const double alpha = 4, lambda = 0.3;
    struct dense d = normal_equations(gram, y, 3, alpha, lambda);
    for (int steps = 1; steps <= E; steps++) {
        memcpy(x, start, sizeof x);
        memcpy(want, start, sizeof x);
        double loss = nn_least_squares(tape, gram, y, 3, E, alpha, lambda, steps, x), all = 0;
        conjugate_gradient(&d, steps, want);
        for (int j = 0; j < E; j++)
            assert_true(fabs(x[j] - want[j]) < 1e-9 * (1 + fabs(want[j])));
        for (int k = 0; k < ROWS; k++) { /* every pair of the row by itself */
            double s = product(start, rows[k]);
            all += k == 0 || k == 2 || k == 5 ? (1 + alpha) * (1 - s) * (1 - s) : s * s;
        }
        assert_true(fabs(loss - all) < 1e-9 * all);
    }
    eliminate(d, want); /* E steps are enough for E unknowns */
    for (int j = 0; j < E; j++)
        assert_true(fabs(x[j] - want[j]) < 1e-8 * (1 + fabs(want[j])));
    nn_tape_free(tape);
}

/* An epoch of the toy's purchases in one tile, and what the servers do with it. */
struct sweeps {
    struct model_bench bench;
    struct ps_dataset dataset;
    struct ps_config config;
    uint32_t user[8], item[8], behind[8];
    struct ps_tile tile;
};

static void begin(struct sweeps *s, int steps)
{
    memset(s, 0, sizeof *s);
    s->dataset = toy_dataset(3);
    s->config = toy_config(E);
    s->config.model.confidence = 5;
    s->config.model.l2 = 0.1;
    s->config.model.cg_steps = steps;
    s->config.model.init_scale = 0.5;
    assert_int_equal(model_bench_init(&s->bench, "wmf_als", &s->config, &s->dataset), 0);
    struct ps_random random = ps_random_stream(9, PS_RANDOM_TEST, 8, 0, 0);
    for (size_t k = 0; k < model_bench_size(&s->bench, PS_ITEM_TABLE); k++)
        s->bench.value[PS_ITEM_TABLE][k] = 0.5 * ps_random_normal(&random);
}

/* One epoch; returns its loss, before the sweep. */
static double sweep(struct sweeps *s, uint32_t epoch)
{
    const struct ps_history *h = &s->dataset.train[2];
    struct ps_sweep order;
    struct ps_entry entry[8];
    uint64_t place = 0;
    ps_sweep_init(&order, &s->dataset, 1, 1);
    int n = ps_sweep_next(&order, epoch, 0, &place, 8, entry);
    assert_int_equal(n, h->interactions);
    for (int k = 0; k < n; k++) {
        s->user[k] = entry[k].user, s->item[k] = entry[k].item;
        bool same = k && (epoch % 2 ? s->user[k] == s->user[k - 1] : s->item[k] == s->item[k - 1]);
        s->behind[k] = same ? s->behind[k - 1] + 1 : 0;
    }
    ps_sweep_fini(&order);
    s->tile = (struct ps_tile){.n = n, .user = s->user, .item = s->item, .user_row = s->user, .item_row = s->item, .epoch = epoch,
                               .behind = s->behind, .sample_weight = 1.0 / n, .rows = s->bench.rows, .param = s->bench.param};
    spoil(s->bench.tape);
    double loss = s->bench.model.class_->forward(&s->bench.model, s->bench.tape, &s->tile)->value[0];
    for (int t = 0; t < s->bench.model.tables; t++)
        for (size_t k = 0; k < model_bench_size(&s->bench, t); k++) {
            s->bench.value[t][k] += s->bench.grad[t][k];
            s->bench.grad[t][k] = 0;
        }
    return loss;
}

/* The loss of the definition: all pairs of users and items with purchases. */
static double brute(const struct sweeps *s)
{
    const struct model_bench *b = &s->bench;
    double loss = 0;
    for (uint32_t u = 0; u < TOY_USERS; u++)
        loss += 0.1 * product(b->pointer[PS_USER_TABLE][u], b->pointer[PS_USER_TABLE][u]);
    for (uint32_t i = 0; i < TOY_ITEMS; i++)
        loss += s->dataset.train[2].count[i] ? 0.1 * product(b->pointer[PS_ITEM_TABLE][i], b->pointer[PS_ITEM_TABLE][i]) : 0;
    for (uint32_t u = 0; u < TOY_USERS; u++)
        for (uint32_t i = 0; i < TOY_ITEMS; i++) {
            double x = product(b->pointer[PS_USER_TABLE][u], b->pointer[PS_ITEM_TABLE][i]);
            if (s->dataset.train[2].count[i])
                loss += ps_dataset_has(&s->dataset, 2, u, i) ? 6 * (1 - x) * (1 - x) : x * x;
        }
    return loss;
}

static void check_gram(const struct sweeps *s, int gram, int rows, uint32_t count, const uint32_t *has)
{
    for (int k = 0; k < E * E; k++) {
        double want = 0;
        for (uint32_t id = 0; id < count; id++)
            if (!has || has[id])
                want += s->bench.pointer[rows][id][k / E] * s->bench.pointer[rows][id][k % E];
        assert_true(fabs(s->bench.value[gram][k] - want) < 1e-12);
    }
}

static void sweeps_go_down_to_the_minimum(void **state)
{
    for (int steps = 3; steps <= E; steps++) {
        struct sweeps s;
        begin(&s, steps);
        double first = 0, before = 0;
        for (uint32_t epoch = 1; epoch <= 60; epoch++) {
            double expected = epoch > 2 ? brute(&s) / (double)s.dataset.train[2].interactions : 0;
            double loss = sweep(&s, epoch);
            if (epoch > 2) { /* the loss is what is minimised, and each sweep brings it down */
                assert_true(fabs(loss - expected) < 1e-9 * loss);
                assert_true(loss <= before * (1 + 1e-12) || epoch == 3);
            }
            before = loss;
            first = epoch == 3 ? loss : first;
            check_gram(&s, 2, PS_USER_TABLE, TOY_USERS, NULL);
            if (epoch > 1)
                check_gram(&s, 3, PS_ITEM_TABLE, TOY_ITEMS, s.dataset.train[2].count);
        }
        assert_true(before < 0.9 * first);
        model_bench_fini(&s.bench);
    }
}

/* After an exact sweep each row is the solution for the other side as it is. */
static void a_sweep_solves_every_row(void **state)
{
    struct sweeps s;
    begin(&s, 2 * E);
    const struct ps_history *h = &s.dataset.train[2];
    for (uint32_t epoch = 1; epoch <= 5; epoch++)
        sweep(&s, epoch);
    double gram[E * E] = {0}, want[E];
    for (uint32_t i = 0; i < TOY_ITEMS; i++)
        for (int k = 0; k < E * E && h->count[i]; k++)
            gram[k] += s.bench.pointer[PS_ITEM_TABLE][i][k / E] * s.bench.pointer[PS_ITEM_TABLE][i][k % E];
    for (uint32_t u = 0; u < TOY_USERS; u++) {
        const double *y[8];
        int n = 0;
        for (uint64_t k = h->offset[u]; k < h->offset[u + 1]; k++)
            y[n++] = s.bench.pointer[PS_ITEM_TABLE][h->item[k]];
        eliminate(normal_equations(gram, y, n, 5, 0.1), want);
        for (int j = 0; j < E; j++)
            assert_true(fabs(want[j] - s.bench.pointer[PS_USER_TABLE][u][j]) < 1e-9);
    }
    model_bench_fini(&s.bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_solve_their_equations),
        cmocka_unit_test(sweeps_go_down_to_the_minimum),
        cmocka_unit_test(a_sweep_solves_every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
