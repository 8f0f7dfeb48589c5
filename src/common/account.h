/* account.h - which micro-batches of a lane have been applied, as two numbers that can be added up and compared.
 *
 * Each shard keeps them for each lane, counting where a gradient lands in the rows and nowhere else; the coordinator knows from
 * the dataset and the configuration alone what they must be when a training epoch is over (docs/protocol.md, I1).
 */
#ifndef PS_COMMON_ACCOUNT_H
#define PS_COMMON_ACCOUNT_H

#include "common/random.h"

struct ps_account {
    uint64_t applied; /* micro-batches */
    uint64_t trail;   /* sum of a hash of their positions: a position that stands in for another one does not go unseen */
};

static inline void ps_account_add(struct ps_account *account, uint64_t position)
{
    account->applied++;
    account->trail += ps_mix64(position + 1);
}

/* The account of a lane whose positions 0 .. count - 1 have each been applied once. */
static inline struct ps_account ps_account_of(uint64_t count)
{
    struct ps_account account = {0};
    while (account.applied < count)
        ps_account_add(&account, account.applied);
    return account;
}

/* How many micro-batches of a lane are lost, and how many were applied more than once. */
static inline void ps_account_compare(struct ps_account want, struct ps_account have, uint64_t *lost, uint64_t *twice)
{
    *lost = want.applied > have.applied ? want.applied - have.applied : 0;
    *twice = have.applied > want.applied ? have.applied - want.applied : 0;
    if (want.applied == have.applied && want.trail != have.trail) /* at least one in place of another */
        *lost = *twice = 1;
}

#endif
