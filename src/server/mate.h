/* mate.h - the way from a primary to its backup: the connection that its log goes over (replica.h). */
#ifndef PS_SERVER_MATE_H
#define PS_SERVER_MATE_H

#include "common/net.h"
#include "server/shard.h"

struct ps_mate;

/* Both are borrowed. */
struct ps_mate *ps_mate_new(struct ps_net *net, struct ps_shard *shard);
void ps_mate_free(struct ps_mate *mate);

/* The shard as a map has it: the log for its backup begins, or goes on; without one, or where `entry` is NULL, what has waited for it is answered.
 * `loaded`: the backup has just loaded what this server has. */
int ps_mate_set(struct ps_mate *mate, const struct ps_shard_entry *entry, bool loaded, struct ps_error *err);
/* Takes in what the backup has answered and sends what may be sent. Returns when it wants to be called again at the latest; 0: never. */
double ps_mate_progress(struct ps_mate *mate);
/* The connection to wait for, or NULL. */
struct ps_socket *ps_mate_socket(const struct ps_mate *mate);

#endif
