/* test_guard.c - CURVE on sockets: who has the run's keys talks, everybody else is refused and counted; the file of the keys. */
#include "cli/credentials.h"
#include "common/file.h"
#include "common/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const double LONG = 30; /* what must come, on a busy machine */
static struct ps_error err;

static struct ps_net *net_with(const struct ps_credentials *keys)
{
    struct ps_net *net = ps_net_new(1);
    if (keys)
        assert_int_equal(ps_net_secure(net, keys, &err), 0);
    return net;
}

/* A bound socket with the monitor that counts. */
struct server {
    struct ps_socket *socket, *monitor;
    char bound[256];
};

static struct server serve(struct ps_net *net, const char *endpoint)
{
    struct server s;
    assert_int_equal(ps_net_bind(net, endpoint, ps_net_incarnation(), s.bound, &s.socket, &err), 0);
    assert_int_equal(ps_monitor_open(net, s.socket, &s.monitor, &err), 0);
    return s;
}

static void close_server(struct server *s)
{
    ps_socket_close(s->monitor);
    ps_socket_close(s->socket);
}

/* Whether a message from `client` comes to the server and its answer back; gives up as soon as `strangers` grows. */
static bool talks(struct ps_socket *client, const struct server *s, const struct ps_net *net, uint64_t strangers)
{
    struct ps_socket *server = s->socket;
    struct ps_socket *const both[] = {client, server};
    double end = ps_now() + LONG, sent = 0;
    while (ps_now() < end && ps_net_strangers(net) == strangers) {
        struct ps_message message;
        bool ready[2];
        uint64_t from;
        if (ps_now() - sent > 0.1) {
            ps_message_init(&message);
            ps_frame_alloc(ps_message_add(&message), 5);
            memcpy(ps_frame_data(&message.frame[0]), "hello", 5);
            if (ps_socket_send(client, 0, &message))
                ps_message_fini(&message);
            sent = ps_now();
        }
        ps_net_wait(both, 2, 0.02, ready);
        while (ps_monitor_lost(s->monitor) >= 0)
            ;
        if (ps_socket_receive(server, &from, &message) && ps_socket_send(server, from, &message))
            ps_message_fini(&message);
        if (ps_socket_receive(client, &from, &message)) {
            bool same = ps_frame_size(&message.frame[0]) == 5 && !memcmp(ps_frame_data(&message.frame[0]), "hello", 5);
            ps_message_fini(&message);
            return same;
        }
    }
    return false;
}

/* The same with a client of another process: a context of its own. */
static bool enters(const struct ps_credentials *keys, const struct server *server, const struct ps_net *net)
{
    struct ps_net *mine = net_with(keys);
    struct ps_socket *client;
    uint64_t before = ps_net_strangers(net);
    assert_int_equal(ps_net_connect(mine, server->bound, ps_net_incarnation(), &client, &err), 0);
    bool entered = talks(client, server, net, before);
    ps_socket_close(client);
    ps_net_free(mine);
    assert_true(entered == (ps_net_strangers(net) == before)); /* refused means counted */
    return entered;
}

static void only_the_runs_keys_enter(void **state)
{
    const char *const endpoint[] = {"tcp://127.0.0.1:*", "ipc://penstock-guard.sock"};
    struct ps_credentials ours, theirs, mixed;
    ps_credentials_make(&ours);
    ps_credentials_make(&theirs);
    mixed = ours; /* it knows the servers, but has a member's key of its own making: only ZAP refuses this one */
    memcpy(mixed.member_public, theirs.member_public, PS_CURVE_TEXT);
    memcpy(mixed.member_secret, theirs.member_secret, PS_CURVE_TEXT);
    for (size_t e = 0; e < PS_COUNT(endpoint); e++) {
        struct ps_net *net = net_with(&ours);
        struct server server = serve(net, endpoint[e]);
        assert_true(enters(&ours, &server, net));
        assert_false(enters(NULL, &server, net));
        assert_false(enters(&theirs, &server, net));
        assert_false(enters(&mixed, &server, net));
        assert_true(enters(&ours, &server, net));
        /* A second socket of the process is guarded by the same thread; the first may be closed before it. */
        struct server second = serve(net, "tcp://127.0.0.1:*");
        assert_false(enters(&mixed, &second, net));
        close_server(&server);
        assert_false(enters(NULL, &second, net));
        assert_true(enters(&ours, &second, net));
        close_server(&second);
        ps_net_free(net);
    }
    unlink("penstock-guard.sock");
}

/* Without keys everybody who speaks ZeroMQ may connect; what does not is counted. */
static void what_is_no_zeromq_is_counted(void **state)
{
    struct ps_net *net = net_with(NULL);
    struct server server = serve(net, "tcp://127.0.0.1:*");
    assert_true(enters(NULL, &server, net));
    for (uint64_t knocks = 1; knocks <= 3; knocks++) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                 .sin_port = htons((uint16_t)atoi(strrchr(server.bound, ':') + 1))};
        int stranger = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(stranger, (struct sockaddr *)&to, sizeof to), 0);
        assert_int_equal(send(stranger, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
        close(stranger);
        for (double end = ps_now() + LONG; ps_net_strangers(net) < knocks && ps_now() < end;) {
            bool ready;
            ps_net_wait(&server.monitor, 1, 0.02, &ready);
            while (ps_monitor_lost(server.monitor) >= 0)
                ;
        }
        assert_int_equal(ps_net_strangers(net), knocks);
    }
    assert_true(enters(NULL, &server, net));
    close_server(&server);
    ps_net_free(net);
}

/* A client with keys gives nothing to a server that cannot prove its own, and sees that it is of no use to try. */
static void a_false_server_gets_nothing(void **state)
{
    struct ps_credentials ours, theirs;
    char bound[256];
    ps_credentials_make(&ours);
    ps_credentials_make(&theirs);
    const struct ps_credentials *const of[] = {&theirs, NULL};
    for (size_t i = 0; i < PS_COUNT(of); i++) {
        struct ps_net *net = net_with(of[i]), *mine = net_with(&ours);
        struct ps_socket *server, *client;
        struct ps_contact contact = {0};
        struct ps_message message;
        uint64_t from;
        bool ready;
        assert_int_equal(ps_net_bind(net, "tcp://127.0.0.1:*", ps_net_incarnation(), bound, &server, &err), 0);
        assert_int_equal(ps_net_connect(mine, bound, ps_net_incarnation(), &client, &err), 0);
        assert_int_equal(ps_socket_watch(mine, client, &err), 0);
        double end = ps_now() + LONG;
        while (!contact.refused && ps_now() < end) {
            ps_message_init(&message);
            ps_frame_empty(ps_message_add(&message));
            if (ps_socket_send(client, 0, &message))
                ps_message_fini(&message);
            ps_net_wait(&server, 1, 0.02, &ready);
            assert_false(ready && ps_socket_receive(server, &from, &message));
            ps_socket_contact(client, &contact);
        }
        assert_true(contact.reached && contact.refused);
        ps_socket_unwatch(client);
        ps_socket_close(client);
        ps_socket_close(server);
        ps_net_free(mine);
        ps_net_free(net);
    }
}

static void a_key_must_be_one(void **state)
{
    struct ps_credentials keys;
    struct ps_net *net = ps_net_new(1);
    ps_credentials_make(&keys);
    keys.member_public[5] = 0;
    assert_int_equal(ps_net_secure(net, &keys, &err), -PS_EXIT_USAGE);
    assert_string_equal(err.text, "the run's member_public is no CURVE key");
    ps_net_free(net);
}

static mode_t mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void the_file_is_its_owners(void **state)
{
    struct ps_credentials made, read;
    assert_int_equal(ps_folder_make("run", &err), 0);
    umask(0); /* nothing is left to it */
    char *path = ps_credentials_path("run");
    assert_int_equal(path[0], '/');
    assert_int_equal(ps_credentials_provide(path, &made, &err), 0);
    assert_int_equal(mode_of("run/keys"), 0700);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(ps_credentials_provide(path, &read, &err), 0); /* it is there: the same keys */
    assert_memory_equal(&made, &read, sizeof made);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(ps_credentials_read(path, &read, &err), -PS_EXIT_USAGE);
    assert_non_null(strstr(err.text, "(mode 0640); make it yours alone: chmod 600"));
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(ps_credentials_read(path, &read, &err), -PS_EXIT_USAGE);
    ps_file_remove_secret(path);
    assert_int_equal(access("run/keys", F_OK), -1);
    assert_int_equal(ps_credentials_read(path, &read, &err), -PS_EXIT_DATA);
    /* A folder that is there, with a mode of its own, is closed first. */
    assert_int_equal(mkdir("run/keys", 0755), 0);
    assert_int_equal(ps_credentials_provide(path, &read, &err), 0);
    assert_int_equal(mode_of("run/keys"), 0700);
    assert_memory_not_equal(&made, &read, sizeof made);
    ps_file_remove_secret(path);
    rmdir("run");
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_runs_keys_enter), cmocka_unit_test(what_is_no_zeromq_is_counted),
        cmocka_unit_test(a_false_server_gets_nothing),
        cmocka_unit_test(a_key_must_be_one), cmocka_unit_test(the_file_is_its_owners)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
