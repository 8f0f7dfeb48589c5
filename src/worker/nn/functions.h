/* functions.h - functions of one number, and reductions of a row, for vector loops: what kernels.h has not.
 *
 * As there: our own in float, so that the bits are those of the arithmetic and of nothing else, and the C library's in double.
 */
#ifndef PS_NN_FUNCTIONS_H
#define PS_NN_FUNCTIONS_H

#include "worker/nn/kernels.h"

#include <float.h>

#ifdef NN_DOUBLE
static inline double nn_tanh_of(double x)
{
    return tanh(x);
}

static inline double nn_log(double x)
{
    return log(x);
}
#else
/* Near 0 by the polynomial of the Cephes library (Moshier), since 1 - e^-2|x| would lose the small ones. Relative error below
 * 2^-22. */
PS_INLINE float nn_tanh_of(float x)
{
    float s = x * x, p = -5.70498872745e-3f;
    p = p * s + 2.06390887954e-2f;
    p = p * s - 5.37397155531e-2f;
    p = p * s + 1.33314422036e-1f;
    p = p * s - 3.33332819422e-1f;
    float small = x + x * (s * p);
    float e = nn_exp(-2 * nn_abs(x)), large = (1 - e) / (1 + e);
    large = x < 0 ? -large : large;
    return nn_abs(x) < 0.625f ? small : large;
}

/* log x for x > 0, by the polynomial of the Cephes library about the power of two that is nearest; below the smallest normal
 * number, that one's. NaN and infinity stay what they are. Relative error below 2^-22. */
PS_INLINE float nn_log(float x)
{
    float normal = x < FLT_MIN ? FLT_MIN : x;
    int32_t bits;
    memcpy(&bits, &normal, sizeof bits);
    int32_t exponent = (bits - 0x3f3504f3) >> 23; /* x = 2^exponent (1 + m) with sqrt(1/2) <= 1 + m < sqrt(2) */
    bits -= (int32_t)((uint32_t)exponent << 23);
    float m;
    memcpy(&m, &bits, sizeof m);
    m -= 1;
    float n = (float)exponent, s = m * m;
    float p = 7.0376836292e-2f;
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    float log1p = m + (p * m * s - 2.12194440e-4f * n - 0.5f * s);
    float result = log1p + 0.693359375f * n;
    return x <= FLT_MAX ? result : x;
}
#endif

/* The sigmoid, or the hard one: min(max(0.2 x + 0.5, 0), 1). A NaN stays one. */
PS_INLINE real nn_squash(real x, bool hard)
{
    if (!hard)
        return nn_logistic(x, nn_exp(-nn_abs(x)));
    real line = (real)0.2 * x + (real)0.5;
    line = line < 0 ? 0 : line;
    return line > 1 ? 1 : line;
}

/* Its derivative, from its value. */
PS_INLINE real nn_squash_slope(real y, bool hard)
{
    if (!hard)
        return y * (1 - y);
    real slope = y > 0 ? (real)0.2 : 0;
    return y < 1 ? slope : 0;
}

/* The largest of n >= 1 numbers; NaNs are passed over. */
PS_INLINE real nn_largest(const real *x, int n)
{
    real top[NN_SUMS];
    int i = 0;
    for (int k = 0; k < NN_SUMS; k++)
        top[k] = -INFINITY;
    for (; i + NN_SUMS <= n; i += NN_SUMS)
        for (int k = 0; k < NN_SUMS; k++)
            top[k] = x[i + k] > top[k] ? x[i + k] : top[k];
    for (int k = 0; i + k < n; k++)
        top[k] = x[i + k] > top[k] ? x[i + k] : top[k];
    for (int half = NN_SUMS / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            top[k] = top[k + half] > top[k] ? top[k + half] : top[k];
    return top[0];
}

/* The sum of n numbers, by sixteen partial ones. */
PS_INLINE real nn_sum_of(const real *x, int n)
{
    struct nn_sums s = {0};
    real rest[NN_SUMS];
    int i = 0;
    for (; i + NN_SUMS <= n; i += NN_SUMS) {
        s.low += *nn_eight_at(x + i);
        s.high += *nn_eight_at(x + i + NN_EIGHT);
    }
    if (i < n) {
        nn_padded(x + i, n - i, rest);
        s.low += *nn_eight_at(rest);
        s.high += *nn_eight_at(rest + NN_EIGHT);
    }
    return nn_total(&s);
}

#endif
