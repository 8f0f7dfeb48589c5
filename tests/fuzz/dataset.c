/* dataset.c - the files of a prepared dataset: a small one is made once, and parts of the input take the place of its files, each with
 * the file's number before it. Files get the sizes that dataset.yaml gives them. Whatever opens can be read to the last pair. */
#include "fuzz.h"

#include "dataset_files.h"

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
    char *folder = fuzz_dataset_replace((struct fuzz_input){data, size}, FUZZ_INTERACTIONS);
    read_all(folder);
    free(folder);
    return 0;
}
