/* test_rank.c - ranks and best items against brute force; the same whoever ranks what; the floors of real data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "common/metrics.h"
#include "data/lines.h"
#include "worker/rank.h"

#include "model_bench.h"
#include "toy.h"

static int fetch(void *ctx, int table, const uint32_t *ids, int n, float *out, struct ps_error *err)
{
    const struct model_bench *b = ctx;
    size_t width = b->model.table[table].width;
    for (int k = 0; k < n; k++) {
        assert_true(ids[k] < b->model.table[table].rows && (k == 0 || ids[k] > ids[k - 1]));
        memcpy(out + (size_t)k * width, b->value[table] + ids[k] * width, width * sizeof *out);
    }
    return 0;
}

static int fetch_fails(void *ctx, int table, const uint32_t *ids, int n, float *out, struct ps_error *err)
{
    return ps_fail(err, PS_EXIT_NET, "the server is gone");
}

/* Ranks among all items, each target by itself; `rank` has room for n. */
static int rank_targets(struct ps_model *model, const struct ps_row_source *source, const struct ps_pair *target, size_t n,
                        enum ps_mask mask, struct ps_rank *rank, struct ps_error *err)
{
    struct ps_ranking how = {.split = PS_SPLIT_TEST, .mask = mask};
    struct ps_ranks ranks;
    int status = ps_rank_targets(model, source, &how, target, n, &ranks, err);
    if (!status) {
        memcpy(rank, ranks.rank, n * sizeof *rank);
        ps_ranks_fini(&ranks);
    }
    return status;
}

/* What ps_rank_targets promises, word for word, for one target; `score` holds the user's scores of all items. */
static struct ps_rank rank_by_hand(const struct ps_dataset *dataset, struct ps_pair target, enum ps_mask mask,
                                   enum ps_mean mean, const real *score)
{
    const uint64_t *bought = dataset->train[dataset->behaviours - 1].offset + target.user;
    struct ps_rank rank = {.candidates = 1, .seen = ps_dataset_seen(dataset, target.user, target.item), .user = target.user,
                           .history = (uint32_t)(bought[1] - bought[0])};
    uint32_t buy = 1u << (dataset->behaviours - 1), masked = mask == PS_MASK_NONE ? 0 : mask == PS_MASK_ANY ? ~0u : buy;
    for (uint32_t i = 0; i < dataset->items; i++) {
        bool held_out = false;
        for (uint64_t k = 0; k < dataset->test_count; k++)
            held_out |= dataset->test[k].user == target.user && dataset->test[k].item == i;
        bool free_ = !held_out && !(ps_dataset_seen(dataset, target.user, i) & masked);
        if (i == target.item || !(free_ || (held_out && mean == PS_MEAN_USERS)))
            continue;
        rank.candidates++;
        rank.greater += score[i] > score[target.item];
        rank.equal += score[i] == score[target.item];
    }
    return rank;
}

static void score_all_items(struct model_bench *b, uint32_t user, real *score)
{
    uint64_t items = b->model.dataset->items;
    for (uint32_t first = 0; first < items; first += 64) {
        uint32_t item[64];
        int count = (int)PS_MIN(items - first, (uint64_t)64);
        for (int i = 0; i < count; i++)
            item[i] = first + (uint32_t)i;
        model_bench_score(b, &user, 1, item, count, score + first);
    }
}

static void check_ranks(struct model_bench *b, enum ps_mask mask, enum ps_mean mean)
{
    const struct ps_dataset *dataset = b->model.dataset;
    struct ps_row_source source = {fetch, b};
    struct ps_ranking how = {.split = PS_SPLIT_TEST, .mask = mask, .mean = mean};
    struct ps_ranks ranks;
    real *score = ps_calloc(dataset->items, sizeof *score);
    struct ps_error err;
    assert_int_equal(ps_rank_targets(&b->model, &source, &how, dataset->test, dataset->test_count, &ranks, &err), 0);
    for (uint64_t k = 0; k < dataset->test_count; k++) {
        score_all_items(b, dataset->test[k].user, score);
        struct ps_rank by_hand = rank_by_hand(dataset, dataset->test[k], mask, mean, score);
        assert_memory_equal(&ranks.rank[k], &by_hand, sizeof by_hand);
    }
    free(score);
    ps_ranks_fini(&ranks);
}

static void test_toy_ranks(void **state)
{
    FOR_MODELS(m, false)
        for (int mask = PS_MASK_NONE; mask <= PS_MASK_ANY; mask++) {
            struct ps_dataset dataset = toy_dataset(3);
            struct ps_config config = toy_config(16);
            struct model_bench b;
            assert_int_equal(model_bench_init(&b, ps_models[m]->name, &config, &dataset), 0);
            model_bench_draw(&b, 11);
            check_ranks(&b, (enum ps_mask)mask, PS_MEAN_TARGETS);
            check_ranks(&b, (enum ps_mask)mask, PS_MEAN_USERS);
            model_bench_fini(&b);
        }
}

/* 600 users and 1,300 items with random histories; two held-out items for every third user. */
struct world {
    struct ps_dataset dataset;
    uint64_t offset[2][601];
    uint32_t item[2][600 * 40], count[1300];
    struct ps_pair test[800];
};

static struct world *world_new(void)
{
    struct world *w = ps_calloc(1, sizeof *w);
    struct ps_random r = ps_random_stream(4, PS_RANDOM_TEST, 0, 0, 0);
    w->dataset = (struct ps_dataset){.users = 600, .items = 1300, .behaviours = 2, .behaviour = {"cart", "buy"}};
    for (int b = 0; b < 2; b++) {
        uint64_t n = 0;
        for (uint32_t u = 0; u < 600; u++) {
            for (uint32_t i = (uint32_t)ps_random_below(&r, 100); i < 1300; i += 1 + (uint32_t)ps_random_below(&r, 99))
                if (n - w->offset[b][u] < 40) {
                    w->item[b][n++] = i;
                    w->count[i] += b == 1;
                }
            w->offset[b][u + 1] = n;
        }
        w->dataset.train[b] = (struct ps_history){.offset = w->offset[b], .item = w->item[b], .count = w->count};
    }
    uint64_t n = 0;
    for (uint32_t u = 0; u < 600; u++) {
        w->test[n++] = (struct ps_pair){u, (uint32_t)ps_random_below(&r, 1300)};
        if (u % 3 == 0) {
            w->test[n] = (struct ps_pair){u, (w->test[n - 1].item + 1) % 1300};
            n++;
        }
    }
    w->dataset.test = w->test;
    w->dataset.test_count = n;
    return w;
}

/* Every item has a twin with the same row in another block of items, so that every target has ties: they must be found
 * bit for bit, though the twins are scored in other products, and at other places in them. */
static void test_twins_tie(void **state)
{
    static const char *const names[] = {"nmtr_gmf", "nmtr_mlp", "nmtr_neumf"};
    struct world *w = world_new();
    for (size_t m = 0; m < PS_COUNT(names); m++)
        for (int embedding = 12; embedding <= 64; embedding += 52) {
            struct ps_config config = toy_config(embedding);
            struct model_bench b;
            assert_int_equal(model_bench_init(&b, names[m], &config, &w->dataset), 0);
            model_bench_draw(&b, 12);
            size_t width = b.model.table[1].width;
            for (size_t i = 0; i < 650; i++)
                memcpy(b.value[1] + (1299 - i) * width, b.value[1] + i * width, width * sizeof(real));
            struct ps_row_source source = {fetch, &b};
            struct ps_rank rank[800];
            struct ps_error err;
            /* One target a user, and nothing masked: each has exactly its twin at its side. */
            struct ps_pair target[600];
            for (uint32_t u = 0; u < 600; u++)
                target[u] = (struct ps_pair){u, (u * 37) % 1300};
            struct ps_dataset alone = w->dataset;
            alone.test_count = 0;
            b.model.dataset = &alone;
            assert_int_equal(rank_targets(&b.model, &source, target, 600, PS_MASK_NONE, rank, &err), 0);
            for (uint32_t u = 0; u < 600; u++)
                assert_true(rank[u].equal == 1 && rank[u].candidates == 1300);
            model_bench_fini(&b);
        }
    free(w);
}

static void test_ranks_do_not_depend_on_shares(void **state)
{
    struct world *w = world_new();
    uint64_t n = w->dataset.test_count;
    FOR_MODELS(m, false) {
        struct ps_config config = toy_config(16);
        struct model_bench b;
        assert_int_equal(model_bench_init(&b, ps_models[m]->name, &config, &w->dataset), 0);
        model_bench_draw(&b, 13);
        check_ranks(&b, PS_MASK_TARGET, PS_MEAN_TARGETS);
        if (m == 0)
            check_ranks(&b, PS_MASK_ANY, PS_MEAN_USERS);
        struct ps_row_source source = {fetch, &b};
        struct ps_rank whole[800], part[800];
        struct ps_error err;
        assert_int_equal(rank_targets(&b.model, &source, w->test, n, PS_MASK_ANY, whole, &err), 0);
        for (uint64_t first = 0; first < n; first += 333)
            assert_int_equal(rank_targets(&b.model, &source, w->test + first, PS_MIN(n - first, (uint64_t)333), PS_MASK_ANY,
                                          part + first, &err), 0);
        assert_memory_equal(whole, part, n * sizeof *whole);

        struct ps_pair backward[800];
        for (uint64_t k = 0; k < n; k++)
            backward[k] = w->test[n - 1 - k];
        assert_int_equal(rank_targets(&b.model, &source, backward, n, PS_MASK_ANY, part, &err), 0);
        for (uint64_t k = 0; k < n; k++)
            assert_memory_equal(&whole[k], &part[n - 1 - k], sizeof *whole);
        model_bench_fini(&b);
    }
    free(w);
}

/* recommenders.md F7: a model without an opinion, a model that has diverged, a target that is masked. */
static void test_degenerate_models(void **state)
{
    struct ps_dataset dataset = toy_dataset(3);
    struct ps_config config = toy_config(8);
    struct model_bench b;
    struct ps_rank rank[6];
    struct ps_error err;
    assert_int_equal(model_bench_init(&b, "nmtr_neumf", &config, &dataset), 0);
    struct ps_row_source source = {fetch, &b};
    assert_int_equal(rank_targets(&b.model, &source, toy_test, 6, PS_MASK_NONE, rank, &err), 0);
    for (int k = 0; k < 6; k++)
        assert_true(rank[k].greater == 0 && rank[k].equal + 1 == rank[k].candidates);
    assert_int_equal(rank[3].candidates, 6); /* user 3's other held-out item is no candidate */

    model_bench_draw(&b, 14);
    const struct ps_pair bought = {0, 1}; /* in training, and masked: still ranked */
    assert_int_equal(rank_targets(&b.model, &source, &bought, 1, PS_MASK_ANY, rank, &err), 0);
    assert_int_equal(rank[0].candidates, 4); /* all 7 but the viewed 0, 2, 5 (5 is held out, too) */

    memset(rank, 0x55, sizeof rank);
    struct ps_rank before = rank[0];
    b.value[1][3 * b.model.table[1].width] = NAN; /* item 3, nobody's target */
    assert_int_equal(rank_targets(&b.model, &source, toy_test, 6, PS_MASK_NONE, rank, &err), -PS_EXIT_FAIL);
    assert_non_null(strstr(err.text, "not a number"));
    assert_memory_equal(rank, &before, sizeof before);
    struct ps_top top[3];
    const uint32_t user = 3;
    assert_int_equal(ps_top_items(&b.model, &source, &user, 1, PS_MASK_NONE, 3, 1, top, &err), -PS_EXIT_FAIL);

    source.fetch = fetch_fails;
    assert_int_equal(rank_targets(&b.model, &source, toy_test, 6, PS_MASK_NONE, rank, &err), -PS_EXIT_NET);
    assert_string_equal(err.text, "the server is gone");
    model_bench_fini(&b);
}

static void check_top(struct model_bench *b, uint32_t user, enum ps_mask mask, int k, uint64_t seed,
                      const struct ps_top *top)
{
    const struct ps_dataset *dataset = b->model.dataset;
    uint32_t masked = mask == PS_MASK_NONE ? 0 : mask == PS_MASK_ANY ? ~0u : 1u << (dataset->behaviours - 1);
    int left = k;
    for (uint32_t i = 0; i < dataset->items; i++)
        left -= !(ps_dataset_seen(dataset, user, i) & masked) && left > 0;
    real *score = ps_calloc(dataset->items, sizeof *score);
    score_all_items(b, user, score);
    for (int j = 0; j < k; j++) {
        if (j >= k - left) {
            assert_int_equal(top[j].item, PS_NO_ITEM);
            continue;
        }
        assert_false(ps_dataset_seen(dataset, user, top[j].item) & masked);
        assert_true(fabsf(score[top[j].item] - top[j].score) < 1e-4f);
        assert_true(j == 0 || top[j].score < top[j - 1].score ||
                    (top[j].score == top[j - 1].score &&
                     ps_mix64(top[j].item ^ ps_mix64(seed)) > ps_mix64(top[j - 1].item ^ ps_mix64(seed))));
    }
    /* Nothing that was left out is better than the last one. */
    for (uint32_t i = 0; i < dataset->items && left == 0; i++) {
        bool taken = false;
        for (int j = 0; j < k; j++)
            taken |= top[j].item == i;
        if (!taken && !(ps_dataset_seen(dataset, user, i) & masked))
            assert_true(score[i] <= top[k - 1].score + 1e-4f);
    }
    free(score);
}

static void test_top_items(void **state)
{
    struct world *w = world_new();
    static const char *const names[] = {"nmtr_neumf", "popularity"};
    for (size_t m = 0; m < PS_COUNT(names); m++) {
        struct ps_config config = toy_config(16);
        struct model_bench b;
        assert_int_equal(model_bench_init(&b, names[m], &config, &w->dataset), 0);
        model_bench_draw(&b, 15);
        struct ps_row_source source = {fetch, &b};
        struct ps_error err;
        uint32_t user[300];
        for (uint32_t u = 0; u < 300; u++)
            user[u] = (u * 7) % 600;
        static struct ps_top top[300 * 20];
        for (int mask = PS_MASK_NONE; mask <= PS_MASK_ANY; mask++) {
            assert_int_equal(ps_top_items(&b.model, &source, user, 300, (enum ps_mask)mask, 20, 9, top, &err), 0);
            for (int u = 0; u < 300; u += 23)
                check_top(&b, user[u], (enum ps_mask)mask, 20, 9, top + u * 20);
        }
        model_bench_fini(&b);
    }
    free(w);
}

/* Fewer candidates than asked for; and equal scores in another order for another seed, which ids would not give. */
static void test_top_of_few(void **state)
{
    struct ps_dataset dataset = toy_dataset(3);
    struct ps_config config = toy_config(8);
    struct model_bench b;
    struct ps_error err;
    assert_int_equal(model_bench_init(&b, "nmtr_gmf", &config, &dataset), 0);
    struct ps_row_source source = {fetch, &b};
    const uint32_t user[] = {0, 3};
    struct ps_top top[2 * 10], other[2 * 10];
    assert_int_equal(ps_top_items(&b.model, &source, user, 2, PS_MASK_ANY, 10, 1, top, &err), 0);
    check_top(&b, 0, PS_MASK_ANY, 10, 1, top);
    check_top(&b, 3, PS_MASK_ANY, 10, 1, top + 10);
    assert_true(top[2].item != PS_NO_ITEM && top[3].item == PS_NO_ITEM && top[16].item != PS_NO_ITEM);
    bool differs = false;
    for (uint64_t seed = 2; seed < 10; seed++) {
        assert_int_equal(ps_top_items(&b.model, &source, user, 2, PS_MASK_ANY, 10, seed, other, &err), 0);
        differs |= memcmp(top, other, sizeof top) != 0;
    }
    assert_true(differs);
    model_bench_fini(&b);
}

/* Reads "user item" lines behind one header line. */
static size_t read_pairs(const char *folder, const char *file, struct ps_pair **pairs)
{
    char *path = ps_format("%s/beibei-cart-buy/%s", folder, file);
    struct ps_lines *lines;
    struct ps_error err;
    const char *text;
    size_t length, n = 0, capacity = 0;
    assert_int_equal(ps_lines_open(&lines, path, NULL, &err), 0);
    assert_int_equal(ps_lines_next(lines, &text, &length, &err), PS_LINE_TEXT);
    while (ps_lines_next(lines, &text, &length, &err) == PS_LINE_TEXT) {
        char line[64];
        unsigned user, item;
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        assert_int_equal(sscanf(line, "%u %u", &user, &item), 2);
        PS_GROW(*pairs, capacity, n + 1);
        (*pairs)[n++] = (struct ps_pair){user, item};
    }
    ps_lines_close(lines);
    free(path);
    return n;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct ps_pair *x = a, *y = b;
    return x->user != y->user ? (x->user > y->user) - (x->user < y->user) : (x->item > y->item) - (x->item < y->item);
}

static void history_init(struct ps_history *h, struct ps_pair *pairs, size_t n, uint64_t users, uint64_t items)
{
    uint64_t *offset = ps_calloc(users + 1, sizeof *offset);
    uint32_t *item = ps_calloc(n, sizeof *item), *count = ps_calloc(items, sizeof *count);
    qsort(pairs, n, sizeof *pairs, compare_pairs);
    for (size_t k = 0; k < n; k++) {
        offset[pairs[k].user + 1] = k + 1;
        item[k] = pairs[k].item;
        count[pairs[k].item]++;
    }
    for (uint64_t u = 1; u <= users; u++)
        offset[u] = PS_MAX(offset[u], offset[u - 1]);
    *h = (struct ps_history){.offset = offset, .item = item, .count = count, .interactions = n};
}

static void check_floor(const char *name, const struct ps_dataset *dataset, int count, const int *k, const double *hr,
                        const double *ndcg)
{
    struct ps_config config = toy_config(8);
    struct model_bench b;
    struct ps_error err;
    struct ps_metrics metrics;
    assert_int_equal(model_bench_init(&b, name, &config, dataset), 0);
    struct ps_row_source source = {fetch, &b};
    struct ps_rank *rank = ps_calloc(dataset->test_count, sizeof *rank);
    assert_int_equal(rank_targets(&b.model, &source, dataset->test, dataset->test_count, PS_MASK_TARGET, rank, &err), 0);
    struct ps_ranks ranks = {.count = dataset->test_count, .rank = rank};
    struct ps_measuring how = {.ties = PS_TIES_EXPECTED, .known = 1, .k = k, .k_count = count};
    ps_metrics_compute(&ranks, &how, &metrics);
    assert_int_equal(metrics.targets[PS_GROUP_SEEN], 13525);
    for (int j = 0; j < count; j++) {
        const struct ps_quality *found = &metrics.at[PS_GROUP_ALL][j];
        print_message("  %s at %d: HR %.4f, NDCG %.4f\n", name, k[j], found->hr, found->ndcg);
        assert_true(fabs(found->hr - hr[j]) < 0.0005);
        assert_true(fabs(found->ndcg - ndcg[j]) < 0.001); /* published to three digits */
    }
    free(rank);
    model_bench_fini(&b);
}

/* recommenders.md A5: what the rules score on the public Beibei split. */
static void test_beibei_floors(void **state)
{
    const char *folder = getenv("PENSTOCK_DATA") ? getenv("PENSTOCK_DATA") : "../shared/data";
    char path[4200];
    snprintf(path, sizeof path, "%s/beibei-cart-buy/buy.test.tsv.xz", folder);
    if (access(path, R_OK) != 0) {
        print_message("skipped: no Beibei in %s (set PENSTOCK_DATA)\n", folder);
        skip();
    }
    struct ps_dataset dataset = {.users = 21716, .items = 7977, .behaviours = 2, .behaviour = {"cart", "buy"}};
    struct ps_pair *pairs[3] = {NULL};
    size_t carts = read_pairs(folder, "cart.train.tsv.xz", &pairs[0]);
    size_t buys = read_pairs(folder, "buy.train.tsv.xz", &pairs[1]);
    dataset.test_count = read_pairs(folder, "buy.test.tsv.xz", &pairs[2]);
    assert_true(carts == 642622 && buys == 282860 && dataset.test_count == 21716);
    history_init(&dataset.train[0], pairs[0], carts, dataset.users, dataset.items);
    history_init(&dataset.train[1], pairs[1], buys, dataset.users, dataset.items);
    qsort(pairs[2], dataset.test_count, sizeof *pairs[2], compare_pairs);
    dataset.test = pairs[2];
    check_floor("popularity", &dataset, 4, (const int[]){50, 80, 100, 200},
                (const double[]){.0903, .1269, .1406, .2816}, (const double[]){.0329, .0390, .0411, .0606});
    check_floor("carted_first", &dataset, 3, (const int[]){10, 50, 100}, (const double[]){.466, .657, .682},
                (const double[]){.237, .282, .287});
    for (int b = 0; b < 2; b++) {
        free((void *)dataset.train[b].offset);
        free((void *)dataset.train[b].item);
        free((void *)dataset.train[b].count);
    }
    for (int k = 0; k < 3; k++)
        free(pairs[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_toy_ranks),
        cmocka_unit_test(test_twins_tie),
        cmocka_unit_test(test_ranks_do_not_depend_on_shares),
        cmocka_unit_test(test_degenerate_models),
        cmocka_unit_test(test_top_items),
        cmocka_unit_test(test_top_of_few),
        cmocka_unit_test(test_beibei_floors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
