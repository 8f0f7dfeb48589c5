/* test_prepare_features.c - side features: tables of them and triples become columns of values, whatever form they come in, and keep
 * their ids from one preparation to the next.
 */
#include "prepare_fixture.h"

static const char log_text[] = "user\titem\tbehaviour\n"
                               "u1\ti1\tview\nu1\ti2\tcart\nu1\ti3\tbuy\nu2\ti4\tbuy\nu2\ti5\tview\nu3\ti1\tbuy\n";

struct features {
    struct preparation p;
    struct ps_feature_file file[4];
    struct ps_feature_rule rule[4];
};

static void features_begin(struct features *f)
{
    prepare_begin(&f->p);
    prepare_input(&f->p, write_text("log", log_text), PS_ANY_BEHAVIOUR);
    f->p.o.feature_file = f->file;
    f->p.o.feature_rule = f->rule;
}

static void features_file(struct features *f, const char *name, const char *text, enum ps_entity side, bool triples)
{
    f->file[f->p.o.feature_files++] = (struct ps_feature_file){ps_strdup(write_text(name, text)), side, triples};
}

static void features_rule(struct features *f, const char *name, enum ps_feature_kind kind, char separator, uint32_t ranges)
{
    struct ps_feature_rule *rule = &f->rule[f->p.o.feature_rules++];
    *rule = (struct ps_feature_rule){.kind = kind, .separator = separator, .ranges = ranges};
    snprintf(rule->name, sizeof rule->name, "%s", name);
}

static void features_end(struct features *f)
{
    ps_dataset_close(&f->p.d);
    for (int i = 0; i < f->p.o.feature_files; i++)
        free((char *)(uintptr_t)f->file[i].path);
    memset(f, 0, sizeof *f);
}

/* The values of a user or item, their names in the order of names, with blanks between them. */
static const char *values_of(const struct ps_dataset *d, enum ps_entity side, const char *name, const char *owner)
{
    static char text[200];
    const struct ps_feature *feature = ps_dataset_feature(d, side, name);
    assert_non_null(feature);
    uint64_t count, found;
    const uint32_t *value = ps_dataset_feature_values(feature, id_of(d, side, owner), &count);
    text[0] = 0;
    for (char first = 0; first != 'Z' + 1; first = first ? (char)(first + 1) : 'A') /* names in the tests end in a letter */
        for (uint64_t k = 0; k < count; k++) {
            size_t length;
            const char *of = ps_dataset_feature_name(d, feature, value[k], &length);
            assert_int_equal(ps_dataset_feature_find(d, feature, of, length, &found), 1);
            assert_int_equal(found, value[k]);
            if (of[length - 1] == first || (!first && (of[length - 1] < 'A' || of[length - 1] > 'Z')))
                snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s", text[0] ? " " : "", (int)length, of);
        }
    return text;
}

static void test_tables(void **state)
{
    struct features f = {0};
    features_begin(&f);
    features_file(&f, "items", "item_id:token\tbrand:token\ttags:token_seq\tnote\n"
                               "i1\tA\tX Y  X\tn\ni2\t\tY\tn\ni3\tB\t\tn\nnobody\tC\tZ\tn\n\ni1\tB\tZ\t\n", PS_ITEMS, false);
    features_file(&f, "users.csv", "age,uid,\"home\"\n\"A\",u1,\"of, A\"\nB,u3,\n", PS_USERS, false);
    features_file(&f, "more", "sku\ttags\tmaker\ni4\tX|W\tM\ni2\tQ\tM\n", PS_ITEMS, false);
    features_rule(&f, "note", PS_FEATURE_SKIP, ' ', 1);
    prepare_now(&f.p);
    const struct ps_dataset *d = &f.p.d;
    assert_int_equal(d->features, 5);
    assert_string_equal(d->feature[0].name, "age"); /* users first, then by name */
    assert_string_equal(d->feature[1].name, "home");
    assert_string_equal(d->feature[2].name, "brand");
    assert_string_equal(d->feature[3].name, "maker");
    assert_string_equal(d->feature[4].name, "tags");
    assert_string_equal(values_of(d, PS_ITEMS, "brand", "i1"), "A B"); /* what several lines say adds up */
    assert_string_equal(values_of(d, PS_ITEMS, "brand", "i2"), "");
    assert_string_equal(values_of(d, PS_ITEMS, "brand", "i3"), "B");
    assert_string_equal(values_of(d, PS_ITEMS, "brand", "i5"), "");
    assert_string_equal(values_of(d, PS_ITEMS, "tags", "i1"), "X Y Z");
    assert_string_equal(values_of(d, PS_ITEMS, "tags", "i2"), "Q Y");
    assert_string_equal(values_of(d, PS_ITEMS, "tags", "i4"), "X|W"); /* a token: this header has no type */
    assert_string_equal(values_of(d, PS_ITEMS, "maker", "i4"), "M");
    assert_string_equal(values_of(d, PS_USERS, "home", "u1"), "of, A");
    assert_string_equal(values_of(d, PS_USERS, "age", "u3"), "B");
    assert_string_equal(values_of(d, PS_USERS, "age", "u2"), "");
    assert_int_equal(d->feature[2].values, 2); /* the brand of an item that is not there is none */
    assert_int_equal(f.p.stats.unknown_owner[PS_ITEMS], 1);
    assert_null(ps_dataset_feature(d, PS_USERS, "brand"));
    assert_null(ps_dataset_feature(d, PS_ITEMS, "note"));

    /* All pairs, one by one. */
    for (uint32_t k = 0; k < d->features; k++) {
        const struct ps_feature *feature = &d->feature[k];
        for (uint64_t i = 0, n = 0; i < (feature->side == PS_USERS ? d->users : d->items); i++) {
            uint64_t count;
            const uint32_t *value = ps_dataset_feature_values(feature, i, &count);
            for (uint64_t j = 0; j < count; j++, n++) {
                struct ps_feature_pair pair = ps_dataset_feature_pair(d, feature, n);
                assert_int_equal(pair.id, i);
                assert_int_equal(pair.value, value[j]);
            }
        }
    }
    features_end(&f);
}

static void test_triples(void **state)
{
    struct features f = {0};
    features_begin(&f);
    features_file(&f, "kg", "head_id:token\trelation_id:token\ttail_id:token\n"
                            "i1\tfilm.genre\tA\ni1\tfilm.genre\tB\ni1\tyear\t1999\ni2\tyear\t0\ni3\tfilm.genre\tA\ni1\tfilm.genre\tA\n"
                            "elsewhere\tmaker\tM\ni2\ta/b\tA\ni2\tworn\tX,Y\n", PS_ITEMS, true);
    features_file(&f, "more.csv", "item,relation,value\ni5,film.genre,C\n", PS_ITEMS, true);
    features_rule(&f, "worn", PS_FEATURE_TOKENS, ',', 1);
    prepare_now(&f.p);
    const struct ps_dataset *d = &f.p.d;
    assert_int_equal(d->features, 3);
    assert_string_equal(values_of(d, PS_ITEMS, "film.genre", "i1"), "A B");
    assert_string_equal(values_of(d, PS_ITEMS, "film.genre", "i5"), "C");
    assert_string_equal(values_of(d, PS_ITEMS, "year", "i1"), "1999");
    assert_string_equal(values_of(d, PS_ITEMS, "worn", "i2"), "X Y");
    assert_int_equal(ps_dataset_feature(d, PS_ITEMS, "film.genre")->pairs, 4);
    assert_int_equal(f.p.stats.bad, 1); /* a/b */
    features_end(&f);
}

/* Ranges between quantiles; 0 and nothing by themselves. */
static void test_numbers(void **state)
{
    char text[400] = "user:token\tspent:float\n", log[400] = "user\titem\tbehaviour\nx\ti\tview\nx\ti\tcart\n";
    for (int u = 0; u < 12; u++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), u == 10 ? "u%d\t0\n" : u == 11 ? "u%d\t\n" : "u%d\t%d.5\n", u, u * u - 3);
        snprintf(log + strlen(log), sizeof log - strlen(log), "u%d\ti\tbuy\n", u);
    }
    struct features f = {0};
    features_begin(&f);
    f.p.input[0].path = write_text("log", log);
    features_file(&f, "users.user", text, PS_USERS, false);
    features_rule(&f, "spent", PS_FEATURE_NUMBER, ' ', 3);
    prepare_now(&f.p);
    const char *first = values_of(&f.p.d, PS_USERS, "spent", "u0");
    assert_string_equal(first, "from -inf"); /* -3.5 -2.5 1.5 6.5 13.5 22.5 33.5 46.5 61.5 78.5 in thirds */
    assert_string_equal(values_of(&f.p.d, PS_USERS, "spent", "u2"), "from -inf");
    assert_string_equal(values_of(&f.p.d, PS_USERS, "spent", "u3"), "from 6.5");
    assert_string_equal(values_of(&f.p.d, PS_USERS, "spent", "u5"), "from 6.5");
    assert_string_equal(values_of(&f.p.d, PS_USERS, "spent", "u6"), "from 33.5");
    assert_string_equal(values_of(&f.p.d, PS_USERS, "spent", "u9"), "from 33.5");
    assert_string_equal(values_of(&f.p.d, PS_USERS, "spent", "u10"), "zero");
    assert_string_equal(values_of(&f.p.d, PS_USERS, "spent", "u11"), "absent");
    assert_string_equal(values_of(&f.p.d, PS_USERS, "spent", "x"), "");
    assert_true(f.p.d.feature[0].number);
    ps_dataset_close(&f.p.d);

    /* Tomorrow's numbers go to the ranges of today. */
    f.p.o.dictionary = ps_strdup(f.p.o.out);
    f.p.o.out = in_folder("tomorrow");
    write_text("users.user", "user:token\tspent:float\nu1\t1000\nu2\t2000\nu3\t3000\nu4\t7\n");
    prepare_now(&f.p);
    assert_string_equal(values_of(&f.p.d, PS_USERS, "spent", "u1"), "from 33.5");
    assert_string_equal(values_of(&f.p.d, PS_USERS, "spent", "u4"), "from 6.5");
    assert_int_equal(f.p.d.feature[0].values, 5);
    free((char *)(uintptr_t)f.p.o.dictionary);
    features_end(&f);
}

static uint32_t value_id(const struct ps_dataset *d, const char *name)
{
    uint64_t value = 0;
    assert_int_equal(ps_dataset_feature_find(d, ps_dataset_feature(d, PS_ITEMS, "brand"), name, strlen(name), &value), 1);
    return (uint32_t)value;
}

/* Values keep their ids, new ones follow; and the ids do not depend on the order of lines. */
static void test_dictionary(void **state)
{
    static const char *const brands[] = {"A", "B", "C", "D", "E"};
    uint32_t id[PS_COUNT(brands)];
    for (int turn = 0; turn < 2; turn++) {
        struct features f = {0};
        features_begin(&f);
        features_file(&f, "items", turn ? "brand,item\nE,i5\nD,i4\nC,i3\nB,i2\nA,i1\n" : "item,brand\ni1,A\ni2,B\ni3,C\ni4,D\ni5,E\n", PS_ITEMS,
                      false);
        f.p.o.overwrite = true;
        f.p.o.id_seed = 2;
        prepare_now(&f.p);
        for (size_t b = 0; b < PS_COUNT(brands); b++) {
            uint32_t now = value_id(&f.p.d, brands[b]);
            assert_true(!turn || now == id[b]);
            id[b] = now;
        }
        features_end(&f);
    }
    assert_false(id[0] == 0 && id[1] == 1 && id[2] == 2 && id[3] == 3 && id[4] == 4);
    struct features f = {0};
    features_begin(&f);
    features_file(&f, "items", "item,brand\ni1,F\ni2,B\ni3,G\n", PS_ITEMS, false);
    f.p.o.dictionary = ps_strdup(f.p.o.out);
    f.p.o.out = in_folder("tomorrow");
    prepare_now(&f.p);
    for (size_t b = 0; b < PS_COUNT(brands); b++)
        assert_int_equal(value_id(&f.p.d, brands[b]), id[b]);
    assert_int_equal(value_id(&f.p.d, "F") + value_id(&f.p.d, "G"), 5 + 6);
    assert_int_equal(f.p.stats.feature[0].kept, 5);
    assert_string_equal(values_of(&f.p.d, PS_ITEMS, "brand", "i4"), ""); /* it is not said any more */
    free((char *)(uintptr_t)f.p.o.dictionary);
    features_end(&f);
}

/* The same files whatever the memory, also where a run of owners must be read by itself. */
static void test_memory(void **state)
{
    enum { ITEMS = 3000, TAGS = 1500 };
    size_t capacity = (size_t)ITEMS * TAGS * 5 + 100000, used = 0, size;
    char *text = ps_malloc(capacity), *log = ps_malloc(ITEMS * 40), *column[2];
    used += (size_t)sprintf(text, "item\ttags:token_seq\n");
    size_t at = (size_t)sprintf(log, "user\titem\tbehaviour\nu\ti0\tview\nu\ti0\tcart\n");
    for (int i = 0; i < ITEMS; i++) {
        at += (size_t)sprintf(log + at, "u%d\ti%d\tbuy\n", i % 50, i);
        used += (size_t)sprintf(text + used, "i%d\t", i);
        for (int k = 0; k < TAGS; k++)
            used += (size_t)sprintf(text + used, "%x ", (i * 7 + k * 11) % 4096);
        text[used++] = '\n';
    }
    text[used] = 0;
    for (int turn = 0; turn < 2; turn++) {
        struct features f = {0};
        features_begin(&f);
        f.p.input[0].path = write_text("log", log);
        f.p.o.memory = turn ? 1 << 20 : 256 << 20; /* 18 MB of values; never less than 8 are used */
        f.p.o.overwrite = true;
        features_file(&f, "items", text, PS_ITEMS, false);
        prepare_now(&f.p);
        assert_int_equal(f.p.d.feature[0].pairs, (uint64_t)ITEMS * TAGS);
        features_end(&f);
        assert_int_equal(ps_file_read(in_folder("out/item.tags.value"), 1 << 26, &column[turn], &size, &err), 0);
    }
    assert_memory_equal(column[0], column[1], size);
    free(column[0]), free(column[1]), free(text), free(log);
}

static void refuses(const char *text, bool triples, const char *message)
{
    struct features f = {0};
    features_begin(&f);
    features_file(&f, "items", text, PS_ITEMS, triples);
    f.p.o.max_bad = 0;
    memset(&err, 0, sizeof err);
    int status = ps_prepare(&f.p.o, &f.p.stats, &err);
    if (status != -PS_EXIT_DATA || !strstr(err.text, message) || strchr(err.text, '\n'))
        fail_msg("status %d, %s", status, err.text);
    assert_int_equal(access(f.p.o.out, F_OK), -1);
    features_end(&f);
}

static void test_refusals(void **state)
{
    refuses("thing\tbrand\ni1\tA\n", false, "no column for the item among 'thing', 'brand'");
    refuses("item\ta brand\ni1\tA\n", false, "column 2 cannot name a feature");
    refuses("item\tv:float_seq\ni1\t1 2\n", false, "--feature v=skip");
    refuses("item\tv:float\ni1\tabout 2\n", false, "items:2: a number that is none");
    refuses("item\tv:float\ni1\t1e60\n", false, "items:2: a number that is none");
    refuses("item\tv\n\tA\n", false, "items:2: no item");
    refuses("item\tv\ni1\tA\tB\n", false, "items:2: 3 columns where there should be 2");
    refuses("item\tv\ni1\tA\001\n", false, "items:2: a value with control characters");
    refuses("item\tv\ni1\tA\n", true, "triples have columns head (or that of the item), relation and tail; there are 'item', 'v'");
    refuses("head\trelation\ttail\ni1\ta b\tA\n", true, "items:2: a relation that cannot name a feature");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_tables), FOLDER_TEST(test_triples), FOLDER_TEST(test_numbers),
        FOLDER_TEST(test_dictionary), FOLDER_TEST(test_memory), FOLDER_TEST(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
