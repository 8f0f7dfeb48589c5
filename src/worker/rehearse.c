/* rehearse.c - see rehearse.h. */
#include "worker/rehearse.h"

#include <stdlib.h>
#include <string.h>

#include "data/synth_dataset.h"
#include "worker/compute.h"

static const uint64_t MEMORY = UINT64_C(4) << 30; /* bytes that a micro-batch may need here */
enum { WARM = 2 };                                /* micro-batches that are not measured */

struct stage {
    struct ps_model *model;
    bool made;
    struct ps_batcher batcher;
    struct ps_compute compute;
    struct ps_order order; /* of a prepared dataset */
    struct ps_cursor cursor;
    uint32_t lane;
    uint64_t window;       /* of a made one: users whose interactions are shuffled together */
    struct ps_entry *entry;
    struct ps_step *step;
    struct ps_phase_clock phases; /* of no interest here */
    real *pool;            /* what rows are made of: as many as those of the largest table */
};

/* A positive of a made dataset, as the order of a prepared one would bring it: the users of a window of whole blocks come together. */
static struct ps_entry made_entry(const struct stage *s, struct ps_random *random, uint64_t number)
{
    const struct ps_dataset *d = s->model->dataset;
    const struct ps_recipe *recipe = &s->batcher.recipe;
    if (recipe->stream) {
        uint32_t session = (uint32_t)ps_random_below(random, d->sessions.train);
        uint32_t target = 1 + (uint32_t)ps_random_below(random, d->sessions.longest - 1);
        bool tracks = recipe->stream == PS_STREAM_PARALLEL;
        return (struct ps_entry){session, recipe->stream == PS_STREAM_SESSIONS ? 0 : target, tracks ? (uint32_t)number : 0};
    }
    uint32_t behaviour = recipe->first + (uint32_t)ps_random_below(random, d->behaviours - recipe->first);
    return (struct ps_entry){(uint32_t)ps_random_below(random, s->window), ps_synth_popular(random, d->items), 1u << behaviour};
}

/* The next micro-batch's entries: how many, or a negative code. */
static int next_entries(struct stage *s, uint64_t number, struct ps_error *err)
{
    int count = s->batcher.positives;
    if (s->made) {
        struct ps_random random = ps_random_stream(1, PS_RANDOM_SYNTH, number, 0, 0);
        for (int k = 0; k < count; k++)
            s->entry[k] = made_entry(s, &random, (uint64_t)k);
        return count;
    }
    const struct ps_config *config = s->model->config;
    int got = 0;
    for (int lanes = 0; !got && lanes <= config->train.lanes; lanes++) {
        s->cursor.triples = UINT64_MAX; /* their passes are not what is planned */
        got = ps_order_next(&s->order, 1, s->lane, &s->cursor, count, s->entry, err);
        if (!got) {
            s->lane = (s->lane + 1) % (uint32_t)config->train.lanes;
            s->cursor = (struct ps_cursor){0};
        }
    }
    return got ? got : ps_fail(err, PS_EXIT_DATA, "%s has nothing that %s could be trained on", s->model->dataset->path, s->model->class_->name);
}

static int stage_init(struct stage *s, uint32_t shards, uint64_t *memory, struct ps_error *err)
{
    struct ps_model *model = s->model;
    const struct ps_dataset *d = model->dataset;
    ps_batcher_init(&s->batcher, d, model->config, &model->recipe);
    size_t most = 0;
    *memory = 0;
    for (int t = 0; t < model->tables; t++) {
        const struct ps_table_spec *table = &model->table[t];
        bool tensor = table->kind == PS_TABLE_TENSOR;
        size_t reals = (tensor ? table->rows : ps_batcher_keys(&s->batcher, table->kind)) * table->width;
        most = PS_MAX(most, reals);
        *memory += 2 * reals * sizeof(real);
    }
    if (*memory > MEMORY)
        return ps_fail(err, PS_EXIT_USAGE, "a micro-batch of %s has rows and gradients of %.1f GB, more than a plan tries out; set a smaller "
                       "train.batch, or for sessions train.candidates to sampled", model->class_->name, (double)*memory / 1e9);
    ps_order_init(&s->order, d, model->config, &model->recipe);
    ps_compute_init(&s->compute, model, &s->batcher);
    double activity = (double)ps_recipe_entries(&model->recipe, d) / (double)d->users, window = (double)model->config->data.shuffle_window;
    s->window = window > 0 ? (uint64_t)PS_MIN(PS_MAX(window / PS_MAX(activity, 1e-9), 1), (double)d->users) : d->users;
    s->entry = ps_calloc((size_t)s->batcher.positives, sizeof *s->entry);
    s->step = ps_step_new(&s->batcher, model->table, model->tables, shards, false);
    s->pool = ps_malloc_aligned(PS_MAX(most, 1) * sizeof *s->pool);
    struct ps_random random = ps_random_stream(1, PS_RANDOM_SYNTH, 0, 0, 1);
    for (size_t k = 0; k < most; k++)
        s->pool[k] = (real)(0.02 * ps_random_unit(&random) - 0.01);
    for (int t = 0; t < model->tables; t++)
        for (size_t k = 0; s->compute.param_value[t] && k < model->table[t].rows * model->table[t].width; k++)
            s->compute.param_value[t][k] = s->pool[k];
    return 0;
}

static void stage_fini(struct stage *s, uint32_t shards)
{
    if (s->step)
        ps_step_free(s->step, s->model->tables, shards, 0);
    if (s->compute.tape)
        ps_compute_fini(&s->compute);
    ps_order_fini(&s->order);
    ps_batcher_fini(&s->batcher);
    free(s->entry), free(s->pool);
}

/* Rows for the batch's keys, and gradients of 0, as after a pull; counts what that would have carried. */
static void pull(struct stage *s, const struct ps_slot_map *map, struct ps_rehearsal *r)
{
    struct ps_step *step = s->step;
    for (int t = 0; t < s->model->tables; t++) {
        const struct ps_table_spec *table = &s->model->table[t];
        if (table->kind == PS_TABLE_TENSOR) {
            r->rows[t] += (double)table->rows;
            r->key_bytes += (double)table->rows;
            continue;
        }
        const struct ps_keys *keys = ps_batch_keys(&step->batch, table->kind);
        size_t width = table->width;
        for (uint32_t k = 0; k < keys->count; k++)
            step->value[t][k] = s->pool + k * width;
        memset(step->grad[t], 0, keys->count * width * sizeof(real));
        r->rows[t] += keys->count;
        for (uint32_t shard = 0; shard < map->shards; shard++) {
            uint32_t n = keys->first[shard + 1] - keys->first[shard];
            struct ps_frame frame;
            if (!n)
                continue;
            ps_keys_encode(keys->key + keys->first[shard], n, PS_CODEC_GAPS, &frame);
            r->key_bytes += (double)ps_frame_size(&frame);
            ps_frame_fini(&frame);
        }
    }
}

int ps_rehearse(struct ps_model *model, bool made, uint32_t shards, double seconds, struct ps_rehearsal *rehearsal, struct ps_error *err)
{
    struct stage s = {.model = model, .made = made};
    struct ps_rehearsal sum = {0};
    static struct ps_slot_map map;
    ps_slot_map_init(&map, shards);
    int status = stage_init(&s, shards, &sum.memory, err);
    uint64_t memory = sum.memory, measured = 0;
    for (uint64_t number = 0; !status && (number <= WARM || sum.build + sum.compute < seconds); number++) {
        int count = next_entries(&s, number, err);
        if (count < 0) {
            status = count;
            break;
        }
        if (number == WARM)
            sum = (struct ps_rehearsal){0};
        double begin = ps_cpu_now();
        ps_batch_build(&s.step->batch, &s.batcher, &map, s.entry, count, 1, s.lane, number);
        sum.build += ps_cpu_now() - begin;
        s.step->epoch = 1;
        s.step->position = number;
        pull(&s, &map, &sum);
        begin = ps_cpu_now();
        ps_compute_step(&s.compute, s.step, &s.phases);
        sum.compute += ps_cpu_now() - begin;
        sum.samples += s.step->batch.n;
        measured = number < WARM ? 0 : number - WARM + 1;
    }
    stage_fini(&s, shards);
    if (status)
        return status;
    double n = (double)measured;
    *rehearsal = (struct ps_rehearsal){.samples = sum.samples / n, .build = sum.build / n, .compute = sum.compute / n,
                                       .key_bytes = sum.key_bytes / n, .memory = memory};
    for (int t = 0; t < model->tables; t++)
        rehearsal->rows[t] = sum.rows[t] / n;
    return 0;
}
