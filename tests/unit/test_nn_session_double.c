/* test_nn_session_double.c - the operations of session-based and multi-task models: their gradients against central
 * differences, and their values against small cases by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operation_check.h"
#include "operations_session.h"
#include "tape_fixture.h"

static void test_operations(void **state)
{
    for (size_t i = 0; i < PS_COUNT(session_operations); i++)
        operation_check(&session_operations[i]);
}

static void test_segments(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    const double x[] = {1, 2, 3, 4, 5, 6, 7, 8}, e[] = {5, 0, log(3), log(4)}, w[] = {2, -1, 0.5, 3}, q[] = {10, 20, 0, 0, 30, 40};
    const uint32_t begin[] = {0, 1, 1, 4};
    const struct nn_segments segments = {3, begin};
    struct nn_tensor *rows = nn_leaf(tape, 4, 2, x, NULL), *weights = nn_leaf(tape, 4, 1, w, NULL);
    assert_near(nn_segment_softmax(tape, nn_leaf(tape, 4, 1, e, NULL), segments)->value, (double[]){1, 0.125, 0.375, 0.5}, 4);
    assert_near(nn_segment_sum(tape, rows, weights, segments)->value, (double[]){2, 4, 0, 0, 20.5, 23}, 6);
    assert_near(nn_segment_mean(tape, rows, segments)->value, (double[]){1, 2, 0, 0, 5, 6}, 6);
    assert_near(nn_segment_add(tape, rows, nn_leaf(tape, 3, 2, q, NULL), segments)->value,
                (double[]){11, 22, 33, 44, 35, 46, 37, 48}, 8);
    nn_tape_free(tape);
}

/* One step of both forms from the formulas, for a state of one number. */
static void test_gru_by_hand(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    const double a[] = {0.3, -0.2, 0.5}, u[] = {0.7, -0.4, 0.9}, c[] = {0.1, 0.2, -0.3}, h = 0.6;
    double r = sigma(0.3 + 0.42 + 0.1), z = sigma(-0.2 - 0.24 + 0.2);
    double after = tanh(0.5 + r * (0.54 - 0.3)), before = tanh(0.5 + (r * 0.6 * 0.9 - 0.3));
    double want[] = {(1 - z) * after + z * h, (1 - z) * h + z * before};
    double hard_r = 0.2 * 0.82 + 0.5, hard_z = 0.2 * -0.24 + 0.5, hard = tanh(0.5 + (hard_r * 0.6 * 0.9 - 0.3));
    struct nn_segments one = nn_segments_uniform(tape, 1, 1);
    struct nn_tensor *in = nn_leaf(tape, 1, 3, a, NULL), *from = nn_leaf(tape, 1, 1, &h, NULL);
    struct nn_cell cell = {nn_leaf(tape, 1, 3, u, NULL), nn_leaf(tape, 1, 3, c, NULL), NN_RESET_AFTER, false};
    assert_near(nn_gru(tape, in, from, one, cell)->value, &want[0], 1);
    cell.reset = NN_RESET_BEFORE;
    assert_near(nn_gru(tape, in, from, one, cell)->value, &want[1], 1);
    cell.hard = true;
    assert_near(nn_gru(tape, in, from, one, cell)->value, (double[]){(1 - hard_z) * h + hard_z * hard}, 1);
    nn_tape_free(tape);
}

/* A session's states are the same beside others as alone, and in two parts with the state carried over. */
static void test_gru_packed(void **state)
{
    enum { D = 5 };
    for (int reset = NN_RESET_AFTER; reset <= NN_RESET_BEFORE; reset++) {
        struct nn_tape *tape = nn_tape_new();
        struct nn_tensor *a = drawn(tape, 11, 3 * D, 1), *h0 = drawn(tape, 5, D, 2);
        struct nn_cell cell = {drawn(tape, D, 3 * D, 3), drawn(tape, 1, 3 * D, 4), (enum nn_reset)reset, false};
        struct nn_tensor *all = nn_gru(tape, a, h0, steps_of, cell);
        for (int s = 0; s < 5; s++) {
            int first = (int)steps_begin[s], n = (int)steps_begin[s + 1] - first, half = n / 2;
            struct nn_tensor *h = nn_leaf(tape, 1, D, h0->value + s * D, NULL);
            if (half > 0)
                h = nn_gru(tape, nn_leaf(tape, half, 3 * D, a->value + first * 3 * D, NULL), h,
                           nn_segments_uniform(tape, 1, half), cell);
            h = nn_leaf(tape, 1, D, h->value + PS_MAX(half - 1, 0) * D, NULL);
            h = nn_gru(tape, nn_leaf(tape, n - half, 3 * D, a->value + (first + half) * 3 * D, NULL), h,
                       nn_segments_uniform(tape, 1, n - half), cell);
            assert_near(h->value, all->value + (first + half) * D, (size_t)(n - half) * D);
        }
        nn_tape_free(tape);
    }
}

static double entry(struct nn_sparse a, int row, uint32_t col)
{
    for (uint32_t e = a.begin[row]; e < a.begin[row + 1]; e++)
        if (a.index[e] == col)
            return a.weight[e];
    return 0;
}

/* The sessions (a, b, c, b, d); (c) alone; (a, b, a, b, b), whose transitions come twice or are to the same item. */
static void test_session_graph(void **state)
{
    enum { A, B, C, D };
    static const uint32_t item[] = {A, B, C, B, D, C, A, B, A, B, B}, begin[] = {0, 5, 6, 11};
    static const uint32_t node[] = {0, 1, 2, 1, 3, 4, 5, 6, 5, 6, 6}, item_of[] = {A, B, C, D, C, A, B};
    struct nn_tape *tape = nn_tape_new();
    for (int counted = 0; counted <= 1; counted++) {
        struct nn_session_graph g = nn_session_graph(tape, item, 4, (struct nn_segments){3, begin}, counted);
        assert_int_equal(g.nodes.count, 3);
        assert_memory_equal(g.nodes.begin, ((uint32_t[]){0, 4, 5, 7}), 4 * sizeof *g.nodes.begin);
        assert_memory_equal(g.node, node, sizeof node);
        assert_memory_equal(g.item, item_of, sizeof item_of);
        assert_true(entry(g.out, 1, 2) == 0.5 && entry(g.out, 1, 3) == 0.5 && g.out.begin[2] - g.out.begin[1] == 2);
        assert_true(entry(g.in, 1, 0) == 0.5 && entry(g.in, 1, 2) == 0.5 && g.in.begin[2] - g.in.begin[1] == 2);
        assert_true(entry(g.out, 0, 1) == 1 && g.in.begin[0] == g.in.begin[1] && g.out.begin[3] == g.out.begin[4]);
        assert_true(g.in.begin[4] == g.in.begin[5] && g.out.begin[4] == g.out.begin[5]);
        /* a -> b twice, b -> a once, b -> b once */
        assert_true(entry(g.out, 5, 6) == 1 && entry(g.out, 6, 5) == 0.5 && entry(g.out, 6, 6) == 0.5);
        assert_near((double[]){entry(g.in, 6, 5), entry(g.in, 6, 6), entry(g.in, 5, 6)},
                    counted ? (double[]){2. / 3, 1. / 3, 1} : (double[]){0.5, 0.5, 1}, 3);
    }
    nn_tape_free(tape);
}

/* A node without neighbours hears the biases, and nothing else. */
static void test_ggnn_alone(void **state)
{
    static const uint32_t item[] = {2}, begin[] = {0, 1};
    struct nn_tape *tape = nn_tape_new();
    struct nn_session_graph graph = nn_session_graph(tape, item, 3, (struct nn_segments){1, begin}, true);
    struct nn_ggnn layer = {.w_edge = drawn(tape, 2, 4, 1), .b_edge = drawn(tape, 1, 4, 2), .b_in = drawn(tape, 1, 2, 3),
                            .b_out = drawn(tape, 1, 2, 4), .w = drawn(tape, 4, 6, 5), .b = drawn(tape, 1, 6, 6),
                            .cell = {drawn(tape, 2, 6, 7), drawn(tape, 1, 6, 8), NN_RESET_AFTER, false}};
    struct nn_tensor *h = drawn(tape, 1, 2, 9), *got = nn_ggnn(tape, h, &graph, &layer, 1);
    struct nn_tensor *heard = nn_affine(tape, nn_concat(tape, layer.b_in, layer.b_out), layer.w, layer.b, false);
    assert_near(got->value, nn_gru(tape, heard, h, nn_segments_uniform(tape, 1, 1), layer.cell)->value, 2);
    nn_backward(tape, pull_of(tape, got, 10));
    for (size_t k = 0; k < 4; k++)
        assert_true(layer.w_edge->grad[k] == 0 && layer.w_edge->grad[k + 4] == 0 && layer.b_edge->grad[k] == 0);
    assert_true(layer.b_in->grad[0] != 0 && layer.b_out->grad[1] != 0);
    nn_tape_free(tape);
}

/* The session (a, b), of which b hears a from within, and a hears b from without; both forms. */
static void test_ggnn_pair(void **state)
{
    static const uint32_t item[] = {1, 0}, begin[] = {0, 2};
    struct nn_tape *tape = nn_tape_new();
    struct nn_session_graph graph = nn_session_graph(tape, item, 2, (struct nn_segments){1, begin}, false);
    struct nn_ggnn layer = {.w_edge = drawn(tape, 2, 4, 1), .b_edge = drawn(tape, 1, 4, 2), .b_in = drawn(tape, 1, 2, 3),
                            .b_out = drawn(tape, 1, 2, 4), .w = drawn(tape, 4, 6, 5), .b = drawn(tape, 1, 6, 6),
                            .cell = {drawn(tape, 2, 6, 7), drawn(tape, 1, 6, 8), NN_RESET_AFTER, false}};
    struct nn_tensor *h = drawn(tape, 2, 2, 9), *sent = nn_affine(tape, h, layer.w_edge, layer.b_edge, false);
    const double *in = layer.b_in->value, *out = layer.b_out->value, *a = sent->value, *b = sent->value + 4;
    const double x[] = {in[0], in[1], b[2] + out[0], b[3] + out[1], a[0] + in[0], a[1] + in[1], out[0], out[1]};
    struct nn_segments each = nn_segments_uniform(tape, 2, 1);
    struct nn_tensor *heard = nn_affine(tape, nn_leaf(tape, 2, 4, x, NULL), layer.w, layer.b, false);
    assert_near(nn_ggnn(tape, h, &graph, &layer, 1)->value, nn_gru(tape, heard, h, each, layer.cell)->value, 4);

    const double printed[] = {h->value[2] + in[0], h->value[3] + in[1], h->value[0] + in[0], h->value[1] + in[1]};
    layer.w_edge = layer.b_edge = NULL, layer.w = drawn(tape, 2, 6, 10), layer.cell.reset = NN_RESET_BEFORE;
    heard = nn_affine(tape, nn_leaf(tape, 2, 2, printed, NULL), layer.w, layer.b, false);
    assert_near(nn_ggnn(tape, h, &graph, &layer, 1)->value, nn_gru(tape, heard, h, each, layer.cell)->value, 4);
    nn_tape_free(tape);
}

static void test_transh(void **state)
{
    static const double zero[2 * 4], each[] = {1, 1};
    struct nn_tape *tape = nn_tape_new();
    struct nn_tensor *h = drawn(tape, 2, 4, 1), *w = drawn(tape, 2, 4, 2), *d = drawn(tape, 2, 4, 3), *t = drawn(tape, 2, 4, 4);
    assert_near(nn_transh(tape, h, h, nn_leaf(tape, 2, 4, zero, NULL), w)->value, zero, 2);
    nn_backward(tape, nn_weighted_sum(tape, nn_transh(tape, h, t, d, w), each));
    for (int b = 0; b < 2; b++) {
        double e_w = 0, d_w = 0, h_w = 0, turn = 0;
        for (int j = 4 * b; j < 4 * b + 4; j++) {
            e_w += d->grad[j] / 2 * w->value[j]; /* the shift's gradient is twice e */
            d_w += d->value[j] * w->value[j];
            h_w += h->grad[j] * w->value[j];
            turn += w->grad[j] * w->value[j];
            assert_true(h->grad[j] == -t->grad[j]);
        }
        assert_near((double[]){e_w, h_w, turn}, (double[]){d_w, 0, 0}, 3); /* e . w = d . w: the hyperplane is kept to */
    }
    nn_tape_free(tape);
}

/* One expert behind a gate is that expert, and its gradients are, to the bit; uniform gates use all alike. */
static void test_mixture(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    struct nn_tensor *x = drawn(tape, 5, 4, 1), *gate = drawn(tape, 5, 1, 2), *same = drawn(tape, 5, 4, 1);
    struct nn_tensor *mixed = nn_mixture(tape, nn_tanh(tape, x), gate, NULL, NULL), *alone = nn_tanh(tape, same);
    assert_memory_equal(mixed->value, alone->value, nn_size(mixed) * sizeof(double));
    nn_backward(tape, nn_add(tape, pull_of(tape, mixed, 3), pull_of(tape, alone, 3)));
    assert_memory_equal(x->grad, same->grad, nn_size(x) * sizeof(double));
    for (int b = 0; b < 5; b++)
        assert_true(gate->grad[b] == 0);

    static const double even[5 * 2];
    static const bool keep[] = {1, 1, 1, 0, 0, 1, 0, 0, 1, 1};
    double load[2] = {0};
    struct nn_gate_use use = {0, load};
    struct nn_tensor *logits = nn_leaf(tape, 5, 2, even, NULL);
    struct nn_tensor *mean = nn_mixture(tape, x, logits, NULL, &use);
    assert_near(mean->value, (double[]){(x->value[0] + x->value[2]) / 2, (x->value[1] + x->value[3]) / 2}, 2);
    assert_near((double[]){use.entropy, load[0], load[1]}, (double[]){5 * log(2), 2.5, 2.5}, 3);
    struct nn_tensor *some = nn_mixture(tape, x, logits, keep, &use);
    assert_near(some->value + 2, x->value + 4, 2);
    assert_near(some->value + 4, x->value + 10, 2);
    assert_near(some->value + 6, mean->value + 6, 2);
    assert_near((double[]){use.entropy, load[0], load[1]}, (double[]){8 * log(2), 2.5 + 2.5, 2.5 + 2.5}, 3);
    nn_tape_free(tape);
}

static void test_uncertainty(void **state)
{
    static const double loss[] = {2, 3}, s[] = {0.5, -1};
    struct nn_tape *tape = nn_tape_new();
    struct nn_tensor *of[] = {nn_leaf(tape, 1, 1, &loss[0], NULL), nn_leaf(tape, 1, 1, &loss[1], NULL)};
    assert_near(nn_uncertainty(tape, of, nn_leaf(tape, 1, 2, s, NULL), 0.5)->value,
                (double[]){2 * exp(-0.5) + 3 * exp(1) + 0.5 * (0.5 - 1) / 2}, 1);
    nn_tape_free(tape);
}

/* As many as asked are dropped, the mean is kept, a repeated micro-batch draws the same, and every operation its own. */
static void test_dropout(void **state)
{
    enum { N = 20001 };
    struct nn_tape *tape = nn_tape_new();
    double *ones = nn_tape_alloc(tape, N * sizeof *ones);
    for (int k = 0; k < N; k++)
        ones[k] = 1;
    struct nn_tensor *x = nn_leaf(tape, N, 1, ones, NULL);
    struct nn_draws draws = {7, 1, 2, 3, 0}, again = draws, other = {7, 1, 2, 4, 0};
    struct nn_tensor *y = nn_dropout(tape, x, 0.3, &draws), *next = nn_dropout(tape, x, 0.3, &draws);
    assert_memory_equal(y->value, nn_dropout(tape, x, 0.3, &again)->value, N * sizeof(double));
    int dropped = 0, both = 0, elsewhere = 0;
    struct nn_tensor *position = nn_dropout(tape, x, 0.3, &other);
    for (int k = 0; k < N; k++) {
        assert_true(y->value[k] == 0 || y->value[k] == 1 / 0.7);
        dropped += y->value[k] == 0;
        both += y->value[k] == 0 && next->value[k] == 0;
        elsewhere += y->value[k] == 0 && position->value[k] == 0;
    }
    assert_true(abs(dropped - N * 3 / 10) < 300 && abs(both - N * 9 / 100) < 200 && abs(elsewhere - N * 9 / 100) < 200);
    assert_ptr_equal(nn_dropout(tape, x, 0.3, NULL), x);
    assert_null(nn_gate_dropout(tape, 4, 2, 0.5, NULL));
    const bool *keep = nn_gate_dropout(tape, N, 1, 0.1, &draws);
    dropped = 0;
    for (int k = 0; k < N; k++)
        dropped += !keep[k];
    assert_true(abs(dropped - N / 10) < 200 && draws.operations == 3);
    nn_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_gru_by_hand),
        cmocka_unit_test(test_gru_packed),
        cmocka_unit_test(test_session_graph),
        cmocka_unit_test(test_ggnn_alone),
        cmocka_unit_test(test_ggnn_pair),
        cmocka_unit_test(test_transh),
        cmocka_unit_test(test_mixture),
        cmocka_unit_test(test_uncertainty),
        cmocka_unit_test(test_dropout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
