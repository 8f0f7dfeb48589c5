/* metrics.c - see metrics.h. */
#include "common/metrics.h"

#include <math.h>

struct ps_quality ps_metrics_one(const struct ps_rank *rank, int k, enum ps_ties ties)
{
    uint64_t first = (uint64_t)rank->greater + 1, last = first + rank->equal;
    if (ties == PS_TIES_STANDARD)
        last = first;
    if (ties == PS_TIES_CONSERVATIVE)
        first = last;
    struct ps_quality sum = {0};
    for (uint64_t place = first; place <= last && place <= (uint64_t)k; place++) {
        sum.hr += 1;
        sum.ndcg += 1 / log2((double)place + 1);
        sum.mrr += 1 / (double)place;
    }
    double places = (double)(last - first + 1);
    return (struct ps_quality){sum.hr / places, sum.ndcg / places, sum.mrr / places};
}

static void add(struct ps_quality *to, struct ps_quality one)
{
    to->hr += one.hr;
    to->ndcg += one.ndcg;
    to->mrr += one.mrr;
}

void ps_metrics_compute(const struct ps_rank *rank, size_t n, uint32_t behaviours, const int *k, int k_count,
                        enum ps_ties ties, struct ps_metrics *metrics)
{
    PS_ASSERT(k_count <= PS_MAX_K && behaviours >= 1);
    uint32_t weaker = (1u << (behaviours - 1)) - 1;
    *metrics = (struct ps_metrics){0};
    for (size_t i = 0; i < n; i++) {
        enum ps_group group = rank[i].seen & weaker ? PS_GROUP_SEEN : PS_GROUP_UNSEEN;
        metrics->targets[PS_GROUP_ALL]++;
        metrics->targets[group]++;
        for (int j = 0; j < k_count; j++) {
            struct ps_quality one = ps_metrics_one(&rank[i], k[j], ties);
            add(&metrics->at[PS_GROUP_ALL][j], one);
            add(&metrics->at[group][j], one);
        }
    }
    for (int group = 0; group < PS_GROUPS; group++)
        for (int j = 0; j < k_count && metrics->targets[group] > 0; j++) {
            struct ps_quality *mean = &metrics->at[group][j];
            double count = (double)metrics->targets[group];
            *mean = (struct ps_quality){mean->hr / count, mean->ndcg / count, mean->mrr / count};
        }
}

const char *ps_group_name(enum ps_group group)
{
    static const char *const names[PS_GROUPS] = {"all", "seen", "unseen"};
    return names[group];
}
