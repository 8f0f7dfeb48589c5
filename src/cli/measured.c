/* measured.c - see measured.h. JSON is YAML. */
#include "cli/measured.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct ps_yaml *ps_measured_child(const struct ps_yaml *map, const char *key)
{
    return map && map->kind == PS_YAML_MAP ? ps_yaml_get(map, key) : NULL;
}

const char *ps_measured_text(const struct ps_yaml *map, const char *key)
{
    const struct ps_yaml *node = ps_measured_child(map, key);
    return node && node->kind == PS_YAML_SCALAR ? node->text : "";
}

int ps_measured_open(struct ps_measured *m, const char *path, const char *split, struct ps_error *err)
{
    *m = (struct ps_measured){0};
    int status = ps_yaml_load(path, PS_EXIT_DATA, &m->root, err);
    if (status)
        return status;
    const struct ps_yaml *results = ps_measured_child(m->root, "results");
    if (!results && !strcmp(ps_measured_text(m->root, "split"), split))
        m->result = m->root;
    for (int i = 0; results && i < results->count; i++)
        if (!strcmp(ps_measured_text(&results->child[i], "split"), split))
            m->result = &results->child[i];
    return 0;
}

void ps_measured_close(struct ps_measured *m)
{
    if (m->root)
        ps_yaml_free(m->root);
    *m = (struct ps_measured){0};
}

double ps_measured_value(const struct ps_measured *m, const char *model, const char *group, const char *metric)
{
    const char *text = ps_measured_text(ps_measured_child(ps_measured_child(ps_measured_child(m->result, "models"), model), group), metric);
    return *text ? strtod(text, NULL) : NAN;
}

const char *ps_measured_protocol(const struct ps_measured *m, const char *field)
{
    return ps_measured_text(ps_measured_child(m->result, "protocol"), field);
}
