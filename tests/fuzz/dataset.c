/* dataset.c - the files of a prepared dataset: a small one is made once, and parts of the input take the place of its files, each with
 * the file's number before it. Files get the sizes that dataset.yaml gives them. Whatever opens can be read to the last pair. */
#include "fuzz.h"

#include "common/yaml.h"
#include "data/prepare.h"
#include "dataset_files.h"

static void resize(const char *folder)
{
    struct ps_yaml *root;
    struct ps_error err;
    char *path = ps_format("%s/dataset.yaml", folder);
    int status = ps_yaml_load(path, PS_EXIT_DATA, &root, &err);
    free(path);
    if (status)
        return;
    const struct ps_yaml *files = ps_yaml_get(root, "files");
    for (int i = 0; files && i < files->count; i++) {
        const char *name = files->child[i].key;
        const struct ps_yaml *bytes = ps_yaml_get(&files->child[i], "bytes");
        uint64_t size = bytes && bytes->text ? strtoull(bytes->text, NULL, 10) : UINT64_MAX;
        if (!name || strchr(name, '/') || size > FUZZ_FILE_BYTES)
            continue;
        path = ps_format("%s/%s", folder, name);
        if (strcmp(name, "dataset.yaml") && access(path, F_OK) == 0 && truncate(path, (off_t)size))
            abort();
        free(path);
    }
    ps_yaml_free(root);
}

static void read_all(const char *folder)
{
    struct ps_dataset d;
    struct ps_error err;
    if (ps_dataset_open(folder, &d, &err))
        return;
    bool whole = !ps_dataset_verify(&d, &err);
    for (int e = PS_USERS; e <= PS_ITEMS; e++)
        for (uint64_t i = 0; i < PS_MIN(e == PS_USERS ? d.users : d.items, 100); i++) {
            uint64_t found;
            size_t length;
            const char *name = ps_dataset_name(&d, (enum ps_entity)e, i, &length);
            ps_dataset_find(&d, (enum ps_entity)e, name, length, &found);
        }
    for (uint32_t u = 0; whole && u < PS_MIN(d.users, 100); u++) {
        uint32_t item[16], mask[16];
        ps_dataset_union(&d, u, item, mask, 16);
        ps_dataset_seen(&d, u, 0);
    }
    for (uint64_t i = 0; i < d.valid_count + d.test_count; i++) {
        const struct ps_pair *pair = i < d.valid_count ? &d.valid[i] : &d.test[i - d.valid_count];
        if (pair->user >= d.users || pair->item >= d.items)
            abort();
    }
    ps_dataset_close(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    char *folder = ps_format("%s/dataset", fuzz_folder());
    fuzz_dataset_write(folder);
    while (in.size) {
        const char *name = fuzz_dataset_file[fuzz_byte(&in) % PS_COUNT(fuzz_dataset_file)];
        struct fuzz_input part = fuzz_part(&in);
        fuzz_file(folder, name, part, part.size);
    }
    resize(folder);
    read_all(folder);
    free(folder);
    return 0;
}
