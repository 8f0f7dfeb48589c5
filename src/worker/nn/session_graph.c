/* session_graph.c - sessions as graphs of their items; see graph.h. */
#include <string.h>

#include "worker/nn/graph.h"
#include "worker/nn/trace.h"

/* Transitions of all sessions, by their nodes. */
struct edges {
    uint32_t *from, *to;
    size_t count;
};

static uint32_t *numbers(struct nn_tape *tape, size_t n)
{
    return nn_tape_alloc(tape, n * sizeof(uint32_t));
}

const uint32_t *nn_index_join(struct nn_tape *tape, const uint32_t *a, const uint32_t *b, int n, uint32_t of_b)
{
    uint32_t *joined = numbers(tape, (size_t)n);
    for (int k = 0; k < n; k++)
        joined[k] = a[k] * of_b + b[k];
    nn_tell(tape, &(struct nn_event){.op = NN_OP_INDEX_JOIN, .out = joined, .in = {a, b}, .n = {(int)of_b}});
    return joined;
}

void nn_index_part(struct nn_tape *tape, const uint32_t *joined, int n, uint32_t of_b, const uint32_t **a, const uint32_t **b)
{
    uint32_t *first = numbers(tape, (size_t)n), *second = numbers(tape, (size_t)n);
    for (int k = 0; k < n; k++)
        first[k] = joined[k] / of_b, second[k] = joined[k] % of_b;
    nn_tell(tape, &(struct nn_event){.op = NN_OP_INDEX_DIVIDE, .out = first, .in = {joined}, .n = {(int)of_b}});
    nn_tell(tape, &(struct nn_event){.op = NN_OP_INDEX_MODULO, .out = second, .in = {joined}, .n = {(int)of_b}});
    *a = first, *b = second;
}

/* Sorts positions[count] by key[position] (below `keys`), keeping the order of equal ones: a counting sort. */
static uint32_t *sort_by(struct nn_tape *tape, const uint32_t *positions, size_t count, const uint32_t *key, uint32_t keys)
{
    uint32_t *place = numbers(tape, (size_t)keys + 1), *sorted = numbers(tape, count);
    memset(place, 0, ((size_t)keys + 1) * sizeof *place);
    for (size_t k = 0; k < count; k++)
        place[key[positions[k]] + 1]++;
    for (uint32_t i = 0; i < keys; i++)
        place[i + 1] += place[i];
    for (size_t k = 0; k < count; k++)
        sorted[place[key[positions[k]]]++] = positions[k];
    return sorted;
}

/* The matrix with C[row[e], col[e]] for every transition e, its rows divided by their sums. */
static struct nn_sparse normalised(struct nn_tape *tape, uint32_t nodes, const uint32_t *row, const uint32_t *col,
                                   size_t count, bool counted)
{
    uint32_t *begin = numbers(tape, (size_t)nodes + 1), *index = numbers(tape, count), *given = numbers(tape, count);
    real *weight = nn_tape_alloc(tape, count * sizeof *weight);
    for (size_t e = 0; e < count; e++)
        given[e] = (uint32_t)e;
    const uint32_t *sorted = sort_by(tape, sort_by(tape, given, count, col, nodes), count, row, nodes);
    uint32_t entries = 0;
    size_t e = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        real sum = 0;
        begin[i] = entries;
        for (; e < count && row[sorted[e]] == i; e++) {
            bool again = entries > begin[i] && index[entries - 1] == col[sorted[e]];
            if (again && !counted)
                continue;
            sum += 1;
            if (again) {
                weight[entries - 1] += 1;
                continue;
            }
            index[entries] = col[sorted[e]];
            weight[entries++] = 1;
        }
        for (uint32_t k = begin[i]; k < entries; k++)
            weight[k] /= sum;
    }
    begin[nodes] = entries;
    return (struct nn_sparse){(int)nodes, (int)nodes, begin, index, weight};
}

struct nn_session_graph nn_session_graph(struct nn_tape *tape, const uint32_t *item, uint32_t items,
                                         struct nn_segments steps, bool counted)
{
    size_t n = (size_t)nn_segments_rows(steps);
    uint32_t *begin = numbers(tape, (size_t)steps.count + 1), *node = numbers(tape, n), *item_of = numbers(tape, n);
    uint32_t *last = numbers(tape, items); /* an item's newest node, which may be an earlier session's */
    struct edges edges = {numbers(tape, n), numbers(tape, n), 0};
    memset(last, 0xff, items * sizeof *last);
    uint32_t nodes = 0;
    for (int s = 0; s < steps.count; s++) {
        begin[s] = nodes;
        for (uint32_t t = steps.begin[s]; t < steps.begin[s + 1]; t++) {
            PS_ASSERT(item[t] < items);
            if (last[item[t]] == UINT32_MAX || last[item[t]] < begin[s]) {
                last[item[t]] = nodes;
                item_of[nodes++] = item[t];
            }
            node[t] = last[item[t]];
            if (t > steps.begin[s]) {
                edges.from[edges.count] = node[t - 1];
                edges.to[edges.count++] = node[t];
            }
        }
    }
    begin[steps.count] = nodes;
    struct nn_sparse in = normalised(tape, nodes, edges.to, edges.from, edges.count, counted);
    struct nn_sparse out = normalised(tape, nodes, edges.from, edges.to, edges.count, counted);
    /* Whoever listens may take every step for a node: steps of one item have the same neighbours, and the same state. */
    nn_tell(tape, &(struct nn_event){.op = NN_OP_SAME, .out = item_of, .in = {item}});
    nn_tell(tape, &(struct nn_event){.op = NN_OP_INDEX_ALL, .out = node});
    enum nn_op op = steps.count == 1 ? NN_OP_EDGES : NN_OP_OTHER;
    nn_tell(tape, &(struct nn_event){.op = op, .out = in.weight, .in = {item}, .n = {0, counted}});
    nn_tell(tape, &(struct nn_event){.op = op, .out = out.weight, .in = {item}, .n = {1, counted}});
    return (struct nn_session_graph){.nodes = {steps.count, begin},
                                     .item = item_of,
                                     .node = node,
                                     .in = in,
                                     .out = out};
}
