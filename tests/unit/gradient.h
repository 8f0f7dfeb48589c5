/* gradient.h - a gradient check that can fail: central differences in double precision against what backward left.
 *
 * An element passes only if |numeric - analytic| <= 1e-8 + 1e-6 max(|numeric|, |analytic|), so that a NaN fails.
 * Gradient buffers are filled with noise beforehand, since gradients are accumulated. Every input must show a
 * derivative that is not zero. Where two step sizes disagree, an input lies near a kink and must be drawn again.
 */
#ifndef PS_TEST_GRADIENT_H
#define PS_TEST_GRADIENT_H

#include "common/base.h"
#include "common/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gradient_input {
    const char *name;
    double *value, *grad;
    size_t n;
};

enum gradient_result { GRADIENT_RIGHT, GRADIENT_WRONG, GRADIENT_ZERO, GRADIENT_KINK };

/* Computes the objective from the inputs' values and, where asked, adds its gradient to the inputs' grad. */
typedef double gradient_objective(void *ctx, bool backward);

static bool gradient_near(double a, double b)
{
    return fabs(a - b) <= 1e-8 + 1e-6 * fmax(fabs(a), fabs(b));
}

static double gradient_numeric(double *x, double step, gradient_objective *objective, void *ctx)
{
    double kept = *x;
    *x = kept + step;
    double above = objective(ctx, false);
    *x = kept - step;
    double below = objective(ctx, false);
    *x = kept;
    return (above - below) / (2 * step);
}

/* `spoil`: the negative control, which scales one element of the analytic gradient by 1.01. */
static inline enum gradient_result gradient_check(struct gradient_input *input, int inputs, gradient_objective *objective,
                                           void *ctx, bool spoil)
{
    struct ps_random r = ps_random_stream(7, PS_RANDOM_TEST, 0, 0, 0);
    double *noise[64], largest = 0, *to_spoil = NULL, spoiled_noise = 0;
    for (int k = 0; k < inputs; k++) {
        noise[k] = malloc(input[k].n * sizeof *noise[k]);
        for (size_t i = 0; i < input[k].n; i++)
            input[k].grad[i] = noise[k][i] = ps_random_unit(&r) - 0.5;
    }
    objective(ctx, true);
    for (int k = 0; k < inputs; k++)
        for (size_t i = 0; i < input[k].n; i++)
            if (fabs(input[k].grad[i] - noise[k][i]) > largest) {
                largest = fabs(input[k].grad[i] - noise[k][i]);
                to_spoil = &input[k].grad[i];
                spoiled_noise = noise[k][i];
            }
    if (spoil && to_spoil)
        *to_spoil = spoiled_noise + (*to_spoil - spoiled_noise) * 1.01;

    enum gradient_result result = GRADIENT_RIGHT;
    for (int k = 0; k < inputs; k++) {
        bool moves = false;
        for (size_t i = 0; i < input[k].n; i++) {
            double analytic = input[k].grad[i] - noise[k][i];
            double numeric = gradient_numeric(&input[k].value[i], 1e-5, objective, ctx);
            double coarse = gradient_numeric(&input[k].value[i], 2e-5, objective, ctx);
            moves |= fabs(numeric) > 1e-7;
            if (fabs(numeric - coarse) > 1e-7 + 1e-4 * fabs(numeric)) {
                result = GRADIENT_KINK;
            } else if (!gradient_near(numeric, analytic) && result == GRADIENT_RIGHT) {
                if (!spoil)
                    print_message("  %s[%zu]: numeric %.12g, analytic %.12g\n", input[k].name, i, numeric, analytic);
                result = GRADIENT_WRONG;
            }
        }
        if (!moves && result == GRADIENT_RIGHT) {
            print_message("  %s: no derivative at all\n", input[k].name);
            result = GRADIENT_ZERO;
        }
        free(noise[k]);
    }
    return result;
}

#endif
