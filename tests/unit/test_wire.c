/* test_wire.c - headers, bulk frames and sockets: what is packed comes back, and nothing that a peer sends can hurt. */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/random.h"
#include "common/slots.h"
#include "common/wire.h"

static void data_header_comes_back(void **state)
{
    struct ps_data in = {.kind = PS_PUSH, .run = 1, .from = UINT64_MAX, .to = 3, .era = 4, .map = 5, .epoch = 6, .lane = 7,
                         .lease = UINT64_C(1) << 40, .position = 9, .request = 10, .flags = PS_FLAG_END, .code = 11,
                         .state = 12, .sections = 2, .section = {{0, 5, 16, 1}, {3, 1, 0, 2}}};
    struct ps_data out;
    struct ps_error err;
    struct ps_message message;
    ps_message_init(&message);
    ps_data_pack(&in, ps_message_add(&message));
    assert_int_not_equal(ps_data_unpack(&message, &out, &err), 0); /* two sections need four more frames */
    for (int i = 0; i < 4; i++)
        ps_message_add(&message);
    memset(&out, 0, sizeof out);
    assert_int_equal(ps_data_unpack(&message, &out, &err), 0);
    assert_int_equal(out.kind, PS_PUSH);
    assert_true(out.run == 1 && out.from == UINT64_MAX && out.to == 3 && out.era == 4 && out.map == 5 && out.epoch == 6 &&
                out.lane == 7 && out.lease == UINT64_C(1) << 40 && out.position == 9 && out.request == 10 &&
                out.flags == PS_FLAG_END && out.code == 11 && out.state == 12 && out.sections == 2);
    assert_memory_equal(in.section, out.section, 2 * sizeof *in.section);
    ps_message_fini(&message);
}

static void control_header_comes_back(void **state)
{
    struct ps_lane_entry lane[2] = {{1, 2, 3}, {4, UINT64_C(5) << 32, 6}};
    struct ps_table_spec table = {.name = "item", .kind = PS_TABLE_ITEM, .rows = 1000, .width = 66, .fields = 2,
                                  .update = PS_UPDATE_ADD};
    table.field[0] = (struct ps_field){"embedding", 0, 64, PS_INIT_TRUNCATED, 0.01f};
    table.field[1] = (struct ps_field){"bias", 64, 2, PS_INIT_ZERO, 0};
    struct ps_slot_map map;
    ps_slot_map_init(&map, 3);
    struct ps_control in = {.kind = PS_WELCOME, .term = 2, .text = "a: 1\n", .lane = lane, .lane_count = 2, .table = &table,
                            .table_count = 1, .shards = map.entry, .shard_count = 3,
                            .optimizer = {.kind = PS_OPT_ADAGRAD, .lr = 0.05f, .decay = 0.1f, .decay_every = 3},
                            .mode = 1, .seed = 99};
    struct ps_control out;
    struct ps_error err;
    struct ps_message message;
    ps_message_init(&message);
    ps_control_pack(&in, ps_message_add(&message));
    assert_int_equal(ps_control_unpack(&message, &out, &err), 0);
    assert_int_equal(out.kind, PS_WELCOME);
    assert_string_equal(out.text, "a: 1\n");
    assert_string_equal(out.host, "");
    assert_int_equal(out.lane_count, 2);
    for (int i = 0; i < 2; i++)
        assert_true(out.lane[i].lane == lane[i].lane && out.lane[i].lease == lane[i].lease &&
                    out.lane[i].position == lane[i].position);
    assert_int_equal(out.table[0].update, PS_UPDATE_ADD);
    assert_string_equal(out.table[0].field[1].name, "bias");
    assert_int_equal(out.table[0].field[1].first, 64);
    assert_true(out.optimizer.lr == 0.05f && out.optimizer.decay == 0.1f && out.optimizer.decay_every == 3);
    assert_memory_equal(out.shards[2].slots, map.entry[2].slots, sizeof map.entry[2].slots);
    ps_control_fini(&out);
    ps_message_fini(&message);
}

/* The phases of a beat, and of the messages that begin and end an epoch; what is no time counts as none. */
static void phases_come_back(void **state)
{
    static const enum ps_message_kind kinds[] = {PS_BEAT, PS_LANE_DONE, PS_RETURN, PS_GRANT_ACK, PS_EPOCH_ACK, PS_ACCOUNT_ACK};
    for (size_t k = 0; k < PS_COUNT(kinds); k++) {
        struct ps_control in = {.kind = kinds[k]}, out;
        struct ps_error err;
        struct ps_message message;
        for (int p = 0; p < PS_PHASES; p++)
            in.progress.phase[p] = 0.25 + p;
        in.progress.phase[PS_PHASE_ROWS] = NAN;
        in.progress.phase[PS_PHASE_IDLE] = -1;
        in.progress.task_loss[PS_MAX_TASKS - 1] = 7;
        in.progress.task_samples = INFINITY;
        ps_message_init(&message);
        ps_control_pack(&in, ps_message_add(&message));
        assert_int_equal(ps_control_unpack(&message, &out, &err), 0);
        for (int p = 0; p < PS_PHASES; p++)
            assert_true(out.progress.phase[p] == (p == PS_PHASE_ROWS || p == PS_PHASE_IDLE ? 0 : 0.25 + p));
        assert_true(out.progress.task_loss[PS_MAX_TASKS - 1] == 7 && out.progress.task_samples == 0);
        ps_control_fini(&out);
        ps_message_fini(&message);
    }
}

/* Every byte of a real header flipped, every length cut short, and plain noise: an error or a value, never a crash. */
static void broken_headers_are_refused(void **state)
{
    struct ps_data data = {.kind = PS_ROWS, .run = 1, .sections = 0};
    struct ps_lane_entry lane = {1, 2, 3};
    struct ps_control control = {.kind = PS_FENCE, .lane = &lane, .lane_count = 1, .text = "text"};
    struct ps_random random = ps_random_stream(1, PS_RANDOM_TEST, 0, 0, 0);
    int refused = 0;
    for (int which = 0; which < 3; which++) {
        struct ps_frame header;
        if (which)
            ps_control_pack(&control, &header);
        else
            ps_data_pack(&data, &header);
        size_t size = ps_frame_size(&header);
        for (int round = 0; round < 4000; round++) {
            struct ps_message message;
            ps_message_init(&message);
            struct ps_frame *frame = ps_message_add(&message);
            size_t cut = which == 2 || round % 2 ? ps_random_below(&random, size + 1) : size;
            ps_frame_alloc(frame, cut);
            memcpy(ps_frame_data(frame), ps_frame_data(&header), cut);
            unsigned char *bytes = ps_frame_data(frame);
            for (size_t i = 0; i < cut; i++)
                if (which == 2 || ps_random_below(&random, size) == 0)
                    bytes[i] = (unsigned char)ps_random_next(&random);
            struct ps_error err;
            struct ps_data d;
            struct ps_control c;
            refused += ps_data_unpack(&message, &d, &err) != 0;
            if (ps_control_unpack(&message, &c, &err) == 0)
                ps_control_fini(&c);
            ps_message_fini(&message);
        }
        ps_frame_fini(&header);
    }
    assert_true(refused > 1000);
}

/* Keys with gaps up to 8, 16, 32 and 64 bits come back from both codecs; a wrong count, codec or order is refused. */
static void keys_come_back(void **state)
{
    enum { N = 1000 };
    static const uint64_t gap[] = {3, 255, 256, 65535, 65536, UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 53};
    static const size_t width[] = {1, 1, 2, 2, 4, 4, 8, 8};
    uint64_t key[N];
    struct ps_error err;
    struct ps_buffer scratch = {0};
    const uint64_t *back;
    for (size_t g = 0; g < PS_COUNT(gap); g++) {
        for (uint64_t i = 0; i < N; i++)
            key[i] = 7 + (i < N / 2 ? i : i + gap[g] - 1);
        for (uint32_t codec = 0; codec <= PS_CODEC_GAPS; codec += PS_CODEC_GAPS) {
            struct ps_frame frame;
            ps_keys_encode(key, N, codec, &frame);
            assert_int_equal(ps_frame_size(&frame), 8 + (N - 1) * (codec ? width[g] : 8));
            assert_int_equal(ps_keys_decode(&frame, N, codec, &scratch, &back, &err), 0);
            assert_memory_equal(back, key, sizeof key);
            assert_int_not_equal(ps_keys_decode(&frame, N - 1, codec, &scratch, &back, &err), 0);
            assert_int_not_equal(ps_keys_decode(&frame, N + 1, codec, &scratch, &back, &err), 0);
            assert_int_not_equal(ps_keys_decode(&frame, 0, codec, &scratch, &back, &err), 0);
            assert_int_not_equal(ps_keys_decode(&frame, N, 5, &scratch, &back, &err), 0);
            ps_frame_fini(&frame);
        }
    }
    for (uint32_t codec = 0; codec <= PS_CODEC_GAPS; codec += PS_CODEC_GAPS) {
        struct ps_frame frame;
        ps_keys_encode(key, 1, codec, &frame);
        assert_int_equal(ps_keys_decode(&frame, 1, codec, &scratch, &back, &err), 0);
        assert_int_equal(back[0], key[0]);
        ps_frame_fini(&frame);
        uint64_t same[] = {5, 5}, beyond[] = {UINT64_MAX, 2}; /* not ascending; the second gap leads past the largest number */
        ps_keys_encode(same, 2, codec, &frame);
        assert_int_not_equal(ps_keys_decode(&frame, 2, codec, &scratch, &back, &err), 0);
        ps_frame_fini(&frame);
        ps_keys_encode(beyond, 2, codec, &frame);
        assert_int_not_equal(ps_keys_decode(&frame, 2, codec, &scratch, &back, &err), 0);
        ps_frame_fini(&frame);
    }
    ps_buffer_fini(&scratch);
}

static void values_come_back(void **state)
{
    enum { N = 4096 };
    static float value[N];
    struct ps_random random = ps_random_stream(2, PS_RANDOM_TEST, 0, 0, 0);
    for (int i = 0; i < N; i++)
        value[i] = i % 4 ? (float)ps_random_normal(&random) : 0.0f;
    static const struct {
        uint32_t codec;
        float precision;
    } cases[] = {{PS_CODEC_PLAIN, 0}, {PS_CODEC_LZ4, 0}, {PS_CODEC_FP16, 0x1p-11f}, {PS_CODEC_BF16, 0x1p-8f},
                 {PS_CODEC_BF16 | PS_CODEC_LZ4, 0x1p-8f}};
    for (size_t c = 0; c < PS_COUNT(cases); c++) {
        struct ps_frame frame;
        struct ps_buffer scratch = {0};
        struct ps_error err;
        const float *back;
        uint32_t used = ps_values_encode(value, N, cases[c].codec, &frame);
        assert_int_equal(used & ~(uint32_t)PS_CODEC_LZ4, cases[c].codec & ~(uint32_t)PS_CODEC_LZ4);
        assert_int_equal(ps_values_decode(&frame, N, used, &scratch, &back, &err), 0);
        float worst = 0;
        for (int i = 0; i < N; i++)
            worst = fmaxf(worst, fabsf(back[i] - value[i]) / fmaxf(fabsf(value[i]), 1e-3f));
        assert_true(worst <= cases[c].precision);
        assert_true(cases[c].precision == 0 || worst > 0); /* it did round */
        assert_int_not_equal(ps_values_decode(&frame, N + 1, used, &scratch, &back, &err), 0);
        ps_frame_fini(&frame);
        ps_buffer_fini(&scratch);
    }
}

/* Rounding of single values: ties to even, infinities and NaN kept. */
static void half_precision_rounds_to_even(void **state)
{
    const float in[] = {1.0f + 0x1p-11f, 1.0f + 3 * 0x1p-11f, 65520.0f, -INFINITY, NAN, 0x1p-24f};
    struct ps_frame frame;
    struct ps_buffer scratch = {0};
    struct ps_error err;
    const float *back;
    ps_values_encode(in, PS_COUNT(in), PS_CODEC_FP16, &frame);
    assert_int_equal(ps_values_decode(&frame, PS_COUNT(in), PS_CODEC_FP16, &scratch, &back, &err), 0);
    assert_true(back[0] == 1.0f && back[1] == 1.0f + 0x1p-9f && isinf(back[2]) && back[3] == -INFINITY && isnan(back[4]) &&
                back[5] == 0x1p-24f);
    ps_frame_fini(&frame);
    const float in2[] = {1.0f + 0x1p-8f, 1.0f + 3 * 0x1p-8f, -INFINITY, NAN};
    ps_values_encode(in2, PS_COUNT(in2), PS_CODEC_BF16, &frame);
    assert_int_equal(ps_values_decode(&frame, PS_COUNT(in2), PS_CODEC_BF16, &scratch, &back, &err), 0);
    assert_true(back[0] == 1.0f && back[1] == 1.0f + 0x1p-6f && back[2] == -INFINITY && isnan(back[3]));
    ps_frame_fini(&frame);
    ps_buffer_fini(&scratch);
}

static bool receive_within(struct ps_socket *socket, double seconds, uint64_t *from, struct ps_message *message)
{
    double end = ps_now() + seconds;
    bool ready;
    while (ps_now() < end) {
        if (ps_socket_receive(socket, from, message))
            return true;
        ps_net_wait(&socket, 1, 0.05, &ready);
    }
    return false;
}

static void released(void *data, void *hint)
{
    (*(int *)hint)++;
}

static void sockets_carry_messages(void **state)
{
    char path[64], ipc[80], bound[256];
    snprintf(path, sizeof path, "%s", "penstock-test.sock");
    snprintf(ipc, sizeof ipc, "ipc://%s", path);
    const char *const endpoint[] = {"inproc://test", ipc, "tcp://127.0.0.1:*"};
    for (size_t e = 0; e < PS_COUNT(endpoint); e++) {
        struct ps_net *net = ps_net_new(1);
        struct ps_socket *server, *client;
        struct ps_error err;
        uint64_t me = ps_net_incarnation(), from;
        assert_int_equal(ps_net_bind(net, endpoint[e], ps_net_incarnation(), bound, &server, &err), 0);
        assert_int_equal(ps_net_connect(net, bound, me, &client, &err), 0);
        static char bulk[1 << 20];
        int times = 0;
        struct ps_message message, got;
        ps_message_init(&message);
        ps_frame_alloc(ps_message_add(&message), 3);
        memcpy(ps_frame_data(&message.frame[0]), "abc", 3);
        ps_frame_borrow(ps_message_add(&message), bulk, sizeof bulk, released, &times);
        double end = ps_now() + 5;
        bool ready;
        while (ps_socket_send(client, 0, &message) && ps_now() < end)
            ps_net_wait(&client, 1, 0.01, &ready);
        assert_true(receive_within(server, 5, &from, &got));
        assert_true(from == me);
        assert_int_equal(got.count, 2);
        assert_memory_equal(ps_frame_data(&got.frame[0]), "abc", 3);
        assert_int_equal(ps_frame_size(&got.frame[1]), sizeof bulk);
        /* Back, to a peer that is known, and to one that is not: told, and the message is still ours. */
        assert_int_equal(ps_socket_send(server, me + 2, &got), -EHOSTUNREACH);
        assert_int_equal(got.count, 2);
        assert_int_equal(ps_socket_send(server, me, &got), 0);
        assert_true(receive_within(client, 5, &from, &got));
        assert_int_equal(got.count, 2);
        ps_message_fini(&got);
        ps_socket_close(client);
        ps_socket_close(server);
        ps_net_free(net);
        assert_int_equal(times, 1);
    }
    unlink(path);
}

static void send_all(int fd, const void *data, size_t size)
{
    assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* Speaks ZMTP 3.0 by hand up to a frame that claims to have 2 GiB: the connection ends there, and no memory is waited for. */
static void endless_frames_are_refused(void **state)
{
    static const unsigned char ready[] = "\4\51\5READY\13Socket-Type\0\0\0\6DEALER\10Identity\0\0\0\0";
    static const unsigned char frame[] = {2, 0, 0, 0, 0, 0x80, 0, 0, 0, 'x'}; /* long, the last one; big-endian length */
    unsigned char greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    struct ps_net *net = ps_net_new(1);
    struct ps_socket *server;
    struct ps_error err;
    char bound[256];
    unsigned char answer[512];
    assert_int_equal(ps_net_bind(net, "tcp://127.0.0.1:*", ps_net_incarnation(), bound, &server, &err), 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(strrchr(bound, ':') + 1)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    for (int endless = 0; endless < 2; endless++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct timeval patience = {.tv_sec = endless ? 20 : 1};
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        send_all(fd, greeting, sizeof greeting);
        send_all(fd, ready, sizeof ready - 1);
        if (endless)
            send_all(fd, frame, sizeof frame);
        ssize_t n;
        while ((n = recv(fd, answer, sizeof answer, 0)) > 0)
            ;
        if (endless)
            assert_true(n == 0 || errno == ECONNRESET); /* it has hung up */
        else
            assert_true(n < 0 && errno == EAGAIN); /* until then it has understood, and waits */
        close(fd);
    }
    ps_socket_close(server);
    ps_net_free(net);
}

static void taken_port_is_told(void **state)
{
    struct ps_net *net = ps_net_new(1);
    struct ps_socket *one, *two;
    struct ps_error err;
    char bound[256], again[256];
    assert_int_equal(ps_net_bind(net, "tcp://127.0.0.1:*", ps_net_incarnation(), bound, &one, &err), 0);
    assert_int_equal(ps_net_bind(net, bound, ps_net_incarnation(), again, &two, &err), -PS_EXIT_NET);
    assert_non_null(strstr(err.text, "the port is taken"));
    assert_int_equal(ps_net_bind(net, "tcp://203.0.113.7:*", ps_net_incarnation(), again, &two, &err), -PS_EXIT_NET);
    ps_socket_close(one);
    ps_net_free(net);
}

static void permutation_is_one(void **state)
{
    for (uint64_t n = 1; n < 300; n += 7) {
        bool seen[300] = {false};
        for (uint64_t i = 0; i < n; i++) {
            uint64_t j = ps_random_permute(n, n, i);
            assert_true(j < n && !seen[j]);
            seen[j] = true;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_header_comes_back),   cmocka_unit_test(control_header_comes_back), cmocka_unit_test(phases_come_back),
        cmocka_unit_test(broken_headers_are_refused), cmocka_unit_test(keys_come_back),
        cmocka_unit_test(values_come_back),         cmocka_unit_test(half_precision_rounds_to_even),
        cmocka_unit_test(sockets_carry_messages),   cmocka_unit_test(taken_port_is_told),
        cmocka_unit_test(endless_frames_are_refused),
        cmocka_unit_test(permutation_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
