/* rows.c - chunks of rows and the index over them; see rows.h. */
#include "server/rows.h"

#include <stdlib.h>
#include <string.h>

#include "common/random.h"

enum { CHUNK_BYTES = 1 << 16, CHUNK_SHIFT_MAX = 8, LINE = 64, PREFETCH_LINES = 8 };

void ps_rows_init(struct ps_rows *r, uint32_t width)
{
    *r = (struct ps_rows){.width = width, .clock = 1};
    size_t row = sizeof(uint64_t) + 1 + width * sizeof(float);
    while (r->shift < CHUNK_SHIFT_MAX && (row << (r->shift + 1)) <= CHUNK_BYTES)
        r->shift++;
}

void ps_rows_fini(struct ps_rows *r)
{
    for (uint32_t i = 0; i < r->chunks; i++)
        free(r->chunk[i]);
    free(r->chunk);
    free(r->tag);
    free(r->number);
    free(r->free);
    *r = (struct ps_rows){0};
}

void ps_rows_clear(struct ps_rows *r)
{
    if (r->count)
        memset(r->tag, 0, r->places);
    r->count = r->gone = 0;
}

/* A chunk: the keys, the stamps, up to a line's end, then the rows. */
static size_t keys_bytes(const struct ps_rows *r)
{
    return (((sizeof(uint64_t) + 1) << r->shift) + LINE - 1) & ~(size_t)(LINE - 1);
}

static size_t chunk_bytes(const struct ps_rows *r)
{
    return keys_bytes(r) + ((size_t)r->width * sizeof(float) << r->shift);
}

static uint64_t *key_at(const struct ps_rows *r, uint32_t i)
{
    return (uint64_t *)r->chunk[i >> r->shift] + (i & ((1u << r->shift) - 1));
}

uint64_t ps_rows_key(const struct ps_rows *r, uint32_t i)
{
    return *key_at(r, i);
}

uint8_t *ps_rows_stamp(const struct ps_rows *r, uint32_t i)
{
    return r->chunk[i >> r->shift] + (sizeof(uint64_t) << r->shift) + (i & ((1u << r->shift) - 1));
}

float *ps_rows_at(const struct ps_rows *r, uint32_t i)
{
    unsigned char *rows = r->chunk[i >> r->shift] + keys_bytes(r);
    return (float *)rows + (size_t)(i & ((1u << r->shift) - 1)) * r->width;
}

bool ps_rows_has(const struct ps_rows *r, uint32_t i)
{
    return *ps_rows_stamp(r, i) != PS_ROW_GONE;
}

uint32_t ps_rows_held(const struct ps_rows *r)
{
    return r->count - r->gone;
}

static uint64_t hash_of(uint64_t key)
{
    return ps_mix64(key + UINT64_C(0x9e3779b97f4a7c15));
}

/* First place to look at: the hash's high bits scaled to the number of places, which may so be any number. */
static uint32_t home_of(const struct ps_rows *r, uint64_t hash)
{
    return (uint32_t)((hash >> 32) * r->places >> 32);
}

static uint8_t tag_of(uint64_t hash)
{
    uint8_t tag = (uint8_t)hash;
    return tag ? tag : 1;
}

static uint32_t next_place(const struct ps_rows *r, uint32_t place)
{
    return place + 1 == r->places ? 0 : place + 1;
}

/* The place, from `place` on, whose tag is `tag`, or the first free one. */
static uint32_t probe(const struct ps_rows *r, uint32_t place, uint8_t tag)
{
    while (r->tag[place] && r->tag[place] != tag)
        place = next_place(r, place);
    return place;
}

static void insert(struct ps_rows *r, uint64_t hash, uint32_t i)
{
    uint32_t place = home_of(r, hash);
    while (r->tag[place])
        place = next_place(r, place);
    r->tag[place] = tag_of(hash);
    r->number[place] = i;
}

/* Makes the index fit for `count` rows. */
static void grow_index(struct ps_rows *r, uint32_t count)
{
    if ((uint64_t)count * 20 <= (uint64_t)r->places * 17)
        return;
    uint64_t places = (uint64_t)r->places + r->places / 6;
    places = PS_MAX(places, (uint64_t)count * 20 / 17 + 64);
    if (places > UINT32_MAX)
        ps_die(PS_EXIT_FAIL, "a table on one server has more than 3.6 billion rows; use more servers");
    free(r->tag);
    free(r->number);
    r->places = (uint32_t)places;
    r->tag = ps_calloc(places, sizeof *r->tag);
    r->number = ps_malloc(places * sizeof *r->number);
    for (uint32_t i = 0; i < r->count; i++)
        if (ps_rows_has(r, i))
            insert(r, hash_of(*key_at(r, i)), i);
}

static void add_chunk(struct ps_rows *r)
{
    PS_GROW(r->chunk, r->chunk_capacity, r->chunks + 1);
    r->chunk[r->chunks++] = ps_malloc_aligned(chunk_bytes(r));
}

/* A number for a new row. */
static uint32_t give_number(struct ps_rows *r)
{
    if (r->gone && !r->guard)
        return r->free[--r->gone];
    if (r->count >> r->shift == r->chunks)
        add_chunk(r);
    return r->count++;
}

static void prefetch_row(const struct ps_rows *r, uint32_t i, uint32_t floats)
{
    const char *row = (const char *)ps_rows_at(r, i);
    size_t bytes = PS_MIN(floats * sizeof(float), (size_t)PREFETCH_LINES * LINE);
    for (size_t b = 0; b < bytes; b += LINE)
        __builtin_prefetch(row + b, 1);
}

/* Three passes over the batch, each issuing the loads that the next one waits for: places, keys and rows. number[i] is set
 * where row[i] is not NULL. */
static void look_up(const struct ps_rows *r, const uint64_t *key, uint32_t n, uint32_t floats, float **row,
                    uint32_t *number)
{
    uint64_t hash[PS_ROWS_BATCH];
    uint32_t place[PS_ROWS_BATCH];
    PS_ASSERT(n <= PS_ROWS_BATCH);
    if (!r->count) {
        memset(row, 0, n * sizeof *row);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        hash[i] = hash_of(key[i]);
        place[i] = home_of(r, hash[i]);
        __builtin_prefetch(r->tag + place[i]);
        __builtin_prefetch(r->number + place[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        place[i] = probe(r, place[i], tag_of(hash[i]));
        if (r->tag[place[i]]) {
            __builtin_prefetch(key_at(r, r->number[place[i]]));
            prefetch_row(r, r->number[place[i]], floats);
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t p = place[i];
        while (r->tag[p] && *key_at(r, r->number[p]) != key[i]) /* another key with the same tag: one in 255 */
            p = next_place(r, p);
        number[i] = r->number[p];
        row[i] = r->tag[p] ? ps_rows_at(r, number[i]) : NULL;
    }
}

void ps_rows_find(const struct ps_rows *r, const uint64_t *key, uint32_t n, uint32_t floats, float **row)
{
    uint32_t number[PS_ROWS_BATCH];
    look_up(r, key, n, floats, row, number);
}

static uint32_t make(struct ps_rows *r, const uint64_t *key, uint32_t n, float **row, uint32_t *number, uint32_t *fresh)
{
    uint32_t made = 0;
    look_up(r, key, n, r->width, row, number);
    for (uint32_t i = 0; i < n; i++) {
        if (row[i])
            continue;
        grow_index(r, ps_rows_held(r) + 1);
        number[i] = give_number(r);
        *key_at(r, number[i]) = key[i];
        *ps_rows_stamp(r, number[i]) = r->clock;
        insert(r, hash_of(key[i]), number[i]);
        row[i] = ps_rows_at(r, number[i]);
        fresh[made++] = i;
    }
    return made;
}

uint32_t ps_rows_make(struct ps_rows *r, const uint64_t *key, uint32_t n, float **row, uint32_t *fresh)
{
    uint32_t number[PS_ROWS_BATCH];
    return make(r, key, n, row, number, fresh);
}

uint32_t ps_rows_change(struct ps_rows *r, const uint64_t *key, uint32_t n, float **row, uint32_t *fresh)
{
    uint32_t number[PS_ROWS_BATCH] = {0}, first[PS_ROWS_BATCH], count = 0;
    uint32_t made = make(r, key, n, row, number, fresh);
    for (uint32_t i = 0; i < n; i++)
        if (*ps_rows_stamp(r, number[i]) != r->clock)
            first[count++] = number[i];
    if (count && r->guard)
        r->guard(r->guard_ctx, first, count, r->clock);
    for (uint32_t i = 0; i < count && !r->guard; i++)
        *ps_rows_stamp(r, first[i]) = r->clock;
    return made;
}

/* The place of row number i. */
static uint32_t place_of(const struct ps_rows *r, uint32_t i)
{
    uint32_t place = home_of(r, hash_of(*key_at(r, i)));
    while (!r->tag[place] || r->number[place] != i)
        place = next_place(r, place);
    return place;
}

/* Frees a place: those behind it that are away from home move up. */
static void free_place(struct ps_rows *r, uint32_t hole)
{
    for (uint32_t p = next_place(r, hole); r->tag[p]; p = next_place(r, p)) {
        uint32_t home = home_of(r, hash_of(*key_at(r, r->number[p])));
        uint32_t from_home = p >= home ? p - home : p + r->places - home, from_hole = p >= hole ? p - hole : p + r->places - hole;
        if (from_home < from_hole)
            continue;
        r->tag[hole] = r->tag[p];
        r->number[hole] = r->number[p];
        hole = p;
    }
    r->tag[hole] = 0;
}

void ps_rows_drop(struct ps_rows *r, const uint64_t *key, uint32_t n)
{
    float *row[PS_ROWS_BATCH];
    uint32_t number[PS_ROWS_BATCH] = {0};
    look_up(r, key, n, 0, row, number);
    for (uint32_t i = 0; i < n; i++) {
        if (!row[i])
            continue;
        free_place(r, place_of(r, number[i]));
        if (r->guard)
            r->guard(r->guard_ctx, &number[i], 1, PS_ROW_GONE);
        else
            *ps_rows_stamp(r, number[i]) = PS_ROW_GONE;
        PS_GROW(r->free, r->free_capacity, r->gone + 1);
        r->free[r->gone++] = number[i];
    }
}

/* The last row gets the number i, which has none any more. */
static void close_up(struct ps_rows *r, uint32_t i)
{
    uint32_t last = r->count - 1;
    if (i != last) {
        r->number[place_of(r, last)] = i;
        *key_at(r, i) = *key_at(r, last);
        *ps_rows_stamp(r, i) = *ps_rows_stamp(r, last);
        memcpy(ps_rows_at(r, i), ps_rows_at(r, last), r->width * sizeof(float));
    }
    r->count = last;
}

void ps_rows_keep(struct ps_rows *r, ps_rows_keeps *keeps, void *ctx)
{
    for (uint32_t i = r->count; i-- > 0;) { /* all numbers above i have rows that stay */
        bool here = ps_rows_has(r, i);
        if (here && keeps(ctx, *key_at(r, i)))
            continue;
        if (here)
            free_place(r, place_of(r, i));
        close_up(r, i);
    }
    r->gone = 0;
    while (r->chunks && (r->chunks - 1) << r->shift >= r->count)
        free(r->chunk[--r->chunks]);
}

void ps_rows_restamp(struct ps_rows *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (ps_rows_has(r, i))
            *ps_rows_stamp(r, i) = 0;
}

uint64_t ps_rows_bytes(const struct ps_rows *r)
{
    return (uint64_t)r->chunks * chunk_bytes(r) + r->chunk_capacity * sizeof *r->chunk +
           (uint64_t)r->places * (sizeof *r->tag + sizeof *r->number) + r->free_capacity * sizeof *r->free;
}

uint64_t ps_rows_cost(const struct ps_rows *r)
{
    enum { INDEX_MOST = 7 };
    return r->width * sizeof(float) + sizeof(uint64_t) + 1 + INDEX_MOST;
}
