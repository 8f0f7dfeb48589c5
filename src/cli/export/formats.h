/* formats.h - files of an export: matrices as .npy and .safetensors, names as .tsv. */
#ifndef PS_CLI_EXPORT_FORMATS_H
#define PS_CLI_EXPORT_FORMATS_H

#include "cli/export/tensors.h"

/* One matrix as FOLDER/NAME.npy, NumPy's format 1.0. */
int ps_npy_write(const struct ps_tensors *tensors, const struct ps_tensor *tensor, const char *path, struct ps_error *err);

/* All matrices in one file: 8 bytes that say how long the header is, the header, which is JSON, the values (https://huggingface.co/docs/safetensors). */
#define PS_SAFETENSORS_NAME "model.safetensors"
struct ps_safetensors {
    char *header; /* owned; with the length before it */
    size_t size;  /* of both: where the values begin */
};
/* metadata: pairs of key and value, ended by a NULL. */
void ps_safetensors_init(struct ps_safetensors *file, const struct ps_tensors *tensors, const char *const *metadata);
void ps_safetensors_fini(struct ps_safetensors *file);
int ps_safetensors_write(const struct ps_safetensors *file, const struct ps_tensors *tensors, const char *path, struct ps_error *err);

/* The original id of every row: of users (cases in a dataset of sessions), items or visitors, or of a feature's values. */
int ps_export_names(const struct ps_dataset *dataset, enum ps_entity entity, const struct ps_feature *feature, const char *path,
                   struct ps_error *err);

#endif
