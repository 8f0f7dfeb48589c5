/* indicators.c - see indicators.h. */
#include "worker/indicators.h"

#include <math.h>

#include "worker/places.h"

bool ps_indicators_given(const struct ps_config *config)
{
    int given = 0;
    for (int t = 0; t < PS_INDICATOR_TERMS; t++)
        given |= config->model.indicators[t].count;
    return given;
}

int ps_indicators_check(const struct ps_config *config, const struct ps_dataset *dataset, struct ps_error *err)
{
    static const char *const name[PS_INDICATOR_TERMS] = {"model.indicators", "model.indicators_popularity", "model.indicators_recency"};
    for (int t = 0; t < PS_INDICATOR_TERMS; t++) {
        int given = config->model.indicators[t].count;
        if (given && given != (int)dataset->behaviours - 1)
            return ps_fail(err, PS_EXIT_USAGE, "%s has %d values, but the dataset %s has %u behaviours beside the target; "
                           "give one number each, weakest first", name[t], given, dataset->path, dataset->behaviours - 1);
        for (int r = 0; t == PS_INDICATOR_RECENCY && r < given; r++)
            if (!dataset->train[r].time)
                return ps_fail(err, PS_EXIT_USAGE, "%s is given, but the dataset %s has no times for '%s'", name[t], dataset->path,
                               dataset->behaviour[r]);
    }
    return 0;
}

int64_t ps_indicators_latest(const struct ps_dataset *dataset, uint32_t user)
{
    int64_t latest = INT64_MIN;
    for (uint32_t b = 0; b < dataset->behaviours; b++) {
        const struct ps_history *h = &dataset->train[b];
        for (uint64_t k = h->offset[user]; h->time && k < h->offset[user + 1]; k++)
            latest = PS_MAX(latest, h->time[k]);
    }
    return latest;
}

void ps_indicators_describe(const struct ps_history *h, uint64_t k, int64_t latest, double least, double x[PS_INDICATOR_TERMS])
{
    x[PS_INDICATOR_TOUCHED] = 1;
    x[PS_INDICATOR_POPULARITY] = log(fmax(h->count[h->item[k]], least));
    x[PS_INDICATOR_RECENCY] = h->time ? log1p((double)(latest - h->time[k]) / 3600) : 0;
}

void ps_indicators_add(const struct ps_config *config, const struct ps_dataset *dataset, struct nn_tape *tape, const uint32_t *user, int users,
                       const uint32_t *item, int items, float *score)
{
    struct ps_places places;
    ps_places_init(&places, tape, item, items);
    bool recency = config->model.indicators[PS_INDICATOR_RECENCY].count;
    for (int u = 0; u < users; u++, score += items) {
        int64_t latest = recency ? ps_indicators_latest(dataset, user[u]) : 0;
        for (uint32_t b = 0; b + 1 < dataset->behaviours; b++) {
            const struct ps_history *h = &dataset->train[b];
            for (uint64_t k = h->offset[user[u]]; k < h->offset[user[u] + 1]; k++) {
                uint32_t at = ps_places_of(&places, h->item[k]);
                if (!at)
                    continue;
                double x[PS_INDICATOR_TERMS], sum = 0;
                ps_indicators_describe(h, k, latest, config->model.indicators_least, x);
                for (int t = 0; t < PS_INDICATOR_TERMS; t++)
                    if (config->model.indicators[t].count)
                        sum += config->model.indicators[t].weight[b] * x[t];
                for (; at; at = places.next[at - 1])
                    score[at - 1] += (float)sum;
            }
        }
    }
}
