/* transh.c - translation on a relation's hyperplane; see nn.h. */
#include "common/vector.h"
#include "worker/nn/functions.h"
#include "worker/nn/tape.h"

struct transh {
    struct nn_node node;
    const struct nn_tensor *head, *tail, *shift, *normal, *y;
    real *unit;   /* B x E: the normals at length 1 */
    real *length; /* B: what they were divided by */
    real *along;  /* B: w.v */
    real *error;  /* B x E: e */
};

PS_VECTOR static void transh_forward(const struct transh *p)
{
    int width = p->head->cols;
    for (int b = 0; b < p->y->rows; b++) {
        size_t at = (size_t)b * (size_t)width;
        const real *restrict h = p->head->value + at, *restrict t = p->tail->value + at;
        const real *restrict d = p->shift->value + at, *restrict normal = p->normal->value + at;
        real *restrict w = p->unit + at, *restrict e = p->error + at;
        p->length[b] = (real)sqrt((double)nn_dot(normal, normal, width));
        for (int j = 0; j < width; j++) {
            w[j] = normal[j] / p->length[b];
            e[j] = h[j] - t[j];
        }
        real along = p->along[b] = nn_dot(w, e, width);
        for (int j = 0; j < width; j++)
            e[j] = e[j] - along * w[j] + d[j];
        nn_fill(p->y)[b] = nn_dot(e, e, width);
    }
}

static real *grad_row(const struct nn_tensor *x, int b)
{
    return x->grad ? x->grad + (size_t)b * (size_t)x->cols : NULL;
}

PS_VECTOR static void transh_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct transh *p = (struct transh *)node;
    int width = p->head->cols;
    for (int b = 0; b < p->y->rows; b++) {
        size_t at = (size_t)b * (size_t)width;
        const real *h = p->head->value + at, *t = p->tail->value + at, *w = p->unit + at, *e = p->error + at;
        real *head = grad_row(p->head, b), *tail = grad_row(p->tail, b);
        real *shift = grad_row(p->shift, b), *normal = grad_row(p->normal, b);
        real up = 2 * p->y->grad[b], along = p->along[b], across = nn_dot(w, e, width);
        if (head)
            for (int j = 0; j < width; j++)
                head[j] += up * (e[j] - across * w[j]);
        if (tail)
            for (int j = 0; j < width; j++)
                tail[j] -= up * (e[j] - across * w[j]);
        if (shift)
            for (int j = 0; j < width; j++)
                shift[j] += up * e[j];
        /* w . w' = -4 (w.v) (w.e) is taken off: what is along w does not turn it. */
        real twice = 2 * along * across, turn = up / p->length[b];
        if (normal)
            for (int j = 0; j < width; j++)
                normal[j] -= turn * (along * e[j] + across * (h[j] - t[j]) - twice * w[j]);
    }
}

struct nn_tensor *nn_transh(struct nn_tape *tape, const struct nn_tensor *head, const struct nn_tensor *tail,
                            const struct nn_tensor *shift, const struct nn_tensor *normal)
{
    const struct nn_tensor *in[] = {head, tail, shift, normal};
    bool differentiable = false;
    for (size_t k = 0; k < PS_COUNT(in); k++) {
        PS_ASSERT(in[k]->rows == head->rows && in[k]->cols == head->cols);
        differentiable |= in[k]->grad != NULL;
    }
    size_t bytes = nn_size(head) * sizeof(real), column = (size_t)head->rows * sizeof(real);
    struct nn_tensor *y = nn_output(tape, head->rows, 1, differentiable);
    struct transh *p = nn_tape_alloc(tape, sizeof *p);
    *p = (struct transh){.head = head, .tail = tail, .shift = shift, .normal = normal, .y = y};
    p->unit = nn_tape_alloc(tape, bytes), p->error = nn_tape_alloc(tape, bytes);
    p->length = nn_tape_alloc(tape, column), p->along = nn_tape_alloc(tape, column);
    transh_forward(p);
    if (differentiable)
        nn_record(tape, &p->node, transh_backward);
    return y;
}
