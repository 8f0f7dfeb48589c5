/* sockets.h - the folder of a run's ipc sockets: in TMPDIR, mode 0700, and named by RUN/state/sockets, a link that is there before it. So
 * whoever comes after a coordinator that was killed finds it, at whatever instant that was. */
#ifndef PS_CLI_SOCKETS_H
#define PS_CLI_SOCKETS_H

#include "common/base.h"

/* Makes it, or takes the one that the link names and that is ours: a coordinator that takes over listens where members look first.
 * `state` is RUN/state, existing. The caller frees the name. */
int ps_sockets_make(const char *state, char **folder, struct ps_error *err);
/* Removes the folder and the link. None is fine. */
void ps_sockets_remove(const char *state);

#endif
