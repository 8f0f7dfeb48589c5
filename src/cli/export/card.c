/* card.c - card.json, and what it has in common with README.md (card_text.c); see card.h. */
#include "cli/export/card.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/export/card_text.h"
#include "common/file.h"
#include "common/schema.h"
#include "coordinator/runlog.h"

enum { METRICS_LIMIT = 16 << 20 };

int ps_card_add(struct ps_card *card, const char *folder, const char *name, struct ps_error *err)
{
    PS_GROW(card->file, card->capacity, card->files + 1);
    struct ps_exported *file = &card->file[card->files];
    char *path = ps_format("%s/%s", folder, name);
    int status = ps_file_sum(path, &file->bytes, &file->sum, err);
    free(path);
    if (status)
        return status;
    file->name = ps_strdup(name);
    card->files++;
    return 0;
}

void ps_card_fini(struct ps_card *card)
{
    for (size_t k = 0; k < card->files; k++)
        free(card->file[k].name);
    free(card->file);
    *card = (struct ps_card){0};
}

static void put_text(FILE *to, const char *before, const char *key, const char *value)
{
    char text[PS_JSON_TEXT];
    fprintf(to, "%s\"%s\":\"%s\"", before, key, ps_json_text(value, text));
}

static void put_data(const struct ps_dataset *d, FILE *to)
{
    char text[PS_JSON_TEXT];
    put_text(to, ",\n \"data\":{", "path", d->path);
    fprintf(to, ",\"fingerprint\":\"%016" PRIx64 "\",\"items\":%" PRIu64, d->fingerprint, d->items);
    if (d->sessions.count)
        fprintf(to, ",\"sessions\":%" PRIu64 ",\"targets\":%" PRIu64 ",\"visitors\":%" PRIu64, d->sessions.train, d->sessions.targets[d->sessions.train],
                d->sessions.visitors);
    else
        fprintf(to, ",\"users\":%" PRIu64, d->users);
    fputs(d->sessions.count ? ",\"operations\":[" : ",\"behaviours\":[", to);
    for (uint32_t k = 0; k < d->sessions.operations && d->sessions.count; k++)
        fprintf(to, "%s\"%s\"", k ? "," : "", ps_json_text(d->sessions.operation_name[k], text));
    for (uint32_t b = 0; b < d->behaviours && !d->sessions.count; b++)
        fprintf(to, "%s{\"name\":\"%s\",\"interactions\":%" PRIu64 "}", b ? "," : "", ps_json_text(d->behaviour[b], text), d->train[b].offset[d->users]);
    fprintf(to, "],\"validation\":%" PRIu64 ",\"test\":%" PRIu64 "}", d->valid_count, d->test_count);
}

static void put_model(const struct ps_card *card, FILE *to)
{
    const struct ps_offline *o = card->offline;
    put_text(to, "{", "penstock", PS_VERSION);
    put_text(to, ",\n \"model\":{", "name", o->model.class_->name);
    put_text(to, ",", "title", o->model.class_->title);
    put_text(to, ",", "source", o->model.class_->source);
    if (card->tensors)
        fprintf(to, ",\"inner_product\":%s", card->tensors->inner ? "true" : "false");
    put_text(to, ",", "unknown", ps_card_unknown(&o->dataset));
    fputc('}', to);
    if (o->has_checkpoint) {
        const struct ps_manifest *m = &o->checkpoint.manifest;
        put_text(to, ",\n \"checkpoint\":{", "name", card->checkpoint);
        fprintf(to, ",\"epoch\":%u,\"samples\":%" PRIu64, m->epoch, m->tally.samples);
        if (*m->metric)
            put_text(to, ",", "validation_metric", m->metric), fprintf(to, ",\"validation\":%.10g", m->value);
        fputc('}', to);
    }
}

static void put_configuration(const struct ps_config *config, FILE *to)
{
    fputs(",\n \"configuration\":{", to);
    for (int k = 0; k < ps_config_schema.count; k++) {
        char *value = ps_key_print(&ps_config_schema.key[k], config);
        put_text(to, k ? "," : "", ps_config_schema.key[k].path, value);
        free(value);
    }
    fputc('}', to);
}

static void put_files(const struct ps_card *card, FILE *to)
{
    fputs(",\n \"files\":[", to);
    for (size_t k = 0; k < card->files; k++) {
        put_text(to, k ? ",\n  {" : "\n  {", "name", card->file[k].name);
        fprintf(to, ",\"bytes\":%" PRIu64 ",\"xxh64\":\"%016" PRIx64 "\"}", card->file[k].bytes, card->file[k].sum);
    }
    fputs("]}\n", to);
}

/* What the run has measured, as it wrote it itself; "null" where it has not ended. */
static int read_metrics(const char *path, char **text, struct ps_error *err)
{
    size_t size;
    if (access(path, F_OK)) {
        *text = ps_strdup("null");
        return 0;
    }
    int status = ps_file_read(path, METRICS_LIMIT, text, &size, err);
    while (!status && size && strchr("\n ", (*text)[size - 1]))
        (*text)[--size] = 0;
    return status;
}

static int write_json(const struct ps_card *card, const char *metrics, const char *folder, struct ps_error *err)
{
    char *measured, *text = NULL, *path;
    size_t size = 0;
    int status = read_metrics(metrics, &measured, err);
    if (status)
        return status;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        ps_die(PS_EXIT_FAIL, "out of memory for a model card");
    put_model(card, to);
    put_data(&card->offline->dataset, to);
    fprintf(to, ",\n \"metrics\":%s", measured);
    put_configuration(&card->offline->config, to);
    put_files(card, to);
    fclose(to);
    path = ps_format("%s/" PS_CARD_NAME, folder);
    status = ps_file_write(path, text, size, err);
    free(path), free(text), free(measured);
    return status;
}

int ps_card_write(const struct ps_card *card, const char *folder, struct ps_error *err)
{
    char *metrics = ps_format("%s/metrics.json", card->run);
    int status = ps_card_text_write(card, metrics, folder, err);
    if (!status)
        status = write_json(card, metrics, folder, err);
    free(metrics);
    return status;
}
