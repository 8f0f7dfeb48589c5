/* test_nn.c - the production build of the operations: float arithmetic, the arena, and the choice of BLAS kernels. The
 * gradients are checked in test_nn_double.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/random.h"
#include "worker/nn/blas.h"
#include "worker/nn/candidates.h"
#include "worker/nn/functions.h"

static void test_exponential(void **state)
{
    for (double x = -87; x <= 88; x += 0.00137) {
        double exact = exp((double)(float)x);
        assert_true(fabs((double)nn_exp((float)x) - exact) <= 0x1p-22 * exact);
    }
    assert_true(nn_exp(0) == 1);
    assert_true(nn_exp(-1000) > 0 && nn_exp(-1000) < 1e-37f);
    assert_true(nn_exp(1000) < INFINITY);
    assert_true(isnan(nn_exp(NAN)));
}

static void test_logarithm(void **state)
{
    for (double x = 1e-30; x <= 1; x = x * 1.001) {
        double exact = log1p((double)(float)x);
        assert_true(fabs((double)nn_log1p((float)x) - exact) <= 0x1p-22 * exact);
    }
    assert_true(nn_log1p(0) == 0);
    assert_true(isnan(nn_log1p(NAN)));
}

static void test_tanh_and_log(void **state)
{
    for (double x = -20; x < 20; x += 0.00137) {
        double exact = tanh((double)(float)x);
        assert_true(fabs((double)nn_tanh_of((float)x) - exact) <= 0x1p-22 * fabs(exact));
    }
    for (double x = 1.2e-38; x < 3e38; x *= 1.00137) {
        double exact = log((double)(float)x);
        assert_true(fabs((double)nn_log((float)x) - exact) <= 0x1p-22 * fabs(exact));
    }
    for (double x = 0.9; x < 1.1; x += 1.37e-6) {
        double exact = log((double)(float)x);
        assert_true(fabs((double)nn_log((float)x) - exact) <= 0x1p-22 * fabs(exact));
    }
    assert_true(nn_tanh_of(1000) == 1 && nn_tanh_of(-1000) == -1 && isnan(nn_tanh_of(NAN)));
    assert_true(nn_log(1) == 0 && nn_log(0) < -87 && isinf(nn_log(INFINITY)) && isnan(nn_log(NAN)));
    assert_true(isnan(nn_squash(NAN, true)) && isnan(nn_squash(NAN, false)));
}

static void test_loss_far_out(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    const float z[] = {-500, 500, -500, 500}, label[] = {0, 1, 1, 0}, weight[] = {1, 1, 1, 1};
    float grad[4] = {0};
    struct nn_tensor *loss = nn_bce_logits(tape, nn_leaf(tape, 4, 1, z, grad), label, weight);
    nn_backward(tape, loss);
    assert_true(fabsf(loss->value[0] - 1000) < 1e-3f);
    assert_true(fabsf(grad[0]) < 1e-30f && fabsf(grad[1]) < 1e-6f && grad[2] == -1 && grad[3] == 1);
    nn_tape_free(tape);
}

static void test_pairs_far_out(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    const float z[] = {-500, 500, 500, -500}, weight[] = {0, 1, 0, 1};
    const uint32_t behind[] = {0, 1, 0, 1};
    float grad[4] = {0};
    struct nn_tensor *loss = nn_bpr(tape, nn_leaf(tape, 4, 1, z, grad), behind, weight);
    nn_backward(tape, loss);
    assert_true(fabsf(loss->value[0] - 1000) < 1e-3f);
    assert_true(grad[0] == -1 && grad[1] == 1 && fabsf(grad[2]) < 1e-37f && fabsf(grad[3]) < 1e-37f);
    nn_tape_free(tape);
}

/* Scores that are far apart: losses and gradients are finite, and a NaN reaches the loss. */
static void test_candidates_far_out(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    const float one = 1, item[] = {500, -500, 0}, broken[] = {0, NAN, 1};
    const uint32_t last = 1;
    float q_grad = 0, grad[3] = {0}, o_grad[3] = {0};
    struct nn_tensor *q = nn_leaf(tape, 1, 1, &one, &q_grad), *items = nn_leaf(tape, 3, 1, item, grad);
    struct nn_candidates all = {nn_lookup_from(tape, items, NULL, 0), 3, NULL, NULL};
    struct nn_tensor *loss = nn_softmax_loss(tape, q, all, &last, &one, NN_CROSS_ENTROPY);
    struct nn_tensor *both = nn_softmax_loss(tape, q, all, &last, &one, NN_BOTH_TERMS);
    struct nn_tensor *rank = nn_ranking_loss(tape, NN_RANK_BPR_MAX, nn_leaf(tape, 1, 3, item, o_grad), 0, &last, &one);
    assert_true(fabsf(loss->value[0] - 1000) < 1e-3f && fabsf(both->value[0] - 1000 - 8 * logf(10)) < 1e-3f);
    assert_true(fabsf(rank->value[0] - 24 * logf(10)) < 1e-3f);
    nn_backward(tape, nn_add(tape, loss, rank));
    assert_true(grad[0] == 1 && grad[1] == -1 && fabsf(grad[2]) < 1e-30f && q_grad == 1000);
    for (int j = 0; j < 3; j++)
        assert_true(isfinite(o_grad[j]));
    struct nn_tensor *rows = nn_leaf(tape, 3, 1, broken, NULL);
    all.from = nn_lookup_from(tape, rows, NULL, 0);
    assert_true(isnan(nn_softmax_loss(tape, q, all, &(uint32_t){0}, &one, NN_CROSS_ENTROPY)->value[0]));
    for (int kind = NN_RANK_BPR; kind <= NN_RANK_BPR_MAX; kind++)
        assert_true(isnan(nn_ranking_loss(tape, (enum nn_ranking)kind, nn_reshape(tape, rows, 3), 1, &last, &one)->value[0]));
    nn_tape_free(tape);
}

/* A diverged value must reach the loss. */
static void test_nan_survives_relu(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    const float x[] = {1, NAN}, w[] = {1, 2, 3, 4}, bias[] = {0, 0};
    struct nn_tensor *y = nn_affine(tape, nn_leaf(tape, 1, 2, x, NULL), nn_leaf(tape, 2, 2, w, NULL),
                                    nn_leaf(tape, 1, 2, bias, NULL), true);
    assert_true(isnan(y->value[0]) && isnan(nn_relu(tape, y)->value[1]));
    nn_tape_free(tape);
}

/* The same as nn_dot3, one partial sum after the other: compiled for the plainest processor, no loop to vectorise. */
static float plain_dot3(const float *a, const float *p, const float *q, int n)
{
    volatile float sum[16] = {0};
    for (int k = 0; k < 16; k++)
        for (int i = k; i < n; i += 16) {
            volatile float inner = p[i] * q[i], term = a[i] * inner;
            sum[k] = sum[k] + term;
        }
    for (int half = 8; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            sum[k] = sum[k] + sum[k + half];
    return sum[0];
}

/* Whichever clone this processor runs, forward and backward give the bits of the plain program, at any width. */
static void test_bits_do_not_depend_on_width(void **state)
{
    enum { SAMPLES = 3, MOST = 70 };
    struct ps_random r = ps_random_stream(3, PS_RANDOM_TEST, 0, 0, 0);
    float p[2 * MOST], q[2 * MOST], h[MOST], p_grad[2 * MOST], expected[2 * MOST];
    for (int k = 0; k < 2 * MOST; k++)
        p[k] = (float)ps_random_normal(&r), q[k] = (float)ps_random_normal(&r), h[k % MOST] = p[k] - q[k];
    for (int width = 1; width <= MOST; width++) {
        struct nn_tape *tape = nn_tape_new();
        const float *p_row[] = {p, p + width}, *q_row[] = {q, q + width};
        struct nn_rows users = {2, width, p_row, p_grad}, items = {2, width, q_row, NULL};
        const uint32_t user[SAMPLES] = {0, 1, 0}, item[SAMPLES] = {1, 0, 0};
        const float label[SAMPLES] = {1, 0, 1}, weight[SAMPLES] = {1, 2, 3};
        const struct nn_tensor *head = nn_leaf(tape, width, 1, h, NULL);
        struct nn_tensor *f;
        memset(p_grad, 0, sizeof p_grad);
        memset(expected, 0, sizeof expected);
        nn_gmf(tape, (struct nn_lookup){&users, user, 0}, (struct nn_lookup){&items, item, 0}, width, 1, &head,
               (const int[]){SAMPLES}, &f);
        nn_backward(tape, nn_bce_logits(tape, f, label, weight));
        for (int b = 0; b < SAMPLES; b++) {
            assert_true(f->value[b] == plain_dot3(h, p_row[user[b]], q_row[item[b]], width));
            for (int j = 0; j < width; j++) {
                volatile float c = f->grad[b] * h[j], term = c * q_row[item[b]][j];
                expected[user[b] * (uint32_t)width + (uint32_t)j] += term;
            }
        }
        assert_memory_equal(p_grad, expected, 2 * (size_t)width * sizeof(float));
        nn_tape_free(tape);
    }
}

/* After the first large tile the arena is one block: the same memory comes again, and nothing is allocated. */
static void test_arena(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    for (int k = 0; k < 50; k++) {
        char *memory = nn_tape_alloc(tape, 300001);
        assert_int_equal((uintptr_t)memory % 64, 0);
        memset(memory, k, 300001);
    }
    nn_tape_reset(tape);
    char *first[50];
    for (int k = 0; k < 50; k++)
        first[k] = nn_tape_alloc(tape, 300001);
    for (int k = 1; k < 50; k++)
        assert_ptr_equal(first[k], first[k - 1] + 300032);
    nn_tape_reset(tape);
    for (int k = 0; k < 50; k++)
        assert_ptr_equal(nn_tape_alloc(tape, 300001), first[k]);
    nn_tape_free(tape);
}

static void test_better_kernel(void **state)
{
    assert_string_equal(ps_blas_better_kernel("Prescott", true, true), "SkylakeX");
    assert_string_equal(ps_blas_better_kernel("Prescott", false, true), "Haswell");
    assert_string_equal(ps_blas_better_kernel("Sandybridge", false, true), "Haswell");
    assert_null(ps_blas_better_kernel("Prescott", false, false));
    assert_null(ps_blas_better_kernel("Cooperlake", true, true));
    assert_null(ps_blas_better_kernel("ZEN", true, true));
}

/* Runs this program as a child (see main) with OPENBLAS_CORETYPE set, and returns what it prints. */
static void run_child(const char *role, const char *kernel, char output[256])
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        setenv("OPENBLAS_CORETYPE", kernel, 1);
        execl("/proc/self/exe", "test_nn", role, "an argument", NULL);
        _exit(127);
    }
    close(ends[1]);
    size_t used = 0;
    ssize_t got;
    while (used < 255 && (got = read(ends[0], output + used, 255 - used)) > 0)
        used += (size_t)got;
    output[used] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#if defined(__x86_64__)
/* The trap of architecture.md: OpenBLAS is loaded with old kernels, and nobody asked for them. */
static void test_trap_is_closed(void **state)
{
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        print_message("skipped: this processor has no kernels better than the oldest\n");
        skip();
    }
    char output[256];
    run_child("trapped", "Prescott", output);
    assert_non_null(strstr(output, "Prescott kernels for this processor; starting again with "));
    assert_true(strstr(output, "now SkylakeX, 3 arguments") || strstr(output, "now Haswell, 3 arguments"));
}

/* A kernel that was asked for is kept, however old: the coordinator imposes one for bitwise equality. */
static void test_chosen_kernel_is_kept(void **state)
{
    char output[256];
    run_child("chosen", "Prescott", output);
    assert_string_equal(output, "now Prescott, 3 arguments\n");
}
#endif

int main(int argc, char **argv)
{
    if (argc > 1) {
        /* A child of run_child. "trapped": the kernels stay those that the variable chose, but the variable is gone. */
        const char *kernel = getenv("OPENBLAS_CORETYPE");
        if (strcmp(argv[1], "trapped") == 0 && kernel && strcmp(kernel, "Prescott") == 0)
            unsetenv("OPENBLAS_CORETYPE");
        ps_blas_ensure_kernel(argv);
        printf("now %s, %d arguments\n", ps_blas_kernel(), argc);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exponential),
        cmocka_unit_test(test_logarithm),
        cmocka_unit_test(test_tanh_and_log),
        cmocka_unit_test(test_loss_far_out),
        cmocka_unit_test(test_pairs_far_out),
        cmocka_unit_test(test_candidates_far_out),
        cmocka_unit_test(test_nan_survives_relu),
        cmocka_unit_test(test_bits_do_not_depend_on_width),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_better_kernel),
#if defined(__x86_64__)
        cmocka_unit_test(test_trap_is_closed),
        cmocka_unit_test(test_chosen_kernel_is_kept),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
