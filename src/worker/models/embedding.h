/* embedding.h - the embedding layer: rows of users and items with what their side features say. No model knows of it.
 *
 *   x_u = p_u + sum over the features f of users of the sum, or the mean, over the values v that u has under f of y_v
 *
 * and so for items (Kula, LightFM, CBRecSys 2015, where an embedding and a bias are such sums; NMTR's section III-A foresees it). y_v is a
 * row of a table of the feature's own, with the fields of the user's or item's row: embeddings, and biases where it has any. The L2
 * penalty is on p_u and each y_v by itself (models/loss.c), so that p_u holds only what the features do not tell.
 */
#ifndef PS_MODELS_EMBEDDING_H
#define PS_MODELS_EMBEDDING_H

#include "worker/model.h"

/* Room for the rows of a micro-batch; everything is owned. All 0 to begin with. */
struct ps_embedding {
    struct nn_rows rows[PS_MAX_TABLES];
    struct {
        real *value, *grad;
        const real **row;
        size_t value_capacity, grad_capacity, row_capacity;
    } table[PS_MAX_TABLES];
};

void ps_embedding_fini(struct ps_embedding *embedding);
/* The rows that a model sees, by table index, until the next call: own[] itself where the model has no features. own: the rows as they are
 * on the servers; feature[k]: the bags of the recipe's feature k, by row of its side's tables. Their gradients are 0. */
const struct nn_rows *ps_embedding_compose(struct ps_embedding *embedding, const struct ps_model *model, const struct nn_rows *own,
                                           const struct nn_bags *feature);
/* Adds the gradients of those rows to the gradients of own[] and of the features' rows. order[side]: all rows of the side in an order that
 * no slot map changes (struct ps_keys), or NULL: as they come. */
void ps_embedding_back(const struct ps_embedding *embedding, const struct ps_model *model, const struct nn_rows *own,
                       const struct nn_bags *feature, const uint32_t *const order[2]);

#endif
