/* test_tabulate.c - a table's outputs: means and spreads worked by hand, every format, pictures that are well-formed XML. */
#include "experiment_fixture.h"

#include <ctype.h>
#include <math.h>

#include "cli/plot.h"
#include "cli/tabulate.h"

static struct ps_experiment e;
static struct ps_results *results;

static int make_results(void **state)
{
    make_folder(state);
    assert_int_equal(load_table(&e, HEAD COLUMNS ROWS "figure: {x: columns, rows: [one, rule]}\n", false), 0);
    results = ps_calloc(1, sizeof *results);
    results->experiment = &e;
    snprintf(results->protocol, sizeof results->protocol, "383 test targets");
    struct ps_entry *one = &results->entry[0][0];
    one->trials = 6;
    one->failed = 1;
    one->epochs = 4;
    one->runs = 2;
    one->settings = ps_strdup("optimizer.lr=0.5 model.loss_weights=[5, 1]");
    one->value[0][0] = 0.1, one->value[0][1] = 0.3; /* mean 0.2, deviation 0.1414, standard error 0.1 */
    one->value[1][0] = one->value[1][1] = 0.5;
    snprintf(results->entry[1][0].absent, sizeof results->entry[1][0].absent, "every trial failed");
    results->entry[2][0].runs = 1;
    results->entry[2][0].value[0][0] = 0.25;
    for (int r = 0; r < 3; r++)
        for (int c = 1; c < 4; c++)
            snprintf(results->entry[r][c].absent, sizeof results->entry[r][c].absent, "not public");
    return 0;
}

static int free_results(void **state)
{
    ps_results_fini(results);
    free(results);
    ps_experiment_free(&e);
    return remove_folder(state);
}

static char *print(void (*writer)(const struct ps_results *, FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    writer(results, to);
    fclose(to);
    return text;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text);
}

static void test_means(void **state)
{
    double mean, spread;
    ps_results_mean(results, 0, 0, 0, &mean, &spread);
    assert_true(fabs(mean - 0.2) < 1e-12 && fabs(spread - sqrt(0.02)) < 1e-12);
    e.standard_error = true;
    ps_results_mean(results, 0, 0, 0, &mean, &spread);
    assert_true(fabs(spread - 0.1) < 1e-12);
    e.standard_error = false;
    ps_results_mean(results, 2, 0, 0, &mean, &spread);
    assert_true(mean == 0.25 && spread == 0);
    ps_results_mean(results, 1, 0, 0, &mean, &spread);
    assert_true(isnan(mean) && spread == 0);
}

static void test_text(void **state)
{
    char *text = print(ps_results_text);
    has(text, "A & B\n");
    has(text, "383 test targets\n");
    has(text, "8 trials a row (successive halving, 8 epochs at most), seed 3;");
    has(text, "Trained with the seeds 1, 2; mean ±standard deviation.");
    has(text, "one   paper  0.5             -             \n"
              "      ours   0.2000 ±0.1414  0.5000        \n"
              "two   ours   n/a             n/a           \n"
              "rule  ours   0.2500          0.0000        \n");
    has(text, "n/a in none: not public.\n");
    has(text, "one, all: 1 of 6 trials failed.\n");
    has(text, "n/a in row two, all: every trial failed.\n");
    free(text);
}

static void test_markdown(void **state)
{
    char *text = print(ps_results_markdown);
    has(text, "\n| | | all: HR@10 | all: NDCG@50 | few: HR@10 | half: HR@10 | none: HR@10 |\n|---|---|---|---|---|---|---|\n"
              "| one | paper | 0.5 |  | 0.25 | 0.1 | 7 |\n|  | ours | 0.2000 ±0.1414 | 0.5000 | n/a | n/a | n/a |\n| two | ours | n/a |");
    free(text);
}

static void test_tsv(void **state)
{
    char *text = print(ps_results_tsv), *rest = text, *line;
    int lines = 0;
    has(text, "one\tall\thr@10\t0.5\t0.20000000\t0.14142136\t2\t4\toptimizer.lr=0.5 model.loss_weights=[5, 1]\t6\t1\t\n");
    has(text, "two\tall\thr@10\t\tn/a\t\t0\t0\t\t0\t0\tevery trial failed\n");
    while ((line = strsep(&rest, "\n")) && *line) {
        int tabs = 0;
        for (; *line; line++)
            tabs += *line == '\t';
        assert_int_equal(tabs, 11);
        lines++;
    }
    assert_int_equal(lines, 1 + 3 * 5);
    free(text);
}

/* Tags that match, attributes in quotes, no bare & or <: enough of XML to see a broken document. */
static void assert_well_formed(const char *at)
{
    char open[64][32];
    int depth = 0, elements = 0;
    while (*at) {
        if (*at == '&') {
            size_t length = strcspn(at, ";");
            assert_true(at[length] == ';' && length > 1 && length < 7);
        }
        if (*at++ != '<')
            continue;
        bool closing = *at == '/', declaration = *at == '?';
        at += closing || declaration;
        size_t length = 0;
        while (isalnum((unsigned char)at[length]))
            length++;
        assert_true(length > 0 && length < 32);
        if (closing) {
            assert_true(depth > 0);
            assert_int_equal(strlen(open[depth - 1]), length);
            assert_memory_equal(open[--depth], at, length);
        } else if (!declaration) {
            assert_true(depth < 64);
            snprintf(open[depth++], 32, "%.*s", (int)length, at);
            elements++;
        }
        for (at += length; *at != '>'; at++) {
            assert_true(*at && *at != '<');
            if (*at == '"') {
                at++;
                for (; *at != '"'; at++)
                    assert_true(*at && *at != '<');
            }
        }
        if (at[-1] == '/' && !closing)
            depth--;
    }
    assert_int_equal(depth, 0);
    assert_true(elements > 10);
}

static char *svg(int number, char name[64])
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    ps_results_svg(results, number, name, to);
    fclose(to);
    return text;
}

static void test_figure(void **state)
{
    char name[64];
    assert_int_equal(ps_results_figures(results), 2);
    char *text = svg(0, name);
    assert_string_equal(name, "figure-hr@10");
    assert_well_formed(text);
    has(text, ">A &amp; B</text>");
    has(text, ">one</text>");
    has(text, ">rule</text>");
    assert_null(strstr(text, ">two</text>"));
    assert_null(strstr(text, "nan"));
    free(text);

    struct ps_point *point = ps_calloc(2, sizeof *point);
    point[0] = (struct ps_point){.epoch = 2, .hr = 0.1, .ndcg = 0.05};
    point[1] = (struct ps_point){.epoch = 4, .hr = 0.2, .ndcg = 0.06};
    results->entry[0][0].curve = (struct ps_curve){.point = point, .points = 2};
    e.axis = PS_AXIS_EPOCHS;
    text = svg(1, name);
    assert_string_equal(name, "figure-ndcg@10");
    assert_well_formed(text);
    has(text, ">epochs</text>");
    free(text);
}

static void test_plot(void **state)
{
    static const double length[] = {1, 0.07, 250, 6, 6.1}, step[] = {0.2, 0.02, 50, 1, 2};
    for (size_t i = 0; i < PS_COUNT(step); i++)
        assert_true(fabs(ps_plot_step(length[i], 6) / step[i] - 1) < 1e-9);
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    ps_plot_text("<a & \"b\" 'c'\t>", to);
    fclose(to);
    assert_string_equal(text, "&lt;a &amp; &quot;b&quot; &apos;c&apos; &gt;");
    free(text);
    /* Nothing to show, one point, and many series. */
    const double x[] = {1}, y[] = {0.5};
    struct ps_series series[20];
    for (int i = 0; i < 20; i++)
        series[i] = (struct ps_series){.name = "s", .points = 1, .x = x, .y = y};
    for (int count = 0; count <= 20; count += 10) {
        to = open_memstream(&text, &size);
        ps_plot_svg(&(struct ps_plot){.title = "t", .x_label = "x", .y_label = "y", .series = series, .count = count}, to);
        fclose(to);
        assert_well_formed(text);
        assert_null(strstr(text, "nan"));
        assert_null(strstr(text, "inf"));
        free(text);
    }
}

#define RESULTS_TEST(function) cmocka_unit_test_setup_teardown(function, make_results, free_results)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESULTS_TEST(test_means), RESULTS_TEST(test_text),   RESULTS_TEST(test_markdown),
        RESULTS_TEST(test_tsv),   RESULTS_TEST(test_figure), cmocka_unit_test(test_plot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
