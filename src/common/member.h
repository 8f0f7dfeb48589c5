/* member.h - what a server and a worker share: greeting the coordinator, beats from a thread of their own, finding the next
 * coordinator, goodbye.
 *
 * The owner of a membership is one thread; ps_membership_progress and the beat thread meet under a lock. A beat comes every
 * 250 ms whatever the owner is busy with, so the coordinator tells a busy process from a lost one.
 *
 * A coordinator may be replaced while its members live. It is found again where it was, or where the meeting file says by now. A
 * message of a higher term than any before tells the member that there is a new one: it says HELLO again, with all that it holds,
 * until it is welcomed, and refuses what coordinators of lower terms say from then on.
 */
#ifndef PS_COMMON_MEMBER_H
#define PS_COMMON_MEMBER_H

#include "common/net.h"
#include "common/wire.h"

struct ps_membership;

struct ps_membership_options {
    struct ps_net *net;      /* borrowed, like all pointers here, until ps_membership_leave */
    const char *coordinator; /* its endpoint */
    const char *meeting;     /* file that says where it is ("endpoint: ..."), read again when it is silent; NULL: it does not move */
    enum ps_role role;
    uint64_t incarnation;
    uint64_t home; /* of the first server of this process, where this is a further one; otherwise 0 */
    const char *endpoint;       /* where the member serves; "" for a worker */
    double start_timeout;       /* seconds to wait for WELCOME */
    double coordinator_timeout; /* seconds that the coordinator may be silent before ps_membership_check fails */
    /* Fills era, map, epoch and held (an array from ps_calloc, freed by the caller) of a HELLO; called by the owner's thread, in
     * ps_membership_receive. */
    void (*holds)(void *ctx, struct ps_control *hello);
    void *ctx;
};

/* Beside the meeting file, in place of it: the run has ended in good order, "code: N". A run that is begun or gone on with removes it. */
#define PS_ENDED_NAME "ended"
/* Whether the meeting file (may be NULL) is gone and the run has ended; *code is how. */
bool ps_member_run_ended(const char *meeting, int *code);

/* Says HELLO (every 250 ms) until a WELCOME comes, which is handed to the caller (ps_control_fini), or start_timeout is over:
 * PS_EXIT_NET with a sentence. The beats begin here. */
int ps_membership_join(struct ps_membership **member, const struct ps_membership_options *options, struct ps_control *welcome,
                       struct ps_error *err);
/* The control connection, for ps_net_wait; the same one as long as the membership lasts. */
struct ps_socket *ps_membership_socket(struct ps_membership *member);
/* A control message that has arrived (1; the caller frees it by ps_control_fini), or 0. To be called about once a second also where
 * nothing has arrived. Messages of another run, or of a lower term than one already seen, are dropped. */
int ps_membership_receive(struct ps_membership *member, struct ps_control *message);
/* Sends a control message (run, from, to and term are filled in), with an optional second frame, which is consumed.
 * A message that cannot be sent now is lost: whoever needs an answer asks again. */
void ps_membership_send(struct ps_membership *member, struct ps_control *message, struct ps_frame *bulk);
/* What the next beats tell (copied; `turns` is counted here: one for each call). The owner calls this every time its loop goes
 * round, and ps_membership_turn within long work: a member that beats and does not turn is taken for stuck. `at_once` sends the
 * next beat now. */
void ps_membership_progress(struct ps_membership *member, const struct ps_progress *progress, bool at_once);
void ps_membership_turn(struct ps_membership *member);
/* Measures by the next beats how far the coordinator's clock (ps_now) is ahead of this one; ps_membership_ahead then gives it, good to `error`
 * seconds (INFINITY: no beat was answered in time). False: not yet. */
void ps_membership_measure(struct ps_membership *member);
bool ps_membership_ahead(struct ps_membership *member, double *ahead, double *error);
/* 0, or PS_EXIT_NET where the coordinator has been silent for too long. */
int ps_membership_check(struct ps_membership *member, struct ps_error *err);
/* Says BYE (code 0: a clean end), stops the beats, closes and frees everything. NULL is allowed. */
void ps_membership_leave(struct ps_membership *member, int code, const char *text);

#endif
