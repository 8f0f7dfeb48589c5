/* test_metrics.c - ranks to metrics, with ties of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/metrics.h"

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-15;
}

static void compute(const struct ps_rank *rank, size_t n, uint32_t behaviours, const int *k, int k_count, enum ps_mean mean,
                    struct ps_metrics *metrics)
{
    struct ps_ranks ranks = {.count = n, .rank = (struct ps_rank *)(uintptr_t)rank};
    struct ps_measuring how = {.mean = mean, .ties = PS_TIES_EXPECTED, .known = (1u << (behaviours - 1)) - 1, .k = k, .k_count = k_count};
    ps_metrics_compute(&ranks, &how, metrics);
}

static void test_no_ties(void **state)
{
    const struct ps_rank third = {.greater = 2, .candidates = 100};
    for (int ties = PS_TIES_STANDARD; ties <= PS_TIES_CONSERVATIVE; ties++) {
        struct ps_quality at3 = ps_metrics_one(&third, 1, 3, (enum ps_ties)ties);
        assert_true(at3.hr == 1 && near(at3.ndcg, 0.5) && near(at3.mrr, 1.0 / 3));
        struct ps_quality at2 = ps_metrics_one(&third, 1, 2, (enum ps_ties)ties);
        assert_true(at2.hr == 0 && at2.ndcg == 0 && at2.mrr == 0);
    }
}

/* Places 2, 3, 4 and 5 are equally likely. */
static void test_ties(void **state)
{
    const struct ps_rank tied = {.greater = 1, .equal = 3, .candidates = 100};
    struct ps_quality expected = ps_metrics_one(&tied, 1, 3, PS_TIES_EXPECTED);
    assert_true(near(expected.hr, 0.5));
    assert_true(near(expected.ndcg, (1 / log2(3) + 0.5) / 4));
    assert_true(near(expected.mrr, (1.0 / 2 + 1.0 / 3) / 4));
    assert_true(ps_metrics_one(&tied, 1, 3, PS_TIES_STANDARD).hr == 1);
    assert_true(near(ps_metrics_one(&tied, 1, 3, PS_TIES_STANDARD).ndcg, 1 / log2(3)));
    assert_true(ps_metrics_one(&tied, 1, 4, PS_TIES_CONSERVATIVE).hr == 0);
    assert_true(near(ps_metrics_one(&tied, 1, 5, PS_TIES_CONSERVATIVE).mrr, 0.2));
}

/* recommenders.md F7: constant scores must not look like a good model. */
static void test_constant_scores(void **state)
{
    const struct ps_rank constant = {.greater = 0, .equal = 99, .candidates = 100};
    for (int k = 1; k < 100; k++) {
        assert_true(near(ps_metrics_one(&constant, 1, k, PS_TIES_EXPECTED).hr, k / 100.0));
        assert_true(ps_metrics_one(&constant, 1, k, PS_TIES_CONSERVATIVE).hr == 0);
    }
    assert_true(ps_metrics_one(&constant, 1, 100, PS_TIES_CONSERVATIVE).hr == 1);
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
    compute(rank, PS_COUNT(rank), 3, k, PS_COUNT(k), PS_MEAN_TARGETS, &m);
    assert_int_equal(m.targets[PS_GROUP_ALL], 5);
    assert_int_equal(m.targets[PS_GROUP_SEEN], 3);
    assert_int_equal(m.targets[PS_GROUP_UNSEEN], 2);
    assert_true(near(m.at[PS_GROUP_ALL][0].hr, 2.0 / 5) && near(m.at[PS_GROUP_ALL][1].hr, 3.0 / 5));
    assert_true(near(m.at[PS_GROUP_SEEN][0].hr, 1.0 / 3) && near(m.at[PS_GROUP_UNSEEN][0].hr, 0.5));
    assert_true(near(m.at[PS_GROUP_ALL][2].hr, 1));
    assert_true(near(m.at[PS_GROUP_UNSEEN][2].mrr, (1 + 0.1) / 2));

    compute(rank, 1, 3, k, PS_COUNT(k), PS_MEAN_TARGETS, &m);
    assert_true(m.targets[PS_GROUP_UNSEEN] == 0 && m.at[PS_GROUP_UNSEEN][0].hr == 0);
    /* With one behaviour there is no weaker one. */
    compute(rank, PS_COUNT(rank), 1, k, PS_COUNT(k), PS_MEAN_TARGETS, &m);
    assert_int_equal(m.targets[PS_GROUP_SEEN], 0);
}

/* Recall, precision, MAP and AUC of one target. */
static void test_one_target(void **state)
{
    const struct ps_rank third = {.greater = 2, .candidates = 11};
    struct ps_quality q = ps_metrics_one(&third, 1, 5, PS_TIES_EXPECTED);
    assert_true(q.recall == 1 && near(q.precision, 0.2) && near(q.map, 1.0 / 3) && near(q.auc, 0.8));
    q = ps_metrics_one(&third, 1, 2, PS_TIES_EXPECTED);
    assert_true(q.recall == 0 && q.precision == 0 && q.map == 0 && near(q.auc, 0.8));
    /* Of ten others two are above and four are level. */
    const struct ps_rank tied = {.greater = 2, .equal = 4, .candidates = 11};
    assert_true(near(ps_metrics_one(&tied, 1, 1, PS_TIES_EXPECTED).auc, 0.6));
    assert_true(near(ps_metrics_one(&tied, 1, 1, PS_TIES_STANDARD).auc, 0.8));
    assert_true(near(ps_metrics_one(&tied, 1, 1, PS_TIES_CONSERVATIVE).auc, 0.4));
    const struct ps_rank constant = {.equal = 99, .candidates = 100}, alone = {.candidates = 1};
    assert_true(near(ps_metrics_one(&constant, 1, 1, PS_TIES_EXPECTED).auc, 0.5));
    assert_true(ps_metrics_one(&constant, 1, 1, PS_TIES_CONSERVATIVE).auc == 0);
    assert_true(ps_metrics_one(&alone, 1, 1, PS_TIES_EXPECTED).auc == 0.5);
}

/* Three targets at ranks 1, 3 and 6 of 10 candidates. */
static void test_several_targets(void **state)
{
    const struct ps_rank rank[] = {{.greater = 0, .candidates = 10}, {.greater = 2, .candidates = 10}, {.greater = 5, .candidates = 10}};
    double best2 = 1 + 1 / log2(3), best3 = best2 + 0.5;
    for (int ties = PS_TIES_STANDARD; ties <= PS_TIES_CONSERVATIVE; ties++) {
        struct ps_quality at5 = ps_metrics_one(rank, 3, 5, (enum ps_ties)ties), at2 = ps_metrics_one(rank, 3, 2, (enum ps_ties)ties);
        assert_true(at5.hr == 1 && at5.mrr == 1 && near(at5.recall, 2.0 / 3) && near(at5.precision, 0.4));
        assert_true(near(at5.ndcg, (1 + 0.5) / best3));
        assert_true(near(at5.map, (1 + 2.0 / 3) / 3));
        assert_true(near(at2.recall, 1.0 / 3) && near(at2.precision, 0.5) && near(at2.ndcg, 1 / best2) && near(at2.map, 0.5));
        /* Of the seven others, 0, 1 and 3 are above the targets. */
        assert_true(near(at5.auc, (7 + 6 + 4) / 21.0));
        struct ps_quality at10 = ps_metrics_one(rank, 3, 10, (enum ps_ties)ties);
        assert_true(at10.recall == 1 && near(at10.map, (1 + 2.0 / 3 + 0.5) / 3));
    }
}

static void add_order(const int *place, int n, int k, int candidates, struct ps_quality *sum)
{
    struct ps_rank rank[4];
    for (int t = 0; t < n; t++)
        rank[t] = (struct ps_rank){.greater = (uint32_t)place[t] - 1, .candidates = (uint32_t)candidates};
    struct ps_quality one = ps_metrics_one(rank, (size_t)n, k, PS_TIES_EXPECTED);
    for (int m = 0; m < PS_MEASURES; m++)
        sum->of[m] += one.of[m];
}

/* One target at place 2, two more among the five items at places 4 to 8, of 12: `expected` is the mean over the ten ways in which
 * the two can lie there, counted one by one; the other rules are the best and the worst of them. */
static void test_tied_targets(void **state)
{
    const struct ps_rank rank[] = {{.greater = 1, .candidates = 12}, {.greater = 3, .equal = 4, .candidates = 12},
                                   {.greater = 3, .equal = 4, .candidates = 12}};
    const struct ps_rank pair[] = {rank[1], rank[2]}; /* without the one above */
    for (int k = 1; k <= 12; k++) {
        struct ps_quality three = {0}, two = {0}, best = {0}, worst = {0};
        for (int i = 4; i <= 8; i++)
            for (int j = i + 1; j <= 8; j++) {
                add_order((const int[]){2, i, j}, 3, k, 12, &three);
                add_order((const int[]){i, j}, 2, k, 12, &two);
            }
        add_order((const int[]){2, 4, 5}, 3, k, 12, &best);
        add_order((const int[]){2, 7, 8}, 3, k, 12, &worst);
        struct ps_quality of_three = ps_metrics_one(rank, 3, k, PS_TIES_EXPECTED), of_two = ps_metrics_one(pair, 2, k, PS_TIES_EXPECTED);
        struct ps_quality first = ps_metrics_one(rank, 3, k, PS_TIES_STANDARD), last = ps_metrics_one(rank, 3, k, PS_TIES_CONSERVATIVE);
        for (int m = 0; m < PS_MEASURES; m++) {
            assert_true(near(of_three.of[m], three.of[m] / 10) && near(of_two.of[m], two.of[m] / 10));
            assert_true(near(first.of[m], best.of[m]) && near(last.of[m], worst.of[m]));
        }
    }
}

/* Two users: one with a seen and two unseen targets, one with an unseen one. */
static void test_users(void **state)
{
    const struct ps_rank rank[] = {{.user = 3, .greater = 4, .candidates = 9, .seen = 0, .history = 5},
                                   {.user = 3, .greater = 0, .candidates = 9, .seen = 1, .history = 5},
                                   {.user = 3, .greater = 4, .equal = 1, .candidates = 9, .seen = 2, .history = 5},
                                   {.user = 8, .greater = 1, .candidates = 7, .seen = 2, .history = 20}};
    const int k[] = {1, 4}, bound[] = {5, 20};
    struct ps_rank mutable[4];
    memcpy(mutable, rank, sizeof rank);
    mutable[0].equal = 1; /* it is level with the third */
    struct ps_ranks ranks = {.count = 4, .rank = mutable};
    struct ps_measuring how = {PS_MEAN_USERS, PS_TIES_EXPECTED, 1, k, PS_COUNT(k), bound, PS_COUNT(bound)};
    struct ps_metrics m;
    ps_metrics_compute(&ranks, &how, &m);
    assert_true(m.targets[PS_GROUP_ALL] == 4 && m.cases[PS_GROUP_ALL] == 2);
    assert_true(near(m.at[PS_GROUP_ALL][0].recall, (1.0 / 3 + 0) / 2) && near(m.at[PS_GROUP_ALL][0].hr, 0.5));
    assert_true(near(m.at[PS_GROUP_ALL][1].recall, (1.0 / 3 + 1) / 2));
    /* Seen: rank 1 of the 7 that are left; the other user has none. */
    assert_true(m.targets[PS_GROUP_SEEN] == 1 && m.cases[PS_GROUP_SEEN] == 1);
    assert_true(m.at[PS_GROUP_SEEN][0].hr == 1 && m.at[PS_GROUP_SEEN][0].auc == 1);
    /* Unseen: two targets level at places 4 and 5 of 8, three above; and place 2 of 7. */
    assert_true(m.targets[PS_GROUP_UNSEEN] == 3 && m.cases[PS_GROUP_UNSEEN] == 2);
    assert_true(near(m.at[PS_GROUP_UNSEEN][1].recall, (0.5 + 1) / 2) && near(m.at[PS_GROUP_UNSEEN][1].mrr, (0.25 + 0.5) / 2));
    assert_true(near(m.at[PS_GROUP_UNSEEN][1].auc, (0.5 + 5.0 / 6) / 2));
    /* By history: below 5, from 5, from 20. */
    assert_true(m.cases[PS_GROUP_HISTORY] == 0 && m.cases[PS_GROUP_HISTORY + 1] == 1 && m.targets[PS_GROUP_HISTORY + 1] == 3);
    assert_true(m.cases[PS_GROUP_HISTORY + 2] == 1 && m.at[PS_GROUP_HISTORY + 2][1].hr == 1);
    how.mean = PS_MEAN_TARGETS;
    ps_metrics_compute(&ranks, &how, &m);
    assert_true(m.cases[PS_GROUP_ALL] == 4 && near(m.at[PS_GROUP_ALL][0].hr, 0.25) && m.cases[PS_GROUP_HISTORY + 1] == 3);
    char name[32];
    ps_metric_group_name(PS_GROUP_HISTORY + 2, bound, 2, name);
    assert_string_equal(name, "users_20+");
    ps_metric_group_name(PS_GROUP_HISTORY + 1, bound, 2, name);
    assert_string_equal(name, "users_5-19");
}

/* A seen target and an unseen one level with it, and two others: each is level with those two only where it is alone. */
static void test_kinds_apart(void **state)
{
    struct ps_rank rank[] = {{.greater = 0, .equal = 3, .candidates = 8, .seen = 1}, {.greater = 0, .equal = 3, .candidates = 8}};
    const int k[] = {1};
    struct ps_metrics m;
    compute(rank, 2, 2, k, 1, PS_MEAN_USERS, &m);
    for (int group = PS_GROUP_SEEN; group <= PS_GROUP_UNSEEN; group++)
        assert_true(near(m.at[group][0].hr, 1.0 / 3) && near(m.at[group][0].auc, 5.0 / 6));
    assert_true(near(m.at[PS_GROUP_ALL][0].hr, 0.5) && near(m.at[PS_GROUP_ALL][0].auc, 5.0 / 6));
}

/* With one target a user, what the mean is over changes no bit. */
static void test_one_target_a_user(void **state)
{
    struct ps_rank rank[50];
    for (uint32_t i = 0; i < 50; i++)
        rank[i] = (struct ps_rank){.greater = i * 7 % 23, .equal = i % 4, .candidates = 90, .seen = i % 3, .user = i};
    const int k[] = {1, 5, 20};
    struct ps_metrics by_target, by_user;
    compute(rank, 50, 3, k, 3, PS_MEAN_TARGETS, &by_target);
    compute(rank, 50, 3, k, 3, PS_MEAN_USERS, &by_user);
    assert_memory_equal(&by_target, &by_user, sizeof by_user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_ties),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_constant_scores),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_one_target),
        cmocka_unit_test(test_several_targets),
        cmocka_unit_test(test_tied_targets),
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_kinds_apart),
        cmocka_unit_test(test_one_target_a_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
