/* parts.c - rows in parts; see parts.h. */
#include "server/parts.h"

#include <stdlib.h>
#include <string.h>

#include "server/living.h"

enum { PART_BYTES = 256 << 10 };

struct found {
    uint64_t key;
    uint32_t row;
};

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const struct found *)a)->key, y = ((const struct found *)b)->key;
    return (x > y) - (x < y);
}

static uint32_t table_of(const struct ps_shard *s, const struct ps_parts *parts)
{
    return s->tables - 1 - parts->tables;
}

/* The next wanted rows, at most a part's of one table; 0 where there are no more. */
static uint32_t find_rows(const struct ps_shard *s, struct ps_parts *parts, const bool *wanted, uint8_t since,
                          struct ps_buffer *scratch, struct found **found)
{
    for (; parts->tables < s->tables; parts->tables++, parts->row = 0) {
        uint32_t t = table_of(s, parts);
        const struct ps_rows *rows = &s->rows[t];
        uint32_t most = PS_MAX(PART_BYTES / (uint32_t)(rows->width * sizeof(float)), 1u), count = 0;
        *found = ps_buffer_need(scratch, most * sizeof **found);
        for (; parts->row < rows->count && count < most; parts->row++) {
            if (*ps_rows_stamp(rows, parts->row) < since || !ps_rows_has(rows, parts->row))
                continue;
            uint64_t key = ps_rows_key(rows, parts->row);
            if (wanted[ps_slot_of(&s->spec[t], t, key)])
                (*found)[count++] = (struct found){key, parts->row};
        }
        if (count)
            return count;
    }
    return 0;
}

bool ps_parts_make(const struct ps_shard *s, struct ps_parts *parts, const bool wanted[PS_SLOTS], uint8_t since,
                   struct ps_buffer *scratch, struct ps_section *section, struct ps_message *message)
{
    struct found *found;
    uint32_t count = find_rows(s, parts, wanted, since, scratch, &found);
    if (!count)
        return false;
    qsort(found, count, sizeof *found, by_key);
    uint32_t t = table_of(s, parts);
    const struct ps_rows *rows = &s->rows[t];
    *section = (struct ps_section){.table = t, .rows = count};
    struct ps_frame *keys = ps_message_add(message), *values = ps_message_add(message);
    ps_frame_alloc(keys, count * sizeof(uint64_t));
    ps_frame_alloc(values, (size_t)count * rows->width * sizeof(float));
    uint64_t *key = ps_frame_data(keys);
    float *value = ps_frame_data(values);
    for (uint32_t i = 0; i < count; i++) {
        key[i] = found[i].key;
        memcpy(value + (size_t)i * rows->width, ps_rows_at(rows, found[i].row), rows->width * sizeof *value);
    }
    return true;
}

bool ps_parts_take(const struct ps_shard *s, struct ps_rows *tables, const struct ps_data *data, const struct ps_message *message,
                   const bool wanted[PS_SLOTS], struct ps_buffer *scratch)
{
    if (data->sections != 1 || message->count != 3 || data->section[0].table >= s->tables || !data->section[0].rows)
        return false;
    uint32_t t = data->section[0].table, n = data->section[0].rows;
    struct ps_rows *rows = &tables[t];
    const uint64_t *key;
    if (ps_frame_size(&message->frame[2]) != (size_t)n * rows->width * sizeof(float) ||
        ps_keys_decode(&message->frame[1], n, PS_CODEC_PLAIN, scratch, &key, NULL) || key[n - 1] >= s->spec[t].rows)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!wanted[ps_slot_of(&s->spec[t], t, key[i])])
            return false;
    const char *value = ps_frame_data(&message->frame[2]);
    float *row[PS_ROWS_BATCH];
    uint32_t fresh[PS_ROWS_BATCH];
    for (uint32_t i = 0; i < n; i += PS_ROWS_BATCH) {
        uint32_t count = PS_MIN(n - i, (uint32_t)PS_ROWS_BATCH);
        ps_rows_change(rows, key + i, count, row, fresh);
        for (uint32_t k = 0; k < count; k++, value += rows->width * sizeof(float))
            memcpy(row[k], value, rows->width * sizeof(float));
    }
    ps_living_arrive(s, tables, t, key, n);
    return true;
}
