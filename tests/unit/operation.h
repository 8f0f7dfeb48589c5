/* operation.h - an operation of the tape under test, described once: its gradient is checked in double precision
 * (operation_check.h), its bits in float (test_nn_width.c).
 */
#ifndef PS_TEST_OPERATION_H
#define PS_TEST_OPERATION_H

#include "worker/nn/kernels.h"
#include "worker/nn/tape.h"

enum { MAX_INPUTS = 12, MAX_OUTPUTS = 3, MAX_OUTPUT = 1024 }; /* the last one: elements of all outputs together */

/* An operation under test: the shapes of its inputs, and how it is applied to them. Rows tables are inputs too. */
struct operation {
    const char *name;
    int shape[MAX_INPUTS][2];                                                          /* ended by 0 rows */
    int (*apply)(struct nn_tape *tape, struct nn_tensor **in, struct nn_tensor **out); /* returns how many outputs */
    double low, high;                                                                  /* the inputs' range */
};

#define ONE(expression)                                                                                                \
    do {                                                                                                               \
        out[0] = (expression);                                                                                         \
        return 1;                                                                                                      \
    } while (0)
#define OPERATION(name) static int name(struct nn_tape *tape, struct nn_tensor **in, struct nn_tensor **out)

#endif
