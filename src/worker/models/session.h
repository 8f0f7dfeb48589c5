/* session.h - what models of sessions share: items with an embedding and a bias, a softmax over the next item, scores that are inner
 * products of what the model makes of a session with the items' embeddings.
 */
#ifndef PS_MODELS_SESSION_H
#define PS_MODELS_SESSION_H

#include "worker/model.h"
#include "worker/nn/candidates.h"

enum { PS_SESSION_ITEMS = 0 }; /* the table of items, which is declared first */

/* The model.* keys that ps_session_items and ps_session_loss read. */
#define PS_SESSION_OPTIONS "embedding loss elu bpreg l2"

/* Declares the table of items: "embedding", so wide, and "bias" where asked for; and says that encode makes as many columns. */
int ps_session_items(struct ps_model *model, int width, bool biased, enum ps_init init, float scale, struct ps_error *err);

/* The embeddings of the steps, n x width; of the last steps, sessions x width. */
struct nn_tensor *ps_session_steps(struct nn_tape *tape, const struct ps_tile *tile, int width);
/* The rows of x (one a step) after which a target is to be foretold, targets x cols. */
struct nn_tensor *ps_session_states(struct nn_tape *tape, const struct ps_tile *tile, const struct nn_tensor *x);

/* x, or what is left of it when model.dropout of its elements are dropped, in training. */
struct nn_tensor *ps_session_drop(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor *x);

/* model->forward: the mean of the targets' losses (model.loss) by their scores and those of the candidates, which are inner products:
 * -log softmax, both terms of the cross-entropy, or a ranking loss, under which a target competes with every candidate's place but its own, items like its own
 * included, as its authors have it (nn/candidates.h). With L2 (model.l2) over the looked-up rows of steps and targets. */
struct nn_tensor *ps_session_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile);
/* The same for a tensor that encode has made. */
struct nn_tensor *ps_session_loss(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor *q);
/* The same where the model scores candidates in its own way. */
struct nn_tensor *ps_session_softmax(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor *q,
                                     struct nn_candidates candidates);
/* The items that the tile's targets compete with. */
struct nn_candidates ps_session_candidates(const struct ps_tile *tile);
/* model->match and ->factors: what encode has made . embedding (+ bias). */
struct nn_tensor *ps_session_match(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, const struct nn_tensor *encoded);
bool ps_session_factors(const struct ps_model *model, struct nn_tape *tape, const struct nn_tensor *param, struct ps_factors *factors);
/* model->score: case_row . embedding (+ bias). */
void ps_session_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out);

/* Declares a parameter, U(-scale, scale) or zeros; returns its table or a negative status. */
int ps_session_weight(struct ps_model *model, const char *name, int rows, int cols, float scale, struct ps_error *err);

#endif
