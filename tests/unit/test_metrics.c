/* test_metrics.c - ranks to metrics, with ties of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "common/metrics.h"

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-15;
}

static void test_no_ties(void **state)
{
    const struct ps_rank third = {.greater = 2, .candidates = 100};
    for (int ties = PS_TIES_STANDARD; ties <= PS_TIES_CONSERVATIVE; ties++) {
        struct ps_quality at3 = ps_metrics_one(&third, 3, (enum ps_ties)ties);
        assert_true(at3.hr == 1 && near(at3.ndcg, 0.5) && near(at3.mrr, 1.0 / 3));
        struct ps_quality at2 = ps_metrics_one(&third, 2, (enum ps_ties)ties);
        assert_true(at2.hr == 0 && at2.ndcg == 0 && at2.mrr == 0);
    }
}

/* Places 2, 3, 4 and 5 are equally likely. */
static void test_ties(void **state)
{
    const struct ps_rank tied = {.greater = 1, .equal = 3, .candidates = 100};
    struct ps_quality expected = ps_metrics_one(&tied, 3, PS_TIES_EXPECTED);
    assert_true(near(expected.hr, 0.5));
    assert_true(near(expected.ndcg, (1 / log2(3) + 0.5) / 4));
    assert_true(near(expected.mrr, (1.0 / 2 + 1.0 / 3) / 4));
    assert_true(ps_metrics_one(&tied, 3, PS_TIES_STANDARD).hr == 1);
    assert_true(near(ps_metrics_one(&tied, 3, PS_TIES_STANDARD).ndcg, 1 / log2(3)));
    assert_true(ps_metrics_one(&tied, 4, PS_TIES_CONSERVATIVE).hr == 0);
    assert_true(near(ps_metrics_one(&tied, 5, PS_TIES_CONSERVATIVE).mrr, 0.2));
}

/* recommenders.md F7: constant scores must not look like a good model. */
static void test_constant_scores(void **state)
{
    const struct ps_rank constant = {.greater = 0, .equal = 99, .candidates = 100};
    for (int k = 1; k < 100; k++) {
        assert_true(near(ps_metrics_one(&constant, k, PS_TIES_EXPECTED).hr, k / 100.0));
        assert_true(ps_metrics_one(&constant, k, PS_TIES_CONSERVATIVE).hr == 0);
    }
    assert_true(ps_metrics_one(&constant, 100, PS_TIES_CONSERVATIVE).hr == 1);
}

static void test_groups(void **state)
{
    /* Three behaviours: bits 0 and 1 are the weaker ones, bit 2 the target, which does not count. */
    const struct ps_rank rank[] = {{.greater = 0, .seen = 1},
                                   {.greater = 5, .seen = 2},
                                   {.greater = 0, .seen = 4},
                                   {.greater = 9, .seen = 0},
                                   {.greater = 1, .seen = 6}};
    const int k[] = {1, 2, 10};
    struct ps_metrics m;
    ps_metrics_compute(rank, PS_COUNT(rank), 3, k, PS_COUNT(k), PS_TIES_EXPECTED, &m);
    assert_int_equal(m.targets[PS_GROUP_ALL], 5);
    assert_int_equal(m.targets[PS_GROUP_SEEN], 3);
    assert_int_equal(m.targets[PS_GROUP_UNSEEN], 2);
    assert_true(near(m.at[PS_GROUP_ALL][0].hr, 2.0 / 5) && near(m.at[PS_GROUP_ALL][1].hr, 3.0 / 5));
    assert_true(near(m.at[PS_GROUP_SEEN][0].hr, 1.0 / 3) && near(m.at[PS_GROUP_UNSEEN][0].hr, 0.5));
    assert_true(near(m.at[PS_GROUP_ALL][2].hr, 1));
    assert_true(near(m.at[PS_GROUP_UNSEEN][2].mrr, (1 + 0.1) / 2));

    ps_metrics_compute(rank, 1, 3, k, PS_COUNT(k), PS_TIES_EXPECTED, &m);
    assert_true(m.targets[PS_GROUP_UNSEEN] == 0 && m.at[PS_GROUP_UNSEEN][0].hr == 0);
    /* With one behaviour there is no weaker one. */
    ps_metrics_compute(rank, PS_COUNT(rank), 1, k, PS_COUNT(k), PS_TIES_EXPECTED, &m);
    assert_int_equal(m.targets[PS_GROUP_SEEN], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_ties),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_constant_scores),
        cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
