/* tally.c - as text and back; see tally.h. */
#include "common/tally.h"

#include <inttypes.h>

void ps_tally_print(FILE *out, const struct ps_tally *t)
{
    const struct ps_accounts *a = &t->account;
    fprintf(out, "{samples: %" PRIu64 ", seconds: %.17g, checkpoint_seconds: %.17g, validation_seconds: %.17g, account: [%" PRIu64
            ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 "]}", t->samples, t->seconds, t->checkpoint_seconds,
            t->validation_seconds, a->epochs, a->expected, a->applied, a->repeated, a->lost, a->twice);
}

void ps_tally_read(struct ps_reading *r, const struct ps_yaml *map, struct ps_tally *t)
{
    const struct ps_yaml *account = ps_read_child(r, map, "account", PS_YAML_LIST);
    struct ps_accounts *a = &t->account;
    uint64_t *const count[] = {&a->epochs, &a->expected, &a->applied, &a->repeated, &a->lost, &a->twice};
    t->samples = ps_read_whole(r, map, "samples", UINT64_MAX);
    t->seconds = ps_read_real(r, map, "seconds");
    t->checkpoint_seconds = ps_read_real(r, map, "checkpoint_seconds");
    t->validation_seconds = ps_read_real(r, map, "validation_seconds");
    if (!r->status && account->count != (int)PS_COUNT(count))
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: an account has %d numbers instead of %zu; %s", r->path, account->count, PS_COUNT(count),
                            r->advice);
    for (int i = 0; !r->status && i < account->count; i++)
        *count[i] = ps_read_number(r, &account->child[i], UINT64_MAX, "account");
}
