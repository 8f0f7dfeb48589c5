/* operators.c - see operators.h. */
#include "cli/export/operators.h"

#include "worker/nn/nn.h"

#define NODE(...) ps_onnx_node(g->onnx, __VA_ARGS__, NULL)

static const char *in(struct ps_graph *g, const struct nn_event *e, int k)
{
    return ps_graph_value(g, e->in[k]);
}

static const char *index_of(struct ps_graph *g, int64_t value)
{
    return ps_onnx_indices(g->onnx, &value, 1);
}

static const char *unknown(struct ps_graph *g)
{
    g->unknown = true;
    return "";
}

const char *ps_operators_columns(struct ps_graph *g, const char *x, int first, int width, int cols)
{
    if (first == 0 && width == cols)
        return x;
    return NODE("Slice", x, index_of(g, first), index_of(g, first + width), index_of(g, 1));
}

static const char *lookup(struct ps_graph *g, const struct nn_event *e)
{
    const struct nn_event *rows = ps_scoring_find(g->scoring, e->in[0]), *index = ps_scoring_find(g->scoring, e->in[1]);
    if (!rows)
        return ps_graph_rows(g, e->in[0], e->in[1], e->n[0], e->n[1]);
    const struct nn_tensor *of = rows->in[0];
    const char *x = ps_graph_value(g, of);
    if (index && index->op == NN_OP_INDEX_LAST)
        x = NODE("Gather", x, index_of(g, -1));
    else if (!index || index->op != NN_OP_INDEX_ALL)
        x = NODE("Gather", x, in(g, e, 1));
    return ps_operators_columns(g, x, e->n[0], e->n[1], of->cols);
}

static const char *concat(struct ps_graph *g, const char *a, const char *b)
{
    const char *y = NODE("Concat", a, b);
    ps_onnx_int(g->onnx, "axis", 1);
    return y;
}

static const char *pair(struct ps_graph *g, const struct nn_event *e)
{
    const char *p = in(g, e, 0), *q = in(g, e, 1), *both = e->n[0] & NN_PAIR ? concat(g, p, q) : NULL;
    const char *product = e->n[0] & NN_PRODUCT ? NODE("Mul", p, q) : NULL;
    return both && product ? concat(g, both, product) : both ? both : product;
}

static const char *affine(struct ps_graph *g, const struct nn_event *e)
{
    const char *x = in(g, e, 0), *w = in(g, e, 1), *y = e->in[2] ? NODE("Gemm", x, w, in(g, e, 2)) : NODE("MatMul", x, w);
    return e->n[0] ? NODE("Relu", y) : y;
}

/* The product of two matrices, one of them transposed: `which` is transA or transB. */
static const char *transposed_product(struct ps_graph *g, const char *a, const char *b, const char *which)
{
    const char *y = NODE("Gemm", a, b);
    ps_onnx_int(g->onnx, which, 1);
    return y;
}

static const char *elu(struct ps_graph *g, const struct nn_event *e)
{
    const char *y = NODE("Elu", in(g, e, 0));
    ps_onnx_real(g->onnx, "alpha", (float)e->factor);
    return y;
}

static const char *scale(struct ps_graph *g, const struct nn_event *e)
{
    float factor = (float)e->factor;
    return NODE("Mul", in(g, e, 0), ps_onnx_matrix(g->onnx, &factor, 1, 1));
}

static const char *reshape(struct ps_graph *g, const struct nn_event *e)
{
    const int64_t shape[] = {-1, e->n[0]};
    return NODE("Reshape", in(g, e, 0), ps_onnx_indices(g->onnx, shape, 2));
}

static const char *softmax(struct ps_graph *g, const struct nn_event *e)
{
    const char *y = NODE("Softmax", in(g, e, 0));
    ps_onnx_int(g->onnx, "axis", 0);
    return y;
}

static const char *mean(struct ps_graph *g, const struct nn_event *e)
{
    const int64_t rows = 0;
    const char *y = NODE("ReduceMean", in(g, e, 0));
    ps_onnx_ints(g->onnx, "axes", &rows, 1);
    return y;
}

static const char *clip_rows(struct ps_graph *g, const struct nn_event *e)
{
    const int64_t columns = 1;
    const float factor = (float)e->factor;
    const char *limit = ps_onnx_matrix(g->onnx, &factor, 1, 1), *length = NODE("ReduceL2", in(g, e, 0));
    ps_onnx_ints(g->onnx, "axes", &columns, 1);
    return NODE("Mul", in(g, e, 0), NODE("Div", limit, NODE("Max", length, limit)));
}

const char *ps_operators_emit(struct ps_graph *g, const struct nn_event *e)
{
    switch (e->op) {
    case NN_OP_SAME: return in(g, e, 0);
    case NN_OP_LOOKUP: return lookup(g, e);
    case NN_OP_PAIR: return pair(g, e);
    case NN_OP_AFFINE: return affine(g, e);
    case NN_OP_SCORES: return transposed_product(g, in(g, e, 0), in(g, e, 1), "transB");
    case NN_OP_ADD: return NODE("Add", in(g, e, 0), in(g, e, 1));
    case NN_OP_MUL: return NODE("Mul", in(g, e, 0), in(g, e, 1));
    case NN_OP_SCALE: return scale(g, e);
    case NN_OP_RELU: return NODE("Relu", in(g, e, 0));
    case NN_OP_SIGMOID: return NODE("Sigmoid", in(g, e, 0));
    case NN_OP_HARD_SIGMOID: return NODE("HardSigmoid", in(g, e, 0)); /* whose own numbers are 0.2 and 0.5 */
    case NN_OP_TANH: return NODE("Tanh", in(g, e, 0));
    case NN_OP_ELU: return elu(g, e);
    case NN_OP_RESHAPE: return reshape(g, e);
    case NN_OP_CONCAT: return concat(g, in(g, e, 0), in(g, e, 1));
    case NN_OP_ROW_DOT: return NODE("ReduceSum", NODE("Mul", in(g, e, 0), in(g, e, 1)), index_of(g, 1));
    case NN_OP_CLIP_ROWS: return clip_rows(g, e);
    case NN_OP_SEGMENT_SOFTMAX: return softmax(g, e);
    case NN_OP_SEGMENT_SUM: return transposed_product(g, in(g, e, 1), in(g, e, 0), "transA");
    case NN_OP_SEGMENT_MEAN: return mean(g, e);
    case NN_OP_GRU: return ps_operators_gru(g, e);
    case NN_OP_EDGES: return ps_operators_edges(g, e);
    case NN_OP_SPARSE: return ps_operators_sparse(g, e);
    case NN_OP_INDEX_JOIN: return NODE("Add", NODE("Mul", in(g, e, 0), index_of(g, e->n[0])), in(g, e, 1));
    case NN_OP_INDEX_DIVIDE: return NODE("Div", in(g, e, 0), index_of(g, e->n[0]));
    case NN_OP_INDEX_MODULO: return NODE("Mod", in(g, e, 0), index_of(g, e->n[0]));
    case NN_OP_ROWS: /* only ever behind a look-up */
    case NN_OP_INDEX_ALL:
    case NN_OP_INDEX_LAST:
    case NN_OP_OTHER: break;
    }
    return unknown(g);
}
