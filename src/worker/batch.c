/* batch.c - micro-batches: sampling, labels, unique ids; see batch.h. */
#include "worker/batch.h"

#include <stdlib.h>
#include <string.h>

void ps_batcher_init(struct ps_batcher *batcher, const struct ps_dataset *dataset, const struct ps_config *config,
                     const struct ps_recipe *recipe)
{
    *batcher = (struct ps_batcher){.dataset = dataset,
                                   .recipe = *recipe,
                                   .seed = config->train.seed,
                                   .capacity = config->train.batch,
                                   .negatives = recipe->negatives,
                                   .positives = config->train.batch / (1 + recipe->negatives)};
    uint64_t entries = ps_recipe_entries(recipe, dataset);
    for (uint32_t r = recipe->first; r < dataset->behaviours; r++) {
        double share = (double)dataset->train[r].interactions / (double)PS_MAX(entries, 1);
        bool all = recipe->sampling == PS_SAMPLING_UNION || recipe->loss == PS_LOSS_WHOLE;
        batcher->share[r] = all ? 1 : PS_MAX(share, 1e-12);
    }
    ps_sampler_init(&batcher->sampler, recipe->negatives_from, dataset, recipe->first, config);
    if (recipe->features) /* which speak for an item that nobody has touched */
        ps_sampler_leave_out_cold(&batcher->sampler);
    if (recipe->stream && recipe->candidates == PS_TRAIN_SAMPLED)
        batcher->alias = ps_alias_new(dataset, recipe->first, config->train.popularity_exponent);
    size_t keys = PS_MAX((size_t)batcher->capacity, ps_batcher_keys(batcher, PS_TABLE_ITEM)), bags = 0;
    if (recipe->knowledge) {
        ps_triples_init(&batcher->triples, dataset);
        keys = PS_MAX(keys, ps_batcher_keys(batcher, PS_TABLE_VALUE) + ps_batcher_keys(batcher, PS_TABLE_RELATION));
    }
    batcher->unique = ps_unique_new(keys);
    if (recipe->history) {
        batcher->history = ps_bag_source_history(recipe, dataset);
        bags = ps_batcher_keys(batcher, PS_TABLE_HISTORY);
    }
    for (int k = 0; k < recipe->features; k++) {
        batcher->feature[k] = ps_bag_source_feature(recipe, dataset, k);
        bags = PS_MAX(bags, ps_batcher_keys(batcher, PS_TABLE_FEATURE + (enum ps_table_kind)k));
    }
    if (recipe->history || recipe->features)
        batcher->unique_bags = ps_unique_new(bags);
}

void ps_batcher_fini(struct ps_batcher *batcher)
{
    ps_sampler_fini(&batcher->sampler);
    ps_alias_free(batcher->alias);
    ps_unique_free(batcher->unique);
    ps_unique_free(batcher->unique_bags);
    *batcher = (struct ps_batcher){0};
}

void ps_batch_init(struct ps_batch *batch, const struct ps_batcher *batcher)
{
    size_t n = (size_t)batcher->capacity;
    *batch = (struct ps_batch){0};
    batch->users.key = ps_calloc(n, sizeof *batch->users.key);
    batch->items.key = ps_calloc(ps_batcher_keys(batcher, PS_TABLE_ITEM), sizeof *batch->items.key);
    if (batcher->recipe.stream == PS_STREAM_PARALLEL)
        batch->tracks.key = ps_calloc(n, sizeof *batch->tracks.key);
    batch->features = batcher->recipe.features;
    if (batch->features) {
        batch->users.order = ps_calloc(n, sizeof *batch->users.order);
        batch->items.order = ps_calloc(ps_batcher_keys(batcher, PS_TABLE_ITEM), sizeof *batch->items.order);
    }
    batch->feature = ps_calloc((size_t)batch->features, sizeof *batch->feature);
    for (int k = 0; k < batch->features; k++)
        ps_bags_init(&batch->feature[k], &batcher->feature[k], ps_batcher_owners(batcher, k), 0);
    if (batcher->recipe.stream) {
        ps_triple_batch_init(&batch->triples, &batcher->recipe, batcher->dataset, (size_t)batcher->positives);
        ps_session_batch_init(&batch->sessions, &batcher->recipe, batcher->dataset, (size_t)batcher->positives,
                              ps_session_most(&batcher->recipe, batcher->dataset, (size_t)batcher->positives));
        return;
    }
    batch->user = ps_calloc(n, sizeof *batch->user);
    batch->item = ps_calloc(n, sizeof *batch->item);
    batch->user_row = ps_calloc(n, sizeof *batch->user_row);
    batch->item_row = ps_calloc(n, sizeof *batch->item_row);
    batch->behind = ps_calloc(n, sizeof *batch->behind);
    for (int r = 0; r < batcher->recipe.heads; r++) {
        batch->label[r] = ps_calloc(n, sizeof(real));
        batch->weight[r] = ps_calloc(n, sizeof(real));
    }
    if (batcher->recipe.history)
        ps_bags_init(&batch->bags, &batcher->history, (size_t)batcher->positives, n);
}

void ps_batch_fini(struct ps_batch *batch)
{
    free(batch->user), free(batch->item), free(batch->user_row), free(batch->item_row), free(batch->behind);
    for (int r = 0; r < PS_MAX_BEHAVIOURS; r++)
        free(batch->label[r]), free(batch->weight[r]);
    free(batch->users.key), free(batch->items.key), free(batch->tracks.key), free(batch->users.order), free(batch->items.order);
    ps_bags_fini(&batch->bags);
    ps_triple_batch_fini(&batch->triples);
    ps_session_batch_fini(&batch->sessions);
    for (int k = 0; k < batch->features; k++)
        ps_bags_fini(&batch->feature[k]);
    free(batch->feature);
    *batch = (struct ps_batch){0};
}

/* The user's lists are somewhere in the mapped columns: asked for some positives ahead, first where they are, then they. */
enum { OFFSETS_AHEAD = 16, LISTS_AHEAD = 8, LONGEST_AHEAD = 128, LINE = 16 /* items in a cache line */ };

static void prefetch_lists(const struct ps_dataset *dataset, const struct ps_entry *entry, int i, int count)
{
    for (uint32_t b = 0; b < dataset->behaviours; b++) {
        const struct ps_history *h = &dataset->train[b];
        if (i + OFFSETS_AHEAD < count)
            __builtin_prefetch(h->offset + entry[i + OFFSETS_AHEAD].user);
        if (i + LISTS_AHEAD < count) {
            const uint64_t *offset = h->offset + entry[i + LISTS_AHEAD].user;
            const uint32_t *list = h->item + offset[0], *end = h->item + PS_MIN(offset[1], offset[0] + LONGEST_AHEAD);
            for (; list < end; list += LINE)
                __builtin_prefetch(list);
        }
    }
}

static int strongest(uint32_t behaviours)
{
    return 31 - __builtin_clz(behaviours);
}

/* One positive and its negatives under the heads up to `head`: labels, and weights before the batch's mean is known. */
static void label_group(struct ps_batch *batch, const struct ps_batcher *batcher, const struct ps_entry *entry, int head,
                        int size)
{
    bool whole = batcher->recipe.sampling == PS_SAMPLING_UNION, pairs = ps_recipe_pairs(&batcher->recipe);
    bool single = batcher->recipe.heads == 1; /* whose weights differ from sample to sample */
    int behaviour = strongest(entry->behaviours);
    double emphasis = single ? batcher->recipe.loss_weight[behaviour] / batcher->share[behaviour] : 1;
    for (int j = 0; j < size; j++) {
        int n = batch->n++;
        batch->user[n] = entry->user;
        batch->behind[n] = (uint32_t)j;
        for (int r = 0; r <= head; r++) {
            bool positive = single || (entry->behaviours >> r & 1);
            batch->label[r][n] = !j && positive;
            bool counts = (whole || r == head) && (!pairs || (j && positive));
            batch->weight[r][n] = counts ? (real)emphasis : 0;
        }
    }
}

/* Positives of the strongest behaviour first, each followed by its negatives. Returns how many pairs there are. */
static int draw_samples(struct ps_batch *batch, struct ps_batcher *batcher, struct ps_random *random,
                        const struct ps_entry *entry, int count)
{
    const struct ps_recipe *recipe = &batcher->recipe;
    int pairs = 0;
    batch->n = 0;
    for (int head = recipe->heads - 1; head >= 0; head--) {
        for (int i = 0; i < count; i++) {
            prefetch_lists(batcher->dataset, entry, i, count);
            int behaviour = strongest(entry[i].behaviours);
            if ((recipe->sampling == PS_SAMPLING_UNION ? recipe->heads - 1 : PS_MIN(behaviour, recipe->heads - 1)) != head)
                continue;
            batch->item[batch->n] = entry[i].item;
            int drawn = batcher->sampler.draw(&batcher->sampler, random, entry[i].user, (uint32_t)behaviour,
                                              batcher->negatives, batch->item + batch->n + 1);
            label_group(batch, batcher, &entry[i], head, 1 + drawn);
            pairs += drawn;
        }
        batch->need[head] = batch->n; /* samples whose strongest needed head is this one or above */
    }
    return pairs;
}

/* Samples of the row that a sweep solves belong together. */
static void group_rows(struct ps_batch *batch, uint32_t epoch)
{
    const uint32_t *row = ps_sweep_of(epoch) == PS_TABLE_ITEM ? batch->item : batch->user;
    for (int i = 1; i < batch->n; i++)
        batch->behind[i] = row[i] == row[i - 1] ? batch->behind[i - 1] + 1 : 0;
}

static void build_features(struct ps_batch *batch, struct ps_batcher *batcher, const struct ps_slot_map *map)
{
    for (int k = 0; k < batch->features; k++)
        ps_bags_build(&batch->feature[k], batcher->unique_bags, &batcher->feature[k], map,
                      batcher->feature[k].feature->side == PS_USERS ? &batch->users : &batch->items, NULL, 0);
}

/* The triples of the items that are stepped on or foretold: each item's once. */
static void join_triples(struct ps_batch *batch, struct ps_batcher *batcher)
{
    const struct ps_session_batch *b = &batch->sessions;
    ps_unique_begin(batcher->unique);
    uint32_t distinct = 0;
    for (int k = 0; k < b->steps + b->targets; k++) {
        uint32_t item = k < b->steps ? b->item[k] : b->target[k - b->steps];
        if (ps_unique_add(batcher->unique, item) < distinct)
            continue;
        distinct++;
        ps_triple_batch_add_item(&batch->triples, &batcher->triples, item);
    }
}

/* The triples that are in the batch: their corrupted ones, and their rows but those of the items. */
static void end_triples(struct ps_batch *batch, struct ps_batcher *batcher, const struct ps_slot_map *map, struct ps_random *random)
{
    ps_triple_batch_end(&batch->triples, &batcher->triples, batcher->recipe.knowledge_margin > 0, random, batcher->unique, map);
}

void ps_batch_build_triples(struct ps_batch *batch, struct ps_batcher *batcher, const struct ps_slot_map *map,
                            const struct ps_entry *entry, int count, uint32_t epoch, uint32_t lane, uint64_t position)
{
    struct ps_random random = ps_random_stream(batcher->seed, PS_RANDOM_SAMPLE, epoch, lane, position);
    struct ps_session_batch *b = &batch->sessions;
    ps_session_batch_begin(b);
    ps_triple_batch_begin(&batch->triples);
    for (int i = 0; i < count; i++)
        ps_triple_batch_add(&batch->triples, ps_triples_at(&batcher->triples, entry[i].user));
    end_triples(batch, batcher, map, &random);
    ps_unique_begin(batcher->unique);
    for (int k = 0; k < batch->triples.total; k++)
        batch->triples.item_row[k] = ps_unique_add(batcher->unique, batch->triples.item[k]);
    ps_unique_finish(batcher->unique, PS_ROUTE_ITEM, map, &batch->items, batch->triples.item_row, (size_t)batch->triples.total);
    ps_triple_batch_items(&batch->triples, batcher->unique);
    ps_session_batch_visitors(b, batcher->unique, map, &batch->users);
    batch->rows_alone = true;
    batch->n = count;
    build_features(batch, batcher, map);
}

static void build_sessions(struct ps_batch *batch, struct ps_batcher *batcher, const struct ps_slot_map *map,
                           const struct ps_entry *entry, int count, uint32_t epoch, uint32_t lane, struct ps_random *random)
{
    const struct ps_dataset *dataset = batcher->dataset;
    const struct ps_sessions *s = &dataset->sessions;
    struct ps_session_batch *b = &batch->sessions;
    bool whole = batcher->recipe.stream == PS_STREAM_SESSIONS, tracks = batcher->recipe.stream == PS_STREAM_PARALLEL;
    ps_session_batch_begin(b);
    for (int i = 0; i < count; i++) {
        uint32_t session = entry[i].user, at = entry[i].item;
        if (tracks)
            ps_session_batch_add_step(b, dataset, session, at, ps_entry_track(&entry[i]));
        else if (whole)
            ps_session_batch_add(b, dataset, session, 1, s->begin[session + 1] - s->begin[session], batcher->recipe.feedback);
        else
            ps_session_batch_add(b, dataset, session, at, at + 1, false);
    }
    ps_session_batch_end(b, &batcher->recipe, dataset, batcher->alias, random);
    batch->n = b->next;
    ps_triple_batch_begin(&batch->triples);
    if (batcher->recipe.knowledge == PS_KNOWLEDGE_JOINT)
        join_triples(batch, batcher);
    if (batcher->recipe.knowledge)
        end_triples(batch, batcher, map, random);
    ps_session_batch_items(b, batcher->unique, map, &batch->items, true, batch->triples.item, batch->triples.total);
    ps_triple_batch_items(&batch->triples, batcher->unique);
    batch->rows_alone = epoch <= (uint32_t)batcher->recipe.rows_alone;
    ps_session_batch_visitors(b, batcher->unique, map, &batch->users);
    if (tracks)
        ps_session_batch_tracks(b, batcher->unique, map, &batch->tracks, lane * (uint32_t)batcher->positives);
}

void ps_batch_build(struct ps_batch *batch, struct ps_batcher *batcher, const struct ps_slot_map *map,
                    const struct ps_entry *entry, int count, uint32_t epoch, uint32_t lane, uint64_t position)
{
    struct ps_random random = ps_random_stream(batcher->seed, PS_RANDOM_SAMPLE, epoch, lane, position);
    const struct ps_recipe *recipe = &batcher->recipe;
    if (recipe->stream) {
        build_sessions(batch, batcher, map, entry, count, epoch, lane, &random);
        build_features(batch, batcher, map);
        return;
    }
    int pairs = draw_samples(batch, batcher, &random, entry, count), n = batch->n;
    int terms = PS_MAX(ps_recipe_pairs(recipe) ? pairs : n, 1);
    if (recipe->sweeps)
        group_rows(batch, epoch);
    for (int r = 0; r < recipe->heads; r++) {
        real scale = (real)(recipe->heads == 1 ? 1.0 / terms : recipe->loss_weight[r] / (batcher->share[r] * terms));
        for (int i = 0; i < batch->need[r]; i++)
            batch->weight[r][i] *= scale;
    }

    ps_unique_begin(batcher->unique);
    for (int i = 0; i < n; i++)
        batch->user_row[i] = i && batch->user[i] == batch->user[i - 1] ? batch->user_row[i - 1]
                                                                         : ps_unique_add(batcher->unique, batch->user[i]);
    ps_unique_finish(batcher->unique, PS_ROUTE_USER, map, &batch->users, batch->user_row, (size_t)n);
    ps_unique_begin(batcher->unique);
    for (int i = 0; i < n; i++)
        batch->item_row[i] = ps_unique_add(batcher->unique, batch->item[i]);
    ps_unique_finish(batcher->unique, PS_ROUTE_ITEM, map, &batch->items, batch->item_row, (size_t)n);
    if (recipe->history)
        ps_bags_build(&batch->bags, batcher->unique_bags, &batcher->history, map, &batch->users, batch->item, n);
    build_features(batch, batcher, map);
}

static int tile_end(const struct ps_batch *batch, bool groups, int first, int most)
{
    int end = PS_MIN(first + most, batch->n);
    if (!groups || end == batch->n)
        return end;
    int group = end - (int)batch->behind[end]; /* where the positive of the sample at the end is */
    if (group > first)
        return group;
    while (end < batch->n && batch->behind[end])
        end++;
    return end;
}

void ps_batch_tile(const struct ps_batch *batch, const struct ps_batcher *batcher, int first, int most,
                   struct ps_tile *tile)
{
    if (batcher->recipe.stream) { /* a micro-batch of sessions is one tile: their candidates are many */
        tile->n = batch->n;
        tile->sessions = batch->sessions.sessions ? &batch->sessions.view : NULL;
        tile->triples = batch->triples.count ? &batch->triples.view : NULL;
        return;
    }
    tile->n = tile_end(batch, ps_recipe_groups(&batcher->recipe), first, most) - first;
    tile->user = batch->user + first;
    tile->item = batch->item + first;
    tile->user_row = batch->user_row + first;
    tile->item_row = batch->item_row + first;
    tile->behind = batch->behind + first;
    tile->bag_begin = batch->bags.begin;
    tile->bag_entry = batch->bags.entry;
    tile->bag_own = batch->bags.own ? batch->bags.own + first : NULL;
    for (int r = 0; r < batcher->recipe.heads; r++) {
        tile->need[r] = PS_MIN(PS_MAX(batch->need[r] - first, 0), tile->n);
        tile->label[r] = batch->label[r] + first;
        tile->weight[r] = batch->weight[r] + first;
    }
}
