/* judge.h - how well a model with several tasks foretells what is done with an item that comes next, or was only shown. */
#ifndef PS_WORKER_JUDGE_H
#define PS_WORKER_JUDGE_H

#include "worker/rank.h"

enum { PS_JUDGED_EXPERTS = 128 };

struct ps_judgement {
    uint64_t events; /* held-out events that were judged: those with a step before them */
    int feedbacks;
    struct {
        uint64_t positives;
        double auc;      /* ties count half; NaN where all events are alike */
        double log_loss; /* mean cross-entropy, nats */
    } feedback[PS_MAX_FEEDBACKS];
    /* What the gates did, by task (0: the next item), where the model has any: mean entropy in nats, mean weight of each expert. */
    int experts[1 + PS_MAX_FEEDBACKS];
    double entropy[1 + PS_MAX_FEEDBACKS], load[1 + PS_MAX_FEEDBACKS][PS_JUDGED_EXPERTS];
};

/* Judges all held-out events of a split. For a model that has no judge, feedbacks is 0. Errors: the source's. */
int ps_judge(struct ps_model *model, const struct ps_row_source *source, enum ps_split split, struct ps_judgement *out,
             struct ps_error *err);

/* Area under the ROC curve of n scores and labels; sorts them. */
struct ps_scored {
    float score;
    bool positive;
};
double ps_auc(struct ps_scored *scored, size_t n);

#endif
