/* test_experiment.c - tables of experiments: what a file says, what is refused in which line, and what a search draws. */
#include "experiment_fixture.h"

#include <dirent.h>
#include <math.h>

#include "cli/search.h"

static struct ps_experiment e;
static struct ps_config config;

static int free_table(void **state)
{
    ps_experiment_free(&e);
    return remove_folder(state);
}

#define TABLE_TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, free_table)

static void test_table(void **state)
{
    assert_int_equal(load_table(&e, HEAD COLUMNS ROWS QUICK, false), 0);
    assert_string_equal(e.name, "table");
    assert_string_equal(e.title, "A & B");
    assert_int_equal(e.seeds, 2);
    assert_int_equal(e.budget.trials, 8);
    assert_int_equal(e.rows, 3);
    assert_int_equal(e.columns, 4);
    assert_int_equal(e.column[2].data, 1);
    assert_string_equal(e.column[3].missing, "not public");
    assert_true(ps_experiment_same_trials(&e, 0, 1));
    assert_false(ps_experiment_same_trials(&e, 0, 2));
    assert_string_equal(ps_experiment_paper(&e, 0, 0, 0), "0.5");
    assert_null(ps_experiment_paper(&e, 0, 0, 1));
    assert_string_equal(ps_experiment_paper(&e, 0, 2, 0), "0.1");
    assert_null(ps_experiment_paper(&e, 1, 0, 0));
    /* Rows go over columns, these over the table. */
    assert_int_equal(ps_experiment_config(&e, 0, 2, true, &config, &err), 0);
    assert_int_equal(config.train.batch, 256);
    assert_int_equal(config.model.embedding, 8);
    assert_int_equal(config.early_stop.k, 10);
    assert_int_equal(config.eval.k_count, 2);
    assert_int_equal(config.eval.k[1], 50);
    assert_int_equal(ps_experiment_config(&e, 1, 0, true, &config, &err), 0);
    assert_int_equal(config.train.batch, 512);
    assert_int_equal(config.eval.users, 0);
}

/* Two tests of what is trained on the same data: one search serves both. */
static void test_trials(void **state)
{
    static const char data[] = "data:\n  a: {prepare: [log.tsv], tune: [--test, none], final: [--test, old.tsv]}\n"
                               "  b: {prepare: [log.tsv], tune: [--test, none], final: [--test, new.tsv]}\n"
                               "  c: {prepare: [log.tsv], tune: [--test, last], final: [--test, new.tsv]}\n";
    static const char columns[] = "columns:\n  - {name: old, data: a, metrics: [hr@10]}\n  - {name: new, data: b, metrics: [hr@10]}\n"
                                  "  - {name: other, data: c, metrics: [hr@10]}\n";
    char *text = ps_format("title: T\n%s%srows:\n  - {name: one, model: bpr}\n", data, columns);
    assert_int_equal(load_table(&e, text, false), 0);
    free(text);
    assert_true(ps_experiment_same_trials(&e, 0, 1));
    assert_false(ps_experiment_same_trials(&e, 0, 2));
}

static void test_quick(void **state)
{
    assert_int_equal(load_table(&e, HEAD COLUMNS ROWS QUICK, true), 0);
    assert_string_equal(e.name, "table-quick");
    assert_int_equal(e.seeds, 1);
    assert_int_equal(e.seed[0], 9);
    assert_int_equal(e.budget.trials, 2);
    assert_int_equal(e.budget.epochs, 2);
    assert_int_equal(e.budget.halving, 2); /* what it does not say is the table's */
    assert_int_equal(ps_experiment_config(&e, 0, 0, false, &config, &err), 0);
    assert_int_equal(config.eval.users, 100);
}

/* Every refusal names the line. */
static void test_refusals(void **state)
{
    static const struct {
        const char *text, *sentence;
    } wrong[] = {
        {"titel: x\n" HEAD COLUMNS ROWS, ":1: a table has no key 'titel'; did you mean 'title'?"},
        {HEAD COLUMNS "rows:\n  - {name: a}\n", ":15: a row needs a name and a model"},
        {HEAD COLUMNS "rows:\n  - {name: a, model: bpr}\n  - {name: a, model: bpr}\n", ":16: two rows are named 'a'"},
        {HEAD COLUMNS "rows:\n  - {name: a, model: bpr, paper: [1]}\n", ":15: paper has 1 numbers for 5 metrics; write ~ for one that the paper does not have"},
        {HEAD COLUMNS "rows:\n  - name: a\n    model: bpr\n    set:\n      optimizer.rate: 1\n", ":18: optimizer.rate is not a key"},
        {HEAD COLUMNS "rows:\n  - name: a\n    model: bpr\n    space:\n      optimizer.lr: [0.1, -1]\n", ":18: optimizer.lr is '-1', but must be"},
        {HEAD COLUMNS "rows:\n  - name: a\n    model: bpr\n    space: {model.embedding: {log: [4, 64]}}\n", ":17: model.embedding is '18.07', but must be"},
        {HEAD COLUMNS "rows:\n  - name: a\n    model: bpr\n    space: {optimizer.lr: {log: [0, 1]}}\n", "optimizer.lr is a number from"},
        {HEAD COLUMNS "rows:\n  - name: a\n    model: bpr\n    epochs: 3\n    space: {optimizer.lr: [1]}\n", ":18: a row with epochs of its own is not tuned"},
        {HEAD COLUMNS "rows:\n  - name: a\n    model: bpr\n    space: {optimizer.lr: 1}\n", ":17: optimizer.lr is searched among a list of values"},
        {HEAD "columns:\n  - {metrics: [hr10]}\n" ROWS, ":10: 'hr10' is no metric"},
        {HEAD "columns:\n  - {data: shoe, metrics: [auc]}\n" ROWS, ":10: there is no dataset 'shoe' under data"},
        {HEAD "columns:\n  - {group: users_1-2, metrics: [auc]}\nrows: [{name: a, model: bpr}]\n", "eval.user_groups does not make"},
        {HEAD COLUMNS ROWS "figure: {rows: [three]}\n", "there is no row 'three' for the figure"},
        {HEAD COLUMNS ROWS "quick: {search: {epochs: 3}}\n", ":22: epochs (3) is no multiple of every (2), so a trial would end without a validation"},
        {HEAD COLUMNS, ":1: a table has rows"},
    };
    for (size_t i = 0; i < PS_COUNT(wrong); i++) {
        assert_int_equal(load_table(&e, wrong[i].text, i == 14), -PS_EXIT_USAGE);
        if (!strstr(err.text, wrong[i].sentence) || !strstr(err.text, "table.yaml"))
            fail_msg("case %zu: %s", i, err.text);
        ps_experiment_free(&e);
    }
    assert_int_equal(load_table(&e, HEAD COLUMNS ROWS, true), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "has no quick form"));
}

/* A model that this program does not have is no error, and neither are its keys. */
static void test_unknown_model(void **state)
{
    assert_int_equal(load_table(&e, HEAD COLUMNS "rows:\n  - {name: a, model: later, set: {model.later: 3}}\n", false), 0);
}

static void draw(int row, int trial, char *text[PS_EXP_SPACE])
{
    ps_search_draw(&e, row, trial, text);
}

static void free_draw(int row, char *text[PS_EXP_SPACE])
{
    for (int i = 0; i < e.row[row].choices; i++)
        free(text[i]);
}

static void test_draws(void **state)
{
    assert_int_equal(load_table(&e, HEAD COLUMNS ROWS, false), 0);
    assert_int_equal(ps_search_trials(&e, 0), 8);
    assert_int_equal(ps_search_trials(&e, 1), 3); /* there are no more combinations */
    assert_int_equal(ps_search_trials(&e, 2), 1);
    int seen[2][9] = {{0}};
    double sum = 0;
    for (int t = 0; t < 8; t++) {
        char *text[PS_EXP_SPACE], *again[PS_EXP_SPACE];
        draw(0, t, text);
        draw(0, t, again);
        for (int i = 0; i < 3; i++)
            assert_string_equal(text[i], again[i]);
        double lr;
        int negatives;
        assert_int_equal(sscanf(text[0], "optimizer.lr=%lf", &lr), 1);
        assert_true(lr >= 0.01 && lr <= 1);
        sum += log10(lr);
        bool five = !strcmp(text[1], "model.loss_weights=[5, 1]");
        assert_true(five || !strcmp(text[1], "model.loss_weights=[1, 1]"));
        assert_int_equal(sscanf(text[2], "train.negatives=%d", &negatives), 1);
        seen[five][negatives]++;
        free_draw(0, text);
        free_draw(0, again);
    }
    for (int i = 0; i < 2; i++)
        for (int j = 1; j <= 8; j *= 2)
            assert_int_equal(seen[i][j], 1); /* every combination once */
    assert_true(sum / 8 > -1.8 && sum / 8 < -0.2);

    /* The row's name and the seed name the draws. */
    char *one[PS_EXP_SPACE], *other[PS_EXP_SPACE];
    draw(0, 0, one);
    e.budget.seed++;
    draw(0, 0, other);
    assert_string_not_equal(one[0], other[0]);
    free_draw(0, other);
    e.budget.seed--;
    e.row[0].name = "another";
    draw(0, 0, other);
    assert_string_not_equal(one[0], other[0]);
    free_draw(0, one);
    free_draw(0, other);
}

static void test_halving(void **state)
{
    struct ps_exp_budget budget = {.trials = 9, .halving = 3, .epochs = 36, .every = 2};
    static const int nine[3][2] = {{9, 4}, {3, 12}, {1, 36}}, seven[2][2] = {{7, 12}, {2, 36}};
    int alive, epochs;
    assert_int_equal(ps_search_rungs(&budget, 9), 3);
    for (int r = 0; r < 3; r++) {
        ps_search_rung(&budget, 9, r, &alive, &epochs);
        assert_int_equal(alive, nine[r][0]);
        assert_int_equal(epochs, nine[r][1]);
    }
    assert_int_equal(ps_search_rungs(&budget, 7), 2);
    for (int r = 0; r < 2; r++) {
        ps_search_rung(&budget, 7, r, &alive, &epochs);
        assert_int_equal(alive, seven[r][0]);
        assert_int_equal(epochs, seven[r][1]);
    }
    assert_int_equal(ps_search_rungs(&budget, 1), 1);
    ps_search_rung(&budget, 1, 0, &alive, &epochs);
    assert_int_equal(epochs, 36);
    budget.halving = 0;
    assert_int_equal(ps_search_rungs(&budget, 9), 1);
    ps_search_rung(&budget, 9, 0, &alive, &epochs);
    assert_int_equal(alive, 9);
    assert_int_equal(epochs, 36);
    /* A rung ends with a validation, and none is longer than the whole. */
    budget = (struct ps_exp_budget){.trials = 8, .halving = 2, .epochs = 5, .every = 5};
    for (int r = 0; r < ps_search_rungs(&budget, 8); r++) {
        ps_search_rung(&budget, 8, r, &alive, &epochs);
        assert_int_equal(epochs, 5);
    }
}

/* The tables that come with the program, in both forms. */
static void test_conf_tables(void **state)
{
    const char *root = getenv("PENSTOCK_ROOT");
    char *folder = ps_format("%s/conf/tables", root ? root : ".");
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int tables = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strstr(entry->d_name, ".yaml"))
            continue;
        char *path = ps_format("%s/%s", folder, entry->d_name);
        for (int quick = 0; quick < 2; quick++) {
            if (ps_experiment_load(&e, path, quick, &err))
                fail_msg("%s", err.text);
            ps_experiment_free(&e);
        }
        tables++;
        free(path);
    }
    closedir(dir);
    free(folder);
    assert_in_range(tables, 9, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLE_TEST(test_table),         TABLE_TEST(test_trials),  TABLE_TEST(test_quick),   TABLE_TEST(test_refusals),      TABLE_TEST(test_unknown_model),
        TABLE_TEST(test_draws),         cmocka_unit_test(test_halving), cmocka_unit_test(test_conf_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
