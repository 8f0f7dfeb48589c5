/* tensors.h - what an export writes out: every matrix of a checkpoint by its name, a block of rows at a time, in memory that does not
 * grow with it. The formats (formats.h) differ in what stands around it.
 *
 *   TABLE.FIELD            a row for every user, item or value: what training has learned (or the initial value)
 *   TABLE.FIELD.composed   the same with the side features of each row added: what is ranked by
 *   NAME                   a tensor
 *   user.vector            where the score is an inner product: it is that of these two. The last column is 1 where items have biases;
 *   item.vector            of a model of sessions there is no user.vector, but graph.h's output "query"
 *   item.popularity        the items' places by users that have them under the target behaviour: the score of what a user that the model
 *                          does not know is recommended
 *   user.known             where a user (or item) of the dataset may be unknown to the model, being newer or without a row: 1, or 0 for
 *   item.known             one that is, and for whom no feature speaks
 */
#ifndef PS_CLI_EXPORT_TENSORS_H
#define PS_CLI_EXPORT_TENSORS_H

#include "cli/offline.h"
#include "worker/bags.h"

enum ps_tensor_kind { PS_TENSOR_FIELD, PS_TENSOR_COMPOSED, PS_TENSOR_WHOLE, PS_TENSOR_USER_VECTOR, PS_TENSOR_ITEM_VECTOR, PS_TENSOR_POPULARITY, PS_TENSOR_USER_KNOWN, PS_TENSOR_ITEM_KNOWN };

struct ps_tensor {
    char name[2 * PS_NAME_SIZE + 16];
    enum ps_tensor_kind kind;
    int table;                    /* -1: of none */
    const struct ps_field *field; /* of PS_TENSOR_FIELD and _COMPOSED */
    uint64_t rows, cols;          /* float32, row-major */
    uint64_t offset;              /* in bytes, where all of them lie one behind the other */
};

struct ps_tensors {
    const struct ps_offline *offline; /* borrowed */
    struct ps_tensor *tensor;         /* owned, as is all that follows */
    int count;
    struct ps_bag_source feature[PS_MAX_FEATURES];
    float *param[PS_MAX_TABLES];
    struct nn_tensor value[PS_MAX_TABLES]; /* the model's tensors, of param */
    struct nn_tape *tape;
    bool inner; /* the score is an inner product: */
    struct ps_factors factors;
    uint32_t *popularity;
};

int ps_tensors_open(struct ps_tensors *tensors, struct ps_offline *offline, struct ps_error *err);
void ps_tensors_close(struct ps_tensors *tensors);
/* The one of a field (composed, where features are part of it) or of a whole tensor (field is NULL). */
const struct ps_tensor *ps_tensors_of(const struct ps_tensors *tensors, int table, const struct ps_field *field);
const struct ps_tensor *ps_tensors_named(const struct ps_tensors *tensors, const char *name);
/* Whether the vectors have a column for items' biases. */
bool ps_tensors_biased(const struct ps_tensors *tensors);
/* Puts all rows of one. */
int ps_tensors_put(const struct ps_tensors *tensors, const struct ps_tensor *tensor, struct ps_writer *writer, struct ps_error *err);

#endif
