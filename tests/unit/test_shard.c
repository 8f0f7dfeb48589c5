/* test_shard.c - a shard's rules one by one: refusals and their order, repeats, reads, cuts, codecs, what peers may not
 * send, values in a worker's memory, optimisers that move every row.
 */
#include "common/random.h"
#include "server/initial.h"
#include "shard_rig.h"

static void expect_refusal(struct rig *r, struct ps_data data, enum ps_refusal code)
{
    const uint64_t key = 3;
    assert_int_equal(ask(r, data, 0, &key, 1, 1, 0), PS_REFUSE);
    assert_int_equal(r->answer.code, code);
    assert_int_equal(r->answer.request, 77);
}

static void refusals_come_in_their_order(void **state)
{
    struct rig *r = rig_new(PS_SYNC, 1, &fixture_adagrad);
    struct ps_data d = named(PS_PUSH, 0, 5);
    /* everything is wrong; what is checked first is put right one by one */
    d.run++, d.to++, d.era++, d.map++, d.lease = 9, d.epoch = 2;
    expect_refusal(r, d, PS_REFUSE_RUN);
    d.run--;
    expect_refusal(r, d, PS_REFUSE_WHO);
    d.to--;
    expect_refusal(r, d, PS_REFUSE_ERA);
    assert_int_equal(r->answer.state, 3);
    d.era--;
    expect_refusal(r, d, PS_REFUSE_MAP);
    d.map--;
    expect_refusal(r, d, PS_REFUSE_FENCED);
    assert_int_equal(r->answer.state, 10);
    d.lease = 12;
    expect_refusal(r, d, PS_REFUSE_NOT_YET);
    d.lease = 10;
    expect_refusal(r, d, PS_REFUSE_NOT_YET); /* epoch 2 */
    d.epoch = 1;
    expect_refusal(r, d, PS_REFUSE_GAP);
    d.position = 0;
    d.kind = PS_ACK;
    expect_refusal(r, d, PS_REFUSE_BAD);
    d.kind = PS_PUSH;
    d.lane = LANES;
    expect_refusal(r, d, PS_REFUSE_BAD);
    d.lane = 0;
    const uint64_t key = 3;
    assert_int_equal(ask(r, d, 0, &key, 1, 1, 0), PS_ACK);
    assert_int_equal(r->shard.counters.refused[PS_REFUSE_NOT_YET], 2);
    rig_free(r);
}

static void unsound_sections_are_refused(void **state)
{
    struct rig *r = rig_new(PS_SYNC, 2, &fixture_adagrad);
    uint64_t own = 0, foreign = 0, beyond = 40, keys[2];
    while (!r->shard.owns[ps_slot_of(&fixture_table[0], 0, own)])
        own++;
    while (r->shard.owns[ps_slot_of(&fixture_table[0], 0, foreign)])
        foreign++;
    struct ps_data push = named(PS_PUSH, 0, 0), pull = named(PS_PULL, 0, 0);
    assert_int_equal(ask(r, push, 0, &foreign, 1, 1, 0), PS_REFUSE);
    assert_int_equal(r->answer.code, PS_REFUSE_MAP);
    const float unsound[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(r, push, 0, &own, 1, unsound[i], 0), PS_REFUSE);
        assert_int_equal(r->answer.code, PS_REFUSE_BAD);
    }
    assert_int_equal(r->shard.counters.not_finite, 3);
    assert_int_equal(ask(r, push, 0, &beyond, 1, 1, 0), PS_REFUSE);
    assert_int_equal(ask(r, push, FIXTURE_TABLES, &own, 1, 1, 0), PS_REFUSE);
    keys[0] = keys[1] = own;
    assert_int_equal(ask(r, push, 0, keys, 2, 1, 0), PS_REFUSE);
    assert_int_equal(ask(r, pull, 0, keys, 2, 1, 0), PS_REFUSE);
    assert_int_equal(ask(r, pull, 0, &own, 1, 1, 9), PS_REFUSE); /* no such codec */
    assert_int_equal(ask(r, push, 0, &own, 0, 1, 0), PS_REFUSE); /* nothing, and not said so */
    push.flags = PS_FLAG_EMPTY;
    assert_int_equal(ask(r, push, 0, &own, 1, 1, 0), PS_REFUSE); /* said so, but not nothing */
    push.flags = 0;
    /* sections and frames that do not belong together; one table twice */
    struct ps_message message;
    ps_message_init(&message);
    ps_message_add(&message);
    push.sections = 3;
    ps_shard_take(&r->shard, &push, &message);
    assert_int_equal(r->answer.code, PS_REFUSE_BAD);
    push.sections = 1;
    push.section[0] = (struct ps_section){.table = 0, .rows = 1};
    ps_message_add(&message);
    ps_keys_encode(&own, 1, 0, ps_message_add(&message));
    ps_values_encode(unsound, 1, 0, ps_message_add(&message));
    ps_shard_take(&r->shard, &push, &message);
    assert_int_equal(r->answer.code, PS_REFUSE_BAD);
    push.sections = 0;
    assert_int_equal(r->shard.lane[0].hwm, 0); /* nothing of it was taken in */
    assert_int_equal(r->shard.rows[0].count, 0);
    assert_int_equal(ask(r, push, 0, &own, 1, 1, 0), PS_ACK);
    rig_free(r);
}

/* Random headers and frames: answered or refused, never a crash (the sanitizers watch), and the lane is where it was.
 */
static void noise_does_no_harm(void **state)
{
    struct rig *r = rig_new(PS_SYNC, 1, &fixture_adagrad);
    struct ps_random random = ps_random_stream(1, PS_RANDOM_TEST, 9, 9, 9);
    for (int i = 0; i < 20000; i++) {
        struct ps_data d = named(ps_random_below(&random, 2) ? PS_PUSH : PS_PULL, 0, ps_random_below(&random, 3));
        struct ps_message message;
        d.flags = (uint32_t)ps_random_below(&random, 8) & ~(uint32_t)PS_FLAG_END;
        d.sections = (uint32_t)ps_random_below(&random, 3);
        ps_message_init(&message);
        ps_message_add(&message);
        for (uint32_t s = 0; s < d.sections; s++) {
            d.section[s] =
                (struct ps_section){(uint32_t)ps_random_below(&random, 4), (uint32_t)ps_random_below(&random, 4),
                                    (uint32_t)ps_random_below(&random, 18), (uint32_t)ps_random_below(&random, 20)};
            for (int f = 0; f < 2; f++) {
                struct ps_frame *frame = ps_message_add(&message);
                ps_frame_alloc(frame, ps_random_below(&random, 40));
                unsigned char *bytes = ps_frame_data(frame);
                for (size_t b = 0; b < ps_frame_size(frame); b++)
                    bytes[b] = (unsigned char)(b % 8 ? 0 : ps_random_next(&random) % 30);
            }
        }
        ps_shard_take(&r->shard, &d, &message);
    }
    assert_true(r->shard.lane[1].hwm == 0 && r->shard.v == 0);
    rig_free(r);
}

static void read_value(struct rig *r, uint32_t table, uint64_t key, float *out)
{
    struct ps_data d = named(PS_PULL, 0, 0);
    d.flags = PS_FLAG_READ;
    d.lane = 12345; /* a read has no lane */
    assert_int_equal(ask(r, d, table, &key, 1, 0, 0), PS_ROWS);
    assert_int_equal(ps_frame_size(&r->rows.frame[2]), fixture_table[table].width * sizeof *out);
    memcpy(out, ps_frame_data(&r->rows.frame[2]), fixture_table[table].width * sizeof *out);
}

static void steps_are_committed_when_all_lanes_are_in(void **state)
{
    struct rig *r = rig_new(PS_SYNC, 2, &fixture_adagrad);
    uint64_t key = 0;
    float before[5], after[5], want[5];
    while (!r->shard.owns[ps_slot_of(&fixture_table[0], 0, key)])
        key++;
    read_value(r, 0, key, before);
    ps_row_initial(&fixture_table[0], 0, FIXTURE_SEED, key, want);
    assert_memory_equal(before, want, sizeof want);
    assert_int_equal(r->shard.rows[0].count, 0); /* reading makes no row */
    assert_int_equal(ask(r, named(PS_PUSH, 1, 0), 0, &key, 1, 2, 0), PS_ACK);
    read_value(r, 0, key, after);
    assert_memory_equal(before, after, sizeof after);                         /* staged, not committed */
    assert_int_equal(ask(r, named(PS_PULL, 1, 1), 0, &key, 1, 0, 0), 0);      /* parked */
    assert_int_equal(ask(r, named(PS_PUSH, 1, 0), 0, &key, 1, 2, 0), PS_ACK); /* a repeat */
    assert_int_equal(r->shard.counters.repeats, 1);
    assert_int_equal(ask(r, named(PS_PUSH, 0, 0), 0, &key, 1, 1, 0), PS_ROWS); /* its ACK, then lane 1's rows */
    assert_int_equal(r->answer.state, 1);
    assert_int_equal(r->answer.lane, 1);
    read_value(r, 0, key, after);
    for (int j = 0; j < 5; j++)
        assert_true(after[j] == before[j] - 0.1f * 3 / sqrtf(0.01f + 9));
    /* replay: the state before the last commit is still there; the one before that is not */
    assert_int_equal(ask(r, named(PS_PULL, 0, 0), 0, &key, 1, 0, 0), PS_ROWS);
    assert_int_equal(r->answer.state, 0);
    assert_memory_equal(ps_frame_data(&r->rows.frame[2]), before, sizeof before);
    struct ps_data empty = named(PS_PUSH, 0, 1);
    empty.flags = PS_FLAG_EMPTY;
    assert_int_equal(ask(r, empty, 0, NULL, 0, 0, 0), PS_ACK);
    empty = named(PS_PUSH, 1, 1);
    empty.flags = PS_FLAG_EMPTY;
    assert_int_equal(ask(r, empty, 0, NULL, 0, 0, 0), PS_ACK);
    assert_int_equal(r->shard.v, 2);
    expect_refusal(r, named(PS_PULL, 0, 0), PS_REFUSE_TOO_OLD);
    rig_free(r);
}

static void epochs_close_by_their_ends(void **state)
{
    struct rig *r = rig_new(PS_SYNC, 1, &fixture_adagrad);
    const uint64_t key = 1;
    struct ps_data end = named(PS_PUSH, 0, 0);
    end.flags = PS_FLAG_END;
    assert_int_equal(ask(r, end, 0, NULL, 0, 0, 0), PS_ACK);
    end.position = 1; /* a new holder of a lane that has ended does not know better */
    assert_int_equal(ask(r, end, 0, NULL, 0, 0, 0), PS_ACK);
    expect_refusal(r, named(PS_PUSH, 0, 1), PS_REFUSE_GAP);
    assert_int_equal(ask(r, named(PS_PUSH, 1, 0), 0, &key, 1, 1, 0), PS_ACK);
    assert_false(ps_shard_epoch(&r->shard, 2));
    end = named(PS_PUSH, 1, 1);
    end.flags = PS_FLAG_END;
    assert_int_equal(ask(r, end, 0, NULL, 0, 0, 0), PS_ACK);
    assert_true(ps_shard_closed(&r->shard));
    assert_true(r->shard.v == 1 && r->shard.steps == 1); /* the step of ENDs is none */
    assert_true(ps_shard_epoch(&r->shard, 2));
    assert_true(ps_shard_epoch(&r->shard, 2));
    assert_false(ps_shard_epoch(&r->shard, 1));
    assert_true(r->shard.v == 0 && r->shard.steps == 1 && r->shard.lane[1].hwm == 0);
    assert_int_equal(ask(r, named(PS_PUSH, 1, 0), 0, &key, 1, 1, 0), PS_ACK); /* of epoch 1: a repeat */
    assert_int_equal(r->shard.lane[1].hwm, 0);
    expect_refusal(r, named(PS_PULL, 1, 0), PS_REFUSE_TOO_OLD);
    rig_free(r);
}

static void a_fence_ends_what_was_parked(void **state)
{
    struct rig *r = rig_new(PS_SYNC, 1, &fixture_adagrad);
    const uint64_t key = 1;
    uint64_t hwm;
    assert_int_equal(ask(r, named(PS_PUSH, 0, 0), 0, &key, 1, 1, 0), PS_ACK);
    assert_int_equal(ask(r, named(PS_PULL, 0, 1), 0, &key, 1, 1, 0), 0);
    assert_int_equal(ps_shard_fence(&r->shard, 0, 9, &hwm), 0); /* an old lease changes nothing */
    assert_int_equal(r->shard.parked, 1);
    assert_int_equal(ps_shard_fence(&r->shard, 0, 20, &hwm), 0);
    assert_int_equal(hwm, 1);
    assert_int_equal(r->answer.code, PS_REFUSE_FENCED);
    assert_int_equal(r->shard.parked, 0);
    expect_refusal(r, named(PS_PUSH, 0, 1), PS_REFUSE_FENCED);
    assert_true(ps_shard_fence(&r->shard, LANES, 1, &hwm) < 0);
    rig_free(r);
}

/* Positions far ahead take no memory: they are not parked. */
static void what_runs_ahead_is_sent_away(void **state)
{
    struct rig *r = rig_new(PS_SYNC, 1, &fixture_adagrad);
    const uint64_t key = 1;
    expect_refusal(r, named(PS_PULL, 0, PS_DEPTH), PS_REFUSE_NOT_YET);
    for (uint64_t p = 0; p < PS_DEPTH; p++)
        assert_int_equal(ask(r, named(PS_PUSH, 0, p), 0, &key, 1, 1, 0), PS_ACK);
    expect_refusal(r, named(PS_PUSH, 0, PS_DEPTH), PS_REFUSE_NOT_YET);
    rig_free(r);
}

static void a_cut_holds_what_is_beyond_it(void **state)
{
    struct rig *r = rig_new(PS_ASYNC, 1, &fixture_adagrad);
    const uint64_t key = 1;
    uint64_t limit[LANES];
    assert_int_equal(ask(r, named(PS_PUSH, 0, 0), 0, &key, 1, 1, 0), PS_ACK);
    assert_true(ps_shard_cut_prepare(&r->shard, 5, false, 100, limit));
    assert_true(limit[0] == 1 && limit[1] == 0);
    assert_int_equal(ask(r, named(PS_PUSH, 0, 1), 0, &key, 1, 1, 0), 0);       /* held, not acknowledged */
    assert_int_equal(ask(r, named(PS_PULL, 0, 1), 0, &key, 1, 1, 0), PS_ROWS); /* pulls go on */
    assert_false(ps_shard_cut_reached(&r->shard));
    assert_false(ps_shard_cut_at(&r->shard, 4, limit));
    assert_true(ps_shard_cut_at(&r->shard, 5, (const uint64_t[]){2, 0}));
    assert_int_equal(r->answer.kind, PS_ACK); /* position 1 was taken */
    assert_true(ps_shard_cut_reached(&r->shard));
    assert_int_equal(ask(r, named(PS_PUSH, 0, 2), 0, &key, 1, 1, 0), 0);
    ps_shard_cut_taken(&r->shard);
    assert_int_equal(r->shard.lane[0].hwm, 3);                           /* without hold everything goes on */
    assert_false(ps_shard_cut_prepare(&r->shard, 5, false, 100, limit)); /* over */
    rig_free(r);
}

static void a_cut_that_nobody_finishes_is_dropped(void **state)
{
    struct rig *r = rig_new(PS_SYNC, 1, &fixture_adagrad);
    const uint64_t key = 1;
    uint64_t limit[LANES];
    assert_int_equal(ask(r, named(PS_PUSH, 0, 0), 0, &key, 1, 1, 0), PS_ACK);
    assert_true(ps_shard_cut_prepare(&r->shard, 1, true, 100, limit));
    assert_true(limit[0] == 3 && limit[1] == 3); /* the highest mark and two steps of slack */
    assert_true(ps_shard_tick(&r->shard, 101) == 102);
    assert_true(ps_shard_tick(&r->shard, 102) == 0);
    assert_true(r->shard.lane[0].limit == PS_NO_LIMIT);
    assert_false(ps_shard_cut_at(&r->shard, 1, limit));
    assert_false(ps_shard_cut_prepare(&r->shard, 1, true, 103, limit));
    /* with hold it stays until it is released, whatever the time */
    assert_true(ps_shard_cut_prepare(&r->shard, 2, true, 103, limit));
    assert_true(ps_shard_cut_at(&r->shard, 2, (const uint64_t[]){1, 1}));
    assert_int_equal(ask(r, named(PS_PUSH, 0, 1), 0, &key, 1, 1, 0), 0);
    assert_int_equal(ask(r, named(PS_PUSH, 1, 0), 0, &key, 1, 1, 0), PS_ACK);
    assert_true(ps_shard_cut_reached(&r->shard));
    ps_shard_cut_taken(&r->shard);
    assert_true(ps_shard_tick(&r->shard, 1e9) == 0);
    assert_int_equal(r->shard.lane[0].hwm, 1);
    ps_shard_cut_end(&r->shard, 2);
    assert_int_equal(r->shard.lane[0].hwm, 2);
    rig_free(r);
}

static void values_travel_in_their_codecs(void **state)
{
    const uint32_t codecs[] = {PS_CODEC_PLAIN, PS_CODEC_FP16, PS_CODEC_BF16, PS_CODEC_LZ4,
                               PS_CODEC_FP16 | PS_CODEC_LZ4};
    for (size_t i = 0; i < PS_COUNT(codecs); i++) {
        struct ps_optimizer_spec sgd = {.kind = PS_OPT_SGD, .lr = 1};
        struct rig *r = rig_new(PS_ASYNC, 1, &sgd);
        struct ps_buffer scratch = {0};
        uint64_t key[40];
        const float *value;
        float before[5];
        for (uint64_t k = 0; k < 40; k++)
            key[k] = k;
        read_value(r, 0, 7, before);
        assert_int_equal(ask(r, named(PS_PUSH, 0, 0), 0, key, 40, 0.5f, codecs[i]), PS_ACK);
        assert_int_equal(ask(r, named(PS_PULL, 0, 1), 0, key, 40, 0, codecs[i]), PS_ROWS);
        assert_int_equal(
            ps_values_decode(&r->rows.frame[2], 200, r->answer.section[0].value_codec, &scratch, &value, NULL), 0);
        for (int j = 0; j < 5; j++)
            assert_true(fabsf(value[7 * 5 + j] - (before[j] - 0.5f)) < 0.004f);
        ps_buffer_fini(&scratch);
        rig_free(r);
    }
}

/* What is pushed to a table of sums is added as it is: at once, or in lane order when the step is committed. */
static void pushes_are_added_to_sums(void **state)
{
    for (uint32_t mode = PS_ASYNC; mode <= PS_SYNC; mode++) {
        struct rig *r = rig_new(mode, 1, &fixture_adagrad);
        const uint64_t key = 2;
        float before[5], after[5];
        r->shard.spec[0].update = PS_UPDATE_ADD;
        assert_int_equal(ps_table_state(&r->shard.spec[0], &r->shard.optimizer), 0);
        assert_int_equal(ps_table_state(&r->shard.spec[1], &r->shard.optimizer), 4);
        read_value(r, 0, key, before);
        assert_int_equal(ask(r, named(PS_PUSH, 0, 0), 0, &key, 1, 0.25f, 0), PS_ACK);
        assert_int_equal(ask(r, named(PS_PUSH, 1, 0), 0, &key, 1, 3, 0), PS_ACK);
        read_value(r, 0, key, after);
        for (int j = 0; j < 5; j++)
            assert_true(after[j] == (mode == PS_SYNC ? before[j] + (0.25f + 3) : before[j] + 0.25f + 3));
        rig_free(r);
    }
}

/* What is pushed to a table of lane state takes the row's place. A pull that is repeated when its push is in sees the row as it was
 * before, in async out of the row itself; a read sees what is there. No dense optimiser moves the row. */
static void pushes_are_assigned_to_lane_state(void **state)
{
    const struct ps_optimizer_spec adam = {
        .kind = PS_OPT_ADAM_DENSE, .lr = 0.1f, .beta1 = 0.9f, .beta2 = 0.99f, .epsilon = 1e-8f, .weight_decay = 0.1f};
    for (int k = 0; k < 3; k++) { /* plain and dense async, sync */
        struct rig *r = rig_new(k < 2 ? PS_ASYNC : PS_SYNC, 2, k == 1 ? &adam : &fixture_adagrad);
        uint64_t key = 0;
        float before[5], now[5];
        while (!r->shard.owns[ps_slot_of(&fixture_table[0], 0, key)])
            key++;
        r->shard.spec[0].update = PS_UPDATE_ASSIGN;
        ps_rows_fini(&r->shard.rows[0]);
        ps_rows_init(&r->shard.rows[0], 5 + ps_table_state(&r->shard.spec[0], &r->shard.optimizer));
        for (uint64_t p = 0; p < 3; p++) {
            read_value(r, 0, key, before);
            assert_int_equal(ask(r, named(PS_PUSH, 0, p), 0, &key, 1, 0.25f + (float)p, 0), PS_ACK);
            struct ps_data empty = named(PS_PUSH, 1, p);
            empty.flags = PS_FLAG_EMPTY;
            assert_int_equal(ask(r, empty, 0, NULL, 0, 0, 0), PS_ACK);
            read_value(r, 0, key, now);
            for (int j = 0; j < 5; j++)
                assert_true(now[j] == 0.25f + (float)p);
            assert_int_equal(ask(r, named(PS_PULL, 0, p), 0, &key, 1, 0, 0), PS_ROWS);
            assert_memory_equal(ps_frame_data(&r->rows.frame[2]), before, sizeof before);
            assert_int_equal(ask(r, named(PS_PULL, 0, p + 1), 0, &key, 1, 0, 0), PS_ROWS);
            assert_memory_equal(ps_frame_data(&r->rows.frame[2]), now, sizeof now);
        }
        rig_free(r);
    }
}

/* Dense Adam moves rows without a gradient, replays see the state before, and weight decay needs all rows. */
static void a_dense_optimiser_moves_every_row(void **state)
{
    struct ps_optimizer_spec adam = {
        .kind = PS_OPT_ADAM_DENSE, .lr = 0.1f, .beta1 = 0.9f, .beta2 = 0.99f, .epsilon = 1e-8f};
    struct rig *r = rig_new(PS_SYNC, 2, &adam);
    uint64_t key[2], n = 0;
    float a[3][5], b[3][5];
    for (uint64_t k = 0; n < 2; k++)
        if (r->shard.owns[ps_slot_of(&fixture_table[0], 0, k)])
            key[n++] = k;
    for (uint64_t p = 0; p < 3; p++) { /* step 0 touches key 0 alone, steps 1 and 2 key 1 alone */
        read_value(r, 0, key[0], a[p]);
        read_value(r, 0, key[1], b[p]);
        assert_int_equal(ask(r, named(PS_PUSH, 0, p), 0, &key[p > 0], 1, 1, 0), PS_ACK);
        struct ps_data empty = named(PS_PUSH, 1, p);
        empty.flags = PS_FLAG_EMPTY;
        assert_int_equal(ask(r, empty, 0, NULL, 0, 0, 0), PS_ACK);
    }
    assert_int_equal(r->shard.rows[0].count, 2);
    assert_true(a[1][0] != a[0][0] && a[2][0] != a[1][0]); /* moved by its momentum alone */
    assert_true(b[1][0] == b[0][0] && b[2][0] != b[1][0]);
    /* after step t with gradient only at the first: m = (1-b1) b1^(t-1), v = (1-b2) b2^(t-1) */
    double m = 0.1 * 0.9, v = 0.01 * 0.99;
    double want = a[1][0] - 0.1 * (m / (1 - 0.81)) / (sqrt(v / (1 - 0.9801)) + 1e-8);
    assert_true(fabs(a[2][0] - want) < 1e-5);
    assert_int_equal(ask(r, named(PS_PULL, 0, 2), 0, key, 2, 0, 0), PS_ROWS);
    assert_int_equal(r->answer.state, 2); /* of v = 3: from the retained set, for every row */
    assert_memory_equal(ps_frame_data(&r->rows.frame[2]), a[2], sizeof a[2]);
    rig_free(r);
    adam.weight_decay = 0.1f;
    r = rig_new(PS_SYNC, 1, &adam);
    assert_int_equal(r->shard.rows[0].count, 40);
    assert_int_equal(r->shard.rows[1].count, 25);
    rig_free(r);
}

static void nothing_is_served_before_it_is_loaded(void **state)
{
    struct rig *r = rig_new(PS_SYNC, 1, &fixture_adagrad);
    struct ps_error err;
    const uint64_t key = 1;
    assert_int_equal(ask(r, named(PS_PUSH, 0, 0), 0, &key, 1, 1, 0), PS_ACK);
    assert_int_equal(ask(r, named(PS_PULL, 0, 1), 0, &key, 1, 1, 0), 0);
    assert_int_equal(ps_shard_load(&r->shard, 2, 0, "", NULL, 0, &err), 0); /* an older era: nothing happens */
    assert_int_equal(r->shard.parked, 1);
    assert_int_equal(ps_shard_load(&r->shard, 4, 0, "/nowhere", NULL, 0, &err), -PS_EXIT_DATA);
    assert_int_equal(r->answer.code, PS_REFUSE_ERA); /* to the parked pull */
    struct ps_data d = named(PS_PULL, 0, 0);
    d.era = 4;
    expect_refusal(r, d, PS_REFUSE_ERA);
    assert_int_equal(ps_shard_load(&r->shard, 4, 0, "", NULL, 0, &err), 0);
    d.lease = 0;
    d.epoch = 0;
    assert_int_equal(ask(r, d, 0, &key, 1, 1, 0), PS_ROWS);
    assert_int_equal(r->shard.lane[0].hwm, 0);
    rig_free(r);
}

/* A PULL or PUSH of user 3 whose values lie in a worker's memory, named by the ticket. */
static enum ps_message_kind ask_shared(struct rig *r, struct ps_data data, const struct ps_ticket *ticket)
{
    const uint64_t key = 3;
    struct ps_message message;
    int before = r->answers;
    ps_message_init(&message);
    ps_message_add(&message);
    data.sections = 1;
    data.section[0] = (struct ps_section){.table = 0, .rows = 1, .value_codec = PS_CODEC_SHARED};
    ps_keys_encode(&key, 1, PS_CODEC_PLAIN, ps_message_add(&message));
    struct ps_frame *frame = ps_message_add(&message);
    ps_frame_alloc(frame, sizeof *ticket);
    memcpy(ps_frame_data(frame), ticket, sizeof *ticket);
    ps_shard_take(&r->shard, &data, &message);
    return r->answers == before ? 0 : r->answer.kind;
}

/* User 3's row, by a READ in a frame. */
static const float *read_row(struct rig *r)
{
    const uint64_t key = 3;
    struct ps_data read = named(PS_PULL, 0, 0);
    read.flags = PS_FLAG_READ;
    assert_int_equal(ask(r, read, 0, &key, 1, 0, 0), PS_ROWS);
    return ps_frame_data(&r->rows.frame[2]);
}

static void rows_are_put_into_the_workers_memory_once(void **state)
{
    enum { WIDTH = 5 };
    struct rig *r = rig_new(PS_ASYNC, 1, &fixture_adagrad);
    struct ps_share *share = ps_share_new(2 * WIDTH * sizeof(float));
    float *room = ps_share_data(share), before[WIDTH];
    struct ps_ticket ticket = ps_share_ticket(share, room, WIDTH * sizeof *room), wrong = ticket;
    memcpy(before, read_row(r), sizeof before);
    assert_int_equal(ask_shared(r, named(PS_PULL, 0, 0), &ticket), 0); /* not offered: a late copy, no answer */
    ps_share_offer(share, 0, 77);
    assert_int_equal(ask_shared(r, named(PS_PULL, 0, 0), &ticket), PS_ROWS);
    assert_int_equal(r->answer.section[0].value_codec, PS_CODEC_SHARED);
    assert_int_equal(ps_frame_size(&r->rows.frame[2]), 0);
    assert_true(ps_share_filled(share, 0, 77));
    assert_memory_equal(room, before, sizeof before);
    room[0] = 42; /* asked again: the answer was lost, the rows are there */
    assert_int_equal(ask_shared(r, named(PS_PULL, 0, 0), &ticket), PS_ROWS);
    assert_true(room[0] == 42);
    r->shard.far = true; /* from another host: never into memory, whatever it names */
    room[1] = 43;
    ps_share_offer(share, 0, 77);
    assert_int_equal(ask_shared(r, named(PS_PULL, 0, 0), &ticket), PS_ROWS);
    assert_int_equal(r->answer.section[0].value_codec, PS_CODEC_PLAIN);
    assert_true(room[1] == 43 && !ps_share_filled(share, 0, 77));
    assert_int_equal(ask_shared(r, named(PS_PUSH, 0, 0), &ticket), PS_REFUSE);
    r->shard.far = false;
    wrong.cookie++; /* memory that cannot be reached: a frame instead */
    assert_int_equal(ask_shared(r, named(PS_PULL, 0, 0), &wrong), PS_ROWS);
    assert_int_equal(r->answer.section[0].value_codec, PS_CODEC_PLAIN);
    assert_memory_equal(ps_frame_data(&r->rows.frame[2]), before, sizeof before);
    assert_int_equal(ask_shared(r, named(PS_PUSH, 0, 0), &wrong), PS_REFUSE);
    assert_int_equal(r->answer.code, PS_REFUSE_BAD);
    wrong = ticket;
    wrong.bytes -= sizeof(float); /* not the rows' size */
    assert_int_equal(ask_shared(r, named(PS_PUSH, 0, 0), &wrong), PS_REFUSE);
    ps_share_free(share);
    rig_free(r);
}

/* The worker uses its memory again as soon as it has the ACK. */
static void a_push_is_independent_of_the_workers_memory_after_its_ack(void **state)
{
    enum { WIDTH = 5 };
    const uint32_t mode[] = {PS_SYNC, PS_ASYNC};
    for (int m = 0; m < 2; m++) {
        struct rig *r[2];
        struct ps_share *share = ps_share_new(WIDTH * sizeof(float));
        float *grad = ps_share_data(share), got[2][WIDTH];
        struct ps_ticket ticket = ps_share_ticket(share, grad, WIDTH * sizeof *grad);
        for (int k = 0; k < 2; k++) { /* in memory, in a frame */
            const uint64_t key = 3;
            r[k] = rig_new(mode[m], 1, &fixture_adagrad);
            r[k]->poison = grad;
            for (int j = 0; j < WIDTH; j++)
                grad[j] = 0.5f;
            if (k)
                assert_int_equal(ask(r[k], named(PS_PUSH, 0, 0), 0, &key, 1, 0.5f, 0), PS_ACK);
            else
                assert_int_equal(ask_shared(r[k], named(PS_PUSH, 0, 0), &ticket), PS_ACK);
            assert_int_equal(ask(r[k], named(PS_PUSH, 1, 0), 1, &key, 1, 0.5f, 0), PS_ACK); /* the step is complete */
            memcpy(got[k], read_row(r[k]), sizeof got[k]);
            rig_free(r[k]);
        }
        assert_memory_equal(got[0], got[1], sizeof got[0]);
        ps_share_free(share);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_come_in_their_order),
        cmocka_unit_test(unsound_sections_are_refused),
        cmocka_unit_test(noise_does_no_harm),
        cmocka_unit_test(steps_are_committed_when_all_lanes_are_in),
        cmocka_unit_test(epochs_close_by_their_ends),
        cmocka_unit_test(a_fence_ends_what_was_parked),
        cmocka_unit_test(what_runs_ahead_is_sent_away),
        cmocka_unit_test(a_cut_holds_what_is_beyond_it),
        cmocka_unit_test(a_cut_that_nobody_finishes_is_dropped),
        cmocka_unit_test(values_travel_in_their_codecs),
        cmocka_unit_test(pushes_are_added_to_sums), cmocka_unit_test(pushes_are_assigned_to_lane_state),
        cmocka_unit_test(a_dense_optimiser_moves_every_row),
        cmocka_unit_test(nothing_is_served_before_it_is_loaded),
        cmocka_unit_test(rows_are_put_into_the_workers_memory_once),
        cmocka_unit_test(a_push_is_independent_of_the_workers_memory_after_its_ack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
