/* nmtr.h - NMTR, the neural multi-task recommender (Gao et al., ICDE 2019): shared embeddings, one unit a behaviour, a
 * cascade over them. The three published models differ in the unit only (nmtr_gmf.c, nmtr_mlp.c, nmtr_neumf.c).
 */
#ifndef PS_MODELS_NMTR_H
#define PS_MODELS_NMTR_H

#include "worker/models/units.h"

/* Declares the tables: those of the units, which `units` describes as ps_units_declare wants it, and the items' biases,
 * which begin at 0; for PS_LOSS_WHOLE no biases, but those of whole.h. Errors: also PS_EXIT_USAGE where that loss is asked for
 * and a logit is not linear in the product of the embeddings. */
int ps_nmtr_init(struct ps_model *model, struct ps_units units, struct ps_error *err);
void ps_nmtr_fini(struct ps_model *model);

/* z_r of all behaviours. */
void ps_nmtr_logits(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor **z);
/* ps_loss, or ps_whole_loss, on the logits z_r. */
struct nn_tensor *ps_nmtr_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile);
/* The target's logit z_R; and where it is an inner product: with a head alone, under any cascade but prob. */
bool ps_nmtr_factors(const struct ps_model *model, struct nn_tape *tape, const struct nn_tensor *param, struct ps_factors *factors);
void ps_nmtr_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out);

#endif
