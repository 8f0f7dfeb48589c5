/* inspect_dataset.h - the part of penstock inspect that shows datasets. */
#ifndef PS_CLI_INSPECT_DATASET_H
#define PS_CLI_INSPECT_DATASET_H

#include "data/dataset.h"

/* What a dataset holds, after checking every byte with `verify`. */
int ps_inspect_dataset(const char *path, bool verify, struct ps_error *err);
/* The held-out cases of a dataset of sessions, one a line: name, items before the target, their operations, target; and its operation. */
int ps_inspect_cases(const char *path, enum ps_split split, struct ps_error *err);

#endif
