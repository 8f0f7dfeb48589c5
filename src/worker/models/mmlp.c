/* mmlp.c - see mmlp.h. */
#include "worker/models/mmlp.h"

#include "worker/models/units.h"
#include "worker/nn/blas.h"

#include <stdlib.h>
#include <string.h>

struct mmlp {
    bool ensemble;
    struct ps_units product; /* the ensemble's matrix factorisation, for its scores */
    int branches;            /* one a behaviour */
    struct ps_tower tower[PS_MAX_BEHAVIOURS];
    int fusion_w, fusion_b, fusion_h, bias; /* tables; bias is -1 where the loss knows none */
};

static void declare_rows(struct ps_model *model, struct mmlp *m, struct ps_tower *tower, struct ps_error *err)
{
    int width = tower->embedding, user = ps_model_add_rows(model, "user", PS_TABLE_USER, err);
    int item = ps_model_add_rows(model, "item", PS_TABLE_ITEM, err);
    float scale = (float)model->config->model.init_scale;
    PS_ASSERT(user == PS_USER_TABLE && item == PS_ITEM_TABLE);
    for (int table = user; table <= item; table++) {
        if (m->ensemble)
            m->product.head_first = ps_model_add_field(model, table, "embedding_mf", width, PS_INIT_NORMAL, scale);
        tower->first = ps_model_add_field(model, table, "embedding_mlp", width, PS_INIT_NORMAL, scale);
    }
}

/* A tensor rows x cols; for a column, which is a head, see tower.h. */
static int declare(struct ps_model *model, const char *name, int rows, int cols, int *table, struct ps_error *err)
{
    bool bias = rows == 1;
    *table = ps_model_add_tensor(model, name, NULL, rows, cols, bias ? PS_INIT_ZERO : PS_INIT_UNIFORM,
                                 bias ? 0 : ps_tower_scale(rows), err);
    return PS_MIN(*table, 0);
}

static int declare_tensors(struct ps_model *model, struct mmlp *m, const struct ps_tower *tower, struct ps_error *err)
{
    int width = tower->embedding, status = 0;
    for (int r = 0; !status && r < m->branches; r++) {
        m->tower[r] = *tower;
        status = ps_tower_declare(&m->tower[r], model, model->dataset->behaviour[r], err);
    }
    if (!status)
        status = declare(model, "fusion_w", m->branches * width, width, &m->fusion_w, err);
    if (!status)
        status = declare(model, "fusion_b", 1, width, &m->fusion_b, err);
    if (!status)
        status = declare(model, "fusion_h", width, 1, &m->fusion_h, err);
    if (!status && m->ensemble)
        status = declare(model, "mf_h", width, 1, &m->product.head_h[0], err);
    m->bias = -1;
    if (!status && !ps_recipe_pairs(&model->recipe))
        status = declare(model, "bias", 1, 1, &m->bias, err);
    return status;
}

int ps_mmlp_init(struct ps_model *model, bool ensemble, struct ps_error *err)
{
    int width = model->config->model.embedding, layers = model->config->model.layers ? model->config->model.layers : 2;
    struct ps_tower tower = {.embedding = width, .parts = NN_PAIR, .biased = true, .layers = layers};
    for (int l = 0; l <= layers; l++)
        tower.width[l] = l == layers ? width : 2 * width;
    struct mmlp *m = model->state = ps_malloc(sizeof *m);
    *m = (struct mmlp){.ensemble = ensemble,
                       .product = {.heads = 1, .embedding = width, .head = true},
                       .branches = (int)model->dataset->behaviours};
    declare_rows(model, m, &tower, err);
    return declare_tensors(model, m, &tower, err);
}

void ps_mmlp_fini(struct ps_model *model)
{
    free(model->state);
}

/* 1 for the samples whose user has the item under the behaviour, else 0. */
static const real *has(const struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, int behaviour)
{
    real *keep = nn_tape_alloc(tape, (size_t)tile->n * sizeof *keep);
    for (int b = 0; b < tile->n; b++)
        keep[b] = ps_dataset_has(model->dataset, (uint32_t)behaviour, tile->user[b], tile->item[b]);
    return keep;
}

void ps_mmlp_logits(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile, struct nn_tensor **z)
{
    const struct mmlp *m = model->state;
    const struct nn_tensor *param = tile->param;
    struct nn_tensor *input = ps_tower_input(&m->tower[0], tape, tile, tile->n), *all = NULL;
    for (int r = 0; r < m->branches; r++) {
        struct nn_tensor *x = ps_tower_forward(&m->tower[r], tape, param, input);
        if (r < m->branches - 1 && model->config->model.branch_updates == PS_BRANCHES_OWN)
            x = nn_gate(tape, x, has(model, tape, tile, r));
        all = all ? nn_concat(tape, all, x) : x;
    }
    struct nn_tensor *fusion = nn_affine(tape, all, &param[m->fusion_w], &param[m->fusion_b], true);
    struct nn_tensor *o = nn_matmul(tape, fusion, &param[m->fusion_h]);
    if (m->ensemble) {
        struct nn_tensor *product;
        ps_units_forward(&m->product, tape, tile, &product);
        o = nn_add(tape, o, product);
    }
    if (m->bias >= 0)
        o = nn_add_bias(tape, o, &param[m->bias]);
    *z = o;
}

struct nn_tensor *ps_mmlp_forward(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    struct nn_tensor *o;
    ps_mmlp_logits(model, tape, tile, &o);
    return ps_loss(model, tape, tile, &o, (int)model->table[PS_USER_TABLE].width, (int)model->table[PS_ITEM_TABLE].width);
}

/* One user: the branches' outputs for all items, one below the other, and through the fusion. */
static void score_user(const struct mmlp *m, struct ps_tower_block *block, const struct ps_score_input *input, int u,
                       real *all, real *fusion, real *out)
{
    int width = m->tower[0].embedding, items = input->items;
    const struct nn_tensor *param = input->param;
    for (int r = 0; r < m->branches; r++) {
        const real *shift, *x = ps_tower_block_run(&block[r], input->user_rows[PS_USER_TABLE][u], &shift);
        ps_rectify(all + (size_t)r * (size_t)width * (size_t)items, x, shift, width, items);
    }
    nn_gemm(true, false, width, items, m->branches * width, param[m->fusion_w].value, width, all, items, 0, fusion, items);
    ps_rectify_and_sum(fusion, param[m->fusion_b].value, param[m->fusion_h].value, width, items, 1, out);
}

void ps_mmlp_score(struct ps_model *model, struct nn_tape *tape, const struct ps_score_input *input, real *out)
{
    const struct mmlp *m = model->state;
    size_t pairs = (size_t)input->users * (size_t)input->items;
    if (m->ensemble)
        ps_units_score(&m->product, tape, input, (const double[]){1}, out);
    else
        memset(out, 0, pairs * sizeof *out);
    real bias = m->bias >= 0 ? input->param[m->bias].value[0] : 0;
    for (size_t k = 0; k < pairs; k++)
        out[k] += bias;

    struct ps_tower_block block[PS_MAX_BEHAVIOURS];
    const real *q = ps_tower_items(&m->tower[0], tape, input);
    for (int r = 0; r < m->branches; r++)
        ps_tower_block_init(&block[r], &m->tower[r], tape, input, q);
    size_t matrix = (size_t)m->tower[0].embedding * (size_t)input->items;
    real *all = nn_tape_alloc(tape, (size_t)m->branches * matrix * sizeof *all);
    real *fusion = nn_tape_alloc(tape, matrix * sizeof *fusion);
    for (int u = 0; u < input->users; u++)
        score_user(m, block, input, u, all, fusion, out + (size_t)u * (size_t)input->items);
}

static int mmlp_init(struct ps_model *model, struct ps_error *err)
{
    return ps_mmlp_init(model, false, err);
}

const struct ps_model_class ps_model_mmlp = {
    .name = "mmlp",
    .title = "an MLP with a branch for each behaviour",
    .source = PS_MMLP_SOURCE,
    .options = "embedding layers branch_updates loss l2 init_scale",
    .recipe = {.heads = PS_HEADS_TARGET, .negatives_from = PS_NEGATIVES_SUPPORTIVE, .loss = PS_LOSS_BPR},
    .init = mmlp_init,
    .fini = ps_mmlp_fini,
    .forward = ps_mmlp_forward,
    .logits = ps_mmlp_logits,
    .score = ps_mmlp_score,
};
