/* evaluate.h - a worker's part of a distributed evaluation. */
#ifndef PS_WORKER_EVALUATE_H
#define PS_WORKER_EVALUATE_H

#include "worker/client.h"
#include "worker/model.h"

/* Ranks the targets [first, first + count) of an EVAL message, of those that ps_targets_init says. `trained` is the run's own model;
 * a rule that the message names is made in *rule, which keeps it for the next message and may begin as zeros. *answer becomes the frame of ps_ranks_pack. */
int ps_evaluate_targets(struct ps_client *client, const struct ps_config *config, const struct ps_dataset *dataset,
                        struct ps_model *trained, struct ps_model *rule, const struct ps_control *message, struct ps_frame *answer,
                        struct ps_error *err);

#endif
