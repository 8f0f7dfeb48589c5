/* tower.h - a multi-layer perceptron over the embeddings p and q of a (user, item) pair.
 *
 *   z_0 one of [p; q], p*q, [p; q; p*q];   z_l = relu(z_{l-1} W_l + b_l), l = 1 .. L
 */
#ifndef PS_MODELS_TOWER_H
#define PS_MODELS_TOWER_H

#include "worker/models/loss.h"

enum { PS_MAX_LAYERS = 8 };

struct ps_tower {
    int embedding;                        /* E: columns of p and of q */
    int first;                            /* where they begin, in user and item rows */
    int parts;                            /* enum nn_parts: the input; 0: no tower */
    bool biased;                          /* the layers have biases; else there is at most one layer */
    int layers, width[PS_MAX_LAYERS + 1]; /* width[0] is the input's */
    int w[PS_MAX_LAYERS], b[PS_MAX_LAYERS]; /* tables, by layer */
};

/* Declares the tensors "tower_wL.NAME" and "tower_bL.NAME" (see ps_model_add_tensor for a NULL name). The caller has set all
 * but w and b. W ~ U(-sqrt(3 / fan in), sqrt(3 / fan in)), b 0 (as in the NMTR authors' code). */
int ps_tower_declare(struct ps_tower *tower, struct ps_model *model, const char *name, struct ps_error *err);
/* sqrt(3 / fan in). */
float ps_tower_scale(int fan_in);

/* z_0 for the first n samples; and z_L from it, or from its first rows. */
struct nn_tensor *ps_tower_input(const struct ps_tower *tower, struct nn_tape *tape, const struct ps_tile *tile, int n);
struct nn_tensor *ps_tower_forward(const struct ps_tower *tower, struct nn_tape *tape, const struct nn_tensor *param,
                                   const struct nn_tensor *z);

/* A tower on a block of items, for one user after the other (tower_score.c). Everything is borrowed, or lies in the tape's
 * arena. Matrices are transposed: one column an item. */
struct ps_tower_block {
    const struct ps_tower *tower;
    const struct nn_tensor *param;
    int items;
    const real *wp, *wq, *wpq; /* W_1's blocks of rows; NULL where the input has no such part */
    const real *q;             /* E x items */
    real *v, *c, *common, *buffer[2];
};

/* The embeddings of a block of items as the columns of a matrix, E x items. */
const real *ps_tower_items(const struct ps_tower *tower, struct nn_tape *tape, const struct ps_score_input *input);
void ps_tower_block_init(struct ps_tower_block *block, const struct ps_tower *tower, struct nn_tape *tape,
                         const struct ps_score_input *input, const real *q);
/* The last layer for one user before bias and rectifier, width[layers] x items, until the next call; *shift is what is still
 * to be added to each row. */
const real *ps_tower_block_run(struct ps_tower_block *block, const real *user_row, const real **shift);

/* t[j][i] = relu(t[j][i] + c_j) from `from`, rows x items; t may be `from`. */
void ps_rectify(real *t, const real *from, const real *c, int rows, int items);
/* out[i] += factor * sum_j h_j relu(t[j][i] + c_j). */
void ps_rectify_and_sum(const real *t, const real *c, const real *h, int rows, int items, real factor, real *out);

#endif
