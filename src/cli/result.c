/* result.c - see result.h. */
#include "cli/result.h"

#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/schema.h"
#include "data/targets.h"

static const char MAGIC[8] = "PSRANKS2";

struct header {
    char magic[8];
    uint64_t dataset, held_out, targets, items, config_bytes;
    uint32_t split, behaviours, models, lists, sessions, unused;
    char target[32];
};

void ps_result_init(struct ps_result *result, const struct ps_config *config, const struct ps_dataset *dataset,
                    enum ps_split split)
{
    *result = (struct ps_result){.split = split, .dataset = dataset->fingerprint, .behaviours = dataset->behaviours,
                                 .sessions = dataset->sessions.count > 0,
                                 .config = *config};
    result->config.eval.mask = ps_eval_mask(config);
    ps_held_out(dataset, split, &result->held_out);
    snprintf(result->target, sizeof result->target, "%s", dataset->behaviour[dataset->behaviours - 1]);
}

void ps_result_fini(struct ps_result *result)
{
    for (int m = 0; m < result->models; m++)
        ps_ranks_fini(&result->ranks[m]);
    result->models = 0;
}

char *ps_result_path(const char *run, enum ps_split split)
{
    return ps_format("%s/ranks/%s.ranks", run, ps_split_name(split));
}

/* ---- writing ---- */

/* One field of all ranks as a column. */
static int put_column(struct ps_writer *writer, const struct ps_ranks *ranks, size_t field, struct ps_error *err)
{
    uint32_t block[1024];
    int status = 0;
    for (size_t first = 0; first < ranks->count && !status; first += PS_COUNT(block)) {
        size_t n = PS_MIN(ranks->count - first, PS_COUNT(block));
        for (size_t i = 0; i < n; i++)
            memcpy(&block[i], (const char *)&ranks->rank[first + i] + field, sizeof *block);
        status = ps_writer_put(writer, block, n * sizeof *block, err);
    }
    return status;
}

/* Fields that are the same for all models, and those that are a model's own. */
static const size_t shared[] = {offsetof(struct ps_rank, user), offsetof(struct ps_rank, history),
                                offsetof(struct ps_rank, candidates), offsetof(struct ps_rank, seen)};
static const size_t own[] = {offsetof(struct ps_rank, greater), offsetof(struct ps_rank, equal)};

static int put_columns(struct ps_writer *writer, const struct ps_result *result, struct ps_error *err)
{
    int status = 0;
    for (size_t f = 0; f < PS_COUNT(shared) && !status; f++)
        status = put_column(writer, &result->ranks[0], shared[f], err);
    for (int m = 0; m < result->models; m++) {
        const struct ps_ranks *ranks = &result->ranks[m];
        for (size_t f = 0; f < PS_COUNT(own) && !status; f++)
            status = put_column(writer, ranks, own[f], err);
        size_t values = ranks->count * (size_t)result->config.eval.k_count;
        if (!status && ranks->novelty)
            status = ps_writer_put(writer, ranks->novelty, values * sizeof *ranks->novelty, err);
        if (!status && ranks->place)
            status = ps_writer_put(writer, ranks->place, ranks->items * sizeof *ranks->place, err);
    }
    return status;
}

int ps_result_write(const struct ps_result *result, const char *path, struct ps_error *err)
{
    PS_ASSERT(result->models > 0);
    char *config = ps_config_write(&result->config);
    struct header header = {.dataset = result->dataset,
                            .held_out = result->held_out,
                            .targets = result->ranks[0].count,
                            .items = result->ranks[0].items,
                            .config_bytes = strlen(config),
                            .split = result->split,
                            .behaviours = result->behaviours,
                            .models = (uint32_t)result->models,
                            .lists = result->ranks[0].place != NULL,
                            .sessions = result->sessions};
    memcpy(header.magic, MAGIC, sizeof header.magic);
    memcpy(header.target, result->target, sizeof header.target);
    struct ps_writer writer;
    int status = ps_writer_open(&writer, path, err);
    if (!status) {
        status = ps_writer_put(&writer, &header, sizeof header, err);
        if (!status)
            status = ps_writer_put(&writer, result->model, (size_t)result->models * sizeof *result->model, err);
        if (!status)
            status = ps_writer_put(&writer, config, header.config_bytes, err);
        if (!status)
            status = put_columns(&writer, result, err);
        uint64_t sum = ps_writer_sum(&writer);
        if (!status)
            status = ps_writer_put(&writer, &sum, sizeof sum, err);
        status = status ? status : ps_writer_commit(&writer, err);
        ps_writer_abandon(&writer);
    }
    free(config);
    return status;
}

/* ---- reading ---- */

static int damaged(const char *path, struct ps_error *err)
{
    return ps_fail(err, PS_EXIT_DATA, "%s is damaged, or no file of ranks; 'penstock evaluate RUN --ranks FILE' makes one", path);
}

static const char *take_column(struct ps_ranks *ranks, size_t field, const char *from)
{
    for (size_t i = 0; i < ranks->count; i++)
        memcpy((char *)&ranks->rank[i] + field, from + i * sizeof(uint32_t), sizeof(uint32_t));
    return from + ranks->count * sizeof(uint32_t);
}

static void take_columns(struct ps_result *result, const struct header *header, const char *at)
{
    int k_count = header->lists ? result->config.eval.k_count : 0;
    for (int m = 0; m < result->models; m++) {
        struct ps_ranks *ranks = &result->ranks[m];
        ps_ranks_init(ranks, header->targets, k_count, header->items);
        for (size_t f = 0; f < PS_COUNT(shared); f++)
            take_column(ranks, shared[f], at + f * header->targets * sizeof(uint32_t));
    }
    at += PS_COUNT(shared) * header->targets * sizeof(uint32_t);
    for (int m = 0; m < result->models; m++) {
        struct ps_ranks *ranks = &result->ranks[m];
        for (size_t f = 0; f < PS_COUNT(own); f++)
            at = take_column(ranks, own[f], at);
        if (k_count) {
            size_t novelty = ranks->count * (size_t)k_count * sizeof *ranks->novelty, places = ranks->items * sizeof *ranks->place;
            memcpy(ranks->novelty, at, novelty);
            memcpy(ranks->place, at + novelty, places);
            at += novelty + places;
        }
    }
}

/* The sum is right, so everything is as it was written: by this version, or by another one. */
static int take(struct ps_result *result, const char *path, const char *data, size_t size, struct ps_error *err)
{
    struct header header;
    memcpy(&header, data, sizeof header);
    if (memcmp(header.magic, MAGIC, sizeof MAGIC) || header.models < 1 || header.models > PS_RESULT_MODELS ||
        (header.split != PS_SPLIT_VALID && header.split != PS_SPLIT_TEST) || header.lists > 1 || header.sessions > 1 || header.behaviours < 1 ||
        header.behaviours > PS_MAX_BEHAVIOURS || header.targets > size || header.items > size ||
        header.config_bytes > size)
        return damaged(path, err);
    *result = (struct ps_result){.split = (enum ps_split)header.split, .dataset = header.dataset, .held_out = header.held_out,
                                 .behaviours = header.behaviours, .sessions = header.sessions};
    memcpy(result->target, header.target, sizeof header.target);
    size_t names = header.models * sizeof *result->model;
    if (sizeof header + names + header.config_bytes > size)
        return damaged(path, err);
    memcpy(result->model, data + sizeof header, names);
    for (uint32_t m = 0; m < header.models; m++)
        result->model[m][PS_NAME_SIZE - 1] = '\0';
    char *config = ps_format("%.*s", (int)header.config_bytes, data + sizeof header + names);
    int status = ps_config_load_text(&result->config, config, path, err);
    free(config);
    if (status)
        return status;
    size_t head = sizeof header + names + header.config_bytes;
    size_t lists = ps_ranks_bytes(header.targets, result->config.eval.k_count, header.items) -
                   header.targets * sizeof(struct ps_rank);
    size_t columns = header.targets * sizeof(uint32_t) * (PS_COUNT(shared) + header.models * PS_COUNT(own));
    if (head + columns + header.models * (header.lists ? lists : 0) != size)
        return damaged(path, err);
    result->models = (int)header.models;
    take_columns(result, &header, data + head);
    return 0;
}

int ps_result_read(struct ps_result *result, const char *path, struct ps_error *err)
{
    struct ps_mapping file;
    uint64_t sum;
    int status = ps_mapping_open(&file, path, err);
    if (status)
        return status;
    size_t size = file.size < sizeof sum ? 0 : file.size - sizeof sum;
    if (size)
        memcpy(&sum, file.data + size, sizeof sum);
    if (size < sizeof(struct header) || sum != ps_hash64(file.data, size, 0))
        status = damaged(path, err);
    else
        status = take(result, path, (const char *)file.data, size, err);
    ps_mapping_close(&file);
    return status;
}

/* ---- the protocol ---- */

struct ps_measuring ps_result_measuring(const struct ps_result *result)
{
    return (struct ps_measuring){.mean = result->config.eval.mean,
                                 .ties = result->config.eval.ties,
                                 .known = result->sessions ? 1 : (1u << (result->behaviours - 1)) - 1,
                                 .k = result->config.eval.k,
                                 .k_count = result->config.eval.k_count,
                                 .bound = result->config.eval.user_groups,
                                 .bounds = result->config.eval.user_groups_count};
}

const char *ps_split_name(enum ps_split split)
{
    return split == PS_SPLIT_VALID ? "valid" : "test";
}

char *ps_result_setting(const struct ps_result *result, const char *name)
{
    const struct ps_key *key = ps_schema_find(&ps_config_schema, name);
    PS_ASSERT(key);
    return ps_key_print(key, &result->config);
}

static bool draws(const struct ps_result *result)
{
    return result->config.eval.candidates == PS_CANDIDATES_SAMPLED || result->ranks[0].count < result->held_out;
}

static void add_difference(char text[512], const char *what, const char *a, const char *b)
{
    size_t used = strlen(text);
    if (strcmp(a, b))
        snprintf(text + used, 512 - used, "%s%s (%s and %s)", used ? ", " : "", what, a, b);
}

void ps_result_difference(const struct ps_result *a, const struct ps_result *b, char text[512])
{
    static const char *const keys[] = {"eval.mean", "eval.candidates", "eval.mask", "eval.users", "eval.sampled", "eval.seed"};
    size_t always = 4; /* the others only where something is drawn */
    char of_a[32], of_b[32];
    *text = '\0';
    snprintf(of_a, sizeof of_a, "%016llx", (unsigned long long)a->dataset);
    snprintf(of_b, sizeof of_b, "%016llx", (unsigned long long)b->dataset);
    add_difference(text, "the dataset", of_a, of_b);
    add_difference(text, "the split", ps_split_name(a->split), ps_split_name(b->split));
    for (size_t i = 0; i < PS_COUNT(keys); i++) {
        if (i >= always && !draws(a) && !draws(b))
            break;
        char *value_a = ps_result_setting(a, keys[i]), *value_b = ps_result_setting(b, keys[i]);
        add_difference(text, keys[i], value_a, value_b);
        free(value_a), free(value_b);
    }
    bool same = a->ranks[0].count == b->ranks[0].count;
    for (size_t i = 0; i < a->ranks[0].count && same; i++) {
        const struct ps_rank *x = &a->ranks[0].rank[i], *y = &b->ranks[0].rank[i];
        same = x->user == y->user && x->candidates == y->candidates && x->seen == y->seen && x->history == y->history;
    }
    if (!*text && !same)
        snprintf(text, 512, "their targets");
}

static void describe_candidates(const struct ps_result *result, char text[200])
{
    const struct ps_config *config = &result->config;
    char drawn[32] = "all items";
    if (config->eval.candidates == PS_CANDIDATES_SAMPLED)
        snprintf(drawn, sizeof drawn, "%d drawn items", config->eval.sampled);
    switch (config->eval.mask) {
    case PS_MASK_TARGET: snprintf(text, 200, "%s but the user's training items under '%s'", drawn, result->target); break;
    case PS_MASK_ANY: snprintf(text, 200, "%s but the user's training items under any behaviour", drawn); break;
    default: snprintf(text, 200, "%s", drawn);
    }
}

void ps_result_describe(const struct ps_result *result, FILE *to)
{
    char candidates[200];
    uint64_t targets = result->ranks[0].count;
    char *mask = ps_result_setting(result, "eval.mask"), *ties = ps_result_setting(result, "eval.ties");
    char *mean = ps_result_setting(result, "eval.mean");
    describe_candidates(result, candidates);
    fprintf(to, "%s: %llu targets", ps_split_name(result->split), (unsigned long long)targets);
    if (targets < result->held_out)
        fprintf(to, " (a fixed sample of %llu)", (unsigned long long)result->held_out);
    fprintf(to, ", ranked among %s (mask=%s); %s ties; means over %s\n", candidates, mask, ties, mean);
    if (result->config.eval.known_users)
        fprintf(to, "users from number %llu on are new to the model: they have the popular items\n",
                (unsigned long long)result->config.eval.known_users);
    if (result->config.eval.known_items)
        fprintf(to, "items from number %llu on are new to the model: they rank last\n", (unsigned long long)result->config.eval.known_items);
    free(mask), free(ties), free(mean);
}
