/* export.c - penstock export: a checkpoint's tables as NumPy files, with the original ids beside them. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/offline.h"
#include "common/file.h"
#include "worker/bags.h"

enum { KEY_CHECKPOINT = 1000, KEY_OUT, BLOCK_ROWS = 256 };

struct arguments {
    const char *run, *checkpoint, *out;
};

static const struct argp_option options[] = {
    {"checkpoint", KEY_CHECKPOINT, "NAME", 0, "best (default), last, epoch-NNNN, or a folder", 0},
    {"out", KEY_OUT, "DIR", 0, "Where to write (default: RUN/export)", 0},
    {0}};

static const char doc[] =
    "Write a checkpoint's embeddings and tensors as .npy files, float32.\v"
    "TABLE.FIELD.npy holds a row for every user or item (one that was never trained has its initial value); users.tsv and items.tsv "
    "give the original id of each row. With side features (model.features), item.brand.FIELD.npy holds a row for every value, whose name is "
    "in item.brand.tsv, and item.FIELD.composed.npy the items' rows with all of their features added: what is ranked by. Tensors have their own shape. In Python: "
    "numpy.load('item.embedding.npy', mmap_mode='r').";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_CHECKPOINT: a->checkpoint = arg; return 0;
    case KEY_OUT: a->out = arg; return 0;
    case ARGP_KEY_ARG:
        ps_argument_only(&a->run, arg, "RUN", state);
        return 0;
    case ARGP_KEY_END:
        if (!a->run)
            argp_error(state, "give the folder of a run");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* The header of NumPy's format 1.0: a magic, a length, a Python literal padded to a multiple of 64 bytes. */
static int put_header(struct ps_writer *w, uint64_t rows, uint64_t cols, struct ps_error *err)
{
    char header[128] = "\x93NUMPY\x01\x00\x76"; /* 0x0076 = 118 bytes follow the first ten */
    int length = snprintf(header + 10, sizeof header - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%llu, %llu), }",
                          (unsigned long long)rows, (unsigned long long)cols);
    memset(header + 10 + length, ' ', sizeof header - 10 - (size_t)length);
    header[sizeof header - 1] = '\n';
    return ps_writer_put(w, header, sizeof header, err);
}

/* Adds the features of the users or items [first, first + n) to their rows; source[k]: of the recipe's feature k. */
static int add_features(const struct ps_offline *offline, const struct ps_bag_source *source, uint32_t table, uint64_t first, uint64_t n,
                        float *rows, struct ps_error *err)
{
    const struct ps_model *model = &offline->model;
    uint32_t owner[BLOCK_ROWS];
    int status = 0;
    for (uint32_t i = 0; i < n; i++)
        owner[i] = (uint32_t)first + i;
    for (int k = 0; !status && k < model->recipe.features; k++)
        if (ps_model_is_feature_of(model, k, (int)table))
            status = ps_bags_pool(&source[k], &offline->source, model->first_feature + k, (int)model->table[table].width, owner, n,
                                  rows, err);
    return status;
}

/* One field of a table of users or items, by itself or (source is not NULL) with the features of each row, or a whole tensor (its chunks one behind the
 * other, without the padding). */
static int export_field(const struct ps_offline *offline, uint32_t table, const struct ps_field *field,
                        const struct ps_bag_source *source, const char *path, struct ps_error *err)
{
    const struct ps_table_spec *spec = &offline->model.table[table];
    bool tensor = spec->kind == PS_TABLE_TENSOR;
    struct ps_writer w;
    int status = ps_writer_open(&w, path, err);
    if (status)
        return status;
    status = tensor ? put_header(&w, spec->tensor_rows, spec->tensor_cols, err)
                    : put_header(&w, spec->rows, field->width, err);
    float *rows = ps_calloc((size_t)BLOCK_ROWS * spec->width, sizeof *rows);
    uint64_t left = (uint64_t)spec->tensor_rows * spec->tensor_cols, id[BLOCK_ROWS];
    for (uint64_t first = 0; !status && first < spec->rows; first += BLOCK_ROWS) {
        uint64_t n = PS_MIN((uint64_t)BLOCK_ROWS, spec->rows - first);
        for (uint64_t i = 0; i < n; i++)
            id[i] = first + i;
        ps_checkpoint_fetch(&offline->checkpoint, table, id, n, rows);
        if (source)
            status = add_features(offline, source, table, first, n, rows, err);
        for (uint64_t i = 0; !status && i < n; i++) {
            const float *row = rows + i * spec->width;
            uint64_t take = tensor ? PS_MIN(left, (uint64_t)spec->width) : field->width;
            status = ps_writer_put(&w, tensor ? row : row + field->first, take * sizeof *row, err);
            left -= tensor ? take : 0;
        }
    }
    free(rows);
    if (status)
        ps_writer_abandon(&w);
    else
        status = ps_writer_commit(&w, err);
    return status;
}

/* The names of users, of items, or of a feature's values. */
static int export_names(const struct ps_dataset *dataset, enum ps_entity entity, const struct ps_feature *feature, const char *path,
                        struct ps_error *err)
{
    struct ps_writer w;
    int status = ps_writer_open(&w, path, err);
    if (status)
        return status;
    uint64_t count = feature ? feature->values : entity == PS_USERS ? dataset->users : dataset->items;
    status = ps_writer_put(&w, "row\tid\n", 7, err);
    for (uint64_t i = 0; !status && i < count; i++) {
        char number[24];
        size_t length;
        const char *name = feature ? ps_dataset_feature_name(dataset, feature, i, &length) : ps_dataset_name(dataset, entity, i, &length);
        int digits = snprintf(number, sizeof number, "%llu\t", (unsigned long long)i);
        status = ps_writer_put(&w, number, (size_t)digits, err);
        if (!status)
            status = ps_writer_put(&w, name, length, err);
        if (!status)
            status = ps_writer_put(&w, "\n", 1, err);
    }
    if (status)
        ps_writer_abandon(&w);
    else
        status = ps_writer_commit(&w, err);
    return status;
}

/* A table's files, for each field: by itself, and where features belong to it, with them. */
static int export_table(const struct ps_offline *offline, const char *folder, int t, struct ps_error *err)
{
    const struct ps_model *model = &offline->model;
    const struct ps_table_spec *spec = &model->table[t];
    struct ps_bag_source source[PS_MAX_FEATURES];
    bool features = false;
    int status = 0;
    for (int k = 0; k < model->recipe.features; k++) {
        features |= ps_model_is_feature_of(model, k, t);
        source[k] = ps_bag_source_feature(&model->recipe, model->dataset, k);
    }
    for (uint32_t f = 0; !status && f < spec->fields; f++)
        for (int composed = 0; !status && composed <= features; composed++) {
            char *path = spec->kind == PS_TABLE_TENSOR
                             ? ps_format("%s/%s.npy", folder, spec->name)
                             : ps_format("%s/%s.%s%s.npy", folder, spec->name, spec->field[f].name, composed ? ".composed" : "");
            status = export_field(offline, (uint32_t)t, &spec->field[f], composed ? source : NULL, path, err);
            if (!status)
                puts(path);
            free(path);
        }
    return status;
}

static int export_list(const struct ps_offline *offline, const char *folder, const char *name, enum ps_entity entity,
                       const struct ps_feature *feature, struct ps_error *err)
{
    char *path = ps_format("%s/%s.tsv", folder, name);
    int status = export_names(&offline->dataset, entity, feature, path, err);
    if (!status)
        puts(path);
    free(path);
    return status;
}

int cmd_export(int argc, char **argv)
{
    struct arguments a = {.checkpoint = "best"};
    const struct argp argp = {options, parse, "RUN", doc, NULL, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);

    struct ps_error err = {0};
    struct ps_offline offline;
    char *folder = a.out ? ps_strdup(a.out) : ps_format("%s/export", a.run);
    int status = ps_offline_open(&offline, a.run, a.checkpoint, NULL, 0, &err);
    bool opened = !status;
    if (!status && !offline.has_checkpoint)
        status = ps_fail(&err, PS_EXIT_USAGE, "'%s' is a rule: it has no tables to export", offline.config.model.name);
    if (!status)
        status = ps_folder_make(folder, &err);
    for (int t = 0; !status && t < offline.model.tables; t++)
        if (offline.model.table[t].kind != PS_TABLE_LANE) /* which nobody learns from */
            status = export_table(&offline, folder, t, &err);
    if (!status)
        status = export_list(&offline, folder, "users", PS_USERS, NULL, &err);
    if (!status)
        status = export_list(&offline, folder, "items", PS_ITEMS, NULL, &err);
    for (int k = 0; !status && k < offline.model.recipe.features; k++)
        status = export_list(&offline, folder, offline.model.table[offline.model.first_feature + k].name, PS_ITEMS,
                             &offline.dataset.feature[offline.model.recipe.feature[k]], &err);
    if (opened)
        ps_offline_close(&offline);
    free(folder);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : 0;
}
