/* client_read.c - rows outside of any lane: READ pulls for evaluation; see client.h. */
#include <stdlib.h>
#include <string.h>

#include "worker/client.h"

/* One shard's READ: asks until it answers, or the news end it: whether a silent server is lost, the coordinator decides. */
static int read_shard(struct ps_client *c, uint32_t s, int table, const uint64_t *key, uint32_t n,
                      struct ps_message *answer, const float **values, struct ps_buffer *scratch, struct ps_error *err)
{
    double begin = ps_now(), send_at = 0;
    uint64_t request = ++c->next_request;
    int attempts = 0;
    bool warned = false;
    struct ps_data data = {.kind = PS_PULL, .run = c->run, .from = c->incarnation, .to = c->map.entry[s].incarnation,
                           .era = c->era, .map = c->map.version, .epoch = c->epoch, .request = request,
                           .flags = PS_FLAG_READ, .sections = 1};
    data.section[0] = (struct ps_section){.table = (uint32_t)table, .rows = n, .key_codec = c->key_codec[s],
                                           .value_codec = c->value_codec};
    for (;;) {
        double now = ps_now();
        if (now - begin > c->deadline && !warned) {
            warned = true;
            ps_warn("waiting for shard %u at %s to answer a read of %u rows of table '%s' since %.0f s", s,
                    c->map.entry[s].endpoint, n, c->table[table].name, now - begin);
        }
        if (now >= send_at) {
            struct ps_message message;
            ps_message_init(&message);
            struct ps_frame *header = ps_message_add(&message);
            ps_keys_encode(key, n, c->key_codec[s], ps_message_add(&message));
            ps_message_add(&message);
            ps_data_pack(&data, header);
            bool sent = ps_socket_send(c->socket[s], 0, &message) == 0;
            if (!sent)
                ps_message_fini(&message);
            attempts += sent;
            send_at = now + (sent ? ps_client_retry_after(attempts) : PS_RETRY_UNSENT);
        }
        int news = c->news ? c->news(c->news_ctx, err) : 0;
        if (news)
            return news;
        struct ps_socket *const socket[] = {c->socket[s], c->news_socket};
        bool ready[PS_COUNT(socket)];
        ps_net_wait(socket, c->news_socket ? 2 : 1, PS_MIN(send_at - now, 1), ready);
        uint64_t from;
        while (ps_socket_receive(c->socket[s], &from, answer)) {
            struct ps_data got;
            int status = ps_data_unpack(answer, &got, err);
            if (status) {
                ps_message_fini(answer);
                return status;
            }
            if (got.request == request && got.kind == PS_ROWS && got.sections == 1 && got.section[0].rows == n)
                return ps_values_decode(&answer->frame[2], (size_t)n * c->table[table].width,
                                        got.section[0].value_codec, scratch, values, err);
            if (got.request == request && got.kind == PS_REFUSE) {
                if (got.code != PS_REFUSE_NOT_YET && got.code != PS_REFUSE_ERA && got.code != PS_REFUSE_MAP) {
                    ps_message_fini(answer);
                    return ps_fail(err, PS_EXIT_NET, "shard %u refused a read of table '%s' with code %u", s,
                                   c->table[table].name, got.code);
                }
                send_at = ps_now() + PS_RETRY_REFUSED;
            }
            ps_message_fini(answer);
        }
    }
}

int ps_client_read(struct ps_client *c, int table, const uint32_t *ids, int n, float *out, struct ps_error *err)
{
    uint64_t *key = ps_calloc((size_t)n, sizeof *key);
    int *place = ps_calloc((size_t)n, sizeof *place);
    size_t width = c->table[table].width;
    int status = 0;
    for (uint32_t s = 0; !status && s < c->map.shards; s++) {
        uint32_t count = 0;
        for (int i = 0; i < n; i++)
            if (c->map.shard_of[ps_slot_of(&c->table[table], (uint32_t)table, ids[i])] == s) {
                place[count] = i;
                key[count++] = ids[i];
            }
        if (!count)
            continue;
        struct ps_message answer;
        struct ps_buffer scratch = {0};
        const float *values;
        ps_message_init(&answer);
        status = read_shard(c, s, table, key, count, &answer, &values, &scratch, err);
        if (!status)
            for (uint32_t i = 0; i < count; i++)
                memcpy(out + (size_t)place[i] * width, values + i * width, width * sizeof *out);
        ps_message_fini(&answer);
        ps_buffer_fini(&scratch);
    }
    free(key);
    free(place);
    return status;
}
