/* initial.h - what a row is before anything was pushed to it: a pure function of (seed, table, id), by field. */
#ifndef PS_SERVER_INITIAL_H
#define PS_SERVER_INITIAL_H

#include "common/table.h"

/* Writes the initial value of row `id` of the model's table number `index` (spec->width floats). Every field draws from
 * a stream of its own, so that another field beside it changes nothing. The padding behind a tensor's last element is
 * zero, and so are columns that belong to no field. */
void ps_row_initial(const struct ps_table_spec *spec, uint32_t index, uint64_t seed, uint64_t id, float *value);

#endif
