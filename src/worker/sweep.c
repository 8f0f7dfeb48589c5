/* sweep.c - the order of a sweep of least squares: whole rows, dealt to lanes; see sweep.h. */
#include "worker/sweep.h"

#include <stdlib.h>

#include "common/random.h"

void ps_sweep_init(struct ps_sweep *sweep, const struct ps_dataset *dataset, uint64_t seed, uint32_t lanes)
{
    const struct ps_history *h = &dataset->train[dataset->behaviours - 1];
    uint64_t *offset = ps_calloc(dataset->items + 1, sizeof *offset), *next = ps_calloc(dataset->items, sizeof *next);
    uint32_t *user = ps_calloc(PS_MAX(h->interactions, 1), sizeof *user);
    for (uint64_t i = 0; i < dataset->items; i++) {
        next[i] = offset[i];
        offset[i + 1] = offset[i] + h->count[i];
    }
    for (uint32_t u = 0; u < dataset->users; u++)
        for (uint64_t k = h->offset[u]; k < h->offset[u + 1]; k++)
            user[next[h->item[k]]++] = u;
    free(next);
    *sweep = (struct ps_sweep){.dataset = dataset, .seed = seed, .lanes = lanes, .offset = offset, .user = user};
}

void ps_sweep_fini(struct ps_sweep *sweep)
{
    free(sweep->offset);
    free(sweep->user);
    *sweep = (struct ps_sweep){0};
}

/* Row number `place` of the lane's: its list, or false where there is none. */
static bool row_at(const struct ps_sweep *sweep, uint32_t epoch, uint32_t lane, uint64_t place, uint32_t *row,
                   const uint32_t **list, uint64_t *length)
{
    const struct ps_dataset *d = sweep->dataset;
    bool items = ps_sweep_of(epoch) == PS_TABLE_ITEM;
    uint64_t rows = items ? d->items : d->users, k = lane + sweep->lanes * place;
    if (k >= rows)
        return false;
    struct ps_random random = ps_random_stream(sweep->seed, PS_RANDOM_ORDER, epoch, 0, 0);
    *row = (uint32_t)ps_random_permute(ps_random_next(&random), rows, k);
    const struct ps_history *h = &d->train[d->behaviours - 1];
    const uint64_t *offset = (items ? sweep->offset : h->offset) + *row;
    *list = (items ? sweep->user : h->item) + offset[0];
    *length = offset[1] - offset[0];
    return true;
}

int ps_sweep_next(const struct ps_sweep *sweep, uint32_t epoch, uint32_t lane, uint64_t *place, int count, struct ps_entry *out)
{
    bool items = ps_sweep_of(epoch) == PS_TABLE_ITEM;
    uint32_t row, target = 1u << (sweep->dataset->behaviours - 1);
    const uint32_t *list;
    uint64_t length, taken = 0;
    for (; row_at(sweep, epoch, lane, *place, &row, &list, &length) && taken + length <= (uint64_t)count; ++*place) {
        for (uint64_t k = 0; out && k < length; k++)
            out[taken + k] = items ? (struct ps_entry){list[k], row, target} : (struct ps_entry){row, list[k], target};
        taken += length;
    }
    return (int)taken;
}

uint64_t ps_sweep_longest(const struct ps_dataset *dataset)
{
    const struct ps_history *h = &dataset->train[dataset->behaviours - 1];
    uint64_t longest = 0;
    for (uint64_t u = 0; u < dataset->users; u++)
        longest = PS_MAX(longest, h->offset[u + 1] - h->offset[u]);
    for (uint64_t i = 0; i < dataset->items; i++)
        longest = PS_MAX(longest, (uint64_t)h->count[i]);
    return longest;
}
