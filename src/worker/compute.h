/* compute.h - the arithmetic of a micro-batch: forward and backward over its tiles, from pulled rows to gradients. */
#ifndef PS_WORKER_COMPUTE_H
#define PS_WORKER_COMPUTE_H

#include "common/phases.h"
#include "worker/models/embedding.h"
#include "worker/step.h"

struct ps_compute {
    struct ps_model *model;           /* borrowed, as the next one */
    const struct ps_batcher *batcher;
    struct nn_tape *tape;             /* owned, as everything below */
    struct ps_embedding embedding;
    real *param_value[PS_MAX_TABLES]; /* tensors, assembled by the caller for the micro-batch that is to be computed */
    real *param_grad[PS_MAX_TABLES];
    double task_loss[PS_MAX_TASKS];   /* of the last micro-batch: each task's part of the loss, as a mean over its samples */
};

void ps_compute_init(struct ps_compute *compute, struct ps_model *model, const struct ps_batcher *batcher);
void ps_compute_fini(struct ps_compute *compute);
/* Rows are in step->value, tensors in param_value; gradients are added to step->grad, and param_grad is set. Returns the micro-batch's
 * loss, as a mean over its samples. `phases` is left in the backward pass. */
double ps_compute_step(struct ps_compute *compute, struct ps_step *step, struct ps_phase_clock *phases);

#endif
