/* test_triples.c - knowledge triples: their numbers, corrupted ones, passes of lanes, micro-batches of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "toy_sessions.h"
#include "worker/batch.h"

static struct ps_error err;

static bool is_true(const struct ps_dataset *d, struct ps_triple triple)
{
    const struct ps_feature *feature = ps_dataset_feature(d, PS_ITEMS, triple.relation ? "tag" : "brand");
    uint64_t count;
    const uint32_t *value = ps_dataset_feature_values(feature, triple.item, &count);
    for (uint64_t k = 0; k < count; k++)
        if (value[k] + (triple.relation ? 3 : 0) == triple.value)
            return true;
    return false;
}

/* Every triple of items has a number, and nothing of the users has one. */
static void test_numbers(void **state)
{
    struct ps_dataset d = toy_session_dataset();
    struct ps_triples triples;
    ps_triples_init(&triples, &d);
    assert_int_equal(triples.relations, 2);
    assert_int_equal(triples.first[2], TOY_TRIPLES);
    assert_int_equal(ps_triples_count(&d), TOY_TRIPLES);
    assert_int_equal(ps_triples_values(&d), TOY_VALUES);
    bool seen[TOY_SESSION_ITEMS][TOY_VALUES] = {{false}};
    for (uint64_t k = 0; k < TOY_TRIPLES; k++) {
        struct ps_triple t = ps_triples_at(&triples, k);
        assert_true(is_true(&d, t));
        assert_false(seen[t.item][t.value]);
        seen[t.item][t.value] = true;
    }
}

/* A corrupted triple differs in the item or in the value, keeps to its relation's values, and is not true; both happen. */
static void test_corrupted(void **state)
{
    struct ps_dataset d = toy_session_dataset();
    struct ps_triples triples;
    struct ps_random random = ps_random_stream(1, PS_RANDOM_TEST, 0, 0, 0);
    ps_triples_init(&triples, &d);
    int items = 0, values = 0;
    for (int k = 0; k < 2000; k++) {
        struct ps_triple t = ps_triples_at(&triples, (uint64_t)k % TOY_TRIPLES), other = ps_triples_corrupt(&triples, t, &random);
        assert_int_equal(other.relation, t.relation);
        assert_true(other.item < TOY_SESSION_ITEMS && other.value < TOY_VALUES && (other.value >= 3) == (t.relation == 1));
        assert_false(is_true(&d, other));
        assert_true((other.item == t.item) != (other.value == t.value));
        items += other.item != t.item;
        values += other.value != t.value;
    }
    /* brand: 1 tail a head, 2 heads a tail; tag: 7/5 and 7/4. */
    double expected = 2000 * (6 * (1 / 3.0) + 7 * (1.4 / (1.4 + 1.75))) / TOY_TRIPLES;
    assert_true(items > expected - 100 && items < expected + 100 && values == 2000 - items);
}

enum { LANES = 3, SIZE = 2 };

static struct ps_recipe recipe_with(enum ps_knowledge knowledge, struct ps_config *config, const struct ps_dataset *d)
{
    const struct ps_recipe_defaults defaults = {.stream = PS_STREAM_PREFIXES, .knowledge = true};
    struct ps_recipe recipe;
    ps_config_init(config);
    config->train.lanes = LANES;
    config->train.batch = SIZE;
    config->model.knowledge = knowledge;
    config->model.knowledge_margin = 0;
    config->model.knowledge_epochs = 2;
    assert_int_equal(ps_recipe_init(&recipe, "tested", &defaults, config, d, &err), 0);
    return recipe;
}

/* A pass has every triple once, in an order of its own in every epoch; a lane's begin anywhere. */
static void test_passes(void **state)
{
    static const uint32_t block[] = {0, 3};
    struct ps_dataset d = toy_session_dataset();
    struct ps_config config;
    d.blocks = 1, d.block_user = block;
    struct ps_recipe recipe = recipe_with(PS_KNOWLEDGE_ALTERNATING, &config, &d);
    struct ps_order order;
    ps_order_init(&order, &d, &config, &recipe);
    uint32_t first[2] = {0};
    for (uint32_t epoch = 1; epoch <= 2; epoch++) {
        int seen[TOY_TRIPLES] = {0};
        for (uint32_t lane = 0; lane < LANES; lane++) {
            struct ps_cursor cursor = {0}, sought;
            struct ps_entry entry[SIZE], again[SIZE];
            uint64_t batches = 0, before = 0;
            while (ps_order_at_triples(&order, epoch, lane, &cursor)) {
                assert_int_equal(ps_order_seek(&order, epoch, lane, batches, SIZE, &sought), before);
                int n = ps_order_next(&order, epoch, lane, &cursor, SIZE, entry, &err);
                assert_true(n > 0);
                assert_int_equal(ps_order_next(&order, epoch, lane, &sought, SIZE, again, &err), n);
                assert_memory_equal(entry, again, (size_t)n * sizeof *entry);
                for (int i = 0; i < n; i++)
                    seen[entry[i].user]++;
                if (!lane && !batches)
                    first[epoch - 1] = entry[0].user;
                before += (uint64_t)n, batches++;
            }
            assert_int_equal(ps_order_seek(&order, epoch, lane, batches, SIZE, &sought), before); /* the first sessions */
            assert_memory_equal(&sought, &cursor, sizeof cursor);
            uint64_t sessions = 6 / LANES; /* next items of the toy */
            assert_int_equal(ps_order_batches(&order, epoch, lane, SIZE), batches + (sessions + SIZE - 1) / SIZE);
            assert_int_equal(ps_order_seek(&order, epoch, lane, 1000, SIZE, &sought), before + sessions);
        }
        for (int k = 0; k < TOY_TRIPLES; k++)
            assert_int_equal(seen[k], 1);
    }
    assert_int_not_equal(first[0], first[1]);
    assert_int_equal(ps_recipe_entries(&recipe, &d), TOY_TRIPLES + 6);
    ps_order_fini(&order);
}

/* The first epochs are triples alone, the others sessions alone; joint has no passes. */
static void test_strategies(void **state)
{
    static const uint32_t block[] = {0, 3};
    struct ps_dataset d = toy_session_dataset();
    struct ps_config config;
    d.blocks = 1, d.block_user = block;
    for (int joint = 0; joint <= 1; joint++) {
        struct ps_recipe recipe = recipe_with(joint ? PS_KNOWLEDGE_JOINT : PS_KNOWLEDGE_PRETRAIN, &config, &d);
        struct ps_order order;
        ps_order_init(&order, &d, &config, &recipe);
        for (uint32_t epoch = 1; epoch <= 4; epoch++) {
            struct ps_cursor cursor = {0};
            bool triples = !joint && epoch <= 2;
            assert_int_equal(ps_order_at_triples(&order, epoch, 0, &cursor), triples);
            assert_int_equal(ps_order_batches(&order, epoch, 0, SIZE), triples ? 3 : 1); /* of 5 triples, or 2 next items */
        }
        ps_order_fini(&order);
    }
}

/* Where a triple's rows are is what the triple is. */
static void check_rows(const struct ps_dataset *d, const struct ps_batch *batch)
{
    const struct ps_triple_view *v = &batch->triples.view;
    assert_int_equal(v->count, batch->triples.count);
    for (int k = 0; k < v->count; k++) {
        struct ps_triple t = {(uint32_t)batch->items.key[v->item_row[k]], (uint32_t)batch->triples.relations.key[v->relation_row[k]],
                              (uint32_t)batch->triples.values.key[v->value_row[k]]};
        assert_true(is_true(d, t));
        t.item = (uint32_t)batch->items.key[v->other_item_row[k]];
        t.value = (uint32_t)batch->triples.values.key[v->other_value_row[k]];
        assert_false(is_true(d, t));
    }
}

static void test_batches(void **state)
{
    struct ps_dataset d = toy_session_dataset();
    struct ps_config config;
    struct ps_slot_map map = {.shards = 1};
    struct ps_recipe recipe = recipe_with(PS_KNOWLEDGE_JOINT, &config, &d);
    recipe.knowledge_margin = 1;
    for (int sampled = 0; sampled <= 1; sampled++) {
        recipe.candidates = sampled ? PS_TRAIN_SAMPLED : PS_TRAIN_ALL;
        recipe.samples = 1;
        struct ps_batcher batcher;
        struct ps_batch batch;
        struct ps_tile tile = {0};
        ps_batcher_init(&batcher, &d, &config, &recipe);
        ps_batch_init(&batch, &batcher);
        /* Sessions 1 2 | 1 and 0 | 6: items 1, 2, 0 and 6, with 2 + 1 + 3 + 1 triples, each item's once. */
        struct ps_entry sessions[] = {{.user = 0, .item = 2}, {.user = 2, .item = 1}};
        ps_batch_build(&batch, &batcher, &map, sessions, 2, 1, 0, 0);
        assert_false(batch.rows_alone);
        assert_int_equal(batch.n, 2);
        assert_int_equal(batch.triples.count, 7);
        assert_int_equal(batch.triples.relations.count, 2);
        check_rows(&d, &batch);
        ps_batch_tile(&batch, &batcher, 0, 100, &tile);
        assert_ptr_equal(tile.triples, &batch.triples.view);
        assert_non_null(tile.sessions);
        assert_int_equal(batch.items.key[tile.sessions->target_row[0]], 1);
        /* Triples alone: only their own items are asked for, whatever the candidates are. */
        struct ps_entry triples[] = {{.user = 3}, {.user = 12}};
        ps_batch_build_triples(&batch, &batcher, &map, triples, 2, 1, 0, 1);
        assert_true(batch.rows_alone);
        assert_int_equal(batch.n, 2);
        assert_true(batch.items.count <= 4 && batch.items.first[1] == batch.items.count);
        check_rows(&d, &batch);
        ps_batch_tile(&batch, &batcher, 0, 100, &tile);
        assert_null(tile.sessions);
        assert_non_null(tile.triples);
        ps_batch_fini(&batch);
        ps_batcher_fini(&batcher);
    }
}

/* All items are candidates in the order of their ids, however many servers there are. */
static void test_candidates(void **state)
{
    struct ps_dataset d = toy_session_dataset();
    struct ps_config config;
    struct ps_slot_map map = {.shards = 3};
    for (uint32_t slot = 0; slot < PS_SLOTS; slot++)
        map.shard_of[slot] = (uint16_t)(slot % 3);
    struct ps_recipe recipe = recipe_with(PS_KNOWLEDGE_NONE, &config, &d);
    struct ps_batcher batcher;
    struct ps_batch batch;
    struct ps_entry entry[] = {{.user = 0, .item = 3}, {.user = 2, .item = 1}};
    ps_batcher_init(&batcher, &d, &config, &recipe);
    ps_batch_init(&batch, &batcher);
    ps_batch_build(&batch, &batcher, &map, entry, 2, 1, 0, 0);
    const struct ps_session_view *v = &batch.sessions.view;
    bool sorted = true;
    assert_int_equal(v->candidates, TOY_SESSION_ITEMS);
    for (uint32_t k = 0; k < TOY_SESSION_ITEMS; k++) {
        assert_int_equal(batch.items.key[v->candidate_row[k]], k);
        sorted &= v->candidate_row[k] == k;
    }
    assert_false(sorted); /* as the servers have them */
    assert_int_equal(v->choice[0], 5);
    assert_int_equal(v->choice[1], 6);
    ps_batch_fini(&batch);
    ps_batcher_fini(&batcher);
}

static void test_refused(void **state)
{
    const struct ps_recipe_defaults defaults = {.stream = PS_STREAM_PREFIXES, .knowledge = true};
    struct ps_dataset d = toy_session_dataset();
    struct ps_config config;
    struct ps_recipe recipe;
    ps_config_init(&config);
    d.features = 1;
    assert_int_equal(ps_recipe_init(&recipe, "tested", &defaults, &config, &d, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "prepare it with --item-triples, or set model.knowledge to none"));
    config.model.knowledge = PS_KNOWLEDGE_NONE;
    assert_int_equal(ps_recipe_init(&recipe, "tested", &defaults, &config, &d, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_corrupted), cmocka_unit_test(test_passes),
        cmocka_unit_test(test_strategies), cmocka_unit_test(test_batches),   cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
