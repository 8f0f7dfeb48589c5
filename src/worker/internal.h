/* internal.h - a worker's state, shared by worker.c (the loop), control.c (what the coordinator says) and pace.h. */
#ifndef PS_WORKER_INTERNAL_H
#define PS_WORKER_INTERNAL_H

#include <signal.h>

#include "common/member.h"
#include "common/trace.h"
#include "worker/compute.h"
#include "worker/lane.h"
#include "worker/model.h"
#include "worker/pace.h"
#include "worker/nn/nn.h"

struct ps_worker {
    struct ps_membership *member;
    struct ps_config config;
    struct ps_dataset dataset;
    struct ps_model model;
    struct ps_model rule; /* that was ranked last */
    struct ps_order order;
    struct ps_batcher batcher;
    struct ps_client client;
    struct ps_compute compute;
    struct ps_entry *entry;           /* positives of one micro-batch */
    struct ps_lane *lane; /* by number */
    uint32_t lanes, epoch;
    struct ps_control *waiting; /* owned: control messages that came while an evaluation was under way, in their order */
    size_t waiting_count, waiting_capacity;
    bool evaluation_void;
    struct { /* the part of an evaluation that was answered last: it is asked for again where the answer was lost */
        uint64_t request, first;
        struct ps_frame ranks; /* owned; where request is not 0 */
    } answered;
    int ahead; /* steps pulled and not yet computed */
    uint64_t samples;
    double loss; /* of this epoch, for the progress shown */
    struct ps_pace pace;
    struct ps_phase_clock phases;
    double task_loss[PS_MAX_TASKS], task_samples; /* of all its life: each task's part of the loss, times samples; and these */
    struct ps_trace trace;
    struct ps_lane_entry *held; /* for the beats: room for all lanes */
    double told;                /* when the beats' lanes were last gathered */
    bool first_push;            /* the first push under a lease is out: the next beat says so at once */
    double leave_since, leave_at; /* since when it wants to go (0: it does not), and when to say so again */
};

/* control.c */
/* The next control message, where there is one. */
bool ps_worker_receive(struct ps_worker *w, struct ps_control *message);
/* While a read of an evaluation waits (struct ps_client, news). */
int ps_worker_news(void *ctx, struct ps_error *err);
/* Takes in one control message. Returns 1 when the run, or this worker's part in it, is over. */
int ps_worker_handle(struct ps_worker *w, const struct ps_control *message, struct ps_error *err);
void ps_worker_send(struct ps_worker *w, struct ps_control *control);
void ps_worker_forget_lane(struct ps_worker *w, uint32_t lane);
/* What the end of a lease tells of it, and of the worker's time so far. */
struct ps_progress ps_worker_lane_progress(const struct ps_worker *w, const struct ps_lane *lane);
/* Of an evaluation. */
void ps_worker_forget_answer(struct ps_worker *w);
/* Hands a revoked lane back: nothing of it is under way. */
void ps_worker_return_lane(struct ps_worker *w, uint32_t lane);
/* For a coordinator that has taken over: the lanes in work, and those that have ended, whose results it may not know. */
void ps_worker_holds(void *ctx, struct ps_control *hello);
/* Says, now and then, that the worker wants to go. 1: it has said so for long enough, and goes. */
int ps_worker_leave(struct ps_worker *w);
/* What the next beats tell. */
void ps_worker_report(struct ps_worker *w);

#endif
