/* evaluate.c - a worker's part of a distributed evaluation; see evaluate.h. */
#include "worker/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "worker/rank.h"

static int fetch(void *ctx, int table, const uint32_t *ids, int n, float *out, struct ps_error *err)
{
    return ps_client_read(ctx, table, ids, n, out, err);
}

static int rank(struct ps_client *client, struct ps_model *model, const struct ps_config *config,
                const struct ps_control *message, const struct ps_pair *target, struct ps_frame *answer, struct ps_error *err)
{
    struct ps_ranking how = ps_ranking_of(config, (enum ps_split)message->split, message->code == 1);
    struct ps_row_source source = {.fetch = fetch, .ctx = client};
    struct ps_ranks ranks;
    int status = ps_rank_targets(model, &source, &how, target, message->count, &ranks, err);
    if (status)
        return status;
    ps_frame_alloc(answer, ps_ranks_bytes(ranks.count, how.k_count, ranks.items));
    ps_ranks_pack(&ranks, how.k_count, ps_frame_data(answer));
    ps_ranks_fini(&ranks);
    return 0;
}

int ps_evaluate_targets(struct ps_client *client, const struct ps_config *config, const struct ps_dataset *dataset,
                        struct ps_model *trained, struct ps_model *rule, const struct ps_control *message, struct ps_frame *answer,
                        struct ps_error *err)
{
    struct ps_targets targets;
    ps_targets_init(&targets, dataset, (enum ps_split)message->split, config);
    struct ps_model *model = trained;
    bool is_trained = strcmp(message->text, trained->class_->name) == 0;
    int status = 0;
    if (message->count > targets.count || message->first > targets.count - message->count || message->count > (1u << 24))
        status = ps_fail(err, PS_EXIT_NET, "told to rank targets %llu to %llu of %llu: the coordinator reads another dataset",
                         (unsigned long long)message->first, (unsigned long long)(message->first + message->count),
                         (unsigned long long)targets.count);
    if (!status && !is_trained) {
        model = rule;
        if (rule->class_ && strcmp(rule->class_->name, message->text))
            ps_model_fini(rule);
        if (!rule->class_)
            status = ps_model_init(rule, message->text, config, dataset, err);
    }
    if (!status)
        status = rank(client, model, config, message, targets.pair + message->first, answer, err);
    ps_targets_fini(&targets);
    return status;
}
