/* targets.c - see targets.h. */
#include "data/targets.h"

#include "common/file.h"
#include "common/random.h"

#include <stdlib.h>

const struct ps_pair *ps_held_out(const struct ps_dataset *dataset, enum ps_split split, uint64_t *count)
{
    *count = split == PS_SPLIT_VALID ? dataset->valid_count : dataset->test_count;
    return split == PS_SPLIT_VALID ? dataset->valid : dataset->test;
}

const struct ps_pair *ps_held_out_of(const struct ps_dataset *dataset, enum ps_split split, uint32_t user, uint64_t *count)
{
    uint64_t n, low = 0;
    const struct ps_pair *held = ps_held_out(dataset, split, &n);
    for (uint64_t high = n; low < high;) {
        uint64_t middle = low + (high - low) / 2;
        if (held[middle].user < user)
            low = middle + 1;
        else
            high = middle;
    }
    for (*count = 0; low + *count < n && held[low + *count].user == user;)
        ++*count;
    return held + low;
}

static uint64_t count_users(const struct ps_pair *held, uint64_t n)
{
    uint64_t users = 0;
    for (uint64_t i = 0; i < n; i++)
        users += i == 0 || held[i].user != held[i - 1].user;
    return users;
}

/* All pairs of `wanted` of the users, which are numbered as they come. */
static void take_users(struct ps_targets *targets, const struct ps_pair *held, uint64_t n, uint64_t users, uint64_t wanted,
                       uint64_t seed)
{
    bool *drawn = ps_calloc(users, sizeof *drawn);
    size_t capacity = 0;
    for (uint64_t i = 0; i < wanted; i++)
        drawn[ps_random_permute(seed, users, i)] = true;
    for (uint64_t i = 0, user = 0; i < n; i++) {
        user += i > 0 && held[i].user != held[i - 1].user;
        if (!drawn[user])
            continue;
        PS_GROW(targets->owned, capacity, targets->count + 1);
        targets->owned[targets->count++] = held[i];
    }
    free(drawn);
}

void ps_targets_init(struct ps_targets *targets, const struct ps_dataset *dataset, enum ps_split split,
                     const struct ps_config *config)
{
    uint64_t n, wanted = config->eval.users, seed = config->eval.seed;
    const struct ps_pair *held = ps_held_out(dataset, split, &n);
    uint64_t all = config->eval.mean == PS_MEAN_USERS ? count_users(held, n) : n;
    *targets = (struct ps_targets){.pair = held, .count = n};
    if (!wanted || wanted >= all)
        return;
    targets->count = 0;
    if (config->eval.mean == PS_MEAN_USERS) {
        take_users(targets, held, n, all, wanted, seed);
    } else {
        targets->owned = ps_calloc(wanted, sizeof *targets->owned);
        for (; targets->count < wanted; targets->count++)
            targets->owned[targets->count] = held[ps_random_permute(seed, n, targets->count)];
    }
    targets->pair = targets->owned;
}

void ps_targets_fini(struct ps_targets *targets)
{
    free(targets->owned);
    *targets = (struct ps_targets){0};
}

uint64_t ps_candidates_draw(const struct ps_dataset *dataset, enum ps_split split, enum ps_mask mask, uint32_t user,
                            uint64_t seed, uint32_t *item, uint64_t count)
{
    uint32_t all = (1u << dataset->behaviours) - 1, target = 1u << (dataset->behaviours - 1), masked = 0;
    uint64_t held_count, drawn = 0;
    const struct ps_pair *held = ps_held_out_of(dataset, split, user, &held_count);
    size_t length;
    const char *name = ps_dataset_name(dataset, PS_USERS, user, &length);
    struct ps_random random = ps_random_stream(seed, PS_RANDOM_CANDIDATES, ps_hash64(name, length, 0), 0, 0);
    uint64_t order = ps_random_next(&random);
    if (mask != PS_MASK_NONE)
        masked = mask == PS_MASK_TARGET ? target : all;
    for (uint64_t i = 0; i < dataset->items && drawn < count; i++) {
        uint32_t one = ps_dataset_by_name(dataset, PS_ITEMS, ps_random_permute(order, dataset->items, i));
        bool taken = masked && (ps_dataset_seen(dataset, user, one) & masked);
        for (uint64_t j = 0; j < held_count && !taken; j++)
            taken = held[j].item == one;
        if (!taken)
            item[drawn++] = one;
    }
    return drawn;
}
