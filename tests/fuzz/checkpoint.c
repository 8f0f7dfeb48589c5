/* checkpoint.c - the files of a checkpoint: a part that is the manifest, then one for each file that it names. Whatever can be opened
 * can be verified, read segment by segment, and loaded into a shard, or is refused with an error. */
#include "fuzz.h"

#include "../unit/shard_fixture.h"

static void drop(void *ctx, uint64_t to, struct ps_data *data, struct ps_message *message)
{
    ps_message_fini(message);
}

static void read_all(const char *folder)
{
    struct ps_checkpoint checkpoint;
    struct ps_error err;
    if (ps_checkpoint_open(&checkpoint, folder, &err))
        return;
    bool whole = !ps_checkpoint_verify(&checkpoint, &err);
    for (uint32_t slot = 0; slot < PS_SLOTS; slot++)
        for (uint32_t t = 0; t < checkpoint.manifest.tables; t++) {
            struct ps_segment segment;
            whole &= !ps_checkpoint_segment(&checkpoint, slot, t, &segment, &err);
        }
    for (uint32_t t = 0; whole && t < checkpoint.manifest.tables; t++) {
        const struct ps_table_spec *table = &checkpoint.manifest.table[t];
        uint64_t id[2] = {0, table->rows ? table->rows - 1 : 0};
        float *out = ps_malloc(2 * (size_t)table->width * sizeof *out);
        if (table->rows)
            ps_checkpoint_fetch(&checkpoint, t, id, 2, out);
        free(out);
    }
    ps_checkpoint_close(&checkpoint);
    uint64_t digest;
    ps_checkpoint_digest(folder, &digest, &err);
}

static void load(const char *folder)
{
    struct ps_slot_map map;
    struct ps_control welcome;
    struct ps_shard *shard = ps_calloc(1, sizeof *shard);
    struct ps_error err;
    fixture_welcome(&welcome, &map, 1, 0, PS_ASYNC, 2, &fixture_adagrad);
    if (ps_shard_init(shard, &welcome, 5, drop, NULL, &err))
        abort();
    ps_shard_load(shard, 2, 1, folder, NULL, 0, &err);
    ps_shard_fini(shard);
    free(shard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { FILES = 3 };
    struct fuzz_input in = {data, size}, part = fuzz_part(&in);
    struct ps_manifest manifest;
    struct ps_error err;
    const char *folder = fuzz_folder();
    fuzz_file(folder, PS_MANIFEST_NAME, part, part.size);
    if (ps_manifest_read(&manifest, folder, &err))
        return 0;
    for (uint32_t i = 0; i < manifest.files; i++)
        if (strchr(manifest.file[i].name, '/') || !strcmp(manifest.file[i].name, ".."))
            abort(); /* would lead out of the folder */
    for (uint32_t i = 0; i < PS_MIN(manifest.files, FILES); i++)
        if (strncmp(manifest.file[i].name, "manifest", 8))
            fuzz_file(folder, manifest.file[i].name, fuzz_part(&in), manifest.file[i].bytes);
    read_all(folder);
    load(folder);
    for (uint32_t i = 0; i < manifest.files; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, manifest.file[i].name);
        unlink(path);
    }
    ps_manifest_fini(&manifest);
    return 0;
}
