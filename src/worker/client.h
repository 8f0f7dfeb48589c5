/* client.h - a worker's side of the data messages: PULL and PUSH for whole micro-batches, READ for evaluation.
 *
 * One PULL and one PUSH per shard and micro-batch, named by (epoch, lane, position). Keys and gradients are sent from the
 * step's own memory and rows are used where they were received: nothing is copied for plain fp32. A server on the same host
 * reads gradients and writes rows right in the step's memory (common/share.h). A request is kept until its answer is in and is
 * sent again when that takes too long (docs/protocol.md); all requests are idempotent.
 * One thread owns a client, its sockets and its steps.
 */
#ifndef PS_WORKER_CLIENT_H
#define PS_WORKER_CLIENT_H

#include "common/member.h"
#include "common/net.h"
#include "common/slots.h"
#include "common/wire.h"
#include "worker/step.h"

/* Whether a server works in this worker's memory: it is asked to by a PULL, and its ROWS tell. */
enum ps_sharing { PS_SHARING_NO, PS_SHARING_ASKED, PS_SHARING_YES };

struct ps_client {
    struct ps_net *net;           /* borrowed */
    uint64_t run, incarnation, next_request;
    uint32_t era, epoch;
    struct ps_slot_map map;
    int tables;
    struct ps_table_spec table[PS_MAX_TABLES];
    struct ps_keys tensor[PS_MAX_TABLES]; /* a tensor's chunks by shard: the same in every step */
    struct ps_socket **socket;            /* by shard */
    const struct ps_batcher *batcher;     /* borrowed */
    uint32_t key_codec[PS_MAX_SHARDS], value_codec;
    bool shares; /* with servers on this host, where they can */
    enum ps_sharing sharing[PS_MAX_SHARDS];
    double deadline;
    /* Asked while a read waits: 0 to go on; a negative code, with its error, ends the read. May be NULL. */
    int (*news)(void *ctx, struct ps_error *err);
    struct ps_socket *news_socket; /* borrowed: what arrives here is such news */
    void *news_ctx;                /* borrowed */
    struct ps_step **step; /* the pool */
    int steps;
    bool warned;
    int consistency;   /* enum ps_consistency, with the bound of `bounded` */
    uint64_t stale;    /* not in sync: the most steps by which rows were behind since it was last set to 0 */
    uint64_t rows, bytes, refused; /* pulled and pushed so far */
};

/* Seconds before a request is sent again: 0.5, 1, 2, 2, ... (docs/protocol.md); soon where nothing could be sent, or where
 * the shard is still being told what the worker knows already. */
static inline double ps_client_retry_after(int attempts)
{
    return attempts <= 1 ? 0.5 : attempts == 2 ? 1 : 2;
}
#define PS_RETRY_UNSENT 0.02
#define PS_RETRY_REFUSED 0.05

/* Takes the run's specifications from a WELCOME, and its map. */
int ps_client_init(struct ps_client *client, struct ps_net *net, uint64_t incarnation, const struct ps_control *welcome,
                   const struct ps_config *config, const struct ps_batcher *batcher, struct ps_error *err);
void ps_client_fini(struct ps_client *client);
/* A new map: connects to its servers, keeping the connections that there are. All steps are dropped. After an error the
 * client can only be finished. */
int ps_client_map(struct ps_client *client, uint32_t version, const struct ps_shard_entry *entry, uint32_t count,
                  struct ps_error *err);

/* Whether a map has the same servers for the same rows, and nothing but its version, and what backups there are, is new. Then the client goes on
 * by it, and what is under way with it. */
bool ps_client_map_renew(struct ps_client *client, uint32_t version, const struct ps_shard_entry *entry, uint32_t count);

/* A free step with room for a full batch. */
struct ps_step *ps_client_step(struct ps_client *client);
/* Asks every shard that owns wanted rows; state becomes PULLING, and READY when all have answered. */
void ps_client_pull(struct ps_client *client, struct ps_step *step);
/* Pushes the gradients to every shard (an EMPTY push where a shard has no rows; END where step->end). param_grad[t] is
 * tensor t's gradient, chunks x width, copied. State becomes PUSHED, and FREE when all have acknowledged. */
void ps_client_push(struct ps_client *client, struct ps_step *step, real *const *param_grad);
/* Drops a step whatever its state (its lane was fenced). */
void ps_client_drop(struct ps_client *client, struct ps_step *step);

/* Takes in everything that has arrived, and sends again what is overdue. *fenced is set to a lane that a shard refused as
 * fenced, or to UINT32_MAX. Errors: a shard that answers nonsense or sees a broken invariant. */
int ps_client_progress(struct ps_client *client, uint32_t *fenced, struct ps_error *err);
/* The next moment at which ps_client_progress has something to send again. */
double ps_client_next_retry(const struct ps_client *client);

/* Writes for whom the oldest unanswered request has been waiting, for what and since when; "" where none is older than a second. */
void ps_client_waits(const struct ps_client *client, char *text, size_t size);

/* Reads rows outside of any lane (evaluation): ids strictly ascending, out[n * width]. Waits until the servers answer (the
 * first wait beyond the deadline is reported), or client->news ends it. */
int ps_client_read(struct ps_client *client, int table, const uint32_t *ids, int n, float *out, struct ps_error *err);

/* Copies a tensor's chunks, as pulled by the step, into one matrix of chunks x width. */
void ps_client_tensor(const struct ps_client *client, const struct ps_step *step, int table, real *out);

#endif
