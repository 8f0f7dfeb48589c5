/* request.h - a PULL or PUSH whose sections have been checked: what a shard works on, parks and stages.
 *
 * A request keeps the frames that it came in; plain keys and values are used where they lie, and so are values in memory that
 * the worker shares (until the push is acknowledged, or longer with ps_request_own).
 */
#ifndef PS_SERVER_REQUEST_H
#define PS_SERVER_REQUEST_H

#include "common/share.h"
#include "common/slots.h"
#include "common/wire.h"

struct ps_shard;

struct ps_request {
    struct ps_data data;
    struct ps_message message;          /* owned */
    const uint64_t *key[PS_MAX_TABLES]; /* by section: in the frames or in the scratch below */
    const float *value[PS_MAX_TABLES];  /* NULL in a PULL */
    float *target[PS_MAX_TABLES];       /* of a PULL: where in the worker's memory the rows are wanted; NULL: in a frame */
    struct ps_view *shared;             /* held: that memory */
    struct ps_buffer key_scratch[PS_MAX_TABLES], value_scratch[PS_MAX_TABLES];
    struct ps_request *next; /* in the shard's list of free ones */
};

/* A request from the shard's pool that takes over the message's frames. */
struct ps_request *ps_request_take(struct ps_shard *shard, const struct ps_data *data, struct ps_message *message);
/* Lets go of the frames and returns the request to the pool. NULL is fine. */
void ps_request_drop(struct ps_shard *shard, struct ps_request *request);
void ps_request_free_all(struct ps_shard *shard);

/* Copies values out of the worker's memory, which it uses again once the push is acknowledged. */
void ps_request_own(struct ps_shard *shard, struct ps_request *request);

/* The same, into frames as a push over a wire has them. */
void ps_request_frame(struct ps_shard *shard, struct ps_request *request);

/* Decodes and checks all sections: tables ascending, keys strictly ascending, below the table's rows and in the shard's
 * slots, values finite, sizes within reason. Returns 0 or the refusal to answer. */
enum ps_refusal ps_request_decode(struct ps_shard *shard, struct ps_request *request);

#endif
