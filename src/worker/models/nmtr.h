/* nmtr.h - NMTR, the neural multi-task recommender (Gao et al., ICDE 2019): shared embeddings, one unit a behaviour, a
 * cascade over them. The three published models differ in the unit only (nmtr_gmf.c, nmtr_mlp.c, nmtr_neumf.c).
 */
#ifndef PS_MODELS_NMTR_H
#define PS_MODELS_NMTR_H

#include "worker/models/units.h"

#define PS_NMTR_SOURCE "Gao et al., Neural Multi-Task Recommendation from Multi-Behavior Data, ICDE 2019"

/* Declares the tables: "user" (embedding), "item" (embedding, bias) and the units' parameters. `units` says which unit:
 * head, parts, biased and layers (0 where there is no tower); its widths are halved from layer to layer where `halve`
 * is set, and E otherwise. Embeddings ~ N(0, model.init_scale^2) truncated at two deviations, biases 0. Errors:
 * PS_EXIT_USAGE where the tower would become narrower than one column. */
int ps_nmtr_init(struct ps_model *model, struct ps_units units, bool halve, struct ps_error *err);
void ps_nmtr_fini(struct ps_model *model);

/* ps_loss on the logits z_r. */
struct nn_tensor *ps_nmtr_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile);
/* The target's logit z_R. */
void ps_nmtr_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out);

#endif
