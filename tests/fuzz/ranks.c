/* ranks.c - kept ranks (RUN/ranks/SPLIT.ranks): what can be read is measured, compared with itself, written and read again. */
#include "fuzz.h"

#include "cli/result.h"
#include "common/significance.h"

static void measure_ranks(const struct ps_result *result)
{
    const int k[] = {1, 10};
    const struct ps_column auc = {PS_MEASURE_AUC, 0};
    struct ps_measuring how = ps_result_measuring(result);
    how.k = k, how.k_count = 2;
    for (int m = 0; m < result->models; m++) {
        struct ps_ranks ranks = result->ranks[m];
        struct ps_metrics metrics;
        struct ps_sample a, b;
        double p;
        ranks.novelty = NULL;
        ps_metrics_compute(&ranks, &how, &metrics);
        ranks = result->ranks[0];
        ranks.novelty = NULL;
        ps_sample_init(&a, &ranks, &how, PS_GROUP_ALL, &auc, 1);
        ps_sample_init(&b, &ranks, &how, PS_GROUP_ALL, &auc, 1);
        ps_sample_subtract(&a, &b);
        ps_sign_flip(&a, 2, 1, &p);
        ps_sample_fini(&a), ps_sample_fini(&b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ps_result result, again;
    struct ps_error err;
    char path[300], text[512];
    snprintf(path, sizeof path, "%s/test.ranks", fuzz_folder());
    fuzz_file(fuzz_folder(), "test.ranks", (struct fuzz_input){data, size}, size);
    if (ps_result_read(&result, path, &err))
        return 0;
    measure_ranks(&result);
    if (ps_result_write(&result, path, &err) || ps_result_read(&again, path, &err))
        abort();
    ps_result_difference(&result, &again, text);
    if (*text)
        abort();
    ps_result_fini(&result), ps_result_fini(&again);
    return 0;
}
