/* significance.c - see significance.h. */
#include "common/significance.h"

#include "common/random.h"
#include "common/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- metrics as columns ---- */

int ps_columns_all(int k_count, bool lists, struct ps_column column[PS_MAX_COLUMNS])
{
    int count = 0;
    for (int j = 0; j < k_count; j++)
        for (int m = 0; m < PS_MEASURE_AUC; m++)
            if (m != PS_MEASURE_NOVELTY || lists)
                column[count++] = (struct ps_column){(enum ps_measure)m, j};
    column[count++] = (struct ps_column){PS_MEASURE_AUC, 0};
    return count;
}

void ps_column_name(struct ps_column column, const int *k, char text[32])
{
    if (column.measure == PS_MEASURE_AUC)
        snprintf(text, 32, "%s", ps_measure_name(column.measure));
    else
        snprintf(text, 32, "%s@%d", ps_measure_name(column.measure), k[column.at]);
}

/* ---- what users contribute ---- */

struct gathering {
    struct ps_sample *sample;
    const struct ps_column *column;
    int group;
    struct row *row; /* owned */
    size_t rows, row_capacity, sum_capacity;
};

struct row {
    uint32_t user;
    size_t at; /* its number, as the cases came */
};

static void gather(void *ctx, int group, uint32_t user, size_t n, const struct ps_quality *at)
{
    struct gathering *g = ctx;
    if (group != g->group)
        return;
    size_t columns = (size_t)g->sample->columns;
    PS_GROW(g->row, g->row_capacity, g->rows + 1);
    PS_GROW(g->sample->sum, g->sum_capacity, (g->rows + 1) * columns);
    for (size_t c = 0; c < columns; c++)
        g->sample->sum[g->rows * columns + c] = at[g->column[c].at].of[g->column[c].measure];
    g->row[g->rows] = (struct row){user, g->rows};
    g->rows++;
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return x->user != y->user ? (x->user > y->user) - (x->user < y->user) : (x->at > y->at) - (x->at < y->at);
}

void ps_sample_init(struct ps_sample *sample, const struct ps_ranks *ranks, const struct ps_measuring *how, int group,
                    const struct ps_column *column, int columns)
{
    *sample = (struct ps_sample){.columns = columns};
    struct gathering g = {.sample = sample, .column = column, .group = group};
    ps_metrics_each(ranks, how, gather, &g);
    if (g.rows) /* a sample of targets comes in no order of users */
        qsort(g.row, g.rows, sizeof *g.row, compare_rows);
    double *by_case = sample->sum;
    size_t width = (size_t)columns;
    sample->sum = ps_calloc(g.rows * width, sizeof *sample->sum);
    sample->cases = ps_calloc(g.rows, sizeof *sample->cases);
    sample->user = ps_calloc(g.rows, sizeof *sample->user);
    for (size_t i = 0; i < g.rows; i++) {
        if (i == 0 || g.row[i].user != g.row[i - 1].user)
            sample->user[sample->users++] = g.row[i].user;
        size_t u = sample->users - 1;
        sample->cases[u]++;
        for (size_t c = 0; c < width; c++)
            sample->sum[u * width + c] += by_case[g.row[i].at * width + c];
    }
    free(by_case);
    free(g.row);
}

void ps_sample_fini(struct ps_sample *sample)
{
    free(sample->user), free(sample->sum), free(sample->cases);
    *sample = (struct ps_sample){0};
}

/* total[c] += weight * sum[c] for the next user: the innermost loop of everything below. */
PS_INLINE void add_user(double *restrict total, const double *restrict sum, double weight, int columns)
{
    for (int c = 0; c < columns; c++)
        total[c] += weight * sum[c];
}

void ps_sample_means(const struct ps_sample *s, double *mean)
{
    double cases = 0;
    memset(mean, 0, (size_t)s->columns * sizeof *mean);
    for (size_t u = 0; u < s->users; u++) {
        cases += s->cases[u];
        add_user(mean, s->sum + u * (size_t)s->columns, 1, s->columns);
    }
    for (int c = 0; c < s->columns && cases > 0; c++)
        mean[c] /= cases;
}

void ps_sample_subtract(struct ps_sample *a, const struct ps_sample *b)
{
    PS_ASSERT(a->users == b->users && a->columns == b->columns);
    for (size_t u = 0; u < a->users; u++)
        PS_ASSERT(a->user[u] == b->user[u] && a->cases[u] == b->cases[u]);
    for (size_t i = 0; i < a->users * (size_t)a->columns; i++)
        a->sum[i] -= b->sum[i];
}

/* ---- bootstrap ---- */

/* Means of one resample: how often each user was drawn is in `times`. */
PS_VECTOR static void resampled_means(const struct ps_sample *s, const uint32_t *times, double *total)
{
    double cases = 0;
    memset(total, 0, (size_t)s->columns * sizeof *total);
    for (size_t u = 0; u < s->users; u++)
        if (times[u]) {
            cases += times[u] * s->cases[u];
            add_user(total, s->sum + u * (size_t)s->columns, times[u], s->columns);
        }
    for (int c = 0; c < s->columns; c++)
        total[c] /= cases;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between the two nearest of n sorted values. */
static double quantile(const double *value, int n, double q)
{
    double at = q * (n - 1);
    int below = PS_MIN((int)at, n - 1), above = PS_MIN(below + 1, n - 1);
    return value[below] + (at - below) * (value[above] - value[below]);
}

void ps_bootstrap(const struct ps_sample *s, int resamples, uint64_t seed, double *low, double *high)
{
    PS_ASSERT(resamples > 0);
    size_t width = (size_t)s->columns;
    memset(low, 0, width * sizeof *low);
    memset(high, 0, width * sizeof *high);
    if (!s->users)
        return;
    double *mean = ps_calloc((size_t)resamples * width, sizeof *mean), *one = ps_calloc((size_t)resamples, sizeof *one);
    uint32_t *times = ps_calloc(s->users, sizeof *times);
    for (int b = 0; b < resamples; b++) {
        struct ps_random random = ps_random_stream(seed, PS_RANDOM_BOOTSTRAP, (uint64_t)b, 0, 0);
        memset(times, 0, s->users * sizeof *times);
        for (size_t u = 0; u < s->users; u++)
            times[ps_random_below(&random, s->users)]++;
        resampled_means(s, times, mean + (size_t)b * width);
    }
    for (size_t c = 0; c < width; c++) {
        for (int b = 0; b < resamples; b++)
            one[b] = mean[(size_t)b * width + c];
        qsort(one, (size_t)resamples, sizeof *one, compare_double);
        low[c] = quantile(one, resamples, 0.025);
        high[c] = quantile(one, resamples, 0.975);
    }
    free(mean), free(one), free(times);
}

/* ---- paired randomisation test ---- */

/* Sums with the signs that `bit` says, a word for 64 users; users without any difference are passed over. */
PS_VECTOR static void signed_sums(const struct ps_sample *s, const uint32_t *differs, size_t count, const uint64_t *bit,
                                  double *total)
{
    memset(total, 0, (size_t)s->columns * sizeof *total);
    for (size_t i = 0; i < count; i++) {
        uint32_t u = differs[i];
        double sign = bit[u / 64] >> u % 64 & 1 ? -1 : 1;
        add_user(total, s->sum + u * (size_t)s->columns, sign, s->columns);
    }
}

void ps_sign_flip(const struct ps_sample *s, int draws, uint64_t seed, double *p)
{
    size_t width = (size_t)s->columns, words = s->users / 64 + 1, count = 0;
    double *found = ps_calloc(width, sizeof *found), *least = ps_calloc(width, sizeof *least);
    double *total = ps_calloc(width, sizeof *total);
    uint64_t *bit = ps_calloc(words, sizeof *bit), *as_far = ps_calloc(width, sizeof *as_far);
    uint32_t *differs = ps_calloc(s->users + 1, sizeof *differs);
    for (size_t u = 0; u < s->users; u++) {
        bool any = false;
        for (size_t c = 0; c < width; c++) {
            double d = s->sum[u * width + c];
            found[c] += d;
            least[c] += fabs(d);
            any |= d != 0;
        }
        if (any)
            differs[count++] = (uint32_t)u;
    }
    for (size_t c = 0; c < width; c++) /* sums that are equal but for rounding are as far */
        least[c] = fabs(found[c]) - 1e-12 * least[c];
    for (int draw = 0; draw < draws; draw++) {
        struct ps_random random = ps_random_stream(seed, PS_RANDOM_SIGNS, (uint64_t)draw, 0, 0);
        for (size_t w = 0; w < words; w++)
            bit[w] = ps_random_next(&random);
        signed_sums(s, differs, count, bit, total);
        for (size_t c = 0; c < width; c++)
            as_far[c] += fabs(total[c]) >= least[c];
    }
    for (size_t c = 0; c < width; c++)
        p[c] = (double)(1 + as_far[c]) / (double)(1 + draws);
    free(found), free(least), free(total), free(bit), free(as_far), free(differs);
}
