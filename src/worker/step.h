/* step.h - a micro-batch on its way: pulled, computed, pushed, acknowledged; its buffers, and who else may be using them.
 *
 * Requests point into the step's memory while they are being sent, and servers on the same host may read gradients and fill rows in it:
 * a step is free for the next micro-batch when nobody does any more.
 */
#ifndef PS_WORKER_STEP_H
#define PS_WORKER_STEP_H

#include <stdatomic.h>

#include "common/net.h"
#include "common/share.h"
#include "common/wire.h"
#include "worker/batch.h"

/* One shard's part of a step. `request` holds the frames behind the header, ready to be sent again. */
struct ps_part {
    bool waiting;
    uint64_t request_id;
    double first_sent, send_at; /* send_at: when to send (again) */
    int attempts;
    struct ps_section section[PS_MAX_TABLES];
    uint32_t sections;
    struct ps_message request;
    struct ps_message rows; /* the answer, kept while its rows are in use */
    struct ps_buffer scratch[PS_MAX_TABLES];
};

enum ps_step_state { PS_STEP_FREE, PS_STEP_PULLING, PS_STEP_READY, PS_STEP_PUSHED };

/* Owned by the client's pool and used again. */
struct ps_step {
    enum ps_step_state state;
    uint32_t epoch, lane;
    uint64_t lease, position;
    bool end; /* the END of a lane: nothing in it */
    double begun; /* while a trace is made: when its rows were asked for; otherwise 0 */
    struct ps_batch batch;
    const real **value[PS_MAX_TABLES]; /* by table: rows as received, in the order of the batch's keys (tensors: chunks) */
    real *grad[PS_MAX_TABLES];         /* user and item tables: keys x width; zeroed by ps_client_pull */
    struct ps_share *share;            /* NULL: nothing is shared. Else grad lies in it, and */
    real *room[PS_MAX_TABLES];         /* keys x width, where servers put rows */
    struct ps_part *part;              /* by shard */
    int waiting;                       /* parts without an answer */
    atomic_int borrowed;               /* frames that still point into this step */
};

/* A step with room for a full batch of each user and item table and for the chunks of each tensor. `shared`: servers may
 * work in its memory, where the system can share it. */
struct ps_step *ps_step_new(const struct ps_batcher *batcher, const struct ps_table_spec *table, int tables, uint32_t shards,
                            bool shared);
/* Frees a step; one that is still being sent from after `patience` seconds is left to the process's end. */
void ps_step_free(struct ps_step *step, int tables, uint32_t shards, double patience);
/* Gives a step that is dropped another number of shards. */
void ps_step_fit(struct ps_step *step, int tables, uint32_t before, uint32_t shards);
/* Scales every table's gradient, the tensors' in param_grad, whose norm is above `limit` down to it, as TensorFlow's clip_by_norm does with each
 * variable's. */
void ps_step_clip(struct ps_step *step, const struct ps_table_spec *table, int tables, real *const *param_grad, double limit);
/* Whether it is free and nobody uses its memory. */
bool ps_step_idle(struct ps_step *step);

/* A frame over memory of the step. */
void ps_step_borrow(struct ps_step *step, struct ps_frame *frame, const void *data, size_t size);
/* A frame that names memory of the step's share. */
void ps_step_ticket(const struct ps_step *step, struct ps_frame *frame, const void *data, size_t size);

#endif
