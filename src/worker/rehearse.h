/* rehearse.h - micro-batches of a configuration made and computed without servers: what one costs a worker, and what it would ask of them.
 *
 * It is the worker's own code for both (batch.h, compute.h), with rows of small random numbers; only what goes over the network is left
 * out, and for that there is what it would carry.
 */
#ifndef PS_WORKER_REHEARSE_H
#define PS_WORKER_REHEARSE_H

#include "worker/model.h"

/* Means of a micro-batch. */
struct ps_rehearsal {
    double samples;
    double build, compute;       /* seconds on a processor: sampling and distinct ids; forward and backward */
    double rows[PS_MAX_TABLES];  /* distinct rows that are pulled and pushed, by table; of a tensor all of its chunks */
    double key_bytes;            /* their ids on the wire, once */
    uint64_t memory;             /* bytes of a micro-batch's rows and gradients */
};

/* Repeats for `seconds` on a processor, once at least. dataset: one that was prepared, whose own order is followed; or one by
 * ps_synth_dataset, which `made` says. shards: servers that the ids are dealt out to. Errors: PS_EXIT_USAGE where the model cannot be
 * planned. */
int ps_rehearse(struct ps_model *model, bool made, uint32_t shards, double seconds, struct ps_rehearsal *rehearsal, struct ps_error *err);

#endif
