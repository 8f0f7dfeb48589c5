/* test_account.c - the account of micro-batches: right for a shard that does its work, and wrong for one that is made to lose a
 * micro-batch, to apply one twice, or one in place of another, by damaging its marks on purpose.
 */
#include "common/account.h"
#include "common/file.h"
#include "common/manifest.h"
#include "shard_fixture.h"

enum { LANES = 2, ME = 1000, PEER = 5 };
static const uint64_t LENGTH[LANES] = {4, 2};

struct rig {
    struct ps_shard shard;
    struct ps_slot_map map;
};

static void no_answer(void *ctx, uint64_t to, struct ps_data *data, struct ps_message *message)
{
    ps_message_fini(message);
}

static void rig_init(struct rig *r, uint32_t mode)
{
    struct ps_control welcome;
    struct ps_error err;
    fixture_welcome(&welcome, &r->map, 1, 0, mode, LANES, &fixture_adagrad);
    assert_int_equal(ps_shard_init(&r->shard, &welcome, ME, no_answer, NULL, &err), 0);
    assert_int_equal(ps_shard_load(&r->shard, 1, 1, "", NULL, 0, &err), 0);
}

/* A push with one row, or the END of a lane. */
static void push(struct rig *r, uint32_t lane, uint64_t position)
{
    const uint64_t key = 3;
    const float grad[5] = {1, 1, 1, 1, 1};
    struct ps_data data = {.kind = PS_PUSH, .run = FIXTURE_RUN, .from = PEER, .to = ME, .era = 1, .map = 1, .epoch = 1,
                           .lane = lane, .position = position};
    struct ps_message message;
    ps_message_init(&message);
    ps_message_add(&message);
    if (position == LENGTH[lane]) {
        data.flags = PS_FLAG_END;
    } else {
        data.sections = 1;
        data.section[0] = (struct ps_section){.table = 0, .rows = 1};
        ps_keys_encode(&key, 1, PS_CODEC_PLAIN, ps_message_add(&message));
        data.section[0].value_codec = ps_values_encode(grad, 5, PS_CODEC_PLAIN, ps_message_add(&message));
    }
    ps_shard_take(&r->shard, &data, &message);
}

/* What the coordinator would find, over all lanes. */
static void audit(struct rig *r, uint64_t *lost, uint64_t *twice)
{
    struct ps_lane_entry entry[LANES];
    *lost = *twice = 0;
    assert_true(ps_shard_account(&r->shard, 1, entry));
    for (uint32_t l = 0; l < LANES; l++) {
        uint64_t some_lost, some_twice;
        assert_int_equal(entry[l].lane, l);
        ps_account_compare(ps_account_of(LENGTH[l]), (struct ps_account){entry[l].position, entry[l].lease}, &some_lost,
                           &some_twice);
        *lost += some_lost;
        *twice += some_twice;
    }
}

enum damage { NONE, TWICE, LOST, INSTEAD };

static void play(uint32_t mode, enum damage damage, uint64_t want_lost, uint64_t want_twice)
{
    struct rig r;
    uint64_t lost, twice;
    struct ps_lane_entry entry[LANES];
    rig_init(&r, mode);
    struct ps_lane_state *lane = &r.shard.lane[0];
    push(&r, 0, 0), push(&r, 1, 0);
    push(&r, 0, 1), push(&r, 1, 1);
    push(&r, 0, 1), push(&r, 1, 0); /* repeats, dropped */
    push(&r, 1, 2);                 /* END */
    assert_false(ps_shard_account(&r.shard, 1, entry)); /* lane 0 goes on */
    if (damage == TWICE) { /* the mark forgets a micro-batch */
        lane->hwm--;
        r.shard.v -= mode == PS_SYNC;
        push(&r, 0, 1);
    }
    if (damage == LOST) { /* it is ahead of the rows */
        lane->hwm++;
        r.shard.v += mode == PS_SYNC;
    }
    if (damage == INSTEAD) { /* the first again, and none of the third: the number is right */
        lane->hwm = 0;
        r.shard.v = mode == PS_SYNC ? 0 : r.shard.v;
        push(&r, 0, 0);
        lane->hwm = 3;
        r.shard.v = mode == PS_SYNC ? 3 : r.shard.v;
    }
    for (uint64_t p = 2; p <= LENGTH[0]; p++)
        push(&r, 0, p);
    audit(&r, &lost, &twice);
    assert_int_equal(lost, want_lost);
    assert_int_equal(twice, want_twice);
    if (damage == NONE)
        assert_int_equal(r.shard.counters.epoch_repeats, 2);
    assert_false(ps_shard_account(&r.shard, 2, entry));
    assert_true(ps_shard_epoch(&r.shard, 2));
    assert_int_equal(r.shard.counters.epoch_repeats, 0);
    assert_false(ps_shard_account(&r.shard, 2, entry)); /* begun, not closed */
    ps_shard_fini(&r.shard);
}

static void an_undamaged_shard_has_applied_each_once(void **state)
{
    play(PS_SYNC, NONE, 0, 0);
    play(PS_ASYNC, NONE, 0, 0);
    play(PS_BOUNDED + 2, NONE, 0, 0);
}

static void one_applied_twice_is_found(void **state)
{
    play(PS_SYNC, TWICE, 0, 1);
    play(PS_ASYNC, TWICE, 0, 1);
}

static void a_lost_one_is_found(void **state)
{
    play(PS_SYNC, LOST, 1, 0);
    play(PS_ASYNC, LOST, 1, 0);
}

static void one_in_place_of_another_is_found(void **state)
{
    play(PS_SYNC, INSTEAD, 1, 1);
    play(PS_ASYNC, INSTEAD, 1, 1);
}

/* What a shard loads from a checkpoint counts as applied: the account goes on where the rows do. */
static void the_account_goes_on_from_a_checkpoint(void **state)
{
    struct rig r;
    struct ps_error err;
    uint64_t lost, twice;
    char *folder = fixture_folder();
    rig_init(&r, PS_ASYNC);
    push(&r, 0, 0), push(&r, 0, 1), push(&r, 1, 0), push(&r, 1, 1), push(&r, 1, 2);
    fixture_checkpoint(&r.shard, 1, 1, folder);
    push(&r, 0, 2); /* undone by what follows */
    assert_int_equal(ps_shard_load(&r.shard, 2, 1, folder, NULL, 0, &err), 0);
    r.shard.era = 1; /* that of the pushes here */
    push(&r, 0, 2), push(&r, 0, 3), push(&r, 0, 4);
    audit(&r, &lost, &twice);
    assert_int_equal(lost + twice, 0);
    ps_shard_fini(&r.shard);
    assert_int_equal(ps_folder_remove(folder, &err), 0);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_undamaged_shard_has_applied_each_once),
        cmocka_unit_test(one_applied_twice_is_found),
        cmocka_unit_test(a_lost_one_is_found),
        cmocka_unit_test(one_in_place_of_another_is_found),
        cmocka_unit_test(the_account_goes_on_from_a_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
