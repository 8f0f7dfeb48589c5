/* bench_session.c - what one core does with the operations of session-based models, forward and backward, against the products
 * alone that they need at the same shapes: a GRU with the projection of its input, and softmax over all items.
 *
 *   bench_session [REPEATS]
 *
 * 512 sessions of 30 steps, d = 100, and the same with lengths from 1 to 59 (as many steps); 512 samples, 100,000 items. What is
 * measured takes turns with the products. Figures are medians of processor time; pin it to one core (taskset -c 1).
 */
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "common/process.h"
#include "worker/nn/blas.h"
#include "worker/nn/candidates.h"
#include "worker/nn/sequence.h"

enum { SESSIONS = 512, STEPS = 30, ROWS = SESSIONS * STEPS, LONGEST = 2 * STEPS, D = 100, ITEMS = 100000, CHUNK = 512 };

static struct nn_tensor drawn(int rows, int cols, double scale)
{
    size_t n = (size_t)rows * (size_t)cols;
    float *value = ps_malloc_aligned(n * sizeof *value);
    struct ps_random r = ps_random_stream(1, PS_RANDOM_TEST, n, 0, 0);
    for (size_t k = 0; k < n; k++)
        value[k] = (float)(scale * (2 * ps_random_unit(&r) - 1));
    return (struct nn_tensor){rows, cols, value, ps_calloc(n, sizeof(float))};
}

static float *scratch(size_t rows, size_t cols)
{
    float *x = ps_malloc_aligned(rows * cols * sizeof *x);
    memset(x, 0, rows * cols * sizeof *x);
    return x;
}

static void report(const char *what, double flops, double *seconds, double *products, int repeats)
{
    double reached = flops / median(seconds, repeats) / 1e9, alone = flops / median(products, repeats) / 1e9;
    printf("%-44s %6.1f GFLOP/s, products alone %6.1f: %3.0f %%\n", what, reached, alone, 100 * reached / alone);
}

/* The products of a GRU whose step t has active[t] sessions. With the reset before, those by U are in two parts. */
static double gru_products(const float *x, const float *w, float *a, float *h, const int *active, enum nn_reset reset)
{
    static float dw[D * 3 * D];
    int first = reset == NN_RESET_AFTER ? 3 * D : 2 * D;
    double begin = ps_cpu_now();
    nn_gemm(false, false, ROWS, 3 * D, D, x, D, w, 3 * D, 0, a, 3 * D);
    float *gate = a + (size_t)active[0] * 3 * D, *state = h + (size_t)active[0] * D;
    for (int t = 1; t < LONGEST && active[t]; gate += (size_t)active[t] * 3 * D, state += (size_t)active[t] * D, t++) {
        nn_gemm(false, false, active[t], first, D, state, D, w, 3 * D, 0, gate, 3 * D);
        if (reset == NN_RESET_BEFORE)
            nn_gemm(false, false, active[t], D, D, state, D, w + 2 * D, 3 * D, 0, gate + 2 * D, 3 * D);
        nn_gemm(false, true, active[t], D, first, gate, 3 * D, w, 3 * D, 0, state, D);
        if (reset == NN_RESET_BEFORE)
            nn_gemm(false, true, active[t], D, D, gate + 2 * D, 3 * D, w + 2 * D, 3 * D, 0, state, D);
    }
    nn_gemm(true, false, D, first, ROWS - SESSIONS, h, D, a, 3 * D, 0, dw, 3 * D);
    if (reset == NN_RESET_BEFORE)
        nn_gemm(true, false, D, D, ROWS - SESSIONS, h, D, a + 2 * D, 3 * D, 0, dw, 3 * D);
    nn_gemm(false, true, ROWS, D, 3 * D, a, 3 * D, w, 3 * D, 0, h, D);
    nn_gemm(true, false, D, 3 * D, ROWS, x, D, a, 3 * D, 0, dw, 3 * D);
    return ps_cpu_now() - begin;
}

static double gru(struct nn_tape *tape, struct nn_tensor *x, struct nn_tensor *w, struct nn_tensor *b, struct nn_tensor *u,
                  struct nn_tensor *c, struct nn_segments segments, enum nn_reset reset, const float *ones)
{
    double begin = ps_cpu_now();
    nn_tape_reset(tape);
    struct nn_tensor *a = nn_affine(tape, x, w, b, false);
    struct nn_tensor *h = nn_gru(tape, a, NULL, segments, (struct nn_cell){u, c, reset, false});
    nn_backward(tape, nn_weighted_sum(tape, nn_reshape(tape, h, 1), ones));
    return ps_cpu_now() - begin;
}

static void bench_gru(int repeats)
{
    static uint32_t equal[SESSIONS + 1], ragged[SESSIONS + 1];
    static int active[2][LONGEST];
    for (uint32_t s = 0; s < SESSIONS; s++) {
        equal[s + 1] = equal[s] + STEPS;
        uint32_t some = 1 + s / 2 % (LONGEST - 1);
        ragged[s + 1] = ragged[s] + (s % 2 ? LONGEST - some : some);
    }
    PS_ASSERT(ragged[SESSIONS] == ROWS);
    for (int s = 0; s < SESSIONS; s++)
        for (uint32_t t = 0; t < LONGEST; t++) {
            active[0][t] += t < STEPS;
            active[1][t] += t < ragged[s + 1] - ragged[s];
        }
    struct nn_tensor x = drawn(ROWS, D, 1), w = drawn(D, 3 * D, 0.1), b = drawn(1, 3 * D, 0.1), u = drawn(D, 3 * D, 0.1),
                     c = drawn(1, 3 * D, 0.1);
    float *a = scratch(ROWS, 3 * D), *h = scratch(ROWS, D), *ones = scratch(ROWS, D);
    for (size_t k = 0; k < (size_t)ROWS * D; k++)
        ones[k] = 1;
    struct nn_tape *tape = nn_tape_new();
    for (int reset = NN_RESET_AFTER; reset <= NN_RESET_BEFORE; reset++)
        for (int lengths = 0; lengths < 2; lengths++) {
            double seconds[64], products[64], flops = 3 * 2.0 * D * 3 * D * (2 * ROWS - SESSIONS);
            for (int k = 0; k <= repeats; k++) { /* the first time is not counted */
                double took = gru(tape, &x, &w, &b, &u, &c, (struct nn_segments){SESSIONS, lengths ? ragged : equal},
                                  (enum nn_reset)reset, ones);
                seconds[PS_MAX(k - 1, 0)] = took;
                products[PS_MAX(k - 1, 0)] = gru_products(x.value, u.value, a, h, active[lengths], (enum nn_reset)reset);
            }
            char what[64];
            snprintf(what, sizeof what, "gru, reset %s, %s", reset == NN_RESET_AFTER ? "after" : "before",
                     lengths ? "1 to 59 steps" : "30 steps");
            report(what, flops, seconds, products, repeats);
        }
    nn_tape_free(tape);
}

/* Of a chunk: scores, forward and again backward, and the two gradients. */
static double softmax_products(const float *q, const float *e, float *o, float *dq, float *de)
{
    double begin = ps_cpu_now();
    for (int first = 0; first < ITEMS; first += CHUNK) {
        int n = PS_MIN(CHUNK, ITEMS - first);
        const float *rows = e + (size_t)first * D;
        for (int k = 0; k < 2; k++)
            nn_gemm(false, true, SESSIONS, n, D, q, D, rows, D, 0, o, n);
        nn_gemm(false, false, SESSIONS, D, n, o, n, rows, D, 0, dq, D);
        nn_gemm(true, false, n, D, SESSIONS, o, n, q, D, 0, de + (size_t)first * D, D);
    }
    return ps_cpu_now() - begin;
}

static void bench_softmax(int repeats)
{
    struct nn_tensor q = drawn(SESSIONS, D, 0.5), e = drawn(ITEMS, D, 0.5);
    float *o = scratch(SESSIONS, CHUNK), *dq = scratch(SESSIONS, D), *de = scratch(ITEMS, D), *ones = scratch(SESSIONS, 1);
    static uint32_t target[SESSIONS];
    for (uint32_t b = 0; b < SESSIONS; b++)
        target[b] = b * 191 % ITEMS, ones[b] = 1;
    struct nn_tape *tape = nn_tape_new();
    double seconds[64], products[64];
    for (int k = 0; k <= repeats; k++) {
        double begin = ps_cpu_now();
        nn_tape_reset(tape);
        struct nn_candidates all = {nn_lookup_from(tape, &e, NULL, 0), ITEMS, NULL, NULL};
        nn_backward(tape, nn_softmax_loss(tape, &q, all, target, ones, NN_CROSS_ENTROPY));
        seconds[PS_MAX(k - 1, 0)] = ps_cpu_now() - begin;
        products[PS_MAX(k - 1, 0)] = softmax_products(q.value, e.value, o, dq, de);
    }
    report("softmax over 100,000 items, 512 samples", 4 * 2.0 * SESSIONS * ITEMS * D, seconds, products, repeats);
    nn_tape_free(tape);
}

int main(int argc, char **argv)
{
    ps_process_prepare();
    ps_process_huge_pages(argv);
    ps_blas_ensure_kernel(argv);
    int repeats = argc > 1 ? atoi(argv[1]) : 7;
    repeats = PS_MIN(PS_MAX(repeats, 1), 64);
    printf("OpenBLAS kernels: %s\n", ps_blas_kernel());
    bench_gru(repeats);
    bench_softmax(repeats);
    return 0;
}
