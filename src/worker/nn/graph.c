/* graph.c - products by sparse matrices; see graph.h. */
#include <string.h>

#include "common/vector.h"
#include "worker/nn/graph.h"
#include "worker/nn/tape.h"

struct sparse_matmul {
    struct nn_node node;
    struct nn_sparse a;
    const struct nn_tensor *x, *bias, *y;
    int first;
};

PS_VECTOR static void sparse_forward(const struct sparse_matmul *p)
{
    int width = p->y->cols;
    for (int i = 0; i < p->a.rows; i++) {
        real *restrict y = nn_fill(p->y) + (size_t)i * width;
        if (p->bias)
            memcpy(y, p->bias->value, (size_t)width * sizeof *y);
        else
            memset(y, 0, (size_t)width * sizeof *y);
        for (uint32_t e = p->a.begin[i]; e < p->a.begin[i + 1]; e++) {
            const real *restrict x = p->x->value + (size_t)p->a.index[e] * p->x->cols + p->first;
            real weight = p->a.weight[e];
            for (int j = 0; j < width; j++)
                y[j] += weight * x[j];
        }
    }
}

PS_VECTOR static void sparse_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct sparse_matmul *p = (struct sparse_matmul *)node;
    int width = p->y->cols;
    for (int i = 0; i < p->a.rows; i++) {
        const real *restrict grad = p->y->grad + (size_t)i * width;
        if (p->bias && p->bias->grad)
            for (int j = 0; j < width; j++)
                p->bias->grad[j] += grad[j];
        if (!p->x->grad)
            continue;
        for (uint32_t e = p->a.begin[i]; e < p->a.begin[i + 1]; e++) {
            real *restrict to = p->x->grad + (size_t)p->a.index[e] * p->x->cols + p->first, weight = p->a.weight[e];
            for (int j = 0; j < width; j++)
                to[j] += weight * grad[j];
        }
    }
}

struct nn_tensor *nn_sparse_matmul(struct nn_tape *tape, struct nn_sparse a, const struct nn_tensor *x, int first,
                                   int width, const struct nn_tensor *bias)
{
    PS_ASSERT(x->rows == a.cols && first + width <= x->cols && (!bias || (bias->rows == 1 && bias->cols == width)));
    struct nn_tensor *y = nn_output(tape, a.rows, width, x->grad || (bias && bias->grad));
    struct sparse_matmul *p = nn_tape_alloc(tape, sizeof *p);
    *p = (struct sparse_matmul){.a = a, .x = x, .bias = bias, .y = y, .first = first};
    sparse_forward(p);
    nn_tell(tape, &(struct nn_event){.op = NN_OP_SPARSE, .out = y, .in = {a.weight, x, bias}, .n = {first, width}});
    if (y->grad)
        nn_record(tape, &p->node, sparse_backward);
    return y;
}
