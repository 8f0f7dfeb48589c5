/* ask.c - questions to the servers that are asked until all have answered. */
#include <stdio.h>

#include "coordinator/internal.h"

static bool is_asked(const struct ps_coordinator *c, const struct ps_member *m, const struct ps_control *question)
{
    bool copies = question->kind == PS_LOAD && ps_replicas_copy(c, m) != PS_NO_SHARD;
    bool all = question->kind == PS_MAP && c->config->servers.replicas && m->role == PS_ROLE_SERVER && m->welcomed;
    return m->shard != PS_NO_SHARD || m->takes_part || (m->alive && (copies || all));
}

/* The shard that the server has, or has a copy of. */
static uint32_t number_of(const struct ps_coordinator *c, const struct ps_member *server)
{
    return server->shard != PS_NO_SHARD ? server->shard : ps_replicas_copy(c, server);
}

int ps_ask_servers(struct ps_coordinator *c, struct ps_control *question, enum ps_message_kind answer, uint64_t number,
                   const char *what, struct ps_error *err)
{
    double begin = ps_now(), asked = 0;
    bool warned = false;
    c->expected = answer;
    c->expected_number = number;
    for (int i = 0; i < c->members; i++)
        c->member[i]->answered = false;
    for (;;) {
        if (answer == PS_MAP_ACK && number != c->map.version) /* it has been revised meanwhile */
            return ps_ask_servers(c, question, answer, c->map.version, what, err);
        bool again = ps_now() - asked > PS_ASK_AGAIN;
        struct ps_member *missing = NULL;
        for (int i = 0; i < c->members; i++) {
            struct ps_member *m = c->member[i];
            if (!is_asked(c, m, question) || m->answered)
                continue;
            missing = m;
            if (again)
                ps_send_control(c, m, question);
        }
        if (!missing)
            break;
        if (again)
            asked = ps_now();
        if (ps_now() - begin > 1)
            snprintf(c->waits, sizeof c->waits, "server %u (process %u on %.60s) to answer %s of epoch %u, since %.0f s", number_of(c, missing),
                     missing->pid, missing->host, what, c->epoch, ps_now() - begin);
        if (ps_now() - begin > c->config->net.deadline && !warned) {
            ps_warn("the coordinator waits for %s", c->waits);
            warned = true;
        }
        /* A server that is loading or writing sends beats all the while: only its silence ends the wait early. */
        if (ps_now() - begin > ps_patience(c))
            return ps_fail(err, PS_EXIT_NET, "server %u (process %u on %s) has not answered %s for %.0f s", number_of(c, missing),
                           missing->pid, missing->host, what, ps_now() - begin);
        int status = ps_pump(c, 0.1, err);
        if (status) {
            *c->waits = 0;
            return status;
        }
        if (c->moving.failed && answer != PS_MAP_ACK)
            break;
        if (c->lanes_live)
            ps_lanes_tick(c);
    }
    c->expected = 0;
    *c->waits = 0;
    return 0;
}
