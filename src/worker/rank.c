/* rank.c - the exact rank of held-out targets; see rank.h. */
#include "worker/lists.h"
#include "worker/sampled.h"

#include <math.h>
#include <stdlib.h>

/* The user's held-out items of one block, and their scores before anything was struck. */
struct held {
    uint32_t item[PS_BLOCK_ITEMS];
    float score[PS_BLOCK_ITEMS];
    int count;
};

static void hold(const struct ps_dataset *dataset, enum ps_split split, uint32_t user, uint64_t first, int count,
                 const float *score, struct held *held)
{
    uint64_t n;
    const struct ps_pair *pair = ps_held_out_of(dataset, split, user, &n);
    held->count = 0;
    for (uint64_t i = 0; i < n; i++)
        if (pair[i].item >= first && pair[i].item < first + (uint64_t)count) {
            held->item[held->count] = pair[i].item;
            held->score[held->count++] = score[pair[i].item - first];
        }
}

/* Makes candidates of them again, or strikes them. Returns how many more are struck than before. */
static int settle(const struct held *held, enum ps_mean mean, uint64_t first, int count, float *score)
{
    int struck = 0;
    for (int i = 0; i < held->count; i++) {
        float *at = &score[held->item[i] - first];
        if (mean == PS_MEAN_TARGETS) {
            struck += ps_scorer_strike(score, held->item[i], first, count);
        } else {
            struck -= isnan(*at);
            *at = held->score[i];
        }
    }
    return struck;
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

static struct ps_rank describe(const struct ps_dataset *dataset, struct ps_pair target)
{
    if (dataset->sessions.count) { /* "seen" are items that training knows, the others are cold; a history is the session so far */
        struct ps_case c = dataset->sessions.cases[target.user];
        return (struct ps_rank){.candidates = (uint32_t)dataset->items + 1,
                                .seen = dataset->train[0].count[target.item] > 0,
                                .user = target.user,
                                .history = c.position};
    }
    const struct ps_history *bought = &dataset->train[dataset->behaviours - 1];
    return (struct ps_rank){.candidates = (uint32_t)dataset->items + 1, /* the target is struck as well */
                            .seen = ps_dataset_seen(dataset, target.user, target.item),
                            .user = target.user,
                            .history = (uint32_t)(bought->offset[target.user + 1] - bought->offset[target.user])};
}

/* What a group fills in: ranks and, where asked for, lists. */
struct output {
    const struct ps_ranking *how;
    float *own; /* scratch: the targets' scores */
    struct ps_rank *rank;
    struct ps_lists *lists;
};

/* Counts one target's candidates in a block; `score` holds its user's scores of the block's `count` items. */
static void count_block(const struct ps_dataset *dataset, struct ps_pair target, uint64_t block, int count, float *score, size_t k,
                        const struct output *out)
{
    const struct ps_ranking *how = out->how;
    struct held held;
    if (!how->sampled)
        hold(dataset, how->split, target.user, block, count, score, &held);
    int struck = ps_scorer_strike_masked(dataset, how->mask, target.user, block, count, score);
    ps_lists_add(out->lists, k, block, score, count);
    if (how->sampled)
        return; /* it has its rank; the block is for lists */
    struck += settle(&held, how->mean, block, count, score);
    struck += ps_scorer_strike(score, target.item, block, count);
    ps_scorer_count(score, count, out->own[k], &out->rank[k].greater, &out->rank[k].equal);
    out->rank[k].candidates -= (uint32_t)struck;
}

/* Streams all items past a group whose users are at hand. */
static int stream(struct ps_scorer *s, const struct ps_pair *target, size_t n, const struct output *out, struct ps_error *err)
{
    const struct ps_dataset *dataset = s->model->dataset;
    ps_lists_begin(out->lists, n);
    for (uint64_t block = 0; block < dataset->items; block += PS_BLOCK_ITEMS) {
        int count = ps_scorer_fetch_block(s, block, err);
        if (count < 0)
            return count;
        for (size_t first = 0; first < n; first += PS_BLOCK_USERS) {
            ps_scorer_run(s, first, PS_BLOCK_USERS);
            for (size_t k = first; k < PS_MIN(n, first + PS_BLOCK_USERS); k++) {
                float *score = s->score + (k - first) * PS_BLOCK_ITEMS;
                if (ps_scorer_has_nan(score, count))
                    return ps_scorer_refuse_nan(s, target[k].user, err);
                count_block(dataset, target[k], block, count, score, k, out);
            }
        }
    }
    return 0;
}

static int rank_group(struct ps_scorer *s, const struct ps_pair *target, size_t n, const struct output *out, struct ps_error *err)
{
    const struct ps_ranking *how = out->how;
    size_t padded = (n + PS_BLOCK_USERS - 1) / PS_BLOCK_USERS * PS_BLOCK_USERS;
    for (size_t k = 0; k < padded; k++)
        s->users.id[k] = target[PS_MIN(k, n - 1)].user;
    for (size_t k = 0; k < n; k++)
        out->rank[k] = describe(s->model->dataset, target[k]);
    int status = ps_scorer_fetch(s, &s->users, padded, err);
    if (status >= 0 && how->sampled)
        status = ps_rank_sampled(s, how, target, n, out->rank, err);
    else if (status >= 0)
        status = score_targets(s, target, n, out->own, err);
    if (status >= 0 && (!how->sampled || how->k_count))
        status = stream(s, target, n, out, err);
    return status;
}

struct ps_ranking ps_ranking_of(const struct ps_config *config, enum ps_split split, bool lists)
{
    bool sampled = config->eval.candidates == PS_CANDIDATES_SAMPLED;
    return (struct ps_ranking){.split = split,
                               .mask = ps_eval_mask(config),
                               .mean = config->eval.mean,
                               .sampled = sampled ? (uint64_t)config->eval.sampled : 0,
                               .seed = config->eval.seed,
                               .k = config->eval.k,
                               .k_count = lists ? config->eval.k_count : 0};
}

int ps_rank_targets(struct ps_model *model, const struct ps_row_source *source, const struct ps_ranking *how,
                    const struct ps_pair *target, size_t n, struct ps_ranks *out, struct ps_error *err)
{
    PS_ASSERT(how->mask != PS_MASK_AUTO);
    struct ps_scorer s;
    int status = ps_scorer_init(&s, model, source, n, ps_sampled_items(model->dataset, how, target, n), err);
    if (status < 0)
        return status;
    struct ps_lists lists;
    struct ps_ranks ranks;
    ps_ranks_init(&ranks, n, how->k_count, model->dataset->items);
    ps_lists_init(&lists, model->dataset, how, s.group, &ranks);
    struct output output = {.how = how, .own = ps_calloc(s.group, sizeof *output.own), .lists = &lists};
    for (size_t first = 0; first < n && status >= 0; first += s.group) {
        size_t count = PS_MIN(n - first, s.group);
        output.rank = ranks.rank + first;
        status = rank_group(&s, target + first, count, &output, err);
        if (status >= 0)
            ps_lists_end(&lists, first, count);
    }
    if (status >= 0)
        *out = ranks;
    else
        ps_ranks_fini(&ranks);
    ps_lists_fini(&lists);
    free(output.own);
    ps_scorer_fini(&s);
    return status < 0 ? status : 0;
}
