/* yaml.c - a tree of nodes from libyaml's events; see yaml.h. */
#include "common/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct loading {
    yaml_parser_t parser;
    const char *name; /* borrowed */
    int code;
    struct ps_error *err;
};

static int next(struct loading *loading, yaml_event_t *event)
{
    yaml_parser_t *parser = &loading->parser;
    if (yaml_parser_parse(parser, event))
        return 0;
    if (parser->error == YAML_MEMORY_ERROR)
        ps_die(PS_EXIT_FAIL, "out of memory while %s is read", loading->name);
    return ps_fail(loading->err, loading->code, "%s:%zu: not YAML: %s", loading->name, parser->problem_mark.line + 1,
                   parser->problem ? parser->problem : "bad characters");
}

static int refuse(struct loading *loading, const yaml_event_t *event, const char *what)
{
    return ps_fail(loading->err, loading->code, "%s:%zu: %s", loading->name, event->start_mark.line + 1, what);
}

static void node_fini(struct ps_yaml *node)
{
    for (int i = 0; i < node->count; i++)
        node_fini(&node->child[i]);
    free(node->child);
    free(node->key);
    free(node->text);
}

/* A scalar as a text of our own. libyaml allows a NUL inside of "a\0b"; a text that ends early would hide the rest. */
static int take_text(struct loading *loading, const yaml_event_t *event, char **text)
{
    const char *value = (const char *)event->data.scalar.value;
    if (event->data.scalar.anchor || event->data.scalar.tag)
        return refuse(loading, event, "anchors and tags are not used here; write the plain value");
    if (strlen(value) != event->data.scalar.length)
        return refuse(loading, event, "a text must not contain the character NUL");
    *text = ps_strdup(value);
    return 0;
}

static int check_key(struct loading *loading, const yaml_event_t *event, const struct ps_yaml *map)
{
    const char *key = (const char *)event->data.scalar.value;
    const struct ps_yaml *first;
    if (event->type != YAML_SCALAR_EVENT)
        return refuse(loading, event, "a key must be a plain name");
    first = ps_yaml_get(map, key);
    if (first)
        return ps_fail(loading->err, loading->code, "%s:%zu: %s is set twice; it is in line %d already", loading->name,
                       event->start_mark.line + 1, key, first->line);
    return 0;
}

/* Fills node (zeroed by the caller, who also frees it after a failure) from the event and those that belong to it. */
static int load_node(struct loading *loading, const yaml_event_t *event, int depth, struct ps_yaml *node)
{
    size_t capacity = 0;
    int status = 0;
    if (!node->line)
        node->line = (int)event->start_mark.line + 1;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        node->kind = PS_YAML_SCALAR;
        return take_text(loading, event, &node->text);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        break;
    default:
        return refuse(loading, event, "aliases are not used here; write the value again");
    }
    node->kind = event->type == YAML_MAPPING_START_EVENT ? PS_YAML_MAP : PS_YAML_LIST;
    if (depth == PS_YAML_DEPTH)
        return refuse(loading, event, "nested too deeply");
    while (!status) {
        yaml_event_t inner;
        struct ps_yaml child = {0};
        status = next(loading, &inner);
        if (status)
            return status;
        if (inner.type == YAML_SEQUENCE_END_EVENT || inner.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&inner);
            return 0;
        }
        if (node->kind == PS_YAML_MAP) {
            child.line = (int)inner.start_mark.line + 1;
            status = check_key(loading, &inner, node);
            if (!status)
                status = take_text(loading, &inner, &child.key);
            yaml_event_delete(&inner);
            if (!status)
                status = next(loading, &inner);
            if (status) {
                node_fini(&child);
                return status;
            }
        }
        status = load_node(loading, &inner, depth + 1, &child);
        yaml_event_delete(&inner);
        PS_GROW(node->child, capacity, node->count + 1);
        node->child[node->count++] = child;
    }
    return status;
}

/* The document between the stream's start and its end; nothing at all is an empty map. */
static int load_document(struct loading *loading, struct ps_yaml *root)
{
    bool seen = false;
    for (;;) {
        yaml_event_t event;
        int status = next(loading, &event);
        if (status)
            return status;
        yaml_event_type_t type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT && seen)
            status = refuse(loading, &event, "a second document; one is enough");
        else if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT &&
                 type != YAML_DOCUMENT_START_EVENT && type != YAML_DOCUMENT_END_EVENT)
            status = load_node(loading, &event, 0, root);
        seen |= type == YAML_DOCUMENT_START_EVENT;
        yaml_event_delete(&event);
        if (status)
            return status;
        if (type == YAML_STREAM_END_EVENT)
            break;
    }
    if (!seen)
        *root = (struct ps_yaml){.kind = PS_YAML_MAP, .line = 1};
    return 0;
}

int ps_yaml_load_text(const char *text, size_t size, const char *name, int code, struct ps_yaml **root,
                      struct ps_error *err)
{
    struct loading loading = {.name = name, .code = code, .err = err};
    struct ps_yaml *tree = ps_calloc(1, sizeof *tree);
    if (!yaml_parser_initialize(&loading.parser))
        ps_die(PS_EXIT_FAIL, "out of memory while %s is read", name);
    yaml_parser_set_input_string(&loading.parser, (const unsigned char *)text, size);
    int status = load_document(&loading, tree);
    yaml_parser_delete(&loading.parser);
    if (status)
        ps_yaml_free(tree);
    else
        *root = tree;
    return status;
}

int ps_yaml_load(const char *path, int code, struct ps_yaml **root, struct ps_error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return ps_fail_errno(err, PS_EXIT_DATA, "cannot open %s", path);
    char *text = ps_malloc(PS_YAML_BYTES + 1);
    size_t size = fread(text, 1, PS_YAML_BYTES + 1, file);
    int status;
    if (ferror(file))
        status = ps_fail_errno(err, PS_EXIT_DATA, "cannot read %s", path);
    else if (size > PS_YAML_BYTES)
        status =
            ps_fail(err, code, "%s: larger than %d bytes, so it is not the file that was meant", path, PS_YAML_BYTES);
    else
        status = ps_yaml_load_text(text, size, path, code, root, err);
    free(text);
    fclose(file);
    return status;
}

void ps_yaml_free(struct ps_yaml *root)
{
    if (root)
        node_fini(root);
    free(root);
}

const struct ps_yaml *ps_yaml_get(const struct ps_yaml *map, const char *key)
{
    for (int i = 0; i < map->count; i++)
        if (map->child[i].key && !strcmp(map->child[i].key, key))
            return &map->child[i];
    return NULL;
}

char *ps_yaml_quote(const char *text)
{
    char *quoted = ps_malloc(2 * strlen(text) + 3), *at = quoted;
    *at++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    *at++ = '"';
    *at = '\0';
    return quoted;
}
