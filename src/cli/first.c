/* first.c - the first checkpoint of a run, made of those of others; see first.h. */
#include "cli/first.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/pretrained.h"
#include "cli/warm.h"
#include "common/file.h"
#include "common/manifest.h"
#include "server/checkpoint.h"
#include "server/optimizer.h"
#include "worker/nn/blas.h"

enum { FILE_FLOATS = 1 << 26 }; /* of a file, which is made in memory */

static int write_file(const struct ps_run *run, const struct ps_first_source *source, const struct ps_slot_map *map,
                      const struct ps_marks *marks, const struct ps_folder *folder, struct ps_file_entry *entry,
                      struct ps_error *err)
{
    struct ps_rows rows[PS_MAX_TABLES];
    uint32_t tables = (uint32_t)run->model.declared;
    const struct ps_optimizer_spec *optimizer = &run->config.optimizer;
    int status = 0;
    for (uint32_t t = 0; t < tables; t++) {
        ps_rows_init(&rows[t], run->model.table[t].width + ps_table_state(&run->model.table[t], optimizer));
        if (!status)
            status = source->fill(source->ctx, t, map, marks->shard, &rows[t], err);
    }
    if (!status)
        status = ps_checkpoint_write(marks, run->model.table, tables, optimizer, rows, NULL, folder, entry, err);
    for (uint32_t t = 0; t < tables; t++)
        ps_rows_fini(&rows[t]);
    return status;
}

static uint32_t files_for(const struct ps_run *run)
{
    uint64_t floats = 0;
    for (int t = 0; t < run->model.declared; t++) {
        const struct ps_table_spec *spec = &run->model.table[t];
        floats += spec->rows * (spec->width + ps_table_state(spec, &run->config.optimizer));
    }
    return (uint32_t)PS_MIN(floats / FILE_FLOATS + 1, (uint64_t)PS_MAX_SHARDS);
}

/* The state before the first epoch, as the end of an epoch 0. */
static int write_all(const struct ps_run *run, const struct ps_first_source *source, const char *path, struct ps_error *err)
{
    const struct ps_config *config = &run->config;
    uint32_t files = files_for(run), lanes = (uint32_t)config->train.lanes;
    struct ps_slot_map *map = ps_malloc(sizeof *map);
    struct ps_file_entry *file = ps_calloc(files, sizeof *file);
    struct ps_folder folder = {-1, NULL};
    struct ps_marks marks = {.seed = config->train.seed, .mode = (uint32_t)config->train.consistency, .lanes = lanes,
                             .lane = ps_calloc(lanes, sizeof *marks.lane)};
    ps_slot_map_init(map, files);
    int status = ps_folder_open(&folder, path, err);
    for (; !status && marks.shard < files; marks.shard++)
        status = write_file(run, source, map, &marks, &folder, &file[marks.shard], err);
    struct ps_manifest m = {.seed = config->train.seed,
                            .complete = true,
                            .mode = marks.mode,
                            .slots = PS_SLOTS,
                            .dataset = run->dataset.fingerprint,
                            .lanes = lanes,
                            .lane = ps_calloc(lanes, sizeof *m.lane),
                            .tables = (uint32_t)run->model.declared,
                            .table = (struct ps_table_spec *)(uintptr_t)run->model.table,
                            .optimizer = config->optimizer,
                            .files = files,
                            .file = file,
                            .config = ps_config_write(config)};
    snprintf(m.blas, sizeof m.blas, "%s", ps_blas_kernel());
    for (uint32_t l = 0; l < lanes; l++)
        m.lane[l].ended = m.lane[l].finished = true;
    if (!status)
        status = ps_manifest_write(&m, path, err);
    ps_folder_close(&folder);
    free(m.lane), free(m.config), free(marks.lane), free(file), free(map);
    return status;
}

int ps_first_write(const struct ps_run *run, const struct ps_first_source *source, char **folder, struct ps_error *err)
{
    char *path = ps_format("%s/epoch-0000", run->checkpoints);
    int status = 0;
    if (mkdir(path, 0777) && errno != EEXIST)
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot make %s", path);
    if (!status)
        status = write_all(run, source, path, err);
    if (status)
        free(path);
    else
        *folder = path;
    return status;
}

int ps_first_make(const struct ps_run *run, char **folder, struct ps_error *err)
{
    const struct ps_config *config = &run->config;
    bool pretrained = *config->model.pretrained_gmf || *config->model.pretrained_mlp;
    *folder = NULL;
    if (pretrained && *config->train.warm_start)
        return ps_fail(err, PS_EXIT_USAGE, "train.warm_start and model.pretrained_%s both say what training begins with; leave one out",
                       *config->model.pretrained_gmf ? "gmf" : "mlp");
    if (pretrained)
        return ps_pretrained_make(run, folder, err);
    return *config->train.warm_start ? ps_warm_make(run, folder, err) : 0;
}
