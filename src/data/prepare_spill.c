/* prepare_spill.c - records in an unnamed file, and how many of each key there are. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* fread_unlocked, fwrite_unlocked */
#endif
#include "data/prepare_steps.h"

#include <stdlib.h>
#include <string.h>

int ps_spill_open(const struct ps_preparation *p, struct ps_spill *spill, struct ps_error *err)
{
    *spill = (struct ps_spill){.file = ps_prepare_scratch(p, err)};
    return spill->file ? 0 : -PS_EXIT_STORAGE;
}

void ps_spill_close(struct ps_spill *spill)
{
    if (spill->file)
        fclose(spill->file);
    free(spill->events);
    *spill = (struct ps_spill){0};
}

void ps_spill_reserve(struct ps_spill *spill, size_t keys)
{
    size_t before = spill->capacity;
    PS_GROW(spill->events, spill->capacity, keys);
    if (spill->capacity > before)
        memset(spill->events + before, 0, (spill->capacity - before) * sizeof *spill->events);
}

int ps_spill_put(const struct ps_preparation *p, struct ps_spill *spill, const struct ps_record *record, struct ps_error *err)
{
    if (fwrite_unlocked(record, sizeof *record, 1, spill->file) != 1)
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write temporary records to %s", p->folder);
    ps_spill_reserve(spill, (size_t)record->user + 1);
    spill->events[record->user]++;
    spill->records++;
    return 0;
}

int ps_spill_rewind(const struct ps_preparation *p, struct ps_spill *spill, struct ps_error *err)
{
    if (fflush(spill->file) || fseeko(spill->file, 0, SEEK_SET))
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write temporary records to %s", p->folder);
    return 0;
}

int ps_spill_read(const struct ps_preparation *p, struct ps_spill *spill, struct ps_record *record, uint64_t count,
                  struct ps_error *err)
{
    if (fread_unlocked(record, sizeof *record, count, spill->file) != count)
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read temporary records in %s", p->folder);
    return ps_prepare_check_stop(p, err);
}
