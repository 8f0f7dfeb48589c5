/* credentials.h - the file of a run's keys (`cluster.security: curve`): RUN/keys/curve, readable by its owner only.
 *
 * Whoever can read the file belongs to the run. The coordinator makes it before anybody can join, and removes it when the run ends;
 * after a crash it stays, so that members that still live know the coordinator that is started again.
 */
#ifndef PS_CLI_CREDENTIALS_H
#define PS_CLI_CREDENTIALS_H

#include "common/net.h"

/* RUN/keys/curve as an absolute path; the caller frees it. RUN must exist. */
char *ps_credentials_path(const char *run);
/* The keys of the file, or new ones that are written to it where there is none. */
int ps_credentials_provide(const char *path, struct ps_credentials *credentials, struct ps_error *err);
/* PS_EXIT_USAGE for a file that is no key file, or that others than its owner may read or write. */
int ps_credentials_read(const char *path, struct ps_credentials *credentials, struct ps_error *err);

#endif
