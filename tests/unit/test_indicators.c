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

enum { LEAST = 60, NOW = 1000000 };
static const double some[PS_INDICATOR_TERMS][2] = {{0.25, -3}, {0.5, 0.125}, {-0.25, 0.0625}};

/* Times that are made up: a user's latest event of all is at NOW. */
static int64_t moment_of(uint32_t user, uint32_t item, uint32_t b)
{
    return b == 2 ? NOW : NOW - (int64_t)(user * 31 + item * 977) * (b + 1);
}

static void give_times(struct ps_dataset *d)
{
    static int64_t time[3][USERS * ITEMS];
    for (uint32_t b = 0; b < 3; b++) {
        for (uint32_t u = 0; u < USERS; u++)
            for (uint64_t k = d->train[b].offset[u]; k < d->train[b].offset[u + 1]; k++)
                time[b][k] = moment_of(u, d->train[b].item[k], b);
        d->train[b].time = time[b];
    }
}

/* What is added to the score of a pair, by the definition; all users but those without a purchase have their latest event at NOW. */
static double terms(const struct ps_dataset *d, const double weight[][2], uint32_t user, uint32_t item)
{
    double sum = 0;
    int64_t latest = 0;
    for (uint32_t i = 0; i < ITEMS; i++)
        for (uint32_t b = 0; b < 3; b++)
            if (ps_dataset_has(d, b, user, i))
                latest = PS_MAX(latest, moment_of(user, i, b));
    for (uint32_t b = 0; b < 2; b++) {
        if (!ps_dataset_has(d, b, user, item))
            continue;
        uint32_t users = 0;
        for (uint32_t u = 0; u < USERS; u++)
            users += ps_dataset_has(d, b, u, item);
        sum += weight[0][b] + weight[1][b] * log(users < LEAST ? LEAST : users);
        sum += weight[2][b] * log(1 + (double)(latest - moment_of(user, item, b)) / 3600);
    }
    return sum;
}

static void terms_are_added(void **state)
{
    struct preparation p;
    make_dataset(&p);
    struct nn_tape *tape = nn_tape_new();
    give_times(&p.d);
    struct ps_config config;
    ps_config_init(&config);
    for (int t = 0; t < PS_INDICATOR_TERMS; t++) {
        config.model.indicators[t].count = 2;
        memcpy(config.model.indicators[t].weight, some[t], sizeof some[t]);
    }
    config.model.indicators_least = LEAST;
    uint32_t user[] = {5, 0, 399}, item[130];
    float score[3 * 130];
    for (uint32_t i = 0; i < 130; i++)
        item[i] = i * 7 % ITEMS; /* ten of them twice */
    for (int k = 0; k < 3 * 130; k++)
        score[k] = (float)k;
    ps_indicators_add(&config, &p.d, tape, user, 3, item, 130, score);
    int own_terms = 0;
    for (int u = 0; u < 3; u++)
        for (int i = 0; i < 130; i++) {
            double want = u * 130 + i + terms(&p.d, some, user[u], item[i]);
            assert_true(fabs((double)score[u * 130 + i] - want) < 1e-4);
            own_terms += want != u * 130 + i;
        }
    assert_true(own_terms > 50 && own_terms < 3 * 130 - 50);
    nn_tape_free(tape);
    ps_dataset_close(&p.d);
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

static double score_of(uint32_t user, uint32_t item)
{
    double z = 0;
    for (int j = 0; j < WIDTH; j++)
        z += (double)element(0, user, j) * (double)element(1, item, j);
    return z;
}

/* A model whose scores are all alike, and users who carted items 600 to 699 of 1,000, in the second block that is scored, and bought nothing. */
static int fetch_nothing(void *ctx, int table, const uint32_t *ids, int n, float *out, struct ps_error *e)
{
    memset(out, 0, (size_t)n * WIDTH * sizeof *out);
    return 0;
}

/* 30 % of the targets are carted: c = log of the ratio of the odds. */
static void known_odds(void **state)
{
    enum { PAIRS = 1000 };
    static uint64_t offset[2][PAIRS + 1];
    static uint32_t item[PAIRS * 100], count[1000];
    static struct ps_pair target[PAIRS];
    struct ps_dataset d = {.users = PAIRS, .items = 1000, .behaviours = 2, .behaviour = {"cart", "buy"}};
    for (uint32_t k = 0; k < PAIRS * 100; k++) {
        item[k] = 600 + k % 100;
        offset[0][k / 100 + 1] = k + 1;
    }
    d.train[0] = (struct ps_history){.offset = offset[0], .item = item, .count = count};
    d.train[1] = (struct ps_history){.offset = offset[1], .item = item, .count = count};
    for (uint32_t k = 0; k < PAIRS; k++)
        target[k] = (struct ps_pair){k, k % 10 < 3 ? 600 + k % 100 : k % 600};
    struct ps_config config = make_config(PS_SAMPLING_PER_BEHAVIOUR, 0, 4);
    config.model.embedding = WIDTH;
    struct ps_model model;
    assert_int_equal(ps_model_init(&model, "bpr", &config, &d, &err), 0);
    const struct ps_row_source source = {.fetch = fetch_nothing};
    struct ps_indicator_fit fit;
    assert_int_equal(ps_indicators_fit(&model, &source, target, PAIRS, PS_MASK_TARGET, 1, &fit, &err), 0);
    assert_true(fabs(fit.weight[0][0] - log(0.3 / 0.7 * 900 / 100)) < 1e-3); /* the prior is within that */
    assert_true(fit.scale == 1);
    assert_true(fabs(fit.before - log(1.0 / 1000)) < 1e-9);
    assert_true(fabs(fit.after - (0.3 * log(0.3 / 100) + 0.7 * log(0.7 / 900))) < 1e-6);
    assert_int_equal(fit.having[0], PAIRS / 10 * 3);

    /* All targets carted: nothing to learn from, and still a number. */
    for (uint32_t k = 0; k < PAIRS; k++)
        target[k].item = 600 + k % 100;
    assert_int_equal(ps_indicators_fit(&model, &source, target, PAIRS, PS_MASK_TARGET, 1, &fit, &err), 0);
    assert_true(fit.weight[0][0] > 5 && fit.weight[0][0] < 50);

    /* Scores that differ, over both blocks: at the top the targets' mean of each x is the candidates', but for the prior. */
    const struct ps_row_source random = {.fetch = fetch};
    double gap[2] = {0};
    for (uint32_t k = 0; k < PAIRS; k++)
        target[k].item = score_of(k, 450 + k % 100) > score_of(k, 550 + k % 100) ? 450 + k % 100 : 550 + k % 100;
    for (uint32_t k = 0; k < PAIRS * 100; k++)
        item[k] = 450 + k % 100;
    assert_int_equal(ps_indicators_fit(&model, &random, target, PAIRS, PS_MASK_TARGET, 1, &fit, &err), 0);
    for (uint32_t k = 0; k < PAIRS; k++) {
        double total = 0, mean[2] = {0};
        for (uint32_t i = 0; i < 1000; i++) {
            double carted = i >= 450 && i < 550, z = score_of(k, i), p = exp(fit.scale * (z + carted * fit.weight[0][0]));
            total += p, mean[0] += p * z, mean[1] += p * carted;
        }
        gap[0] += score_of(k, target[k].item) - mean[0] / total;
        gap[1] += (target[k].item < 550) - mean[1] / total;
    }
    assert_true(fabs(gap[0]) < 0.05 && fabs(gap[1]) < 0.05);
    ps_model_fini(&model);
}

/* The mean of log P over the targets, by the definition. */
static double likelihood(const struct ps_dataset *d, const struct ps_pair *target, size_t n, double scale, const double weight[][2])
{
    double total = 0;
    for (size_t k = 0; k < n; k++) {
        double sum = 0, own = 0;
        for (uint32_t item = 0; item < d->items; item++) {
            double z = scale * (score_of(target[k].user, item) + terms(d, weight, target[k].user, item));
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
    give_times(&p.d);
    struct ps_config config = make_config(PS_SAMPLING_PER_BEHAVIOUR, 0, 4);
    config.model.embedding = WIDTH;
    config.model.indicators_least = LEAST;
    struct ps_model model;
    assert_int_equal(ps_model_init(&model, "bpr", &config, &p.d, &err), 0);
    struct ps_pair target[300];
    for (uint32_t k = 0; k < 300; k++) {
        uint32_t item = k * 31 % ITEMS;
        for (uint32_t other = item; other < item + 20 && other < ITEMS; other += 7) /* models are right more often than not */
            item = score_of(k, other) > score_of(k, item) ? other : item;
        while (k % 2 && !ps_dataset_has(&p.d, k % 4 / 2, k, item) && item + 1 < ITEMS) /* every other one carted or viewed */
            item++;
        target[k] = (struct ps_pair){k, item};
    }
    const struct ps_row_source source = {.fetch = fetch};
    struct ps_indicator_fit fit;
    const double nothing[PS_INDICATOR_TERMS][2] = {{0}};
    assert_int_equal(ps_indicators_fit(&model, &source, target, 300, PS_MASK_TARGET, PS_INDICATOR_TERMS, &fit, &err), 0);
    double weight[PS_INDICATOR_TERMS][2];
    for (int t = 0; t < PS_INDICATOR_TERMS; t++)
        memcpy(weight[t], fit.weight[t], sizeof weight[t]);
    double best = likelihood(&p.d, target, 300, fit.scale, weight);
    assert_true(fabs(likelihood(&p.d, target, 300, 1, nothing) - fit.before) < 1e-4);
    assert_true(fabs(best - fit.after) < 1e-4);
    assert_true(fit.after > fit.before && fabs(fit.weight[0][0]) > 0.05 && fabs(fit.weight[0][1]) > 0.05);
    for (int sign = -1; sign <= 1; sign += 2) {
        assert_true(likelihood(&p.d, target, 300, fit.scale * (1 + sign * 0.2), weight) < best);
        for (int t = 0; t < PS_INDICATOR_TERMS; t++)
            for (int b = 0; b < 2; b++) {
                weight[t][b] += sign * 0.2 / fit.scale;
                assert_true(likelihood(&p.d, target, 300, fit.scale, weight) < best);
                weight[t][b] = fit.weight[t][b];
            }
    }

    /* One number each, as penstock indicators --plain asks for. */
    assert_int_equal(ps_indicators_fit(&model, &source, target, 300, PS_MASK_TARGET, 1, &fit, &err), 0);
    assert_true(fit.weight[1][0] == 0 && fit.weight[2][1] == 0 && fit.weight[0][0] != 0 && fit.after < best);
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
