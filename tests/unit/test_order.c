/* test_order.c - the order of training: every interaction once an epoch, any lane from any position, by seed alone. */
#include "order_fixture.h"
#include "worker/order.h"

enum { CHUNK = 37 };

static void begin_order(struct ps_order *order, const struct ps_dataset *dataset, const struct ps_config *config)
{
    struct ps_recipe recipe = recipe_of(config, dataset, PS_HEADS_EACH);
    ps_order_init(order, dataset, config, &recipe);
}

struct stream {
    struct ps_entry *entry; /* owned */
    uint64_t count, capacity;
};

/* All entries of a lane, read CHUNK at a time. */
static struct stream read_lane(struct ps_order *order, uint32_t epoch, uint32_t lane)
{
    struct stream s = {0};
    struct ps_cursor cursor;
    ps_order_seek(order, epoch, lane, 0, 1, &cursor);
    for (int taken = CHUNK; taken == CHUNK;) {
        PS_GROW(s.entry, s.capacity, s.count + CHUNK);
        taken = ps_order_next(order, epoch, lane, &cursor, CHUNK, s.entry + s.count, &err);
        assert_in_range(taken, 0, CHUNK);
        s.count += (uint64_t)taken;
    }
    /* At the end it stays. */
    struct ps_entry more;
    assert_int_equal(ps_order_next(order, epoch, lane, &cursor, 1, &more, &err), 0);
    return s;
}

static bool same(const struct stream *a, const struct stream *b)
{
    return a->count == b->count && !memcmp(a->entry, b->entry, a->count * sizeof *a->entry);
}

/* Windows: the whole dataset, several, and one for every block; lanes that do not divide a window evenly. */
static const uint64_t windows[] = {0, 9000, 1};
static const int lanes_of[] = {1, 7, 64};

static void every_interaction_once(enum ps_sampling sampling)
{
    struct preparation p;
    make_dataset(&p);
    uint8_t(*seen)[ITEMS] = ps_calloc(USERS, sizeof *seen); /* bits of behaviours met */
    for (size_t w = 0; w < PS_COUNT(windows); w++) {
        struct ps_config config = make_config(sampling, windows[w], lanes_of[w]);
        struct ps_order order;
        begin_order(&order, &p.d, &config);
        memset(seen, 0, USERS * sizeof *seen);
        uint64_t total = 0;
        for (uint32_t lane = 0; lane < order.lanes; lane++) {
            struct stream s = read_lane(&order, 1, lane);
            total += s.count;
            for (uint64_t i = 0; i < s.count; i++) {
                const struct ps_entry *e = &s.entry[i];
                assert_true(e->user < USERS && e->item < ITEMS);
                uint32_t truth = ps_dataset_seen(&p.d, e->user, e->item);
                if (sampling == PS_SAMPLING_UNION)
                    assert_int_equal(e->behaviours, truth);
                else
                    assert_true(e->behaviours && !(e->behaviours & (e->behaviours - 1)) && (e->behaviours & truth));
                assert_false(seen[e->user][e->item] & e->behaviours);
                seen[e->user][e->item] |= (uint8_t)e->behaviours;
            }
            free(s.entry);
        }
        assert_int_equal(total, ps_recipe_entries(&order.recipe, &p.d));
        for (uint32_t user = 0; user < USERS; user++)
            for (uint32_t item = 0; item < ITEMS; item++)
                assert_int_equal(seen[user][item], ps_dataset_seen(&p.d, user, item));
        ps_order_fini(&order);
    }
    free(seen);
    ps_dataset_close(&p.d);
}

static void per_behaviour_every_interaction_once(void **state)
{
    every_interaction_once(PS_SAMPLING_PER_BEHAVIOUR);
}

static void union_every_pair_once(void **state)
{
    every_interaction_once(PS_SAMPLING_UNION);
}

/* A model of the target alone reads its interactions and no others. */
static void target_alone(void **state)
{
    struct preparation p;
    make_dataset(&p);
    for (size_t w = 0; w < PS_COUNT(windows); w++) {
        struct ps_config config = make_config(PS_SAMPLING_PER_BEHAVIOUR, windows[w], 7);
        struct ps_recipe recipe = recipe_of(&config, &p.d, PS_HEADS_TARGET);
        struct ps_order order;
        ps_order_init(&order, &p.d, &config, &recipe);
        uint64_t total = 0;
        for (uint32_t lane = 0; lane < order.lanes; lane++) {
            struct stream s = read_lane(&order, 1, lane);
            assert_int_equal(ps_order_batches(&order, 1, lane, 10), (s.count + 9) / 10);
            total += s.count;
            for (uint64_t i = 0; i < s.count; i++) {
                assert_int_equal(s.entry[i].behaviours, 4);
                assert_true(ps_dataset_has(&p.d, 2, s.entry[i].user, s.entry[i].item));
            }
            free(s.entry);
        }
        assert_int_equal(total, p.d.train[2].interactions);
        assert_int_equal(ps_recipe_entries(&recipe, &p.d), total);
        ps_order_fini(&order);
    }
    ps_dataset_close(&p.d);
}

/* A lane taken up anywhere goes on as if read from its start, also by another worker, whose order is fresh. */
static void seek_equals_reading_on(void **state)
{
    struct preparation p;
    make_dataset(&p);
    for (size_t w = 0; w < PS_COUNT(windows); w++) {
        struct ps_config config = make_config(PS_SAMPLING_PER_BEHAVIOUR, windows[w], 7);
        struct ps_order order, fresh;
        begin_order(&order, &p.d, &config);
        struct stream s = read_lane(&order, 2, 5);
        uint64_t step = PS_MAX(s.count / 9, 1);
        for (uint64_t from = 0; from <= s.count; from += step) {
            begin_order(&fresh, &p.d, &config);
            struct ps_cursor cursor;
            struct ps_entry got[CHUNK];
            ps_order_seek(&fresh, 2, 5, from, 1, &cursor);
            int taken = ps_order_next(&fresh, 2, 5, &cursor, CHUNK, got, &err);
            assert_int_equal(taken, PS_MIN((uint64_t)CHUNK, s.count - from));
            if (taken > 0)
                assert_memory_equal(got, s.entry + from, (size_t)taken * sizeof *got);
            ps_order_fini(&fresh);
        }
        struct ps_cursor beyond;
        struct ps_entry none;
        ps_order_seek(&order, 2, 5, s.count + 1000, 1, &beyond);
        assert_int_equal(ps_order_next(&order, 2, 5, &beyond, 1, &none, &err), 0);
        for (int positives = 1; positives < 50; positives += 7) /* the last one may be short */
            assert_int_equal(ps_order_batches(&order, 2, 5, positives), s.count / (uint64_t)positives + (s.count % (uint64_t)positives > 0));
        free(s.entry);
        ps_order_fini(&order);
    }
    ps_dataset_close(&p.d);
}

/* Lanes and epochs may be read in any interleaving: two windows are kept, more are asked for. */
static void interleaved_lanes_do_not_disturb_each_other(void **state)
{
    struct preparation p;
    make_dataset(&p);
    struct ps_config config = make_config(PS_SAMPLING_PER_BEHAVIOUR, 1, 3);
    struct ps_order order;
    begin_order(&order, &p.d, &config);
    struct stream want[3];
    for (uint32_t lane = 0; lane < 3; lane++)
        want[lane] = read_lane(&order, 1, lane);
    struct ps_cursor cursor[3];
    uint64_t at[3] = {0, want[1].count / 3, want[2].count / 2}; /* in three different windows */
    for (uint32_t lane = 0; lane < 3; lane++)
        ps_order_seek(&order, 1, lane, at[lane], 1, &cursor[lane]);
    for (int round = 0; round < 20; round++)
        for (uint32_t lane = 0; lane < 3; lane++) {
            struct ps_entry got[CHUNK];
            int taken = ps_order_next(&order, 1, lane, &cursor[lane], CHUNK, got, &err);
            assert_in_range(taken, 0, CHUNK);
            assert_memory_equal(got, want[lane].entry + at[lane], (size_t)taken * sizeof *got);
            at[lane] += (uint64_t)taken;
        }
    for (uint32_t lane = 0; lane < 3; lane++)
        free(want[lane].entry);
    ps_order_fini(&order);
    ps_dataset_close(&p.d);
}

static void order_follows_seed_and_epoch(void **state)
{
    struct preparation p;
    make_dataset(&p);
    for (size_t w = 0; w < PS_COUNT(windows); w++) {
        struct ps_config config = make_config(PS_SAMPLING_PER_BEHAVIOUR, windows[w], 3);
        struct ps_order order, again, other;
        begin_order(&order, &p.d, &config);
        begin_order(&again, &p.d, &config);
        config.train.seed++;
        begin_order(&other, &p.d, &config);
        struct stream one = read_lane(&order, 1, 2), two = read_lane(&order, 2, 2), two_first = read_lane(&again, 2, 2),
                      one_after = read_lane(&again, 1, 2), reseeded = read_lane(&other, 1, 2);
        assert_true(same(&one, &one_after)); /* whichever epoch was read before */
        assert_true(same(&two, &two_first));
        assert_false(same(&one, &two));
        assert_false(same(&one, &reseeded));
        free(one.entry), free(two.entry), free(two_first.entry), free(one_after.entry), free(reseeded.entry);
        ps_order_fini(&order), ps_order_fini(&again), ps_order_fini(&other);
    }
    ps_dataset_close(&p.d);
}

/* Users stand in the dataset one after the other; shuffled, neighbours in a lane are hardly ever of one user. */
static void neighbours_are_of_different_users(void **state)
{
    struct preparation p;
    make_dataset(&p);
    struct ps_config config = make_config(PS_SAMPLING_PER_BEHAVIOUR, 0, 2);
    struct ps_order order;
    begin_order(&order, &p.d, &config);
    struct stream s = read_lane(&order, 1, 0);
    uint64_t alike = 0;
    for (uint64_t i = 1; i < s.count; i++)
        alike += s.entry[i].user == s.entry[i - 1].user;
    assert_true(alike < s.count / 50); /* about one in 400 users */
    free(s.entry);
    ps_order_fini(&order);
    ps_dataset_close(&p.d);
}

static void damage_is_an_error(void **state)
{
    struct preparation p;
    make_dataset(&p);
    char path[600];
    snprintf(path, sizeof path, "%s/view.item", p.o.out);
    ps_dataset_close(&p.d);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fputc(0x55, file), 0x55);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(ps_dataset_open(p.o.out, &p.d, &err), 0); /* columns are checked as they are read */
    struct ps_config config = make_config(PS_SAMPLING_PER_BEHAVIOUR, 0, 1);
    struct ps_order order;
    begin_order(&order, &p.d, &config);
    struct ps_cursor cursor;
    struct ps_entry entry;
    for (int attempt = 0; attempt < 2; attempt++) { /* nothing half-read is kept */
        ps_order_seek(&order, 1, 0, 0, 1, &cursor);
        assert_int_equal(ps_order_next(&order, 1, 0, &cursor, 1, &entry, &err), -PS_EXIT_DATA);
        assert_non_null(strstr(err.text, "damaged"));
    }
    ps_order_fini(&order);
    ps_dataset_close(&p.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(per_behaviour_every_interaction_once),
        FOLDER_TEST(union_every_pair_once),
        FOLDER_TEST(target_alone),
        FOLDER_TEST(seek_equals_reading_on),
        FOLDER_TEST(interleaved_lanes_do_not_disturb_each_other),
        FOLDER_TEST(order_follows_seed_and_epoch),
        FOLDER_TEST(neighbours_are_of_different_users),
        FOLDER_TEST(damage_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
