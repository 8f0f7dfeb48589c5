/* test_nn_session_double.c - the operations of session-based and multi-task models: their gradients against central
 * differences, and their values against small cases by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operation_check.h"
#include "operations_session.h"

static void test_operations(void **state)
{
    for (size_t i = 0; i < PS_COUNT(session_operations); i++)
        operation_check(&session_operations[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
