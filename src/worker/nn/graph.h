/* graph.h - session graphs, and gated graph networks over them (Wu et al., SR-GNN, AAAI 2019; MKM-SR, SIGIR 2020). */
#ifndef PS_NN_GRAPH_H
#define PS_NN_GRAPH_H

#include "worker/nn/sequence.h"

/* A sparse matrix by rows: entries [begin[i], begin[i + 1]) of row i lie in columns index[] and have values weight[]. */
struct nn_sparse {
    int rows, cols;
    const uint32_t *begin, *index;
    const real *weight;
};

/* graph.c: y = A x_E + 1 bias, with x_E the columns [first, first + E) of x; bias: 1 x E, or NULL; y: A.rows x E.
 *   x_E' += A^T y';   bias' += column sums of y'.   A is a constant. */
struct nn_tensor *nn_sparse_matmul(struct nn_tape *tape, struct nn_sparse a, const struct nn_tensor *x, int first,
                                   int width, const struct nn_tensor *bias);

/* The graphs of a batch's sessions. A session's nodes are its distinct items, in the order in which they first come; with
 * C[u, v] the number of its transitions from u to v, in[v, u] = C[u, v] / sum_u' C[u', v] and out[u, v] = C[u, v] / sum_v'
 * C[u, v'] (rows without transitions are 0). No session has an edge to another's nodes. */
struct nn_session_graph {
    struct nn_segments nodes;
    const uint32_t *item; /* of every node */
    const uint32_t *node; /* of every step: its row among the nodes */
    struct nn_sparse in, out;
};
/* session_graph.c: the graphs of sessions of items below `items`, one a step, in linear time. counted: C counts a transition as
 * often as it happens (MKM-SR), else 0 or 1 (SR-GNN). In the tape's memory. */
struct nn_session_graph nn_session_graph(struct nn_tape *tape, const uint32_t *item, uint32_t items,
                                         struct nn_segments steps, bool counted);

/* Pairs of indices as one, a * of_b + b, for graphs whose nodes are pairs; and the two again. In the tape's memory. */
const uint32_t *nn_index_join(struct nn_tape *tape, const uint32_t *a, const uint32_t *b, int n, uint32_t of_b);
void nn_index_part(struct nn_tape *tape, const uint32_t *joined, int n, uint32_t of_b, const uint32_t **a, const uint32_t **b);

/* ggnn.c: `steps` times, with H the nodes' states, n x d:
 *   as coded (w_edge not NULL):    [P, Q] = H w_edge + b_edge;   X = [in P + b_in; out Q + b_out]                n x 2d
 *   as the MKM-SR paper prints it: X = in H + out H + b_in                                                      n x d
 *   H = GRU cell of input X w + b and state H
 * w_edge: d x 2d; b_edge: 1 x 2d; b_in, b_out: 1 x d; w: 2d x 3d or d x 3d; b: 1 x 3d. Any bias may be NULL; b_out is the coded
 * form's. The published code has the reset after, the paper prints it before. */
struct nn_ggnn {
    const struct nn_tensor *w_edge, *b_edge, *b_in, *b_out, *w, *b;
    struct nn_cell cell;
};
struct nn_tensor *nn_ggnn(struct nn_tape *tape, const struct nn_tensor *h, const struct nn_session_graph *graph,
                          const struct nn_ggnn *layer, int steps);

#endif
