/* dropout.c - see nn.h. */
#include "worker/nn/tape.h"

/* What is kept is scaled; one draw decides on two elements. */
static void draw_mask(real *keep, size_t n, double rate, struct ps_random random)
{
    const uint64_t dropped = (uint64_t)(rate * 0x1p32);
    real scale = (real)(1 / (1 - rate));
    for (size_t k = 0; k < n; k++) {
        uint64_t bits = ps_random_next(&random);
        keep[k] = (bits & UINT32_MAX) < dropped ? 0 : scale;
        if (++k < n)
            keep[k] = bits >> 32 < dropped ? 0 : scale;
    }
}

struct ps_random nn_draw(struct nn_draws *draws)
{
    return ps_random_stream(ps_mix64(draws->seed + draws->operations++), PS_RANDOM_DROPOUT, draws->epoch, draws->lane,
                            draws->position);
}

struct nn_tensor *nn_dropout(struct nn_tape *tape, struct nn_tensor *x, double rate, struct nn_draws *draws)
{
    PS_ASSERT(rate >= 0 && rate < 1);
    if (!draws || rate == 0)
        return x;
    real *keep = nn_tape_alloc(tape, nn_size(x) * sizeof *keep);
    draw_mask(keep, nn_size(x), rate, nn_draw(draws));
    return nn_mul(tape, x, nn_leaf(tape, x->rows, x->cols, keep, NULL));
}
