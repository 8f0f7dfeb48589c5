/* checkpoint_read.c - row files, mapped and checked; see checkpoint.h. */
#include <stdlib.h>
#include <string.h>

#include "server/checkpoint_format.h"
#include "server/initial.h"
#include "server/living.h"

enum { POSITION_LIMIT = 1 << 28 }; /* micro-batches of a lane in one epoch: far more than there are */

static char *path_of(const struct ps_checkpoint *c, uint32_t file)
{
    return ps_format("%s/%s", c->folder, c->manifest.file[file].name);
}

static int bad(const struct ps_checkpoint *c, uint32_t file, const char *what, struct ps_error *err)
{
    return ps_fail(err, PS_EXIT_DATA, "%s/%s is damaged: %s; use an older checkpoint", c->folder,
                   c->manifest.file[file].name, what);
}

/* Header and marks of a file. *end: where the segments begin. marks->lane is set on success. */
static int read_header(const struct ps_checkpoint *c, uint32_t file, struct ps_marks *marks, size_t *end,
                       struct ps_error *err)
{
    const struct ps_mapping *m = &c->mapping[file];
    struct ps_file_header h;
    if (m->size < sizeof h)
        return bad(c, file, "it is shorter than its header", err);
    memcpy(&h, m->data, sizeof h);
    if (memcmp(h.magic, PS_FILE_MAGIC, sizeof h.magic))
        return bad(c, file, "it does not begin like a row file", err);
    if (h.version != PS_FILE_VERSION)
        return ps_fail(err, PS_EXIT_DATA, "%s/%s has format version %u, this program reads %d", c->folder,
                       c->manifest.file[file].name, h.version, PS_FILE_VERSION);
    size_t size = sizeof h + (size_t)h.lanes * sizeof(struct ps_lane_mark);
    uint64_t sum;
    if (h.lanes > PS_MAX_LANES || m->size < size + sizeof sum)
        return bad(c, file, "it is shorter than its header", err);
    memcpy(&sum, m->data + size, sizeof sum);
    if (sum != ps_hash64(m->data, size, 0))
        return bad(c, file, "the checksum of its header is wrong", err);
    const struct ps_lane_mark *mark = (const struct ps_lane_mark *)(const void *)(m->data + sizeof h);
    for (uint32_t l = 0; l < h.lanes; l++)
        if (mark[l].ended > 1 || mark[l].hwm < mark[l].ended || mark[l].hwm > POSITION_LIMIT)
            return bad(c, file, "a lane's mark makes no sense", err);
    const struct ps_manifest *f = &c->manifest;
    if (h.since && h.since != f->since)
        return bad(c, file, "it builds upon another checkpoint than its manifest says", err);
    if (h.slots != PS_SLOTS || h.tables != f->tables ||
        h.specs != ps_specs_digest(f->table, f->tables, &f->optimizer) || h.run != f->run || h.cut != f->cut ||
        h.era != f->era || h.epoch != f->epoch || h.lanes != f->lanes || h.seed != f->seed || h.mode != f->mode)
        return ps_fail(err, PS_EXIT_DATA, "%s/%s is of another checkpoint than the manifest beside it", c->folder,
                       f->file[file].name);
    *marks = (struct ps_marks){.run = h.run,
                               .seed = h.seed,
                               .cut = h.cut,
                               .v = h.v,
                               .steps = h.steps,
                               .since = h.since,
                               .era = h.era,
                               .shard = h.shard,
                               .mode = h.mode,
                               .epoch = h.epoch,
                               .lanes = h.lanes};
    marks->lane = ps_malloc(h.lanes * sizeof *marks->lane);
    memcpy(marks->lane, m->data + sizeof h, h.lanes * sizeof *marks->lane);
    *end = size + sizeof sum;
    return 0;
}

/* The places of a file's segments, by walking from header to header: they must end exactly at the footer. */
static int read_places(struct ps_checkpoint *c, uint32_t file, size_t offset, size_t *capacity, struct ps_error *err)
{
    const struct ps_mapping *m = &c->mapping[file];
    struct ps_file_footer footer;
    size_t first = c->places;
    uint64_t rows = 0;
    if (m->size < offset + sizeof footer)
        return bad(c, file, "its end is missing", err);
    size_t end = m->size - sizeof footer;
    memcpy(&footer, m->data + end, sizeof footer);
    if (memcmp(footer.magic, PS_FOOTER_MAGIC, sizeof footer.magic) ||
        footer.sum != ps_hash64(&footer, offsetof(struct ps_file_footer, sum), 0))
        return bad(c, file, "its end is missing", err);
    while (offset < end) {
        struct ps_segment_header h;
        if (end - offset < sizeof h)
            return bad(c, file, "a segment is cut off", err);
        memcpy(&h, m->data + offset, sizeof h);
        offset += sizeof h;
        if (h.sum != ps_hash64(&h, offsetof(struct ps_segment_header, sum), 0))
            return bad(c, file, "the checksum of a segment's header is wrong", err);
        if (h.slot >= PS_SLOTS || h.table >= c->manifest.tables || !h.rows || h.rows > m->size / sizeof(uint64_t) ||
            h.width < c->manifest.table[h.table].width || h.width > (1u << 22) ||
            ps_segment_bytes(h.rows, h.width) > end - offset)
            return bad(c, file, "a segment makes no sense", err);
        PS_GROW(c->place, *capacity, c->places + 1);
        c->place[c->places++] = (struct ps_place){h.slot, h.table, file, h.width, offset, h.rows, h.content};
        rows += h.rows;
        offset += ps_segment_bytes(h.rows, h.width);
    }
    if (offset != end || footer.segments != c->places - first || footer.rows != rows)
        return bad(c, file, "it has not the segments that it should have", err);
    return 0;
}

static int by_slot_and_table(const void *a, const void *b)
{
    const struct ps_place *x = a, *y = b;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return (x->table > y->table) - (x->table < y->table);
}

static int same_marks(const struct ps_checkpoint *c, uint32_t file, const struct ps_marks *marks, struct ps_error *err)
{
    bool same = marks->v == c->marks.v && marks->steps == c->marks.steps;
    for (uint32_t l = 0; l < marks->lanes; l++)
        same &= marks->lane[l].hwm == c->marks.lane[l].hwm && marks->lane[l].ended == c->marks.lane[l].ended;
    return same ? 0 : bad(c, file, "it holds another state than the first file", err);
}

static int read_files(struct ps_checkpoint *c, struct ps_error *err)
{
    size_t capacity = 0;
    for (uint32_t f = 0; f < c->manifest.files; f++) {
        struct ps_marks marks;
        size_t offset = 0;
        char *path = path_of(c, f);
        int status = ps_mapping_open(&c->mapping[f], path, err);
        free(path);
        if (!status)
            status = read_header(c, f, &marks, &offset, err);
        if (status)
            return status;
        if (f == 0) {
            c->marks = marks;
        } else {
            status = same_marks(c, f, &marks, err);
            ps_marks_fini(&marks);
        }
        if (!status)
            status = read_places(c, f, offset, &capacity, err);
        if (status)
            return status;
    }
    if (c->places)
        qsort(c->place, c->places, sizeof *c->place, by_slot_and_table);
    for (size_t i = 0; i < c->places; i++) {
        uint32_t *found = &c->find[(size_t)c->place[i].slot * c->manifest.tables + c->place[i].table];
        if (*found)
            return bad(c, c->place[i].file, "another file has one of its segments too", err);
        *found = (uint32_t)i + 1;
    }
    return 0;
}

static int open_parent(struct ps_checkpoint *c, struct ps_error *err)
{
    struct ps_manifest manifest;
    char *folder;
    int status = ps_manifest_parent(&c->manifest, c->folder, &manifest, &folder, err);
    if (status)
        return status;
    ps_manifest_fini(&manifest);
    c->parent = ps_calloc(1, sizeof *c->parent);
    status = ps_checkpoint_open(c->parent, folder, err);
    const struct ps_manifest *mine = &c->manifest, *its = &c->parent->manifest;
    if (!status && (its->tables != mine->tables || its->seed != mine->seed ||
                    ps_specs_digest(its->table, its->tables, &its->optimizer) !=
                        ps_specs_digest(mine->table, mine->tables, &mine->optimizer))) {
        status = ps_fail(err, PS_EXIT_DATA, "%s is of another model than %s, which builds upon it", folder, c->folder);
        ps_checkpoint_close(c->parent);
    }
    free(folder);
    if (status) {
        free(c->parent);
        c->parent = NULL;
    }
    return status;
}

int ps_checkpoint_open(struct ps_checkpoint *c, const char *folder, struct ps_error *err)
{
    memset(c, 0, sizeof *c);
    int status = ps_manifest_read(&c->manifest, folder, err);
    if (status)
        return status;
    c->folder = ps_strdup(folder);
    c->mapping = ps_calloc(c->manifest.files, sizeof *c->mapping);
    c->find = ps_calloc((size_t)PS_SLOTS * c->manifest.tables, sizeof *c->find);
    status = ps_manifest_check_files(&c->manifest, folder, err);
    if (!status && !c->manifest.files)
        status = ps_fail(err, PS_EXIT_DATA, "%s/%s names no row files", folder, PS_MANIFEST_NAME);
    if (!status)
        status = read_files(c, err);
    if (!status && *c->manifest.parent)
        status = open_parent(c, err);
    if (status)
        ps_checkpoint_close(c);
    return status;
}

void ps_marks_fini(struct ps_marks *marks)
{
    free(marks->lane);
    *marks = (struct ps_marks){0};
}

void ps_checkpoint_close(struct ps_checkpoint *c)
{
    if (c->parent)
        ps_checkpoint_close(c->parent);
    free(c->parent);
    ps_buffer_fini(&c->merged);
    for (uint32_t f = 0; c->mapping && f < c->manifest.files; f++)
        ps_mapping_close(&c->mapping[f]);
    free(c->mapping);
    free(c->place);
    free(c->find);
    free(c->folder);
    ps_marks_fini(&c->marks);
    ps_manifest_fini(&c->manifest);
    memset(c, 0, sizeof *c);
}

int ps_checkpoint_verify(const struct ps_checkpoint *c, struct ps_error *err)
{
    for (uint32_t f = 0; f < c->manifest.files; f++)
        if (ps_hash64(c->mapping[f].data, c->mapping[f].size, 0) != c->manifest.file[f].checksum)
            return bad(c, f, "its checksum is not the one in the manifest", err);
    return c->parent ? ps_checkpoint_verify(c->parent, err) : 0;
}

/* Where this checkpoint has rows of a table in a slot, without those that it builds upon; NULL: nowhere. */
static const struct ps_place *find_place(const struct ps_checkpoint *c, uint32_t slot, uint32_t table)
{
    uint32_t found = c->find[(size_t)slot * c->manifest.tables + table];
    return found ? &c->place[found - 1] : NULL;
}

static struct ps_segment view(const struct ps_checkpoint *c, const struct ps_place *p)
{
    const unsigned char *content = c->mapping[p->file].data + p->offset;
    const uint64_t *key = (const uint64_t *)(const void *)content;
    return (struct ps_segment){p->slot,    p->table, p->width, p->rows,
                               p->content, key,      (const float *)(const void *)(key + p->rows)};
}

static int check_segment(const struct ps_checkpoint *c, const struct ps_place *p, const struct ps_segment *s,
                         struct ps_error *err)
{
    if (ps_hash64(s->key, ps_segment_bytes(s->rows, s->width), 0) != p->content)
        return bad(c, p->file, "the checksum of a segment is wrong", err);
    const struct ps_table_spec *spec = &c->manifest.table[s->table];
    for (uint64_t k = 0; k < s->rows; k++)
        if (s->key[k] >= spec->rows || (k && s->key[k] <= s->key[k - 1]) ||
            ps_slot_of(spec, s->table, s->key[k]) != s->slot)
            return bad(c, p->file, "a segment has rows that do not belong there", err);
    return 0;
}

/* A segment of one of the files, about the table that is asked for, or only about which of its ids are not there: their ids are in its partner (living.h). */
struct part {
    struct ps_segment segment;
    bool other;
};

/* Several parts, the newest first, as one segment: of an id that lies in several, the newest counts. */
static struct ps_segment merge(struct ps_buffer *buffer, struct part *part, int parts, uint32_t slot, uint32_t table, uint32_t width)
{
    uint64_t most = 0;
    for (int i = 0; i < parts; i++)
        most += part[i].other ? 0 : part[i].segment.rows;
    /* Rows are gathered behind room for all keys, and move up when it is known how many there are. */
    uint64_t *key = ps_buffer_need(buffer, ps_segment_bytes(most, width));
    float *row = (float *)(key + most);
    struct ps_segment out = {.slot = slot, .table = table, .width = width, .key = key};
    for (;;) {
        int first = -1;
        for (int i = 0; i < parts; i++)
            if (part[i].segment.rows && (first < 0 || *part[i].segment.key < *part[first].segment.key))
                first = i;
        if (first < 0)
            break;
        uint64_t next = *part[first].segment.key;
        if (!part[first].other) {
            memcpy(row + out.rows * width, part[first].segment.row, width * sizeof *row);
            key[out.rows++] = next;
        }
        for (int i = first; i < parts; i++) {
            struct ps_segment *s = &part[i].segment;
            if (!s->rows || *s->key != next)
                continue;
            s->key++;
            s->row += s->width;
            s->rows--;
        }
    }
    memmove(key + out.rows, row, out.rows * width * sizeof *row);
    out.row = (const float *)(key + out.rows);
    size_t size = ps_segment_bytes(out.rows, width), used = out.rows * (sizeof *key + width * sizeof *row);
    memset((char *)key + used, 0, size - used);
    out.content = ps_hash64(key, size, 0);
    return out;
}

int ps_checkpoint_segment(struct ps_checkpoint *c, uint32_t slot, uint32_t table, struct ps_segment *segment,
                          struct ps_error *err)
{
    struct part *part = NULL;
    size_t capacity = 0;
    int parts = 0, status = 0;
    uint32_t width = 0, about[] = {table, ps_living_partner(c->manifest.table, c->manifest.tables, table)};
    for (const struct ps_checkpoint *k = c; !status && k; k = k->parent)
        for (size_t a = 0; !status && a < PS_COUNT(about) && about[a] < c->manifest.tables; a++) {
            const struct ps_place *place = find_place(k, slot, about[a]);
            if (!place)
                continue;
            PS_GROW(part, capacity, parts + 1);
            part[parts] = (struct part){view(k, place), a > 0};
            status = check_segment(k, place, &part[parts].segment, err);
            if (!status && !a && width && place->width != width)
                status = bad(k, place->file, "its rows have another width than later ones", err);
            width = a ? width : place->width;
            parts++;
        }
    if (!status)
        *segment = parts == 1 && !part[0].other ? part[0].segment
                   : width                      ? merge(&c->merged, part, parts, slot, table, width)
                                                : (struct ps_segment){.slot = slot, .table = table};
    free(part);
    return status;
}

/* Whether a checkpoint, without those that it builds upon, has the id in a table; then *row is its row. */
static bool find_row(const struct ps_checkpoint *c, uint32_t slot, uint32_t table, uint64_t id, const float **row)
{
    const struct ps_place *place = find_place(c, slot, table);
    if (!place)
        return false;
    struct ps_segment s = view(c, place);
    uint64_t low = 0, high = s.rows;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (s.key[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    *row = s.row + low * s.width;
    return low < s.rows && s.key[low] == id;
}

static const float *row_of(const struct ps_checkpoint *c, uint32_t table, uint64_t id)
{
    uint32_t slot = ps_slot_of(&c->manifest.table[table], table, id), sightings = c->manifest.table[table].sightings;
    for (; c; c = c->parent) {
        const float *row;
        if (find_row(c, slot, table, id, &row))
            return row;
        if (sightings && find_row(c, slot, sightings, id, &row))
            return NULL;
    }
    return NULL;
}

void ps_checkpoint_fetch(const struct ps_checkpoint *c, uint32_t table, const uint64_t *id, uint64_t n, float *out)
{
    const struct ps_table_spec *spec = &c->manifest.table[table];
    for (uint64_t i = 0; i < n; i++, out += spec->width) {
        const float *row = row_of(c, table, id[i]);
        if (row)
            memcpy(out, row, spec->width * sizeof *out);
        else if (spec->sightings)
            memset(out, 0, spec->width * sizeof *out);
        else
            ps_row_initial(spec, table, c->manifest.seed, id[i], out);
    }
}

int ps_checkpoint_table(const struct ps_checkpoint *c, const char *name)
{
    for (uint32_t t = 0; t < c->manifest.tables; t++)
        if (!strcmp(c->manifest.table[t].name, name))
            return (int)t;
    return -1;
}
