/* units.h - what one behaviour's unit says about a (user, item) pair: GMF, MLP and NeuMF (He et al., WWW 2017), as NMTR
 * uses them, one copy of the weights a behaviour over embeddings that all behaviours share; or by themselves.
 *
 * With p and q the embeddings (E wide) and * elementwise, a unit is the sum of at most two parts:
 *   head on the product    h . (p*q)
 *                            with h fixed at ones: the dot product p . q
 *   tower                  h . z_L,  z_l = relu(z_{l-1} W_l + b_l),  z_0 one of [p; q], p*q, [p; q; p*q]
 *
 *              unit: paper                         unit: code (the authors')                unit: default
 *   GMF        head                                tower on p*q, E wide, no bias, L = 1     paper
 *   MLP        tower on [p; q], 2E / 2^l wide      the same                                 the same
 *   NeuMF      head + tower on [p; q], each        tower on [p; q; p*q], 3E / 2^l wide      code
 *              with embeddings of its own
 */
#ifndef PS_MODELS_UNITS_H
#define PS_MODELS_UNITS_H

#include "worker/models/tower.h"

#define PS_NMTR_SOURCE "Gao et al., Neural Multi-Task Recommendation from Multi-Behavior Data, ICDE 2019"

struct ps_units {
    int heads, embedding;
    bool head;      /* has the head on the product */
    bool fixed;     /* whose h is ones */
    bool halved;    /* a layer of the tower is half as wide as the one before it, not as wide as an embedding */
    int head_first; /* column where the head's embeddings begin, in user and item rows */
    struct ps_tower tower[PS_MAX_BEHAVIOURS];                      /* by head; parts is 0 where there is none */
    int head_h[PS_MAX_BEHAVIOURS], tower_h[PS_MAX_BEHAVIOURS]; /* tables */
};

/* Declares the tables "user" and "item" with their embeddings, one for both parts of a unit or (head and tower) one each,
 * and the parameters of each of the recipe's heads. The caller has set head, fixed, halved and, in tower[0], parts, biased
 * and layers. Embeddings ~ N(0, model.init_scale^2) truncated at two deviations; h as W (tower.h). Errors: PS_EXIT_USAGE
 * where the tower would become narrower than one column, and those of ps_model_add_tensor. */
int ps_units_declare(struct ps_units *units, struct ps_model *model, struct ps_error *err);

/* A constant head of ones, width x 1: h . (p*q) is then p . q. */
const struct nn_tensor *ps_ones(struct nn_tape *tape, int width);
/* h of head r's product; ones where it is fixed. */
const struct nn_tensor *ps_units_head(const struct ps_units *units, struct nn_tape *tape, const struct ps_tile *tile, int r);
/* f[r] (need[r] x 1) for r = 0 and all r with need[r] > 0. */
void ps_units_forward(const struct ps_units *units, struct nn_tape *tape, const struct ps_tile *tile,
                      struct nn_tensor **f);

/* Where the weighted sum of the heads is an inner product, that is, without a tower: all of *factors but biases and constant. */
bool ps_units_factors(const struct ps_units *units, struct nn_tape *tape, const struct nn_tensor *param, const double *weight,
                      struct ps_factors *factors);

/* out[u * items + i] = sum_r weight[r] f_r(u, i); heads with weight 0 are not computed. Overwrites out. */
void ps_units_score(const struct ps_units *units, struct nn_tape *tape, const struct ps_score_input *input,
                    const double *weight, real *out);

/* model->logits, ->factors and ->score of a model whose score is p . q, both from column 0 on. */
void ps_product_logits(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor **z);
bool ps_product_factors(const struct ps_model *model, struct nn_tape *tape, const struct nn_tensor *param, struct ps_factors *factors);
void ps_product_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out);

#endif
