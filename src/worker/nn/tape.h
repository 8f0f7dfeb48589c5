/* tape.h - for the files that define operations: how a node is written on the tape.
 *
 * An operation's node is a structure of its own that begins with a struct nn_node and lies in the tape's arena.
 */
#ifndef PS_NN_TAPE_H
#define PS_NN_TAPE_H

#include "worker/nn/nn.h"
#include "worker/nn/trace.h"

struct nn_node {
    void (*backward)(struct nn_tape *tape, struct nn_node *node); /* may alloc scratch, must not record */
    struct nn_node *previous;
};

/* A tensor of the tape for an operation's output. Its value is to be written by the operation; its gradient is zeroed,
 * or NULL where `differentiable` is false. */
struct nn_tensor *nn_output(struct nn_tape *tape, int rows, int cols, bool differentiable);
/* Puts the node on the tape. Operations whose inputs are all constants record nothing. (But all are told, trace.h.) */
void nn_record(struct nn_tape *tape, struct nn_node *node, void (*backward)(struct nn_tape *, struct nn_node *));
/* A loss whose derivatives are known: the sum of x->rows terms, and its derivative by every element of x. Both lie in the tape's
 * memory. */
struct nn_tensor *nn_record_loss(struct nn_tape *tape, const struct nn_tensor *x, const real *term, const real *slope);

/* to += factor * x, n numbers each, which do not overlap. */
void nn_axpy(real *to, real factor, const real *x, size_t n);

/* The value of an output, for the operation that computes it. */
static inline real *nn_fill(const struct nn_tensor *output)
{
    return (real *)output->value;
}

/* For operations on the product, or so, of two look-ups that they do not write down: p and q, and what comes of them, under the address y. */
void nn_tell_lookups(struct nn_tape *tape, const struct nn_lookup *p, const struct nn_lookup *q, int width, int parts, const struct nn_tensor *y);

static inline size_t nn_size(const struct nn_tensor *x)
{
    return (size_t)x->rows * (size_t)x->cols;
}

#endif
