/* sessions.c - the same as dataset.c for a dataset of sessions. Whatever opens can be read: training session by training session once its
 * block is checked, and every case. */
#include "fuzz.h"

#include "dataset_files.h"

/* Whether a session can be read: nothing of it is an index that is too large. */
static void read_session(const struct ps_dataset *d, uint64_t session)
{
    const struct ps_sessions *s = &d->sessions;
    uint64_t steps = 0;
    for (uint64_t e = s->begin[session]; e < s->begin[session + 1]; e++) {
        if (s->item[e] >= d->items || (s->operation[e] >= s->operations && s->operation[e] != PS_SHOWN))
            abort();
        steps += s->operation[e] != PS_SHOWN;
    }
    if (steps > s->longest || (s->visitor && s->visitor[session] >= s->visitors))
        abort();
    if (session < s->train && s->targets[session + 1] - s->targets[session] != (steps ? steps - 1 : 0))
        abort();
}

static void read_sessions(const struct ps_dataset *d)
{
    const struct ps_sessions *s = &d->sessions;
    struct ps_error err;
    uint64_t held = s->train;
    for (uint64_t b = 0; b < d->blocks; b++)
        for (uint64_t i = d->block_user[b]; !ps_dataset_check_block(d, b, &err) && i < d->block_user[b + 1]; i++)
            read_session(d, i);
    for (; held < s->count; held++) {
        read_session(d, held);
        if (s->first[held - s->train] > s->begin[held + 1] - s->begin[held])
            abort();
    }
    for (uint64_t u = 0; u < d->users; u++) {
        struct ps_case at = s->cases[u];
        struct ps_pair pair = u < d->valid_count ? d->valid[u] : d->test[u - d->valid_count];
        uint32_t item, mask;
        size_t length;
        if (at.session < s->train || at.session >= s->count || pair.user != u ||
            s->begin[at.session] + at.position >= s->begin[at.session + 1] || s->item[s->begin[at.session] + at.position] != pair.item)
            abort();
        if (ps_dataset_union(d, (uint32_t)u, &item, &mask, 1) || ps_dataset_seen(d, (uint32_t)u, pair.item))
            abort();
        ps_dataset_name(d, PS_USERS, u, &length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ps_dataset d;
    struct ps_error err;
    char *folder = fuzz_dataset_replace((struct fuzz_input){data, size}, FUZZ_SESSIONS);
    if (!ps_dataset_open(folder, &d, &err)) {
        if (d.sessions.count)
            read_sessions(&d);
        ps_dataset_verify(&d, &err);
        ps_dataset_close(&d);
    }
    free(folder);
    return 0;
}
