/* test_data_input.c - tables: headers, quoting, times, and every kind of bad line. */
#include "data/input.h"
#include "prepare_fixture.h"

static struct ps_input *input;
static struct ps_event event;

static void open_file(const char *path, struct ps_input_format format)
{
    if (ps_input_open(&input, path, &format, NULL, &err))
        fail_msg("%s", err.text);
}

static void next_is(const char *user, const char *item, const char *behaviour, int64_t time)
{
    if (ps_input_next(input, &event, &err) != PS_INPUT_EVENT)
        fail_msg("%s%s", err.text, ps_fields_reason(ps_input_fields(input)));
    assert_int_equal(event.user_length, strlen(user));
    assert_memory_equal(event.user, user, event.user_length);
    assert_int_equal(event.item_length, strlen(item));
    assert_memory_equal(event.item, item, event.item_length);
    if (behaviour) {
        assert_int_equal(event.behaviour_length, strlen(behaviour));
        assert_memory_equal(event.behaviour, behaviour, event.behaviour_length);
    } else {
        assert_null(event.behaviour);
    }
    assert_int_equal(event.time, time);
}

static void next_is_bad(const char *reason)
{
    assert_int_equal(ps_input_next(input, &event, &err), PS_INPUT_BAD);
    assert_string_equal(ps_fields_reason(ps_input_fields(input)), reason);
}

static void end_is_next(void)
{
    assert_int_equal(ps_input_next(input, &event, &err), PS_INPUT_END);
    ps_input_close(input);
}

static void refused(const char *text, struct ps_input_format format, const char *part)
{
    assert_int_equal(ps_input_open(&input, write_text("log.tsv", text), &format, NULL, &err), -PS_EXIT_DATA);
    if (!strstr(err.text, part))
        fail_msg("'%s' is not in: %s", part, err.text);
}

static void test_tsv(void **state)
{
    open_file(fixture("shop.tsv"), (struct ps_input_format){0});
    next_is("ann", "lamp", "view", 100000);
    next_is("ann", "lamp", "buy", 110000);
    assert_int_equal(ps_fields_line(ps_input_fields(input)), 3);
    ps_input_close(input);
}

static void test_inter(void **state)
{
    open_file(fixture("shop.inter"), (struct ps_input_format){0});
    next_is("ann", "lamp", "view", 100250);
    next_is("ann", "lamp", "buy", 110500);
    end_is_next();
}

static void test_csv(void **state)
{
    open_file(fixture("shop.csv"), (struct ps_input_format){0});
    next_is("ann", "lamp, small", "view", 100000);
    next_is("bob", "sofa", "buy", 150000);
    assert_int_equal(ps_fields_line(ps_input_fields(input)), 3);
    end_is_next();
}

static void test_bad_quotes(void **state)
{
    open_file(write_text("a.csv", "user,item\n\"a\"b,c\n\"d\",e\nf,\"g\nh,i\n"), (struct ps_input_format){0});
    next_is_bad("text behind a closing quote");
    next_is("d", "e", NULL, 0);
    next_is_bad("a quote that does not end");
    assert_int_equal(ps_fields_line(ps_input_fields(input)), 4);
    end_is_next();
}

/* A quote in a TSV is a character like any other. */
static void test_quotes_in_tsv(void **state)
{
    open_file(write_text("a", "user\titem\n\"a\tb\"\n"), (struct ps_input_format){0});
    next_is("\"a", "b\"", NULL, 0);
    end_is_next();
}

static void test_bad_lines(void **state)
{
    open_file(write_text(
                  "a", "user\titem\ttime\nu\ti\n\nu\ti\t1\t2\n\ti\t1\nu\t\t1\nu\ti\t\nu\ti\tx\nu\ti\tnan\nu\ti\t0x1p3\n"
                       "u\ti\t1600000000000\nu\ti\t99999999999999999999\nu\ti\t7\n"),
              (struct ps_input_format){0});
    next_is_bad("2 columns where there should be 3");
    assert_int_equal(ps_fields_line(ps_input_fields(input)), 2);
    next_is_bad("4 columns where there should be 3");
    assert_int_equal(ps_fields_line(ps_input_fields(input)), 4);
    next_is_bad("no user");
    next_is_bad("no item");
    next_is_bad("'' is not a time");
    next_is_bad("'x' is not a time");
    next_is_bad("'nan' is not a time");
    next_is_bad("'0x1p3' is not a time");
    next_is_bad("time 1600000000000 is beyond the year 5138; if it is in milliseconds, say --time-unit ms");
    next_is_bad("time 99999999999999999999 is beyond the year 5138; if it is in milliseconds, say --time-unit ms");
    next_is("u", "i", NULL, 7000);
    end_is_next();
}

static void test_times(void **state)
{
    open_file(write_text("a", "user\titem\ttime\nu\ti\t-1\nu\ti\t1.5\nu\ti\t-0.0015\nu\ti\t1e3\n"),
              (struct ps_input_format){0});
    next_is("u", "i", NULL, -1000);
    next_is("u", "i", NULL, 1500);
    next_is("u", "i", NULL, -2); /* rounded down */
    next_is("u", "i", NULL, 1000000);
    end_is_next();
    open_file(write_text("a", "user\titem\ttime\nu\ti\t1600000000123\nu\ti\t1.5\n"),
              (struct ps_input_format){.milliseconds = true});
    next_is("u", "i", NULL, 1600000000123);
    next_is("u", "i", NULL, 1);
    end_is_next();
    open_file(write_text("a", "user\titem\ttime\nu\ti\t2018-03-01 13:09:03\nu\ti\t2020-02-29\nu\ti\t1969-12-31T23:59:59Z\n"
                              "u\ti\t2019-02-29\nu\ti\t2018-03-01 24:00:00\nu\ti\t2018-03-01 13:09\nu\ti\t2018-03-01Z13:09:03\n"),
              (struct ps_input_format){.milliseconds = true}); /* dates need no unit */
    next_is("u", "i", NULL, INT64_C(1519909743000));
    next_is("u", "i", NULL, INT64_C(1582934400000));
    next_is("u", "i", NULL, -1000);
    next_is_bad("'2019-02-29' is not a time");
    next_is_bad("'2018-03-01 24:00:00' is not a time");
    next_is_bad("'2018-03-01 13:09' is not a time");
    next_is_bad("'2018-03-01Z13:09:03' is not a time");
    end_is_next();
}

static void test_columns(void **state)
{
    struct ps_input_format named = {.column = {"buyer", "Thing"}};
    open_file(write_text("a", "user,item,buyer,thing\n1,2,3,4\n"), named);
    next_is("3", "4", NULL, 0);
    end_is_next();

    struct ps_input_format headless = {.columns = "user,item,category,type,timestamp"};
    open_file(write_text("a", "1,2,3,pv,4\n5,6,7,buy,8\n"), headless);
    next_is("1", "2", "pv", 4000);
    next_is("5", "6", "buy", 8000);
    end_is_next();
    open_file(write_text("a", "1\t2\t3\tpv\t4\n"), headless);
    next_is("1", "2", "pv", 4000);
    end_is_next();

    refused("a\tb\n", (struct ps_input_format){0}, "log.tsv:1: no column for the user among 'a', 'b'; name it with");
    refused("user\tb\n", (struct ps_input_format){0}, "no column for the item among");
    refused("user\titem\n", (struct ps_input_format){.column = {"who"}}, "no column is named 'who'; there are 'user'");
    refused("user\titem\n", (struct ps_input_format){.column = {NULL, NULL, NULL, "when"}}, "named 'when'");
    refused("user\titem\n", (struct ps_input_format){.column = {"item"}},
            "column 2 cannot be both the user and the item");
    refused("", (struct ps_input_format){0}, "is empty");
    refused("\"user,item\n", (struct ps_input_format){0}, "a quote that does not end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_tsv),        FOLDER_TEST(test_inter),         FOLDER_TEST(test_csv),
        FOLDER_TEST(test_bad_quotes), FOLDER_TEST(test_quotes_in_tsv), FOLDER_TEST(test_bad_lines),
        FOLDER_TEST(test_times),      FOLDER_TEST(test_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
