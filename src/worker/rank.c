/* rank.c - the exact rank of held-out targets; see rank.h. */
#include "common/vector.h"
#include "worker/scorer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The same for all items that the user has in the split: the target itself and the others. */
static int strike_held_out(const struct ps_pair *held, uint64_t n, uint32_t user, uint64_t first, int count,
                           float *score)
{
    uint64_t low = 0, high = n;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (held[middle].user < user)
            low = middle + 1;
        else
            high = middle;
    }
    int struck = 0;
    for (; low < n && held[low].user == user; low++)
        struck += ps_scorer_strike(score, held[low].item, first, count);
    return struck;
}

PS_VECTOR static void count_above(const float *score, int n, float target, uint32_t *greater, uint32_t *equal)
{
    uint32_t above = 0, same = 0;
    for (int i = 0; i < n; i++) {
        above += score[i] > target;
        same += score[i] == target;
    }
    *greater += above;
    *equal += same;
}

/* The group's users are at hand; their targets' scores, by the same blocks as all others. */
static int score_targets(struct ps_scorer *s, const struct ps_pair *target, size_t n, float *own, struct ps_error *err)
{
    for (size_t first = 0; first < n; first += PS_BLOCK_USERS) {
        int users = (int)PS_MIN(n - first, (size_t)PS_BLOCK_USERS);
        for (int i = 0; i < PS_BLOCK_ITEMS; i++)
            s->items.id[i] = target[first + (size_t)PS_MIN(i, users - 1)].item;
        int status = ps_scorer_fetch(s, &s->items, PS_BLOCK_ITEMS, err);
        if (status < 0)
            return status;
        ps_scorer_run(s, first, PS_BLOCK_USERS);
        for (int u = 0; u < users; u++) {
            own[first + (size_t)u] = s->score[(size_t)u * PS_BLOCK_ITEMS + (size_t)u];
            if (isnan(own[first + (size_t)u]))
                return ps_scorer_refuse_nan(s, target[first + (size_t)u].user, err);
        }
    }
    return 0;
}

static int rank_group(struct ps_scorer *s, enum ps_split split, const struct ps_pair *target, size_t n,
                      enum ps_mask mask, float *own, struct ps_rank *out, struct ps_error *err)
{
    const struct ps_dataset *dataset = s->model->dataset;
    const struct ps_pair *held = split == PS_SPLIT_VALID ? dataset->valid : dataset->test;
    uint64_t held_count = split == PS_SPLIT_VALID ? dataset->valid_count : dataset->test_count;
    size_t padded = (n + PS_BLOCK_USERS - 1) / PS_BLOCK_USERS * PS_BLOCK_USERS;
    for (size_t k = 0; k < padded; k++)
        s->users.id[k] = target[PS_MIN(k, n - 1)].user;
    int status = ps_scorer_fetch(s, &s->users, padded, err);
    if (status >= 0)
        status = score_targets(s, target, n, own, err);
    if (status < 0)
        return status;
    for (size_t k = 0; k < n; k++)
        out[k] = (struct ps_rank){.candidates = (uint32_t)dataset->items + 1, /* the target is struck as well */
                                  .seen = ps_dataset_seen(dataset, target[k].user, target[k].item)};

    for (uint64_t block = 0; block < dataset->items; block += PS_BLOCK_ITEMS) {
        int count = ps_scorer_fetch_block(s, block, err);
        if (count < 0)
            return count;
        for (size_t first = 0; first < n; first += PS_BLOCK_USERS) {
            ps_scorer_run(s, first, PS_BLOCK_USERS);
            for (size_t k = first; k < PS_MIN(n, first + PS_BLOCK_USERS); k++) {
                uint32_t user = target[k].user;
                float *score = s->score + (k - first) * PS_BLOCK_ITEMS;
                if (ps_scorer_has_nan(score, count))
                    return ps_scorer_refuse_nan(s, user, err);
                int struck = ps_scorer_strike_masked(dataset, mask, user, block, count, score);
                struck += strike_held_out(held, held_count, user, block, count, score);
                struck += ps_scorer_strike(score, target[k].item, block, count);
                count_above(score, count, own[k], &out[k].greater, &out[k].equal);
                out[k].candidates -= (uint32_t)struck;
            }
        }
    }
    return 0;
}

int ps_rank_targets(struct ps_model *model, const struct ps_row_source *source, enum ps_split split,
                    const struct ps_pair *target, size_t n, enum ps_mask mask, struct ps_rank *out,
                    struct ps_error *err)
{
    struct ps_scorer s;
    int status = ps_scorer_init(&s, model, source, n, err);
    if (status < 0)
        return status;
    float *own = ps_calloc(s.group, sizeof *own);
    struct ps_rank *rank = ps_calloc(PS_MAX(n, (size_t)1), sizeof *rank);
    for (size_t first = 0; first < n && status >= 0; first += s.group)
        status = rank_group(&s, split, target + first, PS_MIN(n - first, s.group), mask, own, rank + first, err);
    if (status >= 0)
        memcpy(out, rank, n * sizeof *rank);
    free(rank);
    free(own);
    ps_scorer_fini(&s);
    return status;
}
