/* sequence.h - operations over sessions of different lengths, packed without padding.
 *
 * The rows of all sessions lie one after another, so that a matrix over the steps of a batch has n = begin[count] rows and no
 * work is spent on steps that are not there. S is the number of sessions, s(t) the session of row t, d a width.
 */
#ifndef PS_NN_SEQUENCE_H
#define PS_NN_SEQUENCE_H

#include "worker/nn/nn.h"

/* Session s is rows [begin[s], begin[s + 1]); begin: count + 1 offsets, begin[0] = 0; a session may be empty. Borrowed. */
struct nn_segments {
    int count;
    const uint32_t *begin;
};
static inline int nn_segments_rows(struct nn_segments segments)
{
    return (int)segments.begin[segments.count];
}
/* `count` segments of `length` rows each. */
struct nn_segments nn_segments_uniform(struct nn_tape *tape, int count, int length);

/* segments.c: the last row of every session, S x d; sessions must not be empty. */
struct nn_tensor *nn_segment_last(struct nn_tape *tape, const struct nn_tensor *x, struct nn_segments segments);
/* y_t = x_t + q_s(t);   x' += y';   q_s' += sum over its rows of y_t'.   x, y: n x d; q: S x d. */
struct nn_tensor *nn_segment_add(struct nn_tape *tape, const struct nn_tensor *x, const struct nn_tensor *q,
                                 struct nn_segments segments);
/* a = softmax of e over each session;   e_t' += a_t (a_t' - sum over its session of a_u a_u').   e, a: n x 1. */
struct nn_tensor *nn_segment_softmax(struct nn_tape *tape, const struct nn_tensor *e, struct nn_segments segments);
/* y_s = sum over its rows of w_t x_t;   x_t' += w_t y_s(t)';   w_t' += x_t . y_s(t)'.   x: n x d; w: n x 1; y: S x d, 0 where
 * a session is empty. */
struct nn_tensor *nn_segment_sum(struct nn_tape *tape, const struct nn_tensor *x, const struct nn_tensor *w,
                                 struct nn_segments segments);
/* The mean of each session's rows, S x d. */
struct nn_tensor *nn_segment_mean(struct nn_tape *tape, const struct nn_tensor *x, struct nn_segments segments);
/* softmax over the columns of each row: nn_segment_softmax with rows for sessions. */
struct nn_tensor *nn_softmax(struct nn_tape *tape, const struct nn_tensor *x);

/* attention.c: what a session is about, as the sum of its steps weighted by how they answer a query:
 *   e_t = f(key_t + query_s(t)) beta + c;   a = e, or softmax of e over the session;   y_s = sum of a_t x_t, S x d.
 * x: n x d; key: n x k; query: S x k, or NULL; beta: k x 1; c: 1 x 1, or NULL. SR-GNN and MKM-SR: key = x W_2 + b, query =
 * x_last W_1, sigmoid, not normalised; NARM (code): key = h A_1, query = h_last A_2, sigmoid or the hard one, softmax; STAMP:
 * query = x_last W_2 + mean(x) W_3, sigmoid, not normalised; RIB: no query, tanh, softmax. */
enum nn_activation { NN_SIGMOID, NN_HARD_SIGMOID, NN_TANH };
struct nn_attention {
    enum nn_activation activation;
    bool normalise;
};
struct nn_tensor *nn_attend(struct nn_tape *tape, struct nn_attention how, const struct nn_tensor *x,
                            const struct nn_tensor *key, const struct nn_tensor *query, const struct nn_tensor *beta,
                            const struct nn_tensor *c, struct nn_segments segments);

/* gru.c: a gated recurrent unit over every session. The rows of `a` are the input's share x W + b of the reset gate, the update
 * gate and the candidate, beside each other (n x 3d): one product for all steps, by nn_affine. With s = f(.) the sigmoid, or
 * the hard one (NARM's code), U = [U_r, U_z, U_n] (d x 3d), c likewise (1 x 3d, or NULL) and h the state before the step:
 *   r = s(a_r + h U_r + c_r);   z = s(a_z + h U_z + c_z);
 *   NN_RESET_AFTER (PyTorch, MKM-SR, GGNN):    m = h U_n + c_n;        n = tanh(a_n + r*m);         h_t = (1-z)*n + z*h
 *   NN_RESET_BEFORE (Cho et al. 2014, NARM):   m = (r*h) U_n + c_n;    n = tanh(a_n + m);           h_t = (1-z)*h + z*n
 * Backward, with g the gradient of h_t from its reader and from the step after it:
 *   after:   a_n' = g*(1-z)*(1-n^2);   a_z' = g*(h-n)*s';   m' = a_n'*r;   a_r' = a_n'*m*s';
 *            h' = g*z + a_r' U_r^T + a_z' U_z^T + m' U_n^T;          U_n' += h^T m'
 *   before:  a_n' = m' = g*z*(1-n^2);  a_z' = g*(n-h)*s';   q = m' U_n^T;   a_r' = q*h*s';
 *            h' = g*(1-z) + q*r + a_r' U_r^T + a_z' U_z^T;           U_n' += (r*h)^T m'
 *   both:    U_r' += h^T a_r';   U_z' += h^T a_z';   c' += column sums of [a_r', a_z', m'].
 * The steps t of all sessions that have so many are one product; the longest sessions come first in it. h0: the states before
 * the first steps (S x d), or NULL for zeros; a constant where a state is carried over from an earlier micro-batch. Returns the
 * states after every step, n x d; those to be carried on are nn_segment_last's. */
enum nn_reset { NN_RESET_AFTER, NN_RESET_BEFORE };
struct nn_cell {
    const struct nn_tensor *u, *c;
    enum nn_reset reset;
    bool hard; /* the hard sigmoid in the gates */
};
struct nn_tensor *nn_gru(struct nn_tape *tape, const struct nn_tensor *a, const struct nn_tensor *h0,
                         struct nn_segments segments, struct nn_cell cell);

#endif
