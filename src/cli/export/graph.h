/* graph.h - a model's scoring function as an ONNX graph: what its tape computes (scoring.h), each operation as operators of ONNX.
 *
 *   of pairs      inputs   user int64[n], item int64[n]                              output  score float[n]
 *   of sessions   inputs   session int64[steps], item int64[candidates], and where   output  score float[candidates]
 *                          the model reads them operation int64[steps], visitor int64[1]
 *                 where the score is an inner product, also                           output  query float[1, width]
 *
 * They are rows of the tables, as users.tsv and items.tsv name them. What is below 0 is unknown to the model, and so is what user.known
 * or item.known (tensors.h) says it of: such an item scores -inf,
 * for such a user an item's score is its place by popularity (tensors.h, item.popularity), such a visitor counts as none. Tables and
 * weights are not in the file: they are those of the safetensors file beside it.
 */
#ifndef PS_CLI_EXPORT_GRAPH_H
#define PS_CLI_EXPORT_GRAPH_H

#include "cli/export/formats.h"
#include "cli/export/tensors.h"

#define PS_GRAPH_NAME "model.onnx"

/* What is known already before anything is written: PS_EXIT_USAGE where the model cannot be expressed. */
int ps_graph_check(const struct ps_tensors *tensors, struct ps_error *err);
/* values: the file that has the tensors. metadata: as for ps_safetensors_init. */
int ps_graph_write(const struct ps_tensors *tensors, const struct ps_safetensors *values, const char *const *metadata, const char *path,
                   struct ps_error *err);

#endif
