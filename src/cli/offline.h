/* offline.h - a finished run without any server: its configuration, dataset, model and the files of one checkpoint. */
#ifndef PS_CLI_OFFLINE_H
#define PS_CLI_OFFLINE_H

#include "common/config.h"
#include "data/dataset.h"
#include "server/checkpoint.h"
#include "worker/model.h"
#include "worker/rank.h"

struct ps_offline {
    struct ps_config config;
    struct ps_dataset dataset;
    struct ps_model model;
    struct ps_checkpoint checkpoint;
    bool has_checkpoint; /* false for a rule, which needs none */
    struct ps_row_source source; /* rows for ranking, from the checkpoint's files */
};

/* Opens all of it and checks every byte of the checkpoint. `checkpoint` is a name as ps_run_checkpoint takes it. */
int ps_offline_open(struct ps_offline *offline, const char *run, const char *checkpoint, const char *const *override,
                    int overrides, struct ps_error *err);
void ps_offline_close(struct ps_offline *offline);

#endif
