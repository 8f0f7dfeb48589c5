/* uniform.c - negatives drawn uniformly from the items that the user has touched under no behaviour, by rejection; see
 * sampler.h.
 */
#include <string.h>

#include "common/vector.h"
#include "worker/sampler.h"

enum { REJECTIONS = 64, DRAWN = 4, BLOCK = 8, SCAN_LONGEST = 512 };

static uint32_t item_number(const struct ps_sampler *sampler, uint64_t k)
{
    return sampler->warm ? sampler->warm[k] : (uint32_t)k;
}

/* An item that the user has touched under no behaviour: uniform, by rejection; for users who touched nearly everything by
 * a scan from a random start, which ends. False where there is none. */
static bool draw_negative(const struct ps_sampler *sampler, struct ps_random *random, uint32_t user, uint32_t *item)
{
    const struct ps_dataset *dataset = sampler->dataset;
    for (int i = 0; i < REJECTIONS; i++) {
        *item = item_number(sampler, ps_random_below(random, sampler->items));
        if (!ps_dataset_seen(dataset, user, *item))
            return true;
    }
    uint64_t start = ps_random_below(random, sampler->items);
    for (uint64_t i = 0; i < sampler->items; i++) {
        *item = item_number(sampler, (start + i) % sampler->items);
        if (!ps_dataset_seen(dataset, user, *item))
            return true;
    }
    return false;
}

/* One register on most processors: where a block is more, GCC 12 keeps it in memory. */
typedef uint32_t block __attribute__((vector_size(BLOCK * sizeof(uint32_t)), aligned(sizeof(uint32_t))));

/* Whether one of the items is among n (a multiple of BLOCK) others. A list is compared as a whole, since every step of a search
 * would wait for the one before. */
PS_VECTOR static bool any_in(const uint32_t *list, uint64_t n, const uint32_t item[DRAWN])
{
    block found = {0};
    for (uint64_t i = 0; i < n; i += BLOCK) {
        block x = *(const block *)(list + i);
        found |= (block)(x == item[0]) | (block)(x == item[1]) | (block)(x == item[2]) | (block)(x == item[3]);
    }
    uint32_t any = 0;
    for (int j = 0; j < BLOCK; j++)
        any |= found[j];
    return any;
}

/* False where the user has touched none of the items. True where he may have: the last block reaches into the next user's
 * list, and long lists are left to a search. */
static bool maybe_seen(const struct ps_dataset *dataset, uint32_t user, const uint32_t item[DRAWN])
{
    bool maybe = false;
    for (uint32_t b = 0; b < dataset->behaviours; b++) {
        const struct ps_history *h = &dataset->train[b];
        uint64_t first = h->offset[user], n = h->offset[user + 1] - first, blocks = (n + BLOCK - 1) / BLOCK;
        maybe |= n > SCAN_LONGEST || first + blocks * BLOCK > h->interactions || any_in(h->item + first, blocks * BLOCK, item);
    }
    return maybe;
}

/* Together as long as none has to be rejected: the items are the same as one by one. */
int ps_draw_uniform(const struct ps_sampler *sampler, struct ps_random *random, uint32_t user, uint32_t behaviour, int count,
                    uint32_t *item)
{
    const struct ps_dataset *dataset = sampler->dataset;
    int done = 0;
    while (done < count) {
        struct ps_random before = *random;
        uint32_t some[DRAWN];
        int n = PS_MIN(count - done, (int)DRAWN);
        memset(some, 0xff, sizeof some);
        for (int k = 0; k < n; k++)
            some[k] = item_number(sampler, ps_random_below(random, sampler->items));
        if (!maybe_seen(dataset, user, some)) {
            memcpy(item + done, some, (size_t)n * sizeof *item);
            done += n;
            continue;
        }
        *random = before;
        for (int k = 0; k < n; k++, done++)
            if (!draw_negative(sampler, random, user, &item[done]))
                return done;
    }
    return done;
}
