/* tasks.c - mixtures of experts and uncertain losses; see tasks.h. */
#include "worker/nn/functions.h"
#include "worker/nn/sequence.h"
#include "worker/nn/tape.h"
#include "worker/nn/tasks.h"

/* The experts that are kept, packed: the same sum over fewer rows. */
struct kept {
    struct nn_segments segments;
    const uint32_t *row;
};

static struct kept pack(struct nn_tape *tape, const bool *keep, int samples, int experts)
{
    uint32_t *begin = nn_tape_alloc(tape, ((size_t)samples + 1) * sizeof *begin);
    uint32_t *row = nn_tape_alloc(tape, (size_t)samples * (size_t)experts * sizeof *row), n = 0;
    for (int b = 0; b < samples; b++, keep += experts) {
        bool any = false;
        for (int e = 0; e < experts; e++)
            any |= keep[e];
        begin[b] = n;
        for (int e = 0; e < experts; e++)
            if (keep[e] || !any)
                row[n++] = (uint32_t)b * (uint32_t)experts + (uint32_t)e;
    }
    begin[samples] = n;
    return (struct kept){{samples, begin}, row};
}

static void count_use(struct nn_gate_use *use, const struct nn_tensor *share, const uint32_t *row, int experts)
{
    for (int k = 0; k < share->rows; k++) {
        double g = (double)share->value[k];
        use->load[(row ? (int)row[k] : k) % experts] += g;
        use->entropy -= g > 0 ? g * log(g) : 0;
    }
}

struct nn_tensor *nn_mixture(struct nn_tape *tape, const struct nn_tensor *experts, const struct nn_tensor *gate,
                             const bool *keep, struct nn_gate_use *use)
{
    int n = gate->cols, samples = gate->rows, width = experts->cols / n;
    PS_ASSERT(experts->rows == samples && experts->cols == n * width);
    const struct nn_tensor *x = nn_reshape(tape, experts, width), *logit = nn_reshape(tape, gate, 1);
    struct kept kept = {nn_segments_uniform(tape, samples, n), NULL};
    if (keep) {
        kept = pack(tape, keep, samples, n);
        int rows = nn_segments_rows(kept.segments);
        x = nn_lookup(tape, nn_lookup_from(tape, x, kept.row, 0), rows, width);
        logit = nn_lookup(tape, nn_lookup_from(tape, logit, kept.row, 0), rows, 1);
    }
    const struct nn_tensor *share = nn_segment_softmax(tape, logit, kept.segments);
    if (use)
        count_use(use, share, kept.row, n);
    return nn_segment_sum(tape, x, share, kept.segments);
}

const bool *nn_gate_dropout(struct nn_tape *tape, int samples, int experts, double rate, struct nn_draws *draws)
{
    size_t n = (size_t)samples * (size_t)experts;
    if (!draws || rate == 0)
        return NULL;
    struct ps_random random = nn_draw(draws);
    bool *keep = nn_tape_alloc(tape, n * sizeof *keep);
    for (size_t k = 0; k < n; k++)
        keep[k] = ps_random_unit(&random) >= rate;
    return keep;
}

struct uncertainty {
    struct nn_node node;
    struct nn_tensor *const *loss; /* K */
    const struct nn_tensor *s, *y;
    real share;
};

static void uncertainty_backward(struct nn_tape *tape, struct nn_node *node)
{
    struct uncertainty *u = (struct uncertainty *)node;
    real up = u->y->grad[0];
    for (int k = 0; k < u->s->cols; k++) {
        real weight = nn_exp(-u->s->value[k]);
        if (u->loss[k]->grad)
            u->loss[k]->grad[0] += up * weight;
        if (u->s->grad)
            u->s->grad[k] += up * (u->share / 2 - weight * u->loss[k]->value[0]);
    }
}

struct nn_tensor *nn_uncertainty(struct nn_tape *tape, struct nn_tensor *const *loss, const struct nn_tensor *s, real share)
{
    PS_ASSERT(s->rows == 1);
    struct nn_tensor **kept = nn_tape_alloc(tape, (size_t)s->cols * sizeof *kept);
    bool differentiable = s->grad != NULL;
    real sum = 0;
    for (int k = 0; k < s->cols; k++) {
        PS_ASSERT(loss[k]->rows == 1 && loss[k]->cols == 1);
        kept[k] = loss[k];
        differentiable |= loss[k]->grad != NULL;
        sum += nn_exp(-s->value[k]) * loss[k]->value[0] + share * s->value[k] / 2;
    }
    struct nn_tensor *y = nn_output(tape, 1, 1, differentiable);
    *nn_fill(y) = sum;
    if (differentiable) {
        struct uncertainty *u = nn_tape_alloc(tape, sizeof *u);
        *u = (struct uncertainty){.loss = kept, .s = s, .y = y, .share = share};
        nn_record(tape, &u->node, uncertainty_backward);
    }
    return y;
}
