/* ncf.h - one unit by itself, with one score: matrix factorisation, GMF, MLP and NeuMF (He et al., Neural Collaborative
 * Filtering, WWW 2017). The models differ in the unit and in the recipe: what they are trained on.
 */
#ifndef PS_MODELS_NCF_H
#define PS_MODELS_NCF_H

#include "worker/models/units.h"

#define PS_NCF_SOURCE "He et al., Neural Collaborative Filtering, WWW 2017"
#define PS_MC_SOURCE "Loni et al., Bayesian Personalized Ranking with Multi-Channel User Feedback, RecSys 2016"

/* f(u, i), or f(u, i) + b where the loss is of single samples (differences of scores know no bias that all items share, and a
 * loss over all pairs knows none).
 * Declares the tables of the units, which `units` describes as ps_units_declare wants it, "bias" (1 x 1), at 0, and for
 * PS_LOSS_WHOLE, which weighs pairs without an interaction by `unobserved`, those of whole.h. */
int ps_ncf_init(struct ps_model *model, struct ps_units units, double unobserved, struct ps_error *err);
void ps_ncf_fini(struct ps_model *model);
struct nn_tensor *ps_ncf_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile);
void ps_ncf_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out);
void ps_ncf_logits(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor **z);
bool ps_ncf_factors(const struct ps_model *model, struct nn_tape *tape, const struct nn_tensor *param, struct ps_factors *factors);

/* Which unit: p . q; h . (p*q); a tower over [p; q]; the last two side by side, each with embeddings of its own. */
int ps_mf_init(struct ps_model *model, struct ps_error *err);
int ps_gmf_init(struct ps_model *model, struct ps_error *err);
int ps_mlp_init(struct ps_model *model, struct ps_error *err);
int ps_neumf_init(struct ps_model *model, struct ps_error *err);

#endif
