/* test_nightly.c - the gate's checks at their bounds, a night's summary read back, and the file of settings. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/nightly/gate.h"
#include "common/file.h"

enum { NIGHTS = 4, DAY = 86400 };
static const double NOW = 1000 * DAY;

static char folder[256];
static struct ps_error err;
static struct ps_nightly_settings settings;
static struct ps_night earlier[NIGHTS], tonight;

static const char SETTINGS[] = "nightly: {folder: f, train: t}\nlogs: {behaviours: 'view,buy'}\n";

static const char *write_text(const char *text)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/settings.yaml", folder);
    assert_int_equal(ps_file_write(path, text, strlen(text), &err), 0);
    return path;
}

static struct ps_night_log day_log(int day)
{
    return (struct ps_night_log){.behaviours = 2, .behaviour = {"view", "buy"}, .events = {1000, 100}, .duplicates = {99, 11}, .users = 50, .items = 40,
                                 .new_users = 5, .new_items = 4, .lines = 1100, .first = (990 + day) * DAY, .last = (991 + day) * DAY - 1};
}

/* Three usual nights and one whose log was refused, which must count for nothing; then tonight, as usual. */
static int begin(void **state)
{
    snprintf(folder, sizeof folder, "%s/penstock-test.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(folder) || ps_nightly_load(&settings, write_text(SETTINGS), &err))
        return -1;
    for (int i = 0; i < NIGHTS; i++)
        earlier[i] = (struct ps_night){.stage = PS_NIGHT_DONE, .outcome = PS_NIGHT_PUBLISHED, .examined = true, .log = day_log(i)};
    earlier[1].outcome = PS_NIGHT_REFUSED_LOG;
    earlier[1].log.events[0] = 1;
    earlier[1].log.last = INT64_MAX;
    tonight = (struct ps_night){.examined = true, .log = day_log(NIGHTS), .value = NAN, .production = NAN};
    return 0;
}

static int end(void **state)
{
    return ps_folder_remove(folder, NULL);
}

#define GATE_TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

static const struct ps_check *check_named(const char *name)
{
    for (int i = 0; i < tonight.checks; i++)
        if (!strcmp(tonight.check[i].name, name))
            return &tonight.check[i];
    return NULL;
}

/* Only the named check refuses; NULL: none does. Its sentence holds `part`. */
static void refused(const char *name, const char *part)
{
    tonight.checks = 0;
    ps_gate_log(&settings, earlier, NIGHTS, NOW, &tonight);
    for (int i = 0; i < tonight.checks; i++)
        if (tonight.check[i].passed == (name && !strcmp(tonight.check[i].name, name)))
            fail_msg("'%s' has %spassed: %s", tonight.check[i].name, tonight.check[i].passed ? "" : "not ", tonight.check[i].why);
    const struct ps_check *failure = ps_gate_failure(&tonight);
    assert_true(!failure == !name);
    if (name && !strstr(failure->why, part))
        fail_msg("'%s' is not in: %s", part, failure->why);
}

static void test_usual_log(void **state)
{
    refused(NULL, NULL);
    const char *const names[] = {"volume of view", "volume of buy", "new users", "new items", "duplicates", "begins", "goes on", "ends"};
    assert_int_equal(tonight.checks, PS_COUNT(names));
    for (size_t i = 0; i < PS_COUNT(names); i++)
        assert_non_null(check_named(names[i]));
    assert_true(check_named("volume of view")->value == 1);
}

static void test_volume(void **state)
{
    tonight.log.events[0] = 600;
    refused(NULL, NULL);
    tonight.log.events[0] = 599;
    refused("volume of view", "599 events of view are 0.60 of the usual 1000");
    tonight.log.events[0] = 3000;
    refused(NULL, NULL);
    tonight.log.events[0] = 3001;
    refused("volume of view", "3001 events");
    tonight.log.events[0] = 1000;
    tonight.log.events[1] = 0;
    refused("volume of buy", "0 events of buy");
    /* One night that was odd does not move the median. */
    tonight.log.events[1] = 100;
    earlier[2].log.events[0] = 100000;
    refused(NULL, NULL);
    /* Only the latest count. */
    settings.gate.nights = 1;
    earlier[3].log.events[0] = 10000;
    refused("volume of view", "of the usual 10000");
}

static void test_new_names(void **state)
{
    tonight.log.new_users = 25;
    tonight.log.new_items = 20;
    refused(NULL, NULL);
    tonight.log.new_users = 26;
    refused("new users", "52.0 % of tonight's 50 users are new");
    tonight.log.new_users = 0;
    tonight.log.new_items = 21;
    refused("new items", "52.5 % of tonight's 40 items are new");
}

static void test_duplicates(void **state)
{
    tonight.log.duplicates[0] = 318; /* 329 of 1100: 0.1 and 0.2 */
    refused(NULL, NULL);
    tonight.log.duplicates[0] = 320;
    refused("duplicates", "30.1 % of the events repeat another one, and usually 10.0 %");
}

static void test_times(void **state)
{
    int64_t end_before = earlier[3].log.last;
    tonight.log.first = end_before - 2 * DAY;
    refused(NULL, NULL);
    tonight.log.first--;
    refused("begins", "2.00 days before");
    tonight.log.first = end_before;
    tonight.log.last = end_before + 1;
    refused(NULL, NULL);
    tonight.log.last = end_before;
    refused("goes on", "nothing that is newer");
    tonight.log.last = (int64_t)NOW + DAY;
    refused(NULL, NULL);
    tonight.log.last++;
    refused("ends", "24.00 hours in the future");
}

/* Without a night before there is nothing to compare with, but the clock. */
static void test_first_night(void **state)
{
    ps_gate_log(&settings, earlier, 0, NOW, &tonight);
    assert_int_equal(tonight.checks, 1);
    ps_gate_log(&settings, &earlier[1], 1, NOW, &tonight); /* a refused one is none */
    assert_int_equal(tonight.checks, 2);
    assert_null(ps_gate_failure(&tonight));
    ps_gate_unreadable(&tonight, "no table");
    assert_string_equal(ps_gate_failure(&tonight)->name, "readable");
}

static bool model_passes(double value, double production, double popularity, double carted_first)
{
    tonight.checks = 0;
    tonight.value = value;
    tonight.production = production;
    snprintf(tonight.metric, sizeof tonight.metric, "ndcg@10");
    ps_gate_model(&settings, &(struct ps_gate_floors){popularity, carted_first}, &tonight);
    return !ps_gate_failure(&tonight);
}

static void test_model(void **state)
{
    settings.gate.allowed_drop = 0.25;
    assert_true(model_passes(0.375, 0.5, 0.1, 0.9));
    assert_false(model_passes(0.3749, 0.5, 0.1, 0.9));
    assert_string_equal(tonight.check[0].name, "against production");
    assert_non_null(strstr(tonight.check[0].why, "production's 0.5000 on the same split (-25.0 %)"));
    assert_true(model_passes(0.2, NAN, 0.2, NAN));
    assert_false(model_passes(0.2, NAN, 0.2001, NAN));
    assert_string_equal(ps_gate_failure(&tonight)->name, "above popularity");
    assert_false(model_passes(NAN, NAN, NAN, NAN)); /* nothing was held out */
    assert_false(model_passes(NAN, 0.5, NAN, NAN));
    settings.gate.above = PS_ABOVE_ALL;
    assert_false(model_passes(0.5, 0.5, 0.1, 0.9));
    assert_string_equal(ps_gate_failure(&tonight)->name, "above carted_first");
    settings.gate.above = PS_ABOVE_NONE;
    assert_true(model_passes(0.2, NAN, 0.9, 0.9));
    settings.gate.least = 0.3;
    assert_false(model_passes(0.2, 0.2, 0, 0));
    assert_string_equal(ps_gate_failure(&tonight)->name, "least");
}

/* What is written is read back, also where a log has brought what is no UTF-8; nights are in order, and a number follows 999. */
static void test_summary(void **state)
{
    struct ps_night *night, begun;
    int count;
    refused(NULL, NULL);
    assert_true(model_passes(0.25, 0.125, 0, 0));
    ps_gate_log(&settings, earlier, NIGHTS, NOW, &tonight);
    snprintf(tonight.name, sizeof tonight.name, "2999-01-02-009");
    snprintf(tonight.why, sizeof tonight.why, "a \"line\"\n with \xff \\");
    snprintf(tonight.against, sizeof tonight.against, "2999-01-01-001");
    tonight.outcome = PS_NIGHT_REFUSED_MODEL;
    tonight.stage = PS_NIGHT_TELL;
    char *home = ps_format("%s/nights/%s", folder, tonight.name), *empty = ps_format("%s/nights/2999-01-03-001", folder);
    assert_int_equal(ps_folder_make(home, &err), 0);
    assert_int_equal(ps_folder_make(empty, &err), 0); /* of a start that was killed */
    assert_int_equal(ps_night_write(folder, &tonight, &err), 0);
    if (ps_nights_list(folder, &night, &count, &err))
        fail_msg("%s", err.text);
    assert_int_equal(count, 1);
    assert_string_equal(night->name, tonight.name);
    assert_int_equal(night->stage, PS_NIGHT_TELL);
    assert_int_equal(night->outcome, PS_NIGHT_REFUSED_MODEL);
    assert_string_equal(night->why, "a \"line\"  with ? \\");
    assert_memory_equal(&night->log, &tonight.log, sizeof night->log);
    assert_int_equal(night->checks, tonight.checks);
    for (int i = 0; i < night->checks; i++) {
        assert_string_equal(night->check[i].why, tonight.check[i].why);
        assert_true(fabs(night->check[i].value - tonight.check[i].value) <= 1e-6 * fabs(tonight.check[i].value));
        assert_true(isinf(night->check[i].high) == isinf(tonight.check[i].high) && isinf(night->check[i].low) == isinf(tonight.check[i].low));
        assert_true(night->check[i].passed == tonight.check[i].passed);
    }
    assert_true(night->value == 0.25 && night->production == 0.125);
    /* The clock says an earlier day: tonight is behind the others all the same. */
    assert_int_equal(ps_night_begin(folder, night, count, &begun, &err), 0);
    assert_string_equal(begun.name, "2999-01-02-010");
    assert_true(isnan(begun.value));
    free(night), free(home), free(empty);
}

static void settings_refused(const char *text, const char *part)
{
    struct ps_nightly_settings s;
    assert_int_equal(ps_nightly_load(&s, write_text(text), &err), -PS_EXIT_USAGE);
    if (!strstr(err.text, part))
        fail_msg("'%s' is not in: %s", part, err.text);
}

static void test_settings(void **state)
{
    char metric[32];
    ps_nightly_metric(&settings, metric);
    assert_string_equal(metric, "ndcg@10");
    assert_int_equal(settings.nightly.start, PS_START_WARM);
    settings_refused("nightly: {folder: f, train: t}\n", "logs.behaviours is missing");
    settings_refused("nightly: {folder: f, trian: t}\n", "settings.yaml:1: nightly.trian is not a key; did you mean nightly.train?");
    settings_refused("nightly: {folder: f, train: t}\nlogs: {behaviours: a, options: '--max-bad 5 --out=x'}\n", "logs.options has --out");
    settings_refused("nightly: {folder: f, train: t}\nlogs: {behaviours: a}\ngate: {volume_least: 2, volume_most: 1}\n", "no night could pass");
    settings_refused("nightly: {folder: f, train: t}\nlogs: {behaviours: a}\nlaunch: {servers: 1, hosts: h}\n", "leave one out");
    assert_int_equal(ps_nightly_load(&settings, write_text("nightly: {folder: f, train: t}\nlogs: {behaviours: a, options: '--seed 5'}\n"), &err), 0);
}

/* conf/nightly.yaml is what --keys prints. */
static void test_reference(void **state)
{
    char *path = ps_format("%s/conf/nightly.yaml", getenv("PENSTOCK_ROOT") ? getenv("PENSTOCK_ROOT") : "."), *have, *want = ps_nightly_reference();
    size_t size;
    assert_int_equal(ps_file_read(path, 1 << 20, &have, &size, &err), 0);
    assert_string_equal(have, want);
    free(path), free(have), free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(test_usual_log), GATE_TEST(test_volume),     GATE_TEST(test_new_names), GATE_TEST(test_duplicates), GATE_TEST(test_times),
        GATE_TEST(test_first_night), GATE_TEST(test_model),    GATE_TEST(test_summary),   GATE_TEST(test_settings),   GATE_TEST(test_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
