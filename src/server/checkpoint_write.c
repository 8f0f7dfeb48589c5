/* checkpoint_write.c - a shard's rows and marks into a file; see checkpoint.h. */
#include <stdlib.h>
#include <string.h>

#include "server/checkpoint_format.h"
#include "server/snapshot.h"

static uint64_t digest_text(uint64_t digest, const char *text)
{
    return ps_hash64(text, strlen(text) + 1, digest);
}

static uint64_t digest_number(uint64_t digest, uint64_t number)
{
    return ps_hash64(&number, sizeof number, digest);
}

uint64_t ps_specs_digest(const struct ps_table_spec *spec, uint32_t tables, const struct ps_optimizer_spec *optimizer)
{
    uint64_t d = digest_number(tables, optimizer->kind);
    for (uint32_t t = 0; t < tables; t++) {
        d = digest_text(d, spec[t].name);
        const uint64_t number[] = {spec[t].kind,   spec[t].rows,        spec[t].width,
                                   spec[t].fields, spec[t].tensor_rows, spec[t].tensor_cols};
        d = ps_hash64(number, sizeof number, d);
        for (uint32_t f = 0; f < spec[t].fields; f++) {
            const struct ps_field *field = &spec[t].field[f];
            const uint32_t part[] = {field->first, field->width, field->init};
            d = digest_text(d, field->name);
            d = ps_hash64(part, sizeof part, d);
            d = ps_hash64(&field->scale, sizeof field->scale, d);
        }
    }
    return d;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const struct ps_keyed_row *)a)->key, y = ((const struct ps_keyed_row *)b)->key;
    return (x > y) - (x < y);
}

/* The numbers of a table's rows that are to be written, by slot: those of slot s are number[first[s]] .. number[first[s + 1]). */
struct by_slot {
    uint32_t first[PS_SLOTS + 1];
    uint32_t *number; /* owned */
};

static uint32_t *select_all(const struct ps_rows *rows, uint32_t *count)
{
    uint32_t *number = ps_malloc(PS_MAX(rows->count, 1u) * sizeof *number);
    *count = 0;
    for (uint32_t i = 0; i < rows->count; i++)
        if (ps_rows_has(rows, i))
            number[(*count)++] = i;
    return number;
}

static void group_by_slot(struct by_slot *group, const struct ps_table_spec *spec, uint32_t t, const struct ps_rows *rows,
                          struct ps_snapshot *snapshot)
{
    uint32_t count = rows->count, next[PS_SLOTS];
    uint32_t *chosen = snapshot ? ps_snapshot_select(snapshot, t, &count) : select_all(rows, &count);
    memset(group->first, 0, sizeof group->first);
    group->number = ps_malloc(count * sizeof *group->number);
    for (uint32_t i = 0; i < count; i++)
        group->first[ps_slot_of(spec, t, ps_rows_key(rows, chosen[i])) + 1]++;
    for (uint32_t s = 0; s < PS_SLOTS; s++)
        group->first[s + 1] += group->first[s];
    memcpy(next, group->first, sizeof next);
    for (uint32_t i = 0; i < count; i++)
        group->number[next[ps_slot_of(spec, t, ps_rows_key(rows, chosen[i]))]++] = chosen[i];
    free(chosen);
}

static int write_segment(struct ps_writer *w, uint32_t slot, uint32_t t, const struct ps_rows *rows,
                         struct ps_snapshot *snapshot, const struct by_slot *group, struct ps_buffer *order,
                         struct ps_buffer *content, struct ps_error *err)
{
    uint32_t n = group->first[slot + 1] - group->first[slot];
    struct ps_keyed_row *row = ps_buffer_need(order, n * sizeof *row);
    for (uint32_t i = 0; i < n; i++) {
        row[i].number = group->number[group->first[slot] + i];
        row[i].key = ps_rows_key(rows, row[i].number);
    }
    qsort(row, n, sizeof *row, by_key);
    size_t size = ps_segment_bytes(n, rows->width);
    uint64_t *key = ps_buffer_need(content, size);
    float *value = (float *)(key + n);
    int status = snapshot ? ps_snapshot_copy(snapshot, slot, t, row, n, key, value, err) : 0;
    for (uint32_t i = 0; !snapshot && i < n; i++) {
        key[i] = row[i].key;
        memcpy(value + (size_t)i * rows->width, ps_rows_at(rows, row[i].number), rows->width * sizeof *value);
    }
    if (status)
        return status;
    memset(value + (size_t)n * rows->width, 0, (char *)key + size - (char *)(value + (size_t)n * rows->width));
    struct ps_segment_header header = {
        .slot = slot, .table = t, .rows = n, .width = rows->width, .content = ps_hash64(key, size, 0)};
    header.sum = ps_hash64(&header, offsetof(struct ps_segment_header, sum), 0);
    status = ps_writer_put(w, &header, sizeof header, err);
    return status ? status : ps_writer_put(w, key, size, err);
}

static int write_header(struct ps_writer *w, const struct ps_marks *marks, const struct ps_table_spec *spec,
                        uint32_t tables, const struct ps_optimizer_spec *optimizer, struct ps_error *err)
{
    struct ps_file_header header = {.version = PS_FILE_VERSION,
                                    .slots = PS_SLOTS,
                                    .run = marks->run,
                                    .seed = marks->seed,
                                    .cut = marks->cut,
                                    .v = marks->v,
                                    .steps = marks->steps,
                                    .era = marks->era,
                                    .shard = marks->shard,
                                    .mode = marks->mode,
                                    .epoch = marks->epoch,
                                    .lanes = marks->lanes,
                                    .tables = tables,
                                    .specs = ps_specs_digest(spec, tables, optimizer),
                                    .since = marks->since};
    memcpy(header.magic, PS_FILE_MAGIC, sizeof header.magic);
    int status = ps_writer_put(w, &header, sizeof header, err);
    if (!status)
        status = ps_writer_put(w, marks->lane, marks->lanes * sizeof *marks->lane, err);
    uint64_t sum = ps_writer_sum(w);
    return status ? status : ps_writer_put(w, &sum, sizeof sum, err);
}

static int write_segments(struct ps_writer *w, const struct by_slot *group, uint32_t tables, const struct ps_rows *rows,
                          struct ps_snapshot *snapshot, struct ps_error *err)
{
    struct ps_file_footer footer = {0};
    struct ps_buffer order = {0}, content = {0};
    int status = 0;
    for (uint32_t slot = 0; slot < PS_SLOTS; slot++)
        for (uint32_t t = 0; !status && t < tables; t++) {
            uint32_t n = group[t].first[slot + 1] - group[t].first[slot];
            if (!n)
                continue;
            status = write_segment(w, slot, t, &rows[t], snapshot, &group[t], &order, &content, err);
            footer.segments++;
            footer.rows += n;
        }
    if (snapshot)
        ps_snapshot_needs(snapshot, 2 * sizeof(uint32_t) * footer.rows + order.capacity + content.capacity);
    ps_buffer_fini(&order);
    ps_buffer_fini(&content);
    memcpy(footer.magic, PS_FOOTER_MAGIC, sizeof footer.magic);
    footer.sum = ps_hash64(&footer, offsetof(struct ps_file_footer, sum), 0);
    return status ? status : ps_writer_put(w, &footer, sizeof footer, err);
}

int ps_checkpoint_write(const struct ps_marks *marks, const struct ps_table_spec *spec, uint32_t tables,
                        const struct ps_optimizer_spec *optimizer, const struct ps_rows *rows,
                        struct ps_snapshot *snapshot, const struct ps_folder *folder, struct ps_file_entry *file,
                        struct ps_error *err)
{
    struct ps_writer w;
    struct ps_file_entry entry = {0};
    snprintf(entry.name, sizeof entry.name, "shard-%03u.rows", marks->shard);
    int status = ps_writer_open_in(&w, folder, entry.name, err);
    if (status)
        return status;
    struct by_slot *group = ps_calloc(tables, sizeof *group);
    for (uint32_t t = 0; t < tables; t++)
        group_by_slot(&group[t], &spec[t], t, &rows[t], snapshot);
    status = write_header(&w, marks, spec, tables, optimizer, err);
    if (!status)
        status = write_segments(&w, group, tables, rows, snapshot, err);
    for (uint32_t t = 0; t < tables; t++)
        free(group[t].number);
    free(group);
    entry.bytes = w.bytes;
    entry.checksum = ps_writer_sum(&w);
    if (status) {
        ps_writer_abandon(&w);
        return status;
    }
    status = ps_writer_commit(&w, err);
    if (!status)
        *file = entry;
    return status;
}
