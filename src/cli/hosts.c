/* hosts.c - the hosts file of penstock launch: which groups there are, and where; see launch.h. */
#include <stdlib.h>
#include <string.h>

#include "cli/launch.h"
#include "common/config.h"
#include "common/net.h"

/* One line of a hosts file, which is cut up; false where it makes no sense. */
static bool read_host(char *line, struct ps_group *g)
{
    char *rest = NULL, *end;
    const char *host = strtok_r(line, " \t\r", &rest), *role = strtok_r(NULL, " \t\r", &rest);
    const char *count = strtok_r(NULL, " \t\r", &rest), *bind = strtok_r(NULL, " \t\r", &rest);
    if (!count || strtok_r(NULL, " \t\r", &rest) || strlen(host) >= sizeof g->host ||
        (bind && strlen(bind) >= sizeof g->bind))
        return false;
    *g = (struct ps_group){.role = !strcmp(role, "coordinator") ? PS_ROLE_COORDINATOR : !strcmp(role, "server") ? PS_ROLE_SERVER
                                : !strcmp(role, "worker")    ? PS_ROLE_WORKER : 0};
    snprintf(g->host, sizeof g->host, "%s", host);
    snprintf(g->bind, sizeof g->bind, "%s", bind ? bind : "");
    long number = strtol(count, &end, 10);
    g->count = (int)number;
    return !*end && g->role && number >= 1 && number <= (g->role == PS_ROLE_COORDINATOR ? 1 : 256);
}

bool ps_groups_add(struct ps_group *group, int *groups, struct ps_group asked)
{
    int parts = asked.role == PS_ROLE_SERVER ? asked.count : 1;
    for (int i = 0; i < parts && *groups < PS_MAX_GROUPS; i++) {
        group[*groups] = asked;
        group[(*groups)++].count = asked.count / parts;
        if (i + 1 == parts)
            return true;
    }
    return false;
}

int ps_hosts_read(const char *path, struct ps_group *group, int *groups, struct ps_error *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return ps_fail_errno(err, PS_EXIT_USAGE, "cannot read the hosts file %s", path);
    char line[512];
    int number = 0, status = 0, coordinators = 0, servers = 0, workers = 0;
    while (!status && fgets(line, sizeof line, file)) {
        number++;
        line[strcspn(line, "#\n")] = 0;
        if (line[strspn(line, " \t")] == 0)
            continue;
        struct ps_group g = {0};
        if (!read_host(line, &g))
            status = ps_fail(err, PS_EXIT_USAGE, "%s:%d: a line is 'HOST ROLE COUNT [ADDRESS]' with ROLE one of coordinator (COUNT "
                             "1), server, worker", path, number);
        else if (!ps_groups_add(group, groups, g))
            status = ps_fail(err, PS_EXIT_USAGE, "%s:%d: more than %d servers and lines", path, number, PS_MAX_GROUPS);
        coordinators += g.role == PS_ROLE_COORDINATOR;
        servers += g.role == PS_ROLE_SERVER;
        workers += g.role == PS_ROLE_WORKER;
    }
    fclose(file);
    if (!status && (coordinators != 1 || !servers || !workers))
        status = ps_fail(err, PS_EXIT_USAGE, "%s names %d coordinators, %d lines of servers and %d of workers; there must be one "
                         "coordinator and at least one of each other", path, coordinators, servers, workers);
    return status;
}

int ps_hosts_check(const struct ps_config *config, const struct ps_group *group, int groups, struct ps_error *err)
{
    bool several = false;
    for (int i = 1; i < groups; i++)
        several |= strcmp(group[i].host, group[0].host) != 0;
    for (int i = 0; several && i < groups; i++) {
        const struct ps_group *g = &group[i];
        if (g->role != PS_ROLE_WORKER && !*g->bind && ps_net_stays_on_host(config->cluster.interface))
            return ps_fail(err, PS_EXIT_USAGE, "the %s on %s would listen on %s, where no other host can reach it; add an ADDRESS of %s to "
                           "its line of the hosts file, or name the interface of the cluster's network for all, as in --set "
                           "cluster.interface=eth0", g->role == PS_ROLE_SERVER ? "server" : "coordinator", g->host,
                           config->cluster.interface, g->host);
    }
    return 0;
}
