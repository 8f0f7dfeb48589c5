/* request.c - checks of what peers send; see request.h. */
#include "server/request.h"

#include <stdlib.h>
#include <string.h>

#include "common/vector.h"
#include "server/shard.h"

enum { REQUEST_BYTES_MAX = 1 << 30 }; /* values of one PULL's answer or one PUSH */

struct ps_request *ps_request_take(struct ps_shard *shard, const struct ps_data *data, struct ps_message *message)
{
    struct ps_request *r = shard->free_requests;
    if (r)
        shard->free_requests = r->next;
    else
        r = ps_calloc(1, sizeof *r);
    r->data = *data;
    r->message.count = message->count;
    memcpy(r->message.frame, message->frame, (size_t)message->count * sizeof *message->frame);
    message->count = 0;
    return r;
}

void ps_request_drop(struct ps_shard *shard, struct ps_request *request)
{
    if (!request)
        return;
    ps_message_fini(&request->message);
    ps_view_release(request->shared);
    request->shared = NULL;
    request->next = shard->free_requests;
    shard->free_requests = request;
}

void ps_request_free_all(struct ps_shard *shard)
{
    for (struct ps_request *r = shard->free_requests, *next; r; r = next) {
        next = r->next;
        for (int i = 0; i < PS_MAX_TABLES; i++) {
            ps_buffer_fini(&r->key_scratch[i]);
            ps_buffer_fini(&r->value_scratch[i]);
        }
        free(r);
    }
    shard->free_requests = NULL;
}

/* Whether all values are finite: their exponents are not all ones. */
PS_VECTOR
static bool all_finite(const float *value, size_t count)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, value + i, sizeof bits);
        bad |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return !bad;
}

/* Where a ticket leads to; all sections of a request lie in one share. NULL where this process cannot get there. */
static float *follow(struct ps_shard *shard, struct ps_request *r, const struct ps_frame *frame, size_t values)
{
    struct ps_ticket ticket;
    struct ps_view *view;
    if (shard->far || ps_frame_size(frame) != sizeof ticket)
        return NULL;
    memcpy(&ticket, ps_frame_data(frame), sizeof ticket);
    if (ticket.bytes != values * sizeof(float))
        return NULL;
    if (!shard->shares)
        shard->shares = ps_shares_new();
    float *at = ps_shares_find(shard->shares, &ticket, &view);
    if (r->shared)
        ps_view_release(view);
    if (r->shared && view != r->shared)
        return NULL;
    r->shared = view;
    return at;
}

void ps_request_own(struct ps_shard *shard, struct ps_request *r)
{
    for (uint32_t i = 0; r->shared && i < r->data.sections; i++) {
        if (r->data.section[i].value_codec != PS_CODEC_SHARED)
            continue;
        size_t bytes = (size_t)r->data.section[i].rows * shard->spec[r->data.section[i].table].width * sizeof(float);
        void *copy = ps_buffer_need(&r->value_scratch[i], bytes);
        memcpy(copy, r->value[i], bytes);
        r->value[i] = copy;
    }
    ps_view_release(r->shared);
    r->shared = NULL;
}

void ps_request_frame(struct ps_shard *shard, struct ps_request *r)
{
    for (uint32_t i = 0; r->shared && i < r->data.sections; i++) {
        struct ps_section *section = &r->data.section[i];
        if (section->value_codec != PS_CODEC_SHARED)
            continue;
        struct ps_frame *frame = &r->message.frame[2 + 2 * i];
        size_t bytes = (size_t)section->rows * shard->spec[section->table].width * sizeof(float);
        ps_frame_fini(frame);
        ps_frame_alloc(frame, bytes);
        r->value[i] = memcpy(ps_frame_data(frame), r->value[i], bytes);
        section->value_codec = PS_CODEC_PLAIN;
    }
    ps_view_release(r->shared);
    r->shared = NULL;
}

static enum ps_refusal decode_section(struct ps_shard *shard, struct ps_request *r, uint32_t i, size_t *bytes)
{
    const struct ps_section *section = &r->data.section[i];
    if (section->table >= shard->tables || (i && section->table <= r->data.section[i - 1].table))
        return PS_REFUSE_BAD;
    const struct ps_table_spec *spec = &shard->spec[section->table];
    if (!section->rows || section->rows > spec->rows || spec->kind == PS_TABLE_SIGHTINGS) /* the server's own */
        return PS_REFUSE_BAD;
    *bytes += (size_t)section->rows * (spec->width * sizeof(float) + sizeof(uint64_t));
    if (*bytes > REQUEST_BYTES_MAX)
        return PS_REFUSE_BAD;
    if (ps_keys_decode(&r->message.frame[1 + 2 * i], section->rows, section->key_codec, &r->key_scratch[i], &r->key[i],
                       NULL))
        return PS_REFUSE_BAD;
    const uint64_t *key = r->key[i];
    if (key[section->rows - 1] >= spec->rows)
        return PS_REFUSE_BAD;
    bool own = true;
    for (uint32_t k = 0; k < section->rows; k++)
        own &= shard->owns[ps_slot_of(spec, section->table, key[k])];
    if (!own)
        return PS_REFUSE_MAP;
    size_t values = (size_t)section->rows * spec->width;
    bool shared = section->value_codec == PS_CODEC_SHARED;
    const struct ps_frame *frame = &r->message.frame[2 + 2 * i];
    if (r->data.kind == PS_PULL) {
        r->value[i] = NULL;
        r->target[i] = shared ? follow(shard, r, frame, values) : NULL;
        return shared || (section->value_codec & ~(uint32_t)PS_CODEC_LZ4) <= PS_CODEC_BF16 ? 0 : PS_REFUSE_BAD;
    }
    if (shared) {
        r->value[i] = follow(shard, r, frame, values);
        if (!r->value[i])
            return PS_REFUSE_BAD;
    } else if (ps_values_decode(frame, values, section->value_codec, &r->value_scratch[i], &r->value[i], NULL)) {
        return PS_REFUSE_BAD;
    }
    if (!all_finite(r->value[i], values)) {
        shard->counters.not_finite++;
        return PS_REFUSE_BAD;
    }
    return 0;
}

enum ps_refusal ps_request_decode(struct ps_shard *shard, struct ps_request *r)
{
    size_t bytes = 0;
    uint32_t closing = r->data.flags & (PS_FLAG_EMPTY | PS_FLAG_END);
    if (r->data.sections > PS_MAX_TABLES || r->message.count != (int)(1 + 2 * r->data.sections))
        return PS_REFUSE_BAD;
    if (r->data.kind == PS_PUSH && (closing != 0) != (r->data.sections == 0))
        return PS_REFUSE_BAD;
    for (uint32_t i = 0; i < r->data.sections; i++) {
        enum ps_refusal refusal = decode_section(shard, r, i, &bytes);
        if (refusal)
            return refusal;
    }
    return 0;
}
