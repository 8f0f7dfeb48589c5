/* test_sampled.c - which targets are ranked, drawn candidates, ranks among them, and lists, against brute force. */
#include "prepare_fixture.h"

#include <math.h>

#include "worker/rank.h"

#include "model_bench.h"
#include "toy.h"

enum { USERS = 60, ITEMS = 700 };

/* 60 users with some of 700 items under view and buy; users have none to three test items. The same log whatever the ids. */
static void shop(struct preparation *p, uint64_t id_seed)
{
    char *text[2] = {NULL};
    size_t size[2];
    FILE *log = open_memstream(&text[0], &size[0]), *test = open_memstream(&text[1], &size[1]);
    struct ps_random r = ps_random_stream(8, PS_RANDOM_TEST, 0, 0, 0);
    fprintf(log, "user\titem\tbehaviour\n");
    fprintf(test, "user\titem\n");
    for (int i = 0; i < ITEMS; i++) /* every item is there */
        fprintf(log, "u%d\ti%d\tview\n", i % USERS, i);
    for (int u = 0; u < USERS; u++) {
        for (int n = 0; n < 20; n++)
            fprintf(log, "u%d\ti%d\t%s\n", u, (int)ps_random_below(&r, ITEMS), n % 4 ? "view" : "buy");
        for (int n = 0; n < u % 4; n++)
            fprintf(test, "u%d\ti%d\n", u, (int)ps_random_below(&r, ITEMS));
    }
    fclose(log), fclose(test);
    prepare_begin(p);
    p->o.rules = (struct ps_split_rules){.behaviours = 2, .keep_targets = 1, .seed = 1, .test = PS_HOLDOUT_GIVEN};
    strcpy(p->o.behaviour[0], "view");
    strcpy(p->o.behaviour[1], "buy");
    p->o.overwrite = true;
    p->o.id_seed = id_seed;
    prepare_input(p, write_bytes("log.tsv", text[0], size[0]), PS_ANY_BEHAVIOUR);
    p->o.test_path = write_bytes("test.tsv", text[1], size[1]);
    prepare_now(p);
    assert_true(p->d.items == ITEMS && p->d.users == USERS && p->d.test_count > 80);
    free(text[0]), free(text[1]);
}

static void test_targets(void **state)
{
    struct preparation p;
    shop(&p, 1);
    struct ps_config config = toy_config(8);
    struct ps_targets all, some, again;
    ps_targets_init(&all, &p.d, PS_SPLIT_TEST, &config);
    assert_true(all.count == p.d.test_count && all.pair == p.d.test);
    config.eval.users = 20;
    ps_targets_init(&some, &p.d, PS_SPLIT_TEST, &config);
    assert_int_equal(some.count, 20);
    config.eval.seed = 3;
    ps_targets_init(&again, &p.d, PS_SPLIT_TEST, &config);
    assert_memory_not_equal(some.pair, again.pair, 20 * sizeof *some.pair);
    ps_targets_fini(&some), ps_targets_fini(&again);

    /* All targets of twenty users, in the dataset's order. */
    config.eval.mean = PS_MEAN_USERS;
    ps_targets_init(&some, &p.d, PS_SPLIT_TEST, &config);
    int users = 0;
    uint64_t next = 0, n;
    for (uint64_t i = 0; i < some.count; i += n, users++) {
        const struct ps_pair *held = ps_held_out_of(&p.d, PS_SPLIT_TEST, some.pair[i].user, &n);
        assert_true(n > 0 && held >= p.d.test + next);
        assert_memory_equal(held, some.pair + i, n * sizeof *held);
        next = (uint64_t)(held - p.d.test) + n;
    }
    assert_int_equal(users, 20);
    ps_targets_fini(&some);
    for (config.eval.users = 1; config.eval.users < 45; config.eval.users++) {
        uint64_t found = 0;
        ps_targets_init(&some, &p.d, PS_SPLIT_TEST, &config);
        for (uint64_t i = 0; i < some.count; i += n, found++)
            ps_held_out_of(&p.d, PS_SPLIT_TEST, some.pair[i].user, &n);
        assert_int_equal(found, config.eval.users);
        ps_targets_fini(&some);
    }
    config.eval.users = 45; /* as many as have targets */
    ps_targets_init(&some, &p.d, PS_SPLIT_TEST, &config);
    assert_true(some.count == p.d.test_count && !some.owned);
    ps_targets_init(&again, &p.d, PS_SPLIT_VALID, &config);
    assert_int_equal(again.count, 0);
    ps_dataset_close(&p.d);
}

/* Distinct, neither masked nor held out, the same for every length; all there are where more are asked for. */
static void test_draws(void **state)
{
    struct preparation p;
    shop(&p, 1);
    uint32_t item[ITEMS], few[9];
    for (int mask = PS_MASK_NONE; mask <= PS_MASK_ANY; mask++)
        for (uint32_t u = 0; u < USERS; u++) {
            uint32_t masked = mask == PS_MASK_NONE ? 0 : mask == PS_MASK_TARGET ? 2 : 3, allowed = 0;
            uint64_t held;
            const struct ps_pair *pair = ps_held_out_of(&p.d, PS_SPLIT_TEST, u, &held);
            bool drawn[ITEMS] = {false};
            uint64_t n = ps_candidates_draw(&p.d, PS_SPLIT_TEST, (enum ps_mask)mask, u, 1, item, ITEMS);
            assert_int_equal(ps_candidates_draw(&p.d, PS_SPLIT_TEST, (enum ps_mask)mask, u, 1, few, 9), 9);
            assert_memory_equal(few, item, sizeof few);
            for (uint64_t i = 0; i < n; i++) {
                assert_false(drawn[item[i]] || (ps_dataset_seen(&p.d, u, item[i]) & masked));
                for (uint64_t h = 0; h < held; h++)
                    assert_true(pair[h].item != item[i]);
                drawn[item[i]] = true;
            }
            for (uint32_t i = 0; i < ITEMS; i++)
                allowed += !(ps_dataset_seen(&p.d, u, i) & masked);
            for (uint64_t h = 0; h < held; h++)
                allowed -= !(ps_dataset_seen(&p.d, u, pair[h].item) & masked);
            assert_int_equal(n, allowed);
        }
    /* Every item about as often: 60 users and 20 seeds draw 100 of about 676 each. */
    int times[ITEMS] = {0};
    for (uint64_t seed = 0; seed < 20; seed++)
        for (uint32_t u = 0; u < USERS; u++) {
            ps_candidates_draw(&p.d, PS_SPLIT_TEST, PS_MASK_ANY, u, seed, item, 100);
            for (int i = 0; i < 100; i++)
                times[item[i]]++;
        }
    for (int i = 0; i < ITEMS; i++)
        assert_in_range(times[i], 110, 240); /* 172 +- 13 */
    ps_dataset_close(&p.d);
}

/* Names decide, not ids. */
static void test_ids_do_not_matter(void **state)
{
    struct preparation p[2];
    char *first[USERS][30];
    for (int s = 0; s < 2; s++) {
        shop(&p[s], 1 + (uint64_t)s);
        const struct ps_dataset *d = &p[s].d;
        for (int u = 0; u < USERS; u++) {
            char name[8];
            uint32_t item[30];
            snprintf(name, sizeof name, "u%d", u);
            assert_int_equal(ps_candidates_draw(d, PS_SPLIT_TEST, PS_MASK_ANY, id_of(d, PS_USERS, name), 1, item, 30), 30);
            for (int i = 0; i < 30; i++) {
                size_t length;
                const char *text = ps_dataset_name(d, PS_ITEMS, item[i], &length);
                if (s == 0)
                    first[u][i] = ps_format("%.*s", (int)length, text);
                else
                    assert_true(strlen(first[u][i]) == length && !memcmp(first[u][i], text, length));
            }
        }
        ps_dataset_close(&p[s].d);
    }
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < 30; i++)
            free(first[u][i]);
}

static int fetch(void *ctx, int table, const uint32_t *ids, int n, float *out, struct ps_error *error)
{
    const struct model_bench *b = ctx;
    size_t width = b->model.table[table].width;
    for (int i = 0; i < n; i++)
        memcpy(out + (size_t)i * width, b->value[table] + ids[i] * width, width * sizeof *out);
    return 0;
}

/* Counts of one target among drawn candidates, from scores of one list of 128, as the ranking makes them. */
static struct ps_rank rank_by_hand(struct model_bench *b, const struct ps_ranking *how, struct ps_pair target)
{
    const struct ps_dataset *d = b->model.dataset;
    uint32_t item[ITEMS];
    real score[ITEMS];
    uint64_t held, n = 0;
    const struct ps_pair *pair = ps_held_out_of(d, how->split, target.user, &held);
    item[n++] = target.item;
    for (uint64_t h = 0; h < held && how->mean == PS_MEAN_USERS; h++)
        if (pair[h].item != target.item)
            item[n++] = pair[h].item;
    n += ps_candidates_draw(d, how->split, how->mask, target.user, how->seed, item + n, how->sampled);
    for (uint64_t i = 0; i < n; i += 64)
        model_bench_score(b, &target.user, 1, item + i, (int)PS_MIN(n - i, (uint64_t)64), score + i);
    uint64_t bought = d->train[1].offset[target.user + 1] - d->train[1].offset[target.user];
    struct ps_rank rank = {.candidates = (uint32_t)n, .seen = ps_dataset_seen(d, target.user, target.item), .user = target.user,
                           .history = (uint32_t)bought};
    for (uint64_t i = 1; i < n; i++) {
        rank.greater += score[i] > score[0];
        rank.equal += score[i] == score[0];
    }
    return rank;
}

/* Every model, both means, a list that fits one piece and one that does not; the same ranks however targets are shared out. */
static void test_ranks(void **state)
{
    struct preparation p;
    shop(&p, 1);
    uint64_t n = p.d.test_count;
    FOR_MODELS(m, false)
        for (int mean = PS_MEAN_TARGETS; mean <= PS_MEAN_USERS; mean++)
            for (uint64_t sampled = 50; sampled <= 300; sampled += 250) {
                struct ps_config config = toy_config(16);
                struct model_bench b;
                assert_int_equal(model_bench_init(&b, ps_models[m]->name, &config, &p.d), 0);
                model_bench_draw(&b, 21);
                struct ps_row_source source = {fetch, &b};
                struct ps_ranking how = {.split = PS_SPLIT_TEST, .mask = PS_MASK_ANY, .mean = (enum ps_mean)mean, .sampled = sampled,
                                         .seed = 4};
                struct ps_ranks whole, part;
                assert_int_equal(ps_rank_targets(&b.model, &source, &how, p.d.test, n, &whole, &err), 0);
                for (uint64_t i = 0; i < n; i++) {
                    struct ps_rank by_hand = rank_by_hand(&b, &how, p.d.test[i]);
                    assert_memory_equal(&whole.rank[i], &by_hand, sizeof by_hand);
                }
                for (uint64_t first = 0; first < n; first += 25) {
                    uint64_t count = PS_MIN(n - first, (uint64_t)25);
                    assert_int_equal(ps_rank_targets(&b.model, &source, &how, p.d.test + first, count, &part, &err), 0);
                    assert_memory_equal(whole.rank + first, part.rank, count * sizeof *part.rank);
                    ps_ranks_fini(&part);
                }
                ps_ranks_fini(&whole);
                model_bench_fini(&b);
            }
    ps_dataset_close(&p.d);
}

/* All items with one row tie bit for bit wherever they are in a list; a score that is not a number is refused. */
static void test_twins_and_nan(void **state)
{
    static const char *const names[] = {"nmtr_gmf", "nmtr_mlp", "nmtr_neumf"};
    struct preparation p;
    shop(&p, 1);
    for (size_t m = 0; m < PS_COUNT(names); m++)
        for (int embedding = 12; embedding <= 64; embedding += 52) {
            struct ps_config config = toy_config(embedding);
            struct model_bench b;
            assert_int_equal(model_bench_init(&b, names[m], &config, &p.d), 0);
            model_bench_draw(&b, 22);
            size_t width = b.model.table[1].width;
            for (size_t i = 1; i < ITEMS; i++)
                memcpy(b.value[1] + i * width, b.value[1], width * sizeof(real));
            struct ps_row_source source = {fetch, &b};
            struct ps_ranking how = {.split = PS_SPLIT_TEST, .mask = PS_MASK_ANY, .sampled = 99, .seed = 4};
            struct ps_ranks ranks;
            assert_int_equal(ps_rank_targets(&b.model, &source, &how, p.d.test, p.d.test_count, &ranks, &err), 0);
            for (uint64_t i = 0; i < p.d.test_count; i++)
                assert_true(ranks.rank[i].equal == 99 && ranks.rank[i].candidates == 100);
            ps_ranks_fini(&ranks);
            b.value[0][p.d.test[0].user * b.model.table[0].width] = NAN;
            assert_int_equal(ps_rank_targets(&b.model, &source, &how, p.d.test, p.d.test_count, &ranks, &err), -PS_EXIT_FAIL);
            assert_non_null(strstr(err.text, "not a number"));
            model_bench_fini(&b);
        }
    ps_dataset_close(&p.d);
}

/* Coverage and novelty are those of the lists that ps_top_items makes; parts brought together are the whole. */
static void test_lists(void **state)
{
    struct preparation p;
    shop(&p, 1);
    uint64_t n = p.d.test_count;
    struct ps_config config = toy_config(16);
    struct model_bench b;
    assert_int_equal(model_bench_init(&b, "nmtr_gmf", &config, &p.d), 0);
    model_bench_draw(&b, 23);
    struct ps_row_source source = {fetch, &b};
    const int k[] = {1, 5, 40};
    for (uint64_t sampled = 0; sampled <= 99; sampled += 99) {
        struct ps_ranking how = {.split = PS_SPLIT_TEST, .mask = PS_MASK_TARGET, .sampled = sampled, .seed = 4, .k = k, .k_count = 3};
        struct ps_ranks whole, part, joined;
        assert_int_equal(ps_rank_targets(&b.model, &source, &how, p.d.test, n, &whole, &err), 0);
        uint16_t place[ITEMS] = {0};
        for (uint64_t i = 0; i < n; i++) {
            struct ps_top top[40];
            double bits = 0;
            assert_int_equal(ps_top_items(&b.model, &source, &p.d.test[i].user, 1, PS_MASK_TARGET, 40, 4, top, &err), 0);
            for (int j = 0; j < 40; j++) {
                uint32_t item = top[j].item, buyers = p.d.train[1].count[item];
                bits += log2((1.0 + USERS) / (1.0 + buyers));
                if (!place[item] || place[item] > j + 1)
                    place[item] = (uint16_t)(j + 1);
                for (int c = 0; c < 3; c++)
                    if (k[c] == j + 1)
                        assert_true(fabs(bits / k[c] - (double)whole.novelty[i * 3 + (uint64_t)c]) < 1e-5);
            }
        }
        assert_memory_equal(place, whole.place, sizeof place);
        struct ps_measuring measuring = {.ties = PS_TIES_EXPECTED, .known = 1, .k = k, .k_count = 3};
        struct ps_metrics metrics;
        ps_metrics_compute(&whole, &measuring, &metrics);
        int firsts = 0;
        double novelty = 0;
        for (int i = 0; i < ITEMS; i++)
            firsts += place[i] == 1;
        for (uint64_t i = 0; i < n; i++)
            novelty += (double)whole.novelty[i * 3 + 1] / (double)n;
        assert_true(fabs(metrics.coverage[0] - firsts / (double)ITEMS) < 1e-15 && metrics.coverage[2] > metrics.coverage[1]);
        assert_true(fabs(metrics.at[PS_GROUP_ALL][1].novelty - novelty) < 1e-12 && novelty > 1);

        ps_ranks_init(&joined, n, 3, ITEMS);
        for (uint64_t first = 0; first < n; first += 30) {
            uint64_t count = PS_MIN(n - first, (uint64_t)30);
            assert_int_equal(ps_rank_targets(&b.model, &source, &how, p.d.test + first, count, &part, &err), 0);
            unsigned char *bytes = ps_calloc(1, ps_ranks_bytes(count, 3, ITEMS));
            ps_ranks_pack(&part, 3, bytes);
            ps_ranks_take(&joined, first, count, 3, bytes);
            ps_ranks_take(&joined, first, count, 3, bytes); /* twice is as good as once */
            free(bytes);
            ps_ranks_fini(&part);
        }
        assert_memory_equal(joined.rank, whole.rank, n * sizeof *whole.rank);
        assert_memory_equal(joined.novelty, whole.novelty, n * 3 * sizeof *whole.novelty);
        assert_memory_equal(joined.place, whole.place, sizeof place);
        ps_ranks_fini(&joined), ps_ranks_fini(&whole);
    }
    model_bench_fini(&b);
    ps_dataset_close(&p.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_targets), FOLDER_TEST(test_draws),         FOLDER_TEST(test_ids_do_not_matter),
        FOLDER_TEST(test_ranks),   FOLDER_TEST(test_twins_and_nan), FOLDER_TEST(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
