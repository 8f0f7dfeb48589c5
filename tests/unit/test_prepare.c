/* test_prepare.c - preparations of small logs written by hand: merging, every split, ids, refusals, and nothing left
 * behind. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memrchr */
#endif
#include "data/synth.h"
#include "prepare_fixture.h"

#include <sys/stat.h>

enum { VIEW, CART, BUY };

static void shop(struct preparation *p)
{
    prepare_begin(p);
    prepare_input(p, fixture("shop.tsv"), PS_ANY_BEHAVIOUR);
}

static void test_merging(void **state)
{
    struct preparation p;
    shop(&p);
    prepare_now(&p);
    assert_int_equal(p.d.users, 3);
    assert_int_equal(p.d.items, 4);
    assert_int_equal(p.d.behaviours, 3);
    assert_string_equal(p.d.behaviour[BUY], "buy");
    assert_int_equal(p.d.train[VIEW].interactions, 4); /* ann: lamp, sofa; bob: desk; cid: rug */
    assert_int_equal(p.d.train[CART].interactions, 2);
    assert_int_equal(p.d.train[BUY].interactions, 4);
    assert_int_equal(p.d.union_pairs, 5);
    assert_int_equal(p.d.valid_count + p.d.test_count, 0);
    assert_int_equal(time_of(&p.d, VIEW, "ann", "lamp"), 100);
    assert_int_equal(time_of(&p.d, VIEW, "bob", "desk"), 90);
    assert_int_equal(p.d.train[BUY].count[id_of(&p.d, PS_ITEMS, "desk")], 2);
    assert_int_equal(p.d.train[BUY].count[id_of(&p.d, PS_ITEMS, "rug")], 0);
    assert_int_equal(p.stats.split.duplicates[VIEW], 2);
    assert_int_equal(p.stats.unknown, 1);
    assert_string_equal(p.stats.unknown_behaviour[0].name, "like");
    assert_false(trained(&p.d, BUY, "bob", "lamp"));
    assert_int_equal(p.stats.lines, 13);
    ps_dataset_close(&p.d);
}

static void test_last_duplicate(void **state)
{
    struct preparation p;
    shop(&p);
    p.o.rules.last_duplicate = true;
    prepare_now(&p);
    assert_int_equal(time_of(&p.d, VIEW, "ann", "lamp"), 160);
    assert_int_equal(time_of(&p.d, VIEW, "bob", "desk"), 100);
    ps_dataset_close(&p.d);
}

static void test_last_by_time(void **state)
{
    struct preparation p;
    shop(&p);
    p.o.rules.test = p.o.rules.valid = PS_HOLDOUT_LAST_TIME;
    prepare_now(&p);
    /* ann bought lamp 110, desk 140, sofa 150; bob bought one thing only, which stays. */
    assert_int_equal(p.d.test_count, 1);
    assert_true(held(&p.d, p.d.test, 1, "ann", "sofa"));
    assert_int_equal(p.d.valid_count, 1);
    assert_true(held(&p.d, p.d.valid, 1, "ann", "desk"));
    assert_true(trained(&p.d, BUY, "ann", "lamp"));
    assert_false(trained(&p.d, BUY, "ann", "sofa"));
    assert_false(trained(&p.d, BUY, "ann", "desk"));
    assert_true(trained(&p.d, BUY, "bob", "desk"));
    assert_true(trained(&p.d, CART, "ann", "sofa")); /* before the purchase */
    assert_int_equal(p.stats.split.future[VIEW], 1); /* ann views lamp at 160 */
    assert_int_equal(p.stats.split.test_seen[CART], 1);
    assert_int_equal(p.stats.split.valid_seen[CART], 0);
    ps_dataset_close(&p.d);
}

/* Nothing after the test pair; after the validation pair all but its own item. */
static void test_future(void **state)
{
    const char *log =
        write_text("log", "user,item,behaviour,time\nu,a,buy,1\nu,v,buy,10\nu,v,view,11\nu,v,view,9\nu,x,view,12\n"
                          "u,t,buy,20\nu,x,cart,20\nu,y,cart,21\nu,t,view,22\n");
    struct preparation p;
    for (int keep = 0; keep < 2; keep++) {
        prepare_begin(&p);
        p.o.overwrite = true;
        prepare_input(&p, log, PS_ANY_BEHAVIOUR);
        p.o.rules.test = p.o.rules.valid = PS_HOLDOUT_LAST_TIME;
        p.o.rules.keep_future = keep;
        p.o.rules.last_duplicate = true;
        prepare_now(&p);
        assert_true(held(&p.d, p.d.test, p.d.test_count, "u", "t"));
        assert_true(held(&p.d, p.d.valid, p.d.valid_count, "u", "v"));
        assert_int_equal(time_of(&p.d, VIEW, "u", "v"), keep ? 11 : 9);
        assert_true(trained(&p.d, VIEW, "u", "x"));
        assert_true(trained(&p.d, CART, "u", "x"));
        assert_int_equal(trained(&p.d, CART, "u", "y"), keep);
        assert_int_equal(trained(&p.d, VIEW, "u", "t"), keep);
        assert_int_equal(p.stats.split.future[VIEW] + p.stats.split.future[CART], keep ? 0 : 3);
        ps_dataset_close(&p.d);
    }
}

static void test_last_by_position(void **state)
{
    const char *view = write_text("v.tsv", "user\titem\nu\ta\n"), *cart = write_text("c.tsv", "user\titem\nu\tc\n");
    const char *buy = write_text("b.tsv", "user\titem\nu\ta\nw\tz\nu\tb\nu\tc\nu\tb\n");
    struct preparation p;
    prepare_begin(&p);
    prepare_input(&p, view, VIEW);
    prepare_input(&p, cart, CART);
    prepare_input(&p, buy, BUY);
    p.o.rules.test = p.o.rules.valid = PS_HOLDOUT_LAST_POSITION;
    prepare_now(&p);
    assert_true(held(&p.d, p.d.test, p.d.test_count, "u", "c")); /* b's first time is before c */
    assert_true(held(&p.d, p.d.valid, p.d.valid_count, "u", "b"));
    assert_true(trained(&p.d, CART, "u", "c"));
    assert_null(p.d.train[BUY].time);
    ps_dataset_close(&p.d);

    p.o.overwrite = p.o.rules.last_duplicate = true;
    prepare_now(&p);
    assert_true(held(&p.d, p.d.test, p.d.test_count, "u", "b"));
    ps_dataset_close(&p.d);

    p.o.rules.keep_targets = 2; /* the test leaves a and c, so there is none for validation */
    prepare_now(&p);
    assert_int_equal(p.d.test_count, 1);
    assert_int_equal(p.d.valid_count, 0);
    ps_dataset_close(&p.d);
}

static void test_given(void **state)
{
    const char *test = write_text("test", "user,item\nann,desk\nann,mirror\nzoe,lamp\nann,desk\n");
    const char *valid = write_text("valid", "user,item,behaviour\nann,lamp,buy\nann,desk,buy\nbob,desk,view\n");
    struct preparation p;
    shop(&p);
    p.o.rules.test = p.o.rules.valid = PS_HOLDOUT_GIVEN;
    p.o.test_path = test;
    p.o.valid_path = valid;
    prepare_now(&p);
    assert_int_equal(p.d.users, 4); /* zoe */
    assert_int_equal(p.d.items, 5); /* mirror */
    assert_int_equal(p.d.test_count, 3);
    assert_true(held(&p.d, p.d.test, 3, "ann", "desk"));
    assert_true(held(&p.d, p.d.test, 3, "ann", "mirror"));
    assert_true(held(&p.d, p.d.test, 3, "zoe", "lamp"));
    assert_int_equal(p.d.valid_count, 1);
    assert_true(held(&p.d, p.d.valid, 1, "ann", "lamp"));
    assert_false(trained(&p.d, BUY, "ann", "desk"));
    assert_false(trained(&p.d, BUY, "ann", "lamp"));
    assert_true(trained(&p.d, VIEW, "ann", "lamp"));
    assert_true(trained(&p.d, BUY, "bob", "desk"));
    assert_int_equal(p.stats.split.test_in_training, 1);
    assert_int_equal(p.stats.split.valid_in_training, 1);
    assert_int_equal(p.stats.split.valid_in_test, 1);
    assert_int_equal(p.stats.split.repeated_pairs, 1);
    assert_int_equal(p.stats.not_target, 1);
    assert_int_equal(p.stats.totals.untrained_users, 1);
    assert_int_equal(p.stats.totals.untrained_items, 1);
    ps_dataset_close(&p.d);
}

/* 500 users with five purchases each, every one of them viewed and carted before. */
static const char *funnel_log(void)
{
    size_t used = 0;
    char *text = ps_malloc(1 << 20);
    used += (size_t)sprintf(text, "user\titem\tbehaviour\n");
    for (int u = 0; u < 500; u++)
        for (int i = 0; i < 5; i++)
            for (int b = 0; b < 3; b++)
                used += (size_t)sprintf(text + used, "u%d\ti%d\t%s\n", u, (u * 7 + i * 31) % 200,
                                        b == 0   ? "view"
                                        : b == 1 ? "cart"
                                                 : "buy");
    const char *path = write_text("funnel", text);
    free(text);
    return path;
}

/* A part of the carts: the same part whatever the ids are; views and purchases are all there. */
static void test_sample(void **state)
{
    struct preparation p, again;
    const char *log = funnel_log();
    prepare_begin(&p);
    prepare_input(&p, log, PS_ANY_BEHAVIOUR);
    p.o.rules.leave_out[CART] = 0.5;
    prepare_now(&p);
    uint64_t carts = p.d.train[CART].interactions;
    assert_in_range(carts, 1150, 1350); /* 1250 expected, standard deviation 25 */
    assert_int_equal(p.stats.split.left_out[CART], 2500 - carts);
    assert_int_equal(p.d.train[VIEW].interactions, 2500);
    assert_int_equal(p.d.train[BUY].interactions + p.d.test_count + p.d.valid_count, 2500);
    again = p;
    again.o.out = in_folder("again");
    again.o.id_seed = 7;
    prepare_now(&again);
    for (int u = 0; u < 500; u++)
        for (int i = 0; i < 5; i++) {
            char user[32], item[32];
            snprintf(user, sizeof user, "u%d", u);
            snprintf(item, sizeof item, "i%d", (u * 7 + i * 31) % 200);
            assert_int_equal(trained(&p.d, CART, user, item), trained(&again.d, CART, user, item));
        }
    ps_dataset_close(&again.d);
    ps_dataset_close(&p.d);
}

/* As with --test and --valid by time, but the test pair is nowhere. */
static void test_forget_test(void **state)
{
    struct preparation p;
    shop(&p);
    p.o.rules.test = p.o.rules.valid = PS_HOLDOUT_LAST_TIME;
    p.o.rules.forget_test = true;
    prepare_now(&p);
    assert_int_equal(p.d.test_count, 0);
    assert_int_equal(p.d.valid_count, 1);
    assert_true(held(&p.d, p.d.valid, 1, "ann", "desk"));
    assert_false(trained(&p.d, BUY, "ann", "sofa"));
    ps_dataset_close(&p.d);
}

static void test_random_and_hidden(void **state)
{
    struct preparation p, again;
    const char *log = funnel_log();
    prepare_begin(&p);
    prepare_input(&p, log, PS_ANY_BEHAVIOUR);
    p.o.rules.valid = PS_HOLDOUT_RANDOM;
    p.o.rules.hide_weaker = 0.377;
    prepare_now(&p);
    assert_int_equal(p.d.valid_count, 500);
    uint64_t hidden = 0;
    for (uint64_t k = 0; k < 500; k++) {
        bool viewed = ps_dataset_has(&p.d, VIEW, p.d.valid[k].user, p.d.valid[k].item);
        bool carted = ps_dataset_has(&p.d, CART, p.d.valid[k].user, p.d.valid[k].item);
        assert_int_equal(viewed, carted); /* one draw a pair, for all weaker behaviours */
        assert_false(ps_dataset_has(&p.d, BUY, p.d.valid[k].user, p.d.valid[k].item));
        hidden += !carted;
    }
    assert_in_range(hidden, 140, 240); /* 188 expected, standard deviation 11 */
    assert_int_equal(p.stats.split.hidden[CART], hidden);
    assert_int_equal(p.d.train[CART].interactions, 2500 - hidden);
    assert_int_equal(p.d.train[BUY].interactions, 2000);

    /* Other ids, the same split: draws are named by names. */
    again = p;
    again.o.out = in_folder("again");
    again.o.id_seed = 7;
    prepare_now(&again);
    int moved = 0;
    for (uint64_t k = 0; k < 500; k++) {
        size_t length, item_length;
        char user[32], item[32];
        const char *name = ps_dataset_name(&p.d, PS_USERS, p.d.valid[k].user, &length);
        snprintf(user, sizeof user, "%.*s", (int)length, name);
        name = ps_dataset_name(&p.d, PS_ITEMS, p.d.valid[k].item, &item_length);
        snprintf(item, sizeof item, "%.*s", (int)item_length, name);
        assert_true(held(&again.d, again.d.valid, 500, user, item));
        assert_int_equal(trained(&p.d, CART, user, item), trained(&again.d, CART, user, item));
        moved += id_of(&again.d, PS_USERS, user) != p.d.valid[k].user;
    }
    assert_true(moved > 450);
    ps_dataset_close(&again.d);

    /* Another seed, another split. */
    again.o.overwrite = true;
    again.o.rules.seed = 2;
    prepare_now(&again);
    uint64_t same = 0;
    for (uint64_t k = 0; k < 500; k++) {
        size_t length;
        char user[32], item[32];
        const char *name = ps_dataset_name(&p.d, PS_USERS, p.d.valid[k].user, &length);
        snprintf(user, sizeof user, "%.*s", (int)length, name);
        name = ps_dataset_name(&p.d, PS_ITEMS, p.d.valid[k].item, &length);
        snprintf(item, sizeof item, "%.*s", (int)length, name);
        same += held(&again.d, again.d.valid, 500, user, item);
    }
    assert_in_range(same, 50, 160); /* 100 expected */
    ps_dataset_close(&again.d);
    ps_dataset_close(&p.d);
}

/* The fingerprint covers every file, so equal ones mean equal datasets. */
static uint64_t fingerprint(struct preparation *p)
{
    prepare_now(p);
    uint64_t print = p->d.fingerprint;
    ps_dataset_close(&p->d);
    return print;
}

static void test_ids_do_not_show_the_order(void **state)
{
    struct preparation p, other;
    const char *log = funnel_log();
    char *text, *reversed;
    size_t size, used = 0;
    assert_int_equal(ps_file_read(log, 1 << 20, &text, &size, &err), 0);
    char *head = strchr(text, '\n') + 1;
    reversed = ps_malloc(size + 1);
    used = (size_t)(head - text);
    memcpy(reversed, text, used);
    for (char *end = text + size - 1; end > head;) {
        char *begin = memrchr(head, '\n', (size_t)(end - head));
        begin = begin ? begin + 1 : head;
        memcpy(reversed + used, begin, (size_t)(end - begin) + 1);
        used += (size_t)(end - begin) + 1;
        end = begin - 1;
    }
    assert_int_equal(used, size);
    write_bytes("reversed", reversed, size);
    free(text);
    free(reversed);

    prepare_begin(&p);
    prepare_input(&p, log, PS_ANY_BEHAVIOUR);
    p.o.rules.valid = PS_HOLDOUT_RANDOM;
    other = p;
    other.input[0].path = in_folder("reversed");
    other.o.input = other.input;
    other.o.out = in_folder("other");
    prepare_now(&p);
    prepare_now(&other);
    for (uint64_t u = 0; u < p.d.users; u++) {
        size_t length, other_length;
        const char *name = ps_dataset_name(&p.d, PS_USERS, u, &length);
        const char *other_name = ps_dataset_name(&other.d, PS_USERS, u, &other_length);
        assert_int_equal(length, other_length);
        assert_memory_equal(name, other_name, length);
    }
    assert_memory_equal(p.d.valid, other.d.valid, p.d.valid_count * sizeof *p.d.valid);
    /* Neither in the order of the input nor in that of the names. */
    uint64_t ascents = 0;
    for (uint64_t n = 0; n + 1 < 500; n++) {
        char name[16], next[16];
        sprintf(name, "u%d", (int)n);
        sprintf(next, "u%d", (int)n + 1);
        ascents += id_of(&p.d, PS_USERS, name) < id_of(&p.d, PS_USERS, next);
    }
    assert_in_range(ascents, 200, 300);
    ps_dataset_close(&p.d);
    ps_dataset_close(&other.d);
}

/* 1.2 M events: with hardly any memory three buckets, since a bucket has 8 MiB at least. */
static void test_same_for_any_memory(void **state)
{
    struct ps_synth_options made = {.users = 20000,
                                    .items = 5000,
                                    .interactions = 1200000,
                                    .tastes = 20,
                                    .behaviours = 3,
                                    .behaviour = {"view", "cart", "buy"},
                                    .quiet = true};
    struct preparation p;
    assert_int_equal(ps_synth(&made, in_folder("log"), &err), 0);
    prepare_begin(&p);
    prepare_input(&p, in_folder("log"), PS_ANY_BEHAVIOUR);
    p.o.rules.valid = p.o.rules.test = PS_HOLDOUT_LAST_TIME;
    p.o.overwrite = true;
    p.o.memory = 1;
    uint64_t first = fingerprint(&p);
    p.o.memory = UINT64_C(1) << 40;
    assert_true(first == fingerprint(&p));
    p.o.id_seed = 2;
    assert_false(first == fingerprint(&p));
}

static void test_second_day(void **state)
{
    struct preparation monday, tuesday;
    static const char *const users[] = {"ann", "bob", "cid"}, *const items[] = {"lamp", "sofa", "desk", "rug"};
    shop(&monday);
    prepare_now(&monday);
    prepare_begin(&tuesday);
    prepare_input(&tuesday, fixture("shop.day2.tsv"), PS_ANY_BEHAVIOUR);
    tuesday.o.out = in_folder("tuesday");
    tuesday.o.dictionary = in_folder("out");
    tuesday.o.id_seed = 99; /* does not matter to names that have an id */
    prepare_now(&tuesday);
    assert_int_equal(tuesday.d.users, 5);
    assert_int_equal(tuesday.d.items, 7);
    for (size_t i = 0; i < PS_COUNT(users); i++)
        assert_int_equal(id_of(&monday.d, PS_USERS, users[i]), id_of(&tuesday.d, PS_USERS, users[i]));
    for (size_t i = 0; i < PS_COUNT(items); i++)
        assert_int_equal(id_of(&monday.d, PS_ITEMS, items[i]), id_of(&tuesday.d, PS_ITEMS, items[i]));
    assert_in_range(id_of(&tuesday.d, PS_USERS, "dan"), 3, 4);
    assert_in_range(id_of(&tuesday.d, PS_ITEMS, "clock"), 4, 6);
    assert_int_equal(tuesday.stats.kept[PS_USERS], 3);
    assert_int_equal(tuesday.stats.totals.untrained_users, 2); /* bob and cid */
    assert_false(trained(&tuesday.d, VIEW, "bob", "desk"));
    ps_dataset_close(&monday.d);
    ps_dataset_close(&tuesday.d);
}

static void refused(struct preparation *p, int code, const char *part)
{
    int names = count_names();
    assert_int_equal(ps_prepare(&p->o, &p->stats, &err), -code);
    if (!strstr(err.text, part))
        fail_msg("'%s' is not in: %s", part, err.text);
    assert_int_equal(count_names(), names);
    assert_int_equal(access(in_folder("out"), F_OK), -1);
}

/* A window of the newest events: what is before it is no event, and gives nothing an id. */
static void test_since(void **state)
{
    struct preparation p;
    char *text;
    size_t size;
    shop(&p);
    prepare_now(&p);
    assert_int_equal(p.stats.early, 0);
    assert_int_equal(p.stats.first, 50000);
    uint64_t events = p.stats.events[0] + p.stats.events[1] + p.stats.events[2];
    ps_dataset_close(&p.d);
    shop(&p);
    p.o.since = 100000;
    p.o.overwrite = true;
    prepare_now(&p);
    assert_true(p.stats.early > 0);
    assert_int_equal(p.stats.early + p.stats.events[0] + p.stats.events[1] + p.stats.events[2], events);
    assert_int_equal(p.stats.first, 100000);
    assert_true(trained(&p.d, VIEW, "ann", "lamp")); /* at 100: the first moment of the window */
    char *path = ps_format("%s/dataset.yaml", p.o.out);
    assert_int_equal(ps_file_read(path, 1 << 20, &text, &size, &err), 0);
    char *want = ps_format("\n  early: %d\n  new: [%d, %d]\n  times: [100, ", (int)p.stats.early, (int)p.d.users, (int)p.d.items);
    if (!strstr(text, want))
        fail_msg("'%s' is not in %s", want, text);
    free(want), free(path), free(text);
    ps_dataset_close(&p.d);
    prepare_begin(&p);
    prepare_input(&p, write_text("timeless", "user,item\na,b\n"), BUY);
    p.o.overwrite = true;
    p.o.since = 1;
    if (ps_prepare(&p.o, &p.stats, &err) != -PS_EXIT_DATA || !strstr(err.text, "has no column for the time"))
        fail_msg("a window of a log without times: %s", err.text);
}

static void test_bad_lines(void **state)
{
    struct preparation p;
    const char *log =
        write_text("log", "user,item,behaviour\nu,i,buy\nu,i\nu,,buy\nu,a\x01z,view\nu,j,cart\nu,k,view\n");
    prepare_begin(&p);
    prepare_input(&p, log, PS_ANY_BEHAVIOUR);
    p.o.max_bad = 2;
    refused(&p, PS_EXIT_DATA, "3 bad lines are more than --max-bad allows; the first is");
    assert_non_null(strstr(err.text, "log:3: 2 columns where there should be 3"));
    p.o.max_bad = 3;
    prepare_now(&p);
    assert_int_equal(p.stats.bad, 3);
    assert_int_equal(p.d.users, 1);
    assert_int_equal(p.d.items, 3); /* a bad line gives nothing an id */
    ps_dataset_close(&p.d);
}

static void test_refusals(void **state)
{
    struct preparation p;
    shop(&p);
    p.o.strict = true;
    p.o.max_bad = 0;
    refused(&p, PS_EXIT_DATA, "shop.tsv:13: a behaviour that --behaviours does not name");
    shop(&p);
    strcpy(p.o.behaviour[1], "basket");
    refused(&p, PS_EXIT_DATA, "no line of the behaviour 'basket'; it has 'cart'");
    prepare_begin(&p);
    prepare_input(&p, write_text("pairs", "user,item\na,b\n"), PS_ANY_BEHAVIOUR);
    refused(&p, PS_EXIT_DATA, "no column for the behaviour");
    prepare_begin(&p);
    prepare_input(&p, in_folder("pairs"), BUY);
    p.o.rules.test = PS_HOLDOUT_LAST_TIME;
    refused(&p, PS_EXIT_DATA, "no column for the time, which last-by-time needs");
    shop(&p);
    p.o.dictionary = folder;
    refused(&p, PS_EXIT_DATA, "holds no prepared dataset");
    volatile sig_atomic_t stop = 1;
    shop(&p);
    p.o.stop = &stop;
    refused(&p, PS_EXIT_INTERRUPTED, "interrupted");
}

static void test_overwriting(void **state)
{
    struct preparation p;
    shop(&p);
    assert_int_equal(mkdir(in_folder("out"), 0777), 0); /* an empty folder is fine */
    prepare_now(&p);
    ps_dataset_close(&p.d);
    assert_int_equal(ps_prepare(&p.o, &p.stats, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "--overwrite"));
    p.o.overwrite = true;
    p.input[0].path = fixture("shop.day2.tsv");
    prepare_now(&p);
    assert_int_equal(p.d.users, 3); /* dan, ann, eve */
    ps_dataset_close(&p.d);
    assert_int_equal(count_names(), 1);

    struct preparation other; /* what is no dataset is not replaced */
    shop(&other);
    other.o.out = in_folder("precious");
    other.o.overwrite = true;
    assert_int_equal(mkdir(in_folder("precious"), 0777), 0);
    write_text("precious/file", "x");
    assert_int_equal(ps_prepare(&other.o, &other.stats, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "is no prepared dataset"));
    assert_int_equal(access(in_folder("precious/file"), F_OK), 0);
    assert_int_equal(count_names(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_merging),
        FOLDER_TEST(test_last_duplicate),
        FOLDER_TEST(test_last_by_time),
        FOLDER_TEST(test_future),
        FOLDER_TEST(test_last_by_position),
        FOLDER_TEST(test_given),
        FOLDER_TEST(test_random_and_hidden),
        FOLDER_TEST(test_sample),
        FOLDER_TEST(test_forget_test),
        FOLDER_TEST(test_ids_do_not_show_the_order),
        FOLDER_TEST(test_same_for_any_memory),
        FOLDER_TEST(test_second_day),
        FOLDER_TEST(test_since),
        FOLDER_TEST(test_bad_lines),
        FOLDER_TEST(test_refusals),
        FOLDER_TEST(test_overwriting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
