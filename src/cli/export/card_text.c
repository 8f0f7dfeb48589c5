/* card_text.c - see card_text.h. */
#include "cli/export/card_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/export/graph.h"
#include "cli/measured.h"
#include "common/file.h"

const char *ps_card_unknown(const struct ps_dataset *dataset)
{
    return dataset->sessions.count
               ? "An item that the model does not know ranks behind all others; in a session it is passed over; a session of nothing else has no list."
               : "A user that the model does not know has the popular items; an item that it does not know ranks behind all others.";
}

static void put_data(const struct ps_dataset *d, FILE *to)
{
    fputs("\n## Data\n\n| | |\n|---|---|\n", to);
    if (d->sessions.count)
        fprintf(to, "| sessions in training | %" PRIu64 " |\n| next items in them | %" PRIu64 " |\n", d->sessions.train,
                d->sessions.targets[d->sessions.train]);
    else
        fprintf(to, "| users | %" PRIu64 " |\n", d->users);
    fprintf(to, "| items | %" PRIu64 " |\n", d->items);
    for (uint32_t b = 0; b < d->behaviours && !d->sessions.count; b++)
        fprintf(to, "| %s, in training | %" PRIu64 " |\n", d->behaviour[b], d->train[b].offset[d->users]);
    fprintf(to, "| held out: validation, test | %" PRIu64 ", %" PRIu64 " |\n| fingerprint | `%016" PRIx64 "` |\n", d->valid_count, d->test_count,
            d->fingerprint);
}

/* ---- what was measured ---- */

static void put_row(const struct ps_measured *m, const struct ps_config *config, const char *model, FILE *to)
{
    char metric[32];
    fprintf(to, "| %s |", model);
    for (int k = 0; k < config->eval.k_count; k++) {
        snprintf(metric, sizeof metric, "hr@%d", config->eval.k[k]);
        double hits = ps_measured_value(m, model, "all", metric);
        snprintf(metric, sizeof metric, "ndcg@%d", config->eval.k[k]);
        double gain = ps_measured_value(m, model, "all", metric);
        if (isnan(hits) || isnan(gain))
            fputs(" |", to);
        else
            fprintf(to, " %.4f / %.4f |", hits, gain);
    }
    fputc('\n', to);
}

static void put_split(const struct ps_measured *m, const struct ps_config *config, const char *split, FILE *to)
{
    const struct ps_yaml *models = ps_yaml_get(m->result, "models");
    fprintf(to, "\n%s: %s targets among %s; mask: %s, ties: %s, mean over %s. HR / NDCG:\n\n| |", split, ps_measured_protocol(m, "targets"),
            ps_measured_protocol(m, "candidates"), ps_measured_protocol(m, "mask"), ps_measured_protocol(m, "ties"),
            ps_measured_protocol(m, "mean"));
    for (int k = 0; k < config->eval.k_count; k++)
        fprintf(to, " @%d |", config->eval.k[k]);
    fputs("\n|---|", to);
    for (int k = 0; k < config->eval.k_count; k++)
        fputs("---|", to);
    fputc('\n', to);
    for (int k = 0; models && models->kind == PS_YAML_MAP && k < models->count; k++)
        put_row(m, config, models->child[k].key, to);
}

static int put_measured(const struct ps_card *card, const char *metrics, FILE *to, struct ps_error *err)
{
    static const char *const splits[][2] = {{"test", "Test"}, {"valid", "Validation"}};
    bool any = false;
    int status = 0;
    fputs("\n## How good it is\n", to);
    for (size_t k = 0; k < PS_COUNT(splits) && !status && !access(metrics, F_OK); k++) {
        struct ps_measured m;
        status = ps_measured_open(&m, metrics, splits[k][0], err);
        if (status)
            break;
        if (m.result)
            put_split(&m, &card->offline->config, splits[k][1], to);
        any |= m.result != NULL;
        ps_measured_close(&m);
    }
    fputs(any ? "\nA row other than the model's is a rule, nothing of which is learned: a model that does not beat it is not worth its training.\n"
              : "\nNothing was measured: the run has not ended, or the dataset holds nothing out.\n", to);
    return status;
}

/* ---- what is in the files ---- */

static const char *describe(const char *name)
{
    static const char *const known[][2] = {
        {PS_GRAPH_NAME, "the scoring function, for ONNX runtimes; its numbers are those of " PS_SAFETENSORS_NAME},
        {PS_SAFETENSORS_NAME, "all matrices"},
        {"users.tsv", "the original id of each row of users"},
        {"items.tsv", "the original id of each row of items"},
        {"visitors.tsv", "the original id of each row of visitors"},
        {"item.vector.npy", "for nearest-neighbour search: the score is the inner product with a user.vector, or a session's query"},
        {"item.popularity.npy", "the items' places by popularity, for users that are not known"}};
    for (size_t k = 0; k < PS_COUNT(known); k++)
        if (!strcmp(known[k][0], name))
            return known[k][1];
    return strstr(name, ".npy") ? "a matrix, as NumPy reads it" : strncmp(name, "top-", 4) ? "names of values" : "lists of the best items";
}

static void put_files(const struct ps_card *card, FILE *to)
{
    fputs("\n## Files\n\n| file | bytes | |\n|---|---|---|\n", to);
    for (size_t k = 0; k < card->files; k++)
        fprintf(to, "| `%s` | %" PRIu64 " | %s |\n", card->file[k].name, card->file[k].bytes, describe(card->file[k].name));
    fprintf(to, "\nUsers and items that it does not know: %s\n", ps_card_unknown(&card->offline->dataset));
}

int ps_card_text_write(const struct ps_card *card, const char *metrics, const char *folder, struct ps_error *err)
{
    const struct ps_offline *o = card->offline;
    char *text = NULL, *path = ps_format("%s/README.md", folder), *config = ps_config_write(&o->config);
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        ps_die(PS_EXIT_FAIL, "out of memory for a model card");
    fprintf(to, "# %s: %s\n\nSource: %s.\n\nWritten by penstock " PS_VERSION, o->model.class_->name, o->model.class_->title, o->model.class_->source);
    if (o->has_checkpoint)
        fprintf(to, ", from the checkpoint of epoch %u", o->checkpoint.manifest.epoch);
    fputs(". `" PS_CARD_NAME "` says the same to programs, with all metrics and a checksum of every file.\n", to);
    put_data(&o->dataset, to);
    int status = put_measured(card, metrics, to, err);
    put_files(card, to);
    fprintf(to, "\n## Configuration\n\n```yaml\n%s```\n", config);
    fclose(to);
    if (!status)
        status = ps_file_write(path, text, size, err);
    free(text), free(path), free(config);
    return status;
}
