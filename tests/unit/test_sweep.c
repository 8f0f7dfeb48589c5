/* test_sweep.c - the order of sweeps: every row with interactions once, whole, in one micro-batch, on any worker. */
#include "order_fixture.h"
#include "worker/batch.h"

enum { ROOM = 130, LANE_COUNT = 3 };

static void begin_sweeps(struct ps_order *order, struct ps_config *config, struct preparation *p, struct ps_recipe *recipe)
{
    static const struct ps_recipe_defaults sweeps = {.heads = PS_HEADS_TARGET, .loss = PS_LOSS_SQUARED, .sweeps = true};
    make_dataset(p);
    *config = make_config(PS_SAMPLING_PER_BEHAVIOUR, 0, LANE_COUNT);
    config->train.batch = ROOM;
    assert_int_equal(ps_recipe_init(recipe, "solver", &sweeps, config, &p->d, &err), 0);
    assert_int_equal(recipe->negatives, 0);
    ps_order_init(order, &p->d, config, recipe);
}

static void every_row_comes_whole(void **state)
{
    struct preparation p;
    struct ps_config config;
    struct ps_recipe recipe;
    struct ps_order order;
    struct ps_entry entry[ROOM];
    begin_sweeps(&order, &config, &p, &recipe);
    for (uint32_t epoch = 1; epoch <= 2; epoch++) {
        bool items = epoch == 2;
        uint32_t rows = items ? ITEMS : USERS, times[USERS] = {0};
        uint64_t seen = 0;
        for (uint32_t lane = 0; lane < LANE_COUNT; lane++) {
            struct ps_cursor cursor;
            uint64_t batches = 0;
            int count;
            ps_order_seek(&order, epoch, lane, 0, ROOM, &cursor);
            for (; (count = ps_order_next(&order, epoch, lane, &cursor, ROOM, entry, &err)) > 0; batches++, seen += (uint64_t)count)
                for (int k = 0; k < count; k++) {
                    uint32_t row = items ? entry[k].item : entry[k].user, before = k ? (items ? entry[k - 1].item : entry[k - 1].user) : rows;
                    assert_true(ps_dataset_has(&p.d, 2, entry[k].user, entry[k].item));
                    assert_int_equal(entry[k].behaviours, 4);
                    times[row] += row != before;
                    if (row == before) /* ascending: a list, nothing twice */
                        assert_true(items ? entry[k].user > entry[k - 1].user : entry[k].item > entry[k - 1].item);
                }
            assert_int_equal(count, 0);
            assert_int_equal(ps_order_batches(&order, epoch, lane, ROOM), batches);
        }
        assert_int_equal(seen, p.d.train[2].interactions);
        for (uint32_t row = 0; row < rows; row++) {
            uint64_t has = items ? p.d.train[2].count[row] : p.d.train[2].offset[row + 1] - p.d.train[2].offset[row];
            assert_int_equal(times[row], has > 0);
        }
    }
    ps_order_fini(&order);
    ps_dataset_close(&p.d);
}

static void any_worker_takes_a_lane_up_anywhere(void **state)
{
    struct preparation p;
    struct ps_config config;
    struct ps_recipe recipe;
    struct ps_order order;
    struct ps_entry entry[ROOM], again[ROOM];
    begin_sweeps(&order, &config, &p, &recipe);
    for (uint32_t epoch = 1; epoch <= 2; epoch++) {
        struct ps_cursor cursor, other;
        uint64_t before = 0;
        int count = 1;
        ps_order_seek(&order, epoch, 1, 0, ROOM, &cursor);
        for (uint64_t batch = 0; count > 0; batch++, before += (uint64_t)count) {
            assert_int_equal(ps_order_seek(&order, epoch, 1, batch, ROOM, &other), before);
            count = ps_order_next(&order, epoch, 1, &cursor, ROOM, entry, &err);
            assert_int_equal(ps_order_next(&order, epoch, 1, &other, ROOM, again, &err), count);
            assert_memory_equal(entry, again, (size_t)count * sizeof *entry);
        }
    }
    ps_order_fini(&order);
    ps_dataset_close(&p.d);
}

/* A micro-batch keeps the order, and its tiles part no row. */
static void tiles_keep_rows_whole(void **state)
{
    struct preparation p;
    struct ps_config config;
    struct ps_recipe recipe;
    struct ps_order order;
    struct ps_entry entry[ROOM];
    struct ps_slot_map map;
    struct ps_batcher batcher;
    struct ps_batch batch;
    begin_sweeps(&order, &config, &p, &recipe);
    ps_slot_map_init(&map, 3);
    ps_batcher_init(&batcher, &p.d, &config, &recipe);
    ps_batch_init(&batch, &batcher);
    for (uint32_t epoch = 1; epoch <= 2; epoch++) {
        struct ps_cursor cursor;
        ps_order_seek(&order, epoch, 0, 0, ROOM, &cursor);
        int count = ps_order_next(&order, epoch, 0, &cursor, batcher.positives, entry, &err), tiles = 0;
        ps_batch_build(&batch, &batcher, &map, entry, count, epoch, 0, 0);
        assert_int_equal(batch.n, count);
        struct ps_tile tile = {0};
        for (int first = 0; first < batch.n; first += tile.n, tiles++) {
            ps_batch_tile(&batch, &batcher, first, 10, &tile);
            assert_int_equal(tile.behind[0], 0);
            for (int k = 0; k < tile.n; k++) {
                assert_true(tile.user[k] == entry[first + k].user && tile.item[k] == entry[first + k].item);
                bool same = k && (epoch == 2 ? tile.item[k] == tile.item[k - 1] : tile.user[k] == tile.user[k - 1]);
                assert_int_equal(tile.behind[k], same ? tile.behind[k - 1] + 1 : 0);
            }
        }
        assert_true(tiles > 3);
    }
    ps_batch_fini(&batch);
    ps_batcher_fini(&batcher);
    ps_order_fini(&order);
    ps_dataset_close(&p.d);
}

static void a_row_must_fit(void **state)
{
    struct preparation p;
    struct ps_config config;
    struct ps_recipe recipe;
    struct ps_order order;
    begin_sweeps(&order, &config, &p, &recipe);
    const struct ps_recipe_defaults sweeps = {.heads = PS_HEADS_TARGET, .sweeps = true};
    uint64_t longest = ps_sweep_longest(&p.d);
    uint32_t most = 0;
    for (uint32_t i = 0; i < ITEMS; i++)
        most = PS_MAX(most, p.d.train[2].count[i]);
    assert_true(longest >= most && longest > 1 && longest <= ROOM);
    config.train.batch = (int)longest;
    assert_int_equal(ps_recipe_init(&recipe, "solver", &sweeps, &config, &p.d, &err), 0);
    config.train.batch = (int)longest - 1;
    assert_int_equal(ps_recipe_init(&recipe, "solver", &sweeps, &config, &p.d, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "set train.batch to at least that"));
    ps_order_fini(&order);
    ps_dataset_close(&p.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(every_row_comes_whole),
        FOLDER_TEST(any_worker_takes_a_lane_up_anywhere),
        FOLDER_TEST(tiles_keep_rows_whole),
        FOLDER_TEST(a_row_must_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
