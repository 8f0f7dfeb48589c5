/* synth_dataset.c - a dataset that was never written; see synth_dataset.h. */
#include "data/synth_dataset.h"

#include <stdlib.h>

#include "data/synth_draw.h"

static const double skew = 0.9;
enum { NAMES = 1 }; /* seed of the permutation of items */

uint32_t ps_synth_popular(struct ps_random *random, uint64_t items)
{
    return (uint32_t)ps_random_permute(NAMES, items, ps_synth_rank(random, items, skew, ps_synth_scale(items, skew)));
}

/* How many users each item has, at least 1: the expectation of `interactions` draws, by the same law. */
static uint32_t *popularity(uint64_t items, uint64_t interactions)
{
    uint32_t *count = ps_malloc(items * sizeof *count);
    double scale = ps_synth_scale(items, skew);
    for (uint64_t k = 0; k < items; k++) {
        double share = (pow((double)k + 2, 1 - skew) - pow((double)k + 1, 1 - skew)) / scale;
        double users = PS_MIN(share * (double)interactions, 1e9);
        count[ps_random_permute(NAMES, items, k)] = (uint32_t)PS_MAX(users, 1);
    }
    return count;
}

static void make_sessions(const struct ps_synth_sizes *sizes, struct ps_sessions *s)
{
    uint64_t length = sizes->session, sessions = PS_SYNTH_MADE_SESSIONS, events = sessions * length;
    uint64_t *begin = ps_calloc(sessions + 1, sizeof *begin), *targets = ps_calloc(sessions + 1, sizeof *targets);
    uint32_t *item = ps_calloc(events, sizeof *item), *visitor = ps_calloc(sessions, sizeof *visitor);
    uint8_t *operation = ps_calloc(events, sizeof *operation);
    struct ps_random random = ps_random_stream(1, PS_RANDOM_SYNTH, PS_SYNTH_SESSION, 0, 0);
    for (uint64_t k = 0; k < sessions; k++) {
        begin[k + 1] = begin[k] + length;
        targets[k + 1] = targets[k] + length - 1;
        visitor[k] = (uint32_t)ps_random_below(&random, sizes->users);
    }
    for (uint64_t e = 0; e < events; e++) {
        item[e] = ps_synth_popular(&random, sizes->items);
        operation[e] = (uint8_t)ps_random_below(&random, sizes->behaviours);
    }
    *s = (struct ps_sessions){.count = sessions, .train = sessions, .longest = length, .begin = begin, .item = item, .operation = operation,
                              .visitor = visitor, .targets = targets, .visitors = sizes->users, .operations = sizes->behaviours};
    for (uint32_t b = 0; b < sizes->behaviours; b++)
        snprintf(s->operation_name[b], sizeof s->operation_name[b], "operation%u", b);
}

void ps_synth_dataset(const struct ps_synth_sizes *sizes, struct ps_dataset *dataset)
{
    *dataset = (struct ps_dataset){.path = ps_strdup("a made dataset"), .users = sizes->users, .items = sizes->items,
                                   .behaviours = sizes->session ? 1 : sizes->behaviours};
    uint64_t *offset = ps_calloc(dataset->users + 1, sizeof *offset); /* pages that nobody writes are none */
    uint32_t *count = popularity(sizes->items, sizes->interactions / dataset->behaviours);
    for (uint32_t b = 0; b < dataset->behaviours; b++) {
        dataset->train[b] = (struct ps_history){.offset = offset, .count = count, .interactions = sizes->interactions / dataset->behaviours};
        snprintf(dataset->behaviour[b], sizeof dataset->behaviour[b], "behaviour%u", b);
    }
    dataset->union_offset = offset;
    dataset->union_pairs = sizes->interactions;
    if (sizes->session)
        make_sessions(sizes, &dataset->sessions);
}

void ps_synth_dataset_free(struct ps_dataset *d)
{
    const struct ps_sessions *s = &d->sessions;
    free((void *)(uintptr_t)d->union_offset), free((void *)(uintptr_t)d->train[0].count), free(d->path);
    free((void *)(uintptr_t)s->begin), free((void *)(uintptr_t)s->targets), free((void *)(uintptr_t)s->item);
    free((void *)(uintptr_t)s->visitor), free((void *)(uintptr_t)s->operation);
    *d = (struct ps_dataset){0};
}
