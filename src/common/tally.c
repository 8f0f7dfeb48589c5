/* tally.c - as text and back; see tally.h. */
#include "common/tally.h"

#include <inttypes.h>

void ps_tally_print(FILE *out, const struct ps_tally *t)
{
    const struct ps_accounts *a = &t->account;
    fprintf(out, "{samples: %" PRIu64 ", seconds: %.17g, checkpoint_seconds: %.17g, validation_seconds: %.17g, account: [%" PRIu64
            ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 "]", t->samples, t->seconds, t->checkpoint_seconds,
            t->validation_seconds, a->epochs, a->expected, a->applied, a->repeated, a->lost, a->twice);
    const struct ps_life *l = &t->life;
    if (l->rows || l->waiting)
        fprintf(out, ", life: [%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 "]", l->rows, l->waiting, l->admitted, l->evicted);
    fputs("}", out);
}

/* The numbers of a list, in that order. */
static void read_counts(struct ps_reading *r, const struct ps_yaml *map, const char *key, uint64_t *const *count, int n)
{
    const struct ps_yaml *list = ps_read_child(r, map, key, PS_YAML_LIST);
    if (!r->status && list->count != n)
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: '%s' has %d numbers instead of %d; %s", r->path, key, list->count, n, r->advice);
    for (int i = 0; !r->status && i < n; i++)
        *count[i] = ps_read_number(r, &list->child[i], UINT64_MAX, key);
}

void ps_tally_read(struct ps_reading *r, const struct ps_yaml *map, struct ps_tally *t)
{
    struct ps_accounts *a = &t->account;
    struct ps_life *l = &t->life;
    uint64_t *const account[] = {&a->epochs, &a->expected, &a->applied, &a->repeated, &a->lost, &a->twice},
                    *const life[] = {&l->rows, &l->waiting, &l->admitted, &l->evicted};
    read_counts(r, map, "account", account, PS_COUNT(account));
    t->samples = ps_read_whole(r, map, "samples", UINT64_MAX);
    t->seconds = ps_read_real(r, map, "seconds");
    t->checkpoint_seconds = ps_read_real(r, map, "checkpoint_seconds");
    t->validation_seconds = ps_read_real(r, map, "validation_seconds");
    if (!r->status && ps_yaml_get(map, "life"))
        read_counts(r, map, "life", life, PS_COUNT(life));
}
