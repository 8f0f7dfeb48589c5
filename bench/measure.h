/* measure.h - the median of what was measured in turn. */
#ifndef PS_BENCH_MEASURE_H
#define PS_BENCH_MEASURE_H

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts x. */
static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, compare);
    return x[n / 2];
}

#endif
