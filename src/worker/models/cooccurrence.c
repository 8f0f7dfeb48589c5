/* cooccurrence.c - see cooccurrence.h. */
#include "worker/models/cooccurrence.h"

#include <math.h>
#include <stdlib.h>

enum { ROOM = 1 << 22 }; /* pairs of a range of items */

/* The pairs of the items [first, end): those of item i begin at place[i - first]. */
struct range {
    uint32_t first, end;
    uint64_t *place, *count; /* owned */
    struct ps_weighed *pair; /* owned */
};

uint64_t ps_decayed(double decay, uint64_t n)
{
    double x = PS_WEIGHT_ONE;
    for (; n && x >= 0.5; n--)
        x *= decay;
    return (uint64_t)llround(x);
}

static int by_item(const void *a, const void *b)
{
    uint32_t x = ((const struct ps_weighed *)a)->item, y = ((const struct ps_weighed *)b)->item;
    return (x > y) - (x < y);
}

static int by_weight(const void *a, const void *b)
{
    uint64_t x = ((const struct ps_weighed *)a)->weight, y = ((const struct ps_weighed *)b)->weight;
    return x == y ? by_item(a, b) : (x < y) - (x > y);
}

size_t ps_weighed_merge(struct ps_weighed *list, size_t n)
{
    size_t kept = 0;
    if (n)
        qsort(list, n, sizeof *list, by_item);
    for (size_t k = 0; k < n; k++)
        if (kept && list[kept - 1].item == list[k].item)
            list[kept - 1].weight += list[k].weight;
        else
            list[kept++] = list[k];
    return kept;
}

size_t ps_weighed_heaviest(struct ps_weighed *list, size_t n, size_t most)
{
    if (n)
        qsort(list, n, sizeof *list, by_weight);
    size_t kept = PS_MIN(n, most);
    while (kept && kept < n && list[kept - 1].weight == list[kept].weight)
        kept--;
    return kept;
}

/* Says every pair of steps that counts. */
static void each_pair(const struct ps_dataset *dataset, struct ps_counting how,
                      void (*say)(void *ctx, uint32_t item, uint32_t near, uint64_t weight), void *ctx)
{
    const struct ps_sessions *s = &dataset->sessions;
    uint32_t *item = ps_calloc(s->longest, sizeof *item);
    uint64_t *weight = ps_calloc((size_t)how.window + 1, sizeof *weight);
    for (int d = 1; d <= how.window; d++)
        weight[d] = ps_decayed(how.decay, (uint64_t)d - 1);
    for (uint64_t session = 0; session < s->train; session++) {
        int steps = 0;
        for (uint64_t e = s->begin[session]; e < s->begin[session + 1]; e++) {
            if (s->operation[e] == PS_SHOWN)
                continue;
            item[steps] = s->item[e];
            for (int d = 1; d <= PS_MIN(how.window, steps); d++) {
                uint32_t before = item[steps - d];
                if (before == item[steps] && !how.itself)
                    continue;
                say(ctx, before, item[steps], weight[d]);
                if (how.both)
                    say(ctx, item[steps], before, weight[d]);
            }
            steps++;
        }
    }
    free(item), free(weight);
}

static void count_pair(void *ctx, uint32_t item, uint32_t near, uint64_t weight)
{
    ((uint64_t *)ctx)[item]++;
}

/* An item whose room is full has pairs that can be merged: there is room for twice the number of items, or for all. */
static void add_pair(void *ctx, uint32_t item, uint32_t near, uint64_t weight)
{
    struct range *r = ctx;
    if (item < r->first || item >= r->end)
        return;
    uint64_t *place = &r->place[item - r->first], *count = &r->count[item - r->first];
    if (*place + *count == place[1])
        *count = ps_weighed_merge(r->pair + *place, *count);
    r->pair[*place + (*count)++] = (struct ps_weighed){near, weight};
}

/* The neighbours of the range's items go behind those of the items before. */
static void end_range(struct range *r, struct ps_cooccurrence *c, uint64_t *capacity)
{
    for (uint32_t i = r->first; i < r->end; i++) {
        struct ps_weighed *pair = r->pair + r->place[i - r->first];
        size_t n = ps_weighed_merge(pair, r->count[i - r->first]);
        n = ps_weighed_heaviest(pair, n, PS_NEIGHBOURS);
        c->begin[i + 1] = c->begin[i] + n;
        if (c->begin[i + 1] > *capacity) {
            *capacity = 2 * c->begin[i + 1];
            c->entry = ps_realloc(c->entry, *capacity, sizeof *c->entry);
        }
        for (size_t k = 0; k < n; k++)
            c->entry[c->begin[i] + k] = pair[k];
    }
}

void ps_cooccurrence_init(struct ps_cooccurrence *c, const struct ps_dataset *dataset, struct ps_counting how)
{
    uint32_t items = (uint32_t)dataset->items;
    uint64_t capacity = 0, *pairs = ps_calloc(items, sizeof *pairs);
    *c = (struct ps_cooccurrence){.begin = ps_calloc((size_t)items + 1, sizeof *c->begin)};
    each_pair(dataset, how, count_pair, pairs);
    for (struct range r = {0}; r.end < items;) {
        uint64_t room = 0;
        for (r.first = r.end; r.end < items; r.end++) {
            uint64_t own = PS_MIN(pairs[r.end], 2 * (uint64_t)items);
            if (room && room + own > ROOM)
                break;
            room += pairs[r.end] = own;
        }
        r.place = ps_calloc((size_t)(r.end - r.first) + 1, sizeof *r.place);
        r.count = ps_calloc(r.end - r.first, sizeof *r.count);
        r.pair = ps_calloc(PS_MAX(room, (uint64_t)1), sizeof *r.pair);
        for (uint32_t i = r.first; i < r.end; i++)
            r.place[i - r.first + 1] = r.place[i - r.first] + pairs[i];
        each_pair(dataset, how, add_pair, &r);
        end_range(&r, c, &capacity);
        free(r.place), free(r.count), free(r.pair);
    }
    free(pairs);
}

void ps_cooccurrence_fini(struct ps_cooccurrence *c)
{
    free(c->begin), free(c->entry);
    *c = (struct ps_cooccurrence){0};
}
