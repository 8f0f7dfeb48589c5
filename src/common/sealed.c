/* sealed.c - YAML texts with a checksum in their last line; see sealed.h. */
#include "common/sealed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"

static const char SUM_KEY[] = "sum: ";
enum { SUM_LINE = 5 + 16 + 1 };

char *ps_sealed_end(struct ps_text *s)
{
    fflush(s->out);
    fprintf(s->out, "%s%016" PRIx64 "\n", SUM_KEY, ps_hash64(s->text, s->size, 0));
    return ps_text_close(s);
}

void ps_sealed_text(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

int ps_sealed_load(const char *path, const char *advice, struct ps_yaml **root, struct ps_error *err)
{
    char line[SUM_LINE + 1], *text;
    size_t size;
    int status = ps_file_read(path, PS_YAML_BYTES, &text, &size, err);
    if (status)
        return status;
    if (size > SUM_LINE)
        snprintf(line, sizeof line, "%s%016" PRIx64 "\n", SUM_KEY, ps_hash64(text, size - SUM_LINE, 0));
    if (size <= SUM_LINE || memcmp(text + size - SUM_LINE, line, SUM_LINE))
        status = ps_fail(err, PS_EXIT_DATA, "%s is damaged or was edited: its last line is not the checksum of its text; %s", path,
                         advice);
    else
        status = ps_yaml_load_text(text, size, path, PS_EXIT_DATA, root, err);
    free(text);
    return status;
}

const struct ps_yaml *ps_read_child(struct ps_reading *r, const struct ps_yaml *map, const char *key, enum ps_yaml_kind kind)
{
    const struct ps_yaml *node = r->status ? NULL : ps_yaml_get(map, key);
    if (node && node->kind == PS_YAML_SCALAR && kind == PS_YAML_LIST && !*node->text)
        return node;
    if (!r->status && (!node || node->kind != kind))
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: '%s' is missing or of the wrong type; %s", r->path, key, r->advice);
    return r->status ? NULL : node;
}

uint64_t ps_read_number(struct ps_reading *r, const struct ps_yaml *node, uint64_t most, const char *key)
{
    char *end = NULL;
    errno = 0;
    uint64_t value = node ? strtoull(node->text, &end, 10) : 0;
    if (node && (errno || end == node->text || *end || *node->text == '-' || value > most))
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: '%s' is '%s', but must be a whole number up to %" PRIu64,
                            r->path, key, node->text, most);
    return value;
}

uint64_t ps_read_whole(struct ps_reading *r, const struct ps_yaml *map, const char *key, uint64_t most)
{
    return ps_read_number(r, ps_read_child(r, map, key, PS_YAML_SCALAR), most, key);
}

double ps_read_real(struct ps_reading *r, const struct ps_yaml *map, const char *key)
{
    const struct ps_yaml *node = ps_read_child(r, map, key, PS_YAML_SCALAR);
    char *end = NULL;
    double value = node ? strtod(node->text, &end) : 0;
    if (node && (end == node->text || *end))
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: '%s' is '%s', but must be a number", r->path, key, node->text);
    return value;
}

void ps_read_text(struct ps_reading *r, const struct ps_yaml *map, const char *key, char *to, size_t size)
{
    const struct ps_yaml *node = ps_read_child(r, map, key, PS_YAML_SCALAR);
    if (node && strlen(node->text) >= size)
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: '%s' is longer than %zu bytes", r->path, key, size - 1);
    else if (node)
        memcpy(to, node->text, strlen(node->text) + 1);
}
