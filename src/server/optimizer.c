/* optimizer.c - update rules as vector loops over rows; see optimizer.h.
 * The Makefile's -fno-math-errno lets square roots become vector code; without it the results are the same, slower.
 */
#include "server/optimizer.h"

#include <math.h>
#include <string.h>

#include "common/vector.h"

int ps_optimizer_check(const struct ps_optimizer_spec *s, struct ps_error *err)
{
    if (s->kind < PS_OPT_SGD || s->kind > PS_OPT_ADAGRAD_MOMENTUM)
        return ps_fail(err, PS_EXIT_USAGE, "unknown optimiser number %d", s->kind);
    const float number[] = {s->lr,    s->momentum, s->initial_accumulator, s->beta1,
                            s->beta2, s->epsilon,  s->weight_decay};
    for (size_t i = 0; i < PS_COUNT(number); i++)
        if (!isfinite(number[i]) || number[i] < 0)
            return ps_fail(err, PS_EXIT_USAGE, "optimizer: %g is no setting; all must be finite and at least 0",
                           (double)number[i]);
    if (s->beta1 >= 1 || s->beta2 >= 1 || s->momentum >= 1)
        return ps_fail(err, PS_EXIT_USAGE, "optimizer: beta1, beta2 and momentum must be below 1");
    if (s->decay_every && !(s->decay > 0 && s->decay <= 1))
        return ps_fail(err, PS_EXIT_USAGE, "optimizer: decay must be above 0 and at most 1");
    return 0;
}

uint32_t ps_optimizer_state(const struct ps_optimizer_spec *s, uint32_t width)
{
    switch (s->kind) {
    case PS_OPT_SGD:
        return 0;
    case PS_OPT_MOMENTUM:
        return width;
    case PS_OPT_ADAGRAD:
        return width;
    case PS_OPT_ADAGRAD_ROW:
        return 1;
    case PS_OPT_ADAM:
        return 2 * width + 1;
    case PS_OPT_ADAM_DENSE:
    case PS_OPT_ADAGRAD_MOMENTUM:
        return 2 * width;
    }
    PS_BUG("optimiser %d", s->kind);
}

uint32_t ps_table_state(const struct ps_table_spec *table, const struct ps_optimizer_spec *s)
{
    uint32_t life = table->sightings ? PS_LIFE : 0;
    return life + (table->update == PS_UPDATE_OPTIMIZER ? ps_optimizer_state(s, table->width)
                   : table->update == PS_UPDATE_ASSIGN  ? table->width
                                                        : 0);
}

void ps_optimizer_init_state(const struct ps_optimizer_spec *s, uint32_t width, float *state)
{
    bool accumulates = s->kind == PS_OPT_ADAGRAD || s->kind == PS_OPT_ADAGRAD_ROW || s->kind == PS_OPT_ADAGRAD_MOMENTUM;
    uint32_t n = ps_optimizer_state(s, width), sums = accumulates ? PS_MIN(n, width) : 0;
    for (uint32_t i = 0; i < n; i++)
        state[i] = i < sums ? s->initial_accumulator : 0;
}

bool ps_optimizer_is_dense(const struct ps_optimizer_spec *s)
{
    return s->kind == PS_OPT_ADAM_DENSE;
}

/* x^n by squaring: the C library's pow differs between processors in the last bit, this does not. */
static double power(double x, uint64_t n)
{
    double result = 1;
    for (; n; n >>= 1, x *= x)
        if (n & 1)
            result *= x;
    return result;
}

struct ps_optimizer_spec ps_optimizer_at(const struct ps_optimizer_spec *s, uint32_t epoch)
{
    struct ps_optimizer_spec now = *s;
    if (s->decay_every && epoch)
        now.lr = (float)(s->lr * power(s->decay, (epoch - 1) / s->decay_every));
    return now;
}

PS_VECTOR
static void sgd(const struct ps_optimizer_spec *s, uint32_t width, float *const *row, const float *grad, uint32_t n)
{
    const float lr = s->lr, decay = s->weight_decay;
    for (uint32_t i = 0; i < n; i++, grad += width) {
        float *restrict value = row[i];
        for (uint32_t j = 0; j < width; j++) {
            float g = grad[j] + decay * value[j];
            value[j] -= lr * g;
        }
    }
}

PS_VECTOR
static void momentum(const struct ps_optimizer_spec *s, uint32_t width, float *const *row, const float *grad,
                     uint32_t n)
{
    const float lr = s->lr, decay = s->weight_decay, mu = s->momentum;
    for (uint32_t i = 0; i < n; i++, grad += width) {
        float *restrict value = row[i], *restrict m = row[i] + width;
        for (uint32_t j = 0; j < width; j++) {
            float g = grad[j] + decay * value[j];
            m[j] = mu * m[j] + g;
            value[j] -= lr * m[j];
        }
    }
}

PS_VECTOR
static void adagrad(const struct ps_optimizer_spec *s, uint32_t width, float *const *row, const float *grad, uint32_t n)
{
    const float lr = s->lr, decay = s->weight_decay;
    for (uint32_t i = 0; i < n; i++, grad += width) {
        float *restrict value = row[i], *restrict a = row[i] + width;
        for (uint32_t j = 0; j < width; j++) {
            float g = grad[j] + decay * value[j];
            a[j] += g * g;
            /* a = 0 only where g^2 is 0 too: such a coordinate stays, instead of becoming 0 / 0 */
            float root = sqrtf(a[j]);
            value[j] -= lr * g / (root > 0 ? root : INFINITY);
        }
    }
}

PS_VECTOR
static void adagrad_momentum(const struct ps_optimizer_spec *s, uint32_t width, float *const *row, const float *grad,
                             uint32_t n)
{
    const float lr = s->lr, decay = s->weight_decay, mu = s->momentum, epsilon = s->epsilon;
    for (uint32_t i = 0; i < n; i++, grad += width) {
        float *restrict value = row[i], *restrict a = row[i] + width, *restrict m = row[i] + 2 * (size_t)width;
        for (uint32_t j = 0; j < width; j++) {
            float g = grad[j] + decay * value[j];
            a[j] += g * g;
            float root = sqrtf(a[j] + epsilon);
            m[j] = mu * m[j] - lr * g / (root > 0 ? root : INFINITY);
            value[j] += m[j];
        }
    }
}

PS_VECTOR
static void adagrad_row(const struct ps_optimizer_spec *s, uint32_t width, float *const *row, const float *grad,
                        uint32_t n)
{
    enum { SUMS = 16 }; /* partial sums by name: the same result at any vector width */
    const float lr = s->lr, decay = s->weight_decay;
    for (uint32_t i = 0; i < n; i++, grad += width) {
        float *restrict value = row[i], *a = row[i] + width;
        float sum[SUMS] = {0}, total = 0;
        uint32_t j = 0;
        for (; j + SUMS <= width; j += SUMS)
            for (uint32_t k = 0; k < SUMS; k++) {
                float g = grad[j + k] + decay * value[j + k];
                sum[k] += g * g;
            }
        for (uint32_t k = 0; j < width; j++, k++) {
            float g = grad[j] + decay * value[j];
            sum[k] += g * g;
        }
        for (uint32_t k = 0; k < SUMS; k++)
            total += sum[k];
        *a += total / (float)width;
        float root = sqrtf(*a), divisor = root > 0 ? root : INFINITY;
        for (j = 0; j < width; j++) {
            float g = grad[j] + decay * value[j];
            value[j] -= lr * g / divisor;
        }
    }
}

/* One row of Adam at step t: m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
 * theta -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon), the corrections taken out of the loop. */
PS_VECTOR
static void adam(const struct ps_optimizer_spec *s, uint32_t width, float *restrict value, float *restrict m,
                 float *restrict v, const float *restrict grad, float rate, float root)
{
    const float decay = s->weight_decay, b1 = s->beta1, b2 = s->beta2, c1 = 1 - b1, c2 = 1 - b2, epsilon = s->epsilon;
    for (uint32_t j = 0; j < width; j++) {
        float g = grad[j] + decay * value[j];
        m[j] = b1 * m[j] + c1 * g;
        v[j] = b2 * v[j] + c2 * (g * g);
        /* epsilon may be 0: nothing moves where m and v are */
        float divisor = sqrtf(v[j]) / root + epsilon;
        value[j] -= rate * m[j] / (divisor > 0 ? divisor : INFINITY);
    }
}

static void adam_rows(const struct ps_optimizer_spec *s, uint64_t step, uint32_t width, float *const *row,
                      const float *grad, uint32_t n)
{
    bool dense = s->kind == PS_OPT_ADAM_DENSE;
    float rate = 0, root = 1;
    for (uint32_t i = 0; i < n; i++) {
        float *m = row[i] + width, *v = m + width;
        if (!dense || i == 0) {
            uint64_t t = step;
            if (!dense) {
                float *count = v + width; /* whole numbers up to 2^24, where both corrections are 1 long since */
                if (*count < 16777216)
                    *count += 1;
                t = (uint64_t)*count;
            }
            rate = (float)(s->lr / (1 - power(s->beta1, t)));
            root = (float)sqrt(1 - power(s->beta2, t));
        }
        adam(s, width, row[i], m, v, grad + (size_t)i * width, rate, root);
    }
}

void ps_optimizer_apply(const struct ps_optimizer_spec *s, uint64_t step, uint32_t width, float *const *row,
                        const float *grad, uint32_t n)
{
    switch (s->kind) {
    case PS_OPT_SGD:
        sgd(s, width, row, grad, n);
        return;
    case PS_OPT_MOMENTUM:
        momentum(s, width, row, grad, n);
        return;
    case PS_OPT_ADAGRAD:
        adagrad(s, width, row, grad, n);
        return;
    case PS_OPT_ADAGRAD_ROW:
        adagrad_row(s, width, row, grad, n);
        return;
    case PS_OPT_ADAGRAD_MOMENTUM:
        adagrad_momentum(s, width, row, grad, n);
        return;
    case PS_OPT_ADAM:
    case PS_OPT_ADAM_DENSE:
        adam_rows(s, step, width, row, grad, n);
        return;
    }
    PS_BUG("optimiser %d", s->kind);
}
