/* config.c - the configuration of a run, by its schema; see config.h. */
#include "common/config.h"

#include "common/schema.h"
#include "common/yaml.h"

#include <stdlib.h>
#include <string.h>

/* ---- checks that need more than one key ---- */

static int check(const struct ps_config *config, const char *name, struct ps_error *err)
{
    double sum = 0;
    if (!config->data.path[0])
        return ps_fail(err, PS_EXIT_USAGE, "%s: data.path is missing; name the folder that 'penstock prepare' made",
                       name);
    if (config->train.batch < 1 + config->train.negatives)
        return ps_fail(err, PS_EXIT_USAGE,
                       "%s: train.batch is %d, but must be at least %d: one positive and its train.negatives (%d)",
                       name, config->train.batch, 1 + config->train.negatives, config->train.negatives);
    if (config->eval.lists && config->eval.k[config->eval.k_count - 1] > PS_TOP_MAX)
        return ps_fail(err, PS_EXIT_USAGE, "%s: eval.lists needs eval.k up to %d; it has %d", name, PS_TOP_MAX,
                       config->eval.k[config->eval.k_count - 1]);
    for (int i = 0; i < config->model.loss_weights_count; i++)
        sum += config->model.loss_weights[i];
    if (config->model.loss_weights_count && sum <= 0)
        return ps_fail(err, PS_EXIT_USAGE, "%s: model.loss_weights are all 0, so nothing would be learned", name);
    return 0;
}

/* ---- loading ---- */

void ps_config_init(struct ps_config *config)
{
    memset(config, 0, sizeof *config);
    ps_schema_init(&ps_config_schema, config);
}

int ps_config_put(struct ps_config *config, const char *name, const char *path, const struct ps_yaml *value, struct ps_error *err)
{
    return ps_schema_put(&ps_config_schema, config, name, path, value, err);
}

int ps_config_set(struct ps_config *config, const char *override, struct ps_error *err)
{
    return ps_schema_set(&ps_config_schema, config, override, err);
}

/* Reads from a tree that the caller has loaded, and frees it. */
static int load(struct ps_config *config, struct ps_yaml *root, const char *name, const char *const *overrides,
                int count, struct ps_error *err)
{
    struct ps_config fresh;
    ps_config_init(&fresh);
    int status = ps_schema_load(&ps_config_schema, &fresh, name, root, err);
    ps_yaml_free(root);
    for (int i = 0; i < count && !status; i++)
        status = ps_config_set(&fresh, overrides[i], err);
    if (!status)
        status = check(&fresh, name, err);
    if (!status)
        *config = fresh;
    return status;
}

int ps_config_load(struct ps_config *config, const char *path, const char *const *overrides, int count,
                   struct ps_error *err)
{
    struct ps_yaml *root;
    int status = ps_yaml_load(path, PS_EXIT_USAGE, &root, err);
    return status ? status : load(config, root, path, overrides, count, err);
}

int ps_config_load_text(struct ps_config *config, const char *text, const char *name, struct ps_error *err)
{
    struct ps_yaml *root;
    int status = ps_yaml_load_text(text, strlen(text), name, PS_EXIT_USAGE, &root, err);
    return status ? status : load(config, root, name, NULL, 0, err);
}

bool ps_config_lives(const struct ps_config *config)
{
    return config->servers.admit_after > 1 || config->servers.evict_after || config->servers.memory;
}

enum ps_mask ps_eval_mask(const struct ps_config *config)
{
    if (config->eval.mask != PS_MASK_AUTO)
        return config->eval.mask;
    return config->eval.candidates == PS_CANDIDATES_SAMPLED ? PS_MASK_ANY : PS_MASK_TARGET;
}

/* ---- writing ---- */

char *ps_config_write(const struct ps_config *config)
{
    return ps_schema_write(&ps_config_schema, config);
}

char *ps_config_reference_yaml(void)
{
    char *keys = ps_schema_write(&ps_config_schema, NULL);
    char *text = ps_format("# Every key of a Penstock configuration with its default: what 'penstock config' prints.\n"
                           "# A configuration of your own names only what differs, data.path at least.\n\n%s",
                           keys);
    free(keys);
    return text;
}

char *ps_config_reference_table(void)
{
    return ps_schema_table(&ps_config_schema);
}
