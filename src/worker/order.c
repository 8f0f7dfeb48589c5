/* order.c - windows over shuffled blocks, dealt out to lanes; see order.h. */
#include "worker/order.h"

#include <stdlib.h>

#include "common/random.h"
#include "worker/sessions.h"

/* Training sessions among [first, end) that have a next item. */
static uint64_t count_sessions(const struct ps_dataset *d, uint32_t first, uint32_t end)
{
    uint64_t sessions = 0;
    for (uint32_t s = first; s < end; s++)
        sessions += ps_session_targets(d, s) > 0;
    return sessions;
}

static uint64_t block_entries(const struct ps_order *order, uint32_t block)
{
    const struct ps_dataset *d = order->dataset;
    uint32_t first = d->block_user[block], end = d->block_user[block + 1];
    if (order->recipe.stream == PS_STREAM_PREFIXES)
        return d->sessions.targets[end] - d->sessions.targets[first];
    if (order->recipe.stream == PS_STREAM_SESSIONS)
        return count_sessions(d, first, end);
    if (order->recipe.sampling == PS_SAMPLING_UNION)
        return d->union_offset[end] - d->union_offset[first];
    uint64_t total = 0;
    for (uint32_t b = order->recipe.first; b < d->behaviours; b++)
        total += d->train[b].offset[end] - d->train[b].offset[first];
    return total;
}

void ps_order_init(struct ps_order *order, const struct ps_dataset *dataset, const struct ps_config *config,
                   const struct ps_recipe *recipe)
{
    *order = (struct ps_order){.dataset = dataset,
                               .seed = config->train.seed,
                               .window_size = config->data.shuffle_window ? config->data.shuffle_window : UINT64_MAX,
                               .lanes = (uint32_t)config->train.lanes,
                               .recipe = *recipe};
    order->block = ps_calloc(dataset->blocks, sizeof *order->block);
    order->window_first = ps_calloc(dataset->blocks + 1, sizeof *order->window_first);
    order->window_count = ps_calloc(dataset->blocks, sizeof *order->window_count);
    order->triples = recipe->knowledge != PS_KNOWLEDGE_JOINT && recipe->knowledge ? ps_triples_count(dataset) : 0;
    if (recipe->sweeps)
        ps_sweep_init(&order->sweep, dataset, order->seed, order->lanes);
    if (recipe->stream == PS_STREAM_PARALLEL)
        ps_parallel_init(&order->parallel, dataset, order->lanes, (uint32_t)config->train.batch);
}

void ps_order_fini(struct ps_order *order)
{
    free(order->block);
    free(order->window_first);
    free(order->window_count);
    for (int i = 0; i < PS_WINDOWS_KEPT; i++)
        free(order->kept[i].entry);
    ps_sweep_fini(&order->sweep);
    ps_parallel_fini(&order->parallel);
    *order = (struct ps_order){0};
}

/* The epoch's permutation of blocks, and where each window begins in it. */
static void begin_epoch(struct ps_order *order, uint32_t epoch)
{
    if (order->epoch == epoch)
        return;
    uint64_t blocks = ps_triples_sessions(&order->recipe, epoch) ? order->dataset->blocks : 0;
    struct ps_random random = ps_random_stream(order->seed, PS_RANDOM_ORDER, epoch, 0, 0);
    for (uint64_t i = 0; i < blocks; i++) {
        uint64_t j = ps_random_below(&random, i + 1);
        order->block[i] = order->block[j];
        order->block[j] = (uint32_t)i;
    }
    order->windows = 0;
    uint64_t count = 0;
    for (uint64_t i = 0; i < blocks; i++) {
        if (!count)
            order->window_first[order->windows] = i;
        count += block_entries(order, order->block[i]);
        if (count >= order->window_size || i + 1 == blocks) {
            order->window_count[order->windows++] = count;
            count = 0;
        }
    }
    order->window_first[order->windows] = blocks;
    order->epoch = epoch;
}

static uint64_t lane_share(const struct ps_order *order, uint64_t window, uint32_t lane)
{
    uint64_t count = order->window_count[window];
    return count > lane ? (count - lane + order->lanes - 1) / order->lanes : 0;
}

static uint64_t seek_row(const struct ps_order *order, uint32_t epoch, uint32_t lane, uint64_t batch, int positives,
                         struct ps_cursor *cursor)
{
    uint64_t before = 0, entries = 1;
    *cursor = (struct ps_cursor){0};
    for (uint64_t b = 0; b < batch && entries; b++)
        before += entries = (uint64_t)ps_sweep_next(&order->sweep, epoch, lane, &cursor->offset, positives, NULL);
    return before;
}

/* The lane's triples in the epoch. */
static uint64_t lane_triples(const struct ps_order *order, uint32_t epoch, uint32_t lane)
{
    return ps_triples_epoch(&order->recipe, epoch) ? ps_triples_share(order->triples, order->lanes, lane) : 0;
}

bool ps_order_at_triples(const struct ps_order *order, uint32_t epoch, uint32_t lane, const struct ps_cursor *cursor)
{
    return cursor->triples < lane_triples(order, epoch, lane);
}

/* Puts the cursor before an entry behind the triples. Returns how many of these lie before it. */
static uint64_t seek_entry(struct ps_order *order, uint32_t epoch, uint32_t lane, uint64_t entry, struct ps_cursor *cursor)
{
    begin_epoch(order, epoch);
    uint64_t window = 0, before = 0;
    while (window < order->windows && entry - before >= lane_share(order, window, lane))
        before += lane_share(order, window++, lane);
    cursor->window = window;
    cursor->offset = window < order->windows ? entry - before : 0;
    return before + cursor->offset;
}

/* Next items of the lane's first sessions. */
static uint64_t targets_of(struct ps_order *order, uint32_t epoch, uint32_t lane, uint64_t sessions)
{
    struct ps_cursor cursor = {.triples = lane_triples(order, epoch, lane)};
    struct ps_entry entry[64] = {{0}};
    struct ps_error err;
    uint64_t targets = 0;
    for (int n; sessions && (n = ps_order_next(order, epoch, lane, &cursor, (int)PS_MIN(sessions, PS_COUNT(entry)), entry, &err)) > 0;
         sessions -= (uint64_t)n)
        for (int i = 0; i < n; i++)
            targets += ps_session_targets(order->dataset, entry[i].user);
    return targets;
}

uint64_t ps_order_seek(struct ps_order *order, uint32_t epoch, uint32_t lane, uint64_t batch, int positives,
                       struct ps_cursor *cursor)
{
    if (order->recipe.sweeps)
        return seek_row(order, epoch, lane, batch, positives, cursor);
    if (order->recipe.stream == PS_STREAM_PARALLEL) {
        *cursor = (struct ps_cursor){.offset = batch};
        return ps_parallel_before(&order->parallel, lane, batch);
    }
    uint64_t size = (uint64_t)positives, triples = lane_triples(order, epoch, lane), passed = (triples + size - 1) / size;
    *cursor = (struct ps_cursor){.triples = PS_MIN(batch * size, triples)};
    uint64_t entries = seek_entry(order, epoch, lane, batch > passed ? (batch - passed) * size : 0, cursor);
    return cursor->triples + (order->recipe.stream == PS_STREAM_SESSIONS ? targets_of(order, epoch, lane, entries) : entries);
}

uint64_t ps_order_batches(struct ps_order *order, uint32_t epoch, uint32_t lane, int positives)
{
    struct ps_cursor end = {0};
    uint64_t batches = 0;
    if (order->recipe.stream == PS_STREAM_PARALLEL)
        return ps_parallel_batches(&order->parallel, lane);
    if (order->recipe.sweeps) {
        while (ps_sweep_next(&order->sweep, epoch, lane, &end.offset, positives, NULL))
            batches++;
        return batches;
    }
    uint64_t size = (uint64_t)positives, entries = seek_entry(order, epoch, lane, UINT64_MAX, &end);
    return (lane_triples(order, epoch, lane) + size - 1) / size + (entries + size - 1) / size;
}

/* Appends a session's entry, or one for each of its next items, which names the event. */
static void append_session(const struct ps_order *order, uint32_t session, struct ps_window *w)
{
    const struct ps_sessions *s = &order->dataset->sessions;
    if (order->recipe.stream == PS_STREAM_SESSIONS) {
        if (ps_session_targets(order->dataset, session))
            w->entry[w->count++] = (struct ps_entry){.user = session};
        return;
    }
    bool first = true;
    for (uint64_t e = s->begin[session]; e < s->begin[session + 1]; e++) {
        if (s->operation[e] == PS_SHOWN)
            continue;
        if (!first)
            w->entry[w->count++] = (struct ps_entry){.user = session, .item = (uint32_t)(e - s->begin[session])};
        first = false;
    }
}

/* Appends a block's entries, user by user. */
static void append_block(const struct ps_order *order, uint32_t block, struct ps_window *w, uint32_t **item,
                         uint32_t **mask, size_t *capacity)
{
    const struct ps_dataset *d = order->dataset;
    for (uint32_t user = d->block_user[block]; user < d->block_user[block + 1]; user++) {
        if (order->recipe.stream != PS_STREAM_INTERACTIONS) {
            append_session(order, user, w);
            continue;
        }
        if (order->recipe.sampling == PS_SAMPLING_PER_BEHAVIOUR) {
            for (uint32_t b = order->recipe.first; b < d->behaviours; b++)
                for (uint64_t i = d->train[b].offset[user]; i < d->train[b].offset[user + 1]; i++)
                    w->entry[w->count++] = (struct ps_entry){user, d->train[b].item[i], 1u << b};
            continue;
        }
        uint64_t pairs = d->union_offset[user + 1] - d->union_offset[user];
        if (pairs > *capacity) {
            *capacity = pairs;
            *item = ps_realloc(*item, pairs, sizeof **item);
            *mask = ps_realloc(*mask, pairs, sizeof **mask);
        }
        uint64_t found = ps_dataset_union(d, user, *item, *mask, pairs);
        for (uint64_t i = 0; i < PS_MIN(found, pairs); i++)
            w->entry[w->count++] = (struct ps_entry){user, (*item)[i], (*mask)[i]};
    }
}

/* The window, from the ones kept or read and shuffled anew. NULL where the dataset is damaged. */
static const struct ps_window *window_get(struct ps_order *order, uint32_t epoch, uint64_t number,
                                          struct ps_error *err)
{
    struct ps_window *oldest = &order->kept[0];
    for (int i = 0; i < PS_WINDOWS_KEPT; i++) {
        struct ps_window *w = &order->kept[i];
        if (w->epoch == epoch && w->number == number) {
            w->last_use = ++order->clock;
            return w;
        }
        if (w->last_use < oldest->last_use)
            oldest = w;
    }
    struct ps_window *w = oldest;
    w->epoch = 0;
    w->count = 0;
    PS_GROW(w->entry, w->capacity, order->window_count[number]);
    uint32_t *item = NULL, *mask = NULL;
    size_t capacity = 0;
    int status = 0;
    for (uint64_t i = order->window_first[number]; !status && i < order->window_first[number + 1]; i++) {
        status = ps_dataset_check_block(order->dataset, order->block[i], err);
        if (!status)
            append_block(order, order->block[i], w, &item, &mask, &capacity);
    }
    free(item);
    free(mask);
    if (status)
        return NULL;
    struct ps_random random = ps_random_stream(order->seed, PS_RANDOM_ORDER, epoch, number + 1, 0);
    for (uint64_t i = w->count; i > 1; i--) {
        uint64_t j = ps_random_below(&random, i);
        struct ps_entry swap = w->entry[i - 1];
        w->entry[i - 1] = w->entry[j];
        w->entry[j] = swap;
    }
    w->epoch = epoch;
    w->number = number;
    w->last_use = ++order->clock;
    return w;
}

/* Sweeps and tracks read rows here and there, so the dataset is checked before the first. */
static int check_blocks(struct ps_order *order, struct ps_error *err)
{
    for (uint64_t b = 0; !order->checked && b < order->dataset->blocks; b++) {
        int status = ps_dataset_check_block(order->dataset, b, err);
        if (status)
            return status;
    }
    order->checked = true;
    return 0;
}

int ps_order_next(struct ps_order *order, uint32_t epoch, uint32_t lane, struct ps_cursor *cursor, int count,
                  struct ps_entry *out, struct ps_error *err)
{
    bool tracks = order->recipe.stream == PS_STREAM_PARALLEL;
    if (tracks || order->recipe.sweeps) {
        int status = check_blocks(order, err);
        if (status)
            return status;
        return tracks ? ps_parallel_at(&order->parallel, lane, cursor->offset++, out)
                      : ps_sweep_next(&order->sweep, epoch, lane, &cursor->offset, count, out);
    }
    if (ps_order_at_triples(order, epoch, lane, cursor)) {
        int triples = ps_triples_next(order->triples, order->seed, order->lanes, epoch, lane, cursor->triples, count, out);
        cursor->triples += (uint64_t)triples;
        return triples;
    }
    begin_epoch(order, epoch);
    int taken = 0;
    while (taken < count && cursor->window < order->windows) {
        uint64_t share = lane_share(order, cursor->window, lane);
        if (cursor->offset >= share) {
            *cursor = (struct ps_cursor){cursor->triples, cursor->window + 1, 0};
            continue;
        }
        const struct ps_window *w = window_get(order, epoch, cursor->window, err);
        if (!w)
            return -err->code;
        while (taken < count && cursor->offset < share)
            out[taken++] = w->entry[lane + order->lanes * cursor->offset++];
    }
    return taken;
}
