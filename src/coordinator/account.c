/* account.c - after an epoch: has every server applied each of its micro-batches exactly once? (docs/protocol.md, I1)
 *
 * The servers say what has landed in their rows, lane by lane (common/account.h). What should have landed is not asked of any
 * process that took part: it follows from the dataset and the configuration (coordinator.h, lane_batches).
 */
#include "coordinator/internal.h"
#include "coordinator/runlog.h"

/* One answer for one question: it is told apart by era and epoch. */
static uint64_t question(const struct ps_coordinator *c)
{
    return (uint64_t)c->era << 32 | c->epoch;
}

void ps_account_handle(struct ps_coordinator *c, struct ps_member *server, const struct ps_control *message)
{
    if (c->expected != PS_ACCOUNT_ACK || message->first != question(c) || server->answered)
        return;
    bool told[PS_MAX_LANES] = {false};
    for (uint32_t i = 0; i < message->lane_count; i++) {
        uint32_t l = message->lane[i].lane;
        if (l >= c->lanes || told[l])
            continue;
        told[l] = true;
        struct ps_lane_record *lane = &c->lane[l];
        uint64_t lost, twice;
        ps_account_compare(lane->want, (struct ps_account){message->lane[i].position, message->lane[i].lease}, &lost, &twice);
        lane->lost = PS_MAX(lane->lost, lost);
        lane->twice = PS_MAX(lane->twice, twice);
    }
    for (uint32_t l = 0; l < c->lanes; l++)
        if (!told[l])
            c->lane[l].lost = c->lane[l].want.applied;
    c->account.repeated += message->count;
    ps_life_add(&c->life, &message->life);
}

/* What the servers said of ids that come and go. */
static void count_life(struct ps_coordinator *c)
{
    const struct ps_life *l = &c->life, before = c->training.tally.life;
    if (!ps_config_lives(c->config))
        return;
    c->training.tally.life = (struct ps_life){l->rows, l->waiting, before.admitted + l->admitted, before.evicted + l->evicted};
    ps_runlog(c->options.log, "{\"event\":\"ids\",\"epoch\":%u,\"rows\":%llu,\"waiting\":%llu,\"admitted\":%llu,\"evicted\":%llu}", c->epoch,
              (unsigned long long)l->rows, (unsigned long long)l->waiting, (unsigned long long)l->admitted, (unsigned long long)l->evicted);
}

int ps_account_check(struct ps_coordinator *c, struct ps_error *err)
{
    c->account = (struct ps_accounts){.epochs = 1};
    c->life = (struct ps_life){0};
    struct ps_accounts *a = &c->account, *total = &c->training.tally.account;
    for (uint32_t l = 0; l < c->lanes; l++) {
        struct ps_lane_record *lane = &c->lane[l];
        lane->want = ps_account_of(c->options.lane_batches(c->options.lane_batches_of, c->epoch, l));
        lane->lost = lane->twice = 0;
        a->expected += lane->want.applied;
    }
    struct ps_control ask = {.kind = PS_ACCOUNT, .epoch = c->epoch, .first = question(c)};
    int status = ps_ask_servers(c, &ask, PS_ACCOUNT_ACK, question(c), "ACCOUNT", err);
    if (status)
        return status;
    for (uint32_t l = 0; l < c->lanes; l++) {
        a->lost += c->lane[l].lost;
        a->twice += c->lane[l].twice;
    }
    count_life(c);
    a->applied = a->expected - PS_MIN(a->lost, a->expected);
    total->epochs++;
    total->expected += a->expected;
    total->applied += a->applied;
    total->repeated += a->repeated;
    total->lost += a->lost;
    total->twice += a->twice;
    ps_runlog(c->options.log, "{\"event\":\"account\",\"epoch\":%u,\"expected\":%llu,\"applied\":%llu,\"repeated\":%llu,\"lost\":%llu,"
              "\"twice\":%llu}", c->epoch, (unsigned long long)a->expected, (unsigned long long)a->applied,
              (unsigned long long)a->repeated, (unsigned long long)a->lost, (unsigned long long)a->twice);
    if (a->lost || a->twice)
        return ps_fail(err, PS_EXIT_FAIL, "of the %llu micro-batches of epoch %u %llu are lost and %llu applied more than once: this is a "
                       "bug of Penstock, and what was trained in this epoch is not to be trusted; the checkpoints before it are good",
                       (unsigned long long)a->expected, c->epoch, (unsigned long long)a->lost, (unsigned long long)a->twice);
    return 0;
}
