/* dataset_files.c - see dataset_files.h. */
#include "data/dataset_files.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void ps_dataset_files_init(struct ps_dataset_files *files, const char *folder)
{
    *files = (struct ps_dataset_files){.folder = ps_strdup(folder)};
}

void ps_dataset_files_fini(struct ps_dataset_files *files)
{
    free(files->folder);
    *files = (struct ps_dataset_files){0};
}

int ps_dataset_file_open(const struct ps_dataset_files *files, struct ps_writer *file, const char *first, const char *second,
                         struct ps_error *err)
{
    char *path = ps_format("%s/%s.%s", files->folder, first, second);
    int status = ps_writer_open(file, path, err);
    free(path);
    return status;
}

int ps_dataset_file_close(struct ps_dataset_files *files, struct ps_writer *file, struct ps_error *err)
{
    PS_ASSERT(files->count < PS_DATASET_FILES);
    int f = files->count++;
    snprintf(files->file[f].name, sizeof files->file[f].name, "%s", file->name);
    files->file[f].bytes = file->bytes;
    files->file[f].sum = ps_writer_sum(file);
    return ps_writer_commit(file, err);
}

int ps_dataset_file_put(struct ps_dataset_files *files, const char *first, const char *second, const void *data, size_t size,
                        struct ps_error *err)
{
    struct ps_writer file = {0};
    int status = ps_dataset_file_open(files, &file, first, second, err);
    if (!status)
        status = ps_writer_put(&file, data, size, err);
    if (!status)
        status = ps_dataset_file_close(files, &file, err);
    ps_writer_abandon(&file);
    return status;
}

int ps_dataset_file_names(struct ps_dataset_files *files, const char *first, const struct ps_names *names, const uint32_t *id,
                          struct ps_error *err)
{
    struct ps_writer file = {0};
    int status = ps_dataset_file_open(files, &file, first, "names", err);
    if (!status)
        status = ps_names_write(names, id, &file, err);
    if (!status)
        status = ps_dataset_file_close(files, &file, err);
    ps_writer_abandon(&file);
    return status;
}

/* ---- blocks ---- */

void ps_blocks_init(struct ps_blocks *blocks)
{
    *blocks = (struct ps_blocks){0};
    PS_GROW(blocks->end, blocks->end_capacity, 1);
    blocks->end[0] = 0;
}

void ps_blocks_fini(struct ps_blocks *blocks)
{
    free(blocks->end);
    free(blocks->sum);
    *blocks = (struct ps_blocks){0};
}

void ps_blocks_add(struct ps_blocks *blocks, uint64_t end, uint64_t sum)
{
    uint64_t block = blocks->count++;
    PS_GROW(blocks->end, blocks->end_capacity, block + 2);
    PS_GROW(blocks->sum, blocks->sum_capacity, block + 1);
    blocks->end[block + 1] = (uint32_t)end;
    blocks->sum[block] = sum;
}

int ps_blocks_write(struct ps_blocks *blocks, struct ps_dataset_files *files, struct ps_error *err)
{
    uint64_t ends = blocks->count + 1;
    struct ps_writer file = {0};
    PS_GROW(blocks->end, blocks->end_capacity, ends + 1);
    blocks->end[ends] = 0;
    int status = ps_dataset_file_open(files, &file, "blocks", "sums", err);
    if (!status)
        status = ps_writer_put(&file, blocks->end, (ends + ends % 2) * sizeof *blocks->end, err);
    if (!status)
        status = ps_writer_put(&file, blocks->sum, blocks->count * sizeof *blocks->sum, err);
    if (!status)
        status = ps_dataset_file_close(files, &file, err);
    ps_writer_abandon(&file);
    return status;
}

/* ---- side features ---- */

/* "item.brand" */
static void feature_files(const struct ps_feature *feature, char name[64])
{
    snprintf(name, 64, "%s.%s", ps_feature_side(feature->side), feature->name);
}

int ps_feature_writer_begin(struct ps_feature_writer *f, struct ps_dataset_files *files, struct ps_error *err)
{
    char name[64];
    uint64_t zero = 0;
    PS_ASSERT(files->features < PS_MAX_FEATURES);
    feature_files(&f->feature, name);
    int status = ps_dataset_file_open(files, &f->offset, name, "offset", err);
    if (!status)
        status = ps_dataset_file_open(files, &f->value, name, "value", err);
    return status ? status : ps_writer_put(&f->offset, &zero, sizeof zero, err);
}

int ps_feature_writer_add(struct ps_feature_writer *f, const uint32_t *value, uint64_t count, struct ps_error *err)
{
    f->feature.pairs += count;
    int status = ps_writer_put(&f->value, value, count * sizeof *value, err);
    return status ? status : ps_writer_put(&f->offset, &f->feature.pairs, sizeof f->feature.pairs, err);
}

int ps_feature_writer_end(struct ps_feature_writer *f, struct ps_dataset_files *files, const struct ps_names *names,
                          const uint32_t *id, struct ps_error *err)
{
    char name[64];
    feature_files(&f->feature, name);
    int status = ps_dataset_file_close(files, &f->offset, err);
    if (!status)
        status = ps_dataset_file_close(files, &f->value, err);
    if (!status)
        status = ps_dataset_file_names(files, name, names, id, err);
    f->feature.values = names->count;
    files->feature[files->features++] = f->feature;
    return status;
}

void ps_feature_writer_abandon(struct ps_feature_writer *f)
{
    ps_writer_abandon(&f->offset);
    ps_writer_abandon(&f->value);
}

/* ---- dataset.yaml ---- */

int ps_dataset_files_describe(const struct ps_dataset_files *files, const char *text, struct ps_error *err)
{
    struct ps_text all;
    FILE *out = ps_text_open(&all);
    fprintf(out,
            "# A dataset made by 'penstock prepare'. Not to be edited: the last line is a checksum of the others.\n"
            "format: " PS_DATASET_FORMAT "\nversion: %d\n%s",
            PS_DATASET_VERSION, text);
    for (uint32_t f = 0; f < files->features; f++)
        fprintf(out, "%s  - {name: \"%s\", side: %s, number: %s, values: %" PRIu64 ", pairs: %" PRIu64 "}\n",
                f ? "" : "features:\n", files->feature[f].name, ps_feature_side(files->feature[f].side),
                files->feature[f].number ? "yes" : "no", files->feature[f].values, files->feature[f].pairs);
    fputs("files:\n", out);
    for (int f = 0; f < files->count; f++)
        fprintf(out, "  \"%s\": {bytes: %" PRIu64 ", xxh64: \"%016" PRIx64 "\"}\n", files->file[f].name,
                files->file[f].bytes, files->file[f].sum);
    fflush(out);
    fprintf(out, "checksum: \"%016" PRIx64 "\"\n", ps_hash64(all.text, all.size, 0));
    ps_text_close(&all);
    char *path = ps_format("%s/dataset.yaml", files->folder);
    int status = ps_file_write(path, all.text, all.size, err);
    free(path);
    free(all.text);
    return status;
}
