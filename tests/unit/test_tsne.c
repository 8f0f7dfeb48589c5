/* test_tsne.c - maps: groups that are apart stay apart, whatever their scale; few vectors, and vectors that are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "cli/tsne.h"
#include "common/base.h"
#include "common/random.h"

enum { GROUPS = 3, EACH = 20, COUNT = GROUPS * EACH, SPACE = 10 };

/* Vector i is of group i % GROUPS: noise around one axis. */
static void draw(double scale, float *x)
{
    struct ps_random random = ps_random_stream(1, PS_RANDOM_TEST, 0, 0, 0);
    for (int i = 0; i < COUNT; i++)
        for (int k = 0; k < SPACE; k++)
            x[i * SPACE + k] = (float)(scale * ((k == i % GROUPS ? 8 : 0) + ps_random_normal(&random)));
}

static double apart(const double *y, int i, int j)
{
    return hypot(y[2 * i] - y[2 * j], y[2 * i + 1] - y[2 * j + 1]);
}

static void test_groups(void **state)
{
    static float x[COUNT * SPACE];
    static double y[2 * COUNT], again[2 * COUNT];
    for (double scale = 1e-3; scale < 2e3; scale *= 1e6) {
        draw(scale, x);
        ps_tsne(x, COUNT, SPACE, 8, 500, 7, y);
        for (int i = 0; i < COUNT; i++) {
            int nearest = !i;
            for (int j = 0; j < COUNT; j++)
                if (j != i && apart(y, i, j) < apart(y, i, nearest))
                    nearest = j;
            assert_int_equal(nearest % GROUPS, i % GROUPS);
        }
        ps_tsne(x, COUNT, SPACE, 8, 500, 7, again);
        assert_memory_equal(again, y, sizeof y);
    }
}

/* What is near stays near; two vectors, and vectors without any distance, have places, too. */
static void test_few(void **state)
{
    const float x[] = {0, 0, 0, 0.1f, 9, 9, 9, 9.1f};
    double y[8];
    ps_tsne(x, 4, 2, 30, 500, 1, y);
    assert_true(apart(y, 0, 1) < apart(y, 0, 2) && apart(y, 2, 3) < apart(y, 1, 3));
    ps_tsne(x, 2, 2, 30, 100, 1, y);
    assert_true(isfinite(y[0]) && isfinite(y[3]));
    const float same[12] = {0};
    ps_tsne(same, 4, 3, 30, 500, 1, y);
    for (int k = 0; k < 8; k++)
        assert_true(isfinite(y[k]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_groups), cmocka_unit_test(test_few)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
