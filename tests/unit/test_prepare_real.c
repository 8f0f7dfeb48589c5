/* test_prepare_real.c - the real data in PENSTOCK_DATA: counts that its publishers and README files state. */
#include "prepare_fixture.h"

static void beibei(struct preparation *p)
{
    prepare_begin(p);
    prepare_input(p, real_data("beibei-cart-buy/cart.train.tsv.xz"), 0);
    prepare_input(p, real_data("beibei-cart-buy/buy.train.tsv.xz"), 1);
    p->o.rules.behaviours = 2;
    strcpy(p->o.behaviour[0], "cart");
    strcpy(p->o.behaviour[1], "buy");
    p->o.rules.test = PS_HOLDOUT_GIVEN;
    p->o.test_path = real_data("beibei-cart-buy/buy.test.tsv.xz");
}

static void test_beibei(void **state)
{
    struct preparation p;
    beibei(&p);
    prepare_now(&p);
    assert_int_equal(p.d.users, 21716);
    assert_int_equal(p.d.items, 7977);
    assert_int_equal(p.d.train[0].interactions, 642622);
    assert_int_equal(p.d.train[1].interactions, 282860);
    assert_int_equal(p.d.union_pairs, 642622); /* every purchase is in the cart */
    assert_int_equal(p.d.test_count, 21716);
    assert_int_equal(p.d.valid_count, 0);
    assert_int_equal(p.stats.split.test_seen[0], 13525); /* 62.3 % */
    assert_int_equal(p.stats.split.test_in_training, 0);
    uint64_t seen = 0;
    for (uint64_t k = 0; k < p.d.test_count; k++)
        seen += ps_dataset_seen(&p.d, p.d.test[k].user, p.d.test[k].item) & 1;
    assert_int_equal(seen, 13525);
    ps_dataset_close(&p.d);
}

/* The validation that can be defended: as many of its pairs in the cart as of the test's. */
static void test_beibei_validation(void **state)
{
    struct preparation p;
    beibei(&p);
    p.o.rules.valid = PS_HOLDOUT_RANDOM;
    p.o.rules.hide_weaker = 0.377;
    prepare_now(&p);
    assert_int_equal(p.d.valid_count, 21716);
    assert_int_equal(p.d.train[1].interactions, 282860 - 21716);
    assert_int_equal(p.d.train[0].interactions, 642622 - p.stats.split.hidden[0]);
    assert_int_equal(p.stats.split.valid_seen[0], 21716 - p.stats.split.hidden[0]);
    assert_in_range(p.stats.split.valid_seen[0], 13300, 13760); /* 62.3 %, standard deviation 71 */
    ps_dataset_close(&p.d);
}

/* The published validation pairs are training pairs as well: they are taken out. */
static void test_beibei_given_validation(void **state)
{
    struct preparation p;
    beibei(&p);
    p.o.rules.valid = PS_HOLDOUT_GIVEN;
    p.o.valid_path = real_data("beibei-cart-buy/buy.valid-subset-of-train.tsv.xz");
    prepare_now(&p);
    assert_int_equal(p.d.valid_count, 21716);
    assert_int_equal(p.stats.split.valid_in_training, 21716);
    assert_int_equal(p.d.train[1].interactions, 282860 - 21716);
    ps_dataset_close(&p.d);
}

static void test_retailrocket(void **state)
{
    struct preparation p;
    prepare_begin(&p);
    prepare_input(&p, real_data("retailrocket-mb/train.tsv.xz"), PS_ANY_BEHAVIOUR);
    p.o.rules.test = PS_HOLDOUT_GIVEN;
    p.o.test_path = real_data("retailrocket-mb/buy.test.tsv.xz");
    prepare_now(&p);
    assert_int_equal(p.d.users, 2174);
    assert_int_equal(p.d.items, 30113);
    assert_int_equal(p.d.train[0].interactions, 75374);
    assert_int_equal(p.d.train[1].interactions, 12456);
    assert_int_equal(p.d.train[2].interactions, 9551);
    assert_int_equal(p.d.test_count, 2174);
    uint64_t trained_items = 0;
    for (uint64_t k = 0; k < p.d.test_count; k++) {
        bool in_training = false;
        for (uint32_t b = 0; b < 3; b++)
            in_training |= p.d.train[b].count[p.d.test[k].item] > 0;
        trained_items += in_training;
        assert_int_equal(ps_dataset_seen(&p.d, p.d.test[k].user, p.d.test[k].item), 0);
    }
    assert_int_equal(trained_items, 1963);
    assert_non_null(p.d.train[0].time);
    ps_dataset_close(&p.d);
}

/* Lists of items: SR-GNN's table has these counts. */
static void test_diginetica(void **state)
{
    struct preparation p;
    prepare_begin(&p);
    prepare_input(&p, real_data("diginetica-sess/train.sessions.txt.xz"), PS_ANY_BEHAVIOUR);
    p.o.rules = (struct ps_split_rules){0};
    p.o.format.rows = PS_ROWS_LISTS;
    p.o.sessions = (struct ps_session_rules){.enabled = true, .min_length = 2, .min_item_count = 1, .test = PS_TEST_GIVEN};
    p.o.test_path = real_data("diginetica-sess/test.sessions.txt.xz");
    prepare_now(&p);
    assert_int_equal(p.d.sessions.train, 186670);
    assert_int_equal(p.d.sessions.count, 186670 + 15963);
    assert_int_equal(p.d.sessions.targets[p.d.sessions.train], 719470);
    assert_int_equal(p.d.test_count, 60858);
    assert_int_equal(p.d.items, 43097);
    ps_dataset_close(&p.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_beibei),
        FOLDER_TEST(test_beibei_validation),
        FOLDER_TEST(test_beibei_given_validation),
        FOLDER_TEST(test_retailrocket),
        FOLDER_TEST(test_diginetica),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
