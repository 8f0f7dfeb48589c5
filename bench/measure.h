/* measure.h - time on a processor, and the median of what was measured in turn. */
#ifndef PS_BENCH_MEASURE_H
#define PS_BENCH_MEASURE_H

#include <stdlib.h>
#include <time.h>

/* Seconds of this thread on a processor: a shared machine may take it away meanwhile. */
static double cpu_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

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
