/* top.c - the best items of a user; see rank.h and top.h. */
#include "worker/top.h"
#include "worker/scorer.h"

#include <math.h>
#include <stdlib.h>

static bool is_better(struct ps_top a, struct ps_top b, uint64_t salt)
{
    return a.score > b.score || (a.score == b.score && ps_mix64(a.item ^ salt) < ps_mix64(b.item ^ salt));
}

static void sift_down(struct ps_top *heap, int count, uint64_t salt)
{
    for (int parent = 0, child; (child = 2 * parent + 1) < count; parent = child) {
        if (child + 1 < count && is_better(heap[child], heap[child + 1], salt))
            child++;
        if (!is_better(heap[parent], heap[child], salt))
            return;
        struct ps_top swap = heap[parent];
        heap[parent] = heap[child];
        heap[child] = swap;
    }
}

static void add(struct ps_best *best, struct ps_top new)
{
    struct ps_top *heap = best->top;
    if (best->count == best->k) {
        if (is_better(new, heap[0], best->salt)) {
            heap[0] = new;
            sift_down(heap, best->k, best->salt);
        }
        return;
    }
    int at = best->count++;
    for (; at > 0 && is_better(heap[(at - 1) / 2], new, best->salt); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = new;
}

void ps_best_add(struct ps_best *best, uint64_t first, const float *score, int count)
{
    for (int i = 0; i < count; i++)
        if (score[i] > -INFINITY && (best->count < best->k || score[i] >= best->top[0].score))
            add(best, (struct ps_top){(uint32_t)first + (uint32_t)i, score[i]});
}

/* Takes the worst away until the places are in order. */
void ps_best_sort(struct ps_best *best)
{
    for (int left = best->count; left > 1; left--) {
        struct ps_top worst = best->top[0];
        best->top[0] = best->top[left - 1];
        sift_down(best->top, left - 1, best->salt);
        best->top[left - 1] = worst;
    }
    for (int j = best->count; j < best->k; j++)
        best->top[j] = (struct ps_top){PS_NO_ITEM, -INFINITY};
}

static int top_group(struct ps_scorer *s, const uint32_t *user, size_t n, enum ps_mask mask, int k, uint64_t salt,
                     struct ps_best *best, struct ps_top *out, struct ps_error *err)
{
    const struct ps_dataset *dataset = s->model->dataset;
    for (size_t u = 0; u < n; u++) {
        s->users.id[u] = user[u];
        best[u] = (struct ps_best){.top = out + u * (size_t)k, .k = k, .salt = salt};
    }
    int status = ps_scorer_fetch(s, &s->users, n, err);
    if (status < 0)
        return status;
    for (uint64_t block = 0; block < dataset->items; block += PS_BLOCK_ITEMS) {
        int count = ps_scorer_fetch_block(s, block, err);
        if (count < 0)
            return count;
        for (size_t first = 0; first < n; first += PS_BLOCK_USERS) {
            int users = (int)PS_MIN(n - first, (size_t)PS_BLOCK_USERS);
            ps_scorer_run(s, first, users);
            for (int u = 0; u < users; u++) {
                float *score = s->score + (size_t)u * PS_BLOCK_ITEMS;
                if (ps_scorer_has_nan(score, count))
                    return ps_scorer_refuse_nan(s, user[first + (size_t)u], err);
                ps_scorer_strike_masked(dataset, mask, user[first + (size_t)u], block, count, score);
                ps_best_add(&best[first + (size_t)u], block, score, count);
            }
        }
    }
    for (size_t u = 0; u < n; u++)
        ps_best_sort(&best[u]);
    return 0;
}

int ps_top_items(struct ps_model *model, const struct ps_row_source *source, const uint32_t *user, size_t n,
                 enum ps_mask mask, int k, uint64_t seed, struct ps_top *out, struct ps_error *err)
{
    PS_ASSERT(k >= 1 && k <= PS_TOP_MAX);
    struct ps_scorer s;
    int status = ps_scorer_init(&s, model, source, n, PS_BLOCK_ITEMS, err);
    if (status < 0)
        return status;
    struct ps_best *best = ps_calloc(s.group, sizeof *best);
    uint64_t salt = ps_mix64(seed);
    for (size_t first = 0; first < n && status >= 0; first += s.group)
        status =
            top_group(&s, user + first, PS_MIN(n - first, s.group), mask, k, salt, best, out + first * (size_t)k, err);
    free(best);
    ps_scorer_fini(&s);
    return status;
}
