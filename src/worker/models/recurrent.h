/* recurrent.h - layers of gated recurrent units over the steps of sessions, from the items' embeddings; the reset after the product, as
 * PyTorch has it. Dropout (model.dropout) on the embeddings. */
#ifndef PS_MODELS_RECURRENT_H
#define PS_MODELS_RECURRENT_H

#include "worker/models/session.h"

enum { PS_MAX_GRU_LAYERS = 8 };

struct ps_recurrent {
    int layers, width;
    int w[PS_MAX_GRU_LAYERS], b[PS_MAX_GRU_LAYERS], u[PS_MAX_GRU_LAYERS], c[PS_MAX_GRU_LAYERS]; /* tables */
};

/* Declares model.layers of them (0: one), all as wide as the embedding. */
int ps_recurrent_declare(struct ps_recurrent *recurrent, struct ps_model *model, int width, struct ps_error *err);
/* The last layer's state after every step, n x width. */
struct nn_tensor *ps_recurrent_states(const struct ps_recurrent *recurrent, const struct ps_model *model, struct nn_tape *tape,
                                      const struct ps_tile *tile);

#endif
