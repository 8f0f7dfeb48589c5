/* tape_fixture.h - drawn tensors, and values by hand, for tests of the tape in double precision. */
#ifndef PS_TEST_TAPE_FIXTURE_H
#define PS_TEST_TAPE_FIXTURE_H

#include "common/random.h"
#include "worker/nn/tape.h"

static inline void assert_near(const double *got, const double *want, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (!(fabs(got[k] - want[k]) <= 1e-12 * fmax(1, fabs(want[k])))) {
            print_message("  [%zu]: got %.17g, want %.17g\n", k, got[k], want[k]);
            fail();
        }
}

/* Normal numbers in the tape's memory. */
static inline struct nn_tensor *drawn(struct nn_tape *tape, int rows, int cols, uint64_t stream)
{
    size_t n = (size_t)rows * (size_t)cols;
    double *value = nn_tape_alloc(tape, n * sizeof *value), *grad = nn_tape_alloc(tape, n * sizeof *grad);
    struct ps_random r = ps_random_stream(5, PS_RANDOM_TEST, stream, 0, 0);
    for (size_t k = 0; k < n; k++)
        value[k] = ps_random_normal(&r), grad[k] = 0;
    return nn_leaf(tape, rows, cols, value, grad);
}

/* The sum of x's elements times drawn numbers. */
static inline struct nn_tensor *pull_of(struct nn_tape *tape, struct nn_tensor *x, uint64_t stream)
{
    return nn_weighted_sum(tape, nn_reshape(tape, x, 1), drawn(tape, (int)nn_size(x), 1, stream)->value);
}

static inline double sigma(double x)
{
    return 1 / (1 + exp(-x));
}

#endif
