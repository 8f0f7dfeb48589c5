/* candidates.h - losses of a target item against other items: softmax over all or sampled items, and pairwise rankings of
 * in-batch and shared samples. Sums over the samples (1 x 1); target and weight: B constants each.
 */
#ifndef PS_NN_CANDIDATES_H
#define PS_NN_CANDIDATES_H

#include "worker/nn/nn.h"

/* The items that targets compete with: `count` rows of E columns; from.index NULL means all rows as they come. */
struct nn_candidates {
    struct nn_lookup from;
    int count;
    const real *log_q; /* count: log of how probable it was to sample the item, to be taken off its score; or NULL */
    const struct nn_tensor *hidden; /* E x 1, of scores by additive.c; NULL: scores are inner products */
};

/* additive.c: o[b * n + j] = relu(q_b + e_j) . hidden, the score of a layer in between (MKM-SR's MLP, its products with what it is
 * given already taken), for n rows e of E columns, `stride` apart. With d = o_bj' hidden [q_b + e_j > 0]:
 *   q_b' += d;   e_j' += d;   hidden' += o_bj' relu(q_b + e_j). */
void nn_additive_scores(struct nn_tape *tape, const struct nn_tensor *q, const real *e, int stride, int n, const real *hidden, real *o);
/* One row's gradients, from o' of all samples (`apart` numbers from one to the next). e_grad may be NULL. */
void nn_additive_backward(const struct nn_tensor *q, const real *e, const struct nn_tensor *hidden, const real *o_grad, int apart,
                          real *e_grad);

/* softmax.c: with o_bj = q_b . e_j - log_q_j (or the other score) and p_b the softmax of o_b over all candidates, q: B x E and y = target[b] the
 * number of a candidate:
 *   NN_CROSS_ENTROPY   sum_b -weight_b log p_y;                               o_k' += weight_b (p_k - [k = y])
 *   NN_BOTH_TERMS      sum_b -weight_b (log p_y + sum_{j!=y} log(1 - p_j)), as MKM-SR prints it;
 *                      o_k' += weight_b p_k (c_k - sum_j p_j c_j), c_y = -1/p_y, c_j = 1/(1 - p_j), 1 - p_j not below 1e-8
 *   q_b' += sum_k o_bk' e_k;   e_k' += sum_b o_bk' q_b   (or as above).
 * Scores exist a chunk of candidates at a time, forward (which keeps two numbers a sample) and again backward: memory is B times
 * a chunk, however many candidates there are. With a column of ones beside q, the last column of the rows is the items' bias.
 * Sampled softmax with the logQ correction (Bengio and Senecal 2008; GRU4Rec) is the same with the sampled rows. */
enum nn_softmax_form { NN_CROSS_ENTROPY, NN_BOTH_TERMS };
struct nn_tensor *nn_softmax_loss(struct nn_tape *tape, const struct nn_tensor *q, struct nn_candidates candidates,
                                  const uint32_t *target, const real *weight, enum nn_softmax_form form);

/* ranking.c: on scores o (B x C, C >= 2; nn_scores), i = target[b] the column of the target and j all others of its row:
 *   NN_RANK_BPR        mean_j -log sigma(o_i - o_j)
 *   NN_RANK_TOP1       mean_j (sigma(o_j - o_i) + sigma(o_j^2))
 *   NN_RANK_TOP1_MAX   sum_j s_j (sigma(o_j - o_i) + sigma(o_j^2)),  s = softmax of o over j != i
 *   NN_RANK_BPR_MAX    -log(A + 1e-24) + penalty sum_j s_j o_j^2,  A = sum_j s_j sigma(o_i - o_j)
 * (Hidasi et al., ICLR 2016; Hidasi and Karatzoglou, CIKM 2018, which applies nn_elu to the scores for BPR-max.) With u_j =
 * sigma(o_j - o_i), v_j = sigma(o_j^2), d_j = sigma(o_i - o_j) and R = sum_j s_j o_j^2, for a sample of weight 1:
 *   BPR       o_j' += u_j / (C-1);                                              o_i' -= sum of these
 *   TOP1      o_j' += (u_j (1-u_j) + 2 o_j v_j (1-v_j)) / (C-1);                o_i' -= sum_j u_j (1-u_j) / (C-1)
 *   TOP1-max  o_j' += s_j (u_j (1-u_j) + 2 o_j v_j (1-v_j) + u_j + v_j - loss); o_i' -= sum_j s_j u_j (1-u_j)
 *   BPR-max   o_j' += -s_j/(A + 1e-24) (d_j - A - d_j (1-d_j)) + penalty s_j (o_j^2 - R + 2 o_j);
 *             o_i' -= sum_j s_j d_j (1-d_j) / (A + 1e-24) */
enum nn_ranking { NN_RANK_BPR, NN_RANK_TOP1, NN_RANK_TOP1_MAX, NN_RANK_BPR_MAX };
struct nn_tensor *nn_ranking_loss(struct nn_tape *tape, enum nn_ranking kind, const struct nn_tensor *o, real penalty,
                                  const uint32_t *target, const real *weight);

#endif
