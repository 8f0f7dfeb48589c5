/* kernels.h - the arithmetic inside vector loops: exponential, logarithm, dot product.
 *
 * They are our own in float because the C library picks its exponential by the processor it runs on, and a training
 * step must give the same bits on every machine; and because a loop over them becomes vector code. In double (the
 * gradient checks) they are the C library's.
 */
#ifndef PS_NN_KERNELS_H
#define PS_NN_KERNELS_H

#include "common/vector.h"
#include "worker/nn/nn.h"

#include <math.h>
#include <string.h>

#ifdef NN_DOUBLE
static inline double nn_exp(double x)
{
    return exp(x);
}

static inline double nn_log1p(double x)
{
    return log1p(x);
}
#else
/* e^x for x in [-87, 88], clamped outside; NaN stays NaN. Relative error below 2^-22.
 * x = n log 2 + r with |r| <= log(2)/2; e^r by the minimax polynomial of the Cephes library (Moshier), times 2^n. */
PS_INLINE float nn_exp(float x)
{
    x = x > 88.0f ? 88.0f : x;
    x = x < -87.0f ? -87.0f : x;
    const float magic = 12582912.0f; /* 1.5 x 2^23: adding it rounds to a whole number, kept in the low bits */
    float shifted = x * 1.44269504088896341f + magic;
    float n = shifted - magic;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (int32_t)((uint32_t)bits << 23) + 0x3f800000; /* 2^n: the low bits of `shifted` are n */
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/* log(1 + x) for x in [0, 1]: 2 artanh(s) with s = x / (2 + x) <= 1/3, eight terms. Relative error below 2^-22. */
PS_INLINE float nn_log1p(float x)
{
    float s = x / (2.0f + x), t = s * s;
    float p = 1.0f / 15;
    p = p * t + 1.0f / 13;
    p = p * t + 1.0f / 11;
    p = p * t + 1.0f / 9;
    p = p * t + 1.0f / 7;
    p = p * t + 1.0f / 5;
    p = p * t + 1.0f / 3;
    return 2.0f * (s + s * t * p);
}
#endif

/* 1 / (1 + e^-z), from e = e^-|z|. */
PS_INLINE real nn_logistic(real z, real e)
{
    return (z < 0 ? e : (real)1) / (1 + e);
}

PS_INLINE real nn_abs(real x)
{
    return x < 0 ? -x : x;
}

/* Eight numbers, wherever they lie: one register on most processors, the half of one or two on others, with the same result.
 * (Where sixteen are not one register, GCC 12 keeps them in memory.) Passed by address: by value, how would depend on the clone. */
enum { NN_EIGHT = 8, NN_SUMS = 2 * NN_EIGHT };
typedef real nn_eight __attribute__((vector_size(NN_EIGHT * sizeof(real)), aligned(sizeof(real)), may_alias));

PS_INLINE const nn_eight *nn_eight_at(const real *x)
{
    return (const nn_eight *)x;
}

/* Sixteen partial sums of a dot product. */
struct nn_sums {
    nn_eight low, high;
};

/* Their sum, pairwise: the same for any width of vector registers. */
PS_INLINE real nn_total(const struct nn_sums *s)
{
    typedef real four __attribute__((vector_size(4 * sizeof(real))));
    nn_eight eight = s->low + s->high;
    four a, b;
    memcpy(&a, &eight, sizeof a);
    memcpy(&b, (const char *)&eight + sizeof a, sizeof b);
    a += b;
    return (a[0] + a[2]) + (a[1] + a[3]);
}

/* The first n < 16 numbers of x, then zeros. */
PS_INLINE const real *nn_padded(const real *x, int n, real *padded)
{
    memset(padded, 0, NN_SUMS * sizeof *padded);
    memcpy(padded, x, (size_t)n * sizeof *x);
    return padded;
}

/* s += a * b, sixteen products. */
PS_INLINE void nn_sums_dot(struct nn_sums *s, const real *a, const real *b)
{
    s->low += *nn_eight_at(a) * *nn_eight_at(b);
    s->high += *nn_eight_at(a + NN_EIGHT) * *nn_eight_at(b + NN_EIGHT);
}

/* s += a * (p * q), sixteen products. */
PS_INLINE void nn_sums_dot3(struct nn_sums *s, const real *a, const real *p, const real *q)
{
    s->low += *nn_eight_at(a) * (*nn_eight_at(p) * *nn_eight_at(q));
    s->high += *nn_eight_at(a + NN_EIGHT) * (*nn_eight_at(p + NN_EIGHT) * *nn_eight_at(q + NN_EIGHT));
}

/* a . b */
PS_INLINE real nn_dot(const real *a, const real *b, int n)
{
    struct nn_sums s = {0};
    real rest[2][NN_SUMS];
    int i = 0;
    for (; i + NN_SUMS <= n; i += NN_SUMS)
        nn_sums_dot(&s, a + i, b + i);
    if (i < n)
        nn_sums_dot(&s, nn_padded(a + i, n - i, rest[0]), nn_padded(b + i, n - i, rest[1]));
    return nn_total(&s);
}

#endif
