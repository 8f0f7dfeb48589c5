/* manifest.c - manifest.yaml as text and back; see manifest.h. */
#include "common/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/sealed.h"

static const char ADVICE[] = "use an older checkpoint";

static void print_table(FILE *out, const struct ps_table_spec *t)
{
    fputs("  - name: ", out);
    ps_sealed_text(out, t->name);
    fprintf(out, "\n    kind: %d\n    rows: %" PRIu64 "\n    width: %u\n    tensor: [%u, %u]\n", t->kind, t->rows, t->width, t->tensor_rows,
            t->tensor_cols);
    if (t->sightings || t->counts)
        fprintf(out, "    life: {sightings: %u, admit_after: %u, evict_after: %u, counts: %d}\n", t->sightings, t->admit_after, t->evict_after,
                t->counts);
    fputs("    fields:\n", out);
    for (uint32_t f = 0; f < t->fields; f++) {
        const struct ps_field *field = &t->field[f];
        fputs("      - {name: ", out);
        ps_sealed_text(out, field->name);
        fprintf(out, ", first: %u, width: %u, init: %d, scale: %.9g}\n", field->first, field->width, field->init,
                (double)field->scale);
    }
}

/* The configuration as a literal block: readable, and taken back byte for byte but for blank lines at its end. */
static void print_config(FILE *out, const char *text)
{
    fputs("config: |2\n", out);
    while (*text) {
        size_t length = strcspn(text, "\n");
        fprintf(out, "%s%.*s\n", length ? "  " : "", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void print_manifest(FILE *out, const struct ps_manifest *m)
{
    char time[32];
    ps_timestamp(time);
    fprintf(out, "# A checkpoint of Penstock: the files below are whole when their sizes and XXH64 are these.\n");
    fprintf(out, "version: 3\nwritten: '%s'\n", time);
    fprintf(out, "run: %" PRIu64 "\nera: %u\nterm: %u\ncut: %" PRIu64 "\nepoch: %u\ncomplete: %s\nstep: %" PRIu64
            "\nmode: %u\n", m->run, m->era, m->term, m->cut, m->epoch, m->complete ? "yes" : "no", m->step, m->mode);
    fputs("parent: ", out);
    ps_sealed_text(out, m->parent);
    fprintf(out, "\nsince: %" PRIu64 "\n", m->since);
    fprintf(out, "seed: %" PRIu64 "\nslots: %u\ndataset: %" PRIu64 "\nblas: ", m->seed, m->slots, m->dataset);
    ps_sealed_text(out, m->blas);
    fputs("\nmetric: ", out);
    ps_sealed_text(out, m->metric);
    fprintf(out, "\nvalue: %.17g\nbest: %.17g\nbest_epoch: %u\ntraining: ", m->value, m->best, m->best_epoch);
    ps_tally_print(out, &m->tally);
    fputc('\n', out);
    const struct ps_optimizer_spec *o = &m->optimizer;
    fprintf(out,
            "optimizer: {kind: %d, lr: %.9g, momentum: %.9g, initial_accumulator: %.9g, beta1: %.9g, beta2: %.9g, "
            "epsilon: %.9g, weight_decay: %.9g}\n",
            o->kind, (double)o->lr, (double)o->momentum, (double)o->initial_accumulator, (double)o->beta1,
            (double)o->beta2, (double)o->epsilon, (double)o->weight_decay);
    fputs("files:\n", out);
    for (uint32_t i = 0; i < m->files; i++) {
        fputs("  - {name: ", out);
        ps_sealed_text(out, m->file[i].name);
        fprintf(out, ", bytes: %" PRIu64 ", xxh64: %" PRIu64 "}\n", m->file[i].bytes, m->file[i].checksum);
    }
    fputs("tables:\n", out);
    for (uint32_t i = 0; i < m->tables; i++)
        print_table(out, &m->table[i]);
    fputs("lanes:\n", out);
    for (uint32_t l = 0; l < m->lanes; l++)
        if (m->lane[l].finished)
            fprintf(out, "  - [%" PRIu64 ", finished, %" PRIu64 ", %.17g]\n", m->lane[l].position, m->lane[l].samples,
                    m->lane[l].loss);
        else
            fprintf(out, "  - [%" PRIu64 ", %s]\n", m->lane[l].position, m->lane[l].ended ? "ended" : "open");
    print_config(out, m->config ? m->config : "");
}

int ps_manifest_write(const struct ps_manifest *m, const char *folder, struct ps_error *err)
{
    struct ps_text sealed;
    ps_text_open(&sealed);
    print_manifest(sealed.out, m);
    char *text = ps_sealed_end(&sealed), *path = ps_format("%s/%s", folder, PS_MANIFEST_NAME);
    int status = ps_file_write(path, text, sealed.size, err);
    free(path);
    free(text);
    return status;
}

static void read_optimizer(struct ps_reading *r, const struct ps_yaml *map, struct ps_optimizer_spec *o)
{
    o->kind = (enum ps_optimizer_kind)ps_read_whole(r, map, "kind", PS_OPT_ADAGRAD_MOMENTUM);
    o->lr = (float)ps_read_real(r, map, "lr");
    o->momentum = (float)ps_read_real(r, map, "momentum");
    o->initial_accumulator = (float)ps_read_real(r, map, "initial_accumulator");
    o->beta1 = (float)ps_read_real(r, map, "beta1");
    o->beta2 = (float)ps_read_real(r, map, "beta2");
    o->epsilon = (float)ps_read_real(r, map, "epsilon");
    o->weight_decay = (float)ps_read_real(r, map, "weight_decay");
    if (!r->status && !o->kind)
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: the optimizer has no kind", r->path);
}

/* Of ids that come and go, where there is something to say. */
static void read_life(struct ps_reading *r, const struct ps_yaml *map, struct ps_table_spec *t)
{
    if (r->status || !ps_yaml_get(map, "life"))
        return;
    const struct ps_yaml *life = ps_read_child(r, map, "life", PS_YAML_MAP);
    t->sightings = (uint32_t)ps_read_whole(r, life, "sightings", PS_MAX_TABLES - 1);
    t->admit_after = (uint32_t)ps_read_whole(r, life, "admit_after", UINT32_MAX);
    t->evict_after = (uint32_t)ps_read_whole(r, life, "evict_after", UINT32_MAX);
    t->counts = (enum ps_table_kind)ps_read_whole(r, life, "counts", PS_TABLE_KINDS - 1);
}

static void read_table(struct ps_reading *r, const struct ps_yaml *map, struct ps_table_spec *t)
{
    ps_read_text(r, map, "name", t->name, sizeof t->name);
    t->kind = (enum ps_table_kind)ps_read_whole(r, map, "kind", PS_TABLE_KINDS - 1);
    t->rows = ps_read_whole(r, map, "rows", UINT64_MAX);
    t->width = (uint32_t)ps_read_whole(r, map, "width", 1 << 20);
    read_life(r, map, t);
    const struct ps_yaml *tensor = ps_read_child(r, map, "tensor", PS_YAML_LIST),
                         *fields = ps_read_child(r, map, "fields", PS_YAML_LIST);
    if (r->status)
        return;
    if (!t->kind || !t->width || tensor->count != 2 || tensor->child[0].kind != PS_YAML_SCALAR ||
        tensor->child[1].kind != PS_YAML_SCALAR || fields->count > PS_MAX_FIELDS) {
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: table '%s' makes no sense", r->path, t->name);
        return;
    }
    t->tensor_rows = (uint32_t)ps_read_number(r, &tensor->child[0], UINT32_MAX, "tensor");
    t->tensor_cols = (uint32_t)ps_read_number(r, &tensor->child[1], UINT32_MAX, "tensor");
    t->fields = (uint32_t)fields->count;
    for (uint32_t f = 0; f < t->fields; f++) {
        struct ps_field *field = &t->field[f];
        ps_read_text(r, &fields->child[f], "name", field->name, sizeof field->name);
        field->first = (uint32_t)ps_read_whole(r, &fields->child[f], "first", t->width);
        field->width = (uint32_t)ps_read_whole(r, &fields->child[f], "width", t->width - PS_MIN(field->first, t->width));
        field->init = (enum ps_init)ps_read_whole(r, &fields->child[f], "init", PS_INIT_UNIFORM);
        field->scale = (float)ps_read_real(r, &fields->child[f], "scale");
    }
}

static void read_lane(struct ps_reading *r, const struct ps_yaml *node, struct ps_manifest_lane *lane)
{
    if (r->status)
        return;
    bool sound = node->kind == PS_YAML_LIST && node->count >= 2;
    for (int i = 0; sound && i < node->count; i++)
        sound = node->child[i].kind == PS_YAML_SCALAR;
    if (sound) {
        lane->finished = !strcmp(node->child[1].text, "finished");
        lane->ended = lane->finished || !strcmp(node->child[1].text, "ended");
        sound = node->count == (lane->finished ? 4 : 2);
    }
    if (!sound) {
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: a lane is not [position, open], [position, ended] or [position, finished, "
                            "samples, loss]", r->path);
        return;
    }
    lane->position = ps_read_number(r, &node->child[0], UINT64_MAX, "lanes");
    if (lane->finished) {
        lane->samples = ps_read_number(r, &node->child[2], UINT64_MAX, "lanes");
        lane->loss = strtod(node->child[3].text, NULL);
    }
}

static void read_arrays(struct ps_reading *r, const struct ps_yaml *root, struct ps_manifest *m)
{
    const struct ps_yaml *files = ps_read_child(r, root, "files", PS_YAML_LIST),
                         *tables = ps_read_child(r, root, "tables", PS_YAML_LIST),
                         *lanes = ps_read_child(r, root, "lanes", PS_YAML_LIST);
    if (!r->status && (files->count > PS_MAX_SHARDS || tables->count > PS_MAX_TABLES || lanes->count > PS_MAX_LANES))
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s has more files, tables or lanes than are possible", r->path);
    if (r->status)
        return;
    m->files = (uint32_t)files->count;
    m->file = ps_calloc(m->files, sizeof *m->file);
    for (uint32_t i = 0; i < m->files; i++) {
        struct ps_file_entry *file = &m->file[i];
        ps_read_text(r, &files->child[i], "name", file->name, sizeof file->name);
        file->bytes = ps_read_whole(r, &files->child[i], "bytes", UINT64_MAX);
        file->checksum = ps_read_whole(r, &files->child[i], "xxh64", UINT64_MAX);
        if (!r->status && (!*file->name || strchr(file->name, '/')))
            r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: '%s' is no name of a file beside it", r->path, file->name);
    }
    m->tables = (uint32_t)tables->count;
    m->table = ps_calloc(m->tables, sizeof *m->table);
    for (uint32_t i = 0; i < m->tables; i++)
        read_table(r, &tables->child[i], &m->table[i]);
    m->lanes = (uint32_t)lanes->count;
    m->lane = ps_calloc(m->lanes, sizeof *m->lane);
    for (uint32_t i = 0; i < m->lanes; i++)
        read_lane(r, &lanes->child[i], &m->lane[i]);
}

static void read_manifest(struct ps_reading *r, const struct ps_yaml *root, struct ps_manifest *m)
{
    char complete[8] = "";
    if (ps_read_whole(r, root, "version", UINT32_MAX) != 3 && !r->status)
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s is of another format; use the program that wrote it", r->path);
    m->run = ps_read_whole(r, root, "run", UINT64_MAX);
    m->era = (uint32_t)ps_read_whole(r, root, "era", UINT32_MAX);
    m->term = (uint32_t)ps_read_whole(r, root, "term", UINT32_MAX);
    m->cut = ps_read_whole(r, root, "cut", UINT64_MAX);
    m->epoch = (uint32_t)ps_read_whole(r, root, "epoch", UINT32_MAX);
    ps_read_text(r, root, "complete", complete, sizeof complete);
    m->complete = !strcmp(complete, "yes");
    m->step = ps_read_whole(r, root, "step", UINT64_MAX);
    ps_read_text(r, root, "parent", m->parent, sizeof m->parent);
    m->since = ps_read_whole(r, root, "since", UINT64_MAX);
    if (!r->status && (strchr(m->parent, '/') || *m->parent == '.' || !*m->parent != !m->since || (m->since && m->since >= m->cut)))
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: parent '%s' makes no sense", r->path, m->parent);
    m->mode = (uint32_t)ps_read_whole(r, root, "mode", UINT32_MAX);
    m->seed = ps_read_whole(r, root, "seed", UINT64_MAX);
    m->slots = (uint32_t)ps_read_whole(r, root, "slots", UINT32_MAX);
    m->dataset = ps_read_whole(r, root, "dataset", UINT64_MAX);
    ps_read_text(r, root, "blas", m->blas, sizeof m->blas);
    ps_read_text(r, root, "metric", m->metric, sizeof m->metric);
    m->value = ps_read_real(r, root, "value");
    m->best = ps_read_real(r, root, "best");
    m->best_epoch = (uint32_t)ps_read_whole(r, root, "best_epoch", UINT32_MAX);
    ps_tally_read(r, ps_read_child(r, root, "training", PS_YAML_MAP), &m->tally);
    read_optimizer(r, ps_read_child(r, root, "optimizer", PS_YAML_MAP), &m->optimizer);
    read_arrays(r, root, m);
    const struct ps_yaml *config = ps_read_child(r, root, "config", PS_YAML_SCALAR);
    if (config)
        m->config = ps_strdup(config->text);
}

int ps_manifest_read(struct ps_manifest *manifest, const char *folder, struct ps_error *err)
{
    char *path = ps_format("%s/%s", folder, PS_MANIFEST_NAME);
    struct ps_manifest m = {0};
    struct ps_yaml *root = NULL;
    struct stat info;
    int status;
    if (stat(path, &info) && errno == ENOENT)
        status = ps_fail(err, PS_EXIT_DATA, "%s is no checkpoint: it has no %s", folder, PS_MANIFEST_NAME);
    else
        status = ps_sealed_load(path, ADVICE, &root, err);
    if (!status) {
        struct ps_reading r = {.path = path, .advice = ADVICE, .err = err};
        read_manifest(&r, root, &m);
        status = r.status;
        ps_yaml_free(root);
    }
    free(path);
    if (status)
        ps_manifest_fini(&m);
    else
        *manifest = m;
    return status;
}

int ps_manifest_check_files(const struct ps_manifest *m, const char *folder, struct ps_error *err)
{
    for (uint32_t i = 0; i < m->files; i++) {
        struct stat info;
        char *path = ps_format("%s/%s", folder, m->file[i].name);
        int status = 0;
        if (stat(path, &info))
            status = ps_fail_errno(err, PS_EXIT_DATA, "checkpoint %s misses its file %s", folder, m->file[i].name);
        else if ((uint64_t)info.st_size != m->file[i].bytes)
            status = ps_fail(err, PS_EXIT_DATA,
                             "%s has %" PRIu64 " bytes, its manifest says %" PRIu64
                             ": it is truncated or of another checkpoint",
                             path, (uint64_t)info.st_size, m->file[i].bytes);
        free(path);
        if (status)
            return status;
    }
    return 0;
}

/* Sightings, which are behind all others, are the servers' own. */
static uint32_t of_model(const struct ps_table_spec *table, uint32_t tables)
{
    while (tables && table[tables - 1].kind == PS_TABLE_SIGHTINGS)
        tables--;
    return tables;
}

int ps_manifest_check_tables(const struct ps_manifest *m, const char *folder, const struct ps_table_spec *table, int tables,
                             struct ps_error *err)
{
    uint32_t there = of_model(m->table, m->tables), wanted = of_model(table, (uint32_t)tables);
    if (there != wanted)
        return ps_fail(err, PS_EXIT_DATA, "checkpoint %s has %u tables, the model has %u: it is another model's", folder, there, wanted);
    for (uint32_t t = 0; t < there; t++) {
        const struct ps_table_spec *a = &m->table[t], *b = &table[t];
        bool rows = a->kind == PS_TABLE_TENSOR ? a->rows == b->rows : a->rows <= b->rows;
        if (strcmp(a->name, b->name) || a->kind != b->kind || !rows || a->width != b->width)
            return ps_fail(err, PS_EXIT_DATA, "checkpoint %s has table '%s' of %" PRIu64 " x %u, the model wants '%s' of %" PRIu64 " x %u: "
                           "the model's options or the dataset differ", folder, a->name, a->rows, a->width, b->name, b->rows, b->width);
    }
    return 0;
}

int ps_manifest_parent(const struct ps_manifest *m, const char *folder, struct ps_manifest *parent, char **parent_folder,
                       struct ps_error *err)
{
    struct ps_error why;
    char *path = ps_format("%s/../%s", folder, m->parent); /* `folder` may be a link: this is beside what it points at */
    int status = ps_manifest_read(parent, path, &why);
    if (status) {
        ps_fail(err, PS_EXIT_DATA, "checkpoint %s needs the one before it, %s: %s", folder, m->parent, why.text);
    } else if (parent->run != m->run || parent->cut != m->since) {
        status = ps_fail(err, PS_EXIT_DATA, "checkpoint %s needs the one before it, but %s is another one than it was", folder, path);
        ps_manifest_fini(parent);
    }
    if (status)
        free(path);
    else
        *parent_folder = path;
    return status;
}

int ps_manifest_verify(const struct ps_manifest *m, const char *folder, struct ps_error *err)
{
    int status = ps_manifest_check_files(m, folder, err);
    for (uint32_t i = 0; !status && i < m->files; i++) {
        char *path = ps_format("%s/%s", folder, m->file[i].name);
        uint64_t bytes, sum;
        status = ps_file_sum(path, &bytes, &sum, err);
        if (!status && (bytes != m->file[i].bytes || sum != m->file[i].checksum))
            status = ps_fail(err, PS_EXIT_DATA, "%s is damaged: its checksum is not the one in the manifest", path);
        free(path);
    }
    if (status || !*m->parent)
        return status;
    struct ps_manifest parent;
    char *parent_folder;
    status = ps_manifest_parent(m, folder, &parent, &parent_folder, err);
    if (status)
        return status;
    status = ps_manifest_verify(&parent, parent_folder, err);
    ps_manifest_fini(&parent);
    free(parent_folder);
    return status;
}

void ps_manifest_fini(struct ps_manifest *m)
{
    free(m->lane);
    free(m->table);
    free(m->file);
    free(m->config);
    *m = (struct ps_manifest){0};
}
