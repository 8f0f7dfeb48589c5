/* ask.c - the token and the connection of an operator's commands; see ask.h. */
#include "cli/ask.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/meeting.h"
#include "common/file.h"

static const double PATIENCE = 5, AGAIN = 0.5; /* seconds */

struct ps_asker {
    struct ps_net *net;
    struct ps_socket *socket;
    char *token, endpoint[256];
    uint64_t incarnation, request;
};

static char *token_path(const char *run)
{
    return ps_format("%s/keys/token", run);
}

int ps_token_make(const char *run, char **token, struct ps_error *err)
{
    char *path = token_path(run), *text = ps_format("%016llx%016llx", (unsigned long long)ps_net_incarnation(),
                                                    (unsigned long long)ps_net_incarnation());
    int status = ps_file_write_secret(path, text, strlen(text), err);
    if (status)
        free(text);
    else
        *token = text;
    free(path);
    return status;
}

void ps_token_remove(const char *run)
{
    char *path = token_path(run);
    ps_file_remove_secret(path);
    free(path);
}

int ps_asker_open(const char *run, struct ps_asker **asker, struct ps_error *err)
{
    char *path = ps_format("%s/state/coordinator", run), *file = token_path(run);
    struct ps_asker *a = ps_calloc(1, sizeof *a);
    struct ps_meeting meeting = {0};
    size_t size;
    int status = access(path, F_OK) ? ps_fail(err, PS_EXIT_NET, "no coordinator is at work in %s", run)
                                    : ps_meeting_find(&meeting, run, 0, err);
    if (!status && access(file, R_OK))
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "only who can read %s may ask this run", file);
    if (!status)
        status = ps_file_read(file, 256, &a->token, &size, err);
    if (!status)
        status = ps_meeting_net(&meeting, &a->net, err);
    if (!status) {
        a->incarnation = ps_net_incarnation();
        snprintf(a->endpoint, sizeof a->endpoint, "%s", meeting.endpoint);
        status = ps_net_connect(a->net, a->endpoint, a->incarnation, &a->socket, err);
    }
    free(path), free(file);
    if (status)
        ps_asker_close(a);
    else
        *asker = a;
    return status;
}

static void send_ask(struct ps_asker *a, enum ps_ask what, enum ps_role role, uint64_t count)
{
    struct ps_control ask = {.kind = PS_ASK, .from = a->incarnation, .request = a->request, .code = what, .role = role,
                             .count = count, .text = a->token};
    struct ps_message message;
    ps_message_init(&message);
    ps_control_pack(&ask, ps_message_add(&message));
    if (ps_socket_send(a->socket, 0, &message))
        ps_message_fini(&message);
}

/* The answer to the request under way; false where it is not there yet. */
static bool receive(struct ps_asker *a, struct ps_control *answer)
{
    struct ps_message message;
    struct ps_error ignored;
    uint64_t from;
    while (ps_socket_receive(a->socket, &from, &message)) {
        int status = ps_control_unpack(&message, answer, &ignored);
        ps_message_fini(&message);
        if (status)
            continue;
        if (answer->kind == PS_ANSWER && answer->to == a->incarnation && answer->request == a->request)
            return true;
        ps_control_fini(answer);
    }
    return false;
}

int ps_asker_ask(struct ps_asker *a, enum ps_ask what, enum ps_role role, uint64_t count, char **answer, struct ps_error *err)
{
    double begin = ps_now(), ask_at = begin + 0.02; /* a send right after connecting would find no connection */
    struct ps_control got;
    a->request++;
    while (!receive(a, &got)) {
        double now = ps_now();
        if (now - begin > PATIENCE)
            return ps_fail(err, PS_EXIT_NET, "the coordinator at %s has not answered for %.0f s; it is gone, or stopped", a->endpoint, PATIENCE);
        bool ready;
        if (now >= ask_at) {
            send_ask(a, what, role, count);
            ask_at = now + (now - begin < AGAIN ? 0.1 : AGAIN);
        }
        ps_net_wait(&a->socket, 1, ask_at - now, &ready);
    }
    int status = got.code ? ps_fail(err, (int)got.code, "%s", got.text) : 0;
    if (!status)
        *answer = ps_strdup(got.text);
    ps_control_fini(&got);
    return status;
}

void ps_asker_close(struct ps_asker *a)
{
    if (!a)
        return;
    ps_socket_close(a->socket);
    ps_net_free(a->net);
    free(a->token);
    free(a);
}
