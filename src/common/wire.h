/* wire.h - Penstock's messages as C structures, and their packing into frames. The only place that knows protobuf.
 *
 * A message is a header frame and raw frames. Everything that a peer sends is untrusted: unpacking checks the version,
 * every count and every length against limits, and returns an error, never a crash.
 */
#ifndef PS_COMMON_WIRE_H
#define PS_COMMON_WIRE_H

#include "common/base.h"
#include "common/net.h"
#include "common/phases.h"
#include "common/table.h"

enum { PS_WIRE_VERSION = 2, PS_MAX_LANES = 1024, PS_MAX_SHARDS = 256 };

/* Message kinds: the names of docs/protocol.md. Data messages are below PS_CONTROL, control messages above it. */
enum ps_message_kind {
    PS_PULL = 1,
    PS_ROWS = 2,
    PS_PUSH = 3,
    PS_ACK = 4,
    PS_REFUSE = 5,
    PS_SLOTS_PART = 6, /* server -> server: rows with optimiser state that are to be the other's; part `request` of move `lease` */
    PS_SLOTS_ACK = 7, /* back */
    PS_REPL = 8,     /* primary -> backup: entry `request` of the log `lease`, an enum ps_entry in `code` (server/replica.h) */
    PS_REPL_ACK = 9, /* back: all up to `request` are in */

    PS_CONTROL = 32,
    PS_HELLO,        /* member -> coordinator: role, host, endpoint, `first` = a server's home (member.h); to one of a higher term also what it holds: era, map, epoch, lanes */
    PS_WELCOME,      /* back: term, era, map, tables, configuration, `count` = servers.replicas; a worker gets the shards too */
    PS_BEAT,         /* member -> coordinator, every 250 ms, from its own thread: progress */
    PS_BEAT_ACK,     /* back: term, era, map */
    PS_FENCE,        /* coordinator -> server: lanes with their new leases */
    PS_FENCE_ACK,    /* back: lanes with hwm in `position` */
    PS_GRANT,        /* coordinator -> worker: epoch, lanes with leases and positions */
    PS_GRANT_ACK,
    PS_REVOKE,       /* coordinator -> worker: lanes to hand back */
    PS_RETURN,       /* worker -> coordinator: a lane handed back */
    PS_LANE_DONE,    /* worker -> coordinator: a lane whose END every shard has acknowledged; `count` samples are in it, and what
                      * this holder computed is in the progress, as in RETURN */
    PS_LANE_DONE_ACK,
    PS_EPOCH,        /* coordinator -> server: begin training epoch `epoch` */
    PS_EPOCH_ACK,
    PS_ACCOUNT,      /* coordinator -> server: which micro-batches of `epoch`, which is over, have been applied? */
    PS_ACCOUNT_ACK,  /* back: lanes with how many in `position` and their trail in `lease`; `count` repeats dropped */
    PS_CUT_PREPARE,  /* coordinator -> server: cut `first` (its id), `code` = 1 to hold; `text` = folder to write to (empty: no
                        files), `count` = bytes of rows that may be kept, `since` = cut whose rows are not written again */
    PS_CUT_LIMIT,    /* back: lanes with limits */
    PS_CUT_AT,       /* coordinator -> server: lanes with the cut's positions */
    PS_CUT_REACHED,  /* back: lanes that have ended before the cut, `count` = optimiser steps since the run began */
    PS_CUT_DONE,     /* back: files written, with sizes and checksums; lanes that have ended before the cut */
    PS_CUT_ABORT,    /* either way: the cut is over, with `code` and `text` where it has failed */
    PS_RELEASE,
    PS_LOAD,         /* coordinator -> server: a new era and its map, rows from the files in folder `text` (empty: initial values) */
    PS_READY,        /* back: `count` = steps that this shard has given up */
    PS_MOVE,         /* coordinator -> server at hold `first`: send what has changed since copy `since`; the next version of the map is that of it. For a
                      * server that is new: all lanes as they stand (`lease` = 1 where it has ended), `count` as in CUT_REACHED */
    PS_MOVED,        /* back: the others have it; `count` rows were sent in the hold */
    PS_MAP,          /* coordinator -> member: the era and the slot map in force; what is under way under older ones is void, and so is any copy
                      * ahead but `since` */
    PS_MAP_ACK,      /* back; `first` = the map's version */
    PS_EVAL,         /* coordinator -> worker: rank targets [first, first+count) of `split` with model `text`; `code` = 1: with lists */
    PS_EVAL_DONE,    /* back: a frame of ranks, as ps_ranks_pack lays them out */
    PS_STOP,         /* coordinator -> member: end; `code` is the exit code, `text` the reason */
    PS_BYE,          /* member -> coordinator: leaving; `code`, `text` as in STOP */
    PS_LEAVE,        /* worker -> coordinator: it wants to go; repeated until its lanes are taken back and STOP comes */
    PS_ASK,          /* an operator's command -> coordinator: `code` is an enum ps_ask, `text` the token of RUN/keys/token */
    PS_ANSWER,       /* back: `code` 0 or an exit code, `text` what to say */
    PS_SYNCED,       /* server -> coordinator: copy `first` of its shard (a log) has everything, and nothing is acknowledged without it */
    PS_UNSYNCED,     /* server -> coordinator: copy `first` of its shard holds up everything, for `count` ms by now */
    PS_COPY,         /* coordinator -> server: copy `first`, `shards` is what the map is to become; send others what will be theirs, while you work */
    PS_COPIED,       /* back: the others have it, as far as it does not change; `count` rows were sent */
    PS_TRACE,        /* coordinator -> member: trace `first` of `count` micro-batches; `code` = 1: it is over (common/trace.h) */
    PS_TRACED,       /* back: `count` micro-batches are computed; `code` = 1: with a frame of spans */
    PS_CONTROL_END   /* one more than the last */
};

/* What an operator asks for: the status (the answer is JSON, docs/cluster.md), or `count` processes of `role`, or a trace of `count`
 * micro-batches (the answer is "" until it is there, and then JSON). */
enum ps_ask { PS_ASK_STATUS = 1, PS_ASK_SCALE = 2, PS_ASK_TRACE = 3 };

enum ps_refusal { PS_REFUSE_ERA = 1, PS_REFUSE_MAP, PS_REFUSE_FENCED, PS_REFUSE_NOT_YET, PS_REFUSE_TOO_OLD,
                  PS_REFUSE_GAP, PS_REFUSE_BAD, PS_REFUSE_RUN, PS_REFUSE_WHO };

enum { PS_FLAG_EMPTY = 1, PS_FLAG_END = 2, PS_FLAG_READ = 4 };

/* How a frame is coded. Keys: PLAIN, u64 little-endian; or GAPS, the first key as such and then how much larger than the one before
 * each other is, in 1, 2, 4 or 8 bytes, whichever holds them all: the frame's size says which. Values: as named; SHARED ones lie,
 * as plain floats, in memory of the worker's: the frame holds the ticket (common/share.h) for them, in a PULL the one where they
 * are wanted, in ROWS nothing. LZ4 may wrap values that are none of those. */
enum ps_codec {
    PS_CODEC_PLAIN = 0,
    PS_CODEC_FP16 = 1,
    PS_CODEC_BF16 = 2,
    PS_CODEC_SHARED = 3,
    PS_CODEC_GAPS = 4,
    PS_CODEC_LZ4 = 16 /* flag: or-ed */
};

struct ps_section {
    uint32_t table, rows;
    uint32_t key_codec, value_codec;
};

/* Header of a data message. For section s the frames 1+2s (keys) and 2+2s (values, absent in PULL: an empty frame). */
struct ps_data {
    enum ps_message_kind kind;
    uint64_t run, from, to;
    uint32_t era, map, epoch, lane;
    uint64_t lease, position, request;
    uint32_t flags, code;
    uint64_t state, count;
    uint32_t sections;
    struct ps_section section[PS_MAX_TABLES];
};

struct ps_lane_entry {
    uint32_t lane;
    uint64_t lease, position;
};

struct ps_shard_entry {
    uint32_t shard;
    uint64_t incarnation;
    char endpoint[256];
    uint8_t slots[512]; /* bit set */
    uint64_t backup;    /* the server that has a copy, or is getting one; 0: none */
    char backup_endpoint[256];
    uint64_t log; /* the number of its copy: another one each time that one is made */
    bool synced; /* the copy is complete, and the primary acknowledges nothing without it */
};

struct ps_file_entry {
    char name[128];
    uint64_t bytes, checksum;
};

/* What a snapshot cost a server. */
struct ps_cost {
    double pause;    /* seconds: the longest that requests were kept waiting at a time */
    uint64_t memory; /* bytes, beside the rows themselves */
    uint64_t copies; /* rows kept because they changed before they were written */
    uint64_t waits;  /* changes that had to wait for the writer */
};

/* A lane as a server or a worker has it: what it tells a coordinator that has taken over. */
struct ps_held {
    uint32_t lane;
    uint64_t lease, position; /* position: hwm of a shard, next push of a worker */
    bool done;                /* worker: every shard has acknowledged its END; then as in LANE_DONE: */
    uint64_t samples, measured; /* of the whole lane; of them computed by this worker, with this loss */
    double loss;
};

/* What a beat tells of a member. */
struct ps_progress {
    uint64_t samples; /* of this training epoch */
    double loss;      /* summed over them */
    uint64_t turns;   /* of the owner's loop: a process that beats and does not turn is stuck */
    double speed;     /* worker: samples a second while it works; 0: not measured yet */
    uint64_t stale;   /* worker, not in sync: the most steps by which rows that it got in this training epoch were behind */
    uint32_t queue;   /* requests under way (worker), parked (server) */
    uint64_t rows, bytes, refused, strangers;
    uint64_t steps;   /* server: optimiser steps since the run began */
    struct ps_life life; /* server */
    uint64_t memory;  /* bytes resident of its process */
    uint64_t held;    /* server: rows in its memory */
    uint32_t entries; /* worker: the lanes held, with the position that is pushed next */
    struct ps_lane_entry *entry;
    char wait[160]; /* worker: for whom it has been waiting, for what and since when; or "" */
    double phase[PS_PHASES]; /* seconds of the loop's time since it began */
    double task_loss[PS_MAX_TASKS], task_samples; /* worker, since it began: each task's part of the loss, times samples; and these */
};

/* Header of a control message. Arrays and strings are owned by the structure: ps_control_fini frees them. */
struct ps_control {
    enum ps_message_kind kind;
    uint64_t run, from, to;
    uint32_t term, era, map, epoch;
    uint64_t request;
    uint32_t role;
    char *host, *endpoint, *text, *kernel; /* NULL reads as "" */
    uint32_t pid;
    uint64_t seed;
    uint32_t lanes, slots, mode, shard, code;
    uint64_t first, count;
    uint32_t split;
    uint32_t lane_count;
    struct ps_lane_entry *lane;
    uint32_t table_count;
    struct ps_table_spec *table;
    struct ps_optimizer_spec optimizer;
    uint32_t shard_count;
    struct ps_shard_entry *shards;
    uint32_t file_count;
    struct ps_file_entry *file;
    struct ps_progress progress;
    uint64_t since;
    uint64_t memory;     /* WELCOME */
    struct ps_life life; /* ACCOUNT_ACK */
    struct ps_cost cost;
    double clock;        /* BEAT_ACK: the coordinator's, as ps_now has it */
    uint32_t held_count; /* HELLO */
    struct ps_held *held;
};

enum ps_role { PS_ROLE_COORDINATOR = 1, PS_ROLE_SERVER = 2, PS_ROLE_WORKER = 3 };

/* One ranked target, as it travels in the frame behind EVAL_DONE: exact integer counts over the candidates. */
struct ps_rank {
    uint32_t greater;    /* candidates with a higher score than the target */
    uint32_t equal;      /* other candidates with the same score */
    uint32_t candidates; /* the target included */
    uint32_t seen;       /* bit b: the pair is in training behaviour b */
    uint32_t user;
    uint32_t history;    /* items that the user has in training under the target behaviour */
};

/* Packs a header into frame 0 of the message (the message must be empty or have frame 0 unset). */
void ps_data_pack(const struct ps_data *data, struct ps_frame *frame);
void ps_control_pack(const struct ps_control *control, struct ps_frame *frame);

/* Unpacks and checks a header. ps_message_kind_of peeks at the kind: 0 where the frame is no header of ours.
 * ps_data_unpack also checks that the message has 1 + 2 * sections frames. Returns 0 or a negative code. */
int ps_data_unpack(const struct ps_message *message, struct ps_data *data, struct ps_error *err);
int ps_control_unpack(const struct ps_message *message, struct ps_control *control, struct ps_error *err);
void ps_control_fini(struct ps_control *control);

/* Bulk frames. Encoding values returns the codec really used: LZ4 is dropped where it does not shrink the frame by an eighth.
 * Decoding checks sizes; keys (at least one) must be strictly ascending. Plain frames are not copied: *keys (or *values) points into the
 * frame where it is suitably aligned, otherwise into `scratch` (grown as needed, owned by the caller). */
struct ps_buffer {
    void *data;
    size_t capacity;
};
void ps_buffer_fini(struct ps_buffer *buffer);
void *ps_buffer_need(struct ps_buffer *buffer, size_t size);

void ps_keys_encode(const uint64_t *keys, uint32_t count, uint32_t codec, struct ps_frame *frame);
int ps_keys_decode(const struct ps_frame *frame, uint32_t count, uint32_t codec, struct ps_buffer *scratch,
                   const uint64_t **keys, struct ps_error *err);
uint32_t ps_values_encode(const float *values, size_t count, uint32_t codec, struct ps_frame *frame);
int ps_values_decode(const struct ps_frame *frame, size_t count, uint32_t codec, struct ps_buffer *scratch,
                     const float **values, struct ps_error *err);

#endif
