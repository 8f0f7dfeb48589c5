/* skip_gram.h - embeddings of items from what they stand beside in sessions (Word2Vec's skip-gram; Mikolov et al., NIPS 2013), for a model to begin
 * with: in its first epochs (model.skip_gram_epochs) a micro-batch asks for rows of items alone and learns nothing else.
 *
 * Each of the last model.skip_gram_window steps before a next item foretells it by itself: a softmax over the candidates (train.candidates) of
 * embedding . context, the context being a second vector of every item, which nothing else reads.
 */
#ifndef PS_MODELS_SKIP_GRAM_H
#define PS_MODELS_SKIP_GRAM_H

#include "worker/models/session.h"

#define PS_SKIP_GRAM_OPTIONS " skip_gram_epochs skip_gram_window"

/* Declares the contexts, `width` columns behind those of the items' rows, where the recipe has such epochs. Returns their first column. */
int ps_skip_gram_init(struct ps_model *model, int width, float scale);
/* Whether the tile is of such an epoch; then its loss: the mean over pairs of a step and a next item. */
bool ps_skip_gram_at(const struct ps_model *model, const struct ps_tile *tile);
struct nn_tensor *ps_skip_gram_loss(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, int context);

#endif
