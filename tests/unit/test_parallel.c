/* test_parallel.c - session-parallel training: every next item once, sessions whole and in their order, any position found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"
#include "worker/order.h"
#include "worker/sessions.h"

enum { SESSIONS = 300, LONGEST = 9, LANE_COUNT = 3, TRACKS = 4, BATCHES_MAX = 1000 };

static uint64_t begin[SESSIONS + 1], targets[SESSIONS + 1];
static uint8_t operation[SESSIONS * LONGEST];
static struct ps_error err;

/* Sessions of 1 to 9 events, a third of which were only shown; many have no next item. */
static struct ps_dataset make_sessions(void)
{
    struct ps_random random = ps_random_stream(6, PS_RANDOM_TEST, 0, 0, 0);
    for (uint32_t s = 0; s < SESSIONS; s++) {
        uint64_t steps = 0, events = 1 + ps_random_below(&random, LONGEST);
        begin[s + 1] = begin[s] + events;
        for (uint64_t e = begin[s]; e < begin[s + 1]; e++) {
            operation[e] = ps_random_below(&random, 3) ? 0 : PS_SHOWN;
            steps += operation[e] != PS_SHOWN;
        }
        targets[s + 1] = targets[s] + (steps ? steps - 1 : 0);
    }
    return (struct ps_dataset){.items = 1,
                               .behaviours = 1,
                               .sessions = {.count = SESSIONS, .train = SESSIONS, .longest = LONGEST, .begin = begin,
                                            .operation = operation, .targets = targets, .operations = 1}};
}

static void open_order(struct ps_order *order, const struct ps_dataset *dataset)
{
    struct ps_config config;
    struct ps_recipe recipe = {.stream = PS_STREAM_PARALLEL, .heads = 1};
    ps_config_init(&config);
    config.train.lanes = LANE_COUNT;
    config.train.batch = TRACKS;
    ps_order_init(order, dataset, &config, &recipe);
}

/* What a lane plays, by the letter of parallel.h: for each session the micro-batch that it begins in and its track. */
struct played {
    uint64_t at[SESSIONS];
    uint32_t track[SESSIONS];
};

static void play_plainly(uint32_t lane, struct played *p)
{
    uint64_t free_at[TRACKS] = {0}, number = 0;
    for (uint32_t s = 0; s < SESSIONS; s++) {
        uint64_t steps = targets[s + 1] - targets[s];
        if (!steps || number++ % LANE_COUNT != lane)
            continue;
        uint32_t first = 0;
        for (uint32_t k = 1; k < TRACKS; k++)
            if (free_at[k] < free_at[first])
                first = k;
        p->at[s] = free_at[first];
        p->track[s] = first;
        free_at[first] += steps;
    }
}

static void every_next_item_comes_once_and_in_order(void **state)
{
    struct ps_dataset d = make_sessions();
    struct ps_order order;
    struct ps_entry entry[TRACKS];
    static uint32_t times[SESSIONS * LONGEST];
    open_order(&order, &d);
    for (uint32_t lane = 0; lane < LANE_COUNT; lane++) {
        static struct played plain;
        struct ps_cursor cursor;
        uint64_t position = 0, seen = 0;
        int n;
        play_plainly(lane, &plain);
        ps_order_seek(&order, 1, lane, 0, TRACKS, &cursor);
        for (; (n = ps_order_next(&order, 1, lane, &cursor, TRACKS, entry, &err)) > 0; position++, seen += (uint64_t)n)
            for (int k = 0; k < n; k++) {
                uint32_t s = entry[k].user, step = 0;
                assert_true(k == 0 || ps_entry_track(&entry[k]) > ps_entry_track(&entry[k - 1]));
                assert_int_equal(ps_entry_track(&entry[k]), plain.track[s]);
                for (uint32_t e = 0; e < entry[k].item; e++)
                    step += operation[begin[s] + e] != PS_SHOWN;
                assert_int_equal(position, plain.at[s] + step - 1);
                assert_int_equal(operation[begin[s] + entry[k].item], 0);
                times[begin[s] + entry[k].item]++;
            }
        assert_int_equal(n, 0);
        assert_int_equal(ps_order_batches(&order, 1, lane, TRACKS), position);
        assert_int_equal(ps_order_seek(&order, 1, lane, UINT64_MAX, TRACKS, &cursor), seen);
    }
    for (uint32_t s = 0; s < SESSIONS; s++) {
        bool step = false;
        for (uint64_t e = begin[s]; e < begin[s + 1]; e++) {
            assert_int_equal(times[e], step && operation[e] != PS_SHOWN);
            step |= operation[e] != PS_SHOWN;
        }
    }
    ps_order_fini(&order);
}

/* One worker goes through a lane; another is given it anywhere, in any epoch. */
static void any_position_is_found_again(void **state)
{
    struct ps_dataset d = make_sessions();
    struct ps_order one, other;
    static struct ps_entry all[BATCHES_MAX][TRACKS], entry[TRACKS];
    static int count[BATCHES_MAX];
    static uint64_t before[BATCHES_MAX + 1];
    struct ps_random random = ps_random_stream(7, PS_RANDOM_TEST, 0, 0, 0);
    struct ps_cursor cursor, elsewhere;
    uint64_t batches = 0;
    open_order(&one, &d), open_order(&other, &d);
    ps_order_seek(&one, 1, 2, 0, TRACKS, &cursor);
    while ((count[batches] = ps_order_next(&one, 1, 2, &cursor, TRACKS, all[batches], &err)) > 0) {
        before[batches + 1] = before[batches] + (uint64_t)count[batches];
        assert_true(++batches < BATCHES_MAX);
    }
    assert_true(batches > 50 && count[batches - 1] < TRACKS);
    for (int k = 0; k < 200; k++) {
        uint64_t at = ps_random_below(&random, batches + 3);
        assert_int_equal(ps_order_seek(&other, 1 + (uint32_t)k % 2, 2, at, TRACKS, &cursor), before[PS_MIN(at, batches)]);
        assert_int_equal(ps_order_seek(&other, 1, 1, at, TRACKS, &elsewhere) > 0, at > 0);
        assert_int_equal(ps_parallel_at(&other.parallel, 2, batches - 1, entry), count[batches - 1]); /* whatever was asked between */
        for (uint64_t go_on = ps_random_below(&random, 4) + 1; go_on > 0; go_on--, at++) {
            int n = ps_order_next(&other, 1 + (uint32_t)k % 2, 2, &cursor, TRACKS, entry, &err);
            assert_int_equal(n, at < batches ? count[at] : 0);
            assert_memory_equal(entry, all[PS_MIN(at, batches)], (size_t)n * sizeof *entry);
        }
    }
    ps_order_fini(&one), ps_order_fini(&other);
}

/* The rows of lane state that a micro-batch asks for, by shard, and which of them is a session's. */
static void tracks_have_rows_of_their_lane(void **state)
{
    struct ps_dataset d = make_sessions();
    struct ps_recipe recipe = {.stream = PS_STREAM_PARALLEL};
    struct ps_order order;
    struct ps_entry entry[TRACKS];
    struct ps_session_batch b;
    struct ps_unique *unique = ps_unique_new(TRACKS);
    uint64_t key[TRACKS];
    struct ps_keys keys = {.key = key};
    static struct ps_slot_map map;
    static const uint32_t items[SESSIONS * LONGEST];
    d.sessions.item = items;
    ps_slot_map_init(&map, 3);
    ps_session_batch_init(&b, &recipe, &d, TRACKS, TRACKS);
    open_order(&order, &d);
    for (uint64_t position = 0; position < 40; position++) {
        int n = ps_parallel_at(&order.parallel, 2, position, entry);
        ps_session_batch_begin(&b);
        for (int k = 0; k < n; k++)
            ps_session_batch_add_step(&b, &d, entry[k].user, entry[k].item, ps_entry_track(&entry[k]));
        ps_session_batch_tracks(&b, unique, &map, &keys, 2 * TRACKS);
        assert_int_equal(keys.count, n);
        for (int k = 0; k < n; k++)
            assert_int_equal(keys.key[b.track_row[k]], 2 * TRACKS + ps_entry_track(&entry[k]));
        for (uint32_t s = 0; s < 3; s++)
            for (uint32_t r = keys.first[s]; r < keys.first[s + 1]; r++)
                assert_int_equal(map.shard_of[ps_slot_hash(PS_ROUTE_LANE, keys.key[r])], s);
    }
    ps_session_batch_fini(&b);
    ps_unique_free(unique);
    ps_order_fini(&order);
}

static void a_lane_may_be_empty(void **state)
{
    struct ps_dataset d = make_sessions();
    struct ps_order order;
    struct ps_entry entry[TRACKS];
    struct ps_cursor cursor;
    d.sessions.train = 1;
    while (d.sessions.targets[d.sessions.train] == 0)
        d.sessions.train++;
    open_order(&order, &d);
    assert_int_equal(ps_order_batches(&order, 1, 0, TRACKS), targets[d.sessions.train]);
    assert_int_equal(ps_order_batches(&order, 1, 1, TRACKS), 0);
    assert_int_equal(ps_order_seek(&order, 1, 1, 0, TRACKS, &cursor), 0);
    assert_int_equal(ps_order_next(&order, 1, 1, &cursor, TRACKS, entry, &err), 0);
    ps_order_fini(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_next_item_comes_once_and_in_order),
        cmocka_unit_test(any_position_is_found_again),
        cmocka_unit_test(tracks_have_rows_of_their_lane),
        cmocka_unit_test(a_lane_may_be_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
