/* tasks.c - the bottoms of models with several tasks; see tasks.h. */
#include "worker/models/tasks.h"

#include <math.h>

static int declare_experts(struct ps_experts *e, struct ps_model *model, const char *name, const char *of, int level, int input, int count,
                           int width, struct ps_error *err)
{
    char full[PS_NAME_SIZE], bias[PS_NAME_SIZE];
    snprintf(full, sizeof full, "%s_w%d", name, level);
    snprintf(bias, sizeof bias, "%s_b%d", name, level);
    *e = (struct ps_experts){.count = count, .width = width};
    e->w = ps_model_add_tensor(model, full, of, input, count * width, PS_INIT_UNIFORM, 1 / sqrtf((float)input), err);
    if (e->w >= 0)
        e->b = ps_model_add_tensor(model, bias, of, 1, count * width, PS_INIT_ZERO, 0, err);
    return PS_MIN(PS_MIN(e->w, e->b), 0);
}

/* Gates begin near 0, which is: all experts alike. */
static int declare_gate(struct ps_bottoms *b, struct ps_model *model, const char *of, int level, int task, int input, int experts,
                        struct ps_error *err)
{
    char name[PS_NAME_SIZE];
    snprintf(name, sizeof name, "gate_w%d", level);
    int *w = &b->gate[level][task], *bias = &b->gate_bias[level][task];
    *w = ps_model_add_tensor(model, name, of, input, experts, PS_INIT_UNIFORM, 0.01f, err);
    snprintf(name, sizeof name, "gate_b%d", level);
    *bias = *w < 0 ? *w : ps_model_add_tensor(model, name, of, 1, experts, PS_INIT_ZERO, 0, err);
    return PS_MIN(*bias, 0);
}

static const char *task_name(const struct ps_model *model, int task)
{
    return task ? model->dataset->sessions.feedback_name[task - 1] : "next";
}

static int declare_level(struct ps_bottoms *b, struct ps_model *model, int level, int input, struct ps_error *err)
{
    bool own = b->kind == PS_BOTTOM_SINGLE || b->kind == PS_BOTTOM_EXTRACTION, shared = b->kind != PS_BOTTOM_SINGLE;
    int experts = b->kind == PS_BOTTOM_MIXTURE || b->kind == PS_BOTTOM_EXTRACTION ? model->config->model.experts : 1, status = 0;
    int each = own ? (b->kind == PS_BOTTOM_SINGLE ? 1 : experts) : 0, all = shared ? experts : 0;
    if (shared)
        status = declare_experts(&b->shared[level], model, "expert", NULL, level, input, experts, b->width, err);
    for (int k = 0; own && k < b->tasks && !status; k++)
        status = declare_experts(&b->own[level][k], model, "expert", b->tasks > 1 ? task_name(model, k) : NULL, level, input, each, b->width,
                                 err);
    for (int k = 0; k < b->tasks && each + all > 1 && !status; k++)
        status = declare_gate(b, model, task_name(model, k), level, k, input, each + all, err);
    if (b->kind == PS_BOTTOM_EXTRACTION && level + 1 < b->levels && !status)
        status = declare_gate(b, model, "shared", level, b->tasks, input, b->tasks * each + all, err);
    return status;
}

int ps_bottoms_declare(struct ps_bottoms *b, struct ps_model *model, int input, struct ps_error *err)
{
    int status = 0;
    b->width = model->config->model.expert_width;
    b->levels = b->kind == PS_BOTTOM_EXTRACTION ? PS_MIN(model->config->model.levels, PS_MAX_LEVELS) : 1;
    for (int l = 0; l < b->levels && !status; l++)
        status = declare_level(b, model, l, l ? b->width : input, err);
    return status;
}

static struct nn_tensor *run_experts(struct nn_tape *tape, const struct ps_tile *tile, const struct ps_experts *e, struct nn_tensor *x)
{
    return nn_affine(tape, x, &tile->param[e->w], &tile->param[e->b], true);
}

static struct nn_tensor *mix(const struct ps_bottoms *b, const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile,
                             int level, int task, struct nn_tensor *x, struct nn_tensor *experts, struct nn_gate_use *use)
{
    PS_ASSERT(experts);
    int n = experts->cols / b->width;
    if (n == 1)
        return experts;
    struct nn_tensor *gate = nn_affine(tape, x, &tile->param[b->gate[level][task]], &tile->param[b->gate_bias[level][task]], false);
    return nn_mixture(tape, experts, gate, nn_gate_dropout(tape, x->rows, n, model->config->model.gate_dropout, tile->draws), use);
}

void ps_bottoms_forward(const struct ps_bottoms *b, const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile,
                        struct nn_tensor *x, struct nn_gate_use *use, struct nn_tensor **f)
{
    bool own = b->kind == PS_BOTTOM_SINGLE || b->kind == PS_BOTTOM_EXTRACTION;
    struct nn_tensor *common = x, *mine[PS_MAX_TASKS];
    for (int k = 0; k < b->tasks; k++)
        f[k] = x;
    for (int l = 0; l < b->levels; l++) {
        bool last = l + 1 == b->levels;
        struct nn_tensor *shared = b->kind == PS_BOTTOM_SINGLE ? NULL : run_experts(tape, tile, &b->shared[l], common), *all = shared;
        for (int k = 0; k < b->tasks; k++) {
            mine[k] = own ? run_experts(tape, tile, &b->own[l][k], f[k]) : NULL;
            if (!last && own)
                all = all ? nn_concat(tape, all, mine[k]) : mine[k];
        }
        for (int k = 0; k < b->tasks; k++) {
            struct nn_tensor *experts = !own ? shared : shared ? nn_concat(tape, mine[k], shared) : mine[k];
            f[k] = mix(b, model, tape, tile, l, k, f[k], experts, last && use ? &use[k] : NULL);
        }
        if (!last)
            common = mix(b, model, tape, tile, l, b->tasks, common, all, NULL);
    }
}
