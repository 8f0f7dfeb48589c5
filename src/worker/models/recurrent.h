/* recurrent.h - gated recurrent units over a session, layer on layer, as GRU4Rec's descendants have them: the reset gate acts after its
 * product, dropout on the embeddings (model.dropout) and on every layer's states (model.dropout_hidden). Trained on whole sessions, by
 * backpropagation through time; or a step at a time (PS_STREAM_PARALLEL), where the states before it are constants that the lane
 * carries, with what dropout has made of them, as GRU4Rec's authors have it.
 */
#ifndef PS_MODELS_RECURRENT_H
#define PS_MODELS_RECURRENT_H

#include "worker/models/session.h"

enum { PS_MAX_GRU_LAYERS = 8 };
_Static_assert((int)PS_MAX_GRU_LAYERS <= (int)PS_MAX_FIELDS, "each layer is a field of the lane's state");

struct ps_recurrent {
    int layers, width;
    int w[PS_MAX_GRU_LAYERS], b[PS_MAX_GRU_LAYERS], u[PS_MAX_GRU_LAYERS], c[PS_MAX_GRU_LAYERS]; /* tables; b and c are -1 without biases */
    int state; /* the table of lane state; -1: there is none */
};

/* Declares model.layers of them (0: one), all as wide as the embedding: weights U(-scale, scale), biases U(-bias, bias), none where bias
 * is negative; and the lane's state where the recipe has tracks. */
int ps_recurrent_declare(struct ps_recurrent *recurrent, struct ps_model *model, int width, float scale, float bias, struct ps_error *err);
/* The last layer's state after every step, n x width. Leaves the lane's state for the push where the tile has one. */
struct nn_tensor *ps_recurrent_states(const struct ps_recurrent *recurrent, const struct ps_model *model, struct nn_tape *tape,
                                      const struct ps_tile *tile);

#endif
