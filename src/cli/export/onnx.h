/* onnx.h - a graph of operators being put together, and written as an ONNX file. The only place that knows proto/onnx.proto; what the
 * operators are for is graph.c's matter.
 *
 * Values (inputs, initializers, outputs of nodes) are known by their names, which live as long as the model. Types are float32, but for
 * indices, which are int64. Large initializers stay outside, in a file beside the model: the format ends at 2 GiB.
 */
#ifndef PS_CLI_EXPORT_ONNX_H
#define PS_CLI_EXPORT_ONNX_H

#include "common/base.h"

/* The version of the operators' definitions that is written (https://onnx.ai/onnx/operators), and that of the format. */
enum { PS_ONNX_OPSET = 13, PS_ONNX_IR = 7 };
/* Of elements, as the operator Cast takes it. */
enum { PS_ONNX_FLOAT = 1 };

struct ps_onnx;

struct ps_onnx *ps_onnx_new(const char *name, const char *doc);
void ps_onnx_free(struct ps_onnx *onnx);
void ps_onnx_metadata(struct ps_onnx *onnx, const char *key, const char *value);

/* A graph input, indices[size]; size is a name, or a number in digits. */
const char *ps_onnx_input(struct ps_onnx *onnx, const char *name, const char *size, const char *doc);
/* Makes a value a graph output, float[size], or float[size, cols] where cols is not 0. */
void ps_onnx_output(struct ps_onnx *onnx, const char *value, const char *name, const char *size, int64_t cols, const char *doc);

/* A node with one output, whose name is returned. Inputs end with a NULL; "" stands for one that is left out. */
const char *ps_onnx_node(struct ps_onnx *onnx, const char *op, ...) __attribute__((sentinel));
/* Another output of the last node. */
const char *ps_onnx_next_output(struct ps_onnx *onnx);
/* Attributes of the last node. */
void ps_onnx_int(struct ps_onnx *onnx, const char *name, int64_t value);
void ps_onnx_ints(struct ps_onnx *onnx, const char *name, const int64_t *value, size_t n);
void ps_onnx_real(struct ps_onnx *onnx, const char *name, float value);
void ps_onnx_texts(struct ps_onnx *onnx, const char *name, const char *const *value, size_t n);

/* Constants within the file: int64[n], float[rows, cols]; the same constant has one name. */
const char *ps_onnx_indices(struct ps_onnx *onnx, const int64_t *value, size_t n);
const char *ps_onnx_matrix(struct ps_onnx *onnx, const float *value, int rows, int cols);
/* float[rows, cols] that lies in a file beside the model. */
const char *ps_onnx_external(struct ps_onnx *onnx, const char *name, uint64_t rows, uint64_t cols, const char *file, uint64_t offset);

int ps_onnx_write(const struct ps_onnx *onnx, const char *path, struct ps_error *err);

#endif
