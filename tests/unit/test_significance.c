/* test_significance.c - what users contribute, bootstrap intervals and the randomisation test, against values worked by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/random.h"
#include "common/significance.h"

static const int k[] = {1, 3};
static const struct ps_column hr1 = {PS_MEASURE_HR, 0}, columns[] = {{PS_MEASURE_HR, 0}, {PS_MEASURE_MRR, 1}, {PS_MEASURE_AUC, 0}};

static struct ps_measuring measuring(enum ps_mean mean)
{
    return (struct ps_measuring){.mean = mean, .ties = PS_TIES_EXPECTED, .known = 1, .k = k, .k_count = PS_COUNT(k)};
}

static void test_columns(void **state)
{
    struct ps_column all[PS_MAX_COLUMNS];
    char name[32];
    assert_int_equal(ps_columns_all(2, false, all), 13);
    assert_int_equal(ps_columns_all(2, true, all), 15);
    ps_column_name(all[1], k, name);
    assert_string_equal(name, "ndcg@1");
    ps_column_name(all[13], k, name);
    assert_string_equal(name, "novelty@3");
    ps_column_name(all[14], k, name);
    assert_string_equal(name, "auc");
    assert_int_equal(ps_columns_all(PS_MAX_K, true, all), PS_MAX_COLUMNS);
}

/* Targets in a drawn order: a user's are brought together, and count as often as they are. */
static void test_samples(void **state)
{
    struct ps_rank rank[] = {{.user = 9, .greater = 0, .candidates = 5},
                             {.user = 2, .greater = 2, .candidates = 5, .seen = 1},
                             {.user = 9, .greater = 4, .candidates = 5}};
    struct ps_ranks ranks = {.count = 3, .rank = rank};
    struct ps_measuring how = measuring(PS_MEAN_TARGETS);
    struct ps_sample s;
    double mean[3];
    ps_sample_init(&s, &ranks, &how, PS_GROUP_ALL, columns, 3);
    assert_true(s.users == 2 && s.user[0] == 2 && s.user[1] == 9 && s.cases[0] == 1 && s.cases[1] == 2);
    const double want[] = {0, 1.0 / 3, 0.5, 1, 1, 1};
    for (int i = 0; i < 6; i++)
        assert_true(fabs(s.sum[i] - want[i]) < 1e-15);
    ps_sample_means(&s, mean);
    assert_true(fabs(mean[0] - 1.0 / 3) < 1e-15 && fabs(mean[1] - 4.0 / 9) < 1e-15 && fabs(mean[2] - 0.5) < 1e-15);
    ps_sample_fini(&s);
    ps_sample_init(&s, &ranks, &how, PS_GROUP_SEEN, columns, 3);
    assert_true(s.users == 1 && s.user[0] == 2);
    ps_sample_fini(&s);
    ranks.count = 1;
    double low[3], high[3], p[3];
    ps_sample_init(&s, &ranks, &how, PS_GROUP_SEEN, columns, 3); /* nobody */
    ps_sample_means(&s, mean);
    ps_bootstrap(&s, 100, 1, low, high);
    ps_sign_flip(&s, 100, 1, p);
    assert_true(s.users == 0 && mean[0] == 0 && low[2] == 0 && high[2] == 0 && p[0] == 1);
    ps_sample_fini(&s);
}

/* A sample with one column and one case a user; `value` stays the caller's. */
static struct ps_sample sample_of(const double *value, size_t n)
{
    struct ps_sample s = {.users = n, .columns = 1, .user = ps_calloc(n, 4), .sum = ps_calloc(n, 8), .cases = ps_calloc(n, 8)};
    for (size_t u = 0; u < n; u++) {
        s.user[u] = (uint32_t)u;
        s.sum[u] = value[u];
        s.cases[u] = 1;
    }
    return s;
}

/* Of 400 hits and misses the interval is about that of the binomial distribution, and holds the truth about 95 times of 100. */
static void test_interval(void **state)
{
    int held = 0;
    double below = 0, above = 0; /* in standard deviations, on average */
    for (uint64_t trial = 0; trial < 200; trial++) {
        struct ps_random random = ps_random_stream(trial, PS_RANDOM_TEST, 0, 0, 0);
        double value[400], sum = 0, low, high;
        for (int i = 0; i < 400; i++)
            sum += value[i] = ps_random_unit(&random) < 0.3;
        struct ps_sample s = sample_of(value, 400);
        ps_bootstrap(&s, 400, 5, &low, &high);
        double deviation = sqrt(sum / 400 * (1 - sum / 400) / 400);
        below += (sum / 400 - low) / deviation / 200;
        above += (high - sum / 400) / deviation / 200;
        held += low <= 0.3 && 0.3 <= high;
        ps_sample_fini(&s);
    }
    print_message("from %.3f deviations below to %.3f above, the interval held the truth %d times of 200\n", below, above, held);
    assert_true(fabs(below - 1.96) < 0.06 && fabs(above - 1.96) < 0.06);
    assert_true(held >= 180 && held <= 199);
}

/* One user cannot vary; two, of 0 and 1, give 0 to 1. A draw depends on its seed alone. */
static void test_small_intervals(void **state)
{
    const double value[] = {0, 1};
    double low, high, again_low, again_high;
    struct ps_sample one = sample_of(value + 1, 1), two = sample_of(value, 2);
    ps_bootstrap(&one, 100, 1, &low, &high);
    assert_true(low == 1 && high == 1);
    ps_bootstrap(&two, 1000, 1, &low, &high);
    assert_true(low == 0 && high == 1);
    ps_sample_fini(&one), ps_sample_fini(&two);
    double many[100];
    for (int i = 0; i < 100; i++)
        many[i] = i * i;
    struct ps_sample s = sample_of(many, 100);
    ps_bootstrap(&s, 100, 1, &low, &high);
    ps_bootstrap(&s, 100, 1, &again_low, &again_high);
    assert_true(low == again_low && high == again_high);
    ps_bootstrap(&s, 100, 2, &again_low, &again_high);
    assert_true(low != again_low);
    ps_sample_fini(&s);
}

/* All eight ways to sign 3, 2 and 1: as far as 6 are two of them, as far as 4 four, and as far as 0 all. */
static void test_p(void **state)
{
    static const double all[][3] = {{3, 2, 1}, {3, 2, -1}, {3, -2, -1}, {0, 0, 0}};
    static const double want[] = {0.25, 0.5, 1, 1};
    for (int i = 0; i < 4; i++) {
        struct ps_sample s = sample_of(all[i], 3);
        double p;
        ps_sign_flip(&s, 20000, 3, &p);
        assert_true(fabs(p - want[i]) < 0.015);
        ps_sample_fini(&s);
    }
    /* Eighteen of the 32 ways to sign a tenth of 1, 1, 1, -3 and 5 are as far from 0 as 5, though not to the last bit of 0.1. */
    const double rounded[] = {0.1, 0.1, 0.1, -0.3, 0.5};
    double same[20], p;
    struct ps_sample tenths = sample_of(rounded, 5);
    ps_sign_flip(&tenths, 20000, 3, &p);
    assert_true(fabs(p - 18 / 32.0) < 0.015);
    ps_sample_fini(&tenths);
    /* Twenty users of one sign: 2 of 2^20. */
    for (int i = 0; i < 20; i++)
        same[i] = 0.1 * (1 + i % 3);
    struct ps_sample s = sample_of(same, 20);
    ps_sign_flip(&s, 999, 3, &p);
    assert_true(p == 0.001);
    ps_sample_fini(&s);
}

/* Where there is no difference, p is below 0.1 a tenth of the time. */
static void test_p_without_difference(void **state)
{
    int small = 0;
    for (uint64_t trial = 0; trial < 400; trial++) {
        struct ps_random random = ps_random_stream(trial, PS_RANDOM_TEST, 1, 0, 0);
        double value[60], p;
        for (int i = 0; i < 60; i++)
            value[i] = ps_random_normal(&random);
        struct ps_sample s = sample_of(value, 60);
        ps_sign_flip(&s, 200, 7, &p);
        small += p < 0.1;
        ps_sample_fini(&s);
    }
    print_message("p was below 0.1 in %d of 400\n", small);
    assert_true(small >= 22 && small <= 60); /* 40, and three standard deviations */
}

/* Signs and draws are those of users: the other columns, and users without a difference, change nothing. */
static void test_columns_do_not_matter(void **state)
{
    struct ps_rank a[90], b[90];
    for (uint32_t i = 0; i < 90; i++) {
        a[i] = (struct ps_rank){.user = i / 2, .greater = i * 7 % 5, .candidates = 20};
        b[i] = a[i];
        if (i % 3 == 0)
            b[i].greater = i * 5 % 4;
    }
    struct ps_ranks of[2] = {{.count = 90, .rank = a}, {.count = 90, .rank = b}};
    for (int mean = PS_MEAN_TARGETS; mean <= PS_MEAN_USERS; mean++) {
        struct ps_measuring how = measuring((enum ps_mean)mean);
        struct ps_sample all[2], one[2];
        double low[3], high[3], p[3], low1, high1, p1;
        for (int s = 0; s < 2; s++) {
            ps_sample_init(&all[s], &of[s], &how, PS_GROUP_ALL, columns, 3);
            ps_sample_init(&one[s], &of[s], &how, PS_GROUP_ALL, &hr1, 1);
        }
        ps_sample_subtract(&all[0], &all[1]);
        ps_sample_subtract(&one[0], &one[1]);
        assert_int_equal(all[0].users, 45);
        ps_bootstrap(&all[0], 200, 1, low, high);
        ps_bootstrap(&one[0], 200, 1, &low1, &high1);
        ps_sign_flip(&all[0], 200, 1, p);
        ps_sign_flip(&one[0], 200, 1, &p1);
        assert_true(low[0] == low1 && high[0] == high1 && p[0] == p1 && low1 < high1);
        for (int s = 0; s < 2; s++)
            ps_sample_fini(&all[s]), ps_sample_fini(&one[s]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_small_intervals),
        cmocka_unit_test(test_p),
        cmocka_unit_test(test_p_without_difference),
        cmocka_unit_test(test_columns_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
