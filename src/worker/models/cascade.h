/* cascade.h - how the score of one behaviour enters the next stronger one (NMTR, Gao et al., ICDE 2019).
 *
 * f_r is what the unit of behaviour r says about a pair, b_r the item's bias, r = 1 .. R from the weakest to the
 * target: prob       z_r = sigma(z_{r-1}) + f_r + b_r     the paper's equation 4: a probability is carried on logit_avg
 * z_r = (f_r + z_{r-1}) / 2 + b        the authors' code: one bias, shared by all behaviours; z_1 = f_1 + b logit_sum
 * z_r = z_{r-1} + f_r + b_r none       z_r = f_r + b_r                      R independent heads, the ablation The
 * probability of behaviour r is sigma(z_r); items are ranked by z_R.
 */
#ifndef PS_MODELS_CASCADE_H
#define PS_MODELS_CASCADE_H

#include "worker/model.h"

/* Bias columns of an item row: R, or 1 where it is shared. */
int ps_cascade_biases(enum ps_cascade cascade, int behaviours);

/* z[r] (need[r] x 1) from f[r] (need[r] x 1), for r = 0 and all r with need[r] > 0; the others are left alone. `bias`
 * looks up the items' bias columns; without rows there are none. */
void ps_cascade_forward(struct nn_tape *tape, enum ps_cascade cascade, int behaviours, const int *need,
                        struct nn_tensor *const *f, struct nn_lookup bias, struct nn_tensor **z);

/* Heads g[r] (columns) for all r, out of the units' h[r]: what z_r multiplies p * q by where f_r = h_r . (p*q). Not for prob. */
void ps_cascade_heads(struct nn_tape *tape, enum ps_cascade cascade, int behaviours, const struct nn_tensor *const *h,
                      const struct nn_tensor **g);

/* The target's logit is linear in everything but under prob: z_R = sum_r unit[r] f_r + sum_k bias[k] b_k. */
void ps_cascade_weights(enum ps_cascade cascade, int behaviours, double *unit, double *bias);

#endif
