/* export.c - penstock export: a checkpoint in formats that others read, with the original ids and a model card.
 *
 * Everything is written into a folder inside DIR first. Then DIR's card and the files that it listed are removed and the new ones moved in,
 * the card last: where there is a card, all that it lists is there and fits together.
 */
#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/export/card.h"
#include "cli/export/formats.h"
#include "cli/export/graph.h"
#include "cli/lists.h"
#include "cli/measured.h"
#include "common/file.h"

enum { KEY_OUT = 1000, KEY_FORMAT };
enum { NPY = 1, SAFETENSORS = 2, ONNX = 4, TOPK = 8 };

struct arguments {
    struct ps_of_run of;
    const char *out;
    int formats, k;
};

static const struct argp_option options[] = {
    {"format", KEY_FORMAT, "LIST", 0, "Any of npy (default), safetensors, onnx, topk, parted by commas", 0},
    {"topk", 'k', "K", 0, "Items a user in the lists of --format topk (default 10, at most 1000)", 0},
    {"out", KEY_OUT, "DIR", 0, "Where to write (default: RUN/export)", 0},
    {0}};

static const char doc[] =
    "Write a checkpoint in formats that others read, with the original ids and a model card.\v"
    "npy: every matrix as a file, float32: TABLE.FIELD.npy has a row for every user or item (one that was never trained has its initial value). "
    "With side features (model.features) item.brand.FIELD.npy has a row for every value, and item.FIELD.composed.npy the items' rows with all of "
    "their features added: what is ranked by. safetensors: all of them in model.safetensors. onnx: the scoring function in model.onnx, rows of users (or a session) "
    "and of items in, scores out; its numbers are those of model.safetensors, which is written too. topk: lists of the best items, as 'penstock recommend' makes them. "
    "users.tsv, items.tsv and so on give the original id of each row; card.json and README.md say what the model is, what it was trained on and how it was measured. "
    "docs/export.md has all of it, with examples.";

static int parse_formats(const char *list, struct argp_state *state)
{
    static const char *const names[] = {"npy", "safetensors", "onnx", "topk", NULL};
    char *copy = ps_strdup(list), *rest = copy;
    int formats = 0;
    for (char *name; (name = strsep(&rest, ","));)
        formats |= 1 << ps_argument_choice("--format", name, names, state);
    free(copy);
    return formats;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_FORMAT: a->formats = parse_formats(arg, state); return 0;
    case 'k': a->k = ps_argument_number("--topk", arg, 1, PS_TOP_MAX, state); return 0;
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->of; return 0;
    case KEY_OUT: a->out = arg; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- the formats ---- */

static int export_npy(const struct ps_tensors *tensors, const char *folder, struct ps_card *card, struct ps_error *err)
{
    int status = 0;
    for (int k = 0; k < tensors->count && !status; k++) {
        char *name = ps_format("%s.npy", tensors->tensor[k].name), *path = ps_format("%s/%s", folder, name);
        status = ps_npy_write(tensors, &tensors->tensor[k], path, err);
        if (!status)
            status = ps_card_add(card, folder, name, err);
        free(name), free(path);
    }
    return status;
}

static int export_values(const struct ps_tensors *tensors, bool graph, const char *folder, struct ps_card *card, struct ps_error *err)
{
    const struct ps_offline *o = tensors->offline;
    char *text = ps_config_write(&o->config), data[24], settings[24], epoch[16];
    snprintf(data, sizeof data, "%016llx", (unsigned long long)o->dataset.fingerprint);
    snprintf(settings, sizeof settings, "%016llx", (unsigned long long)ps_hash64(text, strlen(text), 0));
    snprintf(epoch, sizeof epoch, "%u", o->checkpoint.manifest.epoch);
    const char *const metadata[] = {"model", o->model.class_->name, "epoch", epoch, "dataset", data, "configuration", settings, "penstock", PS_VERSION, NULL};
    char *values = ps_format("%s/" PS_SAFETENSORS_NAME, folder), *model = ps_format("%s/" PS_GRAPH_NAME, folder);
    struct ps_safetensors file;
    ps_safetensors_init(&file, tensors, metadata);
    int status = ps_safetensors_write(&file, tensors, values, err);
    if (!status)
        status = ps_card_add(card, folder, PS_SAFETENSORS_NAME, err);
    if (!status && graph)
        status = ps_graph_write(tensors, &file, metadata, model, err);
    if (!status && graph)
        status = ps_card_add(card, folder, PS_GRAPH_NAME, err);
    ps_safetensors_fini(&file);
    free(text), free(values), free(model);
    return status;
}

static int export_lists(struct ps_offline *offline, int k, const char *folder, struct ps_card *card, struct ps_error *err)
{
    char *name = ps_format("top-%d.tsv", k), *path = ps_format("%s/%s", folder, name);
    FILE *to = fopen(path, "we");
    int status = to ? 0 : ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write %s", path);
    if (to) {
        status = ps_lists_write(offline, &(struct ps_listed){.count = offline->dataset.users}, k, to, err);
        bool failed = (fflush(to) | fsync(fileno(to))) != 0;
        if ((ferror(to) | fclose(to) | failed) && !status)
            status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write %s", path);
    }
    if (!status)
        status = ps_card_add(card, folder, name, err);
    free(name), free(path);
    return status;
}

static int export_names(const struct ps_dataset *dataset, const char *folder, const char *table, enum ps_entity entity,
                        const struct ps_feature *feature, struct ps_card *card, struct ps_error *err)
{
    char *name = ps_format("%s.tsv", table), *path = ps_format("%s/%s", folder, name);
    int status = ps_export_names(dataset, entity, feature, path, err);
    if (!status)
        status = ps_card_add(card, folder, name, err);
    free(name), free(path);
    return status;
}

static int export_all_names(const struct ps_offline *o, const char *folder, struct ps_card *card, struct ps_error *err)
{
    int status = export_names(&o->dataset, folder, "users", PS_USERS, NULL, card, err);
    if (!status)
        status = export_names(&o->dataset, folder, "items", PS_ITEMS, NULL, card, err);
    if (!status && o->dataset.sessions.visitors)
        status = export_names(&o->dataset, folder, "visitors", PS_VISITORS, NULL, card, err);
    for (int k = 0; !status && k < o->model.recipe.features; k++)
        status = export_names(&o->dataset, folder, o->model.table[o->model.first_feature + k].name, PS_ITEMS,
                              &o->dataset.feature[o->model.recipe.feature[k]], card, err);
    return status;
}

/* ---- into the folder ---- */

/* The files that the card of an earlier export lists, and first the card itself. */
static int remove_earlier(const char *folder, struct ps_error *err)
{
    char *path = ps_format("%s/" PS_CARD_NAME, folder);
    struct ps_yaml *root = NULL;
    struct ps_error ignored;
    bool listed = !access(path, F_OK) && !ps_yaml_load(path, PS_EXIT_DATA, &root, &ignored);
    const struct ps_yaml *files = listed && root->kind == PS_YAML_MAP ? ps_yaml_get(root, "files") : NULL;
    int status = ps_folder_remove(path, err);
    free(path);
    for (int k = 0; files && files->kind == PS_YAML_LIST && k < files->count && !status; k++) {
        const char *name = ps_measured_text(&files->child[k], "name");
        if (!*name || *name == '.' || strchr(name, '/'))
            continue;
        path = ps_format("%s/%s", folder, name);
        unlink(path);
        free(path);
    }
    if (root)
        ps_yaml_free(root);
    return status ? status : ps_folder_sync(folder, err);
}

static int move_in(const char *from, const char *folder, const char *name, struct ps_error *err)
{
    char *old = ps_format("%s/%s", from, name), *new = ps_format("%s/%s", folder, name);
    int status = rename(old, new) ? ps_fail_errno(err, PS_EXIT_STORAGE, "cannot move %s to %s", old, new) : 0;
    free(old), free(new);
    return status;
}

static int publish(const struct ps_card *card, const char *from, const char *folder, struct ps_error *err)
{
    int status = remove_earlier(folder, err);
    for (size_t k = 0; k < card->files && !status; k++)
        status = move_in(from, folder, card->file[k].name, err);
    if (!status)
        status = move_in(from, folder, "README.md", err);
    if (!status)
        status = ps_folder_sync(folder, err);
    if (!status)
        status = move_in(from, folder, PS_CARD_NAME, err);
    if (!status)
        status = ps_folder_sync(folder, err);
    for (size_t k = 0; k < card->files && !status; k++)
        printf("%s/%s\n", folder, card->file[k].name);
    if (!status)
        printf("%s/README.md\n%s/" PS_CARD_NAME "\n", folder, folder);
    return status;
}

/* What is impossible is said before anything is written. */
static int check(const struct arguments *a, const struct ps_offline *offline, struct ps_tensors *tensors, struct ps_error *err)
{
    if (!offline->has_checkpoint && a->formats != TOPK)
        return ps_fail(err, PS_EXIT_USAGE, "'%s' is a rule: it has no tables to export; --format topk writes its lists", offline->config.model.name);
    int status = offline->has_checkpoint ? ps_tensors_open(tensors, (struct ps_offline *)offline, err) : 0;
    return !status && a->formats & ONNX ? ps_graph_check(tensors, err) : status;
}

static int export_into(const struct arguments *a, struct ps_offline *offline, const struct ps_tensors *tensors, const char *folder,
                       struct ps_card *card, struct ps_error *err)
{
    int status = export_all_names(offline, folder, card, err);
    if (!status && a->formats & NPY)
        status = export_npy(tensors, folder, card, err);
    if (!status && a->formats & (SAFETENSORS | ONNX))
        status = export_values(tensors, a->formats & ONNX, folder, card, err);
    if (!status && a->formats & TOPK)
        status = export_lists(offline, a->k, folder, card, err);
    return status ? status : ps_card_write(card, folder, err);
}

int cmd_export(int argc, char **argv)
{
    struct arguments a = {.formats = NPY, .k = 10};
    const struct argp argp = {options, parse, "RUN", doc, ps_of_run_child, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);

    struct ps_error err = {0}, ignored;
    struct ps_offline offline;
    struct ps_tensors tensors = {0};
    char *folder = a.out ? ps_strdup(a.out) : ps_format("%s/export", a.of.run), *temporary = ps_format("%s/export.tmp", folder);
    struct ps_card card = {.offline = &offline, .run = a.of.run, .checkpoint = a.of.checkpoint};
    int status = ps_offline_open(&offline, a.of.run, a.of.checkpoint, NULL, 0, &err);
    bool opened = !status;
    if (!status)
        status = check(&a, &offline, &tensors, &err);
    card.tensors = tensors.tensor ? &tensors : NULL;
    if (!status)
        status = ps_folder_remove(temporary, &err); /* of an export that was killed */
    bool made = !status;
    if (!status)
        status = ps_folder_make(temporary, &err);
    if (!status)
        status = export_into(&a, &offline, &tensors, temporary, &card, &err);
    if (!status)
        status = publish(&card, temporary, folder, &err);
    if (made)
        ps_folder_remove(temporary, &ignored);
    ps_card_fini(&card);
    ps_tensors_close(&tensors);
    if (opened)
        ps_offline_close(&offline);
    free(folder), free(temporary);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : 0;
}
