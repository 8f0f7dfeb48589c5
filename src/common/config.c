/* config.c - loads, checks and writes a configuration by the schema; see config.h. */
#include "common/config.h"

#include "common/schema.h"
#include "common/suggest.h"
#include "common/yaml.h"

#include <stdlib.h>
#include <string.h>

enum { WHERE_SIZE = 512 };

/* ---- names ---- */

static const struct ps_key *find_key(const char *path)
{
    for (int i = 0; i < ps_key_count; i++)
        if (!strcmp(ps_keys[i].path, path))
            return &ps_keys[i];
    return NULL;
}

/* Copies the "model" of "model.cascade" into group; returns "cascade". */
static const char *split_path(const char *path, char group[PS_NAME_SIZE])
{
    const char *dot = strchr(path, '.');
    PS_ASSERT(dot && dot - path < PS_NAME_SIZE);
    memcpy(group, path, (size_t)(dot - path));
    group[dot - path] = '\0';
    return dot + 1;
}

static bool find_group(const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < ps_key_count; i++)
        if (!strncmp(ps_keys[i].path, name, length) && ps_keys[i].path[length] == '.')
            return true;
    return false;
}

/* Refuses a name that no key or group has, with the nearest one: a key of the same name in another group counts, so
 * that "train.lr" finds "optimizer.lr". */
static int refuse_name(const char *name, bool is_group, const char *where, struct ps_error *err)
{
    const char *words[PS_KEY_LIMIT + 1], *own = strrchr(name, '.') ? strrchr(name, '.') + 1 : name, *near;
    char group[PS_KEY_LIMIT][PS_NAME_SIZE];
    int count = 0;
    for (int i = 0; i < ps_key_count; i++) {
        const char *last = split_path(ps_keys[i].path, group[i]);
        if (!is_group && !strcmp(own, last))
            return ps_fail(err, PS_EXIT_USAGE, "%s: %s is not a key; did you mean %s?", where, name, ps_keys[i].path);
        words[count++] = is_group ? group[i] : ps_keys[i].path;
    }
    words[count] = NULL;
    near = ps_suggest(name, words);
    if (near)
        return ps_fail(err, PS_EXIT_USAGE, "%s: %s is not a %s; did you mean %s?", where, name,
                       is_group ? "group of keys" : "key", near);
    return ps_fail(err, PS_EXIT_USAGE, "%s: %s is not a %s; 'penstock config' lists all keys", where, name,
                   is_group ? "group of keys" : "key");
}

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
    for (int i = 0; i < ps_key_count; i++) {
        struct ps_error err;
        const char *initial = strcmp(ps_keys[i].initial, "\"\"") ? ps_keys[i].initial : "";
        if (ps_key_parse(&ps_keys[i], &initial, 1, false, "default", config, &err))
            PS_BUG("%s", err.text);
    }
}

int ps_config_put(struct ps_config *config, const char *name, const char *path, const struct ps_yaml *value, struct ps_error *err)
{
    char where[WHERE_SIZE];
    const char *text[PS_MAX_K + 1];
    int count = 0;
    snprintf(where, sizeof where, "%s:%d", name, value->line);
    const struct ps_key *key = find_key(path);
    if (!key)
        return refuse_name(path, false, where, err);
    if (value->kind == PS_YAML_MAP)
        return ps_key_refuse(key, "a group of keys", where, err);
    if (value->kind == PS_YAML_SCALAR)
        return ps_key_parse(key, (const char *const *)&value->text, 1, false, where, config, err);
    for (int i = 0; i < value->count && count <= PS_MAX_K; i++) {
        if (value->child[i].kind != PS_YAML_SCALAR)
            return ps_key_refuse(key, "a list of lists or groups", where, err);
        text[count++] = value->child[i].text;
    }
    return ps_key_parse(key, text, count, true, where, config, err);
}

static int load_groups(struct ps_config *config, const char *name, const struct ps_yaml *root, struct ps_error *err)
{
    char where[WHERE_SIZE], path[WHERE_SIZE];
    if (root->kind != PS_YAML_MAP)
        return ps_fail(err, PS_EXIT_USAGE, "%s:%d: a configuration is groups of keys, as in 'penstock config'", name,
                       root->line);
    for (int g = 0; g < root->count; g++) {
        const struct ps_yaml *group = &root->child[g];
        snprintf(where, sizeof where, "%s:%d", name, group->line);
        if (!find_group(group->key))
            return refuse_name(group->key, group->kind == PS_YAML_MAP, where, err);
        if (group->kind != PS_YAML_MAP)
            return ps_fail(err, PS_EXIT_USAGE, "%s: %s is a group of keys, and needs them indented below it", where,
                           group->key);
        for (int i = 0; i < group->count; i++) {
            snprintf(path, sizeof path, "%s.%s", group->key, group->child[i].key);
            int status = ps_config_put(config, name, path, &group->child[i], err);
            if (status)
                return status;
        }
    }
    return 0;
}

int ps_config_set(struct ps_config *config, const char *override, struct ps_error *err)
{
    char where[WHERE_SIZE], path[WHERE_SIZE];
    const char *equals = strchr(override, '=');
    snprintf(where, sizeof where, "--set %s", override);
    if (!equals || equals == override || (size_t)(equals - override) >= sizeof path)
        return ps_fail(err, PS_EXIT_USAGE, "%s: write --set group.key=value", where);
    snprintf(path, sizeof path, "%.*s", (int)(equals - override), override);
    const struct ps_key *key = find_key(path);
    if (!key)
        return refuse_name(path, false, where, err);
    const char *text = equals + 1;
    return ps_key_parse(key, &text, 1, false, where, config, err);
}

/* Reads from a tree that the caller has loaded, and frees it. */
static int load(struct ps_config *config, struct ps_yaml *root, const char *name, const char *const *overrides,
                int count, struct ps_error *err)
{
    struct ps_config fresh;
    ps_config_init(&fresh);
    int status = load_groups(&fresh, name, root, err);
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

enum ps_mask ps_eval_mask(const struct ps_config *config)
{
    if (config->eval.mask != PS_MASK_AUTO)
        return config->eval.mask;
    return config->eval.candidates == PS_CANDIDATES_SAMPLED ? PS_MASK_ANY : PS_MASK_TARGET;
}

/* ---- writing ---- */

/* All groups and their keys: the values of config, or (NULL) the defaults with their documentation. */
static char *write_yaml(const struct ps_config *config)
{
    char *text = NULL, group[PS_NAME_SIZE], last[PS_NAME_SIZE] = "", allowed[256];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        ps_die(PS_EXIT_FAIL, "out of memory");
    for (int i = 0; i < ps_key_count; i++) {
        const struct ps_key *key = &ps_keys[i];
        const char *name = split_path(key->path, group);
        if (strcmp(group, last))
            fprintf(out, "%s%s:\n", i ? "\n" : "", group);
        memcpy(last, group, sizeof last);
        if (!config) {
            fprintf(out, "  # %s\n", key->doc);
            if (key->type != PS_KEY_TEXT) {
                ps_key_allowed(key, allowed, sizeof allowed);
                fprintf(out, "  # Allowed: %s.\n", allowed);
            }
            fprintf(out, "  %s: %s\n", name, key->initial);
        } else {
            char *value = ps_key_print(key, config);
            fprintf(out, "  %s: %s\n", name, value);
            free(value);
        }
    }
    fclose(out);
    return text;
}

char *ps_config_write(const struct ps_config *config)
{
    return write_yaml(config);
}

char *ps_config_reference_yaml(void)
{
    char *keys = write_yaml(NULL);
    char *text = ps_format("# Every key of a Penstock configuration with its default: what 'penstock config' prints.\n"
                           "# A configuration of your own names only what differs, data.path at least.\n\n%s",
                           keys);
    free(keys);
    return text;
}

char *ps_config_reference_table(void)
{
    char *text = NULL, allowed[256];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        ps_die(PS_EXIT_FAIL, "out of memory");
    fputs("| key | default | allowed | what it is |\n|---|---|---|---|\n", out);
    for (int i = 0; i < ps_key_count; i++) {
        ps_key_allowed(&ps_keys[i], allowed, sizeof allowed);
        fprintf(out, "| `%s` | `%s` | %s | %s |\n", ps_keys[i].path, ps_keys[i].initial, allowed, ps_keys[i].doc);
    }
    fclose(out);
    return text;
}
