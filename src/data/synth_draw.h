/* synth_draw.h - what the made logs of visits and of sessions draw from; of no use outside of synth*.c. */
#ifndef PS_DATA_SYNTH_DRAW_H
#define PS_DATA_SYNTH_DRAW_H

#include "common/file.h"
#include "common/progress.h"
#include "common/random.h"
#include "data/synth.h"

/* What a stream is for, beside PS_RANDOM_SYNTH: a visit, a user's tastes, the names' permutations; a session, an item's accessory
 * and its knowledge. */
enum ps_synth_draw {
    PS_SYNTH_VISIT = 1,
    PS_SYNTH_TASTES,
    PS_SYNTH_USER_NAMES,
    PS_SYNTH_ITEM_NAMES,
    PS_SYNTH_SESSION,
    PS_SYNTH_KNOWLEDGE,
    PS_SYNTH_ITEM_FEATURES,
    PS_SYNTH_USER_FEATURES
};

enum { PS_SYNTH_START = 1600000000, PS_SYNTH_DAYS = 90, PS_SYNTH_PER_LOOK = 1024 };

struct ps_synth {
    const struct ps_synth_options *options;
    uint64_t user_names,
        item_names;                /* seeds of permutations: a name tells nothing about activity, taste or popularity */
    double user_scale, item_scale; /* of ps_synth_rank, for users and for a taste's items */
};

/* Rank k of n, drawn with a density ~ (k + 1)^-skew by inversion of the continuous law on [1, n + 1); scale: of n and that skew, which
 * is below 1. */
double ps_synth_scale(uint64_t n, double skew);
uint64_t ps_synth_rank(struct ps_random *random, uint64_t n, double skew, double scale);
uint64_t ps_synth_user(const struct ps_synth *s, struct ps_random *random);
/* Items of a taste: taste, taste + T, taste + 2T, ... below the number of items. */
uint64_t ps_synth_taste_items(const struct ps_synth_options *o, uint64_t taste);
/* One of the user's tastes, the first of which is drawn most often. They are drawn anew every time, always the same ones. */
uint64_t ps_synth_taste(const struct ps_synth_options *o, uint64_t user, struct ps_random *random);
/* An item of the taste, by its popularity. */
uint64_t ps_synth_item(const struct ps_synth *s, uint64_t taste, struct ps_random *random);

/* "u17": a letter and the number of a name among `count`, behind `to`; return the end. */
char *ps_synth_put_name(char *to, char letter, uint64_t number, uint64_t count);
char *ps_synth_put_number(char *to, uint64_t number, int digits);
char *ps_synth_put_text(char *to, const char *text);

/* Looks at `stop`, and shows how far the work is, every few calls. */
int ps_synth_look(const struct ps_synth *s, uint64_t number, uint64_t events, struct ps_bar *bar, struct ps_error *err);

/* The sessions, and their knowledge if it is wanted. */
int ps_synth_sessions(const struct ps_synth *s, struct ps_writer *file, struct ps_bar *bar, struct ps_error *err);
int ps_synth_triples(const struct ps_synth *s, struct ps_writer *file, struct ps_error *err);

#endif
