/* worker.c - the worker's loop: control messages, pulls ahead, one micro-batch at a time through the model; see lane.h. */
#include "worker/worker.h"

#include <stdlib.h>
#include <string.h>

#include "worker/internal.h"
#include "worker/nn/blas.h"

static const double LOOK_AROUND = 0.25; /* seconds: the longest sleep, so that a signal is soon noticed */

/* ---- lanes ---- */

static struct ps_step *begin_step(struct ps_worker *w, uint32_t l, uint64_t position)
{
    struct ps_step *step = ps_client_step(&w->client);
    step->epoch = w->lane[l].epoch;
    step->lane = l;
    step->lease = w->lane[l].lease;
    step->position = position;
    step->end = false;
    step->begun = 0;
    return step;
}

/* Reads the lane's next micro-batch and pulls its rows; at the end of the lane marks it as drained. */
static int pull_next(struct ps_worker *w, uint32_t l, struct ps_error *err)
{
    struct ps_lane *lane = &w->lane[l];
    bool triples = ps_order_at_triples(&w->order, lane->epoch, l, &lane->cursor);
    int count = ps_order_next(&w->order, lane->epoch, l, &lane->cursor, w->batcher.positives, w->entry, err);
    if (count < 0)
        return count;
    if (!count) {
        lane->drained = true;
        return 0;
    }
    struct ps_step *step = begin_step(w, l, lane->next_pull);
    ps_phase_enter_for(&w->phases, PS_PHASE_BATCH, l, step->position);
    step->begun = w->phases.trace ? ps_now() : 0;
    (triples ? ps_batch_build_triples : ps_batch_build)(&step->batch, &w->batcher, &w->client.map, w->entry, count, lane->epoch, l,
                                                        lane->next_pull);
    lane->ahead[lane->next_pull - lane->next_push] = step;
    lane->next_pull++;
    w->ahead++;
    ps_client_pull(&w->client, step);
    return 0;
}

/* A lane that carries state reads what its last micro-batch has left, so that one must be in on every shard; in sync a pull waits for
 * it there. */
static bool may_pull(const struct ps_worker *w, const struct ps_lane *lane)
{
    if (lane->drained || lane->revoked || lane->next_pull - lane->next_push >= PS_AHEAD)
        return false;
    bool carries = w->model.recipe.stream == PS_STREAM_PARALLEL && w->config.train.consistency != PS_SYNC;
    return !carries || (lane->next_pull == lane->next_push && !lane->pushed);
}

/* Pulls ahead: always for the lane with the lowest position that may pull. */
static int pull_ahead(struct ps_worker *w, struct ps_error *err)
{
    for (;;) {
        uint32_t best = UINT32_MAX;
        uint64_t lowest_ahead = UINT64_MAX;
        for (uint32_t l = 0; l < w->lanes; l++) {
            struct ps_lane *lane = &w->lane[l];
            if (!lane->held)
                continue;
            if (lane->next_pull > lane->next_push)
                lowest_ahead = PS_MIN(lowest_ahead, lane->next_push);
            if (may_pull(w, lane) && (best == UINT32_MAX || lane->next_pull < w->lane[best].next_pull))
                best = l;
        }
        if (best == UINT32_MAX || (w->ahead >= PS_WINDOW && w->lane[best].next_pull >= lowest_ahead))
            return 0;
        int status = pull_next(w, best, err);
        if (status)
            return status;
    }
}

/* Forward and backward over the micro-batch; gradients land in step->grad and the tensors' param_grad. */
static void compute(struct ps_worker *w, struct ps_step *step)
{
    ps_phase_enter_for(&w->phases, PS_PHASE_FORWARD, step->lane, step->position);
    for (int t = 0; t < w->client.tables; t++)
        if (w->compute.param_value[t] && !step->batch.rows_alone)
            ps_client_tensor(&w->client, step, t, w->compute.param_value[t]);
    double loss = ps_compute_step(&w->compute, step, &w->phases);
    struct ps_lane *lane = &w->lane[step->lane];
    lane->samples += (uint64_t)step->batch.n;
    lane->loss += loss * step->batch.n;
    w->samples += (uint64_t)step->batch.n;
    w->loss += loss * step->batch.n;
    for (int k = 0; k < PS_MAX_TASKS; k++)
        w->task_loss[k] += w->compute.task_loss[k] * step->batch.n;
    w->task_samples += step->batch.rows_alone ? 0 : step->batch.n;
}

/* Steps that every shard has acknowledged: for all lanes before any step is used again. */
static void settle(struct ps_worker *w)
{
    for (uint32_t l = 0; l < w->lanes; l++) {
        struct ps_lane *lane = &w->lane[l];
        if (lane->held && lane->pushed && lane->pushed->state == PS_STEP_FREE) {
            if (w->phases.trace && lane->pushed->begun > 0)
                ps_trace_add(&w->trace, (struct ps_span){lane->pushed->begun, ps_now(), lane->pushed->position, l, PS_SPAN_LIFE});
            lane->pushed = NULL;
            lane->done = lane->end_pushed;
        }
    }
}

/* What a lane can do without computing: end, report its end, be handed back. */
static void advance(struct ps_worker *w, uint32_t l)
{
    struct ps_lane *lane = &w->lane[l];
    if (!lane->held)
        return;
    if (lane->pushed)
        return;
    if (lane->done) {
        if (ps_now() >= lane->done_at) {
            struct ps_lane_entry entry = {l, lane->lease, lane->next_push};
            struct ps_control done = {.kind = PS_LANE_DONE, .epoch = lane->epoch, .lane = &entry, .lane_count = 1,
                                      .count = lane->before + lane->samples, /* earlier holders' samples too */
                                      .progress = ps_worker_lane_progress(w, lane)};
            ps_worker_send(w, &done);
            lane->done_at = ps_now() + 0.5;
        }
        return;
    }
    if (lane->revoked) {
        ps_worker_return_lane(w, l);
        return;
    }
    if (lane->drained && lane->next_pull == lane->next_push) {
        struct ps_step *step = begin_step(w, l, lane->next_push);
        step->end = true;
        lane->pushed = step;
        lane->next_push++;
        lane->next_pull++;
        lane->end_pushed = true;
        ps_client_push(&w->client, step, NULL);
    }
}

/* The ready step with the lowest position whose predecessor is acknowledged by all shards: it may be pushed as soon as it is
 * computed (the ack rule). A worker with one lane waits here for a round trip; with two or more it never does. */
static struct ps_step *next_ready(struct ps_worker *w)
{
    struct ps_step *best = NULL;
    for (uint32_t l = 0; l < w->lanes; l++) {
        struct ps_step *step = w->lane[l].held ? w->lane[l].ahead[0] : NULL;
        if (step && step->state == PS_STEP_READY && !w->lane[l].pushed &&
            (!best || step->position < best->position))
            best = step;
    }
    return best;
}

static void compute_and_push(struct ps_worker *w, struct ps_step *step)
{
    struct ps_lane *lane = &w->lane[step->lane];
    compute(w, step);
    ps_phase_enter(&w->phases, PS_PHASE_PUSH);
    w->ahead--;
    lane->ahead[0] = lane->ahead[1];
    lane->ahead[1] = NULL;
    lane->pushed = step;
    w->first_push |= lane->next_push == lane->first;
    lane->next_push++;
    ps_client_push(&w->client, step, w->compute.param_grad);
    ps_trace_computed(&w->trace);
}

/* Whether there is something to compute, now or soon. */
static bool has_work(const struct ps_worker *w)
{
    for (uint32_t l = 0; l < w->lanes; l++)
        if (w->lane[l].held && !w->lane[l].done && !w->lane[l].revoked)
            return true;
    return false;
}

/* What a worker with nothing to compute waits for: rows, if any are on their way to a lane that could go on with them. */
static enum ps_phase waits_for(const struct ps_worker *w)
{
    bool pushed = false;
    for (uint32_t l = 0; l < w->lanes; l++) {
        const struct ps_lane *lane = &w->lane[l];
        if (lane->held && lane->ahead[0] && !lane->pushed)
            return PS_PHASE_ROWS;
        pushed |= lane->held && lane->pushed;
    }
    return pushed ? PS_PHASE_ACKS : PS_PHASE_IDLE;
}

static double next_deadline(const struct ps_worker *w)
{
    double next = PS_MIN(ps_client_next_retry(&w->client), ps_now() + LOOK_AROUND);
    for (uint32_t l = 0; l < w->lanes; l++)
        if (w->lane[l].held && w->lane[l].done)
            next = PS_MIN(next, w->lane[l].done_at);
    return next;
}

static int loop(struct ps_worker *w, const struct ps_worker_options *options, struct ps_error *err)
{
    struct ps_socket *socket[PS_MAX_SHARDS + 1] = {ps_membership_socket(w->member)};
    bool readable[PS_MAX_SHARDS + 1];
    int status = 0;
    while (!status) {
        struct ps_control message;
        ps_phase_enter_for(&w->phases, PS_PHASE_OTHER, PS_NO_LANE, 0);
        while (!status && ps_worker_receive(w, &message)) {
            status = ps_worker_handle(w, &message, err);
            ps_control_fini(&message);
        }
        if (!status && options->leave && *options->leave)
            status = ps_worker_leave(w);
        uint32_t fenced;
        if (!status)
            status = ps_client_progress(&w->client, &fenced, err);
        if (!status && fenced != UINT32_MAX) {
            ps_worker_forget_lane(w, fenced);
            w->pace = (struct ps_pace){0}; /* it was taken for dead: its speed of that time says nothing */
            continue;
        }
        if (status)
            break;
        settle(w);
        for (uint32_t l = 0; l < w->lanes; l++)
            advance(w, l);
        double began = ps_now(), samples = 0;
        ps_phase_enter(&w->phases, PS_PHASE_BATCH);
        status = pull_ahead(w, err);
        if (status)
            break;
        struct ps_step *step = next_ready(w);
        if (step) {
            samples = step->batch.n;
            compute_and_push(w, step);
        } else {
            memcpy(socket + 1, w->client.socket, w->client.map.shards * sizeof *socket);
            ps_phase_enter_for(&w->phases, waits_for(w), PS_NO_LANE, 0);
            ps_net_wait(socket, 1 + (int)w->client.map.shards, next_deadline(w) - ps_now(), readable);
        }
        double now = ps_now();
        if (step || (w->config.train.consistency == PS_ASYNC && has_work(w)))
            ps_pace_add(&w->pace, samples, now - began, now);
        ps_phase_enter_for(&w->phases, PS_PHASE_OTHER, PS_NO_LANE, 0);
        ps_worker_report(w);
        status = ps_membership_check(w->member, err);
    }
    return status == 1 ? 0 : status;
}

static int prepare(struct ps_worker *w, const struct ps_worker_options *options, uint64_t incarnation,
                   const struct ps_control *welcome, struct ps_error *err)
{
    int status = ps_config_load_text(&w->config, welcome->text, "the coordinator's configuration", err);
    if (!status && w->config.train.consistency == PS_SYNC && strcmp(ps_blas_kernel(), welcome->kernel))
        status = ps_fail(err, PS_EXIT_USAGE, "this host computes with OpenBLAS kernels '%s', the coordinator's with '%s': a sync run "
                         "would not be the same to the last bit; start all members with the same OPENBLAS_CORETYPE",
                         ps_blas_kernel(), welcome->kernel);
    if (!status && options->data && (size_t)snprintf(w->config.data.path, sizeof w->config.data.path, "%s", options->data) >=
                                        sizeof w->config.data.path)
        status = ps_fail(err, PS_EXIT_USAGE, "the path %s is too long", options->data);
    if (!status)
        status = ps_dataset_open(w->config.data.path, &w->dataset, err);
    if (!status && w->dataset.fingerprint != welcome->first)
        status = ps_fail(err, PS_EXIT_DATA, "%s on this host is another preparation than the coordinator's: ids would not agree; copy the "
                         "coordinator's to all hosts", w->config.data.path);
    if (!status)
        status = ps_model_init(&w->model, w->config.model.name, &w->config, &w->dataset, err);
    if (!status) {
        ps_batcher_init(&w->batcher, &w->dataset, &w->config, &w->model.recipe);
        status = ps_client_init(&w->client, options->net, incarnation, welcome, &w->config, &w->batcher, err);
    }
    if (status)
        return status;
    w->client.news = ps_worker_news;
    w->client.news_socket = ps_membership_socket(w->member);
    w->client.news_ctx = w;
    w->pace.at = ps_now();
    ps_order_init(&w->order, &w->dataset, &w->config, &w->model.recipe);
    ps_compute_init(&w->compute, &w->model, &w->batcher);
    w->entry = ps_calloc((size_t)w->batcher.positives, sizeof *w->entry);
    w->lanes = welcome->lanes;
    w->lane = ps_calloc(w->lanes, sizeof *w->lane);
    w->held = ps_calloc(w->lanes, sizeof *w->held);
    return 0;
}

int ps_worker_run(const struct ps_worker_options *options, struct ps_error *err)
{
    struct ps_worker *w = ps_calloc(1, sizeof *w);
    struct ps_control welcome = {0};
    uint64_t incarnation = ps_net_incarnation();
    struct ps_membership_options membership = {.net = options->net,
                                               .coordinator = options->coordinator,
                                               .meeting = options->meeting,
                                               .role = PS_ROLE_WORKER,
                                               .incarnation = incarnation,
                                               .endpoint = "",
                                               .start_timeout = options->start_timeout,
                                               .coordinator_timeout = options->coordinator_timeout,
                                               .holds = ps_worker_holds,
                                               .ctx = w};
    int status = ps_membership_join(&w->member, &membership, &welcome, err);
    if (!status)
        status = prepare(w, options, incarnation, &welcome, err);
    if (!status && options->joined)
        *options->joined = 1;
    if (!status)
        status = loop(w, options, err);
    if (w->member)
        ps_membership_leave(w->member, status ? err->code : 0, status ? err->text : "");
    ps_client_fini(&w->client);
    ps_order_fini(&w->order);
    ps_batcher_fini(&w->batcher);
    ps_model_fini(&w->model);
    ps_model_fini(&w->rule);
    ps_compute_fini(&w->compute);
    ps_trace_fini(&w->trace);
    ps_dataset_close(&w->dataset);
    ps_worker_forget_answer(w);
    for (size_t i = 0; i < w->waiting_count; i++)
        ps_control_fini(&w->waiting[i]);
    free(w->waiting), free(w->lane), free(w->held), free(w->entry);
    ps_control_fini(&welcome);
    free(w);
    return status;
}
