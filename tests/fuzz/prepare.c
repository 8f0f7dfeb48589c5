/* prepare.c - the text input of `penstock prepare`, plain or packed. The first byte chooses how it is read. What is prepared is a whole
 * dataset. */
#include "fuzz.h"

#include "data/prepare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    uint8_t how = fuzz_byte(&in);
    char log[512], out[512];
    struct ps_error err;
    struct ps_prepare_stats stats;
    struct ps_dataset dataset;
    snprintf(log, sizeof log, "%s/log", fuzz_folder());
    snprintf(out, sizeof out, "%s/out", fuzz_folder());
    fuzz_file(fuzz_folder(), "log", in, in.size);
    struct ps_prepare_input input = {log, how & 1 ? 1 : PS_ANY_BEHAVIOUR};
    struct ps_prepare_options options = {.out = out,
                                         .overwrite = true,
                                         .input = &input,
                                         .inputs = 1,
                                         .format = {.milliseconds = how & 2, .columns = how & 4 ? "user,item,behaviour,time" : NULL},
                                         .rules = {.behaviours = 3, .keep_targets = 1, .seed = 1,
                                                   .valid = how & 8 ? PS_HOLDOUT_LAST_POSITION : PS_HOLDOUT_NONE,
                                                   .test = how & 8 ? PS_HOLDOUT_LAST_TIME : PS_HOLDOUT_NONE},
                                         .behaviour = {"view", "cart", "buy"},
                                         .id_seed = 1,
                                         .memory = 16 << 20,
                                         .max_bad = 1000,
                                         .strict = how & 16,
                                         .quiet = true};
    if (!ps_prepare(&options, &stats, &err)) {
        if (ps_dataset_open(out, &dataset, &err) || ps_dataset_verify(&dataset, &err))
            abort();
        ps_dataset_close(&dataset);
    }
    return 0;
}
