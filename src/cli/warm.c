/* warm.c - see warm.h. */
#include "cli/warm.h"

#include <stdlib.h>
#include <string.h>

#include "cli/first.h"
#include "server/checkpoint.h"
#include "server/optimizer.h"

struct source {
    const struct ps_run *into;
    struct ps_checkpoint *from;
};

/* When a row was used, in epochs from the beginning of the new run, which are 0 and less; `then` is what it says, NULL where it does not. */
static void age(float life[PS_LIFE], const float *then, float epochs)
{
    life[PS_LIFE_SEEN] = then ? then[PS_LIFE_SEEN] : 0;
    life[PS_LIFE_USED] = then ? then[PS_LIFE_USED] - epochs : 0;
}

/* Takes the rows of a segment over. */
static void take(const struct source *s, const struct ps_segment *segment, struct ps_rows *rows)
{
    const struct ps_config *config = &s->into->config;
    const struct ps_table_spec *spec = &s->into->model.table[segment->table], *then = &s->from->manifest.table[segment->table];
    uint32_t width = spec->width, fresh[PS_ROWS_BATCH], plain = rows->width - (spec->sightings ? PS_LIFE : 0);
    bool keep = config->train.warm_state == PS_WARM_KEEP;
    float *row[PS_ROWS_BATCH];
    for (uint64_t i = 0; i < segment->rows; i += PS_ROWS_BATCH) {
        uint32_t n = (uint32_t)PS_MIN(segment->rows - i, (uint64_t)PS_ROWS_BATCH);
        ps_rows_make(rows, segment->key + i, n, row, fresh);
        for (uint32_t k = 0; k < n; k++) {
            const float *from = segment->row + (i + k) * segment->width;
            memcpy(row[k], from, (keep ? plain : width) * sizeof **row);
            if (!keep && plain > width)
                ps_optimizer_init_state(&config->optimizer, width, row[k] + width);
            if (spec->sightings)
                age(row[k] + plain, then->sightings ? from + segment->width - PS_LIFE : NULL, (float)s->from->manifest.epoch);
        }
    }
}

static int fill(const void *ctx, uint32_t table, const struct ps_slot_map *map, uint32_t file, struct ps_rows *rows, struct ps_error *err)
{
    const struct source *s = ctx;
    int status = 0;
    if (s->into->model.table[table].kind == PS_TABLE_SIGHTINGS) /* counts are of an epoch */
        return 0;
    for (uint32_t slot = 0; slot < PS_SLOTS && !status; slot++) {
        struct ps_segment segment;
        if (map->shard_of[slot] != file)
            continue;
        status = ps_checkpoint_segment(s->from, slot, table, &segment, err);
        if (!status)
            take(s, &segment, rows);
    }
    return status;
}

/* Every name of the earlier dataset must have its id in the new one. */
static int check_ids(const struct ps_run *run, const struct ps_dataset *then, struct ps_error *err)
{
    const struct ps_dataset *now = &run->dataset;
    for (enum ps_entity entity = PS_USERS; entity <= PS_ITEMS; entity++) {
        uint64_t count = entity == PS_USERS ? then->users : then->items, grown = entity == PS_USERS ? now->users : now->items;
        for (uint64_t id = 0; id < count; id++) {
            size_t length, same;
            const char *name = ps_dataset_name(then, entity, id, &length), *other = id < grown ? ps_dataset_name(now, entity, id, &same) : NULL;
            if (!other || length != same || memcmp(name, other, length))
                return ps_fail(err, PS_EXIT_USAGE, "train.warm_start: the %s '%.*s' has another id in %s than in %s; prepare the new one with "
                               "--dictionary %s", entity == PS_USERS ? "user" : "item", (int)length, name, now->path, then->path, then->path);
        }
    }
    return 0;
}

/* So must every value of its features. */
static int check_values(const struct ps_run *run, const struct ps_dataset *then, struct ps_error *err)
{
    const struct ps_dataset *now = &run->dataset;
    for (int k = 0; k < run->model.recipe.features; k++) {
        const struct ps_feature *feature = &now->feature[run->model.recipe.feature[k]];
        const struct ps_feature *old = ps_dataset_feature(then, feature->side, feature->name);
        for (uint64_t v = 0; old && v < old->values; v++) {
            size_t length, same = 0;
            const char *name = ps_dataset_feature_name(then, old, v, &length);
            const char *other = v < feature->values ? ps_dataset_feature_name(now, feature, v, &same) : NULL;
            if (!other || length != same || memcmp(name, other, length))
                return ps_fail(err, PS_EXIT_USAGE, "train.warm_start: '%.*s' of the feature %s has another id in %s than in %s; prepare the new "
                               "one with --dictionary %s", (int)length, name, feature->name, now->path, then->path, then->path);
        }
    }
    return 0;
}

/* By the dataset of the earlier run. */
static int check_dataset(const struct ps_run *run, const struct ps_manifest *m, struct ps_error *err)
{
    struct ps_config config;
    struct ps_dataset then;
    if (m->dataset == run->dataset.fingerprint)
        return 0;
    int status = ps_run_config(run->config.train.warm_start, NULL, 0, &config, err);
    if (!status)
        status = ps_dataset_open(config.data.path, &then, err);
    if (status)
        return status;
    if (then.fingerprint != m->dataset)
        status = ps_fail(err, PS_EXIT_USAGE, "train.warm_start: %s was trained on another preparation than %s now holds, so nothing tells whether "
                         "ids are the same ones; leave the key out for a cold start", run->config.train.warm_start, then.path);
    else
        status = check_ids(run, &then, err);
    if (!status)
        status = check_values(run, &then, err);
    ps_dataset_close(&then);
    return status;
}

static int check(const struct ps_run *run, const struct ps_checkpoint *from, struct ps_error *err)
{
    const struct ps_config *config = &run->config;
    int status = ps_manifest_check_tables(&from->manifest, from->folder, run->model.table, run->model.tables, err);
    if (status) {
        err->code = PS_EXIT_USAGE;
        return -PS_EXIT_USAGE;
    }
    bool keep = config->train.warm_state == PS_WARM_KEEP;
    if (keep && (config->optimizer.kind == PS_OPT_ADAM_DENSE || config->optimizer.kind != from->manifest.optimizer.kind))
        return ps_fail(err, PS_EXIT_USAGE, "train.warm_state: keep needs the optimiser of %s, and one whose state does not count the run's steps "
                       "(adam_dense does); set it to reset", config->train.warm_start);
    return check_dataset(run, &from->manifest, err);
}

int ps_warm_make(const struct ps_run *run, char **folder, struct ps_error *err)
{
    struct ps_checkpoint from;
    char *path = ps_run_checkpoint(run->config.train.warm_start, "best");
    int status = ps_checkpoint_open(&from, path, err);
    free(path);
    if (status)
        return status;
    status = check(run, &from, err);
    if (!status)
        status = ps_first_write(run, &(struct ps_first_source){fill, &(struct source){run, &from}}, folder, err);
    ps_checkpoint_close(&from);
    return status;
}
