/* metrics.c - see metrics.h. */
#include "common/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ps_ranks_init(struct ps_ranks *ranks, size_t count, int k_count, uint64_t items)
{
    *ranks = (struct ps_ranks){.count = count, .rank = ps_calloc(PS_MAX(count, (size_t)1), sizeof *ranks->rank)};
    if (k_count) {
        ranks->novelty = ps_calloc(PS_MAX(count, (size_t)1) * (size_t)k_count, sizeof *ranks->novelty);
        ranks->place = ps_calloc(PS_MAX(items, (uint64_t)1), sizeof *ranks->place);
        ranks->items = items;
    }
}

void ps_ranks_fini(struct ps_ranks *ranks)
{
    free(ranks->rank), free(ranks->novelty), free(ranks->place);
    *ranks = (struct ps_ranks){0};
}

size_t ps_ranks_bytes(size_t count, int k_count, uint64_t items)
{
    size_t lists = count * (size_t)k_count * sizeof(float) + items * sizeof(uint16_t);
    return count * sizeof(struct ps_rank) + (k_count ? lists : 0);
}

void ps_ranks_pack(const struct ps_ranks *ranks, int k_count, void *bytes)
{
    size_t size = ranks->count * sizeof *ranks->rank, novelty = ranks->count * (size_t)k_count * sizeof *ranks->novelty;
    memcpy(bytes, ranks->rank, size);
    if (k_count) {
        memcpy((char *)bytes + size, ranks->novelty, novelty);
        memcpy((char *)bytes + size + novelty, ranks->place, ranks->items * sizeof *ranks->place);
    }
}

void ps_ranks_take(struct ps_ranks *to, size_t first, size_t count, int k_count, const void *bytes)
{
    size_t size = count * sizeof *to->rank, width = (size_t)k_count, novelty = count * width * sizeof *to->novelty;
    memcpy(to->rank + first, bytes, size);
    if (!k_count)
        return;
    memcpy(to->novelty + first * width, (const char *)bytes + size, novelty);
    const char *place = (const char *)bytes + size + novelty;
    for (uint64_t i = 0; i < to->items; i++) {
        uint16_t one;
        memcpy(&one, place + i * sizeof one, sizeof one);
        if (one && (!to->place[i] || one < to->place[i]))
            to->place[i] = one;
    }
}

/* ---- one case ---- */

/* The most that the discounted sum of n targets can be at K. */
static double ideal(size_t n, int k)
{
    double sum = 0;
    for (size_t place = 1; place <= n && place <= (size_t)k; place++)
        sum += 1 / log2((double)place + 1);
    return sum;
}

/* Targets rank[0, m) have one score, and `before` others are above them: they are m of the items at places [first, last],
 * any m of these with equal chance. Each place adds its gain times the chance m/places that it holds a target. */
static void add_tied(struct ps_quality *sum, const struct ps_rank *rank, size_t m, size_t before, int k, enum ps_ties ties)
{
    uint64_t first = (uint64_t)rank->greater + 1, last = first + rank->equal;
    if (ties == PS_TIES_STANDARD)
        last = first + m - 1;
    if (ties == PS_TIES_CONSERVATIVE)
        first = last - m + 1;
    double places = (double)(last - first + 1), targets = (double)m;
    struct ps_quality tied = {0};
    double leads = 1; /* chance that the place holds the first of the m, times places / m */
    for (uint64_t place = first; place <= last && place <= (uint64_t)k; place++) {
        double passed = (double)(place - first);
        double above = (double)before + (m > 1 ? passed * (targets - 1) / (places - 1) : 0); /* targets, if here is one */
        tied.hr += leads;
        tied.ndcg += 1 / log2((double)place + 1);
        tied.mrr += leads / (double)place;
        tied.recall += 1;
        tied.map += (above + 1) / (double)place;
        if (place < last)
            leads *= (places - passed - targets) / (places - passed - 1);
    }
    if (before == 0) {
        sum->hr = tied.hr * targets / places;
        sum->mrr = tied.mrr * targets / places;
    }
    sum->ndcg += tied.ndcg * targets / places;
    sum->recall += tied.recall * targets / places;
    sum->map += tied.map * targets / places;
}

struct ps_quality ps_metrics_one(const struct ps_rank *rank, size_t n, int k, enum ps_ties ties)
{
    struct ps_quality sum = {0};
    double others = (double)rank->candidates - (double)n;
    for (size_t i = 0, m; i < n; i += m) {
        for (m = 1; i + m < n && rank[i + m].greater == rank[i].greater;)
            m++;
        add_tied(&sum, &rank[i], m, i, k, ties);
        double above = (double)rank[i].greater - (double)i, tied = (double)rank[i].equal - (double)(m - 1);
        double won = ties == PS_TIES_STANDARD ? tied : ties == PS_TIES_EXPECTED ? tied / 2 : 0;
        sum.auc += (double)m * (others - above - tied + won);
    }
    sum.ndcg /= ideal(n, k);
    sum.precision = sum.recall / (double)k;
    sum.recall /= (double)n;
    sum.map /= (double)PS_MIN(n, (size_t)k);
    sum.auc = others > 0 ? sum.auc / ((double)n * others) : 0.5; /* nothing to tell apart: as a coin would */
    return sum;
}

/* ---- cases and groups ---- */

static int compare_greater(const void *a, const void *b)
{
    uint32_t x = ((const struct ps_rank *)a)->greater, y = ((const struct ps_rank *)b)->greater;
    return (x > y) - (x < y);
}

/* Keeps the targets that are seen, or those that are not, as if the user had no others: those are taken out of the counts
 * too. Returns how many. `rank` is ascending by `greater`; `out` has room for n. */
static size_t keep_kind(const struct ps_rank *rank, size_t n, uint32_t known, bool seen, struct ps_rank *out)
{
    size_t kept = 0, passed = 0;
    for (size_t i = 0, m; i < n; i += m, passed = i - kept) {
        size_t begin = kept;
        for (m = 0; i + m < n && rank[i + m].greater == rank[i].greater; m++)
            if (!!(rank[i + m].seen & known) == seen)
                out[kept++] = rank[i + m];
        for (size_t j = begin; j < kept; j++) {
            out[j].greater -= (uint32_t)passed;
            out[j].equal -= (uint32_t)(m - (kept - begin));
        }
    }
    for (size_t j = 0; j < kept; j++)
        out[j].candidates -= (uint32_t)(n - kept);
    return kept;
}

static int user_group(const struct ps_measuring *how, uint32_t history)
{
    int group = PS_GROUP_HISTORY;
    for (int j = 0; j < how->bounds && history >= (uint32_t)how->bound[j]; j++)
        group++;
    return group;
}

static void measure(const struct ps_rank *rank, size_t n, const float *novelty, const struct ps_measuring *how,
                    struct ps_quality *at)
{
    for (int j = 0; j < how->k_count; j++) {
        at[j] = ps_metrics_one(rank, n, how->k[j], how->ties);
        at[j].novelty = novelty ? (double)novelty[j] : 0;
    }
}

void ps_metrics_each(const struct ps_ranks *ranks, const struct ps_measuring *how,
                     void (*each)(void *ctx, int group, uint32_t user, size_t n, const struct ps_quality *at), void *ctx)
{
    PS_ASSERT(how->k_count <= PS_MAX_K && how->bounds <= PS_MAX_BOUNDS);
    struct ps_rank *whole = NULL, *part = NULL;
    size_t whole_room = 0, part_room = 0;
    for (size_t i = 0, n; i < ranks->count; i += n) {
        const struct ps_rank *rank = &ranks->rank[i];
        for (n = 1; how->mean == PS_MEAN_USERS && i + n < ranks->count && rank[n].user == rank->user;)
            n++;
        PS_GROW(whole, whole_room, n);
        PS_GROW(part, part_room, n);
        memcpy(whole, rank, n * sizeof *whole);
        if (n > 1)
            qsort(whole, n, sizeof *whole, compare_greater);
        const float *novelty = ranks->novelty ? ranks->novelty + i * (size_t)how->k_count : NULL;
        struct ps_quality at[PS_MAX_K], of_part[PS_MAX_K];
        measure(whole, n, novelty, how, at);
        each(ctx, PS_GROUP_ALL, rank->user, n, at);
        for (int seen = 1; seen >= 0; seen--) {
            size_t kept = keep_kind(whole, n, how->known, seen, part);
            if (kept > 0 && kept < n)
                measure(part, kept, novelty, how, of_part);
            if (kept > 0)
                each(ctx, seen ? PS_GROUP_SEEN : PS_GROUP_UNSEEN, rank->user, kept, kept < n ? of_part : at);
        }
        if (how->bounds)
            each(ctx, user_group(how, rank->history), rank->user, n, at);
    }
    free(whole), free(part);
}

/* ---- means ---- */

struct sums {
    struct ps_metrics *metrics;
    int k_count;
};

static void add_case(void *ctx, int group, uint32_t user, size_t n, const struct ps_quality *at)
{
    const struct sums *s = ctx;
    s->metrics->targets[group] += n;
    s->metrics->cases[group]++;
    for (int j = 0; j < s->k_count; j++)
        for (int m = 0; m < PS_MEASURES; m++)
            s->metrics->at[group][j].of[m] += at[j].of[m];
}

void ps_metrics_compute(const struct ps_ranks *ranks, const struct ps_measuring *how, struct ps_metrics *metrics)
{
    *metrics = (struct ps_metrics){0};
    struct sums sums = {metrics, how->k_count};
    ps_metrics_each(ranks, how, add_case, &sums);
    for (int group = 0; group < PS_GROUPS; group++)
        for (int j = 0; j < how->k_count && metrics->cases[group] > 0; j++)
            for (int m = 0; m < PS_MEASURES; m++)
                metrics->at[group][j].of[m] /= (double)metrics->cases[group];
    for (int j = 0; j < how->k_count && ranks->place; j++) {
        uint64_t found = 0;
        for (uint64_t i = 0; i < ranks->items; i++)
            found += ranks->place[i] > 0 && ranks->place[i] <= how->k[j];
        metrics->coverage[j] = (double)found / (double)ranks->items;
    }
}

/* ---- names ---- */

_Static_assert((int)PS_METRIC_HR == (int)PS_MEASURE_HR && (int)PS_METRIC_NDCG == (int)PS_MEASURE_NDCG && (int)PS_METRIC_MRR == (int)PS_MEASURE_MRR, "the first measures choose");
const char *ps_measure_name(enum ps_measure measure)
{
    static const char *const names[PS_MEASURES] = {"hr", "ndcg", "mrr", "recall", "precision", "map", "novelty", "auc"};
    return names[measure];
}

int ps_metric_groups(int bounds)
{
    return PS_GROUP_HISTORY + (bounds ? bounds + 1 : 0);
}

void ps_metric_group_name(int group, const int *bound, int bounds, char text[32])
{
    static const char *const names[PS_GROUP_HISTORY] = {"all", "seen", "unseen"};
    int j = group - PS_GROUP_HISTORY, low = j > 0 ? bound[j - 1] : 0;
    if (j < 0)
        snprintf(text, 32, "%s", names[group]);
    else if (j == bounds)
        snprintf(text, 32, "users_%d+", low);
    else if (low == bound[j] - 1)
        snprintf(text, 32, "users_%d", low);
    else
        snprintf(text, 32, "users_%d-%d", low, bound[j] - 1);
}
