/* nn.h - a small reverse-mode differentiator over batched matrices, on a tape in an arena.
 *
 * A forward operation computes its output at once and writes a node on the tape; nn_backward walks the nodes backward.
 * All matrices are row-major. Memory comes from the tape's arena, which grows to its high-water mark and is reset for
 * every tile, so that the training loop allocates nothing. `real` is float in production and double in the gradient
 * checks (compiled with -DNN_DOUBLE).
 *
 * Gradients are always ACCUMULATED (+=) into the inputs' grad; leaves bring their own grad memory (zeroed by their
 * owner), so gradients of several tiles, and of rows or tensors that are used twice, add up by themselves.
 *
 * Below, B is a number of samples, E the width of an embedding, x' the gradient of the loss by x. A shape that does not
 * fit is our own mistake and aborts. Every tensor and struct nn_lookup stays valid until the tape is reset; operations
 * borrow what they are given until then.
 */
#ifndef PS_NN_H
#define PS_NN_H

#include "common/base.h"
#include "common/random.h"

#ifdef NN_DOUBLE
typedef double real;
#else
typedef float real;
#endif

struct nn_tensor {
    int rows, cols;
    const real *value;
    real *grad; /* same shape; NULL for a constant: nothing flows into it */
};

/* The unique rows of one table that a micro-batch uses. value[r] is row r (width reals, wherever it lies: usually in
 * the received message, not copied); grad + r * width is its summed gradient; grad is NULL where the rows are
 * constants. */
struct nn_rows {
    int count, width;
    const real *const *value;
    real *grad;
};

/* A look-up: sample b reads columns [first, first + E) of rows->value[index[b]]; E is the operation's. */
struct nn_lookup {
    const struct nn_rows *rows;
    const uint32_t *index;
    int first;
};

struct nn_tape;
struct nn_tape *nn_tape_new(void);
void nn_tape_free(struct nn_tape *tape);
void nn_tape_reset(struct nn_tape *tape);
/* Scratch from the arena, 64-byte aligned, valid until the next reset; not cleared. */
void *nn_tape_alloc(struct nn_tape *tape, size_t bytes);
/* Runs backward from the 1 x 1 tensor `loss` (its gradient is set to 1). */
void nn_backward(struct nn_tape *tape, const struct nn_tensor *loss);

/* A leaf: memory of the caller, grad may be NULL. */
struct nn_tensor *nn_leaf(struct nn_tape *tape, int rows, int cols, const real *value, real *grad);
/* The first `rows` rows of x, sharing its memory: no copy, no node. */
struct nn_tensor *nn_head(struct nn_tape *tape, const struct nn_tensor *x, int rows);
/* x with rows of `cols` columns, sharing its memory; cols divides the size of x. */
struct nn_tensor *nn_reshape(struct nn_tape *tape, const struct nn_tensor *x, int cols);

/* dense.c: y = x w + 1 bias, then relu where asked; x: B x n, w: n x m, bias: 1 x m or NULL, y: B x m.
 *   a' = y' [y > 0] (relu) or y';   x' += a' w^T;   w' += x^T a';   bias' += column sums of a'. */
struct nn_tensor *nn_affine(struct nn_tape *tape, const struct nn_tensor *x, const struct nn_tensor *w,
                            const struct nn_tensor *bias, bool relu);
/* nn_affine without bias and relu. */
struct nn_tensor *nn_matmul(struct nn_tape *tape, const struct nn_tensor *x, const struct nn_tensor *w);
/* y = x w^T: every row of x against every row of w; x: B x n, w: m x n, y: B x m.   x' += y' w;   w' += y'^T x. */
struct nn_tensor *nn_scores(struct nn_tape *tape, const struct nn_tensor *x, const struct nn_tensor *w);

/* lookup.c: the looked-up rows as a B x E matrix; backward adds every sample's gradient to its row. */
struct nn_tensor *nn_lookup(struct nn_tape *tape, struct nn_lookup from, int samples, int width);
/* A look-up into the rows of a tensor: gathers rows, or columns of them. */
struct nn_lookup nn_lookup_from(struct nn_tape *tape, const struct nn_tensor *x, const uint32_t *index, int first);
/* The input of a tower over two look-ups p and q, written straight into one matrix: [p; q], p*q or [p; q; p*q]. */
enum nn_parts { NN_PAIR = 1, NN_PRODUCT = 2 };
static inline int nn_parts_width(int parts, int width)
{
    return (parts & NN_PAIR ? 2 * width : 0) + (parts & NN_PRODUCT ? width : 0);
}
struct nn_tensor *nn_lookup_pair(struct nn_tape *tape, struct nn_lookup p, struct nn_lookup q, int samples, int width,
                                 int parts);

/* bag.c: bags of rows (embedding bags). Bag g is entries [begin[g], begin[g+1]); an entry is columns [block * E, (block+1) * E)
 * of a row, times a weight, which is a constant. */
struct nn_bag_entry {
    uint32_t row, block;
    real weight;
};
struct nn_bags {
    const struct nn_rows *rows;
    const uint32_t *begin;
    const struct nn_bag_entry *entry;
};
/* y_b = the sum of bag index[b] without its entries of row without[b] (of none where there is no such row); B x E. Samples of
 * one bag that follow each other share its sum. */
struct nn_tensor *nn_bag(struct nn_tape *tape, struct nn_bags from, const uint32_t *index, const uint32_t *without,
                         int samples, int width);

/* Without a tape, whole rows: out += a bag, rows->width wide; and the other way round, the gradients of its rows += what the gradient of out
 * gives them. */
void nn_bag_add(const struct nn_bags *from, uint32_t bag, real *out);
void nn_bag_add_back(const struct nn_bags *from, uint32_t bag, const real *grad);

/* gmf.c: several heads over the elementwise product of two look-ups, which is never written down:
 *   out[r][b] = h_r . (p_b * q_b) for the first samples[r] samples, samples[0] >= samples[1] >= ...; h_r: E x 1.
 *   With c_b = sum_r out[r]'_b h_r:  p_b' += c_b * q_b;  q_b' += c_b * p_b;  h_r' += sum_b out[r]'_b (p_b * q_b). */
enum { NN_MAX_HEADS = 8 };
void nn_gmf(struct nn_tape *tape, struct nn_lookup p, struct nn_lookup q, int width, int heads,
            const struct nn_tensor *const *h, const int *samples, struct nn_tensor **out);

/* elementwise.c */
struct nn_tensor *nn_add(struct nn_tape *tape, const struct nn_tensor *a, const struct nn_tensor *b);
/* y = x + 1 bias, bias: 1 x m;  x' += y';  bias' += column sums of y'. */
struct nn_tensor *nn_add_bias(struct nn_tape *tape, const struct nn_tensor *x, const struct nn_tensor *bias);
struct nn_tensor *nn_mul(struct nn_tape *tape, const struct nn_tensor *a, const struct nn_tensor *b);
struct nn_tensor *nn_scale(struct nn_tape *tape, const struct nn_tensor *x, real factor);
struct nn_tensor *nn_relu(struct nn_tape *tape, const struct nn_tensor *x);
struct nn_tensor *nn_sigmoid(struct nn_tape *tape, const struct nn_tensor *x);
/* min(max(0.2 x + 0.5, 0), 1), the sigmoid of Theano's fast implementations;  x' += 0.2 y' [0 < y < 1]. */
struct nn_tensor *nn_hard_sigmoid(struct nn_tape *tape, const struct nn_tensor *x);
struct nn_tensor *nn_tanh(struct nn_tape *tape, const struct nn_tensor *x);
/* ELU: x where x > 0, else a (e^x - 1);  x' += y' (x > 0 ? 1 : y + a). */
struct nn_tensor *nn_elu(struct nn_tape *tape, const struct nn_tensor *x, real a);
/* Rows of a norm above `limit` at that norm: y_b = x_b min(1, limit / |x_b|);   x_b' += y_b', or limit / |x_b| (y_b' - (u . y_b') u) with u = x_b / |x_b|
 * where it is above. */
struct nn_tensor *nn_clip_rows(struct nn_tape *tape, const struct nn_tensor *x, real limit);
/* y = x, but x_b' += keep_b y_b': what is before it learns from some samples only. keep: B constants. Not the derivative of
 * anything, which is the purpose. */
struct nn_tensor *nn_gate(struct nn_tape *tape, const struct nn_tensor *x, const real *keep);
/* [a; b]: columns of a, then columns of b. */
struct nn_tensor *nn_concat(struct nn_tape *tape, const struct nn_tensor *a, const struct nn_tensor *b);
/* y_b = a_b . b_b, B x 1. */
struct nn_tensor *nn_row_dot(struct nn_tape *tape, const struct nn_tensor *a, const struct nn_tensor *b);

/* The random draws of a micro-batch: each operation that draws takes the next number, over all its tiles, so that a repeated
 * micro-batch draws the same. Begins with operations = 0. */
struct nn_draws {
    uint64_t seed, epoch, lane, position;
    uint64_t operations;
};
/* dropout.c: the stream of the next operation. */
struct ps_random nn_draw(struct nn_draws *draws);
/* Each element is 0 with probability `rate`, else divided by 1 - rate; gradients likewise. x itself where draws is NULL (scoring)
 * or rate is 0. */
struct nn_tensor *nn_dropout(struct nn_tape *tape, struct nn_tensor *x, double rate, struct nn_draws *draws);

/* transh.c: the squared distance of a knowledge triple on its relation's hyperplane (Wang et al., AAAI 2014), B x 1:
 *   w = normal / |normal|;   v = head - tail;   e = v - (w.v) w + shift;   y_b = |e|^2
 *   head' += 2 y' (e - (w.e) w);   tail' -= the same;   shift' += 2 y' e;
 *   normal' += y' (I - w w^T) w' / |normal|,  w' = -2 ((w.v) e + (w.e) v).   All inputs: B x E; a normal must not be 0. */
struct nn_tensor *nn_transh(struct nn_tape *tape, const struct nn_tensor *head, const struct nn_tensor *tail,
                            const struct nn_tensor *shift, const struct nn_tensor *normal);

/* losses.c: scalars (1 x 1), summed over the samples. label, weight and behind: B constants each.
 * BCE on logits z (B x 1), in the form that overflows nowhere: sum_b weight_b (max(z, 0) - z y + log(1 + e^-|z|)).
 * BCE on probabilities p (B x 1): sum_b -weight_b (y log(p + 1e-7) + (1 - y) log(1 - p + 1e-7)), as TensorFlow's
 * log_loss. */
struct nn_tensor *nn_bce_logits(struct nn_tape *tape, const struct nn_tensor *z, const real *label, const real *weight);
struct nn_tensor *nn_bce(struct nn_tape *tape, const struct nn_tensor *p, const real *label, const real *weight);
/* Squared error of x (B x 1): sum_b weight_b (x - y)^2. */
struct nn_tensor *nn_squared(struct nn_tape *tape, const struct nn_tensor *x, const real *label, const real *weight);
/* sum_b weight_b x_b, x: B x 1. */
struct nn_tensor *nn_weighted_sum(struct nn_tape *tape, const struct nn_tensor *x, const real *weight);
/* BPR on z (B x 1; Rendle et al., UAI 2009): sum over samples b with behind[b] > 0 of -weight_b log sigma(z_i - z_b), where
 * i = b - behind[b] is the sample that b is compared with. With d = sigma(z_b - z_i): z_i' -= weight_b d; z_b' += weight_b d. */
struct nn_tensor *nn_bpr(struct nn_tape *tape, const struct nn_tensor *z, const uint32_t *behind, const real *weight);
/* scale/2 times the squared norm of all looked-up rows, a row that is looked up twice counting twice. */
struct nn_tensor *nn_l2_rows(struct nn_tape *tape, struct nn_lookup from, int samples, int width, real scale);

/* all_pairs.c: squares of all pairs' scores. K = scale sum_r factor_r (g_r g_r^T) * gram, its diagonal times `diagonal`;
 * g_r: E x 1, gram: E x E symmetric, a constant; K: E x E.  g_r' += factor_r ((K' + K'^T) * scale gram) g_r. */
struct nn_tensor *nn_kernel(struct nn_tape *tape, int heads, const struct nn_tensor *const *g, const real *factor,
                            const real *gram, real scale, real diagonal);
/* sum_b weight_b x_b K x_b^T (1 x 1) over looked-up rows x_b, K: E x E symmetric.
 *   x_b' += 2 weight_b x_b K;  K' += S = sum_b weight_b x_b^T x_b.  Where `sum` is not NULL (E x E), sum' += S too, whatever the
 *   output's gradient is: no derivative, but a sum over the batch that somebody keeps. */
struct nn_tensor *nn_quadratic(struct nn_tape *tape, struct nn_lookup from, int samples, const struct nn_tensor *k,
                               const real *weight, const struct nn_tensor *sum);
/* factor times the sum of all elements of k * with; with: a constant of k's shape. */
struct nn_tensor *nn_inner(struct nn_tape *tape, const struct nn_tensor *k, const real *with, real factor);

/* least_squares.c: one row x (E wide) of implicit least squares, given the other side (Hu et al., ICDM 2008, equation 4): the minimum of
 *   sum_k ((1 + alpha) (1 - x . y_k)^2 - (x . y_k)^2) + x^T gram x + lambda |x|^2
 * over x, by `steps` steps of the conjugate gradient method from what x is (Takacs et al., RecSys 2011). y: n rows; gram: E x E, the sum
 * of the squares of all rows of the other side, symmetric. Returns what is minimised, without lambda |x|^2, at the x that came. */
double nn_least_squares(struct nn_tape *tape, const real *gram, const real *const *y, int n, int width, real alpha, real lambda,
                        int steps, real *x);

#endif
