/* pretrained.c - see pretrained.h. */
#include "cli/pretrained.h"

#include <stdlib.h>
#include <string.h>

#include "cli/first.h"
#include "server/checkpoint.h"
#include "server/optimizer.h"

enum { GMF, MLP, SOURCES };

static const char *const key[SOURCES] = {"model.pretrained_gmf", "model.pretrained_mlp"};

struct sources {
    const struct ps_run *into;
    struct ps_checkpoint checkpoint[SOURCES];
    bool open[SOURCES];
    const char *run[SOURCES];
};

/* What a field is made of: columns of a source's table, times a factor; a factor of 0: nothing. */
struct part {
    int table;
    uint32_t first;
    float factor;
};

static int refuse(const struct sources *s, int source, const struct ps_table_spec *spec, struct ps_error *err)
{
    return ps_fail(err, PS_EXIT_USAGE, "%s: the run %s has nothing that fits '%s' of this model; train it as %s on the same "
                   "data, with the same model.embedding and model.layers", key[source], s->run[source], spec->name,
                   source == GMF ? "gmf" : "mlp");
}

static int find_part(const struct sources *s, int source, const struct ps_table_spec *spec, const struct ps_field *field,
                     float factor, struct part *part, struct ps_error *err)
{
    const struct ps_checkpoint *c = &s->checkpoint[source];
    const char *name = spec->kind == PS_TABLE_TENSOR ? field->name : "embedding";
    *part = (struct part){.table = ps_checkpoint_table(c, spec->name), .factor = factor};
    if (part->table < 0 || c->manifest.table[part->table].rows != spec->rows)
        return refuse(s, source, spec, err);
    const struct ps_table_spec *from = &c->manifest.table[part->table];
    for (uint32_t f = 0; f < from->fields; f++)
        if (!strcmp(from->field[f].name, name) && from->field[f].width == field->width &&
            from->tensor_rows == spec->tensor_rows && from->tensor_cols == spec->tensor_cols) {
            part->first = from->field[f].first;
            return 0;
        }
    return refuse(s, source, spec, err);
}

/* Which sources a field is from. */
static int plan_field(const struct sources *s, const struct ps_table_spec *spec, const struct ps_field *field, double share,
                      struct part part[SOURCES], struct ps_error *err)
{
    double factor[SOURCES] = {0, 1}; /* a hidden layer, or the MLP's embedding */
    if (!strcmp(field->name, "embedding_gmf"))
        factor[GMF] = 1, factor[MLP] = 0;
    else if (!strcmp(spec->name, "gmf_h"))
        factor[GMF] = share, factor[MLP] = 0;
    else if (!strcmp(spec->name, "tower_h"))
        factor[MLP] = 1 - share;
    else if (!strcmp(spec->name, "bias"))
        factor[GMF] = share, factor[MLP] = 1 - share;
    int status = 0;
    for (int source = 0; !status && source < SOURCES; source++) {
        part[source] = (struct part){0};
        if (factor[source] != 0)
            status = find_part(s, source, spec, field, (float)factor[source], &part[source], err);
    }
    return status;
}

/* Adds a field's columns to n rows. */
static void fill(const struct sources *s, const struct part part[SOURCES], const struct ps_field *field, const uint64_t *id,
                 uint32_t n, float *const *row)
{
    for (int source = 0; source < SOURCES; source++) {
        if (part[source].factor == 0)
            continue;
        const struct ps_checkpoint *c = &s->checkpoint[source];
        uint32_t width = c->manifest.table[part[source].table].width;
        float *from = ps_malloc((size_t)n * width * sizeof *from);
        ps_checkpoint_fetch(c, (uint32_t)part[source].table, id, n, from);
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; j < field->width; j++)
                row[i][field->first + j] += part[source].factor * from[(size_t)i * width + part[source].first + j];
        free(from);
    }
}

/* The rows of one table that belong to one file. */
static int make_rows(const void *ctx, uint32_t table, const struct ps_slot_map *map, uint32_t file, struct ps_rows *rows, struct ps_error *err)
{
    const struct sources *s = ctx;
    const struct ps_run *run = s->into;
    const struct ps_table_spec *spec = &run->model.table[table];
    struct part part[PS_MAX_FIELDS][SOURCES];
    int status = 0;
    if (spec->kind == PS_TABLE_SIGHTINGS) /* all have rows */
        return 0;
    for (uint32_t f = 0; !status && f < spec->fields; f++)
        status = plan_field(s, spec, &spec->field[f], run->config.model.pretrained_share, part[f], err);
    for (uint64_t next = 0; !status && next < spec->rows;) {
        uint64_t id[PS_ROWS_BATCH];
        float *row[PS_ROWS_BATCH];
        uint32_t n = 0, fresh[PS_ROWS_BATCH];
        for (; next < spec->rows && n < PS_ROWS_BATCH; next++)
            if (map->shard_of[ps_slot_of(spec, table, next)] == file)
                id[n++] = next;
        ps_rows_make(rows, id, n, row, fresh);
        for (uint32_t i = 0; i < n; i++) {
            memset(row[i], 0, rows->width * sizeof **row);
            ps_optimizer_init_state(&run->config.optimizer, spec->width, row[i] + spec->width);
        }
        for (uint32_t f = 0; f < spec->fields; f++)
            fill(s, part[f], &spec->field[f], id, n, row);
    }
    return status;
}

static int open_source(struct sources *s, int source, const struct ps_run *run, struct ps_error *err)
{
    struct ps_checkpoint *c = &s->checkpoint[source];
    char *folder = ps_run_checkpoint(s->run[source], "best");
    int status = ps_checkpoint_open(c, folder, err);
    free(folder);
    s->open[source] = !status;
    if (!status)
        status = ps_checkpoint_verify(c, err);
    if (!status && c->manifest.dataset != run->dataset.fingerprint)
        status = ps_fail(err, PS_EXIT_USAGE, "%s: the run %s was trained on another preparation of the dataset than %s", key[source],
                         s->run[source], run->config.data.path);
    return status;
}

int ps_pretrained_make(const struct ps_run *run, char **folder, struct ps_error *err)
{
    struct sources s = {.into = run, .run = {run->config.model.pretrained_gmf, run->config.model.pretrained_mlp}};
    int given = *s.run[GMF] ? GMF : MLP, status = 0;
    if (!run->model.class_->options || !strstr(run->model.class_->options, "pretrained_gmf"))
        return ps_fail(err, PS_EXIT_USAGE, "%s is for models made of GMF and MLP (neumf, mc_neumf), but model.name is %s", key[given],
                       run->model.class_->name);
    if (!*s.run[1 - given])
        return ps_fail(err, PS_EXIT_USAGE, "%s is given without %s; name a run for both", key[given], key[1 - given]);
    for (int source = 0; !status && source < SOURCES; source++)
        status = open_source(&s, source, run, err);
    if (!status)
        status = ps_first_write(run, &(struct ps_first_source){make_rows, &s}, folder, err);
    for (int source = 0; source < SOURCES; source++)
        if (s.open[source])
            ps_checkpoint_close(&s.checkpoint[source]);
    return status;
}
