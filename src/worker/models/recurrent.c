/* recurrent.c - see recurrent.h. */
#include "worker/models/recurrent.h"

#include <math.h>

int ps_recurrent_declare(struct ps_recurrent *r, struct ps_model *model, int width, struct ps_error *err)
{
    float scale = 1 / sqrtf((float)width);
    int status = 0;
    *r = (struct ps_recurrent){.layers = PS_MAX(model->config->model.layers, 1), .width = width};
    for (int l = 0; l < r->layers && status >= 0; l++) {
        struct {
            const char *name;
            int *table, rows;
        } part[] = {{"gru_w", &r->w[l], width}, {"gru_b", &r->b[l], 1}, {"gru_u", &r->u[l], width}, {"gru_c", &r->c[l], 1}};
        for (size_t k = 0; k < PS_COUNT(part) && status >= 0; k++) {
            char name[PS_NAME_SIZE];
            snprintf(name, sizeof name, "%s%d", part[k].name, l);
            status = *part[k].table = ps_session_weight(model, name, part[k].rows, 3 * width, scale, err);
        }
    }
    return PS_MIN(status, 0);
}

struct nn_tensor *ps_recurrent_states(const struct ps_recurrent *r, const struct ps_model *model, struct nn_tape *tape,
                                      const struct ps_tile *tile)
{
    const struct nn_tensor *p = tile->param;
    struct nn_tensor *x = nn_dropout(tape, ps_session_steps(tape, tile, r->width), model->config->model.dropout, tile->draws);
    for (int l = 0; l < r->layers; l++) {
        struct nn_cell cell = {&p[r->u[l]], &p[r->c[l]], NN_RESET_AFTER, false};
        x = nn_gru(tape, nn_affine(tape, x, &p[r->w[l]], &p[r->b[l]], false), NULL, tile->sessions->steps, cell);
    }
    return x;
}
