/* attention.c - soft attention over sessions, put together from smaller operations; see sequence.h. */
#include "worker/nn/sequence.h"

static struct nn_tensor *activate(struct nn_tape *tape, enum nn_activation activation, const struct nn_tensor *x)
{
    switch (activation) {
    case NN_SIGMOID:
        return nn_sigmoid(tape, x);
    case NN_HARD_SIGMOID:
        return nn_hard_sigmoid(tape, x);
    case NN_TANH:
        return nn_tanh(tape, x);
    }
    PS_BUG("no activation %d", (int)activation);
}

struct nn_tensor *nn_attend(struct nn_tape *tape, struct nn_attention how, const struct nn_tensor *x,
                            const struct nn_tensor *key, const struct nn_tensor *query, const struct nn_tensor *beta,
                            const struct nn_tensor *c, struct nn_segments segments)
{
    const struct nn_tensor *u = query ? nn_segment_add(tape, key, query, segments) : key;
    const struct nn_tensor *e = nn_affine(tape, activate(tape, how.activation, u), beta, c, false);
    return nn_segment_sum(tape, x, how.normalise ? nn_segment_softmax(tape, e, segments) : e, segments);
}
