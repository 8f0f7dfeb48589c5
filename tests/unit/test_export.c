/* test_export.c - scoring functions as they are recorded for export: everything that a model's scores are computed from is known to the
 * exporter, for every model of the registry; files of matrices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/export/scoring.h"
#include "model_bench.h"
#include "toy.h"
#include "toy_sessions.h"

/* Counts the operations behind a value, each as often as it is reached; fails at one that is not known. */
static int walk(const struct ps_scoring *s, const void *what, const char *model)
{
    const struct nn_event *e = what ? ps_scoring_find(s, what) : NULL;
    if (!e)
        return 0;
    if (e->op == NN_OP_OTHER)
        fail_msg("%s computes something that is told of by nobody", model);
    int operations = 1;
    for (int k = 0; k < NN_TRACE_INPUTS; k++)
        operations += walk(s, e->in[k], model);
    return operations;
}

static bool reads(const struct ps_scoring *s, const void *from, const void *what)
{
    const struct nn_event *e = from ? ps_scoring_find(s, from) : NULL;
    bool found = from == what;
    for (int k = 0; e && k < NN_TRACE_INPUTS && !found; k++)
        found = reads(s, e->in[k], what);
    return found;
}

static void check_model(const struct ps_model_class *class_, const struct ps_config *config, const struct ps_dataset *dataset)
{
    struct model_bench b;
    struct ps_scoring s;
    struct ps_error err;
    assert_int_equal(model_bench_init(&b, class_->name, config, dataset), 0);
    if (!class_->logits && !class_->match) {
        assert_int_equal(ps_scoring_record(&s, &b.model, b.param, &err), -PS_EXIT_USAGE);
        assert_string_equal(class_->name, "mfpr");
    } else {
        assert_int_equal(ps_scoring_record(&s, &b.model, b.param, &err), 0);
        assert_true(s.score->cols == 1 && walk(&s, s.score, class_->name) > 2);
        assert_true(reads(&s, s.score, class_->match ? s.candidate : s.item));
        assert_true(reads(&s, s.score, class_->match ? s.step : s.user));
        assert_true(!class_->match || (s.encoded->rows == 1 && s.encoded->cols == b.model.encoded));
        ps_scoring_fini(&s);
    }
    model_bench_fini(&b);
}

static void test_recorded(void **state)
{
    struct ps_dataset pairs = toy_dataset(3), sessions = toy_session_dataset();
    for (int m = 0; ps_models[m]; m++)
        for (int form = 0; ps_models[m]->forward && form < 12; form++) {
            struct ps_config config = toy_config(8);
            config.model.cascade = (enum ps_cascade)(form % 4);
            config.model.unit = (enum ps_unit)(form / 4);
            config.model.score = form % 2 && strstr(ps_models[m]->options, "score") ? PS_SCORE_MLP : PS_SCORE_DOT;
            check_model(ps_models[m], &config, ps_models[m]->recipe.stream ? &sessions : &pairs);
        }
}

static void hear(void *ctx, const struct nn_event *event)
{
    struct nn_event *last = ctx;
    *last = *event;
}

/* What an operation makes is no constant, though the operation says nothing of itself. */
static void test_unknown_operation(void **state)
{
    struct nn_tape *tape = nn_tape_new();
    const real x[] = {1, 2}, *row = x;
    const struct nn_rows rows = {1, 2, &row, NULL};
    const struct nn_bag_entry entry = {0, 0, 1};
    const uint32_t begin[] = {0, 1}, zero = 0, none = UINT32_MAX;
    const struct nn_bags bags = {&rows, begin, &entry};
    struct nn_event last = {0};
    nn_listen(tape, hear, &last);
    const struct nn_tensor *y = nn_bag(tape, bags, &zero, &none, 1, 2);
    assert_ptr_equal(last.out, y);
    assert_int_equal(last.op, NN_OP_OTHER);
    y = nn_relu(tape, y);
    assert_ptr_equal(last.out, y);
    assert_int_equal(last.op, NN_OP_RELU);
    nn_listen(tape, NULL, NULL);
    assert_ptr_not_equal(nn_relu(tape, y), last.out); /* nobody listens any more */
    nn_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recorded), cmocka_unit_test(test_unknown_operation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
