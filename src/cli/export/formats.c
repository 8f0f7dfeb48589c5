/* formats.c - see formats.h. */
#include "cli/export/formats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "coordinator/runlog.h"

/* Ends a file well, or leaves nothing of it. */
static int finish(struct ps_writer *w, int status, struct ps_error *err)
{
    if (!status)
        return ps_writer_commit(w, err);
    ps_writer_abandon(w);
    return status;
}

/* ---- npy ---- */

/* A magic, a length, a Python literal padded to a multiple of 64 bytes. */
static int put_header(struct ps_writer *w, uint64_t rows, uint64_t cols, struct ps_error *err)
{
    char header[128] = "\x93NUMPY\x01\x00\x76"; /* 0x0076 = 118 bytes follow the first ten */
    int length = snprintf(header + 10, sizeof header - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRIu64 ", %" PRIu64 "), }",
                          rows, cols);
    memset(header + 10 + length, ' ', sizeof header - 10 - (size_t)length);
    header[sizeof header - 1] = '\n';
    return ps_writer_put(w, header, sizeof header, err);
}

int ps_npy_write(const struct ps_tensors *tensors, const struct ps_tensor *tensor, const char *path, struct ps_error *err)
{
    struct ps_writer w;
    int status = ps_writer_open(&w, path, err);
    if (status)
        return status;
    status = put_header(&w, tensor->rows, tensor->cols, err);
    if (!status)
        status = ps_tensors_put(tensors, tensor, &w, err);
    return finish(&w, status, err);
}

/* ---- safetensors ---- */

void ps_safetensors_init(struct ps_safetensors *file, const struct ps_tensors *tensors, const char *const *metadata)
{
    FILE *to = open_memstream(&file->header, &file->size);
    if (!to)
        ps_die(PS_EXIT_FAIL, "out of memory for a header of safetensors");
    char text[PS_JSON_TEXT];
    uint64_t length = 0;
    fwrite(&length, sizeof length, 1, to);
    fputs("{\"__metadata__\":{", to);
    for (const char *const *m = metadata; *m; m += 2) {
        fprintf(to, "%s\"%s\":\"%s\"", m == metadata ? "" : ",", m[0], ps_json_text(m[1], text));
    }
    fputc('}', to);
    for (int k = 0; k < tensors->count; k++) {
        const struct ps_tensor *t = &tensors->tensor[k];
        fprintf(to, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%" PRIu64 ",%" PRIu64 "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
                ps_json_text(t->name, text), t->rows, t->cols, t->offset, t->offset + t->rows * t->cols * sizeof(float));
    }
    fputc('}', to);
    while (ftell(to) % 64) /* blanks may follow; so values are aligned */
        fputc(' ', to);
    fclose(to);
    length = file->size - sizeof length;
    memcpy(file->header, &length, sizeof length);
}

void ps_safetensors_fini(struct ps_safetensors *file)
{
    free(file->header);
    *file = (struct ps_safetensors){0};
}

int ps_safetensors_write(const struct ps_safetensors *file, const struct ps_tensors *tensors, const char *path, struct ps_error *err)
{
    struct ps_writer w;
    int status = ps_writer_open(&w, path, err);
    if (status)
        return status;
    status = ps_writer_put(&w, file->header, file->size, err);
    for (int k = 0; k < tensors->count && !status; k++)
        status = ps_tensors_put(tensors, &tensors->tensor[k], &w, err);
    return finish(&w, status, err);
}

/* ---- names ---- */

int ps_export_names(const struct ps_dataset *dataset, enum ps_entity entity, const struct ps_feature *feature, const char *path,
                   struct ps_error *err)
{
    struct ps_writer w;
    int status = ps_writer_open(&w, path, err);
    if (status)
        return status;
    uint64_t count = feature                 ? feature->values
                     : entity == PS_USERS    ? dataset->users
                     : entity == PS_VISITORS ? dataset->sessions.visitors
                                             : dataset->items;
    status = ps_writer_put(&w, "row\tid\n", 7, err);
    for (uint64_t i = 0; !status && i < count; i++) {
        char number[24];
        size_t length;
        const char *name = feature ? ps_dataset_feature_name(dataset, feature, i, &length) : ps_dataset_name(dataset, entity, i, &length);
        int digits = snprintf(number, sizeof number, "%" PRIu64 "\t", i);
        status = ps_writer_put(&w, number, (size_t)digits, err);
        if (!status)
            status = ps_writer_put(&w, name, length, err);
        if (!status)
            status = ps_writer_put(&w, "\n", 1, err);
    }
    return finish(&w, status, err);
}
