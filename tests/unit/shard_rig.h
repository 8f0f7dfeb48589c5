/* shard_rig.h - one shard without a network, for tests of its rules: what it is asked, and the last answer. */
#ifndef SHARD_RIG_H
#define SHARD_RIG_H

#include "shard_fixture.h"

enum { LANES = 2, ME = 1000, PEER = 5 };

/* The shard under test and the last answers it gave. */
struct rig {
    struct ps_shard shard;
    struct ps_slot_map map;
    struct ps_data answer;
    struct ps_message rows;
    int answers;
    float *poison; /* overwritten at an ACK: whatever it was */
};

static void keep_answer(void *ctx, uint64_t to, struct ps_data *data, struct ps_message *message)
{
    struct rig *r = ctx;
    assert_int_equal(to, PEER);
    r->answer = *data;
    r->answers++;
    if (r->poison && data->kind == PS_ACK)
        *r->poison = -100;
    ps_message_fini(&r->rows);
    memcpy(&r->rows, message, sizeof *message);
    message->count = 0;
}

/* In era 3 and epoch 1; the first of `shards`. The tables are the fixture's, or (not NULL) those of fixture_living. */
static struct rig *rig_of(uint32_t mode, uint32_t shards, const struct ps_optimizer_spec *optimizer, struct ps_table_spec *living,
                          uint64_t memory)
{
    struct rig *r = ps_calloc(1, sizeof *r);
    struct ps_control welcome;
    struct ps_error err;
    struct ps_lane_entry lane[LANES] = {{.lane = 0, .lease = 10}, {.lane = 1, .lease = 11}};
    fixture_welcome(&welcome, &r->map, shards, 0, mode, LANES, optimizer);
    welcome.memory = memory;
    if (living) {
        welcome.table = living;
        welcome.table_count = FIXTURE_LIVING;
    }
    assert_int_equal(ps_shard_init(&r->shard, &welcome, ME, keep_answer, r, &err), 0);
    assert_int_equal(ps_shard_load(&r->shard, 3, 1, "", lane, LANES, &err), 0);
    return r;
}

static inline struct rig *rig_new(uint32_t mode, uint32_t shards, const struct ps_optimizer_spec *optimizer)
{
    return rig_of(mode, shards, optimizer, NULL, 0);
}

static void rig_free(struct rig *r)
{
    ps_message_fini(&r->rows);
    ps_shard_fini(&r->shard);
    free(r);
}

static struct ps_data named(enum ps_message_kind kind, uint32_t lane, uint64_t position)
{
    return (struct ps_data){.kind = kind,
                            .run = FIXTURE_RUN,
                            .from = PEER,
                            .to = ME,
                            .era = 3,
                            .map = 1,
                            .epoch = 1,
                            .lane = lane,
                            .lease = 10 + lane,
                            .position = position,
                            .request = 77};
}

/* A request for keys of one table; grad is the same in every column. Returns the answer's kind, 0 without one. */
static enum ps_message_kind ask(struct rig *r, struct ps_data data, uint32_t table, const uint64_t *key, uint32_t n,
                                float grad, uint32_t codec)
{
    struct ps_message message;
    int before = r->answers;
    ps_message_init(&message);
    ps_message_add(&message);
    if (n) {
        struct ps_section *section = &data.section[data.sections++];
        *section = (struct ps_section){.table = table, .rows = n, .value_codec = codec};
        section->key_codec = codec ? PS_CODEC_GAPS : PS_CODEC_PLAIN;
        ps_keys_encode(key, n, section->key_codec, ps_message_add(&message));
        size_t values = n * (table < FIXTURE_TABLES ? fixture_table[table].width : 1);
        float *value = ps_malloc(values * sizeof *value);
        for (size_t i = 0; i < values; i++)
            value[i] = grad;
        if (data.kind == PS_PUSH)
            section->value_codec = ps_values_encode(value, values, codec, ps_message_add(&message));
        else
            ps_message_add(&message);
        free(value);
    }
    ps_shard_take(&r->shard, &data, &message);
    assert_int_equal(message.count, 0); /* always taken over */
    return r->answers == before ? 0 : r->answer.kind;
}

#endif
