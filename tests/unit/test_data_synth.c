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

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_seed),
        FOLDER_TEST(test_structure),
        FOLDER_TEST(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
