/* indicators.c - see indicators.h. */
#include "worker/indicators.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/places.h"
#include "worker/scorer.h"

void ps_indicators_add(const double *weight, const struct ps_dataset *dataset, struct nn_tape *tape, const uint32_t *user, int users,
                       const uint32_t *item, int items, float *score)
{
    struct ps_places places;
    ps_places_init(&places, tape, item, items);
    for (int u = 0; u < users; u++, score += items)
        for (uint32_t b = 0; b + 1 < dataset->behaviours; b++) {
            const struct ps_history *h = &dataset->train[b];
            for (uint64_t k = h->offset[user[u]]; k < h->offset[user[u] + 1]; k++)
                for (uint32_t at = ps_places_of(&places, h->item[k]); at; at = places.next[at - 1])
                    score[at - 1] += (float)weight[b];
        }
}

/* log of the sum over m of sum[m] exp(c . m), with the means of m and of its products. */
static double expect(const struct ps_indicator_pair *pair, int d, const double *c, double *mean, double *product)
{
    double total = 0;
    memset(mean, 0, (size_t)d * sizeof *mean);
    memset(product, 0, (size_t)(d * d) * sizeof *product);
    for (uint32_t m = 0; m < 1u << d; m++) {
        double dot = 0;
        for (int a = 0; a < d; a++)
            dot += (m >> a & 1) * c[a];
        double p = pair->sum[m] * exp(dot);
        total += p;
        for (int a = 0; a < d; a++)
            for (int b = 0; b < d && (m >> a & 1); b++)
                product[a * d + b] += (m >> b & 1) * p;
    }
    for (int a = 0; a < d; a++) {
        mean[a] = product[a * d + a] / total;
        for (int b = 0; b < d; b++)
            product[a * d + b] /= total;
    }
    return log(total);
}

/* Solves a x = b for a symmetric positive definite a (d x d) by Cholesky's method; x replaces b, a is overwritten. */
static void solve(double *a, double *b, int d)
{
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++) {
            double sum = a[i * d + j];
            for (int k = 0; k < j; k++)
                sum -= a[i * d + k] * a[j * d + k];
            a[i * d + j] = i == j ? sqrt(sum) : sum / a[j * d + j];
        }
    for (int i = 0; i < d; i++) {
        for (int k = 0; k < i; k++)
            b[i] -= a[i * d + k] * b[k];
        b[i] /= a[i * d + i];
    }
    for (int i = d - 1; i >= 0; i--) {
        for (int k = i + 1; k < d; k++)
            b[i] -= a[k * d + i] * b[k];
        b[i] /= a[i * d + i];
    }
}

static const double PRIOR = 1.0 / 100; /* the curvature of |c|^2 / 200 */

/* The objective at c, and there its gradient and the negative of its second derivatives. */
static double objective(const struct ps_indicator_pair *pair, size_t n, int d, const double *c, double *gradient, double *curvature)
{
    double value = 0, mean[PS_MAX_INDICATORS], product[PS_MAX_INDICATORS * PS_MAX_INDICATORS];
    memset(curvature, 0, (size_t)(d * d) * sizeof *curvature);
    for (int a = 0; a < d; a++) {
        value -= PRIOR / 2 * c[a] * c[a];
        gradient[a] = -PRIOR * c[a];
        curvature[a * d + a] = PRIOR;
    }
    for (size_t k = 0; k < n; k++) {
        value += pair[k].own - expect(&pair[k], d, c, mean, product);
        for (int a = 0; a < d; a++) {
            value += (pair[k].target >> a & 1) * c[a];
            gradient[a] += (pair[k].target >> a & 1) - mean[a];
            for (int b = 0; b < d; b++)
                curvature[a * d + b] += product[a * d + b] - mean[a] * mean[b];
        }
    }
    return value;
}

void ps_indicators_solve(const struct ps_indicator_pair *pair, size_t n, int indicators, struct ps_indicator_fit *fit)
{
    enum { ROUNDS = 100 };
    int d = indicators;
    double step[PS_MAX_INDICATORS], curvature[PS_MAX_INDICATORS * PS_MAX_INDICATORS], penalty = 0;
    *fit = (struct ps_indicator_fit){0};
    for (size_t k = 0; k < n; k++)
        for (int a = 0; a < d; a++)
            fit->having[a] += pair[k].target >> a & 1;
    double value = objective(pair, n, d, fit->weight, step, curvature), length = 1;
    fit->before = value / (double)PS_MAX(n, (size_t)1);
    for (int round = 0; round < ROUNDS && length > 1e-9; round++) {
        double next[PS_MAX_INDICATORS], ignored[PS_MAX_INDICATORS], unused[PS_MAX_INDICATORS * PS_MAX_INDICATORS], better;
        solve(curvature, step, d);
        for (double part = 1;; part /= 2) { /* concave: a part of the step is uphill */
            length = 0;
            for (int a = 0; a < d; a++) {
                next[a] = fit->weight[a] + part * step[a];
                length = fmax(length, fabs(part * step[a]));
            }
            better = objective(pair, n, d, next, ignored, unused);
            if (better >= value || length < 1e-9)
                break;
        }
        memcpy(fit->weight, next, sizeof fit->weight);
        value = objective(pair, n, d, fit->weight, step, curvature);
    }
    for (int a = 0; a < d; a++)
        penalty += PRIOR / 2 * fit->weight[a] * fit->weight[a];
    fit->after = (value + penalty) / (double)PS_MAX(n, (size_t)1);
}

/* One user's scores of a block into his pair. `bits` is room for a block; `greatest` the greatest score so far. */
static void add_block(const struct ps_scorer *s, const struct ps_pair *target, enum ps_mask mask, uint64_t first,
                      int count, float *score, uint8_t *bits, struct ps_indicator_pair *pair, float *greatest)
{
    const struct ps_dataset *dataset = s->model->dataset;
    bool here = target->item >= first && target->item < first + (uint64_t)count;
    float own = here ? score[target->item - first] : 0;
    ps_scorer_strike_masked(dataset, mask, target->user, first, count, score);
    if (here)
        score[target->item - first] = own; /* always a candidate */
    memset(bits, 0, (size_t)count);
    for (uint32_t b = 0; b + 1 < dataset->behaviours; b++) {
        const struct ps_history *h = &dataset->train[b];
        for (uint64_t k = h->offset[target->user]; k < h->offset[target->user + 1]; k++) {
            uint32_t at = h->item[k];
            if (at >= first && at < first + (uint64_t)count)
                bits[at - first] |= (uint8_t)(1u << b);
        }
    }
    float most = *greatest;
    for (int i = 0; i < count; i++)
        most = score[i] > most ? score[i] : most;
    double shrink = exp((double)*greatest - (double)most);
    for (uint32_t m = 0; m < 1u << (dataset->behaviours - 1); m++)
        pair->sum[m] *= shrink;
    for (int i = 0; i < count; i++)
        if (!isnan(score[i]))
            pair->sum[bits[i]] += exp((double)(score[i] - most));
    *greatest = most;
    if (here) {
        pair->target = bits[target->item - first];
        pair->own = (double)own; /* less the greatest of all, in the end */
    }
}

static int sum_group(struct ps_scorer *s, const struct ps_pair *target, size_t n, enum ps_mask mask, struct ps_indicator_pair *pair,
                     struct ps_error *err)
{
    uint8_t bits[PS_BLOCK_ITEMS];
    size_t padded = (n + PS_BLOCK_USERS - 1) / PS_BLOCK_USERS * PS_BLOCK_USERS;
    float *greatest = ps_calloc(n, sizeof *greatest);
    for (size_t k = 0; k < padded; k++)
        s->users.id[k] = target[PS_MIN(k, n - 1)].user;
    for (size_t k = 0; k < n; k++)
        greatest[k] = -INFINITY;
    int status = ps_scorer_fetch(s, &s->users, padded, err);
    for (uint64_t block = 0; status >= 0 && block < s->model->dataset->items; block += PS_BLOCK_ITEMS) {
        int count = status = ps_scorer_fetch_block(s, block, err);
        for (size_t first = 0; status >= 0 && first < n; first += PS_BLOCK_USERS) {
            ps_scorer_run(s, first, PS_BLOCK_USERS);
            for (size_t k = first; status >= 0 && k < PS_MIN(n, first + PS_BLOCK_USERS); k++) {
                float *score = s->score + (k - first) * PS_BLOCK_ITEMS;
                if (ps_scorer_has_nan(score, count))
                    status = ps_scorer_refuse_nan(s, target[k].user, err);
                else
                    add_block(s, &target[k], mask, block, count, score, bits, &pair[k], &greatest[k]);
            }
        }
    }
    for (size_t k = 0; k < n; k++)
        pair[k].own -= (double)greatest[k];
    free(greatest);
    return PS_MIN(status, 0);
}

int ps_indicators_fit(struct ps_model *model, const struct ps_row_source *source, const struct ps_pair *target, size_t n,
                      enum ps_mask mask, struct ps_indicator_fit *fit, struct ps_error *err)
{
    struct ps_scorer s;
    int status = ps_scorer_init(&s, model, source, n, PS_BLOCK_ITEMS, err);
    if (status < 0)
        return status;
    struct ps_indicator_pair *pair = ps_calloc(PS_MAX(n, (size_t)1), sizeof *pair);
    for (size_t first = 0; first < n && status >= 0; first += s.group)
        status = sum_group(&s, target + first, PS_MIN(n - first, s.group), mask, pair + first, err);
    if (status >= 0)
        ps_indicators_solve(pair, n, (int)model->dataset->behaviours - 1, fit);
    free(pair);
    ps_scorer_fini(&s);
    return status;
}
