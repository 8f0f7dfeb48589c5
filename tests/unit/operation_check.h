/* operation_check.h - an operation against central differences, with its negative control, and with constants. */
#ifndef PS_TEST_OPERATION_CHECK_H
#define PS_TEST_OPERATION_CHECK_H

#include "gradient.h"
#include "operation.h"

/* The objective: a random projection of all outputs, by a node of the test's own. */
struct project {
    struct nn_node node;
    struct nn_tensor *out[MAX_OUTPUTS], *y;
    const double *factor;
    int outputs;
};

static void project_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct project *p = (struct project *)node;
    const double *factor = p->factor;
    for (int o = 0; o < p->outputs; o++)
        for (size_t k = 0; k < nn_size(p->out[o]); k++, factor++)
            if (p->out[o]->grad)
                p->out[o]->grad[k] += *factor * p->y->grad[0];
}

struct bench {
    const struct operation *operation;
    struct nn_tape *tape;
    struct gradient_input input[MAX_INPUTS];
    int inputs, constant; /* the input whose gradient is not wanted, or -1 */
    double factor[MAX_OUTPUT];
};

static double objective(void *ctx, bool backward)
{
    struct bench *b = ctx;
    struct nn_tensor *in[MAX_INPUTS];
    nn_tape_reset(b->tape);
    for (int k = 0; k < b->inputs; k++)
        in[k] = nn_leaf(b->tape, b->operation->shape[k][0], b->operation->shape[k][1], b->input[k].value,
                        k == b->constant ? NULL : b->input[k].grad);
    struct project *p = nn_tape_alloc(b->tape, sizeof *p);
    *p = (struct project){.factor = b->factor};
    p->outputs = b->operation->apply(b->tape, in, p->out);
    double sum = 0;
    const double *factor = b->factor;
    for (int o = 0; o < p->outputs; o++)
        for (size_t k = 0; k < nn_size(p->out[o]); k++)
            sum += *factor++ * p->out[o]->value[k];
    p->y = nn_leaf(b->tape, 1, 1, &sum, nn_tape_alloc(b->tape, sizeof(real)));
    nn_record(b->tape, &p->node, project_backward);
    if (backward)
        nn_backward(b->tape, p->y);
    return sum;
}

static void draw(struct bench *b, uint64_t attempt)
{
    struct ps_random r = ps_random_stream(attempt, PS_RANDOM_TEST, 1, 0, 0);
    double low = b->operation->low, high = b->operation->high;
    for (int k = 0; k < b->inputs; k++)
        for (size_t i = 0; i < b->input[k].n; i++)
            b->input[k].value[i] = low + (high - low) * ps_random_unit(&r);
    for (size_t i = 0; i < PS_COUNT(b->factor); i++)
        b->factor[i] = ps_random_normal(&r);
}

/* An input that is declared constant gets nothing, and the others get the same as before. */
static void check_constants(struct bench *b)
{
    double *grad[MAX_INPUTS];
    for (int k = 0; k < b->inputs; k++) {
        grad[k] = calloc(b->input[k].n, sizeof *grad[k]);
        memset(b->input[k].grad, 0, b->input[k].n * sizeof(double));
    }
    objective(b, true);
    for (int k = 0; k < b->inputs; k++)
        memcpy(grad[k], b->input[k].grad, b->input[k].n * sizeof(double));
    for (b->constant = 0; b->constant < b->inputs; b->constant++) {
        for (int k = 0; k < b->inputs; k++)
            memset(b->input[k].grad, 0, b->input[k].n * sizeof(double));
        objective(b, true);
        for (int k = 0; k < b->inputs; k++)
            for (size_t i = 0; i < b->input[k].n; i++)
                assert_true(b->input[k].grad[i] == (k == b->constant ? 0 : grad[k][i]));
    }
    for (int k = 0; k < b->inputs; k++)
        free(grad[k]);
}

static void operation_check(const struct operation *operation)
{
    struct bench b = {.operation = operation, .tape = nn_tape_new(), .constant = -1};
    char names[MAX_INPUTS][80];
    for (; b.inputs < MAX_INPUTS && operation->shape[b.inputs][0] > 0; b.inputs++) {
        int k = b.inputs;
        snprintf(names[k], sizeof names[k], "%s: input %d", operation->name, k);
        b.input[k].name = names[k];
        b.input[k].n = (size_t)operation->shape[k][0] * (size_t)operation->shape[k][1];
        b.input[k].value = calloc(b.input[k].n, sizeof(double));
        b.input[k].grad = calloc(b.input[k].n, sizeof(double));
    }
    enum gradient_result result = GRADIENT_KINK;
    for (uint64_t attempt = 0; result == GRADIENT_KINK && attempt < 20; attempt++) {
        draw(&b, attempt);
        result = gradient_check(b.input, b.inputs, objective, &b, false);
    }
    if (result != GRADIENT_RIGHT)
        print_message("  %s: %s\n", operation->name, result == GRADIENT_KINK ? "near a kink in every draw" : "wrong");
    assert_int_equal(result, GRADIENT_RIGHT);
    assert_int_equal(gradient_check(b.input, b.inputs, objective, &b, true), GRADIENT_WRONG);
    check_constants(&b);
    for (int k = 0; k < b.inputs; k++) {
        free(b.input[k].value);
        free(b.input[k].grad);
    }
    nn_tape_free(b.tape);
}

#endif
