/* recipe.c - see recipe.h. */
#include "worker/recipe.h"

#include "worker/indicators.h"
#include "worker/sweep.h"
#include "worker/triples.h"

#include <string.h>

int ps_recipe_stream(const char *name, enum ps_stream stream, const struct ps_dataset *dataset, struct ps_error *err)
{
    bool sessions = dataset->sessions.count > 0;
    if (sessions == (stream != PS_STREAM_INTERACTIONS))
        return 0;
    return ps_fail(err, PS_EXIT_USAGE, "model %s learns from %s, but the dataset %s has %s; %s", name,
                   sessions ? "interactions" : "sessions", dataset->path, sessions ? "sessions" : "interactions",
                   sessions ? "prepare it without --sessions, or choose a model of sessions ('penstock models')"
                            : "prepare it with --sessions");
}

static int check(const char *name, const struct ps_recipe *recipe, bool whole, const struct ps_config *config,
                 const struct ps_dataset *dataset, struct ps_error *err)
{
    int status = ps_recipe_stream(name, recipe->stream, dataset, err);
    if (status)
        return status;
    bool sessions = dataset->sessions.count > 0;
    int given = config->model.loss_weights_count, tasks = 1 + (int)dataset->sessions.feedbacks;
    if (sessions && given && given != tasks)
        return ps_fail(err, PS_EXIT_USAGE, "model.loss_weights has %d values, but the dataset %s has %d tasks; give one weight for the next "
                       "item, then one for each feedback", given, dataset->path, tasks);
    if (!sessions && given && given != (int)dataset->behaviours)
        return ps_fail(err, PS_EXIT_USAGE, "model.loss_weights has %d values, but the dataset %s has %u behaviours; give "
                       "one weight each, weakest first", given, dataset->path, dataset->behaviours);
    status = ps_indicators_check(config, dataset, err);
    if (status < 0)
        return status;
    if (recipe->heads != (int)dataset->behaviours && recipe->sampling == PS_SAMPLING_UNION)
        return ps_fail(err, PS_EXIT_USAGE, "train.sampling is union, which needs a score for each behaviour, but %s has "
                       "only one; set train.sampling to per_behaviour", name);
    bool next = recipe->loss >= PS_LOSS_SOFTMAX;
    if (sessions ? !next && recipe->loss != PS_LOSS_BPR : next)
        return ps_fail(err, PS_EXIT_USAGE, "model.loss is none of %s, which model %s learns from; set model.loss to default, or to one of %s",
                       sessions ? "a next item" : "interactions", name,
                       sessions ? "softmax, both_terms, bpr, bpr_max, top1 and top1_max" : "bce, bpr, squared and whole");
    if (ps_recipe_pairs(recipe) && !config->train.negatives)
        return ps_fail(err, PS_EXIT_USAGE, "train.negatives is 0, but model %s compares each positive with negatives; set "
                       "train.negatives to 1 or more, or model.loss to bce", name);
    if (recipe->loss == PS_LOSS_WHOLE && !whole)
        return ps_fail(err, PS_EXIT_USAGE, "model.loss is whole, which needs scores that are linear in the product of a user's "
                       "and an item's embedding, but those of %s are not; use gmf, nmtr_gmf or wmf, or another loss", name);
    if (recipe->loss == PS_LOSS_WHOLE && recipe->sampling == PS_SAMPLING_UNION)
        return ps_fail(err, PS_EXIT_USAGE, "model.loss is whole, which takes each interaction by itself; set train.sampling to "
                       "per_behaviour");
    if (recipe->knowledge && !ps_triples_count(dataset))
        return ps_fail(err, PS_EXIT_USAGE, "model %s learns knowledge about items, but the dataset %s has none; prepare it with "
                       "--item-triples, or set model.knowledge to none", name, dataset->path);
    uint64_t longest = recipe->sweeps ? ps_sweep_longest(dataset) : 0;
    if (longest > (uint64_t)config->train.batch)
        return ps_fail(err, PS_EXIT_USAGE, "train.batch is %d, but a user or item of %s has %llu interactions, which %s needs in one "
                       "micro-batch; set train.batch to at least that", config->train.batch, dataset->path,
                       (unsigned long long)longest, name);
    return 0;
}

/* Whether the list of names has this one. */
static bool is_named(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == length && !memcmp(at, name, length))
            return true;
    return false;
}

static bool has_feature(const struct ps_dataset *dataset, const char *name, size_t length)
{
    for (uint32_t f = 0; f < dataset->features; f++)
        if (strlen(dataset->feature[f].name) == length && !memcmp(dataset->feature[f].name, name, length))
            return true;
    return false;
}

/* The names of all features, as a sentence lists them. */
static void list_features(const struct ps_dataset *dataset, char *text, size_t size)
{
    size_t used = 0;
    for (uint32_t f = 0; f < dataset->features && used + PS_FEATURE_NAME + 2 < size; f++)
        if (!f || !is_named(text, dataset->feature[f].name))
            used += (size_t)snprintf(text + used, size - used, "%s%s", f ? "," : "", dataset->feature[f].name);
}

/* A name that is on both sides means both. */
static int choose_features(struct ps_recipe *recipe, const char *name, const struct ps_config *config, const struct ps_dataset *dataset,
                           struct ps_error *err)
{
    const char *list = config->model.features;
    char there[400];
    if (*list && recipe->sweeps)
        return ps_fail(err, PS_EXIT_USAGE, "model.features is set, but %s solves the rows of users and items by themselves; use wmf, which "
                       "follows gradients, or set model.features to []", name);
    if (*list && !dataset->features)
        return ps_fail(err, PS_EXIT_USAGE, "model.features is set, but the dataset %s has no side features; prepare it with "
                       "--item-features or --user-features", dataset->path);
    list_features(dataset, there, sizeof there);
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
        size_t length = strcspn(at, ",");
        if (!has_feature(dataset, at, length) && !(length == 3 && !memcmp(at, "all", 3)))
            return ps_fail(err, PS_EXIT_USAGE, "model.features names '%.*s', but the dataset %s has only %s", (int)length, at,
                           dataset->path, there);
    }
    for (uint32_t f = 0; f < dataset->features; f++)
        if ((is_named(list, "all") || is_named(list, dataset->feature[f].name)) && !(recipe->stream && dataset->feature[f].side == PS_USERS))
            recipe->feature[recipe->features++] = (uint8_t)f; /* a session is nobody's row */
    recipe->pooling = config->model.feature_pooling;
    return 0;
}

int ps_recipe_init(struct ps_recipe *recipe, const char *name, const struct ps_recipe_defaults *defaults,
                   const struct ps_config *config, const struct ps_dataset *dataset, struct ps_error *err)
{
    enum ps_negatives own_negatives = defaults->negatives_from ? defaults->negatives_from : PS_NEGATIVES_UNIFORM;
    enum ps_objective own_loss = defaults->loss ? defaults->loss : defaults->stream ? PS_LOSS_SOFTMAX : PS_LOSS_BCE;
    *recipe = (struct ps_recipe){
        .stream = defaults->stream,
        .candidates = config->train.candidates,
        .samples = config->train.samples,
        .feedback = defaults->feedback,
        .heads = defaults->heads == PS_HEADS_EACH ? (int)dataset->behaviours : 1,
        .first = defaults->heads == PS_HEADS_TARGET ? dataset->behaviours - 1 : 0,
        .sampling = config->train.sampling,
        .negatives_from = config->train.negatives_from ? config->train.negatives_from : own_negatives,
        .loss = config->model.loss ? config->model.loss : own_loss,
        .knowledge = defaults->knowledge ? config->model.knowledge : PS_KNOWLEDGE_NONE,
        .knowledge_epochs = config->model.knowledge_epochs,
        .knowledge_margin = config->model.knowledge_margin,
        .rows_alone = defaults->skip_gram ? config->model.skip_gram_epochs : 0,
        .history = defaults->history ? config->model.history : 0,
        .sweeps = defaults->sweeps};
    int status = check(name, recipe, defaults->whole, config, dataset, err);
    if (!status)
        status = choose_features(recipe, name, config, dataset, err);
    if (status)
        return status;
    recipe->negatives = recipe->loss == PS_LOSS_WHOLE || recipe->sweeps || recipe->stream ? 0 : config->train.negatives;
    bool given = config->model.loss_weights_count > 0 && defaults->heads != PS_HEADS_TARGET;
    uint32_t terms = recipe->stream ? 1 + dataset->sessions.feedbacks : dataset->behaviours;
    double sum = 0;
    for (uint32_t r = recipe->first; r < terms; r++)
        sum += given ? config->model.loss_weights[r] : 1;
    for (uint32_t r = recipe->first; r < terms; r++)
        recipe->loss_weight[r] = (given ? config->model.loss_weights[r] : 1) / sum;
    return 0;
}

uint64_t ps_recipe_entries(const struct ps_recipe *recipe, const struct ps_dataset *dataset)
{
    if (recipe->stream != PS_STREAM_INTERACTIONS)
        return dataset->sessions.targets[dataset->sessions.train] +
               (recipe->knowledge == PS_KNOWLEDGE_ALTERNATING ? ps_triples_count(dataset) : 0);
    if (recipe->sampling == PS_SAMPLING_UNION)
        return dataset->union_pairs;
    uint64_t total = 0;
    for (uint32_t b = recipe->first; b < dataset->behaviours; b++)
        total += dataset->train[b].interactions;
    return total;
}
