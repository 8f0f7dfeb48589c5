/* tsne.c - see tsne.h. Equations are those of the paper. */
#include "cli/tsne.h"

#include <math.h>
#include <stdlib.h>

#include "common/base.h"
#include "common/random.h"

/* The paper's settings: neighbours pull harder, and steps are damped more, in the beginning. */
enum { EARLY_PULL = 50, EARLY_STEPS = 250, BISECTIONS = 64 };
static const double PULL = 4, RATE = 100, EARLY_MOMENTUM = 0.5, MOMENTUM = 0.8, LEAST_GAIN = 0.01, BEGIN = 1e-4;

static double squared_distance(const float *a, const float *b, int width)
{
    double sum = 0;
    for (int k = 0; k < width; k++)
        sum += ((double)a[k] - b[k]) * ((double)a[k] - b[k]);
    return sum;
}

/* p[j] = e^(-precision (d[j] - the least d)) for j != i; returns the entropy of p as a distribution, and the sum. */
static double conditional(const double *d, int n, int i, double least, double precision, double *p, double *sum)
{
    double moment = 0;
    *sum = 0;
    for (int j = 0; j < n; j++) {
        p[j] = j == i ? 0 : exp(-precision * (d[j] - least));
        *sum += p[j];
        moment += p[j] * (d[j] - least);
    }
    return log(*sum) + precision * moment / *sum;
}

/* Equation 1: p_{j|i} over squared distances d, with the precision whose entropy is that of `perplexity` equal neighbours. */
static void neighbours(const double *d, int n, int i, double perplexity, double *p)
{
    double least = INFINITY, sum = 1, precision = 1, low = 0, high = INFINITY;
    for (int j = 0; j < n; j++)
        least = j == i ? least : PS_MIN(least, d[j]);
    for (int k = 0; k < BISECTIONS; k++) {
        double entropy = conditional(d, n, i, least, precision, p, &sum);
        if (entropy > log(perplexity))
            low = precision;
        else
            high = precision;
        precision = isinf(high) ? 2 * precision : (low + high) / 2;
    }
    for (int j = 0; j < n; j++)
        p[j] /= sum;
}

/* p_ij = (p_{j|i} + p_{i|j}) / 2n, n x n; the caller frees it. */
static double *affinities(const float *x, int n, int width, double perplexity)
{
    size_t size = (size_t)n;
    double *p = ps_calloc(size * size, sizeof *p), *d = ps_calloc(size, sizeof *d);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            d[j] = squared_distance(x + (size_t)i * (size_t)width, x + (size_t)j * (size_t)width, width);
        neighbours(d, n, i, perplexity, p + (size_t)i * size);
    }
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j <= i; j++)
            p[i * size + j] = p[j * size + i] = (p[i * size + j] + p[j * size + i]) / (2.0 * n);
    free(d);
    return p;
}

/* Equation 5: 4 sum_j (pull p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|^2). What pulls and what pushes are summed apart, since the sum that
 * makes distances into the q_ij is known at the end only. */
static void slope(const double *p, int n, double pull, const double *y, double *push, double *grad)
{
    double total = 0;
    for (int i = 0; i < 2 * n; i++)
        push[i] = grad[i] = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) {
            double a = y[2 * i] - y[2 * j], b = y[2 * i + 1] - y[2 * j + 1], near = 1 / (1 + a * a + b * b);
            double together = pull * p[(size_t)i * (size_t)n + (size_t)j] * near, apart = near * near;
            total += 2 * near;
            grad[2 * i] += together * a, grad[2 * i + 1] += together * b;
            grad[2 * j] -= together * a, grad[2 * j + 1] -= together * b;
            push[2 * i] += apart * a, push[2 * i + 1] += apart * b;
            push[2 * j] -= apart * a, push[2 * j + 1] -= apart * b;
        }
    for (int i = 0; i < 2 * n; i++)
        grad[i] = 4 * (grad[i] - push[i] / total);
}

void ps_tsne(const float *x, int n, int width, double perplexity, int iterations, uint64_t seed, double *y)
{
    PS_ASSERT(n >= 2);
    size_t numbers = 2 * (size_t)n;
    double *p = affinities(x, n, width, PS_MAX(PS_MIN(perplexity, (n - 1) / 3.0), 1));
    double *room = ps_calloc(4 * numbers, sizeof *room), *grad = room, *push = grad + numbers, *step = push + numbers, *gain = step + numbers;
    struct ps_random random = ps_random_stream(seed, PS_RANDOM_MAP, 0, 0, 0);
    for (size_t k = 0; k < numbers; k++) {
        y[k] = BEGIN * (2 * ps_random_unit(&random) - 1);
        gain[k] = 1;
    }
    for (int t = 0; t < iterations; t++) {
        slope(p, n, t < EARLY_PULL ? PULL : 1, y, push, grad);
        for (size_t k = 0; k < numbers; k++) { /* Jacobs' rule: a step that goes on in its direction grows */
            gain[k] = (grad[k] > 0) == (step[k] > 0) ? PS_MAX(gain[k] * 0.8, LEAST_GAIN) : gain[k] + 0.2;
            step[k] = (t < EARLY_STEPS ? EARLY_MOMENTUM : MOMENTUM) * step[k] - RATE * gain[k] * grad[k];
            y[k] += step[k];
        }
    }
    free(p), free(room);
}
