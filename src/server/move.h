/* move.h - slots on their way between servers, while all of them hold at the same step (docs/protocol.md, "Moving slots").
 *
 * Each server sends the rows that will be others' straight to them, in parts of bounded size, a few at a time, each kept and sent
 * again until it is acknowledged. Nothing of it counts before the coordinator tells the next map.
 */
#ifndef PS_SERVER_MOVE_H
#define PS_SERVER_MOVE_H

#include "common/net.h"
#include "server/shard.h"

struct ps_move;

/* Both are borrowed. */
struct ps_move *ps_move_new(struct ps_net *net, struct ps_shard *shard);
void ps_move_free(struct ps_move *move);

/* MOVE: begins to send the shard's rows of slots that `next` gives to others, and to take what it gives to this server. Asked again it
 * changes nothing. */
int ps_move_begin(struct ps_move *move, uint64_t id, const struct ps_slot_map *next, struct ps_error *err);
/* Sends what may be sent and takes in what was answered. Returns when it wants to be called again at the latest; 0: never. */
double ps_move_progress(struct ps_move *move);
/* The connections to wait for, at most PS_MAX_SHARDS of them. */
int ps_move_sockets(const struct ps_move *move, struct ps_socket **socket);
/* The move under way, 0 where there is none, and whether everything has been sent and acknowledged. */
uint64_t ps_move_id(const struct ps_move *move);
bool ps_move_sent(const struct ps_move *move);
const struct ps_slot_map *ps_move_next(const struct ps_move *move);
/* SLOTS from another server: takes the rows in and acknowledges them. */
void ps_move_take(struct ps_move *move, const struct ps_data *data, const struct ps_message *message);
/* Ends it, whether it came about or not. */
void ps_move_end(struct ps_move *move);

#endif
