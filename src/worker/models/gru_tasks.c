/* gru_tasks.c - GRU4Rec with several tasks: a gated recurrent unit over the session, a bottom, a tower for each task; see tasks.h. */
#include "worker/models/recurrent.h"
#include "worker/models/loss.h"
#include "worker/models/tasks.h"

#include <math.h>
#include <stdlib.h>

struct tower {
    int v, v_bias, u, u_bias;
};

struct gru_tasks {
    struct ps_recurrent states;
    struct ps_bottoms bottoms;
    struct tower tower[PS_MAX_TASKS];
    int bias[PS_MAX_TASKS]; /* of each feedback's logit */
    int uncertainty;        /* 1 x tasks; -1: the weights are given */
    bool chain;             /* the first feedback comes before the others: what is learned of those is both (ESMM) */
};

static int declare_tower(struct ps_model *model, struct gru_tasks *m, int task, int input, int width, struct ps_error *err)
{
    const char *of = task ? model->dataset->sessions.feedback_name[task - 1] : "next";
    struct tower *t = &m->tower[task];
    float scale = 1 / sqrtf((float)input);
    int status = t->v = ps_model_add_tensor(model, "tower_v", of, input, width, PS_INIT_UNIFORM, scale, err);
    if (status >= 0)
        status = t->v_bias = ps_model_add_tensor(model, "tower_v_bias", of, 1, width, PS_INIT_ZERO, 0, err);
    if (status >= 0)
        status = t->u = ps_model_add_tensor(model, "tower_u", of, width, model->encoded, PS_INIT_UNIFORM, 1 / sqrtf((float)width), err);
    if (status >= 0)
        status = t->u_bias = ps_model_add_tensor(model, "tower_u_bias", of, 1, model->encoded, PS_INIT_ZERO, 0, err);
    if (status >= 0 && task)
        status = m->bias[task] = ps_model_add_tensor(model, "tower_bias", of, 1, 1, PS_INIT_ZERO, 0, err);
    return PS_MIN(status, 0);
}

static int init(struct ps_model *model, enum ps_bottom kind, struct ps_error *err)
{
    const struct ps_config *config = model->config;
    struct gru_tasks *m = model->state = ps_calloc(1, sizeof *m);
    int d = config->model.embedding;
    m->bottoms.kind = kind;
    m->bottoms.tasks = 1 + (int)model->dataset->sessions.feedbacks;
    m->uncertainty = -1;
    int status = ps_session_items(model, d, true, PS_INIT_NORMAL, (float)config->model.init_scale, err);
    if (status >= 0)
        status = ps_recurrent_declare(&m->states, model, d, 1 / sqrtf((float)d), 1 / sqrtf((float)d), err);
    if (status >= 0)
        status = ps_bottoms_declare(&m->bottoms, model, d, err);
    for (int k = 0; k < m->bottoms.tasks && status >= 0; k++)
        status = declare_tower(model, m, k, m->bottoms.width, config->model.expert_width, err);
    if (status >= 0 && config->model.task_weighting == PS_TASKS_UNCERTAINTY)
        status = m->uncertainty = ps_model_add_tensor(model, "uncertainty", NULL, 1, m->bottoms.tasks, PS_INIT_ZERO, 0, err);
    return PS_MIN(status, 0);
}

static int init_single(struct ps_model *model, struct ps_error *err)
{
    return init(model, PS_BOTTOM_SINGLE, err);
}
static int init_shared(struct ps_model *model, struct ps_error *err)
{
    return init(model, PS_BOTTOM_SHARED, err);
}
static int init_mixture(struct ps_model *model, struct ps_error *err)
{
    return init(model, PS_BOTTOM_MIXTURE, err);
}
static int init_extraction(struct ps_model *model, struct ps_error *err)
{
    return init(model, PS_BOTTOM_EXTRACTION, err);
}

static int init_chain(struct ps_model *model, struct ps_error *err)
{
    int status = init_single(model, err);
    ((struct gru_tasks *)model->state)->chain = true;
    return status;
}

static void fini(struct ps_model *model)
{
    free(model->state);
}

/* t_k for every task, targets x d. */
static void towers(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_gate_use *use,
                   struct nn_tensor **t)
{
    const struct gru_tasks *m = model->state;
    struct nn_tensor *f[PS_MAX_TASKS], *x = ps_recurrent_states(&m->states, model, tape, tile);
    ps_bottoms_forward(&m->bottoms, model, tape, tile, ps_session_states(tape, tile, x), use, f);
    for (int k = 0; k < m->bottoms.tasks; k++) {
        const struct tower *w = &m->tower[k];
        t[k] = nn_affine(tape, f[k], &tile->param[w->v], &tile->param[w->v_bias], true);
        t[k] = nn_affine(tape, t[k], &tile->param[w->u], &tile->param[w->u_bias], false);
    }
}

static struct nn_tensor *encode(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    struct nn_tensor *t[PS_MAX_TASKS] = {NULL};
    towers(model, tape, tile, NULL, t);
    return t[0];
}

/* The logits of every feedback k of every target, t_k . e_y + b_k, into logit[1..]. */
static void feedback_logits(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor *const *t,
                            struct nn_tensor **logit)
{
    const struct gru_tasks *m = model->state;
    if (m->bottoms.tasks == 1)
        return;
    struct nn_lookup target = {&tile->rows[PS_SESSION_ITEMS], tile->sessions->target_row, 0};
    struct nn_tensor *item = nn_lookup(tape, target, tile->sessions->targets, model->encoded);
    for (int k = 1; k < m->bottoms.tasks; k++)
        logit[k] = nn_add_bias(tape, nn_row_dot(tape, t[k], item), &tile->param[m->bias[k]]);
}

/* Whether a task's probability is the product of the first feedback's and its own. */
static bool chained(const struct gru_tasks *m, int task)
{
    return m->chain && task > 1;
}

/* first: the first feedback's probability, where the task's is chained to it. */
static struct nn_tensor *feedback_loss(const struct gru_tasks *m, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor *logit,
                                       struct nn_tensor *first, int task)
{
    int n = tile->sessions->targets;
    uint8_t bits = (uint8_t)(1u << (task - 1) | (chained(m, task) ? 1 : 0));
    real *label = nn_tape_alloc(tape, (size_t)n * sizeof *label), *weight = nn_tape_alloc(tape, (size_t)n * sizeof *weight);
    for (int b = 0; b < n; b++) {
        label[b] = (tile->sessions->feedback[b] & bits) == bits;
        weight[b] = (real)(1.0 / n);
    }
    if (!chained(m, task))
        return nn_bce_logits(tape, logit, label, weight);
    return nn_bce(tape, nn_mul(tape, first, nn_sigmoid(tape, logit)), label, weight);
}

static struct nn_tensor *forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct gru_tasks *m = model->state;
    struct nn_tensor *t[PS_MAX_TASKS] = {NULL}, *logit[PS_MAX_TASKS] = {NULL}, *loss[PS_MAX_TASKS] = {NULL}, *sum = NULL;
    towers(model, tape, tile, NULL, t);
    feedback_logits(model, tape, tile, t, logit);
    struct nn_tensor *first = chained(m, m->bottoms.tasks - 1) ? nn_sigmoid(tape, logit[1]) : NULL;
    for (int k = 0; k < m->bottoms.tasks; k++)
        loss[k] = k ? feedback_loss(m, tape, tile, logit[k], first, k) : ps_session_loss(model, tape, tile, t[0]);
    for (int k = 0; k < m->bottoms.tasks; k++)
        ps_loss_tell(tile, k, loss[k]); /* as it is, before it is weighed */
    if (m->uncertainty >= 0)
        return nn_uncertainty(tape, loss, &tile->param[m->uncertainty], 1);
    for (int k = 0; k < m->bottoms.tasks; k++) {
        real weight = (real)model->recipe.loss_weight[k];
        if (weight > 0)
            loss[k] = nn_scale(tape, loss[k], weight), sum = sum ? nn_add(tape, sum, loss[k]) : loss[k];
    }
    return sum;
}

/* The logit of sigma(a) sigma(b): p / (1 - p) is 1 / (e^-a + e^-b + e^-(a+b)). */
static real both(real a, real b)
{
    double x = -(double)a, y = -(double)b, top = fmax(fmax(x, y), x + y);
    return (real)-(top + log(exp(x - top) + exp(y - top) + exp(x + y - top)));
}

/* out: targets x feedbacks. */
static void judge(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_gate_use *use, real *out)
{
    const struct gru_tasks *m = model->state;
    struct nn_tensor *t[PS_MAX_TASKS] = {NULL}, *logit[PS_MAX_TASKS] = {NULL};
    towers(model, tape, tile, use, t);
    feedback_logits(model, tape, tile, t, logit);
    int feedbacks = m->bottoms.tasks - 1;
    for (int k = 1; k <= feedbacks; k++)
        for (int b = 0; b < tile->sessions->targets; b++)
            out[b * feedbacks + k - 1] = chained(m, k) ? both(out[b * feedbacks], logit[k]->value[b]) : logit[k]->value[b];
}

#define GRU_TASKS_CLASS(which, called, init_of, paper, more)                                                              \
    const struct ps_model_class ps_model_##which = {                                                                             \
        .name = #which,                                                                                                      \
        .title = called,                                                                                                     \
        .source = paper,                                                                                                     \
        .options = PS_SESSION_OPTIONS " layers dropout dropout_hidden loss_weights task_weighting expert_width " more "init_scale",                \
        .recipe = {.stream = PS_STREAM_SESSIONS, .feedback = true},                                                          \
        .init = init_of,                                                                                                     \
        .fini = fini,                                                                                                        \
        .forward = forward,                                                                                                  \
        .encode = encode,                                                                                                    \
        .judge = judge,                                                                                                      \
        .match = ps_session_match,                                                                                           \
        .factors = ps_session_factors,                                                                                       \
        .score = ps_session_score,                                                                                           \
    }

GRU_TASKS_CLASS(gru_single, "GRU4Rec, a bottom and a tower for each task", init_single,
                "none: what models with shared bottoms are compared with", "");
GRU_TASKS_CLASS(gru_shared, "GRU4Rec, one bottom for all tasks", init_shared, "Caruana, Multitask Learning, Machine Learning 28, 1997", "");
GRU_TASKS_CLASS(gru_mmoe, "GRU4Rec, multi-gate mixture of experts over its states", init_mixture,
                "Ma et al., Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts, KDD 2018; GRU4Rec with MMoE",
                "experts gate_dropout ");
GRU_TASKS_CLASS(gru_ple, "GRU4Rec, progressive layered extraction over its states", init_extraction,
                "Tang et al., Progressive Layered Extraction (PLE), RecSys 2020", "experts levels gate_dropout ");
GRU_TASKS_CLASS(gru_esmm, "GRU4Rec, whose first feedback comes before the others, over all that was shown", init_chain,
                "Ma et al., Entire Space Multi-Task Model (ESMM), SIGIR 2018", "");
