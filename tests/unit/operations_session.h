/* operations_session.h - the operations that session-based and multi-task models need, each described once. */
#ifndef PS_TEST_OPERATIONS_SESSION_H
#define PS_TEST_OPERATIONS_SESSION_H

#include "operation.h"
#include "worker/nn/candidates.h"
#include "worker/nn/graph.h"
#include "worker/nn/sequence.h"
#include "worker/nn/tasks.h"

/* Five sessions of 11 steps, one of a single step and one of the same length as another; then one that is empty, too. */
static const uint32_t steps_begin[] = {0, 2, 3, 7, 9, 11}, holes_begin[] = {0, 2, 2, 7, 9, 11};
static const struct nn_segments steps_of = {5, steps_begin}, holes_of = {5, holes_begin};
/* Their items: a transition that comes twice, one to itself, an item that another session has too. */
static const uint32_t steps_item[] = {4, 1, 4, 2, 0, 2, 0, 3, 3, 5, 2};

/* clang-format off */
OPERATION(op_scores) { ONE(nn_scores(tape, in[0], in[1])); }
OPERATION(op_scores_self) { ONE(nn_scores(tape, in[0], in[0])); }
OPERATION(op_hard_sigmoid) { ONE(nn_hard_sigmoid(tape, in[0])); }
OPERATION(op_tanh) { ONE(nn_tanh(tape, in[0])); }
OPERATION(op_clip_rows) { ONE(nn_clip_rows(tape, in[0], 1)); }
OPERATION(op_elu) { ONE(nn_elu(tape, in[0], (real)0.5)); }
OPERATION(op_reshape) { ONE(nn_sigmoid(tape, nn_reshape(tape, nn_mul(tape, in[0], in[0]), 6))); }
OPERATION(op_segment_last) { ONE(nn_segment_last(tape, in[0], steps_of)); }
OPERATION(op_segment_add) { ONE(nn_segment_add(tape, in[0], in[1], holes_of)); }
OPERATION(op_segment_softmax) { ONE(nn_segment_softmax(tape, in[0], holes_of)); }
OPERATION(op_segment_sum) { ONE(nn_segment_sum(tape, in[0], in[1], holes_of)); }
OPERATION(op_segment_mean) { ONE(nn_segment_mean(tape, in[0], holes_of)); }
OPERATION(op_softmax) { ONE(nn_softmax(tape, in[0])); }
/* clang-format on */

static struct nn_tensor *gru_of(struct nn_tape *tape, struct nn_tensor *const *in, bool state, struct nn_segments segments,
                                enum nn_reset reset, bool hard)
{
    struct nn_cell cell = {in[1], in[2], reset, hard};
    return nn_gru(tape, in[0], state ? in[3] : NULL, segments, cell);
}
/* clang-format off */
OPERATION(op_gru_after) { ONE(gru_of(tape, in, true, steps_of, NN_RESET_AFTER, false)); }
OPERATION(op_gru_before) { ONE(gru_of(tape, in, true, steps_of, NN_RESET_BEFORE, false)); }
OPERATION(op_gru_after_zero) { ONE(gru_of(tape, in, false, holes_of, NN_RESET_AFTER, false)); }
OPERATION(op_gru_before_zero) { ONE(gru_of(tape, in, false, holes_of, NN_RESET_BEFORE, false)); }
OPERATION(op_gru_after_hard) { ONE(gru_of(tape, in, true, steps_of, NN_RESET_AFTER, true)); }
OPERATION(op_gru_before_hard) { ONE(gru_of(tape, in, true, steps_of, NN_RESET_BEFORE, true)); }
/* clang-format on */

OPERATION(op_gru_unbiased)
{
    struct nn_cell cell = {in[1], NULL, NN_RESET_AFTER, false};
    ONE(nn_gru(tape, in[0], in[2], nn_segments_uniform(tape, 3, 2), cell));
}

OPERATION(op_sparse)
{
    struct nn_session_graph graph = nn_session_graph(tape, steps_item, 6, steps_of, true);
    ONE(nn_sparse_matmul(tape, graph.in, in[0], 1, 3, in[1]));
}

/* Inputs: H, w, b, U, c, b_in, then those that the coded form has beside them: w_edge, b_edge, b_out. */
static struct nn_tensor *ggnn_of(struct nn_tape *tape, struct nn_tensor *const *in, bool coded, bool counted, int steps)
{
    struct nn_session_graph graph = nn_session_graph(tape, steps_item, 6, steps_of, counted);
    struct nn_ggnn layer = {.b_in = in[5], .w = in[1], .b = in[2], .cell = {in[3], in[4], NN_RESET_BEFORE, false}};
    if (coded) {
        layer.w_edge = in[6], layer.b_edge = in[7], layer.b_out = in[8];
        layer.cell.reset = NN_RESET_AFTER;
    }
    struct nn_tensor *nodes = nn_ggnn(tape, in[0], &graph, &layer, steps);
    return nn_lookup(tape, nn_lookup_from(tape, nodes, graph.node, 0), 11, 2);
}
/* clang-format off */
OPERATION(op_ggnn_code) { ONE(ggnn_of(tape, in, true, true, 1)); }
OPERATION(op_ggnn_code_steps) { ONE(ggnn_of(tape, in, true, false, 3)); }
OPERATION(op_ggnn_paper) { ONE(ggnn_of(tape, in, false, true, 2)); }
/* clang-format on */

/* Inputs: x, W_2, b, W_1, beta, c; the query is the last step's. */
static struct nn_tensor *attend_of(struct nn_tape *tape, struct nn_tensor *const *in, enum nn_activation activation,
                                   bool normalise)
{
    struct nn_tensor *query = nn_matmul(tape, nn_segment_last(tape, in[0], steps_of), in[3]);
    return nn_attend(tape, (struct nn_attention){activation, normalise}, in[0], nn_affine(tape, in[0], in[1], in[2], false),
                     query, in[4], normalise ? NULL : in[5], steps_of);
}
/* clang-format off */
OPERATION(op_attend_raw) { ONE(attend_of(tape, in, NN_SIGMOID, false)); }
OPERATION(op_attend_softmax) { ONE(attend_of(tape, in, NN_SIGMOID, true)); }
OPERATION(op_attend_hard) { ONE(attend_of(tape, in, NN_HARD_SIGMOID, true)); }
OPERATION(op_attend_no_query) { ONE(nn_attend(tape, (struct nn_attention){NN_TANH, true}, in[0],
                                              nn_affine(tape, in[0], in[1], in[2], false), NULL, in[3], NULL, steps_of)); }
/* clang-format on */

/* Six samples among 9 rows of a table, or 7 of them with one twice; two samples have the same target. */
static const uint32_t sampled[] = {3, 0, 8, 5, 3, 6, 1}, target[] = {2, 0, 6, 2, 4, 5};
static const real corrections[] = {-1, -2, (real)-0.5, -3, -1, 0, -2}, shares[] = {(real)0.5, 1, (real)0.25, 2, 1, (real)0.75};

static struct nn_tensor *softmax_of(struct nn_tape *tape, struct nn_tensor *const *in, bool some, enum nn_softmax_form form,
                                    const struct nn_tensor *hidden)
{
    struct nn_candidates candidates = {nn_lookup_from(tape, in[1], some ? sampled : NULL, 1), 9, NULL, hidden};
    if (some)
        candidates.count = PS_COUNT(sampled), candidates.log_q = corrections;
    return nn_softmax_loss(tape, in[0], candidates, target, shares, form);
}
/* clang-format off */
OPERATION(op_softmax_all) { ONE(softmax_of(tape, in, false, NN_CROSS_ENTROPY, NULL)); }
OPERATION(op_softmax_sampled) { ONE(softmax_of(tape, in, true, NN_CROSS_ENTROPY, NULL)); }
OPERATION(op_softmax_both) { ONE(softmax_of(tape, in, false, NN_BOTH_TERMS, NULL)); }
OPERATION(op_softmax_both_sampled) { ONE(softmax_of(tape, in, true, NN_BOTH_TERMS, NULL)); }
OPERATION(op_softmax_additive) { ONE(softmax_of(tape, in, false, NN_CROSS_ENTROPY, in[2])); }
OPERATION(op_softmax_additive_both) { ONE(softmax_of(tape, in, true, NN_BOTH_TERMS, in[2])); }
OPERATION(op_rank_bpr) { ONE(nn_ranking_loss(tape, NN_RANK_BPR, in[0], 0, target, shares)); }
OPERATION(op_rank_top1) { ONE(nn_ranking_loss(tape, NN_RANK_TOP1, in[0], 0, target, shares)); }
OPERATION(op_rank_top1_max) { ONE(nn_ranking_loss(tape, NN_RANK_TOP1_MAX, in[0], 0, target, shares)); }
OPERATION(op_rank_bpr_max) { ONE(nn_ranking_loss(tape, NN_RANK_BPR_MAX, nn_elu(tape, in[0], (real)0.5), (real)0.9, target,
                                                 shares)); }
/* clang-format on */

OPERATION(op_dropout)
{
    struct nn_draws draws = {1, 2, 3, 4, 0};
    struct nn_tensor *once = nn_dropout(tape, in[0], 0.3, &draws);
    ONE(nn_sigmoid(tape, nn_dropout(tape, nn_add(tape, once, in[0]), 0.5, &draws)));
}

OPERATION(op_transh) { ONE(nn_transh(tape, in[0], in[1], in[2], in[3])); }

/* A margin between the distances of two triples (of one relation), for those that are within it. */
OPERATION(op_transh_margin)
{
    static const real margin[] = {1, 1, 1};
    struct nn_tensor *near = nn_transh(tape, in[0], in[1], in[2], in[3]), *far = nn_transh(tape, in[0], in[4], in[2], in[3]);
    struct nn_tensor *behind = nn_add(tape, nn_add(tape, near, nn_scale(tape, far, -1)), nn_leaf(tape, 3, 1, margin, NULL));
    ONE(nn_weighted_sum(tape, nn_relu(tape, behind), shares));
}

/* Two tasks over three experts; inputs: x, the experts' weights, those of the gates. */
static int mixture_of(struct nn_tape *tape, struct nn_tensor *const *in, const bool *keep, struct nn_tensor **out)
{
    struct nn_tensor *experts = nn_affine(tape, in[0], in[1], in[2], true);
    for (int k = 0; k < 2; k++)
        out[k] = nn_mixture(tape, experts, nn_affine(tape, in[0], in[3 + k], in[5 + k], false), keep, NULL);
    return 2;
}
OPERATION(op_mixture) { return mixture_of(tape, in, NULL, out); }
OPERATION(op_mixture_dropped)
{
    static const bool keep[5][3] = {{1, 1, 1}, {0, 1, 1}, {0, 0, 0}, {0, 0, 1}, {1, 0, 1}};
    return mixture_of(tape, in, &keep[0][0], out);
}

/* Progressive layered extraction: each task mixes its own two experts and the shared one. */
OPERATION(op_mixture_own)
{
    struct nn_tensor *shared = nn_affine(tape, in[0], in[1], NULL, true);
    for (int k = 0; k < 2; k++) {
        struct nn_tensor *own = nn_affine(tape, in[0], in[2 + k], NULL, true);
        out[k] = nn_mixture(tape, nn_concat(tape, own, shared), nn_matmul(tape, in[0], in[4 + k]), NULL, NULL);
    }
    return 2;
}

OPERATION(op_uncertainty)
{
    static const real zero[6];
    struct nn_tensor *loss[] = {nn_bce_logits(tape, in[0], zero, shares), nn_weighted_sum(tape, nn_sigmoid(tape, in[1]), shares)};
    ONE(nn_uncertainty(tape, loss, in[2], (real)0.5));
}

/* Clicks, and purchases as clicks that convert (Ma et al., ESMM, SIGIR 2018). */
OPERATION(op_esmm)
{
    static const real click[] = {1, 0, 1, 1, 0, 1}, both[] = {1, 0, 0, 1, 0, 0};
    struct nn_tensor *clicks = nn_sigmoid(tape, in[0]);
    ONE(nn_add(tape, nn_bce_logits(tape, in[0], click, shares),
               nn_bce(tape, nn_mul(tape, clicks, nn_sigmoid(tape, in[1])), both, shares)));
}

static const struct operation session_operations[] = {
    {"scores", {{5, 4}, {3, 4}}, op_scores, -1, 1},
    {"scores, of itself", {{5, 4}}, op_scores_self, -1, 1},
    {"hard_sigmoid", {{3, 7}}, op_hard_sigmoid, -4, 4},
    {"tanh", {{3, 19}}, op_tanh, -3, 3},
    {"clip_rows", {{8, 3}}, op_clip_rows, -1, 1},
    {"elu", {{3, 19}}, op_elu, -3, 3},
    {"reshape", {{3, 4}}, op_reshape, -1, 1},
    {"segment_last", {{11, 3}}, op_segment_last, -1, 1},
    {"segment_add", {{11, 3}, {5, 3}}, op_segment_add, -1, 1},
    {"segment_softmax", {{11, 1}}, op_segment_softmax, -3, 3},
    {"segment_sum", {{11, 19}, {11, 1}}, op_segment_sum, -1, 1},
    {"segment_mean", {{11, 3}}, op_segment_mean, -1, 1},
    {"softmax", {{3, 21}}, op_softmax, -3, 3},
    {"gru, reset after", {{11, 9}, {3, 9}, {1, 9}, {5, 3}}, op_gru_after, -1, 1},
    {"gru, reset before", {{11, 9}, {3, 9}, {1, 9}, {5, 3}}, op_gru_before, -1, 1},
    {"gru, reset after, no state", {{11, 57}, {19, 57}, {1, 57}}, op_gru_after_zero, -1, 1},
    {"gru, reset before, no state", {{11, 57}, {19, 57}, {1, 57}}, op_gru_before_zero, -1, 1},
    {"gru, reset after, hard gates", {{11, 9}, {3, 9}, {1, 9}, {5, 3}}, op_gru_after_hard, -2, 2},
    {"gru, reset before, hard gates", {{11, 9}, {3, 9}, {1, 9}, {5, 3}}, op_gru_before_hard, -2, 2},
    {"gru, no bias", {{6, 6}, {2, 6}, {3, 2}}, op_gru_unbiased, -1, 1},
    {"sparse_matmul", {{8, 5}, {1, 3}}, op_sparse, -1, 1},
    {"ggnn, code", {{8, 2}, {4, 6}, {1, 6}, {2, 6}, {1, 6}, {1, 2}, {2, 4}, {1, 4}, {1, 2}}, op_ggnn_code, -1, 1},
    {"ggnn, code, three steps", {{8, 2}, {4, 6}, {1, 6}, {2, 6}, {1, 6}, {1, 2}, {2, 4}, {1, 4}, {1, 2}}, op_ggnn_code_steps, -1, 1},
    {"ggnn, paper", {{8, 2}, {2, 6}, {1, 6}, {2, 6}, {1, 6}, {1, 2}}, op_ggnn_paper, -1, 1},
    {"attend, unnormalised", {{11, 3}, {3, 4}, {1, 4}, {3, 4}, {4, 1}, {1, 1}}, op_attend_raw, -1, 1},
    {"attend, softmax", {{11, 3}, {3, 4}, {1, 4}, {3, 4}, {4, 1}}, op_attend_softmax, -1, 1},
    {"attend, hard sigmoid", {{11, 3}, {3, 4}, {1, 4}, {3, 4}, {4, 1}}, op_attend_hard, -2, 2},
    {"attend, no query", {{11, 3}, {3, 4}, {1, 4}, {4, 1}}, op_attend_no_query, -1, 1},
    {"softmax loss", {{6, 5}, {9, 7}}, op_softmax_all, -1, 1},
    {"softmax loss, sampled", {{6, 5}, {9, 7}}, op_softmax_sampled, -1, 1},
    {"softmax loss, both terms", {{6, 5}, {9, 7}}, op_softmax_both, -1, 1},
    {"softmax loss, both terms, sampled", {{6, 5}, {9, 7}}, op_softmax_both_sampled, -1, 1},
    {"softmax loss, additive", {{6, 5}, {9, 7}, {5, 1}}, op_softmax_additive, -1, 1},
    {"softmax loss, additive, both terms, sampled", {{6, 19}, {9, 21}, {19, 1}}, op_softmax_additive_both, -1, 1},
    {"ranking, bpr", {{6, 19}}, op_rank_bpr, -2, 2},
    {"ranking, top1", {{6, 19}}, op_rank_top1, -2, 2},
    {"ranking, top1-max", {{6, 19}}, op_rank_top1_max, -2, 2},
    {"ranking, bpr-max", {{6, 19}}, op_rank_bpr_max, -2, 2},
    {"dropout", {{5, 19}}, op_dropout, -1, 1},
    {"transh", {{3, 19}, {3, 19}, {3, 19}, {3, 19}}, op_transh, -1, 1},
    {"transh, margin", {{3, 4}, {3, 4}, {3, 4}, {3, 4}, {3, 4}}, op_transh_margin, -1, 1},
    {"mixture", {{5, 4}, {4, 6}, {1, 6}, {4, 3}, {4, 3}, {1, 3}, {1, 3}}, op_mixture, -1, 1},
    {"mixture, some dropped", {{5, 4}, {4, 6}, {1, 6}, {4, 3}, {4, 3}, {1, 3}, {1, 3}}, op_mixture_dropped, -1, 1},
    {"mixture, own and shared experts", {{5, 4}, {4, 2}, {4, 4}, {4, 4}, {4, 3}, {4, 3}}, op_mixture_own, -1, 1},
    {"uncertainty", {{6, 1}, {6, 1}, {1, 2}}, op_uncertainty, -1, 1},
    {"esmm", {{6, 1}, {6, 1}}, op_esmm, -2, 2},
};

#endif
