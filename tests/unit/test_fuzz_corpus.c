/* test_fuzz_corpus.c - the fuzz targets, fed with what is kept for them in tests/fuzz/corpus: seeds, and every input that once broke
 * something. Needs no fuzzer. The seeds must be taken: a format that has changed wants `make fuzz-corpus`.
 */
#define LLVMFuzzerTestOneInput feed_control
#include "../fuzz/control.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput feed_codec
#include "../fuzz/codec.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput feed_config
#include "../fuzz/config.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput feed_record
#include "../fuzz/record.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput feed_ranks
#include "../fuzz/ranks.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput feed_prepare
#include "../fuzz/prepare.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput feed_dataset
#define read_all read_dataset
#include "../fuzz/dataset.c"
#undef read_all
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput feed_sessions
#include "../fuzz/sessions.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput feed_data
#define drop drop_answer
#include "../fuzz/data.c"
#undef drop
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput feed_checkpoint
#include "../fuzz/checkpoint.c"
#undef LLVMFuzzerTestOneInput
#include "../fuzz/hash.c"

#include "common/sealed.h"

#include <dirent.h>

/* Feeds every file of the target's folder; there must be some. */
static void feed(const char *target, int (*one)(const uint8_t *data, size_t size))
{
    const char *root = getenv("PENSTOCK_ROOT");
    char *folder = ps_format("%s/tests/fuzz/corpus/%s", root ? root : ".", target);
    int files = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        struct ps_error err;
        char *path = ps_format("%s/%s", folder, entry->d_name), *bytes;
        size_t size;
        assert_int_equal(ps_file_read(path, FUZZ_FILE_BYTES, &bytes, &size, &err), 0);
        print_message("%s/%s\n", target, entry->d_name);
        one((const uint8_t *)bytes, size);
        free(bytes), free(path);
        files++;
    }
    closedir(dir);
    free(folder);
    assert_true(files > 0);
}

#define FEED(target)                                                                                                   \
    static void target##_inputs_do_no_harm(void **state)                                                               \
    {                                                                                                                  \
        feed(#target, feed_##target);                                                                                  \
    }
FEED(control)
FEED(data)
FEED(codec)
FEED(config)
FEED(checkpoint)
FEED(record)
FEED(ranks)
FEED(dataset)
FEED(sessions)
FEED(prepare)

static struct fuzz_input seed(const char *name)
{
    struct ps_error err;
    const char *root = getenv("PENSTOCK_ROOT");
    char *path = ps_format("%s/tests/fuzz/corpus/%s", root ? root : ".", name), *bytes;
    size_t size;
    assert_int_equal(ps_file_read(path, FUZZ_FILE_BYTES, &bytes, &size, &err), 0);
    free(path);
    return (struct fuzz_input){(uint8_t *)bytes, size};
}

/* Else the fuzzer would start from nothing. */
static void seeds_are_taken(void **state)
{
    struct ps_error err;
    struct fuzz_input whole = seed("checkpoint/shards-2"), in = whole;
    struct ps_checkpoint checkpoint;
    char folder[300];
    snprintf(folder, sizeof folder, "%s/taken", fuzz_folder());
    assert_int_equal(ps_folder_make(folder, &err), 0);
    struct fuzz_input part = fuzz_part(&in);
    fuzz_file(folder, PS_MANIFEST_NAME, part, part.size);
    for (int i = 0; i < 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "shard-%03d.rows", i);
        part = fuzz_part(&in);
        fuzz_file(folder, name, part, part.size);
    }
    if (ps_checkpoint_open(&checkpoint, folder, &err))
        fail_msg("%s; make fuzz-corpus", err.text);
    assert_true(checkpoint.places > 10);
    ps_checkpoint_close(&checkpoint);
    free((void *)(uintptr_t)whole.data);

    whole = in = seed("record/training");
    snprintf(folder, sizeof folder, "%s/00000001", fuzz_folder());
    fuzz_file(fuzz_folder(), "00000001", in, in.size);
    struct ps_yaml *root;
    if (ps_sealed_load(folder, "make fuzz-corpus", &root, &err))
        fail_msg("%s", err.text);
    ps_yaml_free(root);
    free((void *)(uintptr_t)whole.data);

    whole = in = seed("ranks/lists");
    snprintf(folder, sizeof folder, "%s/test.ranks", fuzz_folder());
    fuzz_file(fuzz_folder(), "test.ranks", in, in.size);
    struct ps_result result;
    if (ps_result_read(&result, folder, &err))
        fail_msg("%s; make fuzz-corpus", err.text);
    assert_true(result.models == 2 && result.ranks[1].place);
    ps_result_fini(&result);
    free((void *)(uintptr_t)whole.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_inputs_do_no_harm), cmocka_unit_test(data_inputs_do_no_harm),
        cmocka_unit_test(codec_inputs_do_no_harm),   cmocka_unit_test(config_inputs_do_no_harm),
        cmocka_unit_test(checkpoint_inputs_do_no_harm), cmocka_unit_test(record_inputs_do_no_harm),
        cmocka_unit_test(ranks_inputs_do_no_harm),   cmocka_unit_test(dataset_inputs_do_no_harm),
        cmocka_unit_test(sessions_inputs_do_no_harm), cmocka_unit_test(prepare_inputs_do_no_harm),
        cmocka_unit_test(seeds_are_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
