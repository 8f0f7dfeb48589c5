/* fpmc.c - factorised personalised Markov chains: who comes back, and what was there before. With B the items of the session so far:
 *   score_i = V^UI_u . V^IU_i + 1/|B| sum_{l in B} V^IL_i . V^LI_l
 * which is the inner product of [V^UI_u; mean of V^LI_l] with the item's [V^IU; V^IL]. Without visitors, and for one that training does
 * not know, whose vector is 0, the second term alone. Loss: S-BPR, each next item against the micro-batch's other candidates
 * (train.candidates: sampled).
 */
#include "worker/models/session.h"

#include <stdlib.h>

static const float SCALE = 0.1f; /* standard deviation at the start, as in MKM-SR's code */

struct fpmc {
    int visitors; /* table; -1: nobody is known */
};

static int fpmc_init(struct ps_model *model, struct ps_error *err)
{
    int d = model->config->model.embedding;
    struct fpmc *m = model->state = ps_calloc(1, sizeof *m);
    m->visitors = -1;
    int items = ps_session_items(model, 2 * d, false, PS_INIT_NORMAL, SCALE, err);
    ps_model_add_field(model, items, "basket", d, PS_INIT_NORMAL, SCALE);
    if (!model->dataset->sessions.visitors)
        return 0;
    m->visitors = ps_model_add_rows(model, "visitor", PS_TABLE_USER, err);
    if (m->visitors < 0)
        return m->visitors;
    ps_model_add_field(model, m->visitors, "embedding", d, PS_INIT_ZERO, 0);
    return 0;
}

static void fpmc_fini(struct ps_model *model)
{
    free(model->state);
}

static struct nn_tensor *fpmc_encode(struct ps_model *model, struct nn_tape *tape, const struct ps_tile *tile)
{
    const struct fpmc *m = model->state;
    const struct ps_session_view *s = tile->sessions;
    int d = model->encoded / 2;
    struct nn_lookup basket = {&tile->rows[PS_SESSION_ITEMS], s->item_row, model->encoded};
    struct nn_tensor *before = nn_segment_mean(tape, nn_lookup(tape, basket, nn_segments_rows(s->steps), d), s->steps), *who;
    if (m->visitors < 0 || !s->visitor_row) {
        real *zero = nn_tape_alloc(tape, (size_t)before->rows * (size_t)d * sizeof *zero);
        for (size_t k = 0; k < (size_t)before->rows * (size_t)d; k++)
            zero[k] = 0;
        who = nn_leaf(tape, before->rows, d, zero, NULL);
    } else {
        who = nn_lookup(tape, (struct nn_lookup){&tile->rows[m->visitors], s->visitor_row, 0}, s->steps.count, d);
    }
    return nn_concat(tape, who, before);
}

const struct ps_model_class ps_model_fpmc = {
    .name = "fpmc",
    .title = "factorised personalised Markov chains: who comes back, and what was there before",
    .source = "Rendle et al., Factorizing Personalized Markov Chains for Next-Basket Recommendation, WWW 2010",
    .options = "embedding loss l2",
    .recipe = {.stream = PS_STREAM_PREFIXES, .loss = PS_LOSS_BPR},
    .init = fpmc_init,
    .fini = fpmc_fini,
    .forward = ps_session_forward,
    .encode = fpmc_encode,
    .match = ps_session_match,
    .factors = ps_session_factors,
    .score = ps_session_score,
};
