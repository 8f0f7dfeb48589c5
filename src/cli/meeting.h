/* meeting.h - where the members of a run meet: RUN/state/coordinator, which is also what rank 0 of a plain mpirun broadcasts. */
#ifndef PS_CLI_MEETING_H
#define PS_CLI_MEETING_H

#include "common/net.h"

struct ps_meeting {
    char endpoint[256];  /* of the coordinator */
    char interface[256]; /* what servers bind to, for tcp */
    char host[256];      /* the coordinator's, by its own name */
    char keys[1024];     /* file of the run's keys, as the coordinator's host knows it; "" without cluster.security */
    double start_timeout, coordinator_timeout;
    int io_threads; /* of a member process */
    int servers;    /* in the whole job */
    int pid;        /* of the coordinator, on its host */
    const char *data; /* not written; borrowed: where the dataset is on this host, or NULL: where the coordinator has it */
    char file[512]; /* not written: where this was read, so that a member can look again; "" where there is no file */
    int failed;     /* not 0: there is no job, and rank 0 ends with this code */
};

char *ps_meeting_write(const struct ps_meeting *meeting); /* the caller frees it */
int ps_meeting_parse(struct ps_meeting *meeting, const char *text, const char *name, struct ps_error *err);
/* Reads RUN/state/coordinator, for which it waits up to `wait` seconds: the coordinator may still be starting. `wait` below 0: up to
 * PS_MEETING_WAIT, but not for a run that has ended. Where this host
 * cannot reach the coordinator, because that listens on its own host only, PS_EXIT_NET and what to set. */
int ps_meeting_find(struct ps_meeting *meeting, const char *run, double wait, struct ps_error *err);
enum { PS_MEETING_WAIT = 60 }; /* seconds */
/* The run has ended with this code: RUN/state/ended instead of RUN/state/coordinator tells those who come too late. */
void ps_meeting_end(const char *run, int code);
/* Removes both, and the folder of the run's sockets. */
void ps_meeting_forget(const char *run);

/* ZeroMQ for a member process, with the run's keys where the meeting has them. */
int ps_meeting_net(const struct ps_meeting *meeting, struct ps_net **net, struct ps_error *err);

#endif
