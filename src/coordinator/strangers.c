/* strangers.c - connections without the keys of the run (cluster.security: curve): how many were refused, and where. The sockets refuse
 * them by themselves (common/guard.c), so nothing here touches the run. */
#include <string.h>
#include <unistd.h>

#include "coordinator/internal.h"
#include "coordinator/runlog.h"

uint64_t ps_coordinator_strangers(const struct ps_coordinator *c)
{
    uint64_t sum = ps_net_strangers(c->options.net);
    char here[256] = "";
    gethostname(here, sizeof here - 1);
    for (int i = 0; i < c->members; i++) { /* lost ones too */
        const struct ps_member *m = c->member[i];
        if (m->pid != (uint32_t)getpid() || strcmp(m->host, here)) /* a server in this process counts what the coordinator counts */
            sum += m->progress.strangers;
    }
    return sum;
}

void ps_strangers_tell(struct ps_coordinator *c, double after)
{
    double now = ps_now();
    if (c->config->cluster.security == PS_SECURITY_NONE || (c->strangers && now - c->strangers_told < after))
        return;
    uint64_t total = ps_coordinator_strangers(c);
    if (total == c->strangers)
        return;
    if (!c->strangers)
        ps_warn("somebody without the keys of this run tries to connect, and is refused; log.jsonl counts the attempts");
    ps_runlog(c->options.log, "{\"event\":\"strangers\",\"refused\":%llu,\"by_coordinator\":%llu}", (unsigned long long)total,
              (unsigned long long)ps_net_strangers(c->options.net));
    c->strangers = total;
    c->strangers_told = now;
}
