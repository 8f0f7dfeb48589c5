/* balance.c - which worker gets a lane, and whose lane is taken away for another: by remaining time, as measured.
 *
 * A worker's remaining time is what is left of its lanes over its speed (samples a second, from its beats). A lane goes to the worker
 * that would end with it first. Where the slowest worker still needs clearly longer than another one would with one lane more, a
 * lane is taken from it, one at a time. What keeps lanes from going to and fro on a busy machine, where speeds vary: the imbalance must
 * be clear (EVEN) and last (PATIENCE), and a lane that has moved rests (REST). For a newcomer the first two are laxer.
 *
 * A newcomer whose speed is not known is tried with TRIAL lanes. A worker that is too slow for any lane gets none, forgets its
 * measurement after a while (worker/pace.h) and is tried again.
 */
#include "coordinator/internal.h"

enum { TRIAL = 2 };
static const double EVEN = 1.3, EVEN_NEWCOMER = 1.15; /* remaining times up to this ratio count as even */
static const double PATIENCE = 2;                     /* seconds that an imbalance lasts before a lane moves */
static const double REST = 10;                        /* seconds for which a lane that was taken stays */
static const double NEWCOMER = 15;                    /* seconds after joining */
static const double WORTH = 0.3;                      /* seconds that a move must save */

static bool takes_lanes(const struct ps_coordinator *c, const struct ps_member *m)
{
    return ps_map_known(c, m) && !m->leaving && m->progress.turns;
}

static double lane_remaining(const struct ps_coordinator *c, const struct ps_lane_record *lane)
{
    double all = (double)c->options.epoch_samples / c->lanes, batch = c->config->train.batch;
    return PS_MAX(all - (double)lane->reached * batch, batch);
}

void ps_balance_measure(struct ps_coordinator *c)
{
    double speeds = 0;
    int known = 0;
    for (int i = 0; i < c->members; i++) {
        struct ps_member *m = c->member[i];
        m->load = 0;
        m->remaining = 0;
        if (takes_lanes(c, m) && m->progress.speed > 0) {
            speeds += m->progress.speed;
            known++;
        }
    }
    c->mean_speed = known ? speeds / known : 0;
    for (uint32_t l = 0; l < c->lanes; l++)
        if (c->lane[l].state == PS_LANE_GRANTED) {
            c->lane[l].holder->load++;
            c->lane[l].holder->remaining += lane_remaining(c, &c->lane[l]);
        }
}

double ps_balance_seconds(const struct ps_coordinator *c, const struct ps_member *m, double more)
{
    double speed = m->progress.speed > 0 ? m->progress.speed : c->mean_speed > 0 ? c->mean_speed : 1;
    return (m->remaining + more) / speed;
}

static struct ps_member *first_to_end(const struct ps_coordinator *c, double more)
{
    struct ps_member *best = NULL;
    for (int i = 0; i < c->members; i++) {
        struct ps_member *m = c->member[i];
        bool on_trial = m->progress.speed <= 0 && c->mean_speed > 0;
        if (takes_lanes(c, m) && !(on_trial && m->load >= TRIAL) &&
            (!best || ps_balance_seconds(c, m, more) < ps_balance_seconds(c, best, more)))
            best = m;
    }
    return best;
}

struct ps_member *ps_balance_choose(struct ps_coordinator *c, struct ps_lane_record *lane)
{
    double remaining = lane_remaining(c, lane);
    struct ps_member *m = first_to_end(c, remaining);
    if (m) {
        m->load++;
        m->remaining += remaining;
    }
    return m;
}

struct ps_lane_record *ps_balance_take(struct ps_coordinator *c, double now)
{
    struct ps_member *from = NULL;
    for (int i = 0; i < c->members; i++)
        if (c->member[i]->load && (!from || ps_balance_seconds(c, c->member[i], 0) > ps_balance_seconds(c, from, 0)))
            from = c->member[i];
    struct ps_lane_record *most = NULL;
    for (uint32_t l = 0; from && l < c->lanes; l++) {
        struct ps_lane_record *lane = &c->lane[l];
        if (lane->state == PS_LANE_GRANTED && lane->holder == from && lane->granted && (!lane->moved || now - lane->moved > REST) &&
            (!most || lane->reached < most->reached))
            most = lane;
    }
    struct ps_member *to = most ? first_to_end(c, lane_remaining(c, most)) : NULL;
    if (!to || to == from) {
        c->uneven_since = 0;
        return NULL;
    }
    double before = ps_balance_seconds(c, from, 0), after = ps_balance_seconds(c, to, lane_remaining(c, most));
    bool newcomer = now - to->joined < NEWCOMER;
    if (before < after + WORTH || before < after * (newcomer ? EVEN_NEWCOMER : EVEN)) {
        c->uneven_since = 0;
        return NULL;
    }
    if (!c->uneven_since)
        c->uneven_since = now;
    if (!newcomer && now - c->uneven_since < PATIENCE)
        return NULL;
    most->moved = now;
    return most;
}
