/* scorer.c - see scorer.h. */
#include "worker/scorer.h"

#include "common/vector.h"
#include "worker/encode.h"
#include "worker/indicators.h"
#include "worker/models/popularity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(real) == sizeof(float), "ranking is for production: rows and scores are floats");

static void row_set_init(struct ps_row_set *set, const struct ps_model *model, enum ps_table_kind kind, size_t capacity)
{
    *set = (struct ps_row_set){.id = ps_calloc(capacity, sizeof *set->id)};
    for (int t = 0; t < model->tables; t++) {
        if (model->table[t].kind != kind && model->table[t].kind != PS_TABLE_HISTORY)
            continue;
        uint32_t width = model->table[t].width;
        if (model->table[t].sightings && !set->absent)
            set->absent = ps_calloc(capacity, sizeof *set->absent);
        set->row[t] = ps_calloc(capacity * width, sizeof *set->row[t]);
        set->pointer[t] = ps_calloc(capacity, sizeof *set->pointer[t]);
        for (size_t k = 0; k < capacity; k++)
            set->pointer[t][k] = set->row[t] + k * width;
    }
}

static void row_set_fini(struct ps_row_set *set)
{
    free(set->id);
    free(set->absent);
    for (int t = 0; t < PS_MAX_TABLES; t++) {
        free(set->row[t]);
        free(set->pointer[t]);
    }
}

int ps_scorer_params(const struct ps_model *model, const struct ps_row_source *source, float **param, struct nn_tensor *tensor,
                     struct ps_error *err)
{
    for (int t = 0; t < model->tables; t++) {
        const struct ps_table_spec *spec = &model->table[t];
        if (spec->kind != PS_TABLE_TENSOR)
            continue;
        uint32_t *id = ps_calloc(spec->rows, sizeof *id);
        for (uint32_t k = 0; k < spec->rows; k++)
            id[k] = k;
        param[t] = ps_calloc(spec->rows * spec->width, sizeof *param[t]);
        int status = source->fetch(source->ctx, t, id, (int)spec->rows, param[t], err);
        free(id);
        if (status < 0)
            return status;
        tensor[t] = (struct nn_tensor){(int)spec->tensor_rows, (int)spec->tensor_cols, param[t], NULL};
    }
    return 0;
}

void ps_scorer_fini(struct ps_scorer *s)
{
    nn_tape_free(s->tape);
    for (int t = 0; t < PS_MAX_TABLES; t++)
        free(s->param[t]);
    row_set_fini(&s->users);
    row_set_fini(&s->items);
    ps_encoder_free(s->encoder);
    free(s->encoded), free(s->encoded_row);
    free(s->order), free(s->distinct), free(s->fetched), free(s->score), free(s->popular);
}

static void encoder_init(struct ps_scorer *s)
{
    size_t width = (size_t)s->model->encoded;
    s->encoder = ps_encoder_new(s->model, s->source, PS_ENCODE_SESSIONS);
    s->encoded = ps_calloc(s->group * width, sizeof *s->encoded);
    s->encoded_row = ps_calloc(s->group, sizeof *s->encoded_row);
    for (size_t k = 0; k < s->group; k++)
        s->encoded_row[k] = s->encoded + k * width;
}

int ps_scorer_init(struct ps_scorer *s, struct ps_model *model, const struct ps_row_source *source, size_t users,
                   size_t items, struct ps_error *err)
{
    size_t blocks = (users + PS_BLOCK_USERS - 1) / PS_BLOCK_USERS;
    size_t group = PS_MIN(PS_MAX(blocks, (size_t)1) * PS_BLOCK_USERS, (size_t)PS_GROUP_USERS);
    *s = (struct ps_scorer){.model = model, .source = source, .group = group, .tape = nn_tape_new()};
    row_set_init(&s->users, model, model->class_->encode ? PS_TABLE_TENSOR : PS_TABLE_USER, group);
    if (model->class_->encode)
        encoder_init(s);
    PS_ASSERT(items >= PS_BLOCK_ITEMS);
    row_set_init(&s->items, model, PS_TABLE_ITEM, items);
    size_t most = PS_MAX(group, items);
    s->order = ps_calloc(most, sizeof *s->order);
    s->distinct = ps_calloc(most, sizeof *s->distinct);
    s->score = ps_malloc_aligned((size_t)PS_BLOCK_USERS * PS_BLOCK_ITEMS * sizeof *s->score);
    uint32_t distinct;
    if (model->class_->forward && !model->class_->encode && (model->config->eval.known_users || s->users.absent)) /* a case is always a new one */
        s->popular = ps_popularity_ranks(model->dataset, &distinct);
    if (model->recipe.history)
        s->history = ps_bag_source_history(&model->recipe, model->dataset);
    for (int k = 0; k < model->recipe.features; k++)
        s->feature[k] = ps_bag_source_feature(&model->recipe, model->dataset, k);
    int status = ps_scorer_params(model, source, s->param, s->tensor, err);
    if (status < 0)
        ps_scorer_fini(s);
    return status;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The vectors of cases users.id[0, n). */
static int encode_cases(struct ps_scorer *s, size_t n, struct ps_error *err)
{
    struct ps_session_batch *batch = ps_encoder_batch(s->encoder);
    for (size_t first = 0; first < n; first += PS_ENCODE_SESSIONS) {
        struct ps_tile tile;
        ps_session_batch_begin(batch);
        for (size_t k = first; k < PS_MIN(n, first + PS_ENCODE_SESSIONS); k++)
            ps_session_batch_add_case(batch, s->model->dataset, s->users.id[k]);
        int status = ps_encoder_tile(s->encoder, &tile, err);
        if (status < 0)
            return status;
        tile.param = s->tensor;
        nn_tape_reset(s->tape);
        const struct nn_tensor *encoded = s->model->class_->encode(s->model, s->tape, &tile);
        PS_ASSERT(encoded->rows == batch->sessions && encoded->cols == s->model->encoded);
        memcpy(s->encoded + first * (size_t)encoded->cols, encoded->value, (size_t)encoded->rows * (size_t)encoded->cols * sizeof(float));
    }
    return 0;
}

/* Whether a row that was read is of no id: a server, or a checkpoint, says so by zeros, which training leaves nowhere. */
PS_VECTOR static bool is_zero(const float *row, size_t width)
{
    int other = 0;
    for (size_t j = 0; j < width; j++)
        other += row[j] != 0;
    return !other;
}

/* An id is absent where it has a row in none of the set's tables. */
static void mark_absent(const struct ps_scorer *s, struct ps_row_set *set, size_t n)
{
    enum ps_table_kind kind = set == &s->users ? PS_TABLE_USER : PS_TABLE_ITEM;
    if (!set->absent)
        return;
    memset(set->absent, true, n * sizeof *set->absent);
    for (int t = 0; t < s->model->tables; t++)
        for (size_t k = 0; k < n && set->row[t] && s->model->table[t].kind == kind; k++)
            set->absent[k] &= is_zero(set->row[t] + k * s->model->table[t].width, s->model->table[t].width);
}

/* Adds the features of the set's side to its rows. */
static int add_features(struct ps_scorer *s, struct ps_row_set *set, size_t n, struct ps_error *err)
{
    const struct ps_model *model = s->model;
    enum ps_entity side = set == &s->users ? PS_USERS : PS_ITEMS;
    int status = 0;
    for (int t = 0; t < model->first_feature; t++)
        for (int k = 0; status >= 0 && k < model->recipe.features; k++)
            if (s->feature[k].feature->side == side && ps_model_is_feature_of(model, k, t))
                status = ps_bags_pool(&s->feature[k], s->source, model->first_feature + k, (int)model->table[t].width, set->id, n,
                                      set->row[t], err);
    return status;
}

int ps_scorer_fetch(struct ps_scorer *s, struct ps_row_set *set, size_t n, struct ps_error *err)
{
    if (set == &s->users && s->model->class_->encode)
        return encode_cases(s, n, err);
    for (size_t k = 0; k < n; k++)
        s->order[k] = (uint64_t)set->id[k] << 32 | k;
    qsort(s->order, n, sizeof *s->order, compare_u64);
    int distinct = 0;
    for (size_t k = 0; k < n; k++) {
        uint32_t id = (uint32_t)(s->order[k] >> 32);
        if (distinct == 0 || s->distinct[distinct - 1] != id)
            s->distinct[distinct++] = id;
    }
    for (int t = 0; t < s->model->tables; t++) {
        if (!set->row[t])
            continue;
        size_t width = s->model->table[t].width;
        if (set == &s->users && s->model->table[t].kind == PS_TABLE_HISTORY) {
            memset(set->row[t], 0, n * width * sizeof(float));
            int status = ps_bags_pool(&s->history, s->source, t, (int)width, set->id, n, set->row[t], err);
            if (status < 0)
                return status;
            continue;
        }
        PS_GROW(s->fetched, s->fetched_capacity, (size_t)distinct * width);
        int status = s->source->fetch(s->source->ctx, t, s->distinct, distinct, s->fetched, err);
        if (status < 0)
            return status;
        size_t from = 0;
        for (size_t k = 0; k < n; k++) {
            from += k > 0 && s->order[k] >> 32 != s->order[k - 1] >> 32;
            memcpy(set->row[t] + (uint32_t)s->order[k] * width, s->fetched + from * width, width * sizeof(float));
        }
    }
    mark_absent(s, set, n);
    return add_features(s, set, n, err);
}

/* Whether a feature speaks for a user or item. */
static bool has_values(const struct ps_scorer *s, enum ps_entity side, uint32_t id)
{
    bool has = false;
    for (int k = 0; k < s->model->recipe.features; k++) {
        const struct ps_feature *feature = s->feature[k].feature;
        has |= feature->side == side && feature->offset[id + 1] > feature->offset[id];
    }
    return has;
}

bool ps_scorer_unknown(const struct ps_scorer *s, const struct ps_row_set *set, size_t k)
{
    const struct ps_config *config = s->model->config;
    enum ps_entity side = set == &s->users ? PS_USERS : PS_ITEMS;
    uint64_t known = side == PS_USERS ? config->eval.known_users : config->eval.known_items;
    return ((known && set->id[k] >= known) || (set->absent && set->absent[k])) && !has_values(s, side, set->id[k]);
}

/* Such an item ranks behind all others, and such a user has the popular ones. */
static void put_unknown(const struct ps_scorer *s, const struct ps_score_input *input, size_t first_user, size_t first_item)
{
    size_t items = (size_t)input->items;
    for (int u = 0; u < input->users && s->popular; u++)
        if (ps_scorer_unknown(s, &s->users, first_user + (size_t)u))
            for (size_t i = 0; i < items; i++)
                s->score[(size_t)u * items + i] = (float)s->popular[input->item_id[i]];
    for (size_t i = 0; i < items && (s->items.absent || s->model->config->eval.known_items); i++)
        if (ps_scorer_unknown(s, &s->items, first_item + i))
            for (int u = 0; u < input->users; u++)
                s->score[(size_t)u * items + i] = -INFINITY;
}

static void run(struct ps_scorer *s, size_t first_user, int users, size_t first_item, int items)
{
    const real *const *user_rows[PS_MAX_TABLES] = {NULL}, *const * item_rows[PS_MAX_TABLES] = {NULL};
    for (int t = 0; t < s->model->tables; t++) {
        if (s->users.pointer[t])
            user_rows[t] = s->users.pointer[t] + first_user;
        if (s->items.pointer[t])
            item_rows[t] = s->items.pointer[t] + first_item;
    }
    struct ps_score_input input = {.users = users,
                                   .items = items,
                                   .user_id = s->users.id + first_user,
                                   .item_id = s->items.id + first_item,
                                   .user_rows = user_rows,
                                   .item_rows = item_rows,
                                   .case_rows = s->encoded_row ? s->encoded_row + first_user : NULL,
                                   .param = s->tensor};
    nn_tape_reset(s->tape);
    s->model->class_->score(s->model, s->tape, &input, s->score);
    const struct ps_config *config = s->model->config;
    if (s->model->class_->forward && ps_indicators_given(config))
        ps_indicators_add(config, s->model->dataset, s->tape, input.user_id, users, input.item_id, items, s->score);
    if (s->model->class_->forward)
        put_unknown(s, &input, first_user, first_item);
}

void ps_scorer_run(struct ps_scorer *s, size_t first, int users)
{
    run(s, first, users, 0, PS_BLOCK_ITEMS);
}

void ps_scorer_run_list(struct ps_scorer *s, size_t user, size_t first, int items)
{
    run(s, user, 1, first, items);
}

int ps_scorer_fetch_block(struct ps_scorer *s, uint64_t first, struct ps_error *err)
{
    int count = (int)PS_MIN(s->model->dataset->items - first, (uint64_t)PS_BLOCK_ITEMS);
    for (int i = 0; i < PS_BLOCK_ITEMS; i++)
        s->items.id[i] = (uint32_t)(first + (uint64_t)PS_MIN(i, count - 1));
    int status = ps_scorer_fetch(s, &s->items, PS_BLOCK_ITEMS, err);
    return status < 0 ? status : count;
}

PS_VECTOR void ps_scorer_count(const float *score, int n, float target, uint32_t *greater, uint32_t *equal)
{
    uint32_t above = 0, same = 0;
    for (int i = 0; i < n; i++) {
        above += score[i] > target;
        same += score[i] == target;
    }
    *greater += above;
    *equal += same;
}

PS_VECTOR bool ps_scorer_has_nan(const float *score, int n)
{
    int unordered = 0;
    for (int i = 0; i < n; i++)
        unordered += score[i] != score[i];
    return unordered > 0;
}

int ps_scorer_refuse_nan(const struct ps_scorer *s, uint32_t user, struct ps_error *err)
{
    return ps_fail(err, PS_EXIT_FAIL,
                   "model %s gives a score that is not a number (user number %u): the training has diverged; "
                   "lower optimizer.lr",
                   s->model->class_->name, user);
}

int ps_scorer_strike(float *score, uint32_t item, uint64_t first, int count)
{
    if (item < first || item >= first + (uint64_t)count || isnan(score[item - first]))
        return 0;
    score[item - first] = NAN;
    return 1;
}

int ps_scorer_strike_masked(const struct ps_dataset *dataset, enum ps_mask mask, uint32_t user, uint64_t first,
                            int count, float *score)
{
    if (mask == PS_MASK_NONE)
        return 0;
    int struck = 0;
    for (uint32_t b = mask == PS_MASK_TARGET ? dataset->behaviours - 1 : 0; b < dataset->behaviours; b++) {
        const struct ps_history *h = &dataset->train[b];
        uint64_t low = h->offset[user], high = h->offset[user + 1], end = high;
        while (low < high) {
            uint64_t middle = low + (high - low) / 2;
            if (h->item[middle] < first)
                low = middle + 1;
            else
                high = middle;
        }
        for (; low < end && h->item[low] < first + (uint64_t)count; low++)
            struck += ps_scorer_strike(score, h->item[low], first, count);
    }
    return struck;
}
