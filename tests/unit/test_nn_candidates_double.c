/* test_nn_candidates_double.c - losses among candidates against the same computed plainly, and by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tape_fixture.h"
#include "worker/nn/candidates.h"

/* Many chunks, the last of them not full, from rows that lie anywhere, against scores that are written down; both forms. */
static void test_softmax_chunks(void **state)
{
    enum { SAMPLES = 4500, ITEMS = 201, D = 3 };
    for (int form = NN_CROSS_ENTROPY; form <= NN_BOTH_TERMS; form++) {
        struct nn_tape *tape = nn_tape_new();
        struct nn_tensor *q = drawn(tape, SAMPLES, D, 1), *e = drawn(tape, ITEMS, D, 2), *weight = drawn(tape, SAMPLES, 1, 3);
        struct nn_tensor *plain = drawn(tape, ITEMS, D, 2); /* the same items where they lie together */
        struct nn_lookup from = nn_lookup_from(tape, e, NULL, 0);
        const double **value = (const double **)(uintptr_t)from.rows->value;
        double *moved = memcpy(nn_tape_alloc(tape, D * sizeof *moved), value[70], D * sizeof *moved);
        uint32_t *target = nn_tape_alloc(tape, SAMPLES * sizeof *target);
        memset(nn_fill(e) + 70 * D, 0, D * sizeof *moved);
        value[70] = moved;
        for (uint32_t b = 0; b < SAMPLES; b++)
            target[b] = b * 7 % ITEMS;
        struct nn_tensor *loss = nn_softmax_loss(tape, q, (struct nn_candidates){from, ITEMS, NULL, NULL}, target, weight->value,
                                                 (enum nn_softmax_form)form);
        nn_backward(tape, loss);
        struct nn_tensor *o = nn_scores(tape, q, plain);
        double want = 0, *slope = nn_tape_alloc(tape, nn_size(o) * sizeof *slope);
        for (int b = 0; b < SAMPLES; b++) {
            const double *row = o->value + b * ITEMS;
            double sum = 0, mean = 0, p[ITEMS];
            for (int j = 0; j < ITEMS; j++)
                sum += exp(row[j]);
            for (int j = 0; j < ITEMS; j++) {
                bool is = (int)target[b] == j;
                p[j] = exp(row[j]) / sum;
                want -= weight->value[b] * (is ? log(p[j]) : form == NN_BOTH_TERMS ? log(1 - p[j]) : 0);
                mean += p[j] * (is ? -1 / p[j] : form == NN_BOTH_TERMS ? 1 / (1 - p[j]) : 0);
            }
            for (int j = 0; j < ITEMS; j++) {
                double c = (int)target[b] == j ? -1 / p[j] : form == NN_BOTH_TERMS ? 1 / (1 - p[j]) : 0;
                slope[b * ITEMS + j] = weight->value[b] * p[j] * (c - mean);
            }
        }
        assert_true(fabs(loss->value[0] - want) < 1e-9 * SAMPLES);
        double got[D], *q_grad = q->grad, *e_grad = e->grad;
        for (int b = 0; b < SAMPLES; b += 100)
            for (int k = 0; k < D; k++) {
                got[k] = 0;
                for (int j = 0; j < ITEMS; j++)
                    got[k] += slope[b * ITEMS + j] * plain->value[j * D + k];
                assert_true(fabs(got[k] - q_grad[b * D + k]) < 1e-10);
            }
        for (int j = 0; j < ITEMS; j++)
            for (int k = 0; k < D; k++) {
                got[k] = 0;
                for (int b = 0; b < SAMPLES; b++)
                    got[k] += slope[b * ITEMS + j] * q->value[b * D + k];
                assert_true(fabs(got[k] - e_grad[j * D + k]) < 1e-9);
            }
        nn_tape_free(tape);
    }
}

/* The correction for how items were sampled: as if the corrected score were the score. A column of ones finds the bias. */
static void test_softmax_sampled(void **state)
{
    static const uint32_t index[] = {4, 1, 1}, label[] = {1, 0};
    static const double log_q[] = {-1, -2, 0.5}, ones[] = {1, 1}, each[] = {1, 2};
    struct nn_tape *tape = nn_tape_new();
    struct nn_tensor *q = drawn(tape, 2, 2, 1), *e = drawn(tape, 5, 3, 2);
    struct nn_tensor *with_one = nn_concat(tape, q, nn_leaf(tape, 2, 1, ones, NULL));
    struct nn_candidates candidates = {nn_lookup_from(tape, e, index, 0), 3, log_q, NULL};
    double want = 0;
    for (int b = 0; b < 2; b++) {
        double o[3], sum = 0;
        for (int j = 0; j < 3; j++) {
            const double *row = e->value + 3 * index[j];
            o[j] = q->value[2 * b] * row[0] + q->value[2 * b + 1] * row[1] + row[2] - log_q[j];
            sum += exp(o[j]);
        }
        want += each[b] * (log(sum) - o[label[b]]);
    }
    assert_near(nn_softmax_loss(tape, with_one, candidates, label, each, NN_CROSS_ENTROPY)->value, &want, 1);
    nn_tape_free(tape);
}

/* With one other item, BPR-max is BPR and a penalty, as TOP1-max is TOP1. */
static void test_ranking(void **state)
{
    static const double o[] = {0.7, -0.4}, o3[] = {0.2, 1.5, -0.3}, one = 1;
    static const uint32_t first = 0, second = 1;
    struct nn_tape *tape = nn_tape_new();
    struct nn_tensor *two = nn_leaf(tape, 1, 2, o, NULL), *three = nn_leaf(tape, 1, 3, o3, NULL);
    double bpr = -log(sigma(1.1)), top1 = sigma(-1.1) + sigma(0.16);
    assert_near(nn_ranking_loss(tape, NN_RANK_BPR, two, 0, &first, &one)->value, &bpr, 1);
    assert_near(nn_ranking_loss(tape, NN_RANK_BPR_MAX, two, 0.9, &first, &one)->value, (double[]){bpr + 0.9 * 0.16}, 1);
    assert_near(nn_ranking_loss(tape, NN_RANK_TOP1, two, 0, &first, &one)->value, &top1, 1);
    assert_near(nn_ranking_loss(tape, NN_RANK_TOP1_MAX, two, 0, &first, &one)->value, &top1, 1);
    /* Three items: shares of 0.2 and -0.3, beside the target 1.5. */
    double s = 1 / (1 + exp(-0.5)), a = s * sigma(1.3) + (1 - s) * sigma(1.8), r = s * 0.04 + (1 - s) * 0.09;
    double u0 = sigma(-1.3) + sigma(0.04), u1 = sigma(-1.8) + sigma(0.09);
    assert_near(nn_ranking_loss(tape, NN_RANK_BPR_MAX, three, 2, &second, &one)->value, (double[]){2 * r - log(a)}, 1);
    assert_near(nn_ranking_loss(tape, NN_RANK_TOP1, three, 0, &second, &one)->value, (double[]){(u0 + u1) / 2}, 1);
    assert_near(nn_ranking_loss(tape, NN_RANK_TOP1_MAX, three, 0, &second, &one)->value, (double[]){s * u0 + (1 - s) * u1}, 1);
    nn_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_chunks),
        cmocka_unit_test(test_softmax_sampled),
        cmocka_unit_test(test_ranking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
