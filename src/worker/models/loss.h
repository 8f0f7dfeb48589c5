/* loss.h - the loss of a tile, which all models share: what the recipe says on each head's scores, and the L2 term. */
#ifndef PS_MODELS_LOSS_H
#define PS_MODELS_LOSS_H

#include "worker/model.h"

/* The sum over heads r of the recipe's loss on z[r] (need[r] x 1), with the tile's labels and weights; z[r] is not read for
 * r > 0 where need[r] is 0. Then model.l2 / 2 times the mean over samples of |p|^2 + |q|^2, where p and q are the first
 * `user_width` and `item_width` columns of the sample's user and item row; a row that is in several samples counts as
 * often. With side features: the rows by themselves, and each value that the sample's user or item has (models/embedding.h). */
struct nn_tensor *ps_loss(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile,
                          struct nn_tensor *const *z, int user_width, int item_width);

/* Adds a task's part of the loss to tile->task_loss, where that is asked for. */
void ps_loss_tell(const struct ps_tile *tile, int task, const struct nn_tensor *loss);

/* loss plus an L2 term, where there is one: model.l2 / 2 times the sample's weight times the squares of n rows of a table, their first `width`
 * columns. */
struct nn_tensor *ps_loss_l2_rows(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor *loss,
                                  int table, const uint32_t *row, int n, int width);
/* loss plus that of users and items. */
struct nn_tensor *ps_loss_l2(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile,
                             struct nn_tensor *loss, int user_width, int item_width);

/* The tables of users, items and histories in a model that has them. */
enum { PS_USER_TABLE = 0, PS_ITEM_TABLE = 1, PS_HISTORY_TABLE = 2 };

#endif
