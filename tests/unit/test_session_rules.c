/* test_session_rules.c - rules of sessions on the toy's sessions, worked out by hand; what counting keeps, and that its ranges of items
 * make no difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_bench.h"
#include "toy.h"
#include "toy_sessions.h"
#include "worker/models/cooccurrence.h"

/* Items 0 to 6 by their scores for a case: groups of equal ones as digits, best first, a blank between groups. */
static void assert_order(const char *rule, uint32_t case_, const char *expected)
{
    struct ps_dataset dataset = toy_session_dataset();
    struct ps_config config = toy_config(4);
    struct model_bench b;
    static const uint32_t item[] = {0, 1, 2, 3, 4, 5, 6};
    real score[TOY_SESSION_ITEMS];
    bool said[TOY_SESSION_ITEMS] = {false};
    char order[2 * TOY_SESSION_ITEMS + 1] = "";
    assert_int_equal(model_bench_init(&b, rule, &config, &dataset), 0);
    for (int round = 0; round < 2; round++) { /* the second time from what was kept */
        model_bench_score(&b, &case_, 1, item, TOY_SESSION_ITEMS, score);
        memset(said, 0, sizeof said);
        char *at = order;
        for (int left = TOY_SESSION_ITEMS; left;) {
            int best = -1;
            for (int i = 0; i < TOY_SESSION_ITEMS; i++)
                if (!said[i] && (best < 0 || score[i] > score[best]))
                    best = i;
            if (at > order)
                *at++ = ' ';
            real top = score[best];
            for (int i = 0; i < TOY_SESSION_ITEMS; i++)
                if (!said[i] && score[i] == top) {
                    said[i] = true;
                    *at++ = (char)('0' + i);
                    left--;
                }
        }
        *at = '\0';
        assert_string_equal(order, expected);
    }
    /* One item at a time, as a target's own score is asked for: the same. */
    for (int i = 0; i < TOY_SESSION_ITEMS; i++) {
        real one;
        model_bench_score(&b, &case_, 1, &item[i], 1, &one);
        assert_true(one == score[i]);
    }
    model_bench_fini(&b);
}

/* Case 1 has seen 5 2, case 2 only 4. Popularity: 1 and 3 twice, the others once. Training: 1 2 1 5, 3 3 4, 0 6. */
static void test_orders(void **state)
{
    assert_order("session_recent", 1, "2 5 13 046");
    assert_order("session_popularity", 1, "25 13 046");
    assert_order("markov", 1, "1 3 02456");   /* 2 -> 1 */
    assert_order("markov", 2, "13 02456");    /* nothing came behind 4 */
    assert_order("item_knn", 2, "3 1 02456"); /* 3 3 4: 3 before 4, and one more step before it */
    /* 2: beside 1 twice, and two steps before 5; 5, decayed: beside 1, two steps behind 2, three behind 1. */
    assert_order("item_knn", 1, "1 5 2 3 046");
    assert_order("session_counts", 1, "2 5 1 3 046");
}

static void test_refusal(void **state)
{
    struct ps_dataset dataset = toy_dataset(3);
    struct ps_config config = toy_config(4);
    struct ps_model model;
    struct ps_error err;
    assert_int_equal(ps_model_init(&model, "markov", &config, &dataset, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "prepare it with --sessions"));
}

static void test_lists(void **state)
{
    struct ps_weighed list[] = {{4, 1}, {2, 5}, {4, 2}, {9, 3}, {1, 3}};
    assert_int_equal(ps_weighed_merge(list, 5), 4);
    static const uint32_t merged[] = {1, 2, 4, 9}, heaviest[] = {2};
    for (int k = 0; k < 4; k++)
        assert_int_equal(list[k].item, merged[k]);
    assert_int_equal(list[2].weight, 3);
    assert_int_equal(ps_weighed_heaviest(list, 4, 4), 4);
    assert_int_equal(ps_weighed_heaviest(list, 4, 2), 1); /* three weigh 3: there is no room for all of them */
    assert_int_equal(list[0].item, heaviest[0]);
    assert_int_equal(ps_decayed(0.5, 3), PS_WEIGHT_ONE / 8);
    assert_int_equal(ps_decayed(0.5, 1000), 0);
}

/* Sessions of one item beside all others, more pairs than fit into a range of items: the hub's neighbours are counted right, and
 * those that tie with the first one left out are left out. */
static void test_hub(void **state)
{
    enum { ITEMS = 700, SESSIONS = 40000, STEPS = 60 };
    uint64_t *begin = ps_calloc(SESSIONS + 1, sizeof *begin);
    uint32_t *item = ps_calloc((size_t)SESSIONS * STEPS, sizeof *item);
    uint8_t *operation = ps_calloc((size_t)SESSIONS * STEPS, sizeof *operation);
    uint64_t *expected = ps_calloc(ITEMS, sizeof *expected);
    for (uint64_t s = 0; s < SESSIONS; s++) {
        begin[s + 1] = begin[s] + STEPS;
        for (uint64_t k = 0; k < STEPS; k++)
            item[begin[s] + k] = k % 2 ? 0 : 1 + (uint32_t)((s + k / 2) % (s % 5 ? ITEMS - 1 : 400));
        for (uint64_t k = 1; k < STEPS; k += 2)
            expected[item[begin[s] + k - 1]] += PS_WEIGHT_ONE;
    }
    struct ps_dataset d = {.items = ITEMS, .sessions = {.count = SESSIONS, .train = SESSIONS, .longest = STEPS, .begin = begin,
                                                        .item = item, .operation = operation}};
    struct ps_cooccurrence c;
    ps_cooccurrence_init(&c, &d, (struct ps_counting){.window = 1, .decay = 1, .both = true});
    uint64_t n = c.begin[1];
    assert_true(n > 300 && n <= PS_NEIGHBOURS);
    uint64_t least = c.entry[n - 1].weight;
    for (uint64_t k = 0; k < n; k++) {
        uint64_t seen = 0; /* from the other side: what came behind the hub is one less for the first of each session */
        for (uint64_t e = c.begin[c.entry[k].item]; e < c.begin[c.entry[k].item + 1]; e++)
            seen += c.entry[e].item == 0 ? c.entry[e].weight : 0;
        assert_int_equal(seen, c.entry[k].weight);
        assert_true(c.entry[k].weight >= expected[c.entry[k].item]);
        assert_true(k == 0 || c.entry[k].weight <= c.entry[k - 1].weight);
    }
    for (uint32_t i = 1; i < ITEMS; i++) {
        bool listed = false;
        for (uint64_t k = 0; k < n; k++)
            listed |= c.entry[k].item == i;
        assert_true(listed == (c.entry[c.begin[i]].weight >= least));
    }
    ps_cooccurrence_fini(&c);
    free(begin), free(item), free(operation), free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
