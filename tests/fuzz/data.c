/* data.c - data messages at a real shard: headers, keys, values and codecs, in any order. The first byte chooses the consistency. */
#include "fuzz.h"

#include "../unit/shard_fixture.h"

static void drop(void *ctx, uint64_t to, struct ps_data *data, struct ps_message *message)
{
    struct ps_frame header;
    ps_data_pack(data, &header);
    ps_frame_fini(&header);
    ps_message_fini(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    enum { ME = 5, LANES = 2, MESSAGES = 16 };
    struct fuzz_input in = {bytes, size};
    struct ps_slot_map map;
    struct ps_control welcome;
    struct ps_shard *shard = ps_calloc(1, sizeof *shard);
    struct ps_lane_entry lane[LANES] = {{0, 1, 0}, {1, 1, 0}};
    struct ps_error err;
    /* One of two shards: some keys are somebody else's, and the state before the last commit is kept. */
    fixture_welcome(&welcome, &map, 2, 0, fuzz_byte(&in) % 4, LANES, &fixture_adagrad);
    if (ps_shard_init(shard, &welcome, ME, drop, NULL, &err) || ps_shard_load(shard, 1, 1, "", lane, LANES, &err))
        abort();
    for (int i = 0; i < MESSAGES && in.size; i++) {
        struct ps_message message;
        struct ps_data data;
        fuzz_message(&in, &message);
        if (!ps_data_unpack(&message, &data, &err))
            ps_shard_take(shard, &data, &message);
        ps_message_fini(&message);
    }
    ps_shard_fini(shard);
    free(shard);
    return 0;
}
