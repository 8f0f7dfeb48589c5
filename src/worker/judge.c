/* judge.c - see judge.h. */
#include "worker/judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/encode.h"
#include "worker/scorer.h"

static int compare_scores(const void *a, const void *b)
{
    float x = ((const struct ps_scored *)a)->score, y = ((const struct ps_scored *)b)->score;
    return (x > y) - (x < y);
}

double ps_auc(struct ps_scored *scored, size_t n)
{
    double positives = 0, pairs = 0;
    qsort(scored, n, sizeof *scored, compare_scores);
    for (size_t first = 0, end; first < n; first = end) {
        double here = 0;
        for (end = first; end < n && scored[end].score == scored[first].score; end++)
            here += scored[end].positive;
        double negatives_below = (double)first - positives, negatives_here = (double)(end - first) - here;
        pairs += here * (negatives_below + negatives_here / 2);
        positives += here;
    }
    return pairs / (positives * ((double)n - positives));
}

/* The held-out sessions of a split: those that its cases are of. */
static void sessions_of(const struct ps_dataset *dataset, enum ps_split split, uint32_t *first, uint32_t *end)
{
    uint64_t begin = split == PS_SPLIT_VALID ? 0 : dataset->valid_count;
    uint64_t count = split == PS_SPLIT_VALID ? dataset->valid_count : dataset->test_count;
    *first = UINT32_MAX;
    *end = 0;
    for (uint64_t c = begin; c < begin + count; c++) {
        *first = PS_MIN(*first, dataset->sessions.cases[c].session);
        *end = PS_MAX(*end, dataset->sessions.cases[c].session + 1);
    }
}

struct judging {
    struct ps_model *model;
    struct ps_scorer scorer; /* of the parameters */
    struct ps_encoder *encoder;
    struct ps_judgement *out;
    struct nn_gate_use use[1 + PS_MAX_FEEDBACKS];
    struct ps_scored *scored[PS_MAX_FEEDBACKS]; /* owned */
    size_t capacity[PS_MAX_FEEDBACKS];
    real *logit; /* owned */
};

static int judge_batch(struct judging *j, struct ps_error *err)
{
    struct ps_judgement *out = j->out;
    struct ps_tile tile;
    int status = ps_encoder_tile(j->encoder, &tile, err), n = tile.n, feedbacks = out->feedbacks;
    if (status < 0 || !n)
        return status;
    tile.param = j->scorer.tensor;
    nn_tape_reset(j->scorer.tape);
    j->logit = ps_realloc(j->logit, (size_t)n * (size_t)feedbacks, sizeof *j->logit);
    j->model->class_->judge(j->model, j->scorer.tape, &tile, j->use, j->logit);
    for (int k = 0; k < feedbacks; k++) {
        PS_GROW(j->scored[k], j->capacity[k], out->events + (uint64_t)n);
        for (int b = 0; b < n; b++) {
            float z = j->logit[b * feedbacks + k];
            bool y = tile.sessions->feedback[b] >> k & 1;
            if (z != z)
                return ps_fail(err, PS_EXIT_FAIL, "model %s gives a score that is not a number: the training has diverged; lower optimizer.lr",
                               j->model->class_->name);
            out->feedback[k].positives += y;
            out->feedback[k].log_loss += (double)(fmaxf(z, 0) - (y ? z : 0)) + log1p(exp(-fabs((double)z)));
            j->scored[k][out->events + (uint64_t)b] = (struct ps_scored){z, y};
        }
    }
    out->events += (uint64_t)n;
    return 0;
}

static int judge_sessions(struct judging *j, uint32_t first, uint32_t end, struct ps_error *err)
{
    const struct ps_dataset *dataset = j->model->dataset;
    const struct ps_sessions *s = &dataset->sessions;
    struct ps_session_batch *batch = ps_encoder_batch(j->encoder);
    int status = 0;
    for (uint32_t session = first; session < end && !status; session += PS_ENCODE_SESSIONS) {
        ps_session_batch_begin(batch);
        for (uint32_t k = session; k < PS_MIN(end, session + PS_ENCODE_SESSIONS); k++)
            ps_session_batch_add(batch, dataset, k, s->first[k - s->train], s->begin[k + 1] - s->begin[k], true);
        status = judge_batch(j, err);
    }
    return status;
}

static void finish(struct judging *j)
{
    struct ps_judgement *out = j->out;
    double n = (double)PS_MAX(out->events, 1);
    for (int k = 0; k < out->feedbacks; k++) {
        out->feedback[k].log_loss /= n;
        out->feedback[k].auc = ps_auc(j->scored[k], out->events);
    }
    for (int k = 0; k <= out->feedbacks; k++) {
        double sum = 0;
        out->entropy[k] = j->use[k].entropy / n;
        for (int e = 0; e < PS_JUDGED_EXPERTS; e++) {
            sum += out->load[k][e] /= n;
            out->experts[k] = out->load[k][e] > 0 ? e + 1 : out->experts[k];
        }
    }
}

/* The most events of so many sessions that follow each other. */
static size_t most_events(const struct ps_sessions *s, uint32_t first, uint32_t end)
{
    size_t most = 0;
    for (uint32_t session = first; session < end; session += PS_ENCODE_SESSIONS)
        most = PS_MAX(most, s->begin[PS_MIN(end, session + PS_ENCODE_SESSIONS)] - s->begin[session]);
    return most;
}

int ps_judge(struct ps_model *model, const struct ps_row_source *source, enum ps_split split, struct ps_judgement *out,
             struct ps_error *err)
{
    *out = (struct ps_judgement){0};
    uint32_t first, end;
    if (!model->class_->judge)
        return 0;
    sessions_of(model->dataset, split, &first, &end);
    if (first >= end)
        return 0;
    struct judging *j = ps_calloc(1, sizeof *j);
    *j = (struct judging){.model = model, .out = out};
    out->feedbacks = (int)model->dataset->sessions.feedbacks;
    for (int k = 0; k <= out->feedbacks; k++)
        j->use[k].load = out->load[k];
    int status = ps_scorer_init(&j->scorer, model, source, 1, PS_BLOCK_ITEMS, err);
    if (!status) {
        j->encoder = ps_encoder_new(model, source, most_events(&model->dataset->sessions, first, end));
        status = judge_sessions(j, first, end, err);
        if (!status)
            finish(j);
        ps_encoder_free(j->encoder);
        ps_scorer_fini(&j->scorer);
    }
    for (int k = 0; k < PS_MAX_FEEDBACKS; k++)
        free(j->scored[k]);
    free(j->logit);
    free(j);
    return status;
}
