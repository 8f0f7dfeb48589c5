/* detect.c - who is dead: by silence, by a connection that is gone, by standing still (docs/protocol.md, "Leases").
 *
 * - A connection that ends (the process crashed; the kernel closes its sockets at once) and no beat for CUT_OFF after it (longer where beats come late): that of its beats, before
 *   the first one that of its HELLO.
 * - A host or a link that is lost. A member from which no beat has come for NUDGE is sent a message; its kernel acknowledges that at once,
 *   however busy the host is, or the connection ends after 1.5 s (common/net.c): this is told from a process that gets no turn.
 * - No beat for cluster.member_timeout, over a connection that lives: the process is stopped. Beats come from a thread of their own, so a
 *   busy process is not silent; where they come late all the same (many more processes than cores), the time that is allowed
 *   grows with the longest gap of late: an overloaded machine evicts nobody.
 * - Beats, but a loop that has not gone round for cluster.progress_timeout: stuck. It comes back when its loop turns again.
 *
 * To be wrong costs a worker's micro-batches under way, which are computed again; its lanes are fenced, so nothing is applied twice.
 */
#include "coordinator/internal.h"

static const double CUT_OFF = 0.3;   /* seconds */
static const double LATE = 1.2;      /* times the longest gap of late */
static const double NUDGE = 0.3;     /* seconds without a beat; they come every 0.25 */
static const double UNHEARD = 1.2;   /* seconds without a beat after which a connection that ends was not coming back */
static const double FIRST_BEAT = 10; /* seconds: a member that this coordinator has not heard yet may have to find it first */
static const double SLEPT = 0.5;     /* seconds without listening that are forgiven to everybody */
static const double GAPS = 4;        /* times the longest gap of late that a silence may last */
static const double GAPS_MOST = 5;   /* times cluster.member_timeout that it may last for this reason */
static const double GAP_FADES = 0.99; /* with each beat: to a half in 17 s */

void ps_detect_hello(struct ps_member *m, bool joins, int connection)
{
    m->last_beat = ps_now();
    if (!joins || m->beats)
        return; /* beats have a connection of their own; one that finds a new coordinator may yet connect once more */
    m->connection = connection;
    m->cut_off = 0;
}

void ps_detect_beat(struct ps_member *m, const struct ps_progress *progress, uint64_t routing_id, int connection)
{
    double now = ps_now();
    m->gap = m->alive && m->beats ? PS_MAX(m->gap * GAP_FADES, now - m->last_beat) : 0; /* a dead one's silence is no gap */
    m->beats = true;
    m->last_beat = now;
    m->connection = connection;
    m->cut_off = 0;
    m->beat_route = routing_id;
    m->nudged = false;
    if (progress->turns != m->progress.turns) {
        m->turned = now;
        m->stuck = false;
    }
}

void ps_detect_lost_connections(struct ps_coordinator *c)
{
    for (int fd; (fd = ps_monitor_lost(c->monitor)) >= 0;)
        for (int i = 0; i < c->members; i++)
            if (c->member[i]->connection == fd) {
                c->member[i]->connection = -1;
                c->member[i]->cut_off = ps_now();
            }
}

/* What the coordinator itself slept through (a suspended machine, Ctrl-Z, no turn on a processor) is nobody else's silence. */
static void forgive(struct ps_coordinator *c, double now)
{
    double gap = c->pumped ? now - c->pumped : 0;
    c->pumped = now;
    for (int i = 0; gap > SLEPT && i < c->members; i++) {
        struct ps_member *m = c->member[i];
        m->last_beat = PS_MIN(m->last_beat + gap, now);
        m->turned = PS_MIN(m->turned + gap, now);
    }
}

double ps_detect_patience(const struct ps_coordinator *c, const struct ps_member *m)
{
    double least = PS_MAX(c->config->cluster.member_timeout, m->beats || !c->options.takeover ? 0 : FIRST_BEAT);
    return PS_MAX(least, PS_MIN(GAPS * m->gap, GAPS_MOST * least));
}

/* Whether the member has something to do, so that its loop must turn. */
static bool at_work(const struct ps_coordinator *c, const struct ps_member *m)
{
    if (m->role == PS_ROLE_SERVER)
        return !c->expected && (m->shard != PS_NO_SHARD || ps_replicas_copy(c, m) != PS_NO_SHARD);
    return m->task || ps_lanes_held(c, m);
}

/* Seconds in which a member whose connection has ended is heard over another one, if it lives: more where its beats come late. */
static double back_within(const struct ps_member *m)
{
    return PS_MIN(PS_MAX(CUT_OFF, LATE * m->gap), UNHEARD);
}

static void nudge(struct ps_coordinator *c, struct ps_member *m)
{
    struct ps_control ack = {.kind = PS_BEAT_ACK};
    ps_send_to(c, m->beat_route, m->incarnation, &ack);
    m->nudged = true;
}

double ps_detect_dead(struct ps_coordinator *c, ps_detect_lose *lose)
{
    double now = ps_now(), next = now + 1;
    forgive(c, now);
    for (int i = 0; i < c->members; i++) {
        struct ps_member *m = c->member[i];
        char why[120] = "";
        if (!m->alive || !m->welcomed)
            continue;
        double silent = now - m->last_beat, still = m->last_beat - m->turned; /* by its own beats */
        if (!at_work(c, m))
            m->turned = now;
        if (silent > NUDGE && m->beats && !m->nudged)
            nudge(c, m);
        if (m->cut_off > 0 && (now - m->cut_off > back_within(m) || silent > UNHEARD))
            snprintf(why, sizeof why, "its connection is gone, and there is no sign of life since");
        else if (silent > ps_detect_patience(c, m))
            snprintf(why, sizeof why, "no sign of life for %.1f s", silent);
        else if (m->progress.turns && at_work(c, m) && still > c->config->cluster.progress_timeout) {
            snprintf(why, sizeof why, "it sends beats, but has stood still for %.1f s (cluster.progress_timeout)", still);
            m->stuck = true;
        }
        if (*why) {
            m->cut_off = 0;
            lose(c, m, why);
            continue;
        }
        if (m->beats && !m->nudged)
            next = PS_MIN(next, m->last_beat + NUDGE + 0.001);
        if (m->cut_off > 0)
            next = PS_MIN(next, m->cut_off + back_within(m) + 0.001);
    }
    return next;
}
