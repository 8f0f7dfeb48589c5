/* pretrained.h - NeuMF from a trained GMF and a trained MLP (He et al., WWW 2017, section 3.4.1): the first checkpoint of a
 * run is made of those of two others.
 */
#ifndef PS_CLI_PRETRAINED_H
#define PS_CLI_PRETRAINED_H

#include "cli/run.h"

/* The first checkpoint (first.h) out of the best ones of the runs that model.pretrained_gmf and model.pretrained_mlp name. Embeddings and hidden layers are taken over; with a =
 * model.pretrained_share the last layer is [a h_GMF; (1-a) h_MLP] and its bias a b_GMF + (1-a) b_MLP. The optimiser begins anew.
 * Memory is bounded, whatever the number of rows. Errors: PS_EXIT_USAGE where the model is no NeuMF or the runs do not fit it;
 * those of reading and writing checkpoints. */
int ps_pretrained_make(const struct ps_run *run, char **folder, struct ps_error *err);

#endif
