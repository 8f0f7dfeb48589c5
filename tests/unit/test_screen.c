/* test_screen.c - texts keep within a screen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/screen.h"
#include "common/base.h"

static void texts_keep_within_a_screen(void **state)
{
    static const char text[] = "straggler: worker, process 123456 on a.rather.long.name.of.a.host: 1234.5 s left for its lanes";
    for (int columns = 0; columns < 120; columns += 20) {
        struct ps_screen screen = {.columns = columns};
        char *out = NULL, *joined = ps_strdup("");
        size_t size = 0;
        FILE *to = open_memstream(&out, &size);
        int lines = ps_screen_print(&screen, to, "%s", text), seen = 0;
        fclose(to);
        for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"), seen++) {
            size_t longest = 0, indent = strspn(line, " ");
            for (const char *word = line + indent; *word; word += strcspn(word, " "), word += strspn(word, " "))
                longest = longest > strcspn(word, " ") ? longest : strcspn(word, " ");
            assert_true(!columns || strlen(line) <= (size_t)columns || longest + indent == strlen(line));
            char *more = ps_format("%s%s%s", joined, *joined ? " " : "", line + indent);
            free(joined);
            joined = more;
        }
        assert_string_equal(joined, text); /* nothing is lost */
        assert_int_equal(lines, seen);
        assert_true(columns || lines == 1);
        free(out), free(joined);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts_keep_within_a_screen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
