/* internal.h - a server's state, shared by server.c (its loop), control.c and control_cut.c (what the coordinator says). */
#ifndef PS_SERVER_INTERNAL_H
#define PS_SERVER_INTERNAL_H

#include "common/member.h"
#include "common/trace.h"
#include "server/mate.h"
#include "server/move.h"
#include "server/replica.h"

struct ps_server {
    struct ps_net *net; /* borrowed */
    struct ps_membership *member;
    struct ps_socket *data, *monitor; /* owned */
    struct ps_shard shard;
    struct ps_trace trace;
    struct ps_move *move; /* owned */
    struct ps_mate *mate; /* owned: the way to the backup of the shard */
    bool recorded;        /* the map says that this backup has everything */
    double tell_at;       /* when to say again how it is with the backup */
    bool owes_fence[PS_MAX_LANES], owes_epoch; /* answers */
    uint64_t told_moved;  /* the last move whose end the coordinator was told of */
    double leave_since, leave_at; /* it wants to go since; when to say so again */
    uint64_t bytes;   /* sent */
    uint64_t dropped; /* steps given up for the era that is loaded */
    struct cut {      /* the last one prepared */
        uint64_t id, since, memory;
        struct ps_folder folder; /* owned: where it is to be written; not open where nothing is */
        enum { CUT_COMING, CUT_TAKEN, CUT_WRITTEN, CUT_FAILED } state;
        struct ps_lane_entry *lane; /* owned: those that had ended when it was taken */
        uint32_t lanes;
        struct ps_file_entry file;  /* WRITTEN */
        struct ps_cost cost;
        struct ps_error err; /* FAILED */
    } cut;
    bool stopping;
    int code;
};

/* One message of the coordinator's. An error ends the server. */
int ps_server_control(struct ps_server *server, const struct ps_control *message, struct ps_error *err);
/* What a coordinator that has taken over is told. */
void ps_server_holds(void *server, struct ps_control *hello);
/* Goes on with what takes several turns: a move, the copy; answers what has waited for it. Returns when to be called again at the latest;
 * 0: never. */
double ps_server_go_on(struct ps_server *server);
/* After messages have been taken in: confirms what a primary has sent, takes the snapshot of a cut that has been reached. */
void ps_server_settle(struct ps_server *server);
/* Asks to go. Where nobody takes the rows in time it goes all the same, and is lost. */
void ps_server_leave(struct ps_server *server);

/* An answer to the coordinator's question, with the lanes that it is about. */
void ps_server_reply(struct ps_server *server, const struct ps_control *question, enum ps_message_kind kind,
                     struct ps_lane_entry *lane, uint32_t lanes);

/* control_cut.c */
/* CUT_PREPARE, CUT_AT. */
void ps_server_prepare_cut(struct ps_server *server, const struct ps_control *message);
void ps_server_agree_cut(struct ps_server *server, const struct ps_control *message);
/* Takes the snapshot when the shard is exactly at the cut; tells when its file is written, or why it is not. */
void ps_server_advance_cut(struct ps_server *server);
/* Nothing is to be written for the last cut any more. */
void ps_server_end_cut(struct ps_server *server);

#endif
