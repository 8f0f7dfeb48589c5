/* signals.h - how a command is asked to end: SIGINT, SIGTERM, and SIGUSR1, which mpirun hands on and does nothing else. */
#ifndef PS_CLI_SIGNALS_H
#define PS_CLI_SIGNALS_H

#include <signal.h>

/* They set a flag; a second one ends the process. */
extern volatile sig_atomic_t ps_interrupted;
void ps_catch_signals(void);
/* For a process that is a server or a worker and nothing else: they make it leave the run, or end it at once, with code 0, where it has
 * not joined yet. Before ps_crew_start. */
void ps_catch_leave(void);
/* Set by a member of this process once it belongs to the run. */
extern volatile sig_atomic_t ps_joined;
/* That members look at: ps_interrupted after ps_catch_leave, otherwise NULL. */
volatile sig_atomic_t *ps_leave_flag(void);

#endif
