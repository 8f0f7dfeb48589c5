/* operators.h - what each operation of the tape is in operators of ONNX (version 13 of their definitions). */
#ifndef PS_CLI_EXPORT_OPERATORS_H
#define PS_CLI_EXPORT_OPERATORS_H

#include "cli/export/formats.h"
#include "cli/export/onnx.h"
#include "cli/export/scoring.h"
#include "cli/export/tensors.h"

/* A graph being made: from its outputs backward, so that what is not needed is not in it. */
struct ps_graph {
    struct ps_onnx *onnx; /* owned by ps_graph_write, as is what `known` points to */
    const struct ps_scoring *scoring;
    const struct ps_tensors *tensors;
    const struct ps_safetensors *values;
    struct {
        const void *what; /* address of a tensor, an index or a struct ps_tensor */
        const char *value;
    } *known;
    size_t count, capacity;
    const char *user, *item, *visitor; /* inputs as they came; NULL: not there */
    bool unknown; /* something could not be expressed */
};

/* The value that stands for an address; made when it is first asked for. */
const char *ps_graph_value(struct ps_graph *graph, const void *what);
/* Columns [first, first + width) of rows of a table of the model. */
const char *ps_graph_rows(struct ps_graph *graph, const struct nn_rows *rows, const uint32_t *index, int first, int width);

/* The operators of one operation; the name of its value. Sets graph->unknown where there are none. */
const char *ps_operators_emit(struct ps_graph *graph, const struct nn_event *event);
/* Columns [first, first + width) of a matrix with `cols` of them. */
const char *ps_operators_columns(struct ps_graph *graph, const char *x, int first, int width, int cols);
/* operators_session.c: gated recurrent units; edges of session graphs, and sums over neighbours. */
const char *ps_operators_gru(struct ps_graph *graph, const struct nn_event *event);
const char *ps_operators_edges(struct ps_graph *graph, const struct nn_event *event);
const char *ps_operators_sparse(struct ps_graph *graph, const struct nn_event *event);

#endif
