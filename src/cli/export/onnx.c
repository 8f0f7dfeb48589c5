/* onnx.c - see onnx.h. Everything hangs on the message, and is freed with it by protobuf-c, whose allocator is malloc. */
#include "cli/export/onnx.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "common/file.h"
#include "onnx.pb-c.h"

struct ps_onnx {
    Onnx__ModelProto *model; /* owned */
    size_t nodes, values, initializers, inputs, outputs, metadata; /* capacities */
};

static void *message(const ProtobufCMessageDescriptor *descriptor)
{
    void *made = ps_calloc(1, descriptor->sizeof_message);
    protobuf_c_message_init(descriptor, made);
    return made;
}

#define MESSAGE(type) message(&onnx__##type##__descriptor)

#define APPEND(list, count, capacity, element)                                                                         \
    do {                                                                                                               \
        PS_GROW(list, capacity, (count) + 1);                                                                          \
        (list)[(count)++] = (element);                                                                                 \
    } while (0)

static Onnx__StringStringEntryProto *entry(const char *key, const char *value)
{
    Onnx__StringStringEntryProto *e = MESSAGE(string_string_entry_proto);
    e->key = ps_strdup(key);
    e->value = ps_strdup(value);
    return e;
}

struct ps_onnx *ps_onnx_new(const char *name, const char *doc)
{
    struct ps_onnx *o = ps_calloc(1, sizeof *o);
    Onnx__ModelProto *m = o->model = MESSAGE(model_proto);
    m->ir_version = PS_ONNX_IR;
    m->producer_name = ps_strdup("penstock");
    m->producer_version = ps_strdup(PS_VERSION);
    m->doc_string = ps_strdup(doc);
    m->graph = MESSAGE(graph_proto);
    m->graph->name = ps_strdup(name);
    m->opset_import = ps_calloc(1, sizeof *m->opset_import);
    m->opset_import[m->n_opset_import++] = MESSAGE(operator_set_id_proto);
    m->opset_import[0]->version = PS_ONNX_OPSET;
    return o;
}

void ps_onnx_free(struct ps_onnx *o)
{
    if (!o)
        return;
    onnx__model_proto__free_unpacked(o->model, NULL);
    free(o);
}

void ps_onnx_metadata(struct ps_onnx *o, const char *key, const char *value)
{
    APPEND(o->model->metadata_props, o->model->n_metadata_props, o->metadata, entry(key, value));
}

/* ---- inputs and outputs ---- */

static void add_dimension(Onnx__TensorShapeProto *shape, const char *size)
{
    Onnx__TensorShapeProto__Dimension *d = MESSAGE(tensor_shape_proto__dimension);
    char *end;
    d->dim_value = strtoll(size, &end, 10);
    d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    if (*end) {
        d->dim_param = ps_strdup(size);
        d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    }
    shape->dim = ps_realloc(shape->dim, shape->n_dim + 1, sizeof *shape->dim);
    shape->dim[shape->n_dim++] = d;
}

static Onnx__ValueInfoProto *describe(const char *name, int type, const char *size, int64_t cols, const char *doc)
{
    Onnx__ValueInfoProto *v = MESSAGE(value_info_proto);
    v->name = ps_strdup(name);
    v->doc_string = ps_strdup(doc);
    v->type = MESSAGE(type_proto);
    v->type->tensor_type = MESSAGE(type_proto__tensor);
    v->type->tensor_type->elem_type = type;
    v->type->tensor_type->shape = MESSAGE(tensor_shape_proto);
    add_dimension(v->type->tensor_type->shape, size);
    if (cols) {
        char digits[24];
        snprintf(digits, sizeof digits, "%" PRId64, cols);
        add_dimension(v->type->tensor_type->shape, digits);
    }
    return v;
}

const char *ps_onnx_input(struct ps_onnx *o, const char *name, const char *size, const char *doc)
{
    Onnx__GraphProto *g = o->model->graph;
    Onnx__ValueInfoProto *v = describe(name, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, size, 0, doc);
    APPEND(g->input, g->n_input, o->inputs, v);
    return v->name;
}

void ps_onnx_output(struct ps_onnx *o, const char *value, const char *name, const char *size, int64_t cols, const char *doc)
{
    Onnx__GraphProto *g = o->model->graph;
    ps_onnx_node(o, "Identity", value, NULL);
    Onnx__NodeProto *node = g->node[g->n_node - 1];
    free(node->output[0]);
    node->output[0] = ps_strdup(name);
    APPEND(g->output, g->n_output, o->outputs, describe(name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, size, cols, doc));
}

/* ---- nodes ---- */

static const char *add_output(struct ps_onnx *o, Onnx__NodeProto *node)
{
    node->output = ps_realloc(node->output, node->n_output + 1, sizeof *node->output);
    return node->output[node->n_output++] = ps_format("%s_%zu", node->op_type, o->values++);
}

const char *ps_onnx_node(struct ps_onnx *o, const char *op, ...)
{
    Onnx__GraphProto *g = o->model->graph;
    Onnx__NodeProto *node = MESSAGE(node_proto);
    size_t capacity = 0;
    va_list inputs;
    va_start(inputs, op);
    for (const char *input; (input = va_arg(inputs, const char *));)
        APPEND(node->input, node->n_input, capacity, ps_strdup(input));
    va_end(inputs);
    node->op_type = ps_strdup(op);
    node->name = ps_format("node_%zu", g->n_node);
    APPEND(g->node, g->n_node, o->nodes, node);
    return add_output(o, node);
}

static Onnx__NodeProto *last_node(struct ps_onnx *o)
{
    PS_ASSERT(o->model->graph->n_node > 0);
    return o->model->graph->node[o->model->graph->n_node - 1];
}

const char *ps_onnx_next_output(struct ps_onnx *o)
{
    return add_output(o, last_node(o));
}

static Onnx__AttributeProto *attribute(struct ps_onnx *o, const char *name, int type)
{
    Onnx__NodeProto *node = last_node(o);
    Onnx__AttributeProto *a = MESSAGE(attribute_proto);
    a->name = ps_strdup(name);
    a->type = (Onnx__AttributeProto__AttributeType)type;
    node->attribute = ps_realloc(node->attribute, node->n_attribute + 1, sizeof *node->attribute);
    node->attribute[node->n_attribute++] = a;
    return a;
}

void ps_onnx_int(struct ps_onnx *o, const char *name, int64_t value)
{
    attribute(o, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT)->i = value;
}

void ps_onnx_ints(struct ps_onnx *o, const char *name, const int64_t *value, size_t n)
{
    Onnx__AttributeProto *a = attribute(o, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    a->ints = ps_calloc(n, sizeof *a->ints);
    memcpy(a->ints, value, n * sizeof *value);
    a->n_ints = n;
}

void ps_onnx_real(struct ps_onnx *o, const char *name, float value)
{
    attribute(o, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT)->f = value;
}

void ps_onnx_texts(struct ps_onnx *o, const char *name, const char *const *value, size_t n)
{
    Onnx__AttributeProto *a = attribute(o, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS);
    a->strings = ps_calloc(n, sizeof *a->strings);
    for (; a->n_strings < n; a->n_strings++) {
        const char *text = value[a->n_strings];
        a->strings[a->n_strings] = (ProtobufCBinaryData){strlen(text), (uint8_t *)ps_strdup(text)};
    }
}

/* ---- initializers ---- */

static Onnx__TensorProto *initializer(struct ps_onnx *o, const char *name, int type, int dims, uint64_t rows, uint64_t cols)
{
    Onnx__GraphProto *g = o->model->graph;
    Onnx__TensorProto *t = MESSAGE(tensor_proto);
    t->name = ps_strdup(name);
    t->data_type = type;
    t->dims = ps_calloc((size_t)dims, sizeof *t->dims);
    t->dims[t->n_dims++] = (int64_t)rows;
    if (dims > 1)
        t->dims[t->n_dims++] = (int64_t)cols;
    APPEND(g->initializer, g->n_initializer, o->initializers, t);
    return t;
}

static const char *constant(struct ps_onnx *o, int type, int dims, uint64_t rows, uint64_t cols, const void *data, size_t size)
{
    const Onnx__GraphProto *g = o->model->graph;
    char name[32];
    for (size_t k = 0; k < g->n_initializer; k++) {
        const Onnx__TensorProto *t = g->initializer[k];
        if (t->data_type == type && t->n_dims == (size_t)dims && t->raw_data.len == size && t->dims[0] == (int64_t)rows && size &&
            !memcmp(t->raw_data.data, data, size))
            return t->name;
    }
    snprintf(name, sizeof name, "constant_%zu", g->n_initializer);
    Onnx__TensorProto *t = initializer(o, name, type, dims, rows, cols);
    t->raw_data = (ProtobufCBinaryData){size, memcpy(ps_malloc(size), data, size)};
    return t->name;
}

const char *ps_onnx_indices(struct ps_onnx *o, const int64_t *value, size_t n)
{
    return constant(o, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, 1, n, 0, value, n * sizeof *value);
}

const char *ps_onnx_matrix(struct ps_onnx *o, const float *value, int rows, int cols)
{
    return constant(o, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 2, (uint64_t)rows, (uint64_t)cols, value,
                    (size_t)rows * (size_t)cols * sizeof *value);
}

const char *ps_onnx_external(struct ps_onnx *o, const char *name, uint64_t rows, uint64_t cols, const char *file, uint64_t offset)
{
    char digits[24];
    Onnx__TensorProto *t = initializer(o, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 2, rows, cols);
    t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    t->external_data = ps_calloc(3, sizeof *t->external_data);
    t->external_data[t->n_external_data++] = entry("location", file);
    snprintf(digits, sizeof digits, "%" PRIu64, offset);
    t->external_data[t->n_external_data++] = entry("offset", digits);
    snprintf(digits, sizeof digits, "%" PRIu64, rows * cols * (uint64_t)sizeof(float));
    t->external_data[t->n_external_data++] = entry("length", digits);
    return t->name;
}

int ps_onnx_write(const struct ps_onnx *o, const char *path, struct ps_error *err)
{
    size_t size = onnx__model_proto__get_packed_size(o->model);
    uint8_t *data = ps_malloc(size);
    onnx__model_proto__pack(o->model, data);
    int status = ps_file_write(path, data, size, err);
    free(data);
    return status;
}
