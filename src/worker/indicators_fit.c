/* indicators_fit.c - the numbers of indicators.h from held-out pairs: Newton's method on the sum of log P, with its first and second
 * derivatives summed exactly over all candidates in a pass over all scores. Nothing is kept from one pass to the next.
 */
#include "worker/indicators.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/scorer.h"

enum { MAX_D = 1 + PS_INDICATOR_TERMS * PS_MAX_INDICATORS, ROUNDS = 50 };
static const double PRIOR = 1.0 / 100; /* less |w - w0|^2 / 200, which alone keeps w finite where all targets have a behaviour, or none */

/* A point, and there the objective, its gradient and the negative of its second derivatives (d x d). w[0] is the weight of z. */
struct point {
    double w[MAX_D], value, gradient[MAX_D], curvature[MAX_D * MAX_D];
};

/* Of a pair: sums over its candidates so far of exp(w . x - most), that times x, and times the products of x (where b <= a: a * d + b). */
struct pair {
    double most, total, sum[MAX_D], product[MAX_D * MAX_D];
    double own, x[MAX_D]; /* the target's w . x, and x */
};

struct fit {
    struct ps_scorer scorer;
    enum ps_mask mask;
    int terms, weaker, d;
    double least;
    struct pair *pair; /* owned; of a group */
    /* Of a user's block: which items he has under weaker behaviours, and for these x without z. */
    bool touched[PS_BLOCK_ITEMS];
    double x[PS_BLOCK_ITEMS][MAX_D - 1];
};

static void find_touched(struct fit *f, uint32_t user, uint64_t first, int count)
{
    const struct ps_dataset *dataset = f->scorer.model->dataset;
    int64_t latest = ps_indicators_latest(dataset, user);
    memset(f->touched, 0, sizeof f->touched);
    for (int r = 0; r < f->weaker; r++) {
        const struct ps_history *h = &dataset->train[r];
        for (uint64_t k = h->offset[user]; k < h->offset[user + 1]; k++) {
            double x[PS_INDICATOR_TERMS];
            if (h->item[k] < first || h->item[k] >= first + (uint64_t)count)
                continue;
            uint32_t at = h->item[k] - (uint32_t)first;
            if (!f->touched[at])
                memset(f->x[at], 0, sizeof f->x[at]);
            f->touched[at] = true;
            ps_indicators_describe(h, k, latest, f->least, x);
            for (int t = 0; t < f->terms; t++)
                f->x[at][t * f->weaker + r] = x[t];
        }
    }
}

/* Adds exp(w . x - most) = p of a candidate. */
static void add_candidate(struct pair *pair, int d, double p, double z, const double *x)
{
    pair->total += p;
    pair->sum[0] += p * z;
    pair->product[0] += p * z * z;
    for (int a = 1; x && a < d; a++) {
        double *row = pair->product + a * d, px = p * x[a - 1];
        pair->sum[a] += px;
        row[0] += px * z;
        for (int b = 1; b <= a; b++)
            row[b] += px * x[b - 1];
    }
}

/* One user's scores of a block into his pair. */
static void add_block(struct fit *f, const double *w, const struct ps_pair *target, uint64_t first, int count, float *score,
                      struct pair *pair)
{
    double dot[PS_BLOCK_ITEMS], most = pair->most;
    int d = f->d;
    bool here = target->item >= first && target->item < first + (uint64_t)count;
    float own = here ? score[target->item - first] : 0;
    ps_scorer_strike_masked(f->scorer.model->dataset, f->mask, target->user, first, count, score);
    if (here)
        score[target->item - first] = own; /* always a candidate */
    find_touched(f, target->user, first, count);
    for (int i = 0; i < count; i++) {
        dot[i] = w[0] * (double)score[i];
        for (int a = 1; f->touched[i] && a < d; a++)
            dot[i] += w[a] * f->x[i][a - 1];
        most = dot[i] > most ? dot[i] : most;
    }
    double shrink = exp(pair->most - most);
    pair->most = most;
    pair->total *= shrink;
    for (int a = 0; a < d; a++)
        pair->sum[a] *= shrink;
    for (int a = 0; a < d * d; a++)
        pair->product[a] *= shrink;
    for (int i = 0; i < count; i++)
        if (!isnan(score[i]))
            add_candidate(pair, d, exp(dot[i] - most), (double)score[i], f->touched[i] ? f->x[i] : NULL);
    if (here) {
        uint32_t at = target->item - (uint32_t)first;
        pair->own = dot[at];
        memset(pair->x, 0, sizeof pair->x);
        pair->x[0] = (double)own;
        if (f->touched[at])
            memcpy(pair->x + 1, f->x[at], (size_t)(d - 1) * sizeof *pair->x);
    }
}

/* log P of the pair's target and its derivatives. */
static void add_pair(const struct pair *pair, int d, struct point *at)
{
    at->value += pair->own - pair->most - log(pair->total);
    for (int a = 0; a < d; a++) {
        at->gradient[a] += pair->x[a] - pair->sum[a] / pair->total;
        for (int b = 0; b <= a; b++) {
            double curvature = pair->product[a * d + b] / pair->total - pair->sum[a] / pair->total * (pair->sum[b] / pair->total);
            at->curvature[a * d + b] += curvature;
            at->curvature[b * d + a] += a == b ? 0 : curvature;
        }
    }
}

static int add_group(struct fit *f, const struct ps_pair *target, size_t n, struct point *at, struct ps_error *err)
{
    struct ps_scorer *s = &f->scorer;
    size_t padded = (n + PS_BLOCK_USERS - 1) / PS_BLOCK_USERS * PS_BLOCK_USERS;
    for (size_t k = 0; k < padded; k++)
        s->users.id[k] = target[PS_MIN(k, n - 1)].user;
    memset(f->pair, 0, n * sizeof *f->pair);
    for (size_t k = 0; k < n; k++)
        f->pair[k].most = -INFINITY;
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
                    add_block(f, at->w, &target[k], block, count, score, &f->pair[k]);
            }
        }
    }
    for (size_t k = 0; status >= 0 && k < n; k++)
        add_pair(&f->pair[k], f->d, at);
    return PS_MIN(status, 0);
}

/* The objective and its derivatives at at->w. */
static int evaluate(struct fit *f, const struct ps_pair *target, size_t n, struct point *at, struct ps_error *err)
{
    at->value = 0;
    memset(at->curvature, 0, sizeof at->curvature);
    for (int a = 0; a < f->d; a++) {
        double from_start = at->w[a] - (a == 0);
        at->value -= PRIOR / 2 * from_start * from_start;
        at->gradient[a] = -PRIOR * from_start;
        at->curvature[a * f->d + a] = PRIOR;
    }
    int status = 0;
    for (size_t first = 0; first < n && status >= 0; first += f->scorer.group)
        status = add_group(f, target + first, PS_MIN(n - first, f->scorer.group), at, err);
    return status;
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

/* Climbs from *at, where everything is known, to the top. */
static int climb(struct fit *f, const struct ps_pair *target, size_t n, struct point *at, struct ps_error *err)
{
    const double near = 1e-6;
    double length = 1;
    for (int round = 0; round < ROUNDS && length > near; round++) {
        struct point next;
        solve(at->curvature, at->gradient, f->d);
        for (double part = 1;; part /= 2) { /* concave: a part of the step is uphill */
            length = 0;
            for (int a = 0; a < f->d; a++) {
                next.w[a] = at->w[a] + part * at->gradient[a];
                length = fmax(length, fabs(part * at->gradient[a]));
            }
            int status = evaluate(f, target, n, &next, err);
            if (status < 0)
                return status;
            if (next.value >= at->value - 1e-12 * fabs(at->value) || length < near)
                break;
        }
        *at = next;
    }
    return 0;
}

static int finish(const struct fit *f, const struct ps_pair *target, size_t n, const struct point *at, struct ps_indicator_fit *fit,
                  struct ps_error *err)
{
    double penalty = 0;
    for (int a = 0; a < f->d; a++)
        penalty += PRIOR / 2 * (at->w[a] - (a == 0)) * (at->w[a] - (a == 0));
    fit->after = (at->value + penalty) / (double)n;
    fit->scale = at->w[0];
    if (!(fit->scale > 0))
        return ps_fail(err, PS_EXIT_FAIL, "the model's scores do not put the validation pairs above other items (their weight is %.3g), so "
                       "there is nothing to add to; train it first", fit->scale);
    for (int r = 0; r < f->weaker; r++) {
        for (int t = 0; t < f->terms; t++)
            fit->weight[t][r] = at->w[1 + t * f->weaker + r] / fit->scale;
        for (size_t k = 0; k < n; k++)
            fit->having[r] += ps_dataset_has(f->scorer.model->dataset, (uint32_t)r, target[k].user, target[k].item);
    }
    return 0;
}

int ps_indicators_fit(struct ps_model *model, const struct ps_row_source *source, const struct ps_pair *target, size_t n,
                      enum ps_mask mask, int terms, struct ps_indicator_fit *fit, struct ps_error *err)
{
    int weaker = (int)model->dataset->behaviours - 1;
    struct fit *f = ps_calloc(1, sizeof *f);
    *f = (struct fit){.mask = mask, .terms = terms, .weaker = weaker, .d = 1 + terms * weaker, .least = model->config->model.indicators_least};
    *fit = (struct ps_indicator_fit){0};
    int status = ps_scorer_init(&f->scorer, model, source, n, PS_BLOCK_ITEMS, err);
    if (!status) {
        struct point at = {.w = {1}};
        f->pair = ps_calloc(f->scorer.group, sizeof *f->pair);
        status = evaluate(f, target, n, &at, err);
        fit->before = at.value / (double)n;
        if (!status)
            status = climb(f, target, n, &at, err);
        if (!status)
            status = finish(f, target, n, &at, fit, err);
        free(f->pair);
        ps_scorer_fini(&f->scorer);
    }
    free(f);
    return status;
}
