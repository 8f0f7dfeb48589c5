/* codec.c - frames of keys and values: a codec, a count of rows, the frame; what was decoded comes back when it is encoded again. */
#include "fuzz.h"

#include "common/wire.h"

static void keys(const struct ps_frame *frame, uint32_t count, uint32_t codec)
{
    struct ps_buffer scratch = {0}, other = {0};
    struct ps_frame again;
    struct ps_error err;
    const uint64_t *key, *same;
    if (!ps_keys_decode(frame, count, codec, &scratch, &key, &err)) {
        for (uint32_t i = 1; i < count; i++)
            if (key[i] <= key[i - 1])
                abort();
        ps_keys_encode(key, count, codec, &again);
        if (ps_keys_decode(&again, count, codec, &other, &same, &err) || memcmp(key, same, count * sizeof *key))
            abort();
        ps_frame_fini(&again);
    }
    ps_buffer_fini(&scratch);
    ps_buffer_fini(&other);
}

static void values(const struct ps_frame *frame, uint32_t count, uint32_t codec)
{
    struct ps_buffer scratch = {0}, other = {0};
    struct ps_frame again;
    struct ps_error err;
    const float *value, *same;
    if (!ps_values_decode(frame, count, codec, &scratch, &value, &err)) {
        codec = ps_values_encode(value, count, codec, &again);
        if (ps_values_decode(&again, count, codec, &other, &same, &err))
            abort();
        for (uint32_t i = 0; i < count; i++)
            if (value[i] == value[i] && memcmp(&value[i], &same[i], sizeof *value)) /* a NaN may change its payload */
                abort();
        ps_frame_fini(&again);
    }
    ps_buffer_fini(&scratch);
    ps_buffer_fini(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    uint32_t codec = fuzz_byte(&in), count = fuzz_byte(&in);
    count |= (uint32_t)fuzz_byte(&in) << 8;
    struct ps_frame frame;
    ps_frame_alloc(&frame, in.size);
    if (in.size)
        memcpy(ps_frame_data(&frame), in.data, in.size);
    if (codec & 128)
        values(&frame, count, codec & 127);
    else
        keys(&frame, count, codec);
    ps_frame_fini(&frame);
    return 0;
}
