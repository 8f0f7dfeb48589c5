/* mate.c - the connection to the backup; see mate.h. */
#include "server/mate.h"

#include <stdlib.h>

#include "server/replica.h"

struct ps_mate {
    struct ps_net *net;       /* borrowed */
    struct ps_shard *shard;   /* borrowed */
    uint64_t log;             /* 0: none */
    struct ps_socket *socket; /* owned; NULL: none */
};

struct ps_mate *ps_mate_new(struct ps_net *net, struct ps_shard *shard)
{
    struct ps_mate *m = ps_calloc(1, sizeof *m);
    m->net = net;
    m->shard = shard;
    return m;
}

static void disconnect(struct ps_mate *m)
{
    ps_socket_close(m->socket);
    m->socket = NULL;
    m->log = 0;
}

void ps_mate_free(struct ps_mate *m)
{
    if (!m)
        return;
    disconnect(m);
    free(m);
}

static bool send_entry(void *ctx, struct ps_data *data, struct ps_message *message)
{
    struct ps_mate *m = ctx;
    ps_frame_fini(&message->frame[0]);
    ps_data_pack(data, &message->frame[0]);
    return !ps_socket_send(m->socket, 0, message);
}

int ps_mate_set(struct ps_mate *m, const struct ps_shard_entry *entry, bool loaded, struct ps_error *err)
{
    bool wanted = entry && entry->backup;
    if (wanted && entry->log == m->log && m->shard->replica)
        return 0;
    disconnect(m);
    ps_replica_end(m->shard);
    if (!wanted)
        return 0;
    int status = ps_net_connect(m->net, entry->backup_endpoint, m->shard->incarnation, &m->socket, err);
    if (status)
        return status;
    m->log = entry->log;
    ps_replica_begin(m->shard, entry->backup, entry->log, loaded, send_entry, m);
    return 0;
}

double ps_mate_progress(struct ps_mate *m)
{
    struct ps_message message;
    struct ps_data data;
    uint64_t from;
    double now = ps_now();
    if (m->socket && !m->shard->replica) /* the shard's state has become void, and the log with it */
        disconnect(m);
    while (m->socket && ps_socket_receive(m->socket, &from, &message)) {
        if (!ps_data_unpack(&message, &data, NULL))
            ps_replica_take(m->shard, &data, now);
        ps_message_fini(&message);
    }
    return ps_replica_progress(m->shard, now);
}

struct ps_socket *ps_mate_socket(const struct ps_mate *m)
{
    return m->socket;
}
