/* test_yaml.c - the tree of nodes: shapes, lines, and what is refused. */
#include "common/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct ps_yaml *root;
static struct ps_error err;

static int load(const char *text)
{
    root = NULL;
    memset(&err, 0, sizeof err);
    return ps_yaml_load_text(text, strlen(text), "a.yaml", PS_EXIT_USAGE, &root, &err);
}

static void refused(const char *text, const char *sentence)
{
    assert_int_equal(load(text), -PS_EXIT_USAGE);
    assert_null(root);
    assert_string_equal(err.text, sentence);
}

static void test_tree(void **state)
{
    assert_int_equal(load("# head\na: 1\nb:\n  c: [x, 'y z']\n  d:\n  - {e: \"\"}\nf:\n"), 0);
    assert_int_equal(root->kind, PS_YAML_MAP);
    assert_int_equal(root->count, 3);
    const struct ps_yaml *a = ps_yaml_get(root, "a"), *b = ps_yaml_get(root, "b");
    assert_int_equal(a->line, 2);
    assert_string_equal(a->key, "a");
    assert_string_equal(a->text, "1");
    assert_int_equal(b->kind, PS_YAML_MAP);
    const struct ps_yaml *c = ps_yaml_get(b, "c"), *d = ps_yaml_get(b, "d");
    assert_int_equal(c->kind, PS_YAML_LIST);
    assert_int_equal(c->count, 2);
    assert_int_equal(c->line, 4);
    assert_string_equal(c->child[1].text, "y z");
    assert_null(c->child[1].key);
    assert_int_equal(d->child[0].line, 6);
    assert_string_equal(ps_yaml_get(&d->child[0], "e")->text, "");
    assert_string_equal(ps_yaml_get(root, "f")->text, "");
    assert_null(ps_yaml_get(root, "g"));
    assert_null(ps_yaml_get(c, "x"));
    ps_yaml_free(root);
}

static void test_nothing_is_an_empty_map(void **state)
{
    const char *texts[] = {"", "\n\n", "# only a comment\n"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(load(texts[i]), 0);
        assert_int_equal(root->kind, PS_YAML_MAP);
        assert_int_equal(root->count, 0);
        ps_yaml_free(root);
    }
}

static void test_refusals(void **state)
{
    refused("a: 1\nb: 2\na: 3\n", "a.yaml:3: a is set twice; it is in line 1 already");
    refused("a: &x 1\nb: *x\n", "a.yaml:1: anchors and tags are not used here; write the plain value");
    refused("a: &x [1]\nb: *x\n", "a.yaml:2: aliases are not used here; write the value again");
    refused("a: &x\n  b: *x\n", "a.yaml:2: aliases are not used here; write the value again");
    refused("a: !!int 1\n", "a.yaml:1: anchors and tags are not used here; write the plain value");
    refused("a: \"x\\0y\"\n", "a.yaml:1: a text must not contain the character NUL");
    refused("? [a]\n: 1\n", "a.yaml:1: a key must be a plain name");
    refused("a: 1\n---\nb: 1\n", "a.yaml:2: a second document; one is enough");
    refused("[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", "a.yaml:1: nested too deeply");
    refused("a: [1\n", "a.yaml:2: not YAML: did not find expected ',' or ']'");
    refused("a: \"open\n", "a.yaml:2: not YAML: found unexpected end of stream");
    assert_int_equal(load("a: \xff\xfe\n"), -PS_EXIT_USAGE);
    assert_int_equal(load("a: [1, {b: [2, 3]}, \n"), -PS_EXIT_USAGE); /* frees what was half built */
}

/* Every prefix and every flipped byte of a document loads or is refused, and nothing leaks or crashes. */
static void test_damage(void **state)
{
    const char text[] = "a: 1\nb:\n  c: [x, 'y z']\n  d:\n  - {e: \"\\x41\"}\n  - - - z\nf: |\n  lines\n  more\n";
    char copy[sizeof text];
    for (size_t size = 0; size < sizeof text; size++)
        if (ps_yaml_load_text(text, size, "a.yaml", PS_EXIT_DATA, &root, &err) == 0)
            ps_yaml_free(root);
    for (size_t i = 0; i < sizeof text - 1; i++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, text, sizeof text);
            copy[i] ^= (char)(1 << bit);
            if (ps_yaml_load_text(copy, sizeof text - 1, "a.yaml", PS_EXIT_DATA, &root, &err) == 0)
                ps_yaml_free(root);
            else
                assert_int_equal(err.code, PS_EXIT_DATA);
        }
}

static void test_files(void **state)
{
    root = NULL;
    assert_int_equal(ps_yaml_load("no/such.yaml", PS_EXIT_USAGE, &root, &err), -PS_EXIT_DATA);
    assert_string_equal(err.text, "cannot open no/such.yaml: No such file or directory");
    assert_int_equal(ps_yaml_load("/", PS_EXIT_USAGE, &root, &err), -PS_EXIT_DATA);
    assert_null(root);

    FILE *file = fopen("yaml-test.yaml", "w");
    assert_non_null(file);
    for (int i = 0; i <= PS_YAML_BYTES / 8; i++)
        fputs("# filler", file);
    fclose(file);
    assert_int_equal(ps_yaml_load("yaml-test.yaml", PS_EXIT_USAGE, &root, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "larger than"));
    unlink("yaml-test.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),     cmocka_unit_test(test_nothing_is_an_empty_map),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
