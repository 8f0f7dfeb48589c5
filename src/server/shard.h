/* shard.h - a shard: the rows of a set of slots, the marks of every lane, and the rules by which requests change them.
 *
 * This is docs/protocol.md as code, without any network: requests come in through ps_shard_take, control messages
 * through the functions below, answers go out through a callback. One thread owns a shard. The parts:
 * - shard.c: a shard's life: set up, loaded, through fences and epochs
 * - admit.c: who may ask for what now: names, refusals, pulls, pushes
 * - request.c: checks of keys and values
 * - commit.c: gradients land in rows: at once (async, bounded), or folded in lane order and committed (sync)
 * - cut.c: one consistent cut over all shards
 * - living.c (living.h): rows that are made and go with the ids that are seen
 * - account.c: which micro-batches have landed
 * - replica.c, backup.c (replica.h): its copy on another server
 */
#ifndef PS_SERVER_SHARD_H
#define PS_SERVER_SHARD_H

#include "common/account.h"
#include "common/config.h"
#include "common/phases.h"
#include "common/slots.h"
#include "common/wire.h"
#include "server/checkpoint.h"
#include "server/optimizer.h"
#include "server/request.h"
#include "server/rows.h"
#include "server/snapshot.h"

enum {
    PS_DEPTH = 4,     /* positions of one lane that a shard keeps at a time; a live lane needs two */
    PS_CUT_SLACK = 2, /* sync: steps that go on while a cut's positions are agreed on */
};
static const uint64_t PS_NO_LIMIT = UINT64_MAX;

struct ps_lane_state {
    uint64_t lease, hwm; /* hwm: next position wanted; behind its END one more than the END's */
    uint64_t limit;      /* pushes from here on wait for a cut */
    bool ended;
    uint64_t entry;            /* of the log: the last one about this lane */
    struct ps_account account; /* what has landed in the rows */
    struct ps_request *staged[PS_DEPTH]; /* sync: pushes of positions v ..., at position % PS_DEPTH. Owned */
    struct ps_request *pull[PS_DEPTH];   /* parked pulls, at position % PS_DEPTH. Owned */
    struct ps_request *held;             /* a push at or beyond the limit: not acknowledged. Owned */
};

enum ps_cut_state { PS_CUT_NONE, PS_CUT_LIMITED, PS_CUT_AGREED, PS_CUT_AT_REACHED };

struct ps_cut {
    enum ps_cut_state state;
    uint64_t id, refused; /* cuts up to `refused` are over */
    bool hold;
    double deadline; /* LIMITED: dropped at this time unless CUT_AT has come */
    double held;     /* when the first push was held, or 0 */
};

/* A backup: the log that it follows, whose that is, and how far. */
struct ps_follows {
    uint64_t log, from, next; /* next: the entry wanted; 0: its beginning */
    bool owes;                /* a confirmation */
};

struct ps_shard_counters {
    uint64_t pulled, pushed;                /* rows */
    uint64_t requests, repeats, not_finite; /* messages */
    uint64_t epoch_repeats;                 /* of this training epoch */
    uint64_t refused[PS_REFUSE_WHO + 1];    /* by code */
    uint64_t admitted, evicted;             /* rows of ids that come and go, of this training epoch */
};

/* Takes over the message, whose frame 0 is empty and waits for `data`. Not delivered = lost: the peer asks again. */
typedef void ps_shard_send(void *ctx, uint64_t to, struct ps_data *data, struct ps_message *message);

struct ps_shard {
    uint64_t run, incarnation, seed;
    uint32_t number, mode; /* enum ps_consistency: 0 async, 1 sync, 2 + s bounded */
    uint32_t era, map, epoch, lanes, tables;
    bool loaded; /* the era's state is here */
    bool retain; /* keep the state before the last commit: not needed by the only shard */
    bool owns[PS_SLOTS];
    struct ps_table_spec spec[PS_MAX_TABLES];
    struct ps_optimizer_spec optimizer;
    uint64_t row_memory;                /* bytes that rows of ids that come and go may take; 0: any */
    struct ps_rows rows[PS_MAX_TABLES]; /* value and optimiser state */
    struct ps_rows sum[PS_MAX_TABLES];  /* gradients of the step being folded */
    struct ps_rows kept[PS_MAX_TABLES]; /* retained set: values before the last commit of the rows it changed */
    struct ps_lane_state *lane;         /* owned */
    uint64_t v;                         /* sync: committed steps of this epoch */
    uint64_t steps;                     /* optimiser steps since the run began */
    uint32_t folded;                    /* sync: lanes whose part of step v is in `sum`, or who have none */
    bool contributed;                   /* one of them had a part */
    uint32_t parked;                    /* pulls */
    struct ps_cut cut;
    struct ps_snapshot *snapshot; /* owned: being written, or NULL */
    double pause;                 /* seconds: the longest that this cut has kept a request waiting */
    uint8_t clock;                /* of the rows' stamps */
    uint32_t clocks;              /* how often that has begun anew: earlier stamps then say nothing */
    uint64_t cut_of[UINT8_MAX + 1]; /* the cut with which the clock came to this; 0: none */
    bool backup; /* a copy: its primary's log changes it, and nothing else; it answers no worker */
    struct ps_follows follows;
    struct ps_replica *replica; /* owned: of a primary with a backup, or NULL */
    uint64_t entries, epoch_entry; /* of all its logs so far; the one of this epoch's beginning */
    struct ps_shard_counters counters;
    struct ps_phase_clock phases;
    struct ps_request *free_requests; /* owned */
    bool far;                         /* requests come over a network: none of them may name memory of this host */
    struct ps_shares *shares;         /* owned: memory of workers on this host; NULL before the first */
    float *scratch;                   /* owned: PS_ROWS_BATCH rows of the widest table */
    struct ps_buffer encode;          /* values on their way into a codec */
    ps_shard_send *send;
    void *ctx; /* borrowed */
};

/* Sets a shard up from a WELCOME (run, seed, map, shards, shard, mode, lanes, slots, tables, optimizer), all of which
 * is checked. It refuses everything until ps_shard_load. */
int ps_shard_init(struct ps_shard *shard, const struct ps_control *welcome, uint64_t incarnation, ps_shard_send *send,
                  void *ctx, struct ps_error *err);
void ps_shard_fini(struct ps_shard *shard);

/* Takes the map of an era to be loaded: the shard's number in it and the slots that it owns from now on (PS_NO_SHARD: none). */
void ps_shard_map(struct ps_shard *shard, const struct ps_slot_map *map, uint32_t number);

/* A new era: drops all rows and requests (parked ones are refused), then takes the state of the checkpoint in `folder`,
 * or initial rows and training epoch `epoch` where folder is "". Leases come from `lane` (lanes not named have lease
 * 0). An era that is loaded already is left alone. On an error the shard is as before ps_shard_load, but not loaded. */
int ps_shard_load(struct ps_shard *shard, uint32_t era, uint32_t epoch, const char *folder,
                  const struct ps_lane_entry *lane, uint32_t lanes, struct ps_error *err);

/* A server without slots takes part in a move: state without rows, all lanes as they stand at the hold. */
void ps_shard_adopt(struct ps_shard *shard, uint32_t era, uint32_t epoch, uint32_t map, uint64_t steps,
                    const struct ps_lane_entry *lane, uint32_t lanes);
/* The next map, at a hold: rows of slots that are others' now are dropped, as is what the retained set and parked requests were
 * for, and `arrived` (by table) are taken over; the hold is over. */
void ps_shard_move(struct ps_shard *shard, const struct ps_slot_map *map, uint32_t number, struct ps_rows *arrived);

/* A PULL or PUSH; the message's frames are taken over. */
void ps_shard_take(struct ps_shard *shard, const struct ps_data *data, struct ps_message *message);

/* FENCE: the lane's lease becomes `lease` if that is higher; its parked requests are refused. *hwm is the answer. 0, or
 * a negative code where there is no such lane. */
int ps_shard_fence(struct ps_shard *shard, uint32_t lane, uint64_t lease, uint64_t *hwm);
/* EPOCH: begins it where every lane has ended the one before (or none has begun). True: the shard is in `epoch`. */
bool ps_shard_epoch(struct ps_shard *shard, uint32_t epoch);
/* Every lane has ended. */
bool ps_shard_closed(const struct ps_shard *shard);
/* ACCOUNT: which micro-batches of a closed epoch have landed, into entry[lanes]: `position` tells how many, `lease` the trail
 * (common/account.h). False: the shard is not at the end of that epoch. */
bool ps_shard_account(const struct ps_shard *shard, uint32_t epoch, struct ps_lane_entry *entry);
/* min of hwm over lanes that have not ended; PS_NO_LIMIT where all have. */
uint64_t ps_shard_low(const struct ps_shard *shard);

/* CUT_PREPARE: sets and tells the limits (limit[lanes]). False: this cut is over already. */
bool ps_shard_cut_prepare(struct ps_shard *shard, uint64_t id, bool hold, double now, uint64_t *limit);
/* CUT_AT: the positions agreed on. False: not this cut. */
bool ps_shard_cut_at(struct ps_shard *shard, uint64_t id, const uint64_t *position);
/* Whether the state is exactly the cut (asked after every message); it stays so until ps_shard_cut_end. */
bool ps_shard_cut_reached(struct ps_shard *shard);
/* Takes the snapshot of a cut that has been reached, and begins to write it into `folder` (snapshot.h): the rows that have changed
 * since the cut `since`, or all where that is 0 or not known here. Without hold the limits fall. */
void ps_shard_cut_write(struct ps_shard *shard, const struct ps_folder *folder, uint64_t since, uint64_t memory);
/* Moves the clock on: rows that change from here on have this stamp or a later one, and others too while a snapshot is being written. Stamps
 * are compared within one clock only: shard->clocks tells when it has begun anew. */
uint8_t ps_shard_stamp(struct ps_shard *shard);
/* What came of it, when ps_snapshot_ready says so: the file and what it cost, or an error. */
int ps_shard_cut_written(struct ps_shard *shard, struct ps_file_entry *file, struct ps_cost *cost, struct ps_error *err);
/* Nothing is written for this cut; without hold the limits fall. */
void ps_shard_cut_taken(struct ps_shard *shard);
/* RELEASE, and CUT_ABORT: the limits fall, the cut is over and refused from now on. Other cuts are left alone. */
void ps_shard_cut_end(struct ps_shard *shard, uint64_t id);
/* Gives up the snapshot that is being written, if there is one: after CUT_ABORT, before rows are taken away. */
void ps_shard_cut_cancel(struct ps_shard *shard);
/* Drops a cut whose CUT_AT is overdue. Returns the time of the next such moment, or 0. */
double ps_shard_tick(struct ps_shard *shard, double now);

/* What a checkpoint says about this shard's state. `since` is 0. marks->lane is the caller's to free. */
void ps_shard_marks(const struct ps_shard *shard, uint64_t cut, struct ps_marks *marks);

/* Whether FENCE and EPOCH may be answered: the backup, if there is one, has what they have changed. */
bool ps_shard_fence_holds(const struct ps_shard *shard, uint32_t lane);
bool ps_shard_epoch_holds(const struct ps_shard *shard);

/* ---- between the parts ---- */

/* shard.c: no rows, no requests, no leases, no copy: the beginning of an era, or of a copy. */
void ps_shard_forget(struct ps_shard *shard, uint32_t era, uint32_t epoch);
/* admit.c: raises the lane's mark for a push whose turn it is, and which is going to be taken (ps_commit_take). */
void ps_shard_mark(struct ps_shard *shard, const struct ps_data *push);
/* admit.c: answers ACK to the push of that name. */
void ps_shard_acknowledge(struct ps_shard *shard, const struct ps_data *name);
/* commit.c: no part of a step is waiting for the others. */
bool ps_commit_between(const struct ps_shard *shard);

/* commit.c: a push of an accepted position; drops the request now or when its step is committed. */
void ps_commit_take(struct ps_shard *shard, struct ps_request *push);
/* commit.c: the rows of n <= PS_ROWS_BATCH keys, made where they are absent; they are about to be changed. */
void ps_commit_make(struct ps_shard *shard, uint32_t table, const uint64_t *key, uint32_t n, float **row);
/* commit.c: values of rows into out[n * width]: in state v; in state v - 1, which not in sync says only that rows that are assigned are wanted as they
 * were before the last push; or as those who rank want them: in state v, and 0 where an id that comes and goes has no row. */
enum ps_state_of { PS_STATE_NOW, PS_STATE_BEFORE, PS_STATE_READ };
void ps_commit_read(struct ps_shard *shard, uint32_t table, const uint64_t *key, uint32_t n, enum ps_state_of of, float *out);
/* commit.c: makes all rows of the shard's slots, where the optimiser moves rows that nobody has touched. */
void ps_commit_begin(struct ps_shard *shard);
void ps_commit_reset(struct ps_shard *shard); /* forgets the fold and the retained set */
/* account.c: begins the account at the marks, whose state has just been made or loaded. */
void ps_shard_account_begin(struct ps_shard *shard);
/* admit.c: answers REFUSE, and counts it; `state` is what the code carries. */
void ps_shard_refuse(struct ps_shard *shard, const struct ps_data *data, enum ps_refusal code, uint64_t state);
/* admit.c: takes held pushes that the limits now allow. */
void ps_shard_take_held(struct ps_shard *shard);
/* admit.c: answers parked pulls whose state has come. */
void ps_shard_release(struct ps_shard *shard);

#endif
