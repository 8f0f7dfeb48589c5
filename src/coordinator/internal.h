/* internal.h - the coordinator's state, shared by the files of this folder only. */
#ifndef PS_COORDINATOR_INTERNAL_H
#define PS_COORDINATOR_INTERNAL_H

#include "common/account.h"
#include "common/manifest.h"
#include "common/progress.h"
#include "common/slots.h"
#include "coordinator/coordinator.h"

/* Timings of docs/protocol.md, in seconds. */
#define PS_ASK_AGAIN 0.5    /* an unanswered message */
#define PS_STATE_EVERY 1.0  /* looking for the record of a coordinator that has taken over */
#define PS_RETURN_WITHIN 1.0 /* of a revoked lane; then it is fenced all the same */

/* What a function here returns, beside 0 and negative codes, where a server was lost: all state that the servers hold is void,
 * and the caller unwinds to the one that can call ps_recover. No error is filled in. */
#define PS_ROLL_BACK 1

struct ps_member {
    uint64_t incarnation;
    enum ps_role role;
    char host[64], endpoint[256];
    uint32_t pid, shard; /* shard: of a server; PS_NO_SHARD while it has no slots */
    uint64_t home;     /* of a server: the first one of its process, which may be itself; a worker is its own */
    uint64_t copied;   /* of a primary: the log of the copy that has everything, by its word; 0: none */
    uint64_t missed;   /* of a primary: the log of the copy that does not answer it */
    bool alive, welcomed;
    bool awaited; /* a server of the record that has not spoken to this coordinator yet */
    bool left; /* it said goodbye: a beat that arrives late does not bring it back */
    bool leaving;    /* a worker that wants to go, or has to */
    double released; /* leaving: when it was last told that it may go */
    double joined;   /* when it came, or came back */
    bool worked;     /* its first push since then has been seen */
    bool beats;         /* one has come */
    double last_beat, gap; /* gap: the longest between beats of late, fading away */
    double turned;      /* when its loop was last seen to have gone round */
    uint64_t beat_route; /* the routing id of its beats */
    bool nudged;        /* silent: it was sent a message */
    int connection;     /* of its beats, before the first one of its HELLO; -1: not known, or gone */
    double cut_off;     /* when that connection ended; 0: it has not, or another one is there */
    bool stuck;         /* taken for dead because it stood still, and still does */
    bool takes_part;    /* a server without slots that is asked too: it is new, or leaves */
    uint64_t copied_ahead; /* the last copy of which it has told that it is done */
    struct ps_progress progress; /* entry is always NULL here */
    struct ps_sums {
        double phase[PS_PHASES], task_loss[PS_MAX_TASKS], task_samples;
    } sums, sums_from; /* the highest that it has told; those with which the epoch began */
    bool sums_begun;  /* it has been given lanes in this epoch: what it did before is not part of that */
    uint64_t map_known, map_sent; /* era << 32 | map that it has acknowledged, that it was told last */
    double map_sent_at;
    bool answered;               /* the question of the current phase */
    uint64_t task;               /* evaluation: 1 + the task it works on, or 0 */
    double task_since;
    double rate, rate_at; /* samples (worker) or rows (server) a second, and when that was last measured */
    uint64_t rate_from;
    double busy, work_from, time_from; /* share of the time that was work, over the same seconds */
    uint32_t load;    /* lanes held, and what is left of them in samples: by ps_balance_measure */
    double remaining;
};

enum ps_lane_state { PS_LANE_FREE, PS_LANE_FENCING, PS_LANE_GRANTED, PS_LANE_FINISHED };

struct ps_lane_record {
    enum ps_lane_state state;
    uint64_t lease, position; /* position: min hwm over the shards that have answered the fence */
    struct ps_member *holder;
    bool granted; /* GRANT acknowledged */
    double revoked;   /* GRANTED: when it was asked back; 0: it was not */
    double moved;     /* when it was last taken for another worker */
    double unnamed;   /* GRANTED: since when its holder's beats do not name it; 0: they do */
    uint64_t reached; /* next position to be pushed, by the holder's last beat */
    struct {          /* the last hand-over, until the new holder's first push is seen */
        const char *why; /* NULL: there is none */
        double since;
        uint32_t from; /* process */
    } handover;
    uint8_t fenced[PS_MAX_SHARDS];
    uint32_t fenced_count;
    uint64_t samples;  /* of the whole lane, once it is FINISHED */
    uint64_t measured; /* samples whose loss is in `loss`: a dead holder's are missing */
    double loss;
    struct ps_account want; /* at the end of the epoch */
    uint64_t lost, twice;   /* micro-batches, on the server where it is worst */
};

/* How far the script is (train.c), as the records tell it: of training epoch `epoch`, and of the run. */
enum ps_stage {
    PS_STAGE_BETWEEN,   /* the epoch is complete, with its checkpoint; the next one has not begun */
    PS_STAGE_TRAINING,  /* it has begun: EPOCH may have been told */
    PS_STAGE_TRAINED,   /* all lanes have ended, its statistics are in */
    PS_STAGE_VALIDATED, /* its validation is in */
    PS_STAGE_REPORTING, /* training is over */
    PS_STAGE_ENDED      /* STOP may have been told */
};

/* Servers that were lost since everybody was at work. */
struct ps_loss {
    int servers;
    const char *doing; /* that the first one was lost in */
    double since;
    uint64_t steps; /* that a surviving shard had to give up */
};

enum ps_cut_phase { PS_CUT_IDLE, PS_CUT_LIMITS, PS_CUT_FILES };

/* The cut under way (cut.c), and what is known of the last one. */
struct ps_cutting {
    enum ps_cut_phase phase;
    bool best;                           /* it is of the best epoch so far */
    bool dropped;                        /* a server has given it up: it is asked for anew */
    int attempts;
    double begun, since, asked;          /* the cut, its phase, the last question */
    uint8_t answered[PS_MAX_SHARDS], reached[PS_MAX_SHARDS];
    struct ps_lane_entry *limit;         /* owned: by lane; in FILES the cut */
    struct ps_manifest manifest;         /* tables are borrowed, the rest is owned */
    char name[64], *folder;              /* owned */
    uint64_t written;                    /* bytes of all checkpoints of this process's time */
    struct ps_cost cost;
    struct ps_error failure;             /* code 0: none */
    uint64_t last_steps;                 /* optimiser steps when it was begun */
    struct ps_error last_failure;        /* of the last cut; code 0: it has become a checkpoint */
    struct ps_training training;         /* what it had come to when it was begun */
    char parent[64];                     /* what the next one may build upon; "": nothing */
    uint64_t parent_cut;
    int chain;                           /* how many checkpoints it is, the full one at its beginning included */
    uint64_t pending;                    /* taken over: the number of a cut whose files the servers have been told to write; or 0 */
    double saved_best;                   /* the best one that is on the disk */
    uint32_t saved_best_epoch;
};

struct ps_stock;
struct ps_tracing;
/* Slots that are to move, or are moving (move.c). */
struct ps_moving {
    uint64_t copy;            /* rows are being copied ahead: the number of that; 0: none are */
    struct ps_slot_map *next; /* owned: what the map is to become; NULL before the first copy */
    double begun, asked;      /* the copy, its last question */
    uint64_t id;                /* of the hold; 0: none is under way */
    struct ps_lane_entry *lane; /* owned, by lane: limits, then how they stand at the hold */
    uint64_t steps;             /* of the optimiser, there */
    uint64_t ahead, rest;       /* rows sent before the hold, and in it */
    bool failed;                /* a server was lost, or the hold was given up */
    double again;               /* not before */
};

struct ps_coordinator {
    struct ps_coordinator_options options;
    const struct ps_config *config;
    struct ps_socket *socket, *monitor;
    char endpoint[256];
    uint64_t incarnation, run, lease_counter;
    uint32_t term, era, epoch;
    struct ps_slot_map map;
    struct ps_member **member; /* owned; never moved, so that lanes may point at them */
    int members, member_capacity;
    struct ps_lane_record *lane;
    uint32_t lanes;
    double pumped; /* when messages were last taken in */
    double look_at; /* when to look for dead members again */
    uint64_t staleness; /* of this epoch, as its workers tell with their lanes */
    double lanes_asked; /* when FENCE, GRANT and REVOKE were last sent to all who owe an answer */
    double mean_speed;  /* of the workers that have measured theirs; 0: none has */
    double uneven_since, alone_since; /* seconds of ps_now; 0: the load is even, there are workers */

    const char *doing;    /* what is being done, for messages: "training", "checkpoint", ... */
    bool server_lost;     /* not yet recovered from */
    bool recovering;      /* in ps_recover: whoever is lost, it goes round again */
    bool one_host_told;   /* that replicas are on the host of what they are copies of */
    int without_replica;  /* shards, when that was last said */
    struct ps_loss loss;
    char *unfinished;     /* owned: folder of a cut that was dropped, or NULL */

    /* The question of the current phase: which answer, and what it must carry. */
    enum ps_message_kind expected;
    uint64_t expected_number;
    char waits[160];    /* for whom the coordinator waits, for what and since when, where that takes long; "" */

    uint64_t cut; /* number of the last one */
    struct ps_cutting cutting;
    struct ps_manifest_lane *resumed; /* owned: lanes of a cut within the epoch that is gone on with; NULL: none */

    struct ps_moving moving;
    bool lanes_live; /* an epoch's lanes are at work, and looked after while servers are asked */

    /* The evaluation under way, and its number. */
    uint64_t evaluation;
    struct ps_ranks ranks;
    int ranks_k; /* number of K of the lists that are looked at; 0: none */
    uint64_t task_size, tasks, tasks_done;
    uint8_t *task_state; /* 0 open, 1 given, 2 done */

    struct ps_accounts account;  /* of the epoch under way */
    struct ps_life life;         /* at its end, over all servers */
    enum ps_stage stage;
    char *base;             /* owned: folder of the checkpoint that a rollback goes back to; NULL: the initial state */
    double epoch_begun;     /* by the wall clock, which outlives a process */
    double epoch_before;    /* seconds of the epoch under a coordinator before this one */
    struct ps_tracing *tracing; /* owned: the last trace that was asked for, or NULL */
    struct ps_stock *stock; /* owned: while members are asked what they hold; otherwise NULL */
    struct ps_error end;    /* PS_STAGE_ENDED: with what code and why */
    uint64_t state_number;  /* of the last record */
    double state_checked;   /* when ps_state_check was last asked */
    double refused_told;
    double figures_at, figures_seconds; /* when they were last put out, and what that has taken of a processor so far */
    uint64_t refused;      /* messages that are none, questions without the token */
    uint64_t strangers;    /* that the log has been told of, these among them */
    double strangers_told; /* when */

    struct ps_training training; /* also what a resumed run goes on with */
    char epoch_line[192];        /* what is printed of the epoch once it is validated */
    double told_at;              /* when the log was last told how far the epoch is, and that; 0: not yet */
    uint64_t told_samples;
    double last_value;           /* of the last validation */
    uint32_t stale;              /* validations without progress */
    bool stopping;               /* a BYE is welcome, silence is no failure */
    struct ps_error failure;     /* set by a handler: the run cannot go on */
};

enum { PS_STATE_PATH = 4096 };

/* The mean loss of the epoch under way, by the workers' last beats. */
double ps_coordinator_loss(const struct ps_coordinator *c);
const char *ps_stage_name(const struct ps_coordinator *c);
/* state.c: records. All do nothing where options.state is NULL. */
/* Reads the last record into the coordinator (everything for a takeover, otherwise what must not come again: run, term, era) and
 * writes the first record of the next term: from here on none of an older term can come into being. */
int ps_state_open(struct ps_coordinator *c, struct ps_error *err);
/* Writes all that is decided as the next record: before it is announced. PS_EXIT_SUPERSEDED where somebody else has. */
int ps_state_write(struct ps_coordinator *c, struct ps_error *err);
/* PS_EXIT_SUPERSEDED where there is a record that is not ours. */
int ps_state_check(struct ps_coordinator *c, struct ps_error *err);

/* stock.c: a coordinator that takes over. */
/* Waits for what the members hold, finishes what the last record decided. Returns 1 where the run had ended: how is in `err`. */
int ps_stock_open(struct ps_coordinator *c, struct ps_error *err);
/* What a HELLO says, while it is waited for. */
void ps_stock_take(struct ps_coordinator *c, struct ps_member *member, const struct ps_control *hello);
/* A worker has handed a lane back that its HELLO told of: it is granted anew. */
void ps_stock_returned(struct ps_coordinator *c, const struct ps_member *worker, const struct ps_lane_entry *entry);
/* In an epoch that goes on: lanes stay with the workers that have their newest lease, and what has ended has ended. */
void ps_stock_lanes(struct ps_coordinator *c);
void ps_stock_close(struct ps_coordinator *c);
/* The shards have other primaries: no lane stays with its worker. */
void ps_stock_unsettle(struct ps_coordinator *c);

/* cut.c: goes on with the cut that a coordinator before this one had begun (cutting.pending, best and training, by the record): the
 * servers' snapshots are taken, and nobody can take them again. */
void ps_cut_resume(struct ps_coordinator *c);

/* members.c */
/* Seconds to wait for members that send beats but do not what they are waited for: loading and writing take their time. */
double ps_patience(const struct ps_coordinator *c);
int ps_members_wait(struct ps_coordinator *c, struct ps_error *err);
struct ps_member *ps_member_find(const struct ps_coordinator *c, uint64_t incarnation);
int ps_members_count(const struct ps_coordinator *c, enum ps_role role);
/* False: it could not be sent now (the member is reconnecting), and is lost. */
bool ps_send_control(struct ps_coordinator *c, struct ps_member *member, struct ps_control *control);
/* To somebody who is no member. */
bool ps_send_to(struct ps_coordinator *c, uint64_t routing_id, uint64_t to, struct ps_control *control);
const char *ps_role_name(enum ps_role role);
/* Takes in messages for at most `timeout` seconds and looks after dead members; an error where the run cannot go on,
 * PS_ROLL_BACK where the servers' state is lost. */
int ps_pump(struct ps_coordinator *c, double timeout, struct ps_error *err);

/* ask.c */
/* Sends `question` to every primary, LOAD to backups too, with replicas MAP to every server, until each has answered `answer` (number:
 * what FIRST, EPOCH or ERA must equal). */
int ps_ask_servers(struct ps_coordinator *c, struct ps_control *question, enum ps_message_kind answer, uint64_t number,
                   const char *what, struct ps_error *err);

/* map.c */
/* Deals the slots out to the live servers, where they are not those of the map already. */
void ps_map_deal(struct ps_coordinator *c);
/* Whether the member is a worker that may be given work: alive, and told of the map in force. */
bool ps_map_known(const struct ps_coordinator *c, const struct ps_member *member);
void ps_map_handle(struct ps_coordinator *c, struct ps_member *member, const struct ps_control *message);
void ps_map_tick(struct ps_coordinator *c);

/* move.c */
/* Moves slots, where there are servers without any or some that want to go: asked again and again while an epoch's lanes are at work or have
 * ended. *moved: the map is another one. What fails before that is decided is logged, and tried again later. */
int ps_move_go_on(struct ps_coordinator *c, bool *moved, struct ps_error *err);
/* Whether the server is to have slots that are being copied ahead. */
bool ps_move_takes(const struct ps_coordinator *c, const struct ps_member *server);
/* Tells all servers the map in force, by which a move that is under way is done or void. */
int ps_move_settle(struct ps_coordinator *c, struct ps_error *err);
void ps_move_handle(struct ps_coordinator *c, struct ps_member *server, const struct ps_control *message);
void ps_move_lost(struct ps_coordinator *c, struct ps_member *server);

/* recover.c */
/* The checkpoint (NULL: initial values) that ps_recover loads from now on. */
void ps_recover_from(struct ps_coordinator *c, const char *folder);
/* A new era with the state of that checkpoint: at the start, and after every PS_ROLL_BACK. */
int ps_recover(struct ps_coordinator *c, struct ps_error *err);
/* Tells every server to load the era's rows (c->base), which is recorded already. Asked again it changes nothing. */
int ps_era_begin(struct ps_coordinator *c, struct ps_error *err);
void ps_server_lost(struct ps_coordinator *c, const struct ps_member *server, uint32_t shard, const char *why);

/* replicas.c */
/* The shard of which the server is the backup, or is becoming it; or PS_NO_SHARD. */
uint32_t ps_replicas_copy(const struct ps_coordinator *c, const struct ps_member *member);
/* A new era: backups for all shards of the map, who load what the primaries load. */
void ps_replicas_deal(struct ps_coordinator *c);
/* Until every server process has taken its seats for copies, or cluster.start_timeout is over. */
int ps_replicas_wait(struct ps_coordinator *c, struct ps_error *err);
/* Whether the lost server's shard goes on with its backup, which ps_replicas_tick sees to. */
bool ps_replicas_save(struct ps_coordinator *c, const struct ps_member *server, const char *why);
/* SYNCED, UNSYNCED. */
void ps_replicas_handle(struct ps_coordinator *c, struct ps_member *server, const struct ps_control *message);
/* Revises the map after what has happened, and records it. */
int ps_replicas_tick(struct ps_coordinator *c, struct ps_error *err);
/* The shard without a backup. */
void ps_replicas_forget(struct ps_shard_entry *entry);
/* detect.c */
/* A HELLO has come; `joins`: from one that holds nothing yet. */
void ps_detect_hello(struct ps_member *member, bool joins, int connection);
/* A beat has come: before m->progress becomes the beat's. */
void ps_detect_beat(struct ps_member *member, const struct ps_progress *progress, uint64_t routing_id, int connection);
/* Takes in which connections have ended: before the messages that have come. */
void ps_detect_lost_connections(struct ps_coordinator *c);
/* Calls `lose` for every member that is dead by now. Returns when to look again at the latest. */
typedef void ps_detect_lose(struct ps_coordinator *c, struct ps_member *member, const char *why);
double ps_detect_dead(struct ps_coordinator *c, ps_detect_lose *lose);
/* Seconds without a beat after which the member is dead. */
double ps_detect_patience(const struct ps_coordinator *c, const struct ps_member *member);

/* lanes.c */
/* Whether the worker holds a lane that is not finished. */
bool ps_lanes_held(const struct ps_coordinator *c, const struct ps_member *worker);
void ps_lanes_begin(struct ps_coordinator *c);
/* The servers are others (`why`: "moved", "promoted"): lanes that go on are fenced and granted anew. */
void ps_lanes_again(struct ps_coordinator *c, const char *why);
void ps_lanes_member_lost(struct ps_coordinator *c, struct ps_member *member);
void ps_lanes_handle(struct ps_coordinator *c, struct ps_member *member, const struct ps_control *message);
/* A beat's lanes: how far the holder is. */
void ps_lanes_beat(struct ps_coordinator *c, struct ps_member *worker, const struct ps_progress *progress);
void ps_lanes_tick(struct ps_coordinator *c);
uint32_t ps_lanes_finished(const struct ps_coordinator *c);
/* Samples of the epoch so far: of finished lanes exactly, of the others about, by their positions. */
uint64_t ps_lanes_samples(const struct ps_coordinator *c);

/* account.c */
/* Checks that every server has applied every micro-batch of the epoch that is over exactly once, and logs it. */
int ps_account_check(struct ps_coordinator *c, struct ps_error *err);
void ps_account_handle(struct ps_coordinator *c, struct ps_member *server, const struct ps_control *message);

/* sums.c */
/* What a member tells as sums, in any message. */
void ps_sums_take(const struct ps_coordinator *c, struct ps_member *member, const struct ps_control *message);
/* An epoch begins; what its sums come to, for the log and TensorBoard. */
void ps_sums_begin(struct ps_coordinator *c);
void ps_sums_tell(const struct ps_coordinator *c);

/* tell.c */
/* Within an epoch, now and then, how far it is; its end; its validation. */
struct ps_quality;
void ps_tell_progress(struct ps_coordinator *c, uint64_t samples, double loss);
void ps_tell_epoch(struct ps_coordinator *c, uint64_t samples, double loss, double seconds);
void ps_tell_validation(struct ps_coordinator *c, const struct ps_quality *quality, double value, bool best);

/* strangers.c */
/* A message was refused. The log has the reason, at most once a second. */
void ps_strangers_refuse(struct ps_coordinator *c, const char *why);
/* Tells the log how much was refused, if that is news and the last word of it is `after` seconds old. */
void ps_strangers_tell(struct ps_coordinator *c, double after);

/* balance.c */
/* Sums up load and remaining samples of all workers: before the two below are asked. */
void ps_balance_measure(struct ps_coordinator *c);
/* Who is to hold a lane, and has it counted as his; NULL where there is no worker. */
struct ps_member *ps_balance_choose(struct ps_coordinator *c, struct ps_lane_record *lane);
/* A lane to be taken from its holder because another one will end it earlier; NULL where the load is even. */
struct ps_lane_record *ps_balance_take(struct ps_coordinator *c, double now);

/* Seconds that the worker needs for its lanes and for `more` samples, by ps_balance_measure. */
double ps_balance_seconds(const struct ps_coordinator *c, const struct ps_member *worker, double more);

/* operator.c */
/* What an operator's command asks for, in ASK; its answer. */
void ps_operator_handle(struct ps_coordinator *c, uint64_t routing_id, const struct ps_control *ask);

/* status.c */
/* After a beat: the member's rate. */
void ps_status_beat(struct ps_member *member);
/* The status as JSON; the caller frees it. */
char *ps_status_text(struct ps_coordinator *c);
/* Parts of it: what the run is doing; of a member whether it is shown (those who are gone are, for a minute), what it is doing, a
 * server's slots, and how many micro-batches there are between the lane that is furthest and a worker's last one. */
const char *ps_status_phase(const struct ps_coordinator *c);
bool ps_status_shown(const struct ps_member *member);
const char *ps_status_state(const struct ps_coordinator *c, const struct ps_member *member);
uint32_t ps_status_slots(const struct ps_coordinator *c, const struct ps_member *member);
uint64_t ps_status_lag(const struct ps_coordinator *c, const struct ps_member *member);
/* Samples a second of all workers. */
double ps_status_rate(const struct ps_coordinator *c);
/* How it stands with ids that come and go, over all servers, as their beats tell. */
struct ps_life ps_status_life(const struct ps_coordinator *c);

/* trace.c */
/* Begins a trace of `steps` micro-batches for a new asker. *text: "" while it is under way, then the trace, which the caller frees.
 * PS_EXIT_LOCKED while one is made for somebody else. */
int ps_tracing_ask(struct ps_coordinator *c, uint64_t asker, uint64_t steps, char **text);
void ps_tracing_handle(struct ps_coordinator *c, struct ps_member *member, const struct ps_control *control, const struct ps_message *message);
void ps_tracing_tick(struct ps_coordinator *c);
void ps_tracing_free(struct ps_tracing *tracing);

/* figures.c */
/* Now and then puts the figures of the run where options.http serves them; does nothing where that is NULL. */
void ps_figures_tick(struct ps_coordinator *c);

/* workers.c */
/* Makes workers, or servers, leave until there are `count`; a sentence about it, which also says how to start those that are missing. */
void ps_workers_scale(struct ps_coordinator *c, enum ps_role role, int count, char *text, size_t size);
/* Workers that are here to stay. */
int ps_workers_count(const struct ps_coordinator *c);
void ps_workers_leave(struct ps_coordinator *c, struct ps_member *worker, const char *why);
/* Lets leaving workers go, and looks whether there is one at all; an error where there has been none for too long. */
int ps_workers_check(struct ps_coordinator *c, struct ps_error *err);
/* Waits until every worker has opened its data and turns. */
int ps_workers_ready(struct ps_coordinator *c, struct ps_error *err);

/* rank.c */
/* ps_coordinator_rank, but PS_ROLL_BACK is the caller's to recover from. */
int ps_rank_run(struct ps_coordinator *c, const char *model, uint32_t split, bool lists, struct ps_ranks *ranks,
                struct ps_error *err);
void ps_rank_handle(struct ps_coordinator *c, struct ps_member *member, const struct ps_control *control,
                    const struct ps_message *message);
void ps_rank_member_lost(struct ps_coordinator *c, struct ps_member *member);

/* cut.c */
/* Takes a server's limits in: nobody will go beyond the highest. `limit` is by lane. */
void ps_cut_raise(const struct ps_coordinator *c, struct ps_lane_entry *limit, const struct ps_control *answer);
/* The cut that all limits come to: their maximum, in sync one step for all lanes. */
void ps_cut_agree(const struct ps_coordinator *c, struct ps_lane_entry *limit);
/* Before training: takes what is known as what is saved. */
void ps_cut_prepare(struct ps_coordinator *c);
/* Begins a checkpoint of the present state: of an epoch that is over, or of within one. No other may be under way. */
void ps_cut_begin(struct ps_coordinator *c, bool complete, bool best);
/* Whether checkpoint.steps or checkpoint.minutes ask for one, and none is under way. */
bool ps_cut_due(struct ps_coordinator *c);
void ps_cut_tick(struct ps_coordinator *c);
void ps_cut_handle(struct ps_coordinator *c, struct ps_member *member, const struct ps_control *message);
/* Waits until none is under way; or, `reached`, until what it holds cannot change any more. How it ended is in last_failure. */
int ps_cut_wait(struct ps_coordinator *c, bool reached, struct ps_error *err);
/* Drops the cut under way, if there is one: a server is gone, or gets other rows. Its folder stays, since servers may be writing
 * there, until ps_cut_clear. */
void ps_cut_abort(struct ps_coordinator *c);
void ps_cut_clear(struct ps_coordinator *c);
/* A shard has another primary: the cut is asked for anew, where its state can still be had. */
void ps_cut_again(struct ps_coordinator *c);

/* checkpoint.c */
/* A folder whose manifest is written becomes `last` (and `best`); what is more than checkpoint.keep is removed. */
int ps_cut_publish(struct ps_coordinator *c, const char *name, bool best, struct ps_error *err);
/* Takes over what the manifest of a checkpoint says: epoch, lanes within it, early stopping. */
int ps_cut_load(struct ps_coordinator *c, const char *from, struct ps_error *err);

#endif
