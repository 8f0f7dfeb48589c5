/* evaluate.c - a worker's part of a distributed evaluation; see evaluate.h. */
#include "worker/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "worker/rank.h"

static int fetch(void *ctx, int table, const uint32_t *ids, int n, float *out, struct ps_error *err)
{
    return ps_client_read(ctx, table, ids, n, out, err);
}

int ps_evaluate_targets(struct ps_client *client, const struct ps_config *config, const struct ps_dataset *dataset,
                        struct ps_model *trained, const struct ps_control *message, struct ps_frame *ranks,
                        struct ps_error *err)
{
    const struct ps_pair *held = message->split == PS_SPLIT_VALID ? dataset->valid : dataset->test;
    uint64_t held_count = message->split == PS_SPLIT_VALID ? dataset->valid_count : dataset->test_count;
    uint64_t ranked = config->eval.users ? PS_MIN(config->eval.users, held_count) : held_count;
    if (message->count > ranked || message->first > ranked - message->count || message->count > (1u << 24))
        return ps_fail(err, PS_EXIT_NET, "told to rank targets %llu to %llu of %llu: the coordinator reads another dataset",
                       (unsigned long long)message->first, (unsigned long long)(message->first + message->count),
                       (unsigned long long)ranked);
    struct ps_pair *target = ps_calloc(message->count, sizeof *target);
    for (uint64_t i = 0; i < message->count; i++)
        target[i] = held[ranked < held_count ? ps_random_permute(config->train.seed, held_count, message->first + i)
                                             : message->first + i];
    struct ps_model rule = {0}, *model = trained;
    bool is_trained = strcmp(message->text, trained->class_->name) == 0;
    int status = is_trained ? 0 : ps_model_init(&rule, message->text, config, dataset, err);
    if (!status) {
        if (!is_trained)
            model = &rule;
        struct ps_row_source source = {.fetch = fetch, .ctx = client};
        ps_frame_alloc(ranks, message->count * sizeof(struct ps_rank));
        status = ps_rank_targets(model, &source, (enum ps_split)message->split, target, message->count,
                                 (enum ps_mask)message->mask, ps_frame_data(ranks), err);
        if (status)
            ps_frame_fini(ranks);
        if (!is_trained)
            ps_model_fini(&rule);
    }
    free(target);
    return status;
}
