/* codec.c - keys and values as raw frames: keys plain or as gaps, values plain, fp16 or bf16 with LZ4 around any of them; see wire.h.
 * The only place that knows lz4.h. Little-endian hosts only (checked at compile time): frames are memory images.
 */
#include "common/wire.h"

#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "common/vector.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames are little-endian memory images");

enum { LZ4_LIMIT = LZ4_MAX_INPUT_SIZE };

void ps_buffer_fini(struct ps_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct ps_buffer){0};
}

void *ps_buffer_need(struct ps_buffer *buffer, size_t size)
{
    if (size > buffer->capacity) {
        free(buffer->data);
        buffer->capacity = size + size / 4;
        buffer->data = ps_malloc_aligned(buffer->capacity);
    }
    return buffer->data;
}

/* Packs `size` bytes into the frame by LZ4; false (and no frame) where that does not save an eighth. */
static bool compress(const void *data, size_t size, struct ps_frame *frame)
{
    size_t limit = size - size / 8;
    if (size < 256 || size > LZ4_LIMIT)
        return false;
    ps_frame_alloc(frame, limit);
    int packed = LZ4_compress_default(data, ps_frame_data(frame), (int)size, (int)limit);
    if (packed <= 0) {
        ps_frame_fini(frame);
        return false;
    }
    struct ps_frame fitted;
    ps_frame_alloc(&fitted, (size_t)packed);
    memcpy(ps_frame_data(&fitted), ps_frame_data(frame), (size_t)packed);
    ps_frame_fini(frame);
    *frame = fitted;
    return true;
}

static uint32_t encode_bytes(const void *data, size_t size, uint32_t codec, struct ps_frame *frame)
{
    if ((codec & PS_CODEC_LZ4) && compress(data, size, frame))
        return codec;
    ps_frame_alloc(frame, size);
    memcpy(ps_frame_data(frame), data, size);
    return codec & ~(uint32_t)PS_CODEC_LZ4;
}

/* The frame's plain bytes: in place, or unpacked into `scratch`. Exactly `size` of them, or an error. */
static int plain_bytes(const struct ps_frame *frame, size_t size, bool packed, struct ps_buffer *scratch,
                       const void **bytes, struct ps_error *err)
{
    size_t have = ps_frame_size(frame);
    const void *data = ps_frame_data(frame);
    if (!packed) {
        if (have != size)
            return ps_fail(err, PS_EXIT_NET, "a frame of %zu bytes where %zu are due", have, size);
        *bytes = data;
        return 0;
    }
    if (size > LZ4_LIMIT || have > LZ4_LIMIT || have > size)
        return ps_fail(err, PS_EXIT_NET, "a packed frame of %zu bytes for %zu is impossible", have, size);
    void *out = ps_buffer_need(scratch, size);
    if (LZ4_decompress_safe(data, out, (int)have, (int)size) != (int)size)
        return ps_fail(err, PS_EXIT_NET, "a packed frame does not unpack to %zu bytes", size);
    *bytes = out;
    return 0;
}

/* The bytes at an address that the type needs: a frame's are copied to scratch where they are not, scratch's always are. */
static const void *aligned(const void *bytes, size_t size, size_t alignment, struct ps_buffer *scratch)
{
    if (bytes == scratch->data || (uintptr_t)bytes % alignment == 0)
        return bytes;
    return memcpy(ps_buffer_need(scratch, size), bytes, size);
}

/* Gaps of one width, narrowed from `key` or added up to it. */
#define GAPS_OF(type)                                                                                                  \
    PS_VECTOR static void narrow_##type(const uint64_t *key, uint32_t n, void *frame)                                   \
    {                                                                                                                  \
        type *gap = frame; /* 8 bytes into the frame: aligned */                                                       \
        for (uint32_t i = 0; i < n; i++)                                                                               \
            gap[i] = (type)(key[i + 1] - key[i]);                                                                      \
    }                                                                                                                  \
    static void widen_##type(const void *frame, uint32_t n, uint64_t *key)                                             \
    {                                                                                                                  \
        for (uint32_t i = 0; i < n; i++) {                                                                             \
            type gap;                                                                                                  \
            memcpy(&gap, (const char *)frame + i * sizeof gap, sizeof gap);                                            \
            key[i + 1] = key[i] + gap;                                                                                 \
        }                                                                                                              \
    }
GAPS_OF(uint8_t)
GAPS_OF(uint16_t)
GAPS_OF(uint32_t)
GAPS_OF(uint64_t)

static void encode_gaps(const uint64_t *key, uint32_t n, struct ps_frame *frame)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < n; i++)
        all |= key[i + 1] - key[i];
    size_t width = all >> 32 ? 8 : all >> 16 ? 4 : all >> 8 ? 2 : 1;
    ps_frame_alloc(frame, sizeof *key + n * width);
    char *out = ps_frame_data(frame);
    memcpy(out, key, sizeof *key);
    out += sizeof *key;
    switch (width) {
    case 1: narrow_uint8_t(key, n, out); return;
    case 2: narrow_uint16_t(key, n, out); return;
    case 4: narrow_uint32_t(key, n, out); return;
    default: narrow_uint64_t(key, n, out);
    }
}

void ps_keys_encode(const uint64_t *keys, uint32_t count, uint32_t codec, struct ps_frame *frame)
{
    PS_ASSERT(count && (codec == PS_CODEC_PLAIN || codec == PS_CODEC_GAPS));
    if (codec == PS_CODEC_GAPS)
        encode_gaps(keys, count - 1, frame);
    else
        encode_bytes(keys, (size_t)count * sizeof *keys, codec, frame);
}

static int decode_gaps(const struct ps_frame *frame, uint32_t n, struct ps_buffer *scratch, const uint64_t **keys,
                       struct ps_error *err)
{
    size_t have = ps_frame_size(frame), width = have > sizeof **keys && n ? (have - sizeof **keys) / n : 1;
    if (have != sizeof **keys + n * width || (width & (width - 1)) || width > 8)
        return ps_fail(err, PS_EXIT_NET, "a frame of %zu bytes for %u keys is impossible", have, n + 1);
    uint64_t *key = ps_buffer_need(scratch, (n + (size_t)1) * sizeof *key);
    const char *in = ps_frame_data(frame);
    memcpy(key, in, sizeof *key);
    in += sizeof *key;
    *keys = key;
    switch (width) {
    case 1: widen_uint8_t(in, n, key); return 0;
    case 2: widen_uint16_t(in, n, key); return 0;
    case 4: widen_uint32_t(in, n, key); return 0;
    default: widen_uint64_t(in, n, key); return 0;
    }
}

int ps_keys_decode(const struct ps_frame *frame, uint32_t count, uint32_t codec, struct ps_buffer *scratch,
                   const uint64_t **keys, struct ps_error *err)
{
    if (!count || (codec != PS_CODEC_PLAIN && codec != PS_CODEC_GAPS))
        return ps_fail(err, PS_EXIT_NET, "unknown codec %u for %u keys", codec, count);
    size_t size = (size_t)count * sizeof **keys;
    const void *bytes;
    int status = codec == PS_CODEC_GAPS ? decode_gaps(frame, count - 1, scratch, keys, err)
                                        : plain_bytes(frame, size, false, scratch, &bytes, err);
    if (status)
        return status;
    if (codec == PS_CODEC_PLAIN)
        *keys = aligned(bytes, size, _Alignof(uint64_t), scratch);
    bool ascending = true;
    for (uint32_t i = 1; i < count; i++)
        ascending &= (*keys)[i - 1] < (*keys)[i];
    return ascending ? 0 : ps_fail(err, PS_EXIT_NET, "keys are not strictly ascending");
}

/* IEEE binary16 by the compiler's own conversions (round to nearest even); bfloat16 by hand, the same rounding. */
static uint16_t to_fp16(float x)
{
    _Float16 h = (_Float16)x;
    uint16_t bits;
    memcpy(&bits, &h, sizeof bits);
    return bits;
}

static float from_fp16(uint16_t bits)
{
    _Float16 h;
    memcpy(&h, &bits, sizeof h);
    return (float)h;
}

static uint16_t to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000) /* NaN stays one */
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static float from_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

uint32_t ps_values_encode(const float *values, size_t count, uint32_t codec, struct ps_frame *frame)
{
    uint32_t format = codec & ~(uint32_t)PS_CODEC_LZ4;
    if (format == PS_CODEC_PLAIN)
        return encode_bytes(values, count * sizeof *values, codec, frame);
    struct ps_frame half;
    ps_frame_alloc(&half, count * 2);
    uint16_t *out = ps_frame_data(&half);
    for (size_t i = 0; i < count; i++)
        out[i] = format == PS_CODEC_FP16 ? to_fp16(values[i]) : to_bf16(values[i]);
    if ((codec & PS_CODEC_LZ4) && compress(out, count * 2, frame)) {
        ps_frame_fini(&half);
        return codec;
    }
    *frame = half;
    return format;
}

int ps_values_decode(const struct ps_frame *frame, size_t count, uint32_t codec, struct ps_buffer *scratch,
                     const float **values, struct ps_error *err)
{
    uint32_t format = codec & ~(uint32_t)PS_CODEC_LZ4;
    bool packed = codec & PS_CODEC_LZ4;
    const void *bytes;
    if (format == PS_CODEC_PLAIN) {
        int status = plain_bytes(frame, count * sizeof(float), packed, scratch, &bytes, err);
        if (status)
            return status;
        *values = aligned(bytes, count * sizeof(float), _Alignof(float), scratch);
        return 0;
    }
    if (format != PS_CODEC_FP16 && format != PS_CODEC_BF16)
        return ps_fail(err, PS_EXIT_NET, "unknown codec %u for values", codec);
    struct ps_buffer unpacked = {0};
    int status = plain_bytes(frame, count * 2, packed, &unpacked, &bytes, err);
    if (!status) {
        float *out = ps_buffer_need(scratch, count * sizeof(float));
        for (size_t i = 0; i < count; i++) {
            uint16_t half;
            memcpy(&half, (const char *)bytes + 2 * i, sizeof half);
            out[i] = format == PS_CODEC_FP16 ? from_fp16(half) : from_bf16(half);
        }
        *values = out;
    }
    ps_buffer_fini(&unpacked);
    return status;
}
