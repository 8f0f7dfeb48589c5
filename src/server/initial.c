/* initial.c - initial values of rows; see initial.h. */
#include "server/initial.h"

#include <string.h>

#include "common/random.h"

static void draw(const struct ps_field *field, struct ps_random *random, uint32_t count, float *out)
{
    double scale = field->scale;
    switch (field->init) {
    case PS_INIT_ZERO:
        break;
    case PS_INIT_NORMAL:
        for (uint32_t i = 0; i < count; i++)
            out[i] = (float)(scale * ps_random_normal(random));
        break;
    case PS_INIT_TRUNCATED:
        for (uint32_t i = 0; i < count; i++) {
            double z = ps_random_normal(random);
            while (fabs(z) > 2)
                z = ps_random_normal(random);
            out[i] = (float)(scale * z);
        }
        break;
    case PS_INIT_UNIFORM:
        for (uint32_t i = 0; i < count; i++)
            out[i] = (float)(scale * (2 * ps_random_unit(random) - 1));
        break;
    }
}

void ps_row_initial(const struct ps_table_spec *spec, uint32_t index, uint64_t seed, uint64_t id, float *value)
{
    memset(value, 0, spec->width * sizeof *value);
    for (uint32_t f = 0; f < spec->fields; f++) {
        const struct ps_field *field = &spec->field[f];
        uint32_t count = field->width;
        if (spec->kind == PS_TABLE_TENSOR) {
            uint64_t elements = (uint64_t)spec->tensor_rows * spec->tensor_cols, first = id * spec->width;
            count = first >= elements ? 0 : (uint32_t)PS_MIN((uint64_t)count, elements - first);
        }
        struct ps_random random = ps_random_stream(seed, PS_RANDOM_INIT, index, id, f);
        draw(field, &random, count, value + field->first);
    }
}
