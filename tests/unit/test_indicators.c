/* test_indicators.c - what the user did with an item as a term of its score: added where it belongs, and learned from held-out
 * pairs, against sums over all candidates that are made here.
 */
#include "order_fixture.h"
#include "worker/indicators.h"
#include "worker/places.h"

static void places_are_found(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    const uint32_t item[] = {7, 1000000, 7, 3, 0, 7, 3}, count[] = {3, 1, 3, 2, 1, 3, 2};
    struct ps_places places;
    ps_places_init(&places, tape, item, PS_COUNT(item));
    for (size_t k = 0; k < PS_COUNT(item); k++) {
        uint32_t met = 0;
        for (uint32_t at = ps_places_of(&places, item[k]); at; at = places.next[at - 1], met++)
            assert_int_equal(item[at - 1], item[k]);
        assert_int_equal(met, count[k]);
    }
    assert_int_equal(ps_places_of(&places, 8), 0);
    nn_tape_free(tape);
}

static void terms_are_added(void **state)
{
    struct preparation p;
    make_dataset(&p);
    struct nn_tape *tape = nn_tape_new();
    const double weight[] = {0.25, -3};
    uint32_t user[] = {5, 0, 399}, item[130];
    float score[3 * 130];
    for (uint32_t i = 0; i < 130; i++)
        item[i] = i * 7 % ITEMS; /* ten of them twice */
    for (int k = 0; k < 3 * 130; k++)
        score[k] = (float)k;
    ps_indicators_add(weight, &p.d, tape, user, 3, item, 130, score);
    for (int u = 0; u < 3; u++)
        for (int i = 0; i < 130; i++) {
            double want = u * 130 + i;
            for (uint32_t b = 0; b < 2; b++)
                want += ps_dataset_has(&p.d, b, user[u], item[i]) ? weight[b] : 0;
            assert_true((double)score[u * 130 + i] == want);
        }
    nn_tape_free(tape);
    ps_dataset_close(&p.d);
}

/* All scores alike, 100 of 1,000 candidates carted, and so 30 % of the targets: c = log of the ratio of the odds. */
static void known_odds(void **state)
{
    enum { PAIRS = 100000 };
    struct ps_indicator_pair *pair = ps_calloc(PAIRS, sizeof *pair);
    for (int k = 0; k < PAIRS; k++) {
        pair[k].target = k % 10 < 3;
        pair[k].sum[0] = 900, pair[k].sum[1] = 100;
    }
    struct ps_indicator_fit fit;
    ps_indicators_solve(pair, PAIRS, 1, &fit);
    assert_true(fabs(fit.weight[0] - log(0.3 / 0.7 * 900 / 100)) < 1e-4);
    assert_true(fabs(fit.before - log(1.0 / 1000)) < 1e-9);
    assert_true(fabs(fit.after - (0.3 * log(0.3 / 100) + 0.7 * log(0.7 / 900))) < 1e-6);
    assert_int_equal(fit.having[0], PAIRS / 10 * 3);

    /* All targets carted: nothing to learn from, and still a number. */
    for (int k = 0; k < PAIRS; k++)
        pair[k].target = 1;
    ps_indicators_solve(pair, PAIRS, 1, &fit);
    assert_true(fit.weight[0] > 5 && fit.weight[0] < 50);
    free(pair);
}

/* Rows of a matrix factorisation, from a hash. */
enum { WIDTH = 8 };

static float element(int table, uint32_t id, int j)
{
    struct ps_random r = ps_random_stream(5, PS_RANDOM_TEST, (uint64_t)table, id, (uint64_t)j);
    return (float)ps_random_normal(&r);
}

static int fetch(void *ctx, int table, const uint32_t *ids, int n, float *out, struct ps_error *e)
{
    for (int k = 0; k < n; k++)
        for (int j = 0; j < WIDTH; j++)
            out[k * WIDTH + j] = element(table, ids[k], j);
    return 0;
}

/* The mean of log P over the targets, by the definition. */
static double likelihood(const struct ps_dataset *d, const struct ps_pair *target, size_t n, const double *c)
{
    double total = 0;
    for (size_t k = 0; k < n; k++) {
        double sum = 0, own = 0;
        for (uint32_t item = 0; item < d->items; item++) {
            double z = 0;
            for (int j = 0; j < WIDTH; j++)
                z += (double)element(0, target[k].user, j) * (double)element(1, item, j);
            for (uint32_t b = 0; b < 2; b++)
                z += ps_dataset_has(d, b, target[k].user, item) ? c[b] : 0;
            own = item == target[k].item ? z : own;
            if (item == target[k].item || !ps_dataset_has(d, 2, target[k].user, item))
                sum += exp(z);
        }
        total += own - log(sum);
    }
    return total / (double)n;
}

static void best_of_all(void **state)
{
    struct preparation p;
    make_dataset(&p);
    struct ps_config config = make_config(PS_SAMPLING_PER_BEHAVIOUR, 0, 4);
    config.model.embedding = WIDTH;
    struct ps_model model;
    assert_int_equal(ps_model_init(&model, "bpr", &config, &p.d, &err), 0);
    struct ps_pair target[300];
    for (uint32_t k = 0; k < 300; k++) {
        uint32_t item = k * 31 % ITEMS;
        while (k % 2 && !ps_dataset_has(&p.d, k % 4 / 2, k, item) && item + 1 < ITEMS) /* every other one carted or viewed */
            item++;
        target[k] = (struct ps_pair){k, item};
    }
    const struct ps_row_source source = {.fetch = fetch};
    struct ps_indicator_fit fit;
    assert_int_equal(ps_indicators_fit(&model, &source, target, 300, PS_MASK_TARGET, &fit, &err), 0);
    double best = likelihood(&p.d, target, 300, fit.weight);
    assert_true(fabs(likelihood(&p.d, target, 300, (double[]){0, 0}) - fit.before) < 1e-4);
    assert_true(fabs(best - fit.after) < 1e-4);
    assert_true(fit.after > fit.before && fabs(fit.weight[0]) > 0.05 && fabs(fit.weight[1]) > 0.05);
    for (int b = 0; b < 2; b++)
        for (int sign = -1; sign <= 1; sign += 2) {
            double other[2] = {fit.weight[0], fit.weight[1]};
            other[b] += sign * 0.1;
            assert_true(likelihood(&p.d, target, 300, other) < best);
        }
    ps_model_fini(&model);
    ps_dataset_close(&p.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_found),
        FOLDER_TEST(terms_are_added),
        cmocka_unit_test(known_odds),
        FOLDER_TEST(best_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
