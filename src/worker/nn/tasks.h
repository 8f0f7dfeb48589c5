/* tasks.h - operations of models with several tasks: mixtures of experts, and losses weighted by their uncertainty. */
#ifndef PS_NN_TASKS_H
#define PS_NN_TASKS_H

#include "worker/nn/nn.h"

/* What a gate did, for reports: not differentiated. */
struct nn_gate_use {
    double entropy; /* summed over the samples, in nats: log of the number of experts at most */
    double *load;   /* one an expert: its weights, summed over the samples; owned by the caller */
};

/* tasks.c: what one gate lets through of the experts (Ma et al., MMoE, KDD 2018): with g = softmax of a row of `gate`,
 *   y_b = sum_e g_be x_be;   x_be' += g_be y_b';   gate_be' += g_be (c_be - sum_f g_bf c_bf),  c_be = x_be . y_b'.
 * experts: B x (n d), the outputs of n experts beside each other (of one layer each: one nn_affine for all of them); gate: B x n
 * logits; y: B x d. Each task has a gate of its own over the same experts, or over some (PLE: its own and the shared ones beside
 * each other, by nn_concat). With one expert y is x to the bit. Adds to `use`, unless it is NULL. keep: 1 or 0 for every
 * sample and expert (B x n), or NULL: experts whose turn it is not (gate dropout); the others share their weight. A sample that
 * keeps none has all. */
struct nn_tensor *nn_mixture(struct nn_tape *tape, const struct nn_tensor *experts, const struct nn_tensor *gate,
                             const bool *keep, struct nn_gate_use *use);
/* Which experts a gate keeps, each with probability 1 - rate: B x n. NULL where `draws` is NULL or rate is 0. */
const bool *nn_gate_dropout(struct nn_tape *tape, int samples, int experts, double rate, struct nn_draws *draws);

/* Losses weighted by what they are uncertain of (Kendall et al., CVPR 2018: its form for
 * classification, with s_k = log sigma_k^2):
 *   y = sum_k (e^-s_k loss_k + share s_k / 2);   loss_k' += e^-s_k y';   s_k' += (share / 2 - e^-s_k loss_k) y'.
 * s: 1 x K. share: how much of its micro-batch the tile is, since the terms of s count once a micro-batch. */
struct nn_tensor *nn_uncertainty(struct nn_tape *tape, struct nn_tensor *const *loss, const struct nn_tensor *s, real share);

#endif
