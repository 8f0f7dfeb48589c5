/* mmlp.h - the multi-branch MLP over several kinds of implicit feedback, alone (mmlp.c) or beside matrix factorisation
 * (mf_mmlp.c). E is model.embedding.
 *
 *   branch r    x_r = tower over [p; q] with layers 2E, ..., 2E, E wide, one for each behaviour
 *   fusion      F = relu([x_1; ...; x_R] W_F + b_F), E wide
 *   score       o = F w_F + b;   beside matrix factorisation  o = (p'*q') w_M + F w_F + b, p' and q' embeddings of their own
 *
 * One score, trained on the target's interactions against what the user touched but did not buy. The branch of a weaker
 * behaviour learns from the pairs that have that behaviour (model.branch_updates: own); all other parts from all.
 */
#ifndef PS_MODELS_MMLP_H
#define PS_MODELS_MMLP_H

#include "worker/models/tower.h"

#define PS_MMLP_SOURCE "an ensemble of MF and multi-branch MLP over multiple implicit feedback; the branches' widths and the loss are ours"

int ps_mmlp_init(struct ps_model *model, bool ensemble, struct ps_error *err);
void ps_mmlp_fini(struct ps_model *model);
struct nn_tensor *ps_mmlp_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile);
void ps_mmlp_logits(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor **z);
void ps_mmlp_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out);

#endif
