/* test_result.c - the file that keeps ranks: it comes back as it was, damage is found, and what differs is named. */
#include "prepare_fixture.h"

#include "cli/result.h"

static const struct ps_dataset data = {.users = 9, .items = 30, .behaviours = 2, .behaviour = {"cart", "buy"}, .test_count = 50,
                                       .valid_count = 40, .fingerprint = 7};

/* Two models' ranks of 40 targets, with lists of three lengths where asked for. */
static void make(struct ps_result *result, bool lists)
{
    struct ps_config config;
    const char *override = "data.path=somewhere \"else\"";
    ps_config_init(&config);
    assert_int_equal(ps_config_set(&config, override, &err), 0);
    assert_int_equal(ps_config_set(&config, "eval.k=1,5,9", &err), 0);
    ps_result_init(result, &config, &data, PS_SPLIT_TEST);
    for (int m = 0; m < 2; m++) {
        struct ps_ranks *ranks = &result->ranks[result->models];
        snprintf(result->model[result->models++], PS_NAME_SIZE, m ? "popularity" : "nmtr_gmf");
        ps_ranks_init(ranks, 40, lists ? 3 : 0, data.items);
        for (uint32_t i = 0; i < 40; i++)
            ranks->rank[i] = (struct ps_rank){.greater = i * 7 % 11 + (uint32_t)m, .equal = i % 3, .candidates = 25 - i % 5, .seen = i % 4,
                                              .user = i / 5, .history = 3 + i / 5};
        for (uint32_t i = 0; lists && i < 120; i++)
            ranks->novelty[i] = (float)i / 7 + (float)m;
        for (uint32_t i = 0; lists && i < 30; i++)
            ranks->place[i] = (uint16_t)(i % 10);
    }
}

static void test_round_trip(void **state)
{
    for (int lists = 0; lists < 2; lists++) {
        struct ps_result result, again;
        make(&result, lists);
        const char *path = in_folder("ranks");
        assert_int_equal(ps_result_write(&result, path, &err), 0);
        assert_int_equal(ps_result_read(&again, path, &err), 0);
        assert_int_equal(again.models, 2);
        assert_true(again.dataset == 7 && again.held_out == 50 && again.behaviours == 2 && again.split == PS_SPLIT_TEST);
        assert_memory_equal(&again.config, &result.config, sizeof result.config);
        assert_string_equal(again.model[1], "popularity");
        assert_string_equal(again.target, "buy");
        for (int m = 0; m < 2; m++) {
            const struct ps_ranks *a = &result.ranks[m], *b = &again.ranks[m];
            assert_true(a->count == b->count && a->items == b->items && !a->place == !b->place);
            assert_memory_equal(a->rank, b->rank, a->count * sizeof *a->rank);
            if (lists) {
                assert_memory_equal(a->novelty, b->novelty, a->count * 3 * sizeof *a->novelty);
                assert_memory_equal(a->place, b->place, a->items * sizeof *a->place);
            }
        }
        ps_result_fini(&again), ps_result_fini(&result);
    }
}

/* Every bit of the file counts, and so does its length. */
static void test_damage(void **state)
{
    struct ps_result result;
    char *bytes;
    size_t size;
    make(&result, true);
    assert_int_equal(ps_result_write(&result, in_folder("ranks"), &err), 0);
    assert_int_equal(ps_file_read(in_folder("ranks"), 1 << 20, &bytes, &size, &err), 0);
    ps_result_fini(&result);
    for (size_t at = 0; at < size; at += 5) {
        bytes[at] = (char)(bytes[at] ^ 1 << at % 8);
        write_bytes("bad", bytes, size);
        assert_int_equal(ps_result_read(&result, in_folder("bad"), &err), -PS_EXIT_DATA);
        bytes[at] = (char)(bytes[at] ^ 1 << at % 8);
        write_bytes("bad", bytes, at);
        assert_int_equal(ps_result_read(&result, in_folder("bad"), &err), -PS_EXIT_DATA);
    }
    assert_non_null(strstr(err.text, "penstock evaluate RUN --ranks FILE"));
    /* A right sum over wrong counts: of another version, or made on purpose. */
    for (size_t at = 8; at < 64; at += 4) {
        uint32_t word, many = 1 << 30;
        memcpy(&word, bytes + at, sizeof word);
        memcpy(bytes + at, &many, sizeof many);
        uint64_t sum = ps_hash64(bytes, size - sizeof sum, 0);
        memcpy(bytes + size - sizeof sum, &sum, sizeof sum);
        write_bytes("bad", bytes, size);
        int status = ps_result_read(&result, in_folder("bad"), &err);
        assert_true(status == -PS_EXIT_DATA || (at < 24 && !status)); /* the fingerprint and held_out may be any */
        if (!status)
            ps_result_fini(&result);
        memcpy(bytes + at, &word, sizeof word);
    }
    free(bytes);
}

static void check_difference(const struct ps_result *a, const struct ps_result *b, const char *want)
{
    char text[512];
    ps_result_difference(a, b, text);
    assert_string_equal(text, want);
}

static void test_difference(void **state)
{
    struct ps_result a, b;
    make(&a, false), make(&b, true);
    check_difference(&a, &b, "");
    /* How ties are broken and which K are looked at can be chosen afterwards; draws matter where there are any. */
    assert_int_equal(ps_config_set(&b.config, "eval.ties=standard", &err), 0);
    assert_int_equal(ps_config_set(&b.config, "eval.k=3", &err), 0);
    a.held_out = b.held_out = 40;
    b.config.eval.seed = 5;
    check_difference(&a, &b, "");
    a.held_out = b.held_out = 50;
    check_difference(&a, &b, "eval.seed (2026 and 5)");
    a.config.eval.candidates = PS_CANDIDATES_SAMPLED;
    b.config.eval.mask = PS_MASK_ANY;
    b.dataset = 9;
    b.split = PS_SPLIT_VALID;
    check_difference(&a, &b, "the dataset (0000000000000007 and 0000000000000009), the split (test and valid), eval.candidates (sampled "
                             "and all), eval.mask (target and any), eval.seed (2026 and 5)");
    ps_result_fini(&a), ps_result_fini(&b);
    make(&a, false), make(&b, false);
    b.ranks[0].rank[17].user = 8;
    check_difference(&a, &b, "their targets");
    ps_result_fini(&a), ps_result_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_round_trip),
        FOLDER_TEST(test_damage),
        FOLDER_TEST(test_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
