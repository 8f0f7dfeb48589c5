/* test_nn_width.c - the bits of every operation, values and gradients, do not depend on the width of vector registers: this
 * program, which has clones of its loops for several widths, against the same program built without them (../plain).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "operations_session.h"

/* Widths that are whole vectors, and a rest. */
enum { WIDE = 85, SAMPLES_WIDE = 6, ITEMS_WIDE = 333 };
static struct nn_tensor *wide_softmax(struct nn_tape *tape, struct nn_tensor *const *in, enum nn_softmax_form form,
                                      const struct nn_tensor *hidden)
{
    struct nn_candidates all = {nn_lookup_from(tape, in[1], NULL, 0), ITEMS_WIDE, NULL, hidden};
    return nn_softmax_loss(tape, in[0], all, target, shares, form);
}
/* clang-format off */
OPERATION(op_wide_all) { ONE(wide_softmax(tape, in, NN_CROSS_ENTROPY, NULL)); }
OPERATION(op_wide_both) { ONE(wide_softmax(tape, in, NN_BOTH_TERMS, NULL)); }
OPERATION(op_wide_additive) { ONE(wide_softmax(tape, in, NN_CROSS_ENTROPY, in[2])); }
OPERATION(op_wide_uniform) { ONE(nn_segment_softmax(tape, in[0], nn_segments_uniform(tape, 2, WIDE))); }
OPERATION(op_wide_sum) { ONE(nn_segment_sum(tape, in[0], in[1], steps_of)); }
/* clang-format on */

static const struct operation wide[] = {
    {"wide gru, reset after", {{11, 3 * WIDE}, {WIDE, 3 * WIDE}, {1, 3 * WIDE}, {5, WIDE}}, op_gru_after, -1, 1},
    {"wide gru, reset before", {{11, 3 * WIDE}, {WIDE, 3 * WIDE}, {1, 3 * WIDE}, {5, WIDE}}, op_gru_before, -1, 1},
    {"wide gru, hard gates", {{11, 3 * WIDE}, {WIDE, 3 * WIDE}, {1, 3 * WIDE}, {5, WIDE}}, op_gru_before_hard, -1, 1},
    {"wide softmax loss", {{SAMPLES_WIDE, WIDE}, {ITEMS_WIDE, WIDE}}, op_wide_all, -1, 1},
    {"wide softmax loss, both terms", {{SAMPLES_WIDE, WIDE}, {ITEMS_WIDE, WIDE}}, op_wide_both, -1, 1},
    {"wide softmax loss, additive", {{SAMPLES_WIDE, WIDE}, {ITEMS_WIDE, WIDE}, {WIDE, 1}}, op_wide_additive, -1, 1},
    {"wide ranking, bpr", {{SAMPLES_WIDE, WIDE}}, op_rank_bpr, -3, 3},
    {"wide ranking, top1", {{SAMPLES_WIDE, WIDE}}, op_rank_top1, -3, 3},
    {"wide ranking, top1-max", {{SAMPLES_WIDE, WIDE}}, op_rank_top1_max, -3, 3},
    {"wide ranking, bpr-max", {{SAMPLES_WIDE, WIDE}}, op_rank_bpr_max, -3, 3},
    {"wide transh", {{3, WIDE}, {3, WIDE}, {3, WIDE}, {3, WIDE}}, op_transh, -1, 1},
    {"wide segment_softmax", {{2 * WIDE, 1}}, op_wide_uniform, -3, 3},
    {"wide segment_sum", {{11, WIDE}, {11, 1}}, op_wide_sum, -1, 1},
    {"wide segment_add", {{11, WIDE}, {5, WIDE}}, op_segment_add, -1, 1},
    {"wide tanh", {{3, WIDE}}, op_tanh, -3, 3},
    {"wide elu", {{3, WIDE}}, op_elu, -3, 3},
    {"wide clip_rows", {{3, WIDE}}, op_clip_rows, -1, 1},
};

static uint64_t mix(uint64_t hash, const real *x, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        uint32_t bits;
        memcpy(&bits, &x[k], sizeof bits);
        hash = ps_mix64(hash + bits);
    }
    return hash;
}

static struct nn_tensor *draw(struct nn_tape *tape, struct ps_random *random, int rows, int cols, double low, double high)
{
    size_t n = (size_t)rows * (size_t)cols;
    real *value = nn_tape_alloc(tape, n * sizeof *value), *grad = nn_tape_alloc(tape, n * sizeof *grad);
    for (size_t k = 0; k < n; k++)
        value[k] = (real)(low + (high - low) * ps_random_unit(random)), grad[k] = 0;
    return nn_leaf(tape, rows, cols, value, grad);
}

/* A hash of the operation's outputs and of its inputs' gradients. */
static uint64_t bits_of(const struct operation *operation)
{
    struct nn_tape *tape = nn_tape_new();
    struct ps_random random = ps_random_stream(1, PS_RANDOM_TEST, 4, 0, 0);
    struct nn_tensor *in[MAX_INPUTS], *out[MAX_OUTPUTS], *sum = NULL;
    int inputs = 0;
    for (; inputs < MAX_INPUTS && operation->shape[inputs][0] > 0; inputs++)
        in[inputs] = draw(tape, &random, operation->shape[inputs][0], operation->shape[inputs][1], operation->low,
                          operation->high);
    int outputs = operation->apply(tape, in, out);
    uint64_t hash = 0;
    for (int o = 0; o < outputs; o++) {
        struct nn_tensor *seed = draw(tape, &random, (int)nn_size(out[o]), 1, -1, 1);
        struct nn_tensor *part = nn_weighted_sum(tape, nn_reshape(tape, out[o], 1), seed->value);
        sum = sum ? nn_add(tape, sum, part) : part;
        hash = mix(hash, out[o]->value, nn_size(out[o]));
    }
    nn_backward(tape, sum);
    for (int k = 0; k < inputs; k++)
        hash = mix(hash, in[k]->grad, nn_size(in[k]));
    nn_tape_free(tape);
    return hash;
}

static void print_bits(const struct operation *operation, size_t n, FILE *to)
{
    for (size_t i = 0; i < n; i++)
        fprintf(to, "%s: %016llx\n", operation[i].name, (unsigned long long)bits_of(&operation[i]));
}

static void print_all(FILE *to)
{
    print_bits(session_operations, PS_COUNT(session_operations), to);
    print_bits(wide, PS_COUNT(wide), to);
}

static void test_bits_do_not_depend_on_width(void **state)
{
    char path[4096], command[4200], here[128], there[128];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(length > 0);
    path[length] = '\0';
    *strrchr(path, '/') = '\0'; /* the folder of the tests, beside which the other is */
    snprintf(command, sizeof command, "'%s/../plain/test_nn_width' print", path);
    FILE *plain = popen(command, "r"), *own = tmpfile();
    assert_true(plain && own);
    print_all(own);
    rewind(own);
    size_t lines = 0, differ = 0;
    for (; fgets(here, sizeof here, own); lines++)
        if (!fgets(there, sizeof there, plain) || strcmp(here, there) != 0) {
            print_message("  here %s  there %s", here, there);
            differ++;
        }
    fclose(own);
    assert_int_equal(pclose(plain), 0);
    assert_int_equal(lines, PS_COUNT(session_operations) + PS_COUNT(wide));
    assert_int_equal(differ, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1) { /* the program without clones */
        print_all(stdout);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits_do_not_depend_on_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
