/* tasks.h - models with several tasks over a session: the next item, and each feedback of the item behind a state (GRU4Rec with MMoE).
 *
 *   x = the state of a gated recurrent unit;   f_k = what task k takes from the bottom;   t_k = relu(f_k V_k + v_k) U_k + u_k
 *   next item: score_j = t_0 . e_j + b_j, softmax;    feedback k of item y: logit = t_k . e_y + b_k, cross-entropy, for every item that came
 *   next or was only shown
 *
 *   bottom        f_k
 *   single        expert_k(x): a model for each task, over one embedding
 *   shared        expert(x)
 *   mixture       sum_e softmax(x G_k + c_k)_e expert_e(x)             Ma et al., KDD 2018 (MMoE)
 *   extraction    the same over the task's own experts and shared ones, in levels    Tang et al., RecSys 2020 (PLE)
 *
 * expert(x) = relu(x W + b). With one expert a mixture is the shared bottom, with one task it is the single one, to the bit.
 */
#ifndef PS_MODELS_TASKS_H
#define PS_MODELS_TASKS_H

#include "worker/models/session.h"
#include "worker/nn/tasks.h"

enum { PS_MAX_LEVELS = 4 };
_Static_assert((int)PS_MAX_TASKS >= 1 + (int)PS_MAX_FEEDBACKS && (int)PS_MAX_TASKS >= (int)PS_MAX_BEHAVIOURS, "a task for each");
enum ps_bottom { PS_BOTTOM_SINGLE, PS_BOTTOM_SHARED, PS_BOTTOM_MIXTURE, PS_BOTTOM_EXTRACTION };

/* Experts beside each other, one product for all. */
struct ps_experts {
    int count, width;
    int w, b; /* tables: d x (count width), 1 x (count width) */
};

struct ps_bottoms {
    enum ps_bottom kind;
    int tasks, levels, width;
    struct ps_experts shared[PS_MAX_LEVELS], own[PS_MAX_LEVELS][PS_MAX_TASKS];
    int gate[PS_MAX_LEVELS][PS_MAX_TASKS + 1], gate_bias[PS_MAX_LEVELS][PS_MAX_TASKS + 1]; /* tables; the last is the shared experts' */
};

/* Declares the parameters of a bottom over states of `input` columns. Errors: those of ps_model_add_tensor. */
int ps_bottoms_declare(struct ps_bottoms *bottoms, struct ps_model *model, int input, struct ps_error *err);
/* f[k] for every task, targets x width. use[k] is added to, unless it is NULL. */
void ps_bottoms_forward(const struct ps_bottoms *bottoms, const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile,
                        struct nn_tensor *x, struct nn_gate_use *use, struct nn_tensor **f);

#endif
