/* whole.h - a squared loss over all pairs of users and items, without sampling (Chen et al., EHCF, AAAI 2020; docs/models.md
 * derives what follows).
 *
 * For scores s_r(u, i) = g_r . (p_u * q_i) of heads r, with weight 1 where a pair has behaviour r and c0 < 1 elsewhere:
 *
 *   L = sum_r lambda_r ( sum over pairs with r of (1 - c0) (s_r - 1 / (1 - c0))^2  +  c0 sum over all pairs of s_r^2 )
 *
 * but for a constant. With the Gram matrices A = sum_u p_u p_u^T and B = sum_i q_i q_i^T and K(G) = c0 sum_r lambda_r (g_r g_r^T) * G,
 * the second part is sum_u p_u^T K(B) p_u, and as well sum_i q_i^T K(A) q_i, and the sum of all elements of K(B) * A. A micro-batch of
 * interactions takes the first two in shares, 1/n_u of its user's and 1/n_i of its item's for each (n: interactions in training), minus
 * its share of the third. Summed over an epoch at fixed parameters that is L, and its gradient by p, q and g is that of L.
 *
 * A and B are tensors on the servers ("gram_user", "gram_item"), kept up by the micro-batches: each adds its own share of the sum,
 * p_u p_u^T / n_u, and takes off the same share of what was there, so that they run over about an epoch. "gram_mass" (1 x 1) says which part of
 * an epoch is in them, as long as it is less than one.
 *
 * Dropout of a user's embedding (EHCF) is taken in expectation, which is exact for a square: with rho = dropout / (1 - dropout),
 * E[s^2] = s^2 + rho sum_d (g_d p_d q_d)^2, so the diagonals of K count 1 + rho times.
 */
#ifndef PS_MODELS_WHOLE_H
#define PS_MODELS_WHOLE_H

#include "worker/models/loss.h"

struct ps_whole {
    int width;                      /* E: of the first columns of user and item rows */
    int user_gram, item_gram, mass; /* tables */
    double unobserved;              /* c0 */
};

/* Declares the tables. `unobserved` is below 1. Errors: those of ps_model_add_tensor. */
int ps_whole_declare(struct ps_whole *whole, struct ps_model *model, double unobserved, struct ps_error *err);
/* L's share of a tile, over the epoch's interactions, and the L2 term. z[r] (need[r] x 1): scores, not read for r > 0 where
 * need[r] is 0; g[r] (E x 1) for all heads: constants, or parameters and what is computed out of them. */
struct nn_tensor *ps_whole_loss(const struct ps_whole *whole, const struct ps_model *model, struct nn_tape *tape,
                                const struct ps_tile *tile, struct nn_tensor *const *z, const struct nn_tensor *const *g);

#endif
