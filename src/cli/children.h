/* children.h - this program, or another one, run several times as child processes, a few at once.
 *
 * SIGINT, SIGTERM and SIGUSR1 are taken by the parent alone, which hands SIGTERM on and waits: a run ends with a checkpoint of where it is. A second
 * one kills the children. They also die, at once, with a parent that is killed.
 */
#ifndef PS_CLI_CHILDREN_H
#define PS_CLI_CHILDREN_H

#include <sys/types.h>

#include "common/base.h"

enum { PS_CHILD_ARGS = 4096 };

struct ps_child {
    const char *program;                 /* a file; NULL: this program; borrowed, as are all texts */
    const char *argument[PS_CHILD_ARGS]; /* without the program's own name: of penstock, the command's name first; ended by NULL */
    const char *input;                   /* file for its standard input; NULL: it has none */
    const char *output;                  /* file for what it prints */
    double limit;                        /* seconds that it may take, then it is told to end, and half a minute later killed; 0: any number */
    void *of;                            /* the caller's */
    pid_t pid;                           /* 0 where it does not run */
    double seconds;                      /* that it took */
    int late;                            /* signals that it has had because of its limit */
    int code;                            /* its exit code, or 128 and a signal's number */
    char failure[512];                   /* the last line that it printed, without "penstock: "; "" where code is 0 */
};

/* Takes a folder's lock, whose file is FOLDER/lock, until *lock is closed. It passes on to the children, so that it is free when the last of them
 * is gone: those that were killed with their parent have some seconds to go. PS_EXIT_LOCKED where another process holds it. */
int ps_children_lock(const char *folder, int *lock, struct ps_error *err);
/* Before the first child: blocks the signals, for the rest of the process. */
void ps_children_prepare(void);
/* Runs them, at most `jobs` at once, in their order; `ended` is called for each that has ended by itself. PS_EXIT_INTERRUPTED where a signal came: what
 * ran has been waited for, and what had not begun has not been. */
int ps_children_run(struct ps_child *child, int count, int jobs, void (*ended)(void *ctx, struct ps_child *child), void *ctx, struct ps_error *err);

#endif
