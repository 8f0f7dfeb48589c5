/* checkpoint_load.c - a checkpoint back into the tables of a shard, and the digest of its state; see checkpoint.h. */
#include <stdlib.h>
#include <string.h>

#include "server/checkpoint_format.h"
#include "server/optimizer.h"

static int load_segment(const struct ps_checkpoint *c, const struct ps_segment *segment, struct ps_rows *rows,
                        struct ps_error *err)
{
    float *row[PS_ROWS_BATCH];
    uint32_t fresh[PS_ROWS_BATCH];
    if (segment->width != rows->width)
        return ps_fail(err, PS_EXIT_DATA, "%s has rows of %u floats in table '%s' where this run's optimiser wants %u",
                       c->folder, segment->width, c->manifest.table[segment->table].name, rows->width);
    for (uint64_t i = 0; i < segment->rows; i += PS_ROWS_BATCH) {
        uint32_t n = (uint32_t)PS_MIN(segment->rows - i, (uint64_t)PS_ROWS_BATCH);
        ps_rows_make(rows, segment->key + i, n, row, fresh);
        for (uint32_t k = 0; k < n; k++)
            memcpy(row[k], segment->row + (i + k) * rows->width, rows->width * sizeof *row[k]);
    }
    return 0;
}

/* Whether the tables are those of the checkpoint, or what they have grown to since. */
static bool has_tables(const struct ps_manifest *m, const struct ps_table_spec *spec, uint32_t tables, const struct ps_optimizer_spec *optimizer)
{
    if (m->tables != tables)
        return false;
    struct ps_table_spec *then = ps_calloc(tables, sizeof *then);
    for (uint32_t t = 0; t < tables; t++) {
        then[t] = spec[t];
        if (spec[t].kind != PS_TABLE_TENSOR)
            then[t].rows = PS_MIN(then[t].rows, m->table[t].rows);
    }
    bool same = ps_specs_digest(then, tables, optimizer) == ps_specs_digest(m->table, tables, &m->optimizer);
    free(then);
    return same;
}

int ps_checkpoint_load(const char *folder, const bool owns[PS_SLOTS], const struct ps_table_spec *spec, uint32_t tables,
                       const struct ps_optimizer_spec *optimizer, struct ps_rows *rows, struct ps_marks *marks,
                       struct ps_error *err)
{
    struct ps_checkpoint c;
    int status = ps_checkpoint_open(&c, folder, err);
    if (status)
        return status;
    if (!has_tables(&c.manifest, spec, tables, optimizer))
        status =
            ps_fail(err, PS_EXIT_DATA, "checkpoint %s is of another model, dataset or optimiser than this run", folder);
    else if (c.marks.seed != marks->seed || c.marks.lanes != marks->lanes || c.marks.mode != marks->mode)
        status = ps_fail(err, PS_EXIT_DATA,
                         "checkpoint %s was made with another train.seed, train.lanes or "
                         "train.consistency than this run has",
                         folder);
    for (uint32_t slot = 0; slot < PS_SLOTS; slot++)
        for (uint32_t t = 0; !status && owns[slot] && t < tables; t++) {
            struct ps_segment segment;
            status = ps_checkpoint_segment(&c, slot, t, &segment, err);
            if (!status && segment.rows)
                status = load_segment(&c, &segment, &rows[t], err);
        }
    if (!status) {
        *marks = c.marks;
        c.marks.lane = NULL;
    }
    ps_checkpoint_close(&c);
    return status;
}

int ps_checkpoint_digest(const char *folder, uint64_t *digest, struct ps_error *err)
{
    struct ps_checkpoint c;
    int status = ps_checkpoint_open(&c, folder, err);
    if (status)
        return status;
    const struct ps_marks *m = &c.marks;
    const uint64_t state[] = {m->seed, m->v, m->steps, m->mode, m->epoch, m->lanes};
    uint64_t d =
        ps_hash64(state, sizeof state, ps_specs_digest(c.manifest.table, c.manifest.tables, &c.manifest.optimizer));
    for (uint32_t l = 0; l < m->lanes; l++) {
        const uint64_t lane[] = {m->lane[l].hwm, m->lane[l].ended};
        d = ps_hash64(lane, sizeof lane, d);
    }
    for (uint32_t i = 0; !status && i < PS_SLOTS * c.manifest.tables; i++) {
        struct ps_segment s;
        status = ps_checkpoint_segment(&c, i / c.manifest.tables, i % c.manifest.tables, &s, err);
        const uint64_t place[] = {s.slot, s.table, s.rows, s.width, s.content};
        if (!status && s.rows)
            d = ps_hash64(place, sizeof place, d);
    }
    ps_checkpoint_close(&c);
    if (!status)
        *digest = d;
    return status;
}
