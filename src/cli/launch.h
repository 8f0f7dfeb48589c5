/* launch.h - what the files of penstock launch share: the job, and its groups. */
#ifndef PS_CLI_LAUNCH_H
#define PS_CLI_LAUNCH_H

#include <sys/types.h>

#include "common/config.h"
#include "common/wire.h"

enum { PS_MAX_GROUPS = 1024, PS_MAX_PASSED = 512 };

/* A job, by its command line. */
struct ps_launch {
    const char *conf, *resume, *from, *hosts, *agent;
    const char *passed[PS_MAX_PASSED]; /* --set options, handed on to the coordinator */
    int passed_count;
    int servers, workers; /* in all */
    const char *run;      /* its folder */
    char program[4096];   /* this one */
};

/* One mpirun. */
struct ps_group {
    char host[128]; /* "" is this machine */
    enum ps_role role;
    int count;
    char bind[128];
    char session[128]; /* on this machine: a folder for mpirun's own files, or "" */
    char *command;     /* owned: its shell text */
    pid_t pid;         /* 0: it has ended */
    int hold;          /* on another host: its shell's input, which ends with us; 0: none */
    int restarts;      /* in a row */
    double begun, start_at; /* its life; the next one */
};

/* Adds what a line of a hosts file, or the command line, asks for: each server is a group, so that the loss of one is seen; the workers of
 * a host are one. False where there are PS_MAX_GROUPS already. */
bool ps_groups_add(struct ps_group *group, int *groups, struct ps_group asked);

/* hosts.c */
/* Reads a hosts file: at most PS_MAX_GROUPS groups, with one coordinator, servers and workers. */
int ps_hosts_read(const char *path, struct ps_group *group, int *groups, struct ps_error *err);
/* Servers and the coordinator must be reachable from the other hosts: by the line's ADDRESS, or by cluster.interface. */
int ps_hosts_check(const struct ps_config *config, const struct ps_group *group, int groups, struct ps_error *err);

/* group.c */
/* Makes the group's command: mpirun with what launch facts recommend, around this same program. `again`: a coordinator for the members
 * of one that died. */
void ps_group_prepare(struct ps_group *group, const struct ps_launch *launch, bool again);
void ps_group_start(struct ps_group *group, const char *agent);
/* Gives it `patience` seconds to end by itself, ends it, and removes what its mpirun has left. One that has ended is fine. */
void ps_group_end(struct ps_group *group, double patience);

#endif
