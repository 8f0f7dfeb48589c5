/* command.h - for the commands nightly, publish and history: NIGHTLY by its settings. */
#ifndef PS_CLI_NIGHTLY_COMMAND_H
#define PS_CLI_NIGHTLY_COMMAND_H

#include "cli/nightly/nightly.h"

/* Loads n->file and finds its folder. ps_nightly_close frees, after an error too. */
int ps_nightly_open(struct ps_nightly *n, struct ps_error *err);
void ps_nightly_close(struct ps_nightly *n);

#endif
