/* test_server.c - servers as they run: threads that greet a coordinator (played here), serve over inproc, write a cut,
 * are told to stop, and go on from the files in another number.
 */
#include <pthread.h>

#include "server/server.h"
#include "shard_fixture.h"

enum { SERVERS_MAX = 2, LANES = 2, CLIENT = 4242 };
static const double PATIENCE = 20;

struct cluster {
    struct ps_net *net;
    struct ps_socket *control, *data[SERVERS_MAX]; /* the coordinator's, and a worker's */
    pthread_t thread[SERVERS_MAX];
    struct ps_server_options options[SERVERS_MAX];
    struct ps_error err[SERVERS_MAX];
    int status[SERVERS_MAX], servers;
    int shards; /* the first servers, which have slots */
    char bind[SERVERS_MAX][64];
    uint64_t incarnation[SERVERS_MAX];
    struct ps_slot_map map;
    struct ps_control answer[SERVERS_MAX]; /* the last one of each to what was asked */
    uint32_t era;
    bool silent; /* the coordinator does not answer beats */
    uint64_t beats;
};

static const char *const COORDINATOR = "inproc://test-coordinator";

struct role {
    struct cluster *cluster;
    int number;
};

static void *run_server(void *arg)
{
    struct role *role = arg;
    struct cluster *c = role->cluster;
    c->status[role->number] = ps_server_run(&c->options[role->number], &c->err[role->number]);
    free(role);
    return NULL;
}

static void send_control(struct cluster *c, uint64_t routing, uint64_t to, struct ps_control *control)
{
    struct ps_message message;
    control->run = FIXTURE_RUN;
    control->from = 1;
    control->to = to;
    control->term = 1;
    control->era = c->era;
    ps_message_init(&message);
    ps_control_pack(control, ps_message_add(&message));
    if (ps_socket_send(c->control, routing, &message))
        ps_message_fini(&message);
}

static int number_of(const struct cluster *c, uint64_t incarnation)
{
    for (int i = 0; i < c->servers; i++)
        if (c->incarnation[i] == incarnation)
            return i;
    return -1;
}

/* Takes in control messages for a while; beats are acknowledged, answers kept by server. */
static void pump(struct cluster *c, double timeout)
{
    struct ps_message message;
    struct ps_control control;
    uint64_t from;
    bool ready;
    ps_net_wait(&c->control, 1, timeout, &ready);
    while (ps_socket_receive(c->control, &from, &message)) {
        assert_int_equal(ps_control_unpack(&message, &control, NULL), 0);
        ps_message_fini(&message);
        int i = number_of(c, control.from);
        if (control.kind == PS_HELLO && i < 0) {
            i = 0;
            while (i < c->servers && strcmp(c->bind[i], control.endpoint))
                i++;
            assert_true(i < c->servers && from == control.from && control.role == PS_ROLE_SERVER);
            c->incarnation[i] = control.from;
        } else if (control.kind == PS_BEAT) {
            c->beats++;
            struct ps_control ack = {.kind = PS_BEAT_ACK};
            if (!c->silent)
                send_control(c, from, control.from, &ack);
        }
        bool holds = control.kind == PS_CUT_REACHED && control.lane_count; /* without hold CUT_DONE follows */
        if (i >= 0 && control.kind != PS_BEAT && (control.kind != PS_CUT_REACHED || holds)) {
            ps_control_fini(&c->answer[i]);
            c->answer[i] = control;
        } else {
            ps_control_fini(&control);
        }
    }
}

/* Asks servers again and again until each has given this answer. */
static void ask_some(struct cluster *c, int servers, struct ps_control *question, enum ps_message_kind kind)
{
    double begin = ps_now(), asked = 0;
    for (int i = 0; i < servers; i++)
        ps_control_fini(&c->answer[i]);
    for (bool all = false; !all;) {
        assert_true(ps_now() - begin < PATIENCE);
        bool again = ps_now() - asked > 0.2;
        all = true;
        for (int i = 0; i < servers; i++) {
            if (c->answer[i].kind == kind)
                continue;
            all = false;
            if (again)
                send_control(c, c->incarnation[i], c->incarnation[i], question);
        }
        if (again)
            asked = ps_now();
        pump(c, 0.02);
    }
}

static void ask(struct cluster *c, struct ps_control *question, enum ps_message_kind kind)
{
    ask_some(c, c->shards, question, kind);
}

static void cluster_begin(struct cluster *c, int servers, int shards, double coordinator_timeout)
{
    struct ps_error err;
    char bound[256];
    memset(c, 0, sizeof *c);
    c->net = ps_net_new(1);
    c->servers = servers;
    c->shards = shards;
    c->era = 1;
    assert_int_equal(ps_net_bind(c->net, COORDINATOR, 1, bound, &c->control, &err), 0);
    for (int i = 0; i < servers; i++) {
        struct role *role = ps_malloc(sizeof *role);
        *role = (struct role){c, i};
        snprintf(c->bind[i], sizeof c->bind[i], "inproc://test-server-%d", i);
        c->options[i] = (struct ps_server_options){.net = c->net,
                                                   .coordinator = COORDINATOR,
                                                   .bind = c->bind[i],
                                                   .start_timeout = PATIENCE,
                                                   .coordinator_timeout = coordinator_timeout};
        assert_int_equal(pthread_create(&c->thread[i], NULL, run_server, role), 0);
    }
    double begin = ps_now();
    for (int known = 0; known < servers;) {
        assert_true(ps_now() - begin < PATIENCE);
        pump(c, 0.05);
        known = 0;
        for (int i = 0; i < servers; i++)
            known += c->incarnation[i] != 0;
    }
    for (int i = 0; i < servers; i++) {
        struct ps_control welcome;
        fixture_welcome(&welcome, &c->map, (uint32_t)shards, i < shards ? (uint32_t)i : PS_NO_SHARD, PS_SYNC, LANES, &fixture_adagrad);
        send_control(c, c->incarnation[i], c->incarnation[i], &welcome);
        assert_int_equal(ps_net_connect(c->net, c->bind[i], CLIENT, &c->data[i], &err), 0);
    }
    for (int i = 0; i < shards; i++) /* as a LOAD names them */
        c->map.entry[i].incarnation = c->incarnation[i];
}

static void cluster_open(struct cluster *c, int servers, double coordinator_timeout)
{
    cluster_begin(c, servers, servers, coordinator_timeout);
}

static void cluster_join(struct cluster *c)
{
    for (int i = 0; i < c->servers; i++) {
        pthread_join(c->thread[i], NULL);
        ps_socket_close(c->data[i]);
        ps_control_fini(&c->answer[i]);
    }
    ps_socket_close(c->control);
    ps_net_free(c->net);
}

static void begin(struct cluster *c, char *folder, uint32_t epoch)
{
    struct ps_lane_entry lane[LANES] = {{0, 100, 0}, {1, 101, 0}};
    struct ps_control load = {.kind = PS_LOAD,
                              .text = folder,
                              .epoch = epoch ? epoch - 1 : 0,
                              .map = 1,
                              .shards = c->map.entry,
                              .shard_count = c->map.shards},
                      begins = {.kind = PS_EPOCH, .epoch = epoch},
                      fence = {.kind = PS_FENCE, .lane = lane, .lane_count = LANES};
    ask(c, &load, PS_READY);
    ask(c, &begins, PS_EPOCH_ACK);
    ask(c, &fence, PS_FENCE_ACK);
    for (int i = 0; i < c->shards; i++)
        assert_true(c->answer[i].lane_count == LANES && c->answer[i].lane[1].position == 0 &&
                    c->answer[i].lane[1].lease == 101);
}

/* A request for all users to each server, and its answer (the caller frees the frames). */
static void exchange(struct cluster *c, int i, struct ps_data d, struct ps_data *answer, struct ps_message *frames)
{
    struct ps_message message;
    uint64_t key[40], from;
    uint32_t n = 0;
    float grad[40 * 5];
    double begin_at = ps_now(), sent = 0;
    for (uint64_t k = 0; k < 40; k++)
        if (c->map.shard_of[ps_slot_of(&fixture_table[0], 0, k)] == (uint32_t)i) {
            for (int j = 0; j < 5; j++)
                grad[n * 5 + (uint32_t)j] = (float)k + 0.1f * (float)(d.position + d.lane);
            key[n++] = k;
        }
    d.run = FIXTURE_RUN, d.from = CLIENT, d.to = c->incarnation[i], d.era = c->era, d.map = c->map.version, d.request = ++c->beats;
    d.sections = d.flags & PS_FLAG_END ? 0 : 1;
    d.section[0] = (struct ps_section){.table = 0, .rows = n};
    for (;;) {
        assert_true(ps_now() - begin_at < PATIENCE);
        if (ps_now() - sent > 0.3) {
            ps_message_init(&message);
            ps_data_pack(&d, ps_message_add(&message));
            if (d.sections) {
                ps_keys_encode(key, n, 0, ps_message_add(&message));
                ps_values_encode(grad, d.kind == PS_PUSH ? n * 5 : 0, 0, ps_message_add(&message));
            }
            if (ps_socket_send(c->data[i], 0, &message))
                ps_message_fini(&message);
            sent = ps_now();
        }
        bool ready;
        ps_net_wait(&c->data[i], 1, 0.02, &ready);
        pump(c, 0);
        while (ps_socket_receive(c->data[i], &from, frames)) {
            assert_int_equal(ps_data_unpack(frames, answer, NULL), 0);
            if (answer->request == d.request)
                return;
            ps_message_fini(frames);
        }
    }
}

static void train(struct cluster *c)
{
    struct ps_data answer;
    struct ps_message frames;
    for (uint64_t p = 0; p <= 3; p++)
        for (uint32_t lane = 0; lane < LANES; lane++)
            for (int i = 0; i < c->shards; i++) {
                struct ps_data d = {.kind = PS_PUSH,
                                    .epoch = 1,
                                    .lane = lane,
                                    .lease = 100 + lane,
                                    .position = p,
                                    .flags = p == 3 ? PS_FLAG_END : 0};
                exchange(c, i, d, &answer, &frames);
                assert_int_equal(answer.kind, PS_ACK);
                ps_message_fini(&frames);
            }
}

static void read_users(struct cluster *c, float *out)
{
    for (int i = 0; i < c->shards; i++) {
        struct ps_data answer;
        struct ps_message frames;
        exchange(c, i, (struct ps_data){.kind = PS_PULL, .flags = PS_FLAG_READ}, &answer, &frames);
        assert_int_equal(answer.kind, PS_ROWS);
        const float *value = ps_frame_data(&frames.frame[2]);
        for (uint64_t k = 0; k < 40; k++)
            if (c->map.shard_of[ps_slot_of(&fixture_table[0], 0, k)] == (uint32_t)i) {
                memcpy(out + k * 5, value, 5 * sizeof *out);
                value += 5;
            }
        ps_message_fini(&frames);
    }
}

/* A push in another peer's name: it must not count, or the state differs from that of the run without it. */
static void speak_for_another(struct cluster *c)
{
    uint64_t key = 0;
    float grad[5] = {100, 100, 100, 100, 100};
    struct ps_message message;
    while (c->map.shard_of[ps_slot_of(&fixture_table[0], 0, key)] != 0)
        key++;
    struct ps_data d = {.kind = PS_PUSH,
                        .run = FIXTURE_RUN,
                        .from = CLIENT + 1,
                        .to = c->incarnation[0],
                        .era = c->era,
                        .map = 1,
                        .epoch = 1,
                        .lease = 100,
                        .sections = 1,
                        .section = {{0, 1, 0, 0}}};
    ps_message_init(&message);
    ps_data_pack(&d, ps_message_add(&message));
    ps_keys_encode(&key, 1, 0, ps_message_add(&message));
    ps_values_encode(grad, 5, 0, ps_message_add(&message));
    assert_int_equal(ps_socket_send(c->data[0], 0, &message), 0);
}

/* A cut at the epoch's end, as the coordinator makes it. */
static void save(struct cluster *c, char *folder, uint64_t id)
{
    struct ps_lane_entry lane[LANES];
    struct ps_control prepare = {.kind = PS_CUT_PREPARE, .first = id, .text = folder},
                      at = {.kind = PS_CUT_AT, .first = id, .text = folder, .lane = lane, .lane_count = LANES};
    struct ps_file_entry file[SERVERS_MAX];
    ask(c, &prepare, PS_CUT_LIMIT);
    for (uint32_t l = 0; l < LANES; l++)
        lane[l] = (struct ps_lane_entry){.lane = l, .position = c->answer[0].lane[l].position};
    ask(c, &at, PS_CUT_DONE);
    for (int i = 0; i < c->shards; i++) {
        assert_int_equal(c->answer[i].file_count, 1);
        file[i] = c->answer[i].file[0];
    }
    ask(c, &at, PS_CUT_DONE); /* asked again: answered again */
    struct ps_shard like = {.run = FIXTURE_RUN,
                            .seed = FIXTURE_SEED,
                            .era = c->era,
                            .epoch = 1,
                            .mode = PS_SYNC,
                            .lanes = LANES,
                            .v = 3,
                            .tables = FIXTURE_TABLES,
                            .optimizer = fixture_adagrad};
    memcpy(like.spec, fixture_table, sizeof fixture_table);
    fixture_manifest(&like, id, file, (uint32_t)c->shards, folder);
}

static void stop(struct cluster *c, int code)
{
    struct ps_control control = {.kind = PS_STOP, .code = (uint32_t)code, .text = "because the test says so"};
    ask_some(c, c->servers, &control, PS_BYE);
    cluster_join(c);
}

static void a_run_is_saved_and_gone_on_with(void **state)
{
    struct cluster c;
    char *folder = fixture_folder(), *again = fixture_folder();
    float users[200], later[200];
    uint64_t digest[2];
    cluster_open(&c, 2, 60);
    begin(&c, "", 1);
    speak_for_another(&c);
    train(&c);
    read_users(&c, users);
    save(&c, folder, 7);
    /* frames of noise change nothing */
    struct ps_message message;
    for (int i = 0; i < 50; i++) {
        ps_message_init(&message);
        for (int f = 0; f <= i % 4; f++) {
            struct ps_frame *frame = ps_message_add(&message);
            ps_frame_alloc(frame, (size_t)(i * 7 % 100));
            memset(ps_frame_data(frame), i * 37 + f, ps_frame_size(frame));
        }
        if (ps_socket_send(c.data[0], 0, &message))
            ps_message_fini(&message);
    }
    read_users(&c, later);
    assert_memory_equal(users, later, sizeof users);
    assert_true(c.beats > 0);
    stop(&c, 0);
    assert_true(c.status[0] == 0 && c.status[1] == 0);

    cluster_open(&c, 1, 60);
    c.era = 2;
    begin(&c, folder, 2);
    read_users(&c, later);
    assert_memory_equal(users, later, sizeof users);
    stop(&c, PS_EXIT_DATA);
    assert_int_equal(c.status[0], -PS_EXIT_DATA);
    assert_non_null(strstr(c.err[0].text, "the coordinator ended the run with code"));

    cluster_open(&c, 1, 60); /* one server makes the same state as two */
    begin(&c, "", 1);
    train(&c);
    save(&c, again, 7);
    stop(&c, 0);
    assert_int_equal(ps_checkpoint_digest(folder, &digest[0], NULL), 0);
    assert_int_equal(ps_checkpoint_digest(again, &digest[1], NULL), 0);
    assert_true(digest[0] == digest[1]);
    assert_int_equal(ps_folder_remove(folder, NULL), 0);
    assert_int_equal(ps_folder_remove(again, NULL), 0);
    free(folder), free(again);
}

/* The next map, in which the second server has half of the slots: it is given their rows while the first one works. */
static void copy_ahead(struct cluster *c, uint64_t id, struct ps_slot_map *next)
{
    ps_slot_map_init(next, 2);
    for (int i = 0; i < 2; i++) {
        next->entry[i].incarnation = c->incarnation[i];
        snprintf(next->entry[i].endpoint, sizeof next->entry[i].endpoint, "%s", c->bind[i]);
    }
    next->version = c->map.version + 1;
    struct ps_control copy = {.kind = PS_COPY, .map = c->map.version, .epoch = 1, .first = id, .shards = next->entry, .shard_count = 2};
    ask_some(c, 2, &copy, PS_COPIED);
}

/* A hold with every lane at its end. Returns how many rows were sent in it. */
static uint64_t begin_move(struct cluster *c, uint64_t copy, uint64_t id)
{
    struct ps_lane_entry lane[LANES];
    struct ps_control prepare = {.kind = PS_CUT_PREPARE, .first = id, .code = 1},
                      at = {.kind = PS_CUT_AT, .first = id, .lane = lane, .lane_count = LANES};
    ask(c, &prepare, PS_CUT_LIMIT);
    for (uint32_t l = 0; l < LANES; l++)
        lane[l] = (struct ps_lane_entry){.lane = l, .position = c->answer[0].lane[l].position};
    ask(c, &at, PS_CUT_REACHED);
    for (uint32_t l = 0; l < LANES; l++) {
        lane[l] = (struct ps_lane_entry){l, 1, c->answer[0].lane[l].position}; /* all have ended */
        assert_true(c->answer[0].lane_count == LANES && lane[l].position == 4);
    }
    struct ps_control move = {.kind = PS_MOVE, .map = c->map.version, .epoch = 1, .first = id, .since = copy, .lane = lane, .lane_count = LANES,
                              .count = c->answer[0].count};
    ask_some(c, 2, &move, PS_MOVED);
    return c->answer[0].count;
}

static void slots_move_to_a_new_server(void **state)
{
    struct cluster c;
    char *calm = fixture_folder(), *folder = fixture_folder(), *later = fixture_folder();
    float users[200], moved[200];
    uint64_t digest[3];
    struct ps_slot_map next;
    cluster_begin(&c, 2, 1, 60);
    begin(&c, "", 1);
    copy_ahead(&c, 10, &next); /* of no rows yet: all that are trained change in the meantime */
    assert_int_equal(c.answer[0].count, 0);
    train(&c);
    read_users(&c, users);
    save(&c, calm, 1);

    /* The map in force makes the move void: all stays with the first server, and rows that had come are gone. */
    assert_true(begin_move(&c, 10, 2) > 0);
    struct ps_control map = {.kind = PS_MAP, .map = c.map.version, .shards = c.map.entry, .shard_count = 1};
    ask_some(&c, 2, &map, PS_MAP_ACK);
    read_users(&c, moved);
    assert_memory_equal(users, moved, sizeof users);
    save(&c, folder, 3);

    /* The next one makes it real. A map that changes nothing about slots lets what is copied ahead be, and a checkpoint does not see it. */
    copy_ahead(&c, 11, &next);
    assert_true(c.answer[0].count > 0);
    map.since = 11;
    ask(&c, &map, PS_MAP_ACK);
    save(&c, folder, 4);
    assert_int_equal(begin_move(&c, 11, 6), 0); /* nothing has changed since */
    c.map = next;
    c.shards = 2;
    map = (struct ps_control){.kind = PS_MAP, .map = next.version, .shards = c.map.entry, .shard_count = 2};
    ask(&c, &map, PS_MAP_ACK);
    ask(&c, &map, PS_MAP_ACK); /* asked again: answered again */
    read_users(&c, moved);
    assert_memory_equal(users, moved, sizeof users);
    save(&c, later, 7);
    stop(&c, 0);
    assert_int_equal(ps_checkpoint_digest(calm, &digest[0], NULL), 0);
    assert_int_equal(ps_checkpoint_digest(folder, &digest[1], NULL), 0);
    assert_int_equal(ps_checkpoint_digest(later, &digest[2], NULL), 0);
    assert_true(digest[0] == digest[1] && digest[0] == digest[2]);
    assert_int_equal(ps_folder_remove(calm, NULL), 0);
    assert_int_equal(ps_folder_remove(folder, NULL), 0);
    assert_int_equal(ps_folder_remove(later, NULL), 0);
    free(calm), free(folder), free(later);
}

static void a_silent_coordinator_ends_the_server(void **state)
{
    struct cluster c;
    cluster_open(&c, 1, 0.5);
    c.silent = true;
    double begin_at = ps_now();
    while (c.answer[0].kind != PS_BYE) {
        assert_true(ps_now() - begin_at < PATIENCE);
        pump(&c, 0.1);
    }
    cluster_join(&c);
    assert_int_equal(c.status[0], -PS_EXIT_NET);
    assert_non_null(strstr(c.err[0].text, "silent"));
}

static void a_folder_that_cannot_be_written_is_named(void **state)
{
    struct cluster c;
    char *folder = "/proc/penstock-cannot-write-here";
    struct ps_control prepare = {.kind = PS_CUT_PREPARE, .first = 1, .text = folder};
    cluster_open(&c, 1, 60);
    begin(&c, "", 1);
    train(&c);
    for (int i = 0; i < 2; i++) { /* asked again: answered again */
        ask(&c, &prepare, PS_CUT_ABORT);
        assert_int_equal(c.answer[0].code, PS_EXIT_STORAGE);
        assert_non_null(strstr(c.answer[0].text, folder));
    }
    folder = fixture_folder(); /* the server lives on, and the next cut is fine */
    save(&c, folder, 2);
    stop(&c, 0);
    assert_int_equal(c.status[0], 0);
    assert_int_equal(ps_folder_remove(folder, NULL), 0);
    free(folder);
}

static void a_port_in_use_is_named(void **state)
{
    struct ps_net *net = ps_net_new(1);
    struct ps_socket *taken;
    struct ps_error err;
    char bound[256];
    assert_int_equal(ps_net_bind(net, "inproc://taken", 1, bound, &taken, &err), 0);
    struct ps_server_options options = {.net = net, .coordinator = "inproc://nobody", .bind = "inproc://taken"};
    assert_int_equal(ps_server_run(&options, &err), -PS_EXIT_NET);
    assert_non_null(strstr(err.text, "inproc://taken"));
    options.bind = "inproc://free";
    options.start_timeout = 0.3;
    assert_int_equal(ps_server_run(&options, &err), -PS_EXIT_NET);
    assert_non_null(strstr(err.text, "inproc://nobody"));
    ps_socket_close(taken);
    ps_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_saved_and_gone_on_with),
        cmocka_unit_test(slots_move_to_a_new_server),
        cmocka_unit_test(a_silent_coordinator_ends_the_server),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_named),
        cmocka_unit_test(a_port_in_use_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
