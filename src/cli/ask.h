/* ask.h - an operator's commands (status, scale) talk to the coordinator of a run. Whoever can read RUN/keys/token may. */
#ifndef PS_CLI_ASK_H
#define PS_CLI_ASK_H

#include "common/wire.h"

/* Draws a token for this life of the coordinator and puts it into RUN/keys/token, mode 0600. The caller frees it. */
int ps_token_make(const char *run, char **token, struct ps_error *err);
void ps_token_remove(const char *run);

/* A connection to the coordinator of a run; opened once, asked many times. */
struct ps_asker;
/* PS_EXIT_NET where no coordinator is at work in RUN, PS_EXIT_STORAGE where its token cannot be read. */
int ps_asker_open(const char *run, struct ps_asker **asker, struct ps_error *err);
/* Asks, and asks again until the answer is in or 5 s are over (PS_EXIT_NET). What the coordinator refuses is an error too. The caller
 * frees *answer. All that can be asked may be asked twice. */
int ps_asker_ask(struct ps_asker *asker, enum ps_ask what, enum ps_role role, uint64_t count, char **answer, struct ps_error *err);
void ps_asker_close(struct ps_asker *asker);

#endif
