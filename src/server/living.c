/* living.c - rows that are made and go with the ids that are seen; see living.h. */
#include "server/living.h"

#include <stdlib.h>
#include <string.h>

#include "server/replica.h"

enum { SPARE = 16 }; /* of the limit: this part of it becomes free at a time */

bool ps_living_check(const struct ps_table_spec *spec, uint32_t tables, const struct ps_optimizer_spec *optimizer)
{
    for (uint32_t t = 0; t < tables; t++) {
        bool counts = spec[t].kind == PS_TABLE_SIGHTINGS;
        uint32_t partner = ps_living_partner(spec, tables, t);
        if (counts && (partner == tables || spec[t].width != PS_LIFE || spec[t].sightings))
            return false;
        if (!spec[t].sightings)
            continue;
        if (spec[t].sightings >= tables || spec[t].update != PS_UPDATE_OPTIMIZER || ps_optimizer_is_dense(optimizer) ||
            spec[t].kind == PS_TABLE_TENSOR || spec[t].kind == PS_TABLE_LANE)
            return false;
        const struct ps_table_spec *of = &spec[partner];
        if (of->kind != PS_TABLE_SIGHTINGS || of->counts != spec[t].kind || of->rows != spec[t].rows ||
            ps_living_partner(spec, tables, partner) != t)
            return false;
    }
    return true;
}

uint32_t ps_living_partner(const struct ps_table_spec *spec, uint32_t tables, uint32_t table)
{
    uint32_t t = 0;
    if (spec[table].kind != PS_TABLE_SIGHTINGS)
        return spec[table].sightings ? spec[table].sightings : tables;
    while (t < tables && spec[t].sightings != table)
        t++;
    return t;
}

static float *life_of(const struct ps_rows *rows, float *row)
{
    return row + rows->width - PS_LIFE;
}

uint32_t ps_living_admit(struct ps_shard *s, uint32_t t, const uint64_t *id, const float *seen, uint32_t n, float **row,
                         uint32_t *index)
{
    struct ps_rows *rows = &s->rows[t], *sightings = &s->rows[s->spec[t].sightings];
    float *entry[PS_ROWS_BATCH], count[PS_ROWS_BATCH], total[PS_ROWS_BATCH], epoch = (float)s->epoch;
    uint64_t lives[PS_ROWS_BATCH], waits[PS_ROWS_BATCH];
    uint32_t fresh[PS_ROWS_BATCH], living = 0, waiting = 0;
    ps_rows_find(rows, id, n, 0, row);
    ps_rows_find(sightings, id, n, PS_LIFE, entry);
    for (uint32_t i = 0; i < n; i++) {
        float now = seen ? seen[i] : 1, before = entry[i] && entry[i][PS_LIFE_USED] == epoch ? entry[i][PS_LIFE_SEEN] : 0;
        if (row[i] || before + now >= (float)s->spec[t].admit_after) {
            s->counters.admitted += !row[i];
            lives[living] = id[i];
            count[living] = now;
            index[living++] = i;
        } else {
            waits[waiting] = id[i];
            total[waiting++] = before + now;
        }
    }
    ps_rows_drop(sightings, lives, living);
    ps_rows_change(sightings, waits, waiting, entry, fresh);
    for (uint32_t i = 0; i < waiting; i++) {
        entry[i][PS_LIFE_SEEN] = total[i];
        entry[i][PS_LIFE_USED] = epoch;
    }
    ps_commit_make(s, t, lives, living, row);
    for (uint32_t i = 0; i < living; i++) {
        float *life = life_of(rows, row[i]);
        life[PS_LIFE_SEEN] += count[i];
        life[PS_LIFE_USED] = epoch;
    }
    return living;
}

/* Rows of n <= PS_ROWS_BATCH ids go. With `before`, what they were is kept for those who repeat the last step. */
static void evict_batch(struct ps_shard *s, uint32_t t, const uint64_t *id, uint32_t n, bool before)
{
    struct ps_rows *rows = &s->rows[t];
    float *row[PS_ROWS_BATCH], *other[PS_ROWS_BATCH];
    uint32_t fresh[PS_ROWS_BATCH];
    ps_rows_find(rows, id, n, s->spec[t].width, row);
    for (uint32_t i = 0; before && i < n; i++)
        if (row[i] && ps_rows_make(&s->kept[t], &id[i], 1, other, fresh)) /* the step has not changed it */
            memcpy(other[0], row[i], s->spec[t].width * sizeof *row[i]);
    ps_rows_drop(rows, id, n);
    ps_rows_change(&s->rows[s->spec[t].sightings], id, n, other, fresh);
    for (uint32_t i = 0; i < n; i++) {
        other[i][PS_LIFE_SEEN] = 0;
        other[i][PS_LIFE_USED] = (float)s->epoch;
    }
    s->counters.evicted += n;
}

static void evict(struct ps_shard *s, uint32_t t, const uint64_t *id, uint32_t n, bool before)
{
    for (uint32_t i = 0; i < n; i += PS_ROWS_BATCH)
        evict_batch(s, t, id + i, PS_MIN(n - i, (uint32_t)PS_ROWS_BATCH), before);
}

struct candidate {
    float used, seen;
    uint32_t table;
    uint64_t id;
};

static int by_id(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static int by_use(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->used != y->used)
        return x->used < y->used ? -1 : 1;
    if (x->seen != y->seen)
        return x->seen < y->seen ? -1 : 1;
    return by_id(a, b);
}

/* These rows go, here and on the backup. */
static void evict_all(struct ps_shard *s, struct candidate *c, uint64_t n, bool before)
{
    struct ps_section section[PS_MAX_TABLES];
    uint32_t sections = 0;
    if (!n)
        return;
    uint64_t *id = ps_malloc(n * sizeof *id);
    qsort(c, n, sizeof *c, by_id);
    for (uint64_t i = 0; i < n; i++) {
        id[i] = c[i].id;
        if (!i || c[i].table != c[i - 1].table)
            section[sections++] = (struct ps_section){.table = c[i].table};
        section[sections - 1].rows++;
    }
    for (uint32_t i = 0, first = 0; i < sections; first += section[i++].rows)
        evict(s, section[i].table, id + first, section[i].rows, before);
    ps_replica_evict(s, section, sections, id);
    free(id);
}

/* All rows of a table that were last used in `until` or before. */
static uint64_t add_candidates(const struct ps_shard *s, uint32_t t, float until, struct candidate **list, size_t *capacity, uint64_t n)
{
    const struct ps_rows *rows = &s->rows[t];
    for (uint32_t i = 0; i < rows->count; i++) {
        if (!ps_rows_has(rows, i))
            continue;
        const float *life = life_of(rows, ps_rows_at(rows, i));
        if (life[PS_LIFE_USED] > until)
            continue;
        PS_GROW(*list, *capacity, n + 1);
        (*list)[n++] = (struct candidate){life[PS_LIFE_USED], life[PS_LIFE_SEEN], t, ps_rows_key(rows, i)};
    }
    return n;
}

void ps_living_age(struct ps_shard *s)
{
    struct candidate *old = NULL;
    size_t capacity = 0;
    uint64_t n = 0;
    for (uint32_t t = 0; t < s->tables && !s->backup; t++)
        if (s->spec[t].sightings && s->spec[t].evict_after)
            n = add_candidates(s, t, (float)s->epoch - 1 - (float)s->spec[t].evict_after, &old, &capacity, n);
    evict_all(s, old, n, false); /* no step of the epoch before is repeated */
    free(old);
}

static uint64_t bytes_held(const struct ps_shard *s)
{
    uint64_t bytes = 0;
    for (uint32_t t = 0; t < s->tables; t++)
        if (s->spec[t].sightings)
            bytes += ps_rows_held(&s->rows[t]) * ps_rows_cost(&s->rows[t]);
    return bytes;
}

void ps_living_limit(struct ps_shard *s)
{
    uint64_t bytes = s->row_memory && !s->backup ? bytes_held(s) : 0, n = 0, goes = 0;
    if (bytes <= s->row_memory)
        return;
    struct candidate *all = NULL;
    size_t capacity = 0;
    for (uint32_t t = 0; t < s->tables; t++)
        if (s->spec[t].sightings)
            n = add_candidates(s, t, (float)s->epoch, &all, &capacity, n);
    PS_ASSERT(all); /* the bytes are of rows */
    qsort(all, n, sizeof *all, by_use);
    while (goes < n && bytes > s->row_memory - s->row_memory / SPARE)
        bytes -= ps_rows_cost(&s->rows[all[goes++].table]);
    evict_all(s, all, goes, s->retain);
    free(all);
}

bool ps_living_take(struct ps_shard *s, const struct ps_data *data, const struct ps_message *message)
{
    struct ps_buffer scratch[PS_MAX_TABLES] = {{0}};
    const uint64_t *id[PS_MAX_TABLES];
    bool sound = data->sections <= PS_MAX_TABLES && message->count == (int)(1 + 2 * data->sections);
    for (uint32_t i = 0; sound && i < data->sections; i++) {
        uint32_t t = data->section[i].table, n = data->section[i].rows;
        sound = t < s->tables && s->spec[t].sightings &&
                !ps_keys_decode(&message->frame[1 + 2 * i], n, PS_CODEC_PLAIN, &scratch[i], &id[i], NULL) && id[i][n - 1] < s->spec[t].rows;
        for (uint32_t k = 0; sound && k < n; k++)
            sound = s->owns[ps_slot_of(&s->spec[t], t, id[i][k])];
    }
    for (uint32_t i = 0; sound && i < data->sections; i++)
        evict(s, data->section[i].table, id[i], data->section[i].rows, s->retain && data->state == s->v);
    for (uint32_t i = 0; i < PS_MAX_TABLES; i++)
        ps_buffer_fini(&scratch[i]);
    return sound;
}

void ps_living_arrive(const struct ps_shard *s, struct ps_rows *tables, uint32_t t, const uint64_t *id, uint32_t n)
{
    uint32_t partner = ps_living_partner(s->spec, s->tables, t);
    if (partner == s->tables)
        return;
    for (uint32_t i = 0; i < n; i += PS_ROWS_BATCH)
        ps_rows_drop(&tables[partner], id + i, PS_MIN(n - i, (uint32_t)PS_ROWS_BATCH));
}

void ps_living_count(const struct ps_shard *s, struct ps_life *life)
{
    *life = (struct ps_life){.admitted = s->counters.admitted, .evicted = s->counters.evicted};
    for (uint32_t t = 0; t < s->tables; t++) {
        if (!s->spec[t].sightings)
            continue;
        life->rows += ps_rows_held(&s->rows[t]);
        life->waiting += ps_rows_held(&s->rows[s->spec[t].sightings]);
    }
}
