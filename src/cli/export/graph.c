/* graph.c - see graph.h. What the operators of each operation are is in operators.c. */
#include "cli/export/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/export/operators.h"
#include "worker/indicators.h"

/* ---- what is known of addresses ---- */

static const char *remember(struct ps_graph *g, const void *what, const char *value)
{
    PS_GROW(g->known, g->capacity, g->count + 1);
    g->known[g->count].what = what;
    g->known[g->count++].value = value;
    return value;
}

/* A table of the file of values as an initializer, when it is first needed. A name that no input has: there are tensors called "operation". */
static const char *initializer(struct ps_graph *g, const struct ps_tensor *tensor)
{
    for (size_t k = 0; k < g->count; k++)
        if (g->known[k].what == tensor)
            return g->known[k].value;
    char name[sizeof tensor->name + sizeof PS_SAFETENSORS_NAME];
    snprintf(name, sizeof name, PS_SAFETENSORS_NAME "/%s", tensor->name);
    return remember(g, tensor, ps_onnx_external(g->onnx, name, tensor->rows, tensor->cols, PS_SAFETENSORS_NAME,
                                                g->values->size + tensor->offset));
}

/* Rows of a table: a negative number, which stands for what is unknown, reads row 0. */
static const char *row_of(struct ps_graph *g, const char *input)
{
    const int64_t zero = 0;
    return ps_onnx_node(g->onnx, "Max", input, ps_onnx_indices(g->onnx, &zero, 1), NULL);
}

/* The arguments of the function, when they are first needed; NULL: it is none of them. */
static const char *argument(struct ps_graph *g, const void *what)
{
    const struct ps_scoring *s = g->scoring;
    if (what == s->user)
        return row_of(g, g->user = ps_onnx_input(g->onnx, "user", "n", "rows of users; -1: unknown"));
    if (what == s->item || what == s->candidate)
        return row_of(g, g->item = ps_onnx_input(g->onnx, "item", s->encoded ? "candidates" : "n", "rows of items; -1: unknown"));
    if (what == s->step)
        return ps_onnx_input(g->onnx, "session", "steps", "rows of the session's items, oldest first; unknown ones are left out");
    if (what == s->operation)
        return ps_onnx_input(g->onnx, "operation", "steps", "what was done with each item: a number of the dataset's operations");
    if (what == s->visitor)
        return row_of(g, g->visitor = ps_onnx_input(g->onnx, "visitor", "1", "row of who it is; -1: unknown"));
    return NULL;
}

static const char *given(struct ps_graph *g, const void *what)
{
    const struct ps_model *model = &g->tensors->offline->model;
    const char *value = argument(g, what);
    if (value)
        return value;
    for (int t = 0; t < model->tables; t++)
        if (what == &g->scoring->param[t])
            return initializer(g, ps_tensors_of(g->tensors, t, NULL));
    const struct nn_tensor *constant = what;
    return ps_onnx_matrix(g->onnx, constant->value, constant->rows, constant->cols);
}

const char *ps_graph_value(struct ps_graph *g, const void *what)
{
    for (size_t k = 0; k < g->count; k++)
        if (g->known[k].what == what)
            return g->known[k].value;
    const struct nn_event *event = ps_scoring_find(g->scoring, what);
    return remember(g, what, event ? ps_operators_emit(g, event) : given(g, what));
}

/* Where look-ups by the argument `visitor` find nobody, there are zeros. */
static const char *mask_visitor(struct ps_graph *g, const char *rows)
{
    const int64_t zero = 0, one = 1;
    const char *unknown = ps_onnx_node(g->onnx, "Less", g->visitor, ps_onnx_indices(g->onnx, &zero, 1), NULL);
    const char *known = ps_onnx_node(g->onnx, "Cast", ps_onnx_node(g->onnx, "Not", unknown, NULL), NULL);
    ps_onnx_int(g->onnx, "to", PS_ONNX_FLOAT);
    return ps_onnx_node(g->onnx, "Mul", rows, ps_onnx_node(g->onnx, "Unsqueeze", known, ps_onnx_indices(g->onnx, &one, 1), NULL), NULL);
}

const char *ps_graph_rows(struct ps_graph *g, const struct nn_rows *rows, const uint32_t *index, int first, int width)
{
    const struct ps_model *model = &g->tensors->offline->model;
    for (int t = 0; t < model->tables; t++)
        for (uint32_t f = 0; rows == &g->scoring->rows[t] && f < model->table[t].fields; f++) {
            const struct ps_field *field = &model->table[t].field[f];
            uint32_t from = (uint32_t)first - field->first;
            if ((uint32_t)first < field->first || from + (uint32_t)width > field->width)
                continue;
            const char *table = initializer(g, ps_tensors_of(g->tensors, t, field)), *row = ps_graph_value(g, index);
            const char *found = ps_onnx_node(g->onnx, "Gather", table, row, NULL);
            if (index == g->scoring->visitor)
                found = mask_visitor(g, found);
            return ps_operators_columns(g, found, (int)from, width, (int)field->width);
        }
    g->unknown = true;
    return "";
}

/* ---- the whole ---- */

/* A column for whoever is unknown in place of the scores; row: of the tables; known: a column of them, NULL where all are known. */
static const char *replace(struct ps_graph *g, const char *input, const char *row, const struct ps_tensor *known, const char *by, const char *score)
{
    const int64_t zero = 0, one = 1;
    const float half = 0.5f;
    const char *unknown = ps_onnx_node(g->onnx, "Less", input, ps_onnx_indices(g->onnx, &zero, 1), NULL);
    unknown = ps_onnx_node(g->onnx, "Unsqueeze", unknown, ps_onnx_indices(g->onnx, &one, 1), NULL);
    if (known) {
        const char *found = ps_onnx_node(g->onnx, "Gather", initializer(g, known), row, NULL);
        found = ps_onnx_node(g->onnx, "Less", found, ps_onnx_matrix(g->onnx, &half, 1, 1), NULL);
        unknown = ps_onnx_node(g->onnx, "Or", unknown, found, NULL);
    }
    return ps_onnx_node(g->onnx, "Where", unknown, by, score, NULL);
}

static void put_score(struct ps_graph *g)
{
    const struct ps_scoring *s = g->scoring;
    const float least = -INFINITY;
    const int64_t one = 1;
    const char *score = ps_graph_value(g, s->score), *item = ps_graph_value(g, s->encoded ? s->candidate : s->item);
    if (!s->encoded) {
        const char *popularity = initializer(g, ps_tensors_named(g->tensors, "item.popularity"));
        const char *user = ps_graph_value(g, s->user);
        popularity = ps_onnx_node(g->onnx, "Gather", popularity, item, NULL);
        score = replace(g, g->user, user, ps_tensors_named(g->tensors, "user.known"), popularity, score);
    }
    score = replace(g, g->item, item, ps_tensors_named(g->tensors, "item.known"), ps_onnx_matrix(g->onnx, &least, 1, 1), score);
    score = ps_onnx_node(g->onnx, "Squeeze", score, ps_onnx_indices(g->onnx, &one, 1), NULL);
    ps_onnx_output(g->onnx, score, "score", s->encoded ? "candidates" : "n", 0, "higher is better; of one user or session they can be compared");
}

static void put_query(struct ps_graph *g)
{
    const float one = 1;
    const char *query = ps_graph_value(g, g->scoring->encoded);
    if (ps_tensors_biased(g->tensors)) {
        query = ps_onnx_node(g->onnx, "Concat", query, ps_onnx_matrix(g->onnx, &one, 1, 1), NULL);
        ps_onnx_int(g->onnx, "axis", 1);
    }
    const struct ps_tensor *item = ps_tensors_named(g->tensors, "item.vector");
    ps_onnx_output(g->onnx, query, "query", "1", (int64_t)item->cols, "its inner product with a row of item.vector is that item's score");
}

int ps_graph_check(const struct ps_tensors *tensors, struct ps_error *err)
{
    struct ps_model *model = (struct ps_model *)&tensors->offline->model;
    const struct ps_config *config = &tensors->offline->config;
    struct ps_scoring scoring;
    if (ps_indicators_given(config))
        return ps_fail(err, PS_EXIT_USAGE, "model.indicators look up what each user has done, which is no part of an ONNX file; leave onnx out of "
                       "--format");
    int status = ps_scoring_record(&scoring, model, tensors->value, err);
    if (!status)
        ps_scoring_fini(&scoring);
    return status;
}

int ps_graph_write(const struct ps_tensors *tensors, const struct ps_safetensors *values, const char *const *metadata, const char *path,
                   struct ps_error *err)
{
    struct ps_model *model = (struct ps_model *)&tensors->offline->model;
    struct ps_scoring scoring;
    int status = ps_scoring_record(&scoring, model, tensors->value, err);
    if (status)
        return status;
    struct ps_graph g = {.onnx = ps_onnx_new(model->class_->name, model->class_->title), .scoring = &scoring, .tensors = tensors, .values = values};
    for (const char *const *m = metadata; *m; m += 2)
        ps_onnx_metadata(g.onnx, m[0], m[1]);
    put_score(&g);
    if (scoring.encoded && tensors->inner)
        put_query(&g);
    status = g.unknown ? ps_fail(err, PS_EXIT_FAIL, "%s computes something that ONNX export does not know; leave onnx out of --format, and report this",
                                 model->class_->name)
                       : ps_onnx_write(g.onnx, path, err);
    ps_onnx_free(g.onnx);
    free(g.known);
    ps_scoring_fini(&scoring);
    return status;
}
