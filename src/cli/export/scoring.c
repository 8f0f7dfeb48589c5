/* scoring.c - see scoring.h. */
#include "cli/export/scoring.h"

#include <stdlib.h>
#include <string.h>

enum { PAIRS = 2, STEPS = 3 };

static void hear(void *ctx, const struct nn_event *event)
{
    struct ps_scoring *s = ctx;
    PS_GROW(s->event, s->capacity, s->events + 1);
    s->event[s->events++] = *event;
}

static uint32_t *numbers(struct ps_scoring *s, const uint32_t *value, size_t n)
{
    return memcpy(nn_tape_alloc(s->tape, n * sizeof *value), value, n * sizeof *value);
}

/* Two rows of zeros in every table. */
static const struct nn_rows *make_rows(struct ps_scoring *s, const struct ps_model *model)
{
    struct nn_rows *rows = nn_tape_alloc(s->tape, (size_t)model->tables * sizeof *rows);
    for (int t = 0; t < model->tables; t++) {
        size_t width = model->table[t].width;
        real *zero = nn_tape_alloc(s->tape, width * sizeof *zero);
        const real **value = nn_tape_alloc(s->tape, PAIRS * sizeof *value);
        memset(zero, 0, width * sizeof *zero);
        for (int k = 0; k < PAIRS; k++)
            value[k] = zero;
        rows[t] = (struct nn_rows){PAIRS, (int)width, value, NULL};
    }
    return rows;
}

static void run_pairs(struct ps_scoring *s, struct ps_model *model, struct ps_tile *tile)
{
    static const uint32_t zero[PAIRS] = {0};
    struct nn_tensor *z[PS_MAX_BEHAVIOURS] = {NULL};
    s->user = numbers(s, zero, PAIRS);
    s->item = numbers(s, zero, PAIRS);
    tile->n = PAIRS;
    tile->user = tile->user_row = s->user;
    tile->item = tile->item_row = s->item;
    for (int r = 0; r < model->recipe.heads; r++)
        tile->need[r] = PAIRS;
    model->class_->logits(model, s->tape, tile, z);
    s->score = z[model->recipe.heads - 1];
}

/* A session of an item, another one, and the first one again. */
static void run_session(struct ps_scoring *s, struct ps_model *model, struct ps_tile *tile)
{
    static const uint32_t zero[STEPS] = {0}, step[STEPS] = {0, 1, 0}, begin[2] = {0, STEPS}, last = STEPS - 1;
    struct ps_session_view view = {.steps = {1, begin}, .targets = 1, .candidates = PAIRS};
    view.item = view.item_row = s->step = numbers(s, step, STEPS);
    view.operation = s->operation = numbers(s, zero, STEPS);
    view.visitor_row = s->visitor = numbers(s, zero, 1);
    view.candidate_row = s->candidate = numbers(s, zero, PAIRS);
    view.state = numbers(s, &last, 1);
    hear(s, &(struct nn_event){.op = NN_OP_INDEX_LAST, .out = view.state});
    tile->n = view.targets;
    tile->sessions = &view;
    s->encoded = model->class_->encode(model, s->tape, tile);
    s->score = model->class_->match(model, s->tape, tile, s->encoded);
}

int ps_scoring_record(struct ps_scoring *s, struct ps_model *model, const struct nn_tensor *param, struct ps_error *err)
{
    *s = (struct ps_scoring){0};
    if (!model->class_->logits && !model->class_->match)
        return ps_fail(err, PS_EXIT_USAGE, "the scores of %s look up what each user has done, which is no part of an ONNX file; leave onnx out of "
                       "--format, and make lists by 'penstock recommend' or --format topk", model->class_->name);
    s->tape = nn_tape_new();
    s->param = param;
    s->rows = make_rows(s, model);
    struct ps_tile tile = {.epoch = 1, .rows = s->rows, .param = param};
    nn_listen(s->tape, hear, s);
    if (model->class_->match)
        run_session(s, model, &tile);
    else
        run_pairs(s, model, &tile);
    nn_listen(s->tape, NULL, NULL);
    return 0;
}

void ps_scoring_fini(struct ps_scoring *s)
{
    nn_tape_free(s->tape);
    free(s->event);
    *s = (struct ps_scoring){0};
}

const struct nn_event *ps_scoring_find(const struct ps_scoring *s, const void *what)
{
    for (size_t k = s->events; k > 0; k--)
        if (s->event[k - 1].out == what)
            return &s->event[k - 1];
    return NULL;
}
