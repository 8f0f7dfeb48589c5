/* shard_fixture.h - what the tests of shards and checkpoints share: a small model, a WELCOME for it, a throw-away
 * folder, a manifest around row files.
 */
#ifndef SHARD_FIXTURE_H
#define SHARD_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/shard.h"

enum { FIXTURE_TABLES = 3, FIXTURE_SEED = 7, FIXTURE_RUN = 99 };

/* Users, items with an embedding and a bias, and a tensor of 3 x 5 in chunks of 4 (one element of padding). */
static const struct ps_table_spec fixture_table[FIXTURE_TABLES] = {
    {.name = "user",
     .kind = PS_TABLE_USER,
     .rows = 40,
     .width = 5,
     .fields = 1,
     .field = {{"embedding", 0, 5, PS_INIT_NORMAL, 0.1f}}},
    {.name = "item",
     .kind = PS_TABLE_ITEM,
     .rows = 25,
     .width = 4,
     .fields = 2,
     .field = {{"embedding", 0, 3, PS_INIT_UNIFORM, 0.5f}, {"bias", 3, 1, PS_INIT_ZERO, 0}}},
    {.name = "weight",
     .kind = PS_TABLE_TENSOR,
     .rows = 4,
     .width = 4,
     .fields = 1,
     .field = {{"weight", 0, 4, PS_INIT_TRUNCATED, 1}},
     .tensor_rows = 3,
     .tensor_cols = 5},
};

static const struct ps_optimizer_spec fixture_adagrad = {
    .kind = PS_OPT_ADAGRAD, .lr = 0.1f, .initial_accumulator = 0.01f};

static inline void fixture_welcome(struct ps_control *w, struct ps_slot_map *map, uint32_t shards, uint32_t shard,
                                   uint32_t mode, uint32_t lanes, const struct ps_optimizer_spec *optimizer)
{
    ps_slot_map_init(map, shards);
    *w = (struct ps_control){.kind = PS_WELCOME,
                             .run = FIXTURE_RUN,
                             .seed = FIXTURE_SEED,
                             .map = 1,
                             .shard = shard,
                             .mode = mode,
                             .lanes = lanes,
                             .slots = PS_SLOTS,
                             .optimizer = *optimizer,
                             .table = (struct ps_table_spec *)(uintptr_t)fixture_table,
                             .table_count = FIXTURE_TABLES,
                             .shards = map->entry,
                             .shard_count = shards};
}

/* Those tables, of which the first two are of ids that come and go, and behind them their sightings; for welcome.table and table_count. */
enum { FIXTURE_LIVING = FIXTURE_TABLES + 2 };
static inline void fixture_living(struct ps_table_spec table[FIXTURE_LIVING], uint32_t admit_after, uint32_t evict_after)
{
    memcpy(table, fixture_table, sizeof fixture_table);
    for (uint32_t t = 0; t < 2; t++) {
        table[t].sightings = FIXTURE_TABLES + t;
        table[t].admit_after = admit_after;
        table[t].evict_after = evict_after;
        table[FIXTURE_TABLES + t] = (struct ps_table_spec){.kind = PS_TABLE_SIGHTINGS, .counts = table[t].kind, .rows = table[t].rows,
                                                           .width = PS_LIFE, .update = PS_UPDATE_ADD};
        snprintf(table[FIXTURE_TABLES + t].name, PS_NAME_SIZE, "sightings.%u", t);
    }
}

/* A new folder in /tmp, removed by the caller with ps_folder_remove. */
static inline char *fixture_folder(void)
{
    char *path = ps_strdup("/tmp/penstock-test-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void fixture_manifest(const struct ps_shard *shard, uint64_t cut, struct ps_file_entry *file,
                                    uint32_t files, const char *folder)
{
    struct ps_error err;
    struct ps_manifest m = {.run = shard->run,
                            .cut = cut,
                            .seed = shard->seed,
                            .era = shard->era,
                            .term = 1,
                            .epoch = shard->epoch,
                            .mode = shard->mode,
                            .slots = PS_SLOTS,
                            .step = shard->v,
                            .lanes = shard->lanes,
                            .tables = shard->tables,
                            .table = (struct ps_table_spec *)(uintptr_t)shard->spec,
                            .optimizer = shard->optimizer,
                            .files = files,
                            .file = file,
                            .config = "model:\n  name: nmtr-gmf\n"};
    m.lane = ps_calloc(shard->lanes, sizeof *m.lane);
    assert_int_equal(ps_manifest_write(&m, folder, &err), 0);
    free(m.lane);
}

/* Writes the row file of a shard. */
static inline void fixture_write(const struct ps_marks *marks, const struct ps_shard *shard, const char *folder, struct ps_file_entry *file)
{
    struct ps_folder in;
    struct ps_error err;
    assert_int_equal(ps_folder_open(&in, folder, &err), 0);
    assert_int_equal(ps_checkpoint_write(marks, shard->spec, shard->tables, &shard->optimizer, shard->rows, NULL, &in, file, &err), 0);
    ps_folder_close(&in);
}

/* Writes the row files of n shards and their manifest. */
static inline void fixture_checkpoint(struct ps_shard *shard, uint32_t n, uint64_t cut, const char *folder)
{
    struct ps_file_entry file[PS_MAX_SHARDS];
    for (uint32_t i = 0; i < n; i++) {
        struct ps_marks marks;
        ps_shard_marks(&shard[i], cut, &marks);
        fixture_write(&marks, &shard[i], folder, &file[i]);
        ps_marks_fini(&marks);
    }
    fixture_manifest(&shard[0], cut, file, n, folder);
}

#endif
