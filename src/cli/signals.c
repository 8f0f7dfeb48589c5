/* signals.c - the handlers; see signals.h. */
#include "cli/signals.h"

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "common/base.h"

volatile sig_atomic_t ps_interrupted, ps_joined;
static bool members_leave; /* set once, before any thread */

static void catch_all(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

static void interrupt(int signal_number)
{
    if (ps_interrupted)
        _exit(PS_EXIT_INTERRUPTED);
    ps_interrupted = 1;
}

void ps_catch_signals(void)
{
    catch_all(interrupt);
}

static void leave(int signal_number)
{
    if (!ps_joined)
        _exit(0);
    ps_interrupted = 1;
}

void ps_catch_leave(void)
{
    members_leave = true;
    catch_all(leave);
}

volatile sig_atomic_t *ps_leave_flag(void)
{
    return members_leave ? &ps_interrupted : NULL;
}
