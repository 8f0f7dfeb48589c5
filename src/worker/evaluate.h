/* evaluate.h - a worker's part of a distributed evaluation. */
#ifndef PS_WORKER_EVALUATE_H
#define PS_WORKER_EVALUATE_H

#include "worker/client.h"
#include "worker/model.h"

/* Ranks the targets [first, first + count) of an EVAL message: of all held-out pairs of its split, or of the fixed, seeded sample of
 * eval.users pairs. `trained` is the run's own model; rules named by the message are made for the occasion. *ranks becomes
 * a frame of struct ps_rank. */
int ps_evaluate_targets(struct ps_client *client, const struct ps_config *config, const struct ps_dataset *dataset,
                        struct ps_model *trained, const struct ps_control *message, struct ps_frame *ranks,
                        struct ps_error *err);

#endif
