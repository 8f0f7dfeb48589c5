/* step.c - the buffers of a micro-batch; see step.h. */
#include "worker/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ps_step *ps_step_new(const struct ps_batcher *batcher, const struct ps_table_spec *table, int tables, uint32_t shards,
                            bool shared)
{
    enum { LINE = 64 };
    struct ps_step *step = ps_calloc(1, sizeof *step);
    size_t bytes[PS_MAX_TABLES] = {0}, total = 0;
    ps_batch_init(&step->batch, batcher);
    step->part = ps_calloc(shards, sizeof *step->part);
    for (int t = 0; t < tables; t++) {
        bool tensor = table[t].kind == PS_TABLE_TENSOR;
        size_t capacity = tensor ? table[t].rows : ps_batcher_keys(batcher, table[t].kind);
        step->value[t] = ps_calloc(capacity, sizeof *step->value[t]);
        if (!tensor)
            bytes[t] = (capacity * table[t].width * sizeof(real) + LINE - 1) / LINE * LINE;
        total += 2 * bytes[t];
    }
    step->share = shared && total ? ps_share_new(total) : NULL;
    char *at = step->share ? ps_share_data(step->share) : NULL;
    for (int t = 0; t < tables; t++) {
        if (!bytes[t])
            continue;
        if (!at) {
            step->grad[t] = ps_malloc_aligned(bytes[t]);
            continue;
        }
        step->grad[t] = (real *)at;
        step->room[t] = (real *)(at + bytes[t]);
        at += 2 * bytes[t];
    }
    return step;
}

void ps_step_free(struct ps_step *step, int tables, uint32_t shards, double patience)
{
    double end = ps_now() + patience;
    while (atomic_load(&step->borrowed) && ps_now() < end)
        ps_net_wait(NULL, 0, 0.001, NULL);
    if (atomic_load(&step->borrowed))
        return;
    for (int t = 0; t < tables; t++) {
        free(step->value[t]);
        if (!step->share)
            free(step->grad[t]);
    }
    for (uint32_t s = 0; s < shards; s++) {
        ps_message_fini(&step->part[s].request);
        ps_message_fini(&step->part[s].rows);
        for (int t = 0; t < tables; t++)
            ps_buffer_fini(&step->part[s].scratch[t]);
    }
    ps_share_free(step->share);
    free(step->part);
    ps_batch_fini(&step->batch);
    free(step);
}

void ps_step_clip(struct ps_step *step, const struct ps_table_spec *table, int tables, real *const *param_grad, double limit)
{
    for (int t = 0; t < tables; t++) {
        bool tensor = table[t].kind == PS_TABLE_TENSOR;
        size_t rows = tensor ? (step->batch.rows_alone ? 0 : table[t].rows) : ps_batch_keys(&step->batch, table[t].kind)->count;
        real *grad = tensor ? param_grad[t] : step->grad[t];
        double squares = 0;
        if (table[t].update != PS_UPDATE_OPTIMIZER) /* what is pushed is no gradient */
            continue;
        for (size_t k = 0; k < rows * table[t].width; k++)
            squares += (double)grad[k] * (double)grad[k];
        real scale = (real)(limit / sqrt(squares));
        for (size_t k = 0; k < rows * table[t].width && squares > limit * limit; k++)
            grad[k] *= scale;
    }
}

/* What is still being sent from the step points at its keys and gradients, never at its parts. */
void ps_step_fit(struct ps_step *step, int tables, uint32_t before, uint32_t shards)
{
    PS_ASSERT(step->state == PS_STEP_FREE);
    for (uint32_t s = shards; s < before; s++)
        for (int t = 0; t < tables; t++)
            ps_buffer_fini(&step->part[s].scratch[t]);
    step->part = ps_realloc(step->part, shards, sizeof *step->part);
    if (shards > before)
        memset(step->part + before, 0, (shards - before) * sizeof *step->part);
}

bool ps_step_idle(struct ps_step *step)
{
    return step->state == PS_STEP_FREE && !atomic_load(&step->borrowed) && (!step->share || ps_share_withdraw(step->share));
}

static void release(void *data, void *hint)
{
    atomic_fetch_sub(&((struct ps_step *)hint)->borrowed, 1);
}

void ps_step_borrow(struct ps_step *step, struct ps_frame *frame, const void *data, size_t size)
{
    atomic_fetch_add(&step->borrowed, 1);
    ps_frame_borrow(frame, (void *)(uintptr_t)data, size, release, step);
}

void ps_step_ticket(const struct ps_step *step, struct ps_frame *frame, const void *data, size_t size)
{
    struct ps_ticket ticket = ps_share_ticket(step->share, data, size);
    ps_frame_alloc(frame, sizeof ticket);
    memcpy(ps_frame_data(frame), &ticket, sizeof ticket);
}
