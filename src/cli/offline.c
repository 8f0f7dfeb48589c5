/* offline.c - a finished run without any server; see offline.h. */
#include "cli/offline.h"

#include <stdlib.h>
#include <string.h>

#include "cli/run.h"

static int fetch(void *ctx, int table, const uint32_t *ids, int n, float *out, struct ps_error *err)
{
    struct ps_offline *offline = ctx;
    uint64_t id[256];
    size_t width = offline->model.table[table].width;
    for (int first = 0; first < n; first += (int)PS_COUNT(id)) {
        int count = PS_MIN((int)PS_COUNT(id), n - first);
        for (int i = 0; i < count; i++)
            id[i] = ids[first + i];
        ps_checkpoint_fetch(&offline->checkpoint, (uint32_t)table, id, (uint64_t)count, out + (size_t)first * width);
    }
    return 0;
}

int ps_offline_open(struct ps_offline *offline, const char *run, const char *checkpoint, const char *const *override,
                    int overrides, struct ps_error *err)
{
    memset(offline, 0, sizeof *offline);
    offline->source = (struct ps_row_source){.fetch = fetch, .ctx = offline};
    int status = ps_run_config(run, override, overrides, &offline->config, err);
    if (!status)
        status = ps_dataset_open(offline->config.data.path, &offline->dataset, err);
    if (!status)
        status = ps_model_init(&offline->model, offline->config.model.name, &offline->config, &offline->dataset, err);
    if (!status && offline->model.class_->forward) {
        char *folder = ps_run_checkpoint(run, checkpoint);
        status = ps_checkpoint_open(&offline->checkpoint, folder, err);
        free(folder);
        offline->has_checkpoint = !status;
        if (!status)
            ps_run_know(&offline->config, &offline->checkpoint.manifest, &offline->dataset);
        if (!status)
            status = ps_checkpoint_verify(&offline->checkpoint, err);
        if (!status)
            status = ps_manifest_check_tables(&offline->checkpoint.manifest, offline->checkpoint.folder, offline->model.table,
                                              offline->model.tables, err);
    }
    if (status)
        ps_offline_close(offline);
    return status;
}

void ps_offline_close(struct ps_offline *offline)
{
    if (offline->has_checkpoint)
        ps_checkpoint_close(&offline->checkpoint);
    if (offline->model.class_)
        ps_model_fini(&offline->model);
    ps_dataset_close(&offline->dataset);
    memset(offline, 0, sizeof *offline);
}
