/* operators_session.c - operations over a session's steps; see operators.h. */
#include <stdint.h>
#include <stdlib.h>

#include "cli/export/operators.h"
#include "worker/nn/sequence.h"

#define NODE(...) ps_onnx_node(g->onnx, __VA_ARGS__, NULL)

static const char *index_of(struct ps_graph *g, int64_t value)
{
    return ps_onnx_indices(g->onnx, &value, 1);
}

static const char *number(struct ps_graph *g, float value)
{
    return ps_onnx_matrix(g->onnx, &value, 1, 1);
}

static const char *concat(struct ps_graph *g, int axis, const char *a, const char *b)
{
    const char *y = NODE("Concat", a, b);
    ps_onnx_int(g->onnx, "axis", axis);
    return y;
}

/* ---- gated recurrent units ---- */

/* Three gates beside each other along an axis: ours are reset, update, candidate; ONNX has the update first. With the reset before,
 * our update gate is what ONNX's is not, z = 1 - z': its sum has the other sign, since 1 - s(x) = s(-x) of both sigmoids. */
static const char *reorder(struct ps_graph *g, const char *x, int axis, bool turn)
{
    const char *reset = NODE("Split", x);
    const char *update = ps_onnx_next_output(g->onnx), *candidate = ps_onnx_next_output(g->onnx);
    ps_onnx_int(g->onnx, "axis", axis);
    if (turn)
        update = NODE("Neg", update);
    const char *y = NODE("Concat", update, reset, candidate);
    ps_onnx_int(g->onnx, "axis", axis);
    return y;
}

/* A weight, in x 3d, as ONNX wants it: 1 x 3d x in. */
static const char *gates(struct ps_graph *g, const void *weight, bool turn)
{
    return NODE("Unsqueeze", reorder(g, NODE("Transpose", ps_graph_value(g, weight)), 0, turn), index_of(g, 0));
}

/* A bias, 1 x 3d, or zeros. */
static const char *biases(struct ps_graph *g, const void *bias, int d, bool turn)
{
    if (bias)
        return reorder(g, ps_graph_value(g, bias), 1, turn);
    float *zero = ps_calloc(3 * (size_t)d, sizeof *zero);
    const char *value = ps_onnx_matrix(g->onnx, zero, 1, 3 * d);
    free(zero);
    return value;
}

const char *ps_operators_gru(struct ps_graph *g, const struct nn_event *e)
{
    static const char *const hard[] = {"HardSigmoid", "Tanh"};
    const struct nn_event *a = ps_scoring_find(g->scoring, e->in[0]);
    const struct nn_tensor *u = e->in[1];
    bool cell = e->n[0], turn = e->n[1] == NN_RESET_BEFORE;
    if (!a || a->op != NN_OP_AFFINE || a->n[0]) { /* ONNX's operator has the inputs' weights in it */
        g->unknown = true;
        return "";
    }
    /* Steps x sessions x columns: one session of all steps, or, where every row is a session of one step, all of them at once. */
    const char *axis = index_of(g, cell ? 0 : 1);
    const char *x = NODE("Unsqueeze", ps_graph_value(g, a->in[0]), axis);
    const char *w = gates(g, a->in[1], turn), *r = gates(g, u, turn);
    const char *b = concat(g, 1, biases(g, a->in[2], u->rows, turn), biases(g, e->in[2], u->rows, turn));
    const char *before = e->in[3] ? NODE("Unsqueeze", ps_graph_value(g, e->in[3]), axis) : "";
    const char *states = NODE("GRU", x, w, r, b, "", before);
    ps_onnx_int(g->onnx, "hidden_size", u->rows);
    ps_onnx_int(g->onnx, "linear_before_reset", !turn);
    if (e->n[2])
        ps_onnx_texts(g->onnx, "activations", hard, 2);
    const int64_t shape[] = {-1, u->rows};
    return NODE("Reshape", states, ps_onnx_indices(g->onnx, shape, 2));
}

/* ---- session graphs ----
 *
 * Every step is a node of its own here: steps of one item have the same neighbours and so the same state. With E[t, u] = 1 where the
 * items of steps t and u are the same, step t hears on the in-edges from steps u with E[t, u + 1] (those before a step of its item), on
 * the out-edges from steps u with E[t, u - 1], divided by how many there are. Where a transition counts once however often it
 * happens, each has its share: M[u] = sum_v E[v, u] E[v + 1, u + 1] transitions are the same as that from u to u + 1. */

/* Columns (axis 1) or rows (axis 0) one further to the front (or back), zeros where nothing comes. */
static const char *shift(struct ps_graph *g, const char *x, int axis, bool front)
{
    const char *zero = NODE("Mul", NODE("Slice", x, index_of(g, 0), index_of(g, 1), index_of(g, axis)), number(g, 0));
    if (front)
        return concat(g, axis, NODE("Slice", x, index_of(g, 1), index_of(g, INT64_MAX), index_of(g, axis)), zero);
    return concat(g, axis, zero, NODE("Slice", x, index_of(g, 0), index_of(g, -1), index_of(g, axis)));
}

/* x divided by its sums along an axis, where these are not 0. */
static const char *share(struct ps_graph *g, const char *x, const char *sum)
{
    return NODE("Div", x, NODE("Max", sum, number(g, 1)));
}

const char *ps_operators_edges(struct ps_graph *g, const struct nn_event *e)
{
    bool out = e->n[0], counted = e->n[1];
    const char *item = ps_graph_value(g, e->in[0]);
    const char *same = NODE("Equal", NODE("Unsqueeze", item, index_of(g, 1)), NODE("Unsqueeze", item, index_of(g, 0)));
    same = NODE("Cast", same);
    ps_onnx_int(g->onnx, "to", PS_ONNX_FLOAT);
    const char *edges = out ? same : shift(g, same, 1, true);
    if (!counted) {
        const char *again = NODE("Mul", same, shift(g, shift(g, same, 0, true), 1, true));
        edges = share(g, edges, NODE("ReduceSum", again, index_of(g, 0)));
    }
    if (out)
        edges = shift(g, edges, 1, false);
    return share(g, edges, NODE("ReduceSum", edges, index_of(g, 1)));
}

const char *ps_operators_sparse(struct ps_graph *g, const struct nn_event *e)
{
    const struct nn_tensor *x = e->in[1];
    const char *edges = ps_graph_value(g, e->in[0]);
    const char *y = NODE("MatMul", edges, ps_operators_columns(g, ps_graph_value(g, x), e->n[0], e->n[1], x->cols));
    return e->in[2] ? NODE("Add", y, ps_graph_value(g, e->in[2])) : y;
}
