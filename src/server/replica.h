/* replica.h - the copy of a shard on another server (docs/protocol.md, "Replicas"): the primary's log, and the backup that follows it.
 *
 * The primary numbers everything that changes its shard (pushes, fences, epochs) and sends it to the backup in that order, which
 * runs the same code on it: in sync its state is the primary's bit for bit. A worker's push, a fence and an epoch are answered when the
 * backup has confirmed them, and so is each repeat of them. What is not confirmed is kept and sent again; the workers' windows
 * bound how much that is.
 *
 * A copy that is made while the shard works needs no moment of rest: rows go into the log in parts, between the changes, and the order
 * of the log makes them right. A part holds the rows as all entries before it have left them; a change that reaches the backup before
 * the rows that it is of is overwritten with them, one that comes after them is applied. PS_ENTRY_END closes the copy: from
 * there on nothing is answered without the backup, and when that has confirmed it, it has everything.
 *
 * Like the shard itself it knows no network; one thread owns it.
 */
#ifndef PS_SERVER_REPLICA_H
#define PS_SERVER_REPLICA_H

#include "server/feed.h"
#include "server/shard.h"

/* `code` of a REPL. Its names (run, from, to, era, map) are the primary's, `lease` is the log, `request` the entry's number. */
enum ps_entry {
    PS_ENTRY_BEGIN = 1, /* epoch, state = v, count = steps of the optimiser; EMPTY: the rows come with the log */
    PS_ENTRY_LANE,      /* how a lane stands: position = hwm, END where it has ended, its account in count and state */
    PS_ENTRY_ROWS,      /* rows with their optimiser state, one section */
    PS_ENTRY_END,       /* all of them have been sent */
    PS_ENTRY_PUSH,      /* as it came, but for its lease */
    PS_ENTRY_FENCE,     /* lane, state = its lease */
    PS_ENTRY_EPOCH,
    PS_ENTRY_EVICT      /* the rows of these ids have gone; state = v */
};

/* ---- the primary ---- */

/* To the backup. */
typedef ps_feed_send ps_replica_send;

/* Begins log number `log` for server `backup`; it is gone on with where it is there already, and another one is ended. `loaded`: the backup has
 * the same checkpoint loaded, and nothing has happened since. */
void ps_replica_begin(struct ps_shard *shard, uint64_t backup, uint64_t log, bool loaded, ps_replica_send *send, void *ctx);
/* The map is without a backup: what has waited for it is answered. */
void ps_replica_end(struct ps_shard *shard);
/* The shard's state is void: nothing is answered. Both do nothing where there is no log. */
void ps_replica_drop(struct ps_shard *shard);

/* A push that is about to be taken in; its values are its own afterwards. True: it is acknowledged when the backup has it. */
bool ps_replica_push(struct ps_shard *shard, struct ps_request *push);
void ps_replica_fence(struct ps_shard *shard, uint32_t lane, uint64_t lease);
void ps_replica_epoch(struct ps_shard *shard, uint32_t epoch);
/* Rows have gone: of each section's table as many, their ids ascending, section after section. One entry has all that go at a time: who takes over
 * has none of them any more, or all, and then chooses the same ones. */
void ps_replica_evict(struct ps_shard *shard, const struct ps_section *section, uint32_t sections, const uint64_t *id);
/* Whether an entry need not be waited for: the backup has it, or there is none that counts. */
bool ps_replica_covers(const struct ps_shard *shard, uint64_t entry);

/* Makes parts of rows, sends what may be sent. Returns when it wants to be called again at the latest; 0: never. */
double ps_replica_progress(struct ps_shard *shard, double now);
/* REPL_ACK or REFUSE from the backup. */
void ps_replica_take(struct ps_shard *shard, const struct ps_data *data, double now);
/* Seconds for which answers have been waiting for the backup. */
double ps_replica_silence(const struct ps_shard *shard, double now);
/* The log for the backup, 0: there is none. */
uint64_t ps_replica_log(const struct ps_shard *shard);
/* The same where the backup has everything, and nothing is answered without it; otherwise 0. */
uint64_t ps_replica_synced(const struct ps_shard *shard);

/* ---- the backup (backup.c) ---- */

/* Becomes the empty copy of shard `number`, which follows the log that its primary is going to begin by that map. */
void ps_backup_begin(struct ps_shard *shard, uint32_t era, uint32_t epoch, const struct ps_slot_map *map, uint32_t number);
/* Having loaded what the primary has: follows the log that it begins by that map. */
void ps_backup_follow(struct ps_shard *shard, const struct ps_slot_map *map);
/* REPL. An error where the entry cannot be taken in: then this is no copy. */
int ps_backup_take(struct ps_shard *shard, const struct ps_data *data, struct ps_message *message, struct ps_error *err);
/* Confirms what has been taken in since the last time. */
void ps_backup_confirm(struct ps_shard *shard);
/* Becomes the primary, by a map in which it is. */
void ps_backup_promote(struct ps_shard *shard, const struct ps_slot_map *map);

#endif
