/* sampled.c - see sampled.h. */
#include "worker/sampled.h"

#include <math.h>
#include <stdlib.h>

/* Items of one piece of a list, and items whose rows are fetched together. */
enum { PIECE = 128, BATCH = 128 * PIECE };

/* A run of targets of one user, and its list among the items at hand: the targets, what ranks beside them, padding. */
struct run {
    size_t first, targets;       /* in the group */
    size_t at, beside, items;    /* `beside` and what is behind it up to `items` are candidates of every target */
};

static size_t run_length(const struct ps_pair *target, size_t n)
{
    size_t length = 1;
    while (length < n && target[length].user == target->user)
        length++;
    return length;
}

static size_t padded(size_t items)
{
    return (items + PIECE - 1) / PIECE * PIECE;
}

/* The most that the list of a run can be. */
static size_t longest_list(const struct ps_dataset *dataset, const struct ps_ranking *how, uint32_t user, size_t targets)
{
    uint64_t held;
    ps_held_out_of(dataset, how->split, user, &held);
    return padded(targets + held + PS_MIN(how->sampled, dataset->items));
}

size_t ps_sampled_items(const struct ps_dataset *dataset, const struct ps_ranking *how, const struct ps_pair *target, size_t n)
{
    size_t most = how->sampled ? BATCH : PS_BLOCK_ITEMS;
    for (size_t i = 0, run; how->sampled && i < n; i += run) {
        run = run_length(target + i, n - i);
        most = PS_MAX(most, longest_list(dataset, how, target[i].user, run));
    }
    return most;
}

static bool among(const struct ps_pair *target, size_t n, uint32_t item)
{
    for (size_t i = 0; i < n; i++)
        if (target[i].item == item)
            return true;
    return false;
}

/* Writes the run's list to the items at hand, from run->at. */
static void write_list(struct ps_scorer *s, const struct ps_ranking *how, const struct ps_pair *target, struct run *run)
{
    const struct ps_dataset *dataset = s->model->dataset;
    uint32_t *item = s->items.id + run->at, user = target->user;
    uint64_t held_count;
    const struct ps_pair *held = ps_held_out_of(dataset, how->split, user, &held_count);
    size_t n = 0;
    for (; n < run->targets; n++)
        item[n] = target[n].item;
    run->beside = n;
    for (uint64_t i = 0; i < held_count && how->mean == PS_MEAN_USERS; i++)
        if (!among(target, run->targets, held[i].item))
            item[n++] = held[i].item;
    n += ps_candidates_draw(dataset, how->split, how->mask, user, how->seed, item + n, how->sampled);
    run->items = n;
    for (; n % PIECE; n++)
        item[n] = item[run->items - 1];
}

static int count_run(struct ps_scorer *s, const struct ps_ranking *how, const struct ps_pair *target, const struct run *run,
                     float *score, struct ps_rank *out, struct ps_error *err)
{
    const uint32_t *item = s->items.id + run->at;
    for (size_t piece = 0; piece < run->items; piece += PIECE) {
        ps_scorer_run_list(s, run->first, run->at + piece, PIECE);
        for (size_t i = 0; i < PIECE; i++)
            score[piece + i] = s->score[i];
    }
    if (ps_scorer_has_nan(score, (int)run->items))
        return ps_scorer_refuse_nan(s, target->user, err);
    for (size_t t = 0; t < run->targets; t++) {
        struct ps_rank *rank = &out[t];
        size_t begin = how->mean == PS_MEAN_USERS ? 0 : run->beside;
        rank->candidates = 1;
        for (size_t i = begin; i < run->items; i++) {
            if (item[i] == target[t].item)
                continue;
            rank->candidates++;
            rank->greater += score[i] > score[t];
            rank->equal += score[i] == score[t];
        }
    }
    return 0;
}

int ps_rank_sampled(struct ps_scorer *s, const struct ps_ranking *how, const struct ps_pair *target, size_t n,
                    struct ps_rank *out, struct ps_error *err)
{
    size_t room = ps_sampled_items(s->model->dataset, how, target, n), runs = 0;
    float *score = ps_calloc(room, sizeof *score);
    struct run *run = ps_calloc(n, sizeof *run);
    int status = 0;
    for (size_t next = 0; next < n && status >= 0; runs = 0) {
        size_t used = 0;
        while (next < n) {
            struct run one = {.first = next, .targets = run_length(target + next, n - next), .at = used};
            if (used + longest_list(s->model->dataset, how, target[next].user, one.targets) > room)
                break;
            write_list(s, how, target + next, &one);
            used += padded(one.items);
            next += one.targets;
            run[runs++] = one;
        }
        status = ps_scorer_fetch(s, &s->items, used, err);
        for (size_t r = 0; r < runs && status >= 0; r++)
            status = count_run(s, how, target + run[r].first, &run[r], score, out + run[r].first, err);
    }
    free(score), free(run);
    return status;
}
