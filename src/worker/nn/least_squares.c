/* least_squares.c - a row of implicit least squares by the conjugate gradient method; see nn.h.
 *
 * The normal equations A x = b with A = gram + lambda I + alpha sum_k y_k y_k^T and b = (1 + alpha) sum_k y_k are never written
 * down: the method needs A only times a vector.
 */
#include "common/vector.h"
#include "worker/nn/kernels.h"
#include "worker/nn/tape.h"

#include <string.h>

struct equations {
    const real *gram;
    const real *const *y;
    int n, width;
    real alpha, lambda;
};

/* out = A v */
PS_VECTOR static void multiply(const struct equations *e, const real *v, real *restrict out)
{
    for (int j = 0; j < e->width; j++)
        out[j] = nn_dot(e->gram + (size_t)j * (size_t)e->width, v, e->width) + e->lambda * v[j];
    for (int k = 0; k < e->n; k++) {
        real factor = e->alpha * nn_dot(e->y[k], v, e->width);
        for (int j = 0; j < e->width; j++)
            out[j] += factor * e->y[k][j];
    }
}

/* out = b */
PS_VECTOR static void right_side(const struct equations *e, real *restrict out)
{
    for (int j = 0; j < e->width; j++)
        out[j] = 0;
    for (int k = 0; k < e->n; k++)
        for (int j = 0; j < e->width; j++)
            out[j] += (1 + e->alpha) * e->y[k][j];
}

PS_VECTOR static real dot(const real *a, const real *b, int n)
{
    return nn_dot(a, b, n);
}

/* to = first * to + second * x */
PS_VECTOR static void blend(real *restrict to, const real *restrict x, real first, real second, int n)
{
    for (int j = 0; j < n; j++)
        to[j] = first * to[j] + second * x[j];
}

double nn_least_squares(struct nn_tape *tape, const real *gram, const real *const *y, int n, int width, real alpha, real lambda,
                        int steps, real *x)
{
    const struct equations e = {gram, y, n, width, alpha, lambda};
    size_t bytes = (size_t)width * sizeof(real);
    real *ax = nn_tape_alloc(tape, bytes), *residual = nn_tape_alloc(tape, bytes), *direction = nn_tape_alloc(tape, bytes);
    multiply(&e, x, ax);
    right_side(&e, residual); /* b, so far */
    double before = (double)(dot(x, ax, width) - lambda * dot(x, x, width) - 2 * dot(residual, x, width)) + (double)n * (double)(1 + alpha);
    blend(residual, ax, 1, -1, width);
    memcpy(direction, residual, bytes);
    real square = dot(residual, residual, width);
    for (int s = 0; s < steps && square > (real)1e-20; s++) {
        multiply(&e, direction, ax);
        real length = square / dot(direction, ax, width), last = square;
        blend(x, direction, 1, length, width);
        blend(residual, ax, 1, -length, width);
        square = dot(residual, residual, width);
        blend(direction, residual, square / last, 1, width);
    }
    return before;
}
