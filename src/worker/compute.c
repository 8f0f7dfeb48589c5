/* compute.c - forward and backward over a micro-batch; see compute.h. */
#include "worker/compute.h"

#include <stdlib.h>
#include <string.h>

void ps_compute_init(struct ps_compute *c, struct ps_model *model, const struct ps_batcher *batcher)
{
    *c = (struct ps_compute){.model = model, .batcher = batcher, .tape = nn_tape_new()};
    for (int t = 0; t < model->tables; t++)
        if (model->table[t].kind == PS_TABLE_TENSOR) {
            size_t size = model->table[t].rows * model->table[t].width * sizeof(real);
            c->param_value[t] = ps_malloc_aligned(size);
            c->param_grad[t] = ps_malloc_aligned(size);
        }
}

void ps_compute_fini(struct ps_compute *c)
{
    for (int t = 0; t < PS_MAX_TABLES; t++)
        free(c->param_value[t]), free(c->param_grad[t]);
    nn_tape_free(c->tape);
    ps_embedding_fini(&c->embedding);
    *c = (struct ps_compute){0};
}

double ps_compute_step(struct ps_compute *c, struct ps_step *step, struct ps_phase_clock *phases)
{
    struct ps_model *model = c->model;
    const struct ps_config *config = model->config;
    struct nn_rows own[PS_MAX_TABLES];
    struct nn_bags feature[PS_MAX_FEATURES];
    struct nn_tensor param[PS_MAX_TABLES];
    for (int t = 0; t < model->tables; t++) {
        const struct ps_table_spec *table = &model->table[t];
        if (table->kind == PS_TABLE_TENSOR && step->batch.rows_alone) {
            param[t] = (struct nn_tensor){(int)table->tensor_rows, (int)table->tensor_cols, NULL, NULL};
        } else if (table->kind == PS_TABLE_TENSOR) {
            memset(c->param_grad[t], 0, table->rows * table->width * sizeof(real));
            param[t] = (struct nn_tensor){(int)table->tensor_rows, (int)table->tensor_cols, c->param_value[t], c->param_grad[t]};
        } else {
            const struct ps_keys *keys = ps_batch_keys(&step->batch, table->kind);
            own[t] = (struct nn_rows){(int)keys->count, (int)table->width, step->value[t], step->grad[t]};
        }
    }
    for (int k = 0; k < step->batch.features; k++)
        feature[k] = (struct nn_bags){&own[model->first_feature + k], step->batch.feature[k].begin, step->batch.feature[k].entry};
    double loss = 0;
    memset(c->task_loss, 0, sizeof c->task_loss);
    struct nn_draws draws = {.seed = config->train.seed, .epoch = step->epoch, .lane = step->lane, .position = step->position};
    struct ps_tile tile = {.epoch = step->epoch,
                           .draws = &draws,
                           .own = own,
                           .feature = feature,
                           .rows = ps_embedding_compose(&c->embedding, model, own, feature),
                           .param = param,
                           .task_loss = c->task_loss,
                           .sample_weight = (real)(1.0 / PS_MAX(step->batch.n, 1))};
    for (int first = 0; first < step->batch.n; first += tile.n) {
        ps_phase_enter(phases, PS_PHASE_FORWARD);
        ps_batch_tile(&step->batch, c->batcher, first, config->train.tile, &tile);
        nn_tape_reset(c->tape);
        struct nn_tensor *tile_loss = model->class_->forward(model, c->tape, &tile);
        loss += (double)tile_loss->value[0];
        ps_phase_enter(phases, PS_PHASE_BACKWARD);
        nn_backward(c->tape, tile_loss);
    }
    const uint32_t *const order[] = {[PS_USERS] = step->batch.users.order, [PS_ITEMS] = step->batch.items.order};
    ps_embedding_back(&c->embedding, model, own, feature, order);
    if (config->train.clip > 0)
        ps_step_clip(step, model->table, model->tables, c->param_grad, config->train.clip);
    return loss;
}
