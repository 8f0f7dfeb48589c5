/* trace.h - what a tape computes, told to whoever listens: so that a forward pass can be written down for another runtime
 * (cli/export/graph.c) by running it once. Nothing else is needed to export a new model than its operations' emission there.
 *
 * Values are known by their addresses: a tensor by that of its struct nn_tensor, an array of indices by its own, rows by their struct
 * nn_rows, a sparse matrix by its weights. What is told of an address last counts; a tensor of
 * which nothing is told is a constant. An operation that is put together from smaller ones says nothing more, unless arrays that it makes
 * depend on the length of a session (nn_segment_last, nn_segment_mean, session graphs), and would be taken for constants.
 */
#ifndef PS_NN_TRACE_H
#define PS_NN_TRACE_H

#include "worker/nn/nn.h"

enum nn_op {
    NN_OP_OTHER,           /* something that no listener knows */
    NN_OP_SAME,            /* in[0] under another address */
    NN_OP_ROWS,            /* the rows of tensor in[0], for look-ups */
    NN_OP_LOOKUP,          /* columns [n[0], n[0] + n[1]) of rows in[0] by index in[1] */
    NN_OP_PAIR,            /* nn_lookup_pair of tensors in[0], in[1]; n[0]: parts */
    NN_OP_AFFINE,          /* in[0] in[1] + in[2], which may be NULL; n[0]: relu */
    NN_OP_SCORES,          /* in[0] in[1]^T */
    NN_OP_ADD,             /* of equal shapes, or in[1] is one row */
    NN_OP_MUL,
    NN_OP_SCALE,           /* factor in[0] */
    NN_OP_RELU,
    NN_OP_SIGMOID,
    NN_OP_HARD_SIGMOID,
    NN_OP_TANH,
    NN_OP_ELU,             /* factor: a */
    NN_OP_RESHAPE,         /* to n[0] columns */
    NN_OP_CONCAT,
    NN_OP_ROW_DOT,
    NN_OP_CLIP_ROWS,       /* rows of in[0] scaled down to the length `factor`, where they are longer */
    NN_OP_SEGMENT_SOFTMAX, /* of the only session's column in[0], as the next ones */
    NN_OP_SEGMENT_SUM,     /* sum over rows of in[0] weighted by column in[1] */
    NN_OP_SEGMENT_MEAN,
    NN_OP_GRU,             /* in[0]: a, in[1]: U, in[2]: c, in[3]: h0; n[0]: whether every row is a session of one step, n[1]: enum nn_reset,
                              n[2]: hard */
    NN_OP_EDGES,           /* a session graph's matrix, by index in[0] of the steps; n[0]: 0 in, 1 out; n[1]: counted */
    NN_OP_SPARSE,          /* matrix in[0] times columns [n[0], n[0] + n[1]) of in[1] + in[2], which may be NULL */
    NN_OP_INDEX_ALL,       /* every row once */
    NN_OP_INDEX_LAST,      /* the only session's last row */
    NN_OP_INDEX_JOIN,      /* in[0] * n[0] + in[1] */
    NN_OP_INDEX_DIVIDE,    /* in[0] / n[0] */
    NN_OP_INDEX_MODULO     /* in[0] % n[0] */
};

enum { NN_TRACE_INPUTS = 4, NN_TRACE_NUMBERS = 3 };

struct nn_event {
    enum nn_op op;
    const void *out;
    const void *in[NN_TRACE_INPUTS];
    int n[NN_TRACE_NUMBERS];
    real factor;
};

/* From now on, calls listener for what the tape computes, until NULL takes its place. The event is the caller's memory. */
void nn_listen(struct nn_tape *tape, void (*listener)(void *ctx, const struct nn_event *event), void *ctx);
/* For operations: tells it, where anybody listens. */
void nn_tell(struct nn_tape *tape, const struct nn_event *event);

#endif
