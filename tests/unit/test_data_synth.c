/* test_data_synth.c - made logs: the same for the same seed, of the size asked for, with what is said to be planted. */
#include "data/synth.h"
#include "prepare_fixture.h"

static struct ps_synth_options usual(void)
{
    return (struct ps_synth_options){.users = 2000,
                                     .items = 1000,
                                     .interactions = 80000,
                                     .tastes = 20,
                                     .noise = 0.2,
                                     .behaviours = 3,
                                     .behaviour = {"view", "cart", "buy"},
                                     .seed = 1,
                                     .quiet = true};
}

static void test_seed(void **state)
{
    struct ps_synth_options o = usual();
    char *text[3];
    size_t size[3];
    for (int i = 0; i < 3; i++) {
        o.seed = 1 + (uint64_t)i / 2;
        assert_int_equal(ps_synth(&o, in_folder("log"), &err), 0);
        assert_int_equal(ps_file_read(in_folder("log"), 1 << 24, &text[i], &size[i], &err), 0);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(text[0], text[1], size[0]);
    assert_false(size[0] == size[2] && !memcmp(text[0], text[2], size[0]));
    uint64_t lines = 0;
    for (size_t i = 0; i < size[0]; i++)
        lines += text[0][i] == '\n';
    assert_int_equal(lines, 80001);
    for (int i = 0; i < 3; i++)
        free(text[i]);
}

/* How many of the user's purchases are of the taste that most of them are of would need the truth; what a model can use
 * shows without it: users who bought an item in common share more of their other purchases than users at random. */
static void test_structure(void **state)
{
    struct ps_synth_options o = usual();
    struct preparation p;
    uint64_t pairs[2] = {0}, common[2] = {0};
    double ratio[2];
    for (int flat = 0; flat < 2; flat++) {
        o.noise = flat ? 1 : 0.2;
        assert_int_equal(ps_synth(&o, in_folder("log"), &err), 0);
        prepare_begin(&p);
        p.o.overwrite = true;
        prepare_input(&p, in_folder("log"), PS_ANY_BEHAVIOUR);
        p.o.rules.test = p.o.rules.valid = PS_HOLDOUT_LAST_TIME;
        prepare_now(&p);
        const struct ps_history *view = &p.d.train[0];
        memset(pairs, 0, sizeof pairs);
        memset(common, 0, sizeof common);
        for (uint32_t u = 0; u < 400; u++)
            for (uint32_t v = u + 1; v < 400; v++) {
                uint64_t shared = 0, anchor = 0;
                for (uint64_t k = view->offset[u]; k < view->offset[u + 1]; k++) {
                    shared += ps_dataset_has(&p.d, 0, v, view->item[k]);
                    anchor += ps_dataset_has(&p.d, 2, v, view->item[k]) && ps_dataset_has(&p.d, 2, u, view->item[k]);
                }
                pairs[anchor > 0]++;
                common[anchor > 0] += shared;
            }
        assert_true(pairs[1] > 20 || flat);
        ratio[flat] = pairs[1] ? (double)common[1] / (double)pairs[1] * (double)pairs[0] / (double)common[0] : 1;
        if (!flat) {
            /* The gaps: most purchases have no logged cart, and most carts no purchase. */
            double carted = (double)p.stats.split.test_seen[1] / (double)p.d.test_count;
            assert_true(carted > 0.15 && carted < 0.35);
            assert_true(p.d.train[1].interactions > p.d.train[2].interactions);
            assert_true(p.d.test_count > 1800);
        }
        ps_dataset_close(&p.d);
    }
    assert_true(ratio[0] > 3);
    assert_true(ratio[1] < 3);
}

/* Features tell the taste, as often as they are said to; and the log is the same with them. */
static void test_features(void **state)
{
    struct ps_synth_options o = usual();
    char *log[2];
    size_t size[2];
    assert_int_equal(ps_synth(&o, in_folder("log"), &err), 0);
    assert_int_equal(ps_file_read(in_folder("log"), 1 << 24, &log[0], &size[0], &err), 0);
    o.item_features = in_folder("items");
    o.user_features = in_folder("users");
    assert_int_equal(ps_synth(&o, in_folder("log"), &err), 0);
    assert_int_equal(ps_file_read(in_folder("log"), 1 << 24, &log[1], &size[1], &err), 0);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(log[0], log[1], size[0]);

    struct preparation p;
    const struct ps_feature_file file[] = {{in_folder("items"), PS_ITEMS, false}, {in_folder("users"), PS_USERS, false}};
    prepare_begin(&p);
    prepare_input(&p, in_folder("log"), PS_ANY_BEHAVIOUR);
    p.o.feature_file = file;
    p.o.feature_files = PS_COUNT(file);
    prepare_now(&p);
    const struct ps_feature *brand = ps_dataset_feature(&p.d, PS_ITEMS, "brand"), *tags = ps_dataset_feature(&p.d, PS_ITEMS, "tags");
    const struct ps_feature *segment = ps_dataset_feature(&p.d, PS_USERS, "segment");
    assert_int_equal(brand->values, 3 * o.tastes);
    assert_int_equal(segment->values, o.tastes);
    assert_int_equal(ps_dataset_feature(&p.d, PS_ITEMS, "price")->values, 10 + 2);
    uint64_t agree = 0, own = 0, bought = 0;
    for (uint32_t i = 0; i < p.d.items; i++) { /* brands b3t, b3t + 1, b3t + 2 and the tag tt are of taste t */
        uint64_t n;
        size_t length;
        const uint32_t *tag = ps_dataset_feature_values(tags, i, &n);
        int taste = atoi(ps_dataset_feature_name(&p.d, brand, *ps_dataset_feature_values(brand, i, &(uint64_t){0}), &length) + 1) / 3;
        for (uint64_t k = 0; k < n; k++)
            agree += atoi(ps_dataset_feature_name(&p.d, tags, tag[k], &length) + 1) == taste;
    }
    assert_true(agree > 0.68 * (double)p.d.items && agree < 0.85 * (double)p.d.items);
    for (uint32_t u = 0; u < p.d.users; u++) { /* and users buy what is of their segment's taste */
        size_t length;
        int taste = atoi(ps_dataset_feature_name(&p.d, segment, *ps_dataset_feature_values(segment, u, &(uint64_t){0}), &length) + 1);
        for (uint64_t k = p.d.train[2].offset[u]; k < p.d.train[2].offset[u + 1]; k++, bought++) {
            uint32_t value = *ps_dataset_feature_values(brand, p.d.train[2].item[k], &(uint64_t){0});
            own += atoi(ps_dataset_feature_name(&p.d, brand, value, &length) + 1) / 3 == taste;
        }
    }
    assert_true(own > 0.35 * (double)bought && own < 0.65 * (double)bought);
    free(log[0]), free(log[1]);
    ps_dataset_close(&p.d);
}

static void test_extremes(void **state)
{
    struct ps_synth_options o = usual();
    o.users = o.items = o.tastes = 1;
    o.interactions = 5;
    assert_int_equal(ps_synth(&o, in_folder("log"), &err), 0);
    o.items = 7;
    o.tastes = 3; /* tastes of 3, 2 and 2 items */
    o.behaviours = 1;
    o.interactions = 1000;
    assert_int_equal(ps_synth(&o, in_folder("log"), &err), 0);
    volatile sig_atomic_t stop = 1;
    o.stop = &stop;
    assert_int_equal(ps_synth(&o, in_folder("other"), &err), -PS_EXIT_INTERRUPTED);
    assert_int_equal(count_names(), 1);
}

/* The value of an item's only one. */
static uint32_t value_of(const struct ps_dataset *d, const char *feature, uint32_t item)
{
    uint64_t count;
    const uint32_t *value = ps_dataset_feature_values(ps_dataset_feature(d, PS_ITEMS, feature), item, &count);
    assert_int_equal(count, 1);
    return *value;
}

/* The item that comes next most often after each item, in the steps of training; after orders or after other operations. */
static uint32_t *next_items(const struct ps_dataset *d, bool orders, uint32_t order)
{
    const struct ps_sessions *s = &d->sessions;
    uint32_t *count = ps_calloc(d->items * d->items, sizeof *count), *next = ps_calloc(d->items, sizeof *next);
    for (uint64_t i = 0; i < s->train; i++)
        for (uint64_t e = s->begin[i], last = UINT64_MAX; e < s->begin[i + 1]; e++) {
            if (s->operation[e] == PS_SHOWN)
                continue;
            if (last != UINT64_MAX && (s->operation[last] == order) == orders)
                count[s->item[last] * d->items + s->item[e]]++;
            last = e;
        }
    for (uint64_t i = 0; i < d->items; i++)
        for (uint32_t j = 0; j < d->items; j++)
            if (count[i * d->items + j] > count[i * d->items + next[i]])
                next[i] = j;
    free(count);
    return next;
}

/* What a session's next item is depends on the last one and on its operation; feedback goes with the user; triples tell tastes;
 * new items come late. */
static void test_sessions(void **state)
{
    struct ps_synth_options o = usual();
    struct preparation p;
    o.sessions = true;
    o.triples = in_folder("triples");
    assert_int_equal(ps_synth(&o, in_folder("log"), &err), 0);
    prepare_begin(&p);
    prepare_input(&p, in_folder("log"), PS_ANY_BEHAVIOUR);
    p.o.rules = (struct ps_split_rules){0};
    p.o.format.rows = PS_ROWS_SESSIONS;
    p.o.format.column[PS_COLUMN_BEHAVIOUR] = "operation";
    p.o.format.column[PS_COLUMN_STEP] = "step";
    p.o.format.column[PS_COLUMN_FEEDBACK] = "like";
    p.o.sessions = (struct ps_session_rules){.enabled = true, .min_length = 2, .min_item_count = 1, .test = PS_TEST_FROM,
                                             .from_fraction = true, .from = 0.19, .feedbacks = 1, .feedback = {"like"}};
    const struct ps_feature_file triples = {in_folder("triples"), PS_ITEMS, true};
    p.o.feature_file = &triples;
    p.o.feature_files = 1;
    prepare_now(&p);
    const struct ps_sessions *s = &p.d.sessions;
    assert_int_equal(s->operations, 4);
    assert_string_equal(s->operation_name[3], "order");
    uint32_t *after_order = next_items(&p.d, true, 3), *after_others = next_items(&p.d, false, 3);
    double orders = 0, followed = 0, others = 0, succeeded = 0, one_taste = 0, cold = 0;
    for (uint64_t u = 0; u < p.d.users; u++) {
        uint64_t target = s->begin[s->cases[u].session] + s->cases[u].position, e = target - 1;
        while (s->operation[e] == PS_SHOWN)
            e--;
        bool order = s->operation[e] == 3;
        orders += order;
        others += !order;
        followed += order && after_order[s->item[e]] == s->item[target];
        succeeded += !order && after_others[s->item[e]] == s->item[target];
        one_taste += !order && value_of(&p.d, "category", s->item[e]) == value_of(&p.d, "category", s->item[target]);
        cold += !p.d.train[0].count[s->item[target]];
    }
    assert_in_range((uint64_t)(100 * followed / orders), 35, 60); /* .6 * .8 = .48, by 3 or 4 orders of an item */
    assert_in_range((uint64_t)(100 * succeeded / others), 30, 46); /* .45 * .8 = .36, and what popularity adds */
    assert_in_range((uint64_t)(100 * one_taste / others), 78, 86); /* all but the noise, and a twentieth of that */
    assert_in_range((uint64_t)(1000 * cold / (double)p.d.users), 50, 120); /* the new items */
    assert_in_range(p.stats.sessions.feedback_events[0] * 100 / p.stats.sessions.train_steps, 34, 44);
    free(after_order);
    free(after_others);
    ps_dataset_close(&p.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_seed),
        FOLDER_TEST(test_structure),
        FOLDER_TEST(test_features),
        FOLDER_TEST(test_extremes),
        FOLDER_TEST(test_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
