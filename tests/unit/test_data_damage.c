/* test_data_damage.c - damaged datasets: every file cut, lengthened, missing, and with flipped bytes. Each is refused
 * with a sentence that names it; nothing crashes.
 */
#include "prepare_fixture.h"

#include "common/random.h"

static char *names[64];
static uint64_t pairs; /* of the features */
static int count;

static void list_files(int expected)
{
    DIR *d = opendir(in_folder("out"));
    assert_non_null(d);
    count = 0;
    for (struct dirent *entry; (entry = readdir(d));)
        if (entry->d_name[0] != '.')
            names[count++] = ps_format("out/%s", entry->d_name);
    closedir(d);
    assert_int_equal(count, expected);
}

static void make_dataset(void)
{
    struct preparation p;
    size_t used = 0;
    char *text = ps_malloc(1 << 20);
    used += (size_t)sprintf(text, "user\titem\tbehaviour\ttime\n");
    for (int u = 0; u < 300; u++)
        for (int i = 0; i < 8; i++)
            for (int b = 0; b < 3; b++)
                used += (size_t)sprintf(text + used, "u%d\ti%d\t%s\t%d\n", u, (u * 7 + i * 31) % 200,
                                        b == 0   ? "view"
                                        : b == 1 ? "cart"
                                                 : "buy",
                                        100 * i + b);
    prepare_begin(&p);
    prepare_input(&p, write_text("log", text), PS_ANY_BEHAVIOUR);
    p.o.rules.test = p.o.rules.valid = PS_HOLDOUT_LAST_TIME;
    used = (size_t)sprintf(text, "item\tbrand\ttags:token_seq\n");
    for (int i = 0; i < 200; i++)
        used += (size_t)sprintf(text + used, "i%d\tb%d\tt%d t%d\n", i, i % 30, i % 9, i % 2 ? i % 9 : 9);
    const struct ps_feature_file file = {write_text("items", text), PS_ITEMS, false};
    p.o.feature_file = &file;
    p.o.feature_files = 1;
    prepare_now(&p);
    assert_int_equal(p.d.blocks, 2);
    pairs = 200 + 200 + 100;
    ps_dataset_close(&p.d);
    free(text);

    list_files(3 * 4 + 7 + 2 * 3);
}

/* Sessions with all columns that there can be: three blocks of training, and one of what is held out. */
static void make_sessions(void)
{
    struct preparation p;
    size_t used = 0;
    char *text = ps_malloc(1 << 20);
    used += (size_t)sprintf(text, "session,item,type,time,user,click,like\n");
    for (int e = 0; e < 13000; e++)
        used += (size_t)sprintf(text + used, "s%d,i%d,%d,%d,u%d,%d,%d\n", e % 1300, (e * 7 + e / 31) % 200, e % 3, e, e % 100,
                                e % 9 > 0, e % 11 == 0);
    prepare_begin(&p);
    prepare_input(&p, write_text("log", text), PS_ANY_BEHAVIOUR);
    p.o.rules = (struct ps_split_rules){0};
    p.o.format.rows = PS_ROWS_SESSIONS;
    p.o.format.column[PS_COLUMN_STEP] = "click";
    p.o.format.column[PS_COLUMN_FEEDBACK] = "like";
    p.o.sessions = (struct ps_session_rules){.enabled = true, .min_length = 2, .min_item_count = 1, .test = PS_TEST_FROM,
                                             .from_fraction = true, .from = 0.1, .valid = 0.05, .feedbacks = 1, .feedback = {"like"}};
    prepare_now(&p);
    assert_int_equal(p.d.blocks, 3);
    pairs = 0;
    assert_true(p.d.valid_count > 100);
    assert_true(p.d.test_count > 100);
    ps_dataset_close(&p.d);
    free(text);
    list_files(10 + 3 + 4);
}

static void forget_names(void)
{
    while (count)
        free(names[--count]);
}

/* Uses everything that a reader would; 0, or the failure of opening, or of every later check. A dataset may open in
 * spite of damage in its large columns; then streaming its blocks must find it, and so must verifying it as a whole. */
static int read_all(void)
{
    struct ps_dataset d;
    int status = ps_dataset_open(in_folder("out"), &d, &err);
    if (status)
        return status;
    uint32_t item[1024], mask[1024];
    uint64_t found = d.sessions.count, id;
    for (uint32_t u = 0; u < d.users; u++) { /* before any check of blocks: must not crash, whatever it finds */
        size_t length;
        const char *name = ps_dataset_name(&d, PS_USERS, u, &length);
        found += (uint64_t)ps_dataset_find(&d, PS_USERS, name, length, &id);
        found += ps_dataset_union(&d, u, item, mask, PS_COUNT(item));
        found += ps_dataset_seen(&d, u, 3);
    }
    assert_true(found > 0);
    found = 0;
    for (uint32_t f = 0; f < d.features; f++)
        for (uint64_t k = 0; k < d.feature[f].pairs; k++, found++) {
            size_t length;
            struct ps_feature_pair pair = ps_dataset_feature_pair(&d, &d.feature[f], k);
            const char *name = ps_dataset_feature_name(&d, &d.feature[f], pair.value, &length);
            assert_true(pair.id < d.items && ps_dataset_feature_find(&d, &d.feature[f], name, length, &id));
        }
    assert_int_equal(found, pairs);
    for (uint64_t b = 0; !status && b < d.blocks; b++)
        status = ps_dataset_check_block(&d, b, &err);
    int verified = ps_dataset_verify(&d, &err);
    ps_dataset_close(&d);
    assert_int_equal(status, verified);
    return status;
}

static bool is_large_column(const char *name)
{
    return strstr(name, ".item") || strstr(name, ".time") || strstr(name, "event.operation") || strstr(name, "event.feedback");
}

static void is_refused(const char *name, const char *what, bool at_once)
{
    struct ps_dataset d;
    memset(&err, 0, sizeof err);
    int status = at_once ? ps_dataset_open(in_folder("out"), &d, &err) : read_all();
    if (status != -PS_EXIT_DATA || !strstr(err.text, folder) || strchr(err.text, '\n'))
        fail_msg("%s, %s: status %d, %s", name, what, status, err.text);
}

static void check_sizes(void)
{
    assert_int_equal(read_all(), 0);
    for (int f = 0; f < count; f++) {
        char *data;
        size_t size;
        assert_int_equal(ps_file_read(in_folder(names[f]), 1 << 24, &data, &size, &err), 0);
        const size_t cuts[] = {0, 1, size / 2, size - 4, size - 1};
        for (size_t c = 0; c < PS_COUNT(cuts); c++) {
            write_bytes(names[f], data, cuts[c]);
            is_refused(names[f], "cut", true);
        }
        char *longer = ps_calloc(size + 8, 1);
        memcpy(longer, data, size);
        write_bytes(names[f], longer, size + 8);
        is_refused(names[f], "lengthened", true);
        free(longer);
        assert_int_equal(unlink(in_folder(names[f])), 0);
        is_refused(names[f], "missing", true);
        write_bytes(names[f], data, size);
        free(data);
    }
    assert_int_equal(read_all(), 0);
    forget_names();
}

static void check_flipped_bits(void)
{
    struct ps_random random = ps_random_stream(1, PS_RANDOM_TEST, 0, 0, 0);
    for (int f = 0; f < count; f++) {
        char *data;
        size_t size;
        assert_int_equal(ps_file_read(in_folder(names[f]), 1 << 24, &data, &size, &err), 0);
        for (int trial = 0; trial < 40; trial++) {
            size_t at = trial < 8 ? PS_MIN((size_t)trial, size - 1) : ps_random_below(&random, size);
            char bit = (char)(1 << ps_random_below(&random, 8));
            data[at] ^= bit;
            write_bytes(names[f], data, size);
            is_refused(names[f], "flipped", !is_large_column(names[f]));
            data[at] ^= bit;
        }
        write_bytes(names[f], data, size);
        free(data);
    }
    assert_int_equal(read_all(), 0);
    forget_names();
}

static void test_interactions(void **state)
{
    make_dataset();
    check_sizes();
    list_files(3 * 4 + 7 + 2 * 3);
    check_flipped_bits();
}

static void test_sessions(void **state)
{
    make_sessions();
    check_sizes();
    list_files(10 + 3 + 4);
    check_flipped_bits();
}

static void test_no_dataset(void **state)
{
    struct ps_dataset d;
    assert_int_equal(ps_dataset_open(in_folder("nowhere"), &d, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, "nowhere holds no prepared dataset"));
    write_text("dataset.yaml", "format: penstock-dataset\nversion: 2\n");
    assert_int_equal(ps_dataset_open(folder, &d, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, "this penstock reads version 1"));
    write_text("dataset.yaml", "users: 3\n");
    assert_int_equal(ps_dataset_open(folder, &d, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, "does not describe a prepared dataset"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_interactions),
        FOLDER_TEST(test_sessions),
        FOLDER_TEST(test_no_dataset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
