/* test_nn_double.c - every operation of nn.h against central differences, each with its negative control. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operation_check.h"

enum { SAMPLES = 6 };

/* Duplicate ids, within and across the samples; every row of a table of 4 is used. */
static const uint32_t index_p[SAMPLES] = {0, 2, 2, 1, 0, 3}, index_q[SAMPLES] = {3, 1, 1, 0, 3, 2};
static const double label[SAMPLES] = {1, 0, 0, 1, 1, 0}, weight[SAMPLES] = {0.5, 0.25, 1, 0.75, 2, 1.5};
/* Two negatives, then one, then a positive without any. */
static const uint32_t behind[SAMPLES] = {0, 1, 2, 0, 1, 0};

/* Four bags, one of them empty and one with the same row twice; samples with and without an entry to be left out. */
static const uint32_t bag_begin[] = {0, 3, 3, 6, 7}, bag_index[SAMPLES] = {0, 0, 0, 1, 2, 3},
                      bag_without[SAMPLES] = {2, UINT32_MAX, 0, 1, 3, 0};
static const struct nn_bag_entry bag_entry[] = {{0, 0, 0.5}, {2, 1, -0.7}, {1, 0, 1.5}, {3, 0, 2}, {3, 1, 0.25}, {0, 1, 1}, {2, 0, 1}};

static struct nn_bags bags_of(struct nn_tape *tape, const struct nn_tensor *table)
{
    return (struct nn_bags){nn_lookup_from(tape, table, NULL, 0).rows, bag_begin, bag_entry};
}

/* clang-format off */
OPERATION(op_matmul) { ONE(nn_matmul(tape, in[0], in[1])); }
OPERATION(op_matmul_column) { ONE(nn_matmul(tape, in[0], in[1])); }
OPERATION(op_affine) { ONE(nn_affine(tape, in[0], in[1], in[2], false)); }
OPERATION(op_affine_relu) { ONE(nn_affine(tape, in[0], in[1], in[2], true)); }
OPERATION(op_affine_relu_unbiased) { ONE(nn_affine(tape, in[0], in[1], NULL, true)); }
OPERATION(op_affine_column) { ONE(nn_affine(tape, in[0], in[1], in[2], true)); }
OPERATION(op_add) { ONE(nn_add(tape, in[0], in[1])); }
OPERATION(op_add_self) { ONE(nn_add(tape, in[0], in[0])); }
OPERATION(op_add_bias) { ONE(nn_add_bias(tape, in[0], in[1])); }
OPERATION(op_mul) { ONE(nn_mul(tape, in[0], in[1])); }
OPERATION(op_mul_self) { ONE(nn_mul(tape, in[0], in[0])); }
OPERATION(op_scale) { ONE(nn_scale(tape, in[0], -0.7)); }
OPERATION(op_relu) { ONE(nn_relu(tape, in[0])); }
OPERATION(op_sigmoid) { ONE(nn_sigmoid(tape, in[0])); }
OPERATION(op_concat) { ONE(nn_concat(tape, in[0], in[1])); }
OPERATION(op_row_dot) { ONE(nn_row_dot(tape, in[0], in[1])); }
OPERATION(op_head) { ONE(nn_sigmoid(tape, nn_head(tape, nn_mul(tape, in[0], in[0]), 2))); }
OPERATION(op_lookup) { ONE(nn_lookup(tape, nn_lookup_from(tape, in[0], index_p, 1), SAMPLES, 3)); }
OPERATION(op_bag) { ONE(nn_bag(tape, bags_of(tape, in[0]), bag_index, bag_without, SAMPLES, 3)); }
OPERATION(op_l2_rows) { ONE(nn_l2_rows(tape, nn_lookup_from(tape, in[0], index_p, 1), SAMPLES, 3, 0.3)); }
OPERATION(op_bce_logits) { ONE(nn_bce_logits(tape, in[0], label, weight)); }
OPERATION(op_squared) { ONE(nn_squared(tape, in[0], label, weight)); }
OPERATION(op_bpr) { ONE(nn_bpr(tape, in[0], behind, weight)); }
OPERATION(op_weighted_sum) { ONE(nn_weighted_sum(tape, in[0], weight)); }
OPERATION(op_bce) { ONE(nn_bce(tape, in[0], label, weight)); }
/* clang-format on */

static struct nn_tensor *pair_of(struct nn_tape *tape, struct nn_tensor **in, int parts)
{
    return nn_lookup_pair(tape, nn_lookup_from(tape, in[0], index_p, 1), nn_lookup_from(tape, in[1], index_q, 0), SAMPLES, 3,
                          parts);
}
/* clang-format off */
OPERATION(op_pair) { ONE(pair_of(tape, in, NN_PAIR)); }
OPERATION(op_product) { ONE(pair_of(tape, in, NN_PRODUCT)); }
OPERATION(op_pair_product) { ONE(pair_of(tape, in, NN_PAIR | NN_PRODUCT)); }
/* clang-format on */

OPERATION(op_gmf)
{
    const struct nn_tensor *h[] = {in[2], in[3], in[4]};
    nn_gmf(tape, nn_lookup_from(tape, in[0], index_p, 1), nn_lookup_from(tape, in[1], index_q, 2), 19, 3, h,
           (const int[]){SAMPLES, 4, 2}, out);
    return 3;
}

/* Both sides from one table, with the same row on both sides of a sample. */
OPERATION(op_gmf_one_table)
{
    static const uint32_t same[SAMPLES] = {0, 1, 2, 1, 3, 3};
    const struct nn_tensor *h[] = {in[1]};
    struct nn_lookup p = nn_lookup_from(tape, in[0], index_p, 0), q = p;
    q.index = same;
    nn_gmf(tape, p, q, 3, 1, h, (const int[]){SAMPLES}, out);
    return 1;
}

static const double gram[9] = {2, -0.5, 0.3, -0.5, 1, 0.7, 0.3, 0.7, 3}, factors[2] = {0.6, 0.9};

static struct nn_tensor *kernel_of(struct nn_tape *tape, struct nn_tensor **in)
{
    const struct nn_tensor *g[] = {in[0], in[1]};
    return nn_kernel(tape, 2, g, factors, gram, 0.8, 1.5);
}

static struct nn_tensor *quadratic_of(struct nn_tape *tape, struct nn_tensor **in, const struct nn_tensor *sum)
{
    return nn_quadratic(tape, nn_lookup_from(tape, in[2], index_p, 1), SAMPLES, kernel_of(tape, in), weight, sum);
}
/* clang-format off */
OPERATION(op_kernel) { ONE(kernel_of(tape, in)); }
OPERATION(op_quadratic) { ONE(quadratic_of(tape, in, NULL)); }
OPERATION(op_inner) { ONE(nn_inner(tape, in[0], gram, -0.7)); }
/* clang-format on */

static const struct operation operations[] = {
    {"matmul", {{5, 4}, {4, 3}}, op_matmul, -1, 1},
    {"matmul, one column", {{5, 19}, {19, 1}}, op_matmul_column, -1, 1},
    {"affine", {{5, 4}, {4, 3}, {1, 3}}, op_affine, -1, 1},
    {"affine, relu", {{5, 4}, {4, 3}, {1, 3}}, op_affine_relu, -1, 1},
    {"affine, relu, no bias", {{5, 4}, {4, 3}}, op_affine_relu_unbiased, -1, 1},
    {"affine, relu, one column", {{5, 4}, {4, 1}, {1, 1}}, op_affine_column, -1, 1},
    {"add", {{3, 4}, {3, 4}}, op_add, -1, 1},
    {"add, to itself", {{3, 4}}, op_add_self, -1, 1},
    {"add_bias", {{3, 4}, {1, 4}}, op_add_bias, -1, 1},
    {"mul", {{3, 4}, {3, 4}}, op_mul, -1, 1},
    {"mul, by itself", {{3, 4}}, op_mul_self, -1, 1},
    {"scale", {{3, 4}}, op_scale, -1, 1},
    {"relu", {{3, 4}}, op_relu, -1, 1},
    {"sigmoid", {{3, 4}}, op_sigmoid, -4, 4},
    {"concat", {{3, 4}, {3, 2}}, op_concat, -1, 1},
    {"row_dot", {{3, 19}, {3, 19}}, op_row_dot, -1, 1},
    {"head", {{3, 4}}, op_head, -1, 1},
    {"lookup", {{4, 5}}, op_lookup, -1, 1},
    {"bag", {{4, 6}}, op_bag, -1, 1},
    {"l2_rows", {{4, 5}}, op_l2_rows, -1, 1},
    {"lookup_pair, pair", {{4, 5}, {4, 3}}, op_pair, -1, 1},
    {"lookup_pair, product", {{4, 5}, {4, 3}}, op_product, -1, 1},
    {"lookup_pair, both", {{4, 5}, {4, 3}}, op_pair_product, -1, 1},
    {"gmf", {{4, 21}, {4, 21}, {19, 1}, {19, 1}, {19, 1}}, op_gmf, -1, 1},
    {"gmf, one table", {{4, 3}, {3, 1}}, op_gmf_one_table, -1, 1},
    {"bce_logits", {{SAMPLES, 1}}, op_bce_logits, -6, 6},
    {"bce", {{SAMPLES, 1}}, op_bce, 0.05, 0.95},
    {"squared", {{SAMPLES, 1}}, op_squared, -2, 2},
    {"bpr", {{SAMPLES, 1}}, op_bpr, -6, 6},
    {"weighted_sum", {{SAMPLES, 1}}, op_weighted_sum, -1, 1},
    {"kernel", {{3, 1}, {3, 1}}, op_kernel, -1, 1},
    {"quadratic", {{3, 1}, {3, 1}, {4, 5}}, op_quadratic, -1, 1},
    {"inner", {{3, 3}}, op_inner, -1, 1},
};

static void test_operations(void **state)
{
    for (size_t i = 0; i < PS_COUNT(operations); i++)
        operation_check(&operations[i]);
}

/* The fused operations say what their parts say. */
static void test_fused(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    struct ps_random r = ps_random_stream(1, PS_RANDOM_TEST, 2, 0, 0);
    double p[4 * 5], q[4 * 5], h[5];
    for (int k = 0; k < 20; k++)
        p[k] = ps_random_normal(&r), q[k] = ps_random_normal(&r), h[k % 5] = ps_random_normal(&r);
    struct nn_lookup from_p = nn_lookup_from(tape, nn_leaf(tape, 4, 5, p, NULL), index_p, 0);
    struct nn_lookup from_q = nn_lookup_from(tape, nn_leaf(tape, 4, 5, q, NULL), index_q, 0);
    struct nn_tensor *rows_p = nn_lookup(tape, from_p, SAMPLES, 5), *rows_q = nn_lookup(tape, from_q, SAMPLES, 5);
    struct nn_tensor *product = nn_mul(tape, rows_p, rows_q);
    struct nn_tensor *all = nn_concat(tape, nn_concat(tape, rows_p, rows_q), product);
    struct nn_tensor *fused = nn_lookup_pair(tape, from_p, from_q, SAMPLES, 5, NN_PAIR | NN_PRODUCT);
    assert_memory_equal(all->value, fused->value, nn_size(all) * sizeof(real));

    const struct nn_tensor *head = nn_leaf(tape, 5, 1, h, NULL);
    struct nn_tensor *gmf, *plain = nn_matmul(tape, product, head);
    nn_gmf(tape, from_p, from_q, 5, 1, &head, (const int[]){SAMPLES}, &gmf);
    for (int b = 0; b < SAMPLES; b++)
        assert_true(fabs(gmf->value[b] - plain->value[b]) < 1e-14);

    struct nn_tensor *on_logit = nn_bce_logits(tape, gmf, label, weight);
    struct nn_tensor *on_probability = nn_bce(tape, nn_sigmoid(tape, gmf), label, weight);
    assert_true(fabs(on_logit->value[0] - on_probability->value[0]) < 1e-5);
    nn_tape_free(tape);
}

/* A gate: the same values, and the gradient of the samples that are kept. */
static void test_gate(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    const double x[6] = {1, 2, 3, 4, 5, 6}, keep[3] = {1, 0, 1}, ones[2] = {1, 10}, want[6] = {0.5, 5, 0, 0, 1, 10};
    double grad[6] = {0};
    struct nn_tensor *gated = nn_gate(tape, nn_leaf(tape, 3, 2, x, grad), keep);
    assert_memory_equal(gated->value, x, sizeof x);
    struct nn_tensor *y = nn_matmul(tape, gated, nn_leaf(tape, 2, 1, ones, NULL));
    static const double zero[3] = {0}, scale[3] = {0.25 / 21, 1, 0.5 / 65}; /* y is 21, 43, 65 */
    nn_backward(tape, nn_squared(tape, y, zero, scale));
    for (int k = 0; k < 6; k++)
        assert_true(fabs(grad[k] - want[k]) < 1e-14);
    nn_tape_free(tape);
}

/* Bags by hand: sample 0's without row 2, an empty one, and one whose row is left out in both its entries. */
static void test_bag(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    double table[4 * 6];
    for (int k = 0; k < 24; k++)
        table[k] = k;
    struct nn_tensor *y = nn_bag(tape, bags_of(tape, nn_leaf(tape, 4, 6, table, NULL)), bag_index, bag_without, SAMPLES, 3);
    static const double want[SAMPLES][3] = {{9, 11, 13}, {-1.5, -0.2, 1.1}, {-1.5, -0.7, 0.1}, {0, 0, 0}, {3, 4, 5}, {12, 13, 14}};
    for (int b = 0; b < SAMPLES; b++)
        for (int j = 0; j < 3; j++)
            assert_true(fabs(y->value[b * 3 + j] - want[b][j]) < 1e-12);
    nn_tape_free(tape);
}

/* The sum that a quadratic form leaves is of the rows alone, whatever is made of its value. */
static void test_quadratic_sums(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    double head[2][3] = {{1, -2, 0.5}, {0.3, 0.1, -1}}, rows[4 * 5], sum[9] = {0}, want[9] = {0};
    struct ps_random r = ps_random_stream(2, PS_RANDOM_TEST, 2, 0, 0);
    for (int k = 0; k < 20; k++)
        rows[k] = ps_random_normal(&r);
    for (int b = 0; b < SAMPLES; b++)
        for (int k = 0; k < 9; k++)
            want[k] += weight[b] * rows[5 * index_p[b] + 1 + (uint32_t)k / 3] * rows[5 * index_p[b] + 1 + (uint32_t)k % 3];
    struct nn_tensor *in[] = {nn_leaf(tape, 3, 1, head[0], NULL), nn_leaf(tape, 3, 1, head[1], NULL),
                              nn_leaf(tape, 4, 5, rows, NULL)};
    struct nn_tensor *y = quadratic_of(tape, in, nn_leaf(tape, 3, 3, gram, sum));
    nn_backward(tape, nn_scale(tape, y, 7));
    for (int k = 0; k < 9; k++)
        assert_true(fabs(sum[k] - want[k]) < 1e-13);
    nn_tape_free(tape);
}

/* A NaN gradient must not pass, nor one that is zero everywhere. */
static double nan_objective(void *ctx, bool backward)
{
    struct gradient_input *input = ctx;
    if (backward)
        input->grad[0] += NAN;
    return input->value[0];
}

static double flat_objective(void *ctx, bool backward)
{
    return 3;
}

static void test_check_rejects(void **state)
{
    double value = 1, grad = 0;
    struct gradient_input input = {"x", &value, &grad, 1};
    assert_int_equal(gradient_check(&input, 1, nan_objective, &input, true), GRADIENT_WRONG);
    assert_int_equal(gradient_check(&input, 1, flat_objective, &input, false), GRADIENT_ZERO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_fused),
        cmocka_unit_test(test_bag),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_quadratic_sums),
        cmocka_unit_test(test_check_rejects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
