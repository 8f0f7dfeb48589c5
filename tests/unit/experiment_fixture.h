/* experiment_fixture.h - a table of experiments in a file of the test's folder. */
#ifndef EXPERIMENT_FIXTURE_H
#define EXPERIMENT_FIXTURE_H

#include "prepare_fixture.h"

#include "cli/experiment.h"

#define HEAD                                                                                                           \
    "title: A & B\nseeds: [1, 2]\nselect: hr@10\nsearch: {trials: 8, halving: 2, epochs: 8, every: 2, seed: 3}\n"       \
    "set: {train.batch: 512}\ndata:\n  shop: {prepare: [log.tsv]}\n  half: {prepare: [log.tsv]}\n"
#define COLUMNS                                                                                                        \
    "columns:\n  - {name: all, metrics: [hr@10, ndcg@50]}\n  - {name: few, group: users_0-4, metrics: [hr@10]}\n"       \
    "  - {name: half, data: half, set: {model.embedding: 8}, metrics: [hr@10]}\n"                                      \
    "  - {name: none, missing: not public, metrics: [hr@10]}\n"
#define ROWS                                                                                                           \
    "rows:\n  - name: one\n    model: nmtr_gmf\n    set: {train.batch: 256}\n"                                          \
    "    space: {optimizer.lr: {log: [0.01, 1]}, model.loss_weights: [[1, 1], [5, 1]], train.negatives: [1, 2, 4, 8]}\n"   \
    "    paper: [0.5, ~, 0.25, 0.1, 7]\n"                                                                              \
    "  - {name: two, model: bpr, space: {train.negatives: [1, 2, 4]}}\n  - {name: rule, model: popularity}\n"
#define QUICK "quick: {search: {trials: 2, epochs: 2}, seeds: [9], set: {eval.users: 100}}\n"

/* Loads a table's text; its status. */
static inline int load_table(struct ps_experiment *e, const char *text, bool quick)
{
    static char path[512];
    memset(&err, 0, sizeof err);
    snprintf(path, sizeof path, "%s", write_text("table.yaml", text));
    return ps_experiment_load(e, path, quick, &err);
}

#endif
