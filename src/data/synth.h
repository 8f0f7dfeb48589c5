/* synth.h - a made log of users' behaviour with a known structure planted in it; docs/data.md describes it.
 *
 * The log is a sequence of visits in the order of time. A visit is one user who looks at one item, and perhaps goes on
 * to stronger behaviours. Everything is a function of (seed, number of the visit), of the user or of the item, so
 * memory does not depend on the size.
 *
 *   tastes      every item has one taste, every user three of them, visited with probabilities .70, .20 and .10
 *   noise       with this probability a visit goes to any item instead; on such a visit the user hardly goes on
 *   popularity  rank k of the n items of a taste is visited with probability ~ (k + 1)^-0.9; users' activity is
 *               skewed as (k + 1)^-0.3
 *   cascade     a visit goes on to the next stronger behaviour with probability .45 (.10 for noise)
 *   gaps        of the behaviours that a visit went through, the strongest is always logged, each weaker one with
 *               probability .15 only: purchases without a logged cart are common, as are carts without a purchase
 *   features    an item's brand is one of the three of its taste (.90) or any one; one of its two tags is its taste's (.80) or any one, the
 *               other any one; its price is lognormal around its taste's level, missing for .05 and 0 for .05. A user's segment is
 *               his first taste (.80) or any one; his age tells nothing
 *
 * Or it is a sequence of sessions (synth_sessions.c): one user who goes through the items of one taste.
 */
#ifndef PS_DATA_SYNTH_H
#define PS_DATA_SYNTH_H

#include "data/dataset.h"

#include <signal.h>

struct ps_synth_options {
    uint64_t users, items, interactions, tastes;
    double noise;
    uint32_t behaviours;
    char behaviour[PS_MAX_BEHAVIOURS][32]; /* weakest first */
    bool sessions;       /* a log of sessions; behaviours[] are not used */
    const char *triples; /* borrowed; a file for what is known of the items of sessions, or NULL */
    uint64_t seed;
    const char *item_features, *user_features; /* files to write beside; or NULL */
    bool quiet;
    const volatile sig_atomic_t *stop; /* borrowed, or NULL */
};

/* Writes a TSV with a header (user, item, behaviour, timestamp; of sessions: session, user, item, operation, timestamp, step, like,
 * share) to `path`, whole or not at all, and the triples; then the features, in
 * the same way: item, brand, tags, price; user, segment, age. */
int ps_synth(const struct ps_synth_options *options, const char *path, struct ps_error *err);

#endif
