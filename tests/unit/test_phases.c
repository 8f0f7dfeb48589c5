/* test_phases.c - a clock of phases divides the time, without gaps or overlaps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/phases.h"

static void spend(double seconds)
{
    for (double end = ps_now() + seconds; ps_now() < end;)
        ;
}

static void phases_divide_the_time(void **state)
{
    struct ps_phase_clock clock = {0};
    ps_phase_enter(&clock, PS_PHASE_TAKE);
    double began = clock.since;
    for (int i = 0; i < 5; i++) {
        spend(0.002);
        enum ps_phase before = ps_phase_enter(&clock, PS_PHASE_APPLY); /* an inner part goes back */
        spend(0.001);
        assert_int_equal(before, PS_PHASE_TAKE);
        assert_int_equal(ps_phase_enter(&clock, before), PS_PHASE_APPLY);
        assert_int_equal(ps_phase_enter(&clock, PS_PHASE_TAKE), PS_PHASE_TAKE); /* it is in it already */
    }
    ps_phase_enter(&clock, PS_PHASE_IDLE);
    double sum = 0;
    for (int p = 0; p < PS_PHASES; p++)
        sum += clock.seconds[p];
    assert_true(fabs(sum - (clock.since - began)) < 1e-9);
    assert_true(clock.seconds[PS_PHASE_TAKE] >= 0.010 && clock.seconds[PS_PHASE_APPLY] >= 0.005);
    assert_true(clock.seconds[PS_PHASE_TAKE] + clock.seconds[PS_PHASE_APPLY] == sum);
}

static void every_phase_has_a_name_of_its_own(void **state)
{
    for (int p = 0; p < PS_PHASES; p++) {
        assert_true(ps_phase_of_worker((enum ps_phase)p) || ps_phase_of_server((enum ps_phase)p));
        assert_true(*ps_phase_meaning((enum ps_phase)p));
        for (int q = 0; q < p; q++)
            assert_string_not_equal(ps_phase_name((enum ps_phase)p), ps_phase_name((enum ps_phase)q));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(phases_divide_the_time), cmocka_unit_test(every_phase_has_a_name_of_its_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
