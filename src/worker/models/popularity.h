/* popularity.h - items in the order of their purchases, shared by the rules. */
#ifndef PS_MODELS_POPULARITY_H
#define PS_MODELS_POPULARITY_H

#include "data/dataset.h"

/* Dense ranks of the items by users under the target behaviour: 0 for the rarest count, one more for every distinct
 * higher count, equal for equal counts. Returns items ranks (the caller frees them), and how many distinct ones in
 * *distinct. A score made of them is exact in float: n distinct counts take n^2/2 interactions. */
uint32_t *ps_popularity_ranks(const struct ps_dataset *dataset, uint32_t *distinct);

#endif
