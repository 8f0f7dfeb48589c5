/* bag.c - weighted sums of rows, a sum for each run of samples of one bag; see nn.h. */
#include <string.h>

#include "worker/nn/tape.h"

struct bag {
    struct nn_node node;
    struct nn_bags from;
    const uint32_t *index, *without;
    const struct nn_tensor *y;
};

static const real *value_of(const struct bag *g, const struct nn_bag_entry *e)
{
    return g->from.rows->value[e->row] + (size_t)e->block * (size_t)g->y->cols;
}

static real *grad_of(const struct bag *g, const struct nn_bag_entry *e)
{
    const struct nn_rows *rows = g->from.rows;
    return rows->grad + e->row * (size_t)rows->width + (size_t)e->block * (size_t)g->y->cols;
}

/* The samples from `first` on that are of the same bag; returns where they end. */
static int run_end(const struct bag *g, int first)
{
    int end = first + 1;
    while (end < g->y->rows && g->index[end] == g->index[first])
        end++;
    return end;
}

static void bag_forward(const struct bag *g)
{
    int width = g->y->cols, end;
    for (int first = 0; first < g->y->rows; first = end) {
        const struct nn_bag_entry *begin = g->from.entry + g->from.begin[g->index[first]],
                                  *stop = g->from.entry + g->from.begin[g->index[first] + 1];
        real *sum = nn_fill(g->y) + (size_t)first * width;
        end = run_end(g, first);
        memset(sum, 0, (size_t)width * sizeof *sum);
        for (const struct nn_bag_entry *e = begin; e < stop; e++)
            nn_axpy(sum, e->weight, value_of(g, e), (size_t)width);
        for (int b = end - 1; b >= first; b--) { /* the first one last: it is the sum of all */
            real *y = nn_fill(g->y) + (size_t)b * width;
            if (b > first)
                memcpy(y, sum, (size_t)width * sizeof *y);
            for (const struct nn_bag_entry *e = begin; e < stop; e++)
                if (e->row == g->without[b])
                    nn_axpy(y, -e->weight, value_of(g, e), (size_t)width);
        }
    }
}

static void bag_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct bag *g = (struct bag *)node;
    int width = g->y->cols, end;
    real *sum = nn_tape_alloc(tape, (size_t)width * sizeof *sum);
    for (int first = 0; first < g->y->rows; first = end) {
        const struct nn_bag_entry *begin = g->from.entry + g->from.begin[g->index[first]],
                                  *stop = g->from.entry + g->from.begin[g->index[first] + 1];
        end = run_end(g, first);
        memset(sum, 0, (size_t)width * sizeof *sum);
        for (int b = first; b < end; b++) {
            const real *grad = g->y->grad + (size_t)b * width;
            nn_axpy(sum, 1, grad, (size_t)width);
            for (const struct nn_bag_entry *e = begin; e < stop; e++)
                if (e->row == g->without[b])
                    nn_axpy(grad_of(g, e), -e->weight, grad, (size_t)width);
        }
        for (const struct nn_bag_entry *e = begin; e < stop; e++)
            nn_axpy(grad_of(g, e), e->weight, sum, (size_t)width);
    }
}

struct nn_tensor *nn_bag(struct nn_tape *tape, struct nn_bags from, const uint32_t *index, const uint32_t *without,
                         int samples, int width)
{
    PS_ASSERT(from.rows->width % width == 0);
    struct bag *g = nn_tape_alloc(tape, sizeof *g);
    *g = (struct bag){.from = from, .index = index, .without = without,
                      .y = nn_output(tape, samples, width, from.rows->grad != NULL)};
    bag_forward(g);
    if (g->y->grad)
        nn_record(tape, &g->node, bag_backward);
    return (struct nn_tensor *)g->y;
}

void nn_bag_add(const struct nn_bags *from, uint32_t bag, real *out)
{
    for (uint32_t e = from->begin[bag]; e < from->begin[bag + 1]; e++)
        nn_axpy(out, from->entry[e].weight, from->rows->value[from->entry[e].row], (size_t)from->rows->width);
}

void nn_bag_add_back(const struct nn_bags *from, uint32_t bag, const real *grad)
{
    size_t width = (size_t)from->rows->width;
    for (uint32_t e = from->begin[bag]; e < from->begin[bag + 1]; e++)
        nn_axpy(from->rows->grad + from->entry[e].row * width, from->entry[e].weight, grad, width);
}
