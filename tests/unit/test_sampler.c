/* test_sampler.c - negatives: from where, how often each, and that every draw ends. */
#include "order_fixture.h"
#include "worker/sampler.h"

static const enum ps_negatives kinds[] = {PS_NEGATIVES_UNIFORM, PS_NEGATIVES_POPULARITY, PS_NEGATIVES_LEVEL,
                                          PS_NEGATIVES_SUPPORTIVE};

static struct ps_random stream(uint64_t number)
{
    return ps_random_stream(number, PS_RANDOM_TEST, 0, 0, 0);
}

static struct ps_sampler sampler_of(enum ps_negatives kind, const struct ps_dataset *dataset, double exponent, double unobserved)
{
    struct ps_config config;
    ps_config_init(&config);
    config.train.popularity_exponent = exponent;
    config.train.unobserved_share = unobserved;
    struct ps_sampler sampler;
    ps_sampler_init(&sampler, kind, dataset, 0, &config);
    return sampler;
}

/* One user, 1,000 items: views, carts and purchases are runs of items. */
enum { MANY = 1000 };
struct lonely {
    struct ps_dataset dataset;
    uint64_t offset[3][2];
    uint32_t item[3][MANY], count[3][MANY];
};

static struct lonely *lonely_new(const uint32_t first[3], const uint32_t end[3])
{
    struct lonely *l = ps_calloc(1, sizeof *l);
    l->dataset = (struct ps_dataset){.users = 1, .items = MANY, .behaviours = 3};
    for (int b = 0; b < 3; b++) {
        for (uint32_t i = first[b]; i < end[b]; i++)
            l->item[b][i - first[b]] = i;
        l->offset[b][1] = end[b] - first[b];
        for (uint32_t i = 0; i < MANY; i++)
            l->count[b][i] = b == 2 ? i % 5 : 0;
        l->dataset.train[b] = (struct ps_history){
            .offset = l->offset[b], .item = l->item[b], .count = l->count[b], .interactions = l->offset[b][1]};
    }
    return l;
}

enum { DRAWS = 40000 };

/* How often each item comes in DRAWS draws of 4 negatives for a purchase. */
static void tally(const struct ps_sampler *sampler, uint32_t behaviour, uint32_t seen[MANY])
{
    struct ps_random random = stream(3);
    memset(seen, 0, MANY * sizeof *seen);
    for (int n = 0; n < DRAWS / 4; n++) {
        uint32_t item[4];
        assert_int_equal(sampler->draw(sampler, &random, 0, behaviour, 4, item), 4);
        for (int k = 0; k < 4; k++) {
            assert_true(item[k] < MANY);
            seen[item[k]]++;
        }
    }
}

static uint32_t sum(const uint32_t seen[MANY], uint32_t first, uint32_t end)
{
    uint32_t total = 0;
    for (uint32_t i = first; i < end; i++)
        total += seen[i];
    return total;
}

/* Within five standard deviations of a binomial. */
static void assert_share(uint32_t seen, double share)
{
    double want = share * DRAWS, deviation = sqrt(want * (1 - share)) + 1e-9;
    if (fabs(seen - want) > 5 * deviation)
        print_message("%u of %d, expected %.0f +- %.0f\n", seen, (int)DRAWS, want, deviation);
    assert_true(fabs(seen - want) <= 5 * deviation);
}

/* What the user has under the positive's behaviour, or a stronger one, is never a negative; there are as many as asked for. */
static void no_positive_among_negatives(void **state)
{
    struct preparation p;
    make_dataset(&p);
    uint32_t greedy = id_of(&p.d, PS_USERS, "u0");
    for (size_t s = 0; s < PS_COUNT(kinds); s++) {
        struct ps_sampler sampler = sampler_of(kinds[s], &p.d, 0.75, 0.2);
        bool weaker = false;
        for (uint32_t user = 0; user < USERS; user++)
            for (uint32_t b = 0; b < 3; b++) {
                struct ps_random random = stream(user);
                uint32_t item[8];
                int drawn = sampler.draw(&sampler, &random, user, b, 8, item);
                assert_true(drawn == 8 || user == greedy);
                for (int k = 0; k < drawn; k++) {
                    assert_true(item[k] < p.d.items);
                    uint32_t seen = ps_dataset_seen(&p.d, user, item[k]);
                    assert_int_equal(seen >> b, 0);
                    weaker |= seen != 0;
                    assert_true(seen == 0 || kinds[s] == PS_NEGATIVES_LEVEL || (kinds[s] == PS_NEGATIVES_SUPPORTIVE && b == 2));
                }
            }
        assert_int_equal(weaker, kinds[s] == PS_NEGATIVES_LEVEL || kinds[s] == PS_NEGATIVES_SUPPORTIVE);
        ps_sampler_fini(&sampler);
    }
    ps_dataset_close(&p.d);
}

static void same_stream_same_negatives(void **state)
{
    struct preparation p;
    make_dataset(&p);
    for (size_t s = 0; s < PS_COUNT(kinds); s++) {
        struct ps_sampler one = sampler_of(kinds[s], &p.d, 0.75, 0.2), other = sampler_of(kinds[s], &p.d, 0.75, 0.2);
        struct ps_random here = stream(9), there = stream(9), elsewhere = stream(10);
        uint32_t a[64], b[64], c[64];
        uint32_t user = id_of(&p.d, PS_USERS, "u7");
        one.draw(&one, &here, user, 2, 64, a);
        other.draw(&other, &there, user, 2, 64, b);
        other.draw(&other, &elsewhere, user, 2, 64, c);
        assert_memory_equal(a, b, sizeof a);
        assert_memory_not_equal(a, c, sizeof a);
        ps_sampler_fini(&one), ps_sampler_fini(&other);
    }
    ps_dataset_close(&p.d);
}

static void uniform_is_uniform(void **state)
{
    struct lonely *l = lonely_new((uint32_t[]){0, 0, 0}, (uint32_t[]){600, 300, 100});
    struct ps_sampler sampler = sampler_of(PS_NEGATIVES_UNIFORM, &l->dataset, 0, 0);
    uint32_t seen[MANY];
    tally(&sampler, 2, seen);
    assert_int_equal(sum(seen, 0, 600), 0);
    for (uint32_t i = 600; i < MANY; i += 50)
        assert_share(sum(seen, i, i + 50), 50.0 / 400);
    free(l);
}

/* Every fifth item has been touched by nobody. */
static void cold_items_are_left_out(void **state)
{
    struct lonely *l = lonely_new((uint32_t[]){0, 0, 0}, (uint32_t[]){600, 300, 100});
    struct ps_sampler sampler = sampler_of(PS_NEGATIVES_UNIFORM, &l->dataset, 0, 0);
    uint32_t seen[MANY];
    ps_sampler_leave_out_cold(&sampler);
    tally(&sampler, 2, seen);
    assert_int_equal(sum(seen, 0, 600), 0);
    for (uint32_t i = 600; i < MANY; i++)
        assert_true(i % 5 ? seen[i] > 0 : seen[i] == 0);
    for (uint32_t i = 600; i < MANY; i += 50)
        assert_share(sum(seen, i, i + 50), 50.0 / 400);
    ps_sampler_fini(&sampler);
    free(l);
}

/* Counts of 0 to 4 in turn, to the powers 0 (all alike), 1 and 2. */
static void popularity_follows_counts(void **state)
{
    struct lonely *l = lonely_new((uint32_t[]){0, 0, 0}, (uint32_t[]){500, 0, 0});
    for (double exponent = 0; exponent <= 2; exponent++) {
        struct ps_sampler sampler = sampler_of(PS_NEGATIVES_POPULARITY, &l->dataset, exponent, 0);
        uint32_t seen[MANY], of[5] = {0};
        tally(&sampler, 2, seen);
        assert_int_equal(sum(seen, 0, 500), 0);
        double all = 0;
        for (int c = 0; c < 5; c++)
            all += pow(c, exponent);
        for (uint32_t i = 0; i < MANY; i++)
            of[i % 5] += seen[i];
        assert_true(exponent > 0 ? of[0] == 0 : of[0] > 0);
        for (int c = 0; c < 5; c++)
            assert_share(of[c], pow(c, exponent) / all);
        ps_sampler_fini(&sampler);
    }
    /* Without any count, and where nearly everything popular has been touched. */
    memset(l->count, 0, sizeof l->count);
    struct ps_sampler sampler = sampler_of(PS_NEGATIVES_POPULARITY, &l->dataset, 1, 0);
    uint32_t seen[MANY];
    tally(&sampler, 2, seen);
    assert_share(sum(seen, 500, 750), 0.5);
    ps_sampler_fini(&sampler);
    l->count[2][0] = 1000;
    sampler = sampler_of(PS_NEGATIVES_POPULARITY, &l->dataset, 1, 0);
    tally(&sampler, 2, seen);
    assert_share(sum(seen, 500, 750), 0.5);
    ps_sampler_fini(&sampler);
    free(l);
}

/* 600 views, 300 carts, 100 purchases, one within the other: levels of 300, 200 and 100 items, weights of 600/4 and 300/2. */
static void level_shares(void **state)
{
    struct lonely *l = lonely_new((uint32_t[]){0, 0, 0}, (uint32_t[]){600, 300, 100});
    struct ps_sampler sampler = sampler_of(PS_NEGATIVES_LEVEL, &l->dataset, 0, 0.2);
    uint32_t seen[MANY];
    tally(&sampler, 2, seen);
    assert_int_equal(sum(seen, 0, 100), 0);
    assert_share(sum(seen, 600, MANY), 0.2);
    assert_share(sum(seen, 100, 300), 0.8 / 2);
    assert_share(sum(seen, 300, 600), 0.8 / 2);
    assert_share(sum(seen, 100, 150), 0.8 / 2 / 4); /* uniform within a level */
    assert_share(sum(seen, 300, 350), 0.8 / 2 / 6);
    tally(&sampler, 1, seen); /* a cart: views or untouched ones */
    assert_share(sum(seen, 300, 600), 0.8);
    assert_share(sum(seen, 600, MANY), 0.2);
    tally(&sampler, 0, seen); /* a view: untouched ones alone */
    assert_int_equal(sum(seen, 600, MANY), DRAWS);
    free(l);
}

/* Two of 500 carted items were not bought: rejection gives up, and the two are still equally likely. */
static void rare_items_are_found(void **state)
{
    struct lonely *l = lonely_new((uint32_t[]){0, 0, 0}, (uint32_t[]){0, 500, 498});
    struct ps_sampler level = sampler_of(PS_NEGATIVES_LEVEL, &l->dataset, 0, 0);
    uint32_t seen[MANY];
    tally(&level, 2, seen);
    assert_int_equal(seen[498] + seen[499], DRAWS);
    assert_share(seen[498], 0.5);
    struct ps_sampler supportive = sampler_of(PS_NEGATIVES_SUPPORTIVE, &l->dataset, 0, 0);
    tally(&supportive, 2, seen); /* both of them every time, and two untouched ones */
    assert_int_equal(seen[498], DRAWS / 4);
    assert_int_equal(seen[499], DRAWS / 4);
    assert_int_equal(sum(seen, 500, MANY), DRAWS / 2);
    free(l);
}

/* An item under two weaker behaviours counts once; all of them are equally likely. */
static void supportive_is_uniform(void **state)
{
    struct lonely *l = lonely_new((uint32_t[]){0, 50, 75}, (uint32_t[]){100, 150, 95});
    struct ps_sampler sampler = sampler_of(PS_NEGATIVES_SUPPORTIVE, &l->dataset, 0, 0);
    uint32_t seen[MANY];
    tally(&sampler, 2, seen); /* 150 items but the 20 that were bought */
    assert_int_equal(sum(seen, 75, 95) + sum(seen, 150, MANY), 0);
    assert_share(sum(seen, 0, 50), 50.0 / 130);
    assert_share(sum(seen, 50, 75), 25.0 / 130);
    assert_share(sum(seen, 95, 100), 5.0 / 130);
    assert_share(sum(seen, 100, 150), 50.0 / 130);
    tally(&sampler, 1, seen); /* not the target's: untouched ones */
    assert_int_equal(sum(seen, 150, MANY), DRAWS);
    struct ps_random random = stream(1);
    for (int n = 0; n < 1000; n++) { /* a positive's negatives differ from each other */
        uint32_t item[4];
        sampler.draw(&sampler, &random, 0, 2, 4, item);
        for (int k = 0; k < 4; k++)
            for (int other = 0; other < k; other++)
                assert_int_not_equal(item[k], item[other]);
    }
    free(l);
}

/* Every draw ends: carts within the purchases, no weaker behaviour at all, everything touched, everything bought. */
static void every_draw_ends(void **state)
{
    static const struct {
        uint32_t first[3], end[3];
        int level, supportive, uniform; /* of 4 negatives for a purchase */
    } users[] = {
        {{0, 0, 0}, {100, 100, 100}, 4, 4, 4}, /* carts are purchases */
        {{0, 0, 0}, {0, 0, 100}, 4, 4, 4},
        {{0, 0, 0}, {0, 0, 0}, 4, 4, 4},
        {{0, 0, 0}, {MANY, 0, MANY - 2}, 4, 2, 0}, /* two are viewed only */
        {{0, 0, 0}, {0, 0, MANY}, 0, 0, 0},
        {{0, 0, 0}, {0, 0, MANY - 1}, 4, 4, 4}, /* one is left */
    };
    for (size_t u = 0; u < PS_COUNT(users); u++) {
        struct lonely *l = lonely_new(users[u].first, users[u].end);
        for (size_t s = 0; s < PS_COUNT(kinds); s++) {
            struct ps_sampler sampler = sampler_of(kinds[s], &l->dataset, 1, 0.2);
            int want = kinds[s] == PS_NEGATIVES_LEVEL        ? users[u].level
                       : kinds[s] == PS_NEGATIVES_SUPPORTIVE ? users[u].supportive
                                                             : users[u].uniform;
            for (uint64_t n = 0; n < 50; n++) {
                struct ps_random random = stream(n);
                uint32_t item[4];
                int drawn = sampler.draw(&sampler, &random, 0, 2, 4, item);
                assert_int_equal(drawn, want);
                for (int k = 0; k < drawn; k++)
                    assert_false(ps_dataset_has(&l->dataset, 2, 0, item[k]));
            }
            ps_sampler_fini(&sampler);
        }
        free(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(no_positive_among_negatives),
        FOLDER_TEST(same_stream_same_negatives),
        cmocka_unit_test(uniform_is_uniform),
        cmocka_unit_test(cold_items_are_left_out),
        cmocka_unit_test(popularity_follows_counts),
        cmocka_unit_test(level_shares),
        cmocka_unit_test(rare_items_are_found),
        cmocka_unit_test(supportive_is_uniform),
        cmocka_unit_test(every_draw_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
