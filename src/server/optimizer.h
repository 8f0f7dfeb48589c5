/* optimizer.h - the update rules: a gradient lands in a row. Learning rates exist here and nowhere else.
 *
 * A row in memory is value[width], then state, by rule:
 * - sgd: no state. theta -= lr g
 * - momentum: m[width]. m = mu m + g; theta -= lr m
 * - adagrad: a[width]. a += g^2; theta -= lr g / sqrt(a) (Duchi et al. 2011, as in TensorFlow 1)
 * - adagrad_row: a[1]. a += mean(g^2); theta -= lr g / sqrt(a)
 * - adagrad_momentum: a[width] m[width]. a += g^2; m = mu m - lr g / sqrt(a + epsilon); theta += m (GRU4Rec's: Hidasi et al.)
 * - adam: m[width] v[width] t. t += 1, then as in Kingma and Ba 2015, algorithm 1
 * - adam_dense: m[width] v[width]. The same for every row at every step; t = steps of the table
 *
 * with g += weight_decay theta first (coupled decay). Results do not depend on the width of vector registers.
 */
#ifndef PS_SERVER_OPTIMIZER_H
#define PS_SERVER_OPTIMIZER_H

#include "common/table.h"

/* 0, or an error that says what the specification lacks (PS_EXIT_USAGE). */
int ps_optimizer_check(const struct ps_optimizer_spec *spec, struct ps_error *err);

/* Floats of state behind a value of `width` floats. */
uint32_t ps_optimizer_state(const struct ps_optimizer_spec *spec, uint32_t width);
/* The state of a row that was never updated. */
void ps_optimizer_init_state(const struct ps_optimizer_spec *spec, uint32_t width, float *state);
/* The same for a row of a table, whose pushes may be no gradients: one that is assigned keeps the value before. Behind it, where ids come and
 * go, is when the row was used (PS_LIFE). */
uint32_t ps_table_state(const struct ps_table_spec *table, const struct ps_optimizer_spec *spec);
/* Whether a step moves every row of a table, not only those with a gradient. */
bool ps_optimizer_is_dense(const struct ps_optimizer_spec *spec);

/* The rule as it is in a training epoch (from 1): lr decay^n, n = (epoch - 1) / decay_every in whole numbers. */
struct ps_optimizer_spec ps_optimizer_at(const struct ps_optimizer_spec *spec, uint32_t epoch);

/* Applies grad[i * width ..] to row[i] (value and state) for i < n. `step` counts the optimiser's steps from 1:
 * adam_dense corrects its bias by it. */
void ps_optimizer_apply(const struct ps_optimizer_spec *spec, uint64_t step, uint32_t width, float *const *row,
                        const float *grad, uint32_t n);

#endif
