/* lists.h - the best items of users, as TSV: user, rank, item, score. */
#ifndef PS_CLI_LISTS_H
#define PS_CLI_LISTS_H

#include "cli/offline.h"
#include "data/given.h"

/* Whose lists: users by dense id, or sessions that were given (which the dataset shows already, ps_given_show). */
struct ps_listed {
    const uint32_t *user; /* NULL: all, from 0 on */
    size_t count;
    char *const *unknown; /* names that the dataset does not know: they have what popularity gives everybody */
    size_t unknowns;
    const struct ps_given *given; /* NULL, or without sessions: users of the dataset */
};

/* k items for each, best first, under the mask of the configuration, with a header. Errors: those of ps_top_items; whether all
 * could be written is the caller's to see (ferror). */
int ps_lists_write(struct ps_offline *offline, const struct ps_listed *listed, int k, FILE *to, struct ps_error *err);

#endif
