/* triples.c - see triples.h. */
#include "worker/triples.h"

#include "worker/sweep.h"

#include <stdlib.h>

enum { TRIES = 64 }; /* for a triple that is not there */

uint64_t ps_triples_count(const struct ps_dataset *dataset)
{
    uint64_t count = 0;
    for (uint32_t f = 0; f < dataset->features; f++)
        count += dataset->feature[f].side == PS_ITEMS ? dataset->feature[f].pairs : 0;
    return count;
}

uint64_t ps_triples_values(const struct ps_dataset *dataset)
{
    uint64_t count = 0;
    for (uint32_t f = 0; f < dataset->features; f++)
        count += dataset->feature[f].side == PS_ITEMS ? dataset->feature[f].values : 0;
    return count;
}

uint32_t ps_triples_relations(const struct ps_dataset *dataset)
{
    uint32_t count = 0;
    for (uint32_t f = 0; f < dataset->features; f++)
        count += dataset->feature[f].side == PS_ITEMS;
    return count;
}

/* Items that have a value. */
static uint64_t heads(const struct ps_feature *feature, uint64_t items)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < items; i++)
        count += feature->offset[i + 1] > feature->offset[i];
    return count;
}

void ps_triples_init(struct ps_triples *t, const struct ps_dataset *dataset)
{
    *t = (struct ps_triples){.dataset = dataset};
    for (uint32_t f = 0; f < dataset->features; f++) {
        const struct ps_feature *feature = &dataset->feature[f];
        if (feature->side != PS_ITEMS)
            continue;
        uint32_t r = t->relations++;
        double tails_a_head = (double)feature->pairs / (double)PS_MAX(heads(feature, dataset->items), (uint64_t)1);
        double heads_a_tail = (double)feature->pairs / (double)PS_MAX(feature->values, (uint64_t)1);
        t->relation[r] = feature;
        t->first[r + 1] = t->first[r] + feature->pairs;
        t->value[r + 1] = t->value[r] + (uint32_t)feature->values;
        t->head_share[r] = feature->values > 1 ? tails_a_head / (tails_a_head + heads_a_tail) : 1;
    }
}

struct ps_triple ps_triples_at(const struct ps_triples *t, uint64_t number)
{
    uint32_t r = 0;
    while (number >= t->first[r + 1])
        r++;
    PS_ASSERT(r < t->relations);
    struct ps_feature_pair pair = ps_dataset_feature_pair(t->dataset, t->relation[r], number - t->first[r]);
    return (struct ps_triple){pair.id, r, t->value[r] + pair.value};
}

static bool is_true(const struct ps_triples *t, struct ps_triple triple)
{
    uint64_t count;
    const uint32_t *value = ps_dataset_feature_values(t->relation[triple.relation], triple.item, &count);
    for (uint64_t k = 0; k < count; k++)
        if (value[k] == triple.value - t->value[triple.relation])
            return true;
    return false;
}

struct ps_triple ps_triples_corrupt(const struct ps_triples *t, struct ps_triple triple, struct ps_random *random)
{
    bool head = ps_random_unit(random) < t->head_share[triple.relation];
    uint32_t first = t->value[triple.relation], values = t->value[triple.relation + 1] - first;
    for (int k = 0; k < TRIES; k++) {
        if (head)
            triple.item = (uint32_t)ps_random_below(random, t->dataset->items);
        else
            triple.value = first + (uint32_t)ps_random_below(random, values);
        if (!is_true(t, triple))
            break;
    }
    return triple;
}

bool ps_triples_epoch(const struct ps_recipe *recipe, uint32_t epoch)
{
    return recipe->knowledge == PS_KNOWLEDGE_ALTERNATING ||
           (recipe->knowledge == PS_KNOWLEDGE_PRETRAIN && epoch <= (uint32_t)recipe->knowledge_epochs);
}

bool ps_triples_sessions(const struct ps_recipe *recipe, uint32_t epoch)
{
    return recipe->knowledge != PS_KNOWLEDGE_PRETRAIN || !ps_triples_epoch(recipe, epoch);
}

int ps_triples_next(uint64_t total, uint64_t seed, uint32_t lanes, uint32_t epoch, uint32_t lane, uint64_t place, int count,
                    struct ps_entry *out)
{
    struct ps_random random = ps_random_stream(seed, PS_RANDOM_ORDER, epoch, 0, 1);
    uint64_t key = ps_random_next(&random), share = ps_triples_share(total, lanes, lane);
    int taken = 0;
    for (; taken < count && place < share; place++)
        out[taken++] = (struct ps_entry){.user = (uint32_t)ps_random_permute(key, total, lane + lanes * place)};
    return taken;
}

/* ---- micro-batches ---- */

static uint64_t most_of_an_item(const struct ps_dataset *d)
{
    uint64_t most = 0;
    for (uint64_t i = 0; i < d->items; i++) {
        uint64_t own = 0;
        for (uint32_t f = 0; f < d->features; f++)
            own += d->feature[f].side == PS_ITEMS ? d->feature[f].offset[i + 1] - d->feature[f].offset[i] : 0;
        most = PS_MAX(most, own);
    }
    return most;
}

size_t ps_triples_most(const struct ps_recipe *recipe, const struct ps_dataset *dataset, size_t entries)
{
    if (recipe->knowledge == PS_KNOWLEDGE_NONE)
        return 0;
    if (recipe->knowledge == PS_KNOWLEDGE_JOINT) { /* of the steps' and the next items */
        uint64_t items = PS_MIN((uint64_t)entries * (dataset->sessions.longest + 1), dataset->items);
        entries = (size_t)PS_MIN(items * most_of_an_item(dataset), ps_triples_count(dataset));
    }
    return entries * (recipe->knowledge_margin > 0 ? 2 : 1);
}

void ps_triple_batch_init(struct ps_triple_batch *b, const struct ps_recipe *recipe, const struct ps_dataset *dataset, size_t entries)
{
    *b = (struct ps_triple_batch){.capacity = ps_triples_most(recipe, dataset, entries)};
    if (!b->capacity)
        return;
    b->item = ps_calloc(b->capacity, sizeof *b->item);
    b->item_row = ps_calloc(b->capacity, sizeof *b->item_row);
    b->relation_row = ps_calloc(b->capacity, sizeof *b->relation_row);
    b->value_row = ps_calloc(b->capacity, sizeof *b->value_row);
    b->relations.key = ps_calloc(ps_triples_relations(dataset), sizeof *b->relations.key);
    b->values.key = ps_calloc(PS_MIN(b->capacity, ps_triples_values(dataset)), sizeof *b->values.key);
}

void ps_triple_batch_fini(struct ps_triple_batch *b)
{
    free(b->item), free(b->item_row), free(b->relation_row), free(b->value_row), free(b->relations.key), free(b->values.key);
    *b = (struct ps_triple_batch){0};
}

void ps_triple_batch_begin(struct ps_triple_batch *b)
{
    b->count = b->total = 0;
    b->relations.count = b->values.count = 0;
}

/* Ids stand where their rows will. */
void ps_triple_batch_add(struct ps_triple_batch *b, struct ps_triple triple)
{
    PS_ASSERT((size_t)b->total < b->capacity);
    b->item[b->total] = triple.item;
    b->relation_row[b->total] = triple.relation;
    b->value_row[b->total++] = triple.value;
    b->count++;
}

void ps_triple_batch_add_item(struct ps_triple_batch *b, const struct ps_triples *t, uint32_t item)
{
    for (uint32_t r = 0; r < t->relations; r++) {
        uint64_t count;
        const uint32_t *value = ps_dataset_feature_values(t->relation[r], item, &count);
        for (uint64_t k = 0; k < count; k++)
            ps_triple_batch_add(b, (struct ps_triple){item, r, t->value[r] + value[k]});
    }
}

static void finish(uint32_t *row, int n, uint32_t route, struct ps_unique *unique, const struct ps_slot_map *map, struct ps_keys *keys)
{
    ps_unique_begin(unique);
    for (int k = 0; k < n; k++)
        row[k] = ps_unique_add(unique, row[k]);
    ps_unique_finish(unique, route, map, keys, row, (size_t)n);
}

void ps_triple_batch_end(struct ps_triple_batch *b, const struct ps_triples *triples, bool corrupt, struct ps_random *random,
                         struct ps_unique *unique, const struct ps_slot_map *map)
{
    int count = b->count;
    for (int k = 0; k < count && corrupt; k++)
        ps_triple_batch_add(b, ps_triples_corrupt(triples, (struct ps_triple){b->item[k], b->relation_row[k], b->value_row[k]}, random));
    b->count = count;
    finish(b->relation_row, b->total, PS_TABLE_RELATION, unique, map, &b->relations);
    finish(b->value_row, b->total, PS_TABLE_VALUE, unique, map, &b->values);
}

void ps_triple_batch_items(struct ps_triple_batch *b, const struct ps_unique *unique)
{
    for (int k = 0; k < b->total; k++)
        b->item_row[k] = ps_unique_key(unique, b->item[k]);
    bool corrupted = b->total > b->count;
    b->view = (struct ps_triple_view){.count = b->count,
                                      .item_row = b->item_row,
                                      .relation_row = b->relation_row,
                                      .value_row = b->value_row,
                                      .other_item_row = corrupted ? b->item_row + b->count : NULL,
                                      .other_value_row = corrupted ? b->value_row + b->count : NULL};
}
