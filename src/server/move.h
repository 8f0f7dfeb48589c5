/* move.h - slots on their way between servers (docs/protocol.md, "Moving slots").
 *
 * Rows are copied ahead, while the shards work: each server sends those that will be others' straight to them, in parts of bounded size, by a
 * feed (feed.h). What has changed meanwhile is sent once more, by the stamps of the rows, pass after pass, until a pass is short. Then all
 * shards hold at the same step, and one more pass sends what has changed since the last one began.
 *
 * What arrives lies beside the rows of the shard, and becomes its own only by the next map.
 */
#ifndef PS_SERVER_MOVE_H
#define PS_SERVER_MOVE_H

#include "common/net.h"
#include "server/shard.h"

struct ps_move;

/* Both are borrowed. */
struct ps_move *ps_move_new(struct ps_net *net, struct ps_shard *shard);
void ps_move_free(struct ps_move *move);

/* COPY: begins to send the shard's rows of slots that `next` gives to others, and to take what it gives to this server; a copy before
 * this one is dropped. Asked again it changes nothing. */
int ps_move_begin(struct ps_move *move, uint64_t id, const struct ps_slot_map *next, struct ps_error *err);
/* MOVE: the shard holds. What has changed is sent. */
void ps_move_hold(struct ps_move *move, uint64_t hold);
/* Sends what may be sent and takes in what was answered. Returns when it wants to be called again at the latest; 0: never. */
double ps_move_progress(struct ps_move *move);
/* The connections to wait for, at most PS_MAX_SHARDS of them. */
int ps_move_sockets(const struct ps_move *move, struct ps_socket **socket);
/* The copy under way, 0 where there is none, and the hold that it has come to, or 0. */
uint64_t ps_move_id(const struct ps_move *move);
uint64_t ps_move_held(const struct ps_move *move);
/* Whether all that can be done is done and acknowledged: before the hold, and in it. */
bool ps_move_ahead(const struct ps_move *move);
bool ps_move_sent(const struct ps_move *move);
/* Rows sent before the hold, or in it. */
uint64_t ps_move_rows(const struct ps_move *move);
/* SLOTS from another server: takes the rows in and acknowledges them. */
void ps_move_take(struct ps_move *move, const struct ps_data *data, const struct ps_message *message);
/* A map that is in force: where it is the one that the hold was for, the shard's rows are what it says, and the hold is over. */
bool ps_move_done(struct ps_move *move, const struct ps_slot_map *map);
/* Ends it, whether it came about or not; what has arrived is dropped. */
void ps_move_end(struct ps_move *move);

#endif
