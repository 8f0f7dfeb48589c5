/* touched.c - negatives among the items that the user has touched, but not so strongly; see sampler.h.
 *
 * An item's level with a user is the strongest behaviour that the user has it under. So the levels part a user's items, and
 * "touched under b but under nothing stronger" is level b. They are not stored: an item is drawn from the user's lists and
 * kept where the list is its level's; where that fails too often, one pass over the lists counts the items that would do,
 * and another picks one. Either way every such item is equally likely.
 */
#include "worker/sampler.h"

enum { REJECTIONS = 16 };

static bool among(const uint32_t *items, int n, uint32_t item)
{
    for (int k = 0; k < n; k++)
        if (items[k] == item)
            return true;
    return false;
}

static bool is_level(const struct ps_dataset *dataset, uint32_t user, uint32_t item, uint32_t level)
{
    for (uint32_t b = level + 1; b < dataset->behaviours; b++)
        if (ps_dataset_has(dataset, b, user, item))
            return false;
    return true;
}

static uint64_t touched(const struct ps_dataset *dataset, uint32_t user, uint32_t behaviour)
{
    return dataset->train[behaviour].offset[user + 1] - dataset->train[behaviour].offset[user];
}

/* What a draw is from: the user's items of levels [low, high), without `taken` ones. */
struct draw {
    const struct ps_dataset *dataset;
    uint32_t user, low, high;
    const uint32_t *taken;
    int n_taken;
};

static bool would_do(const struct draw *d, uint32_t level, uint32_t item)
{
    return is_level(d->dataset, d->user, item, level) && !among(d->taken, d->n_taken, item);
}

/* Item number `k` of those that would do; beyond the last one: how many there are, in *count. */
static bool pick(const struct draw *d, uint64_t k, uint32_t *item, uint64_t *count)
{
    *count = 0;
    for (uint32_t b = d->low; b < d->high; b++) {
        const struct ps_history *h = &d->dataset->train[b];
        for (uint64_t i = h->offset[d->user]; i < h->offset[d->user + 1]; i++)
            if (would_do(d, b, h->item[i]) && (*count)++ == k) {
                *item = h->item[i];
                return true;
            }
    }
    return false;
}

static bool draw_touched(const struct draw *d, struct ps_random *random, uint32_t *item)
{
    uint64_t listed = 0, count;
    for (uint32_t b = d->low; b < d->high; b++)
        listed += touched(d->dataset, d->user, b);
    if (!listed)
        return false;
    for (int tries = 0; tries < REJECTIONS; tries++) {
        uint64_t k = ps_random_below(random, listed);
        uint32_t b = d->low;
        while (k >= touched(d->dataset, d->user, b))
            k -= touched(d->dataset, d->user, b++);
        const struct ps_history *h = &d->dataset->train[b];
        *item = h->item[h->offset[d->user] + k];
        if (would_do(d, b, *item))
            return true;
    }
    pick(d, UINT64_MAX, item, &count);
    return count && pick(d, ps_random_below(random, count), item, &count);
}

/* The level of a negative: level b below the positive's behaviour r in proportion to (items under b) / 2^(r-b), as in the NMTR
 * authors' MC-BPR; or, with probability train.unobserved_share, none. */
static bool draw_weaker(const struct ps_sampler *sampler, struct ps_random *random, uint32_t user, uint32_t behaviour,
                        uint32_t *item)
{
    double weight[PS_MAX_BEHAVIOURS], sum = 0;
    for (uint32_t b = 0; b < behaviour; b++)
        sum += weight[b] = (double)touched(sampler->dataset, user, b) / (double)(1u << (behaviour - b));
    if (ps_random_unit(random) < sampler->unobserved || sum == 0)
        return false;
    double at = ps_random_unit(random) * sum;
    uint32_t level = 0;
    while (level + 1 < behaviour && at >= weight[level])
        at -= weight[level++];
    return draw_touched(&(struct draw){sampler->dataset, user, level, level + 1, NULL, 0}, random, item);
}

int ps_draw_level(const struct ps_sampler *sampler, struct ps_random *random, uint32_t user, uint32_t behaviour, int count,
                  uint32_t *item)
{
    int done = 0;
    for (; done < count; done++)
        if (!draw_weaker(sampler, random, user, behaviour, &item[done]) &&
            !ps_draw_uniform(sampler, random, user, behaviour, 1, &item[done]) &&
            !draw_touched(&(struct draw){sampler->dataset, user, 0, behaviour, NULL, 0}, random, &item[done]))
            break;
    return done;
}

/* A positive's negatives are different items. */
int ps_draw_supportive(const struct ps_sampler *sampler, struct ps_random *random, uint32_t user, uint32_t behaviour, int count,
                       uint32_t *item)
{
    uint32_t target = sampler->dataset->behaviours - 1;
    int done = 0;
    while (behaviour == target && done < count &&
           draw_touched(&(struct draw){sampler->dataset, user, 0, target, item, done}, random, &item[done]))
        done++;
    return done + ps_draw_uniform(sampler, random, user, behaviour, count - done, item + done);
}
