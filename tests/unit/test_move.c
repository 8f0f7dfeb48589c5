/* test_move.c - rows of slots that change hands arrive as they are, whatever becomes of the clock that tells which have changed. */
#include "common/net.h"
#include "server/move.h"
#include "shard_fixture.h"

enum { GIVER, TAKER, SERVERS, USERS = 40 };

struct seat {
    uint64_t incarnation;
    struct ps_socket *socket; /* owned: bound, for parts and their answers */
    struct ps_shard shard;
    struct ps_move *move; /* owned */
};

static bool send_answer(struct seat *seat, uint64_t to, const struct ps_data *data, struct ps_message *message)
{
    ps_frame_fini(&message->frame[0]);
    ps_data_pack(data, &message->frame[0]);
    if (!ps_socket_send(seat->socket, to, message))
        return true;
    ps_message_fini(message);
    return false;
}

static void answer(void *ctx, uint64_t to, struct ps_data *data, struct ps_message *message)
{
    assert_true(send_answer(ctx, to, data, message));
}

static void take_parts(struct seat *seat)
{
    struct ps_message message;
    struct ps_data data;
    uint64_t from;
    while (ps_socket_receive(seat->socket, &from, &message)) {
        assert_int_equal(ps_data_unpack(&message, &data, NULL), 0);
        ps_move_take(seat->move, &data, &message);
        ps_message_fini(&message);
    }
}

static void go_on(struct seat seat[SERVERS], bool (*done)(const struct ps_move *))
{
    double until = ps_now() + 20;
    while (!done(seat[GIVER].move)) {
        assert_true(ps_now() < until);
        ps_move_progress(seat[GIVER].move);
        take_parts(&seat[TAKER]);
    }
}

static void set_users(struct ps_shard *s, float value)
{
    for (uint64_t key = 0; key < USERS; key++) {
        float *row;
        uint32_t fresh;
        ps_rows_change(&s->rows[0], &key, 1, &row, &fresh);
        for (uint32_t i = 0; i < s->rows[0].width; i++)
            row[i] = value;
    }
}

/* A server waits for others to have copied theirs, and so many checkpoints are written meanwhile that the clock of its stamps begins anew
 * and comes to where it was (found by tests/spin/move.pml). */
static void a_clock_begun_anew_hides_no_change(void **state)
{
    struct ps_optimizer_spec adagrad = fixture_adagrad;
    struct ps_slot_map now, next;
    struct ps_control welcome;
    struct ps_error err;
    struct ps_net *net = ps_net_new(1);
    struct seat seat[SERVERS] = {{.incarnation = 0}};
    ps_slot_map_init(&next, SERVERS);
    for (uint32_t i = 0; i < SERVERS; i++) {
        struct seat *at = &seat[i];
        at->incarnation = next.entry[i].incarnation = ps_net_incarnation();
        fixture_welcome(&welcome, &now, 1, i == GIVER ? 0 : PS_NO_SHARD, PS_ASYNC, 1, &adagrad);
        assert_int_equal(ps_net_bind(net, "tcp://127.0.0.1:*", at->incarnation, next.entry[i].endpoint, &at->socket, &err), 0);
        assert_int_equal(ps_shard_init(&at->shard, &welcome, at->incarnation, answer, at, &err), 0);
        at->move = ps_move_new(net, &at->shard);
    }
    assert_int_equal(ps_shard_load(&seat[GIVER].shard, 1, 1, "", NULL, 0, &err), 0);
    ps_shard_adopt(&seat[TAKER].shard, 1, 1, 1, 0, NULL, 0);
    set_users(&seat[GIVER].shard, 1);
    for (uint32_t i = 0; i < SERVERS; i++)
        assert_int_equal(ps_move_begin(seat[i].move, 5, &next, &err), 0);
    go_on(seat, ps_move_ahead);

    set_users(&seat[GIVER].shard, 2);
    uint8_t clock = seat[GIVER].shard.clock;
    do
        ps_shard_stamp(&seat[GIVER].shard);
    while (seat[GIVER].shard.clock != clock);

    for (uint32_t i = 0; i < SERVERS; i++)
        ps_move_hold(seat[i].move, 6);
    go_on(seat, ps_move_sent);
    next.version = 2;
    for (uint32_t i = 0; i < SERVERS; i++)
        assert_true(ps_move_done(seat[i].move, &next));
    uint32_t moved = 0;
    for (uint64_t key = 0; key < USERS; key++) {
        float *row[SERVERS];
        for (uint32_t i = 0; i < SERVERS; i++)
            ps_rows_find(&seat[i].shard.rows[0], &key, 1, 1, &row[i]);
        assert_true(!row[GIVER] != !row[TAKER]);
        moved += row[TAKER] != NULL;
        assert_true((row[TAKER] ? row[TAKER] : row[GIVER])[0] == 2);
    }
    assert_in_range(moved, 1, USERS - 1);
    for (uint32_t i = 0; i < SERVERS; i++) {
        ps_move_free(seat[i].move);
        ps_shard_fini(&seat[i].shard);
        ps_socket_close(seat[i].socket);
    }
    ps_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_clock_begun_anew_hides_no_change)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
