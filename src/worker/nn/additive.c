/* additive.c - scores of a hidden layer over a query and an item; see candidates.h. */
#include "common/vector.h"
#include "worker/nn/candidates.h"
#include "worker/nn/kernels.h"
#include "worker/nn/tape.h"

PS_VECTOR static void scores(const struct nn_tensor *q, const real *e, int stride, int n, const real *hidden, real *restrict room, real *o)
{
    int width = q->cols;
    for (int j = 0; j < n; j++) {
        const real *restrict item = e + (size_t)j * (size_t)stride;
        for (int b = 0; b < q->rows; b++) {
            const real *restrict query = q->value + (size_t)b * (size_t)width;
            for (int k = 0; k < width; k++) {
                real x = query[k] + item[k];
                room[k] = x > 0 ? x : 0;
            }
            o[(size_t)b * (size_t)n + (size_t)j] = nn_dot(room, hidden, width);
        }
    }
}

void nn_additive_scores(struct nn_tape *tape, const struct nn_tensor *q, const real *e, int stride, int n, const real *hidden, real *o)
{
    scores(q, e, stride, n, hidden, nn_tape_alloc(tape, (size_t)q->cols * sizeof(real)), o);
}

/* of: what the hidden layer's weights are; to: what is added to, which is not what any other of the arguments is. */
PS_INLINE void add_slopes(int width, const real *restrict query, const real *restrict item, const real *restrict of, real up,
                          real *restrict to)
{
    for (int k = 0; k < width; k++)
        to[k] += query[k] + item[k] > 0 ? up * of[k] : 0;
}

PS_INLINE void add_outputs(int width, const real *restrict query, const real *restrict item, real up, real *restrict to)
{
    for (int k = 0; k < width; k++) {
        real x = query[k] + item[k];
        to[k] += x > 0 ? up * x : 0;
    }
}

PS_VECTOR void nn_additive_backward(const struct nn_tensor *q, const real *e, const struct nn_tensor *hidden, const real *o_grad, int apart,
                                    real *e_grad)
{
    int width = q->cols;
    for (int b = 0; b < q->rows; b++) {
        const real *query = q->value + (size_t)b * (size_t)width;
        real up = o_grad[(size_t)b * (size_t)apart];
        if (e_grad)
            add_slopes(width, query, e, hidden->value, up, e_grad);
        if (q->grad)
            add_slopes(width, query, e, hidden->value, up, q->grad + (size_t)b * (size_t)width);
        if (hidden->grad)
            add_outputs(width, query, e, up, hidden->grad);
    }
}
