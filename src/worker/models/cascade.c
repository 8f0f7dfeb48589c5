/* cascade.c - see cascade.h. */
#include "worker/models/cascade.h"

int ps_cascade_biases(enum ps_cascade cascade, int behaviours)
{
    return cascade == PS_CASCADE_LOGIT_AVG ? 1 : behaviours;
}

void ps_cascade_forward(struct nn_tape *tape, enum ps_cascade cascade, int behaviours, const int *need,
                        struct nn_tensor *const *f, struct nn_lookup bias, struct nn_tensor **z)
{
    bool biased = bias.rows;
    struct nn_tensor *shared = biased && cascade == PS_CASCADE_LOGIT_AVG ? nn_lookup(tape, bias, need[0], 1) : NULL;
    for (int r = 0; r < behaviours && (r == 0 || need[r] > 0); r++) {
        struct nn_tensor *own = f[r];
        if (r > 0 && cascade != PS_CASCADE_NONE) {
            struct nn_tensor *carry = nn_head(tape, z[r - 1], need[r]);
            if (cascade == PS_CASCADE_PROB)
                carry = nn_sigmoid(tape, carry);
            own = nn_add(tape, own, carry);
            if (cascade == PS_CASCADE_LOGIT_AVG)
                own = nn_scale(tape, own, (real)0.5);
        }
        z[r] = own;
        if (!biased)
            continue;
        z[r] = nn_add(tape, own, shared ? nn_head(tape, shared, need[r]) : nn_lookup(tape, bias, need[r], 1));
        bias.first++;
    }
}

void ps_cascade_heads(struct nn_tape *tape, enum ps_cascade cascade, int behaviours, const struct nn_tensor *const *h,
                      const struct nn_tensor **g)
{
    PS_ASSERT(cascade != PS_CASCADE_PROB);
    for (int r = 0; r < behaviours; r++) {
        g[r] = h[r];
        if (r > 0 && cascade != PS_CASCADE_NONE)
            g[r] = nn_add(tape, h[r], g[r - 1]);
        if (r > 0 && cascade == PS_CASCADE_LOGIT_AVG)
            g[r] = nn_scale(tape, g[r], (real)0.5);
    }
}

void ps_cascade_weights(enum ps_cascade cascade, int behaviours, double *unit, double *bias)
{
    PS_ASSERT(cascade != PS_CASCADE_PROB || behaviours == 1);
    double carry = cascade == PS_CASCADE_NONE ? 0 : cascade == PS_CASCADE_LOGIT_AVG ? 0.5 : 1;
    int biases = ps_cascade_biases(cascade, behaviours);
    for (int k = 0; k < biases; k++)
        bias[k] = 0;
    for (int r = 0; r < behaviours; r++) {
        for (int k = 0; k < r; k++)
            unit[k] *= carry;
        for (int k = 0; k < biases; k++)
            bias[k] *= carry;
        unit[r] = r > 0 && cascade == PS_CASCADE_LOGIT_AVG ? 0.5 : 1;
        bias[biases == 1 ? 0 : r] += 1;
    }
}
