/* strangers.c - who is no member and knocks all the same: connections without the keys of the run (cluster.security: curve), or of something
 * that speaks no ZeroMQ, and messages that are none of ours. The sockets refuse connections by themselves (common/net.c); nothing here
 * touches the run.
 */
#include <string.h>
#include <unistd.h>

#include "coordinator/internal.h"
#include "coordinator/runlog.h"

uint64_t ps_coordinator_strangers(const struct ps_coordinator *c)
{
    uint64_t sum = c->refused + ps_net_strangers(c->options.net);
    char here[256] = "";
    gethostname(here, sizeof here - 1);
    for (int i = 0; i < c->members; i++) { /* lost ones too */
        const struct ps_member *m = c->member[i];
        if (m->pid != (uint32_t)getpid() || strcmp(m->host, here)) /* a server in this process counts what the coordinator counts */
            sum += m->progress.strangers;
    }
    return sum;
}

void ps_strangers_refuse(struct ps_coordinator *c, const char *why)
{
    char quoted[PS_JSON_TEXT];
    c->refused++;
    if (ps_now() - c->refused_told < 1)
        return;
    ps_runlog(c->options.log, "{\"event\":\"refused\",\"why\":\"%s\"}", ps_json_text(why, quoted));
    c->refused_told = ps_now();
}

void ps_strangers_tell(struct ps_coordinator *c, double after)
{
    double now = ps_now();
    if (c->strangers && now - c->strangers_told < after)
        return;
    uint64_t total = ps_coordinator_strangers(c);
    if (total == c->strangers)
        return;
    if (!c->strangers)
        ps_warn("somebody %s tries to connect, and is refused; log.jsonl counts the attempts",
                c->config->cluster.security == PS_SECURITY_NONE ? "who is no member of this run" : "without the keys of this run");
    uint64_t here = c->refused + ps_net_strangers(c->options.net);
    ps_runlog(c->options.log, "{\"event\":\"strangers\",\"refused\":%llu,\"by_coordinator\":%llu}", (unsigned long long)total,
              (unsigned long long)here);
    c->strangers = total;
    c->strangers_told = now;
}
