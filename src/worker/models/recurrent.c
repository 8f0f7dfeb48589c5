/* recurrent.c - see recurrent.h. */
#include "worker/models/recurrent.h"

#include <string.h>

static int declare_layer(struct ps_recurrent *r, struct ps_model *model, int l, float scale, float bias, struct ps_error *err)
{
    struct {
        const char *name;
        int *table, rows;
        float scale;
    } part[] = {{"gru_w", &r->w[l], r->width, scale}, {"gru_b", &r->b[l], 1, bias}, {"gru_u", &r->u[l], r->width, scale}, {"gru_c", &r->c[l], 1, bias}};
    int status = 0;
    for (size_t k = 0; k < PS_COUNT(part) && status >= 0; k++) {
        char name[PS_NAME_SIZE];
        snprintf(name, sizeof name, "%s%d", part[k].name, l);
        *part[k].table = -1;
        if (part[k].scale >= 0)
            status = *part[k].table = ps_session_weight(model, name, part[k].rows, 3 * r->width, part[k].scale, err);
    }
    return PS_MIN(status, 0);
}

int ps_recurrent_declare(struct ps_recurrent *r, struct ps_model *model, int width, float scale, float bias, struct ps_error *err)
{
    int status = 0;
    *r = (struct ps_recurrent){.layers = PS_MAX(model->config->model.layers, 1), .width = width, .state = -1};
    for (int l = 0; l < r->layers && !status; l++)
        status = declare_layer(r, model, l, scale, bias, err);
    if (status || model->recipe.stream != PS_STREAM_PARALLEL)
        return status;
    status = r->state = ps_model_add_rows(model, "state", PS_TABLE_LANE, err);
    for (int l = 0; l < r->layers && status >= 0; l++) {
        char name[PS_NAME_SIZE];
        snprintf(name, sizeof name, "layer%d", l);
        ps_model_add_field(model, r->state, name, width, PS_INIT_ZERO, 0);
    }
    return PS_MIN(status, 0);
}

/* A layer's states before the tile's steps, as constants; NULL: zeros, since there is no lane state in it. */
static const struct nn_tensor *states_before(const struct ps_recurrent *r, struct nn_tape *tape, const struct ps_tile *tile, int layer)
{
    const struct ps_session_view *s = tile->sessions;
    if (!s->track_row)
        return NULL;
    size_t d = (size_t)r->width;
    real *h = nn_tape_alloc(tape, (size_t)s->steps.count * d * sizeof *h);
    for (int k = 0; k < s->steps.count; k++) {
        if (s->begins[k])
            memset(h + (size_t)k * d, 0, d * sizeof *h);
        else
            memcpy(h + (size_t)k * d, tile->rows[r->state].value[s->track_row[k]] + (size_t)layer * d, d * sizeof *h);
    }
    return nn_leaf(tape, s->steps.count, r->width, h, NULL);
}

/* The rows of lane state are assigned what their gradients are. Every session of such a tile has one step. */
static void leave_states(const struct ps_recurrent *r, const struct ps_tile *tile, int layer, const struct nn_tensor *h)
{
    const struct ps_session_view *s = tile->sessions;
    const struct nn_rows *rows = &tile->rows[r->state];
    size_t d = (size_t)r->width;
    for (int k = 0; k < s->steps.count; k++)
        memcpy(rows->grad + s->track_row[k] * (size_t)rows->width + (size_t)layer * d, h->value + (size_t)k * d, d * sizeof *h->value);
}

struct nn_tensor *ps_recurrent_states(const struct ps_recurrent *r, const struct ps_model *model, struct nn_tape *tape,
                                      const struct ps_tile *tile)
{
    const struct nn_tensor *p = tile->param;
    struct nn_tensor *x = nn_dropout(tape, ps_session_steps(tape, tile, r->width), model->config->model.dropout, tile->draws);
    for (int l = 0; l < r->layers; l++) {
        struct nn_cell cell = {&p[r->u[l]], r->c[l] < 0 ? NULL : &p[r->c[l]], NN_RESET_AFTER, false};
        const struct nn_tensor *b = r->b[l] < 0 ? NULL : &p[r->b[l]], *before = states_before(r, tape, tile, l);
        x = nn_gru(tape, nn_affine(tape, x, &p[r->w[l]], b, false), before, tile->sessions->steps, cell);
        x = nn_dropout(tape, x, model->config->model.dropout_hidden, tile->draws);
        if (before)
            leave_states(r, tile, l, x);
    }
    return x;
}
