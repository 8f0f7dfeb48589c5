/* schema_file.c - a struct of settings by its schema: from files and overrides, and to text; see schema.h. */
#include "common/schema.h"

#include "common/suggest.h"
#include "common/yaml.h"

#include <stdlib.h>
#include <string.h>

enum { WHERE_SIZE = 512 };

/* ---- names ---- */

const struct ps_key *ps_schema_find(const struct ps_schema *schema, const char *path)
{
    for (int i = 0; i < schema->count; i++)
        if (!strcmp(schema->key[i].path, path))
            return &schema->key[i];
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

static bool find_group(const struct ps_schema *schema, const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < schema->count; i++)
        if (!strncmp(schema->key[i].path, name, length) && schema->key[i].path[length] == '.')
            return true;
    return false;
}

/* Refuses a name that no key or group has, with the nearest one: a key of the same name in another group counts, so
 * that "train.lr" finds "optimizer.lr". */
static int refuse_name(const struct ps_schema *schema, const char *name, bool is_group, const char *where, struct ps_error *err)
{
    const char *words[PS_KEY_LIMIT + 1], *own = strrchr(name, '.') ? strrchr(name, '.') + 1 : name, *near;
    char group[PS_KEY_LIMIT][PS_NAME_SIZE];
    int count = 0;
    for (int i = 0; i < schema->count; i++) {
        const char *last = split_path(schema->key[i].path, group[i]);
        if (!is_group && !strcmp(own, last))
            return ps_fail(err, PS_EXIT_USAGE, "%s: %s is not a key; did you mean %s?", where, name, schema->key[i].path);
        words[count++] = is_group ? group[i] : schema->key[i].path;
    }
    words[count] = NULL;
    near = ps_suggest(name, words);
    if (near)
        return ps_fail(err, PS_EXIT_USAGE, "%s: %s is not a %s; did you mean %s?", where, name,
                       is_group ? "group of keys" : "key", near);
    return ps_fail(err, PS_EXIT_USAGE, "%s: %s is not a %s; '%s' lists all keys", where, name, is_group ? "group of keys" : "key",
                   schema->listing);
}

/* ---- loading ---- */

void ps_schema_init(const struct ps_schema *schema, void *fields)
{
    for (int i = 0; i < schema->count; i++) {
        struct ps_error err;
        const char *initial = strcmp(schema->key[i].initial, "\"\"") ? schema->key[i].initial : "";
        if (ps_key_parse(&schema->key[i], &initial, 1, false, "default", fields, &err))
            PS_BUG("%s", err.text);
    }
}

int ps_schema_put(const struct ps_schema *schema, void *fields, const char *name, const char *path, const struct ps_yaml *value,
                  struct ps_error *err)
{
    char where[WHERE_SIZE];
    const char *text[PS_MAX_K + 1];
    int count = 0;
    snprintf(where, sizeof where, "%s:%d", name, value->line);
    const struct ps_key *key = ps_schema_find(schema, path);
    if (!key)
        return refuse_name(schema, path, false, where, err);
    if (value->kind == PS_YAML_MAP)
        return ps_key_refuse(key, "a group of keys", where, err);
    if (value->kind == PS_YAML_SCALAR)
        return ps_key_parse(key, (const char *const *)&value->text, 1, false, where, fields, err);
    for (int i = 0; i < value->count && count <= PS_MAX_K; i++) {
        if (value->child[i].kind != PS_YAML_SCALAR)
            return ps_key_refuse(key, "a list of lists or groups", where, err);
        text[count++] = value->child[i].text;
    }
    return ps_key_parse(key, text, count, true, where, fields, err);
}

int ps_schema_load(const struct ps_schema *schema, void *fields, const char *name, const struct ps_yaml *root, struct ps_error *err)
{
    char where[WHERE_SIZE], path[WHERE_SIZE];
    if (root->kind != PS_YAML_MAP)
        return ps_fail(err, PS_EXIT_USAGE, "%s:%d: a configuration is groups of keys, as in '%s'", name, root->line,
                       schema->listing);
    for (int g = 0; g < root->count; g++) {
        const struct ps_yaml *group = &root->child[g];
        snprintf(where, sizeof where, "%s:%d", name, group->line);
        if (!find_group(schema, group->key))
            return refuse_name(schema, group->key, group->kind == PS_YAML_MAP, where, err);
        if (group->kind != PS_YAML_MAP)
            return ps_fail(err, PS_EXIT_USAGE, "%s: %s is a group of keys, and needs them indented below it", where,
                           group->key);
        for (int i = 0; i < group->count; i++) {
            snprintf(path, sizeof path, "%s.%s", group->key, group->child[i].key);
            int status = ps_schema_put(schema, fields, name, path, &group->child[i], err);
            if (status)
                return status;
        }
    }
    return 0;
}

int ps_schema_set(const struct ps_schema *schema, void *fields, const char *override, struct ps_error *err)
{
    char where[WHERE_SIZE], path[WHERE_SIZE];
    const char *equals = strchr(override, '=');
    snprintf(where, sizeof where, "--set %s", override);
    if (!equals || equals == override || (size_t)(equals - override) >= sizeof path)
        return ps_fail(err, PS_EXIT_USAGE, "%s: write --set group.key=value", where);
    snprintf(path, sizeof path, "%.*s", (int)(equals - override), override);
    const struct ps_key *key = ps_schema_find(schema, path);
    if (!key)
        return refuse_name(schema, path, false, where, err);
    const char *text = equals + 1;
    return ps_key_parse(key, &text, 1, false, where, fields, err);
}

/* ---- writing ---- */

char *ps_schema_write(const struct ps_schema *schema, const void *fields)
{
    char group[PS_NAME_SIZE], last[PS_NAME_SIZE] = "", allowed[256];
    struct ps_text text;
    FILE *out = ps_text_open(&text);
    for (int i = 0; i < schema->count; i++) {
        const struct ps_key *key = &schema->key[i];
        const char *name = split_path(key->path, group);
        if (strcmp(group, last))
            fprintf(out, "%s%s:\n", i ? "\n" : "", group);
        memcpy(last, group, sizeof last);
        if (!fields) {
            fprintf(out, "  # %s\n", key->doc);
            if (key->type != PS_KEY_TEXT) {
                ps_key_allowed(key, allowed, sizeof allowed);
                fprintf(out, "  # Allowed: %s.\n", allowed);
            }
            fprintf(out, "  %s: %s\n", name, key->initial);
        } else {
            char *value = ps_key_print(key, fields);
            fprintf(out, "  %s: %s\n", name, value);
            free(value);
        }
    }
    return ps_text_close(&text);
}

char *ps_schema_table(const struct ps_schema *schema)
{
    char allowed[256];
    struct ps_text text;
    FILE *out = ps_text_open(&text);
    fputs("| key | default | allowed | what it is |\n|---|---|---|---|\n", out);
    for (int i = 0; i < schema->count; i++) {
        ps_key_allowed(&schema->key[i], allowed, sizeof allowed);
        fprintf(out, "| `%s` | `%s` | %s | %s |\n", schema->key[i].path, schema->key[i].initial, allowed, schema->key[i].doc);
    }
    return ps_text_close(&text);
}
