/* schema_value.c - one value of the configuration from and to text; see schema.h. */
#include "common/schema.h"

#include "common/metrics.h"
#include "common/yaml.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- in words ---- */

static void append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

static void append_limits(const struct ps_key *key, char *text, size_t size)
{
    if (!key->low_open && !key->high_open && isfinite(key->high)) {
        append(text, size, " from %.16g to %.16g", key->low, key->high);
        return;
    }
    append(text, size, key->low_open ? " above %.16g" : ", at least %.16g", key->low);
    if (isfinite(key->high))
        append(text, size, key->high_open ? " and below %.16g" : " and at most %.16g", key->high);
}

void ps_key_allowed(const struct ps_key *key, char *text, size_t size)
{
    text[0] = '\0';
    switch (key->type) {
    case PS_KEY_TEXT:
        append(text, size, "a text of less than %d bytes", key->size);
        break;
    case PS_KEY_INT:
    case PS_KEY_COUNT:
        append(text, size, "a whole number");
        append_limits(key, text, size);
        break;
    case PS_KEY_REAL:
    case PS_KEY_FLOAT:
        append(text, size, "a number");
        append_limits(key, text, size);
        break;
    case PS_KEY_BOOL:
        append(text, size, "true or false");
        break;
    case PS_KEY_CHOICE:
        append(text, size, "one of");
        for (const struct ps_choice *c = key->choices; c->name; c++)
            append(text, size, "%s %s", c == key->choices ? "" : ",", c->name);
        break;
    case PS_KEY_CONSISTENCY:
        append(text, size, "async, sync or bounded:S with a whole number S from 1 to 1000000");
        break;
    case PS_KEY_METRIC:
        append(text, size, "hr@K, ndcg@K or mrr@K with a whole number K from 1 to 1000000");
        break;
    case PS_KEY_INTS:
        append(text, size, "an ascending list of %d to %d whole numbers", key->least, key->size);
        append_limits(key, text, size);
        break;
    case PS_KEY_REALS:
        append(text, size, "a list of up to %d numbers", key->size);
        append_limits(key, text, size);
        break;
    case PS_KEY_NAMES:
        append(text, size, "a list of names of letters, digits, '-', '_' and '.', less than %d bytes in all", key->size);
        break;
    }
}

int ps_key_refuse(const struct ps_key *key, const char *what, const char *where, struct ps_error *err)
{
    char allowed[256];
    ps_key_allowed(key, allowed, sizeof allowed);
    return ps_fail(err, PS_EXIT_USAGE, "%s: %s is %s, but must be %s", where, key->path, what, allowed);
}

/* ---- from text ---- */

/* A number within the key's limits that takes the whole text. */
static bool number(const struct ps_key *key, const char *text, double *value)
{
    char *end;
    if (!isdigit((unsigned char)text[0]) && !strchr("+-.", text[0]))
        return false; /* strtod would take leading blanks, "inf" and "nan" */
    double x = strtod(text, &end);
    if (key->type == PS_KEY_FLOAT)
        x = (float)x; /* the limits hold for what is kept: 1e-60 is a learning rate of 0 */
    if (end == text || *end || !isfinite(x))
        return false;
    if (x < key->low || x > key->high || (key->low_open && x <= key->low) || (key->high_open && x >= key->high))
        return false;
    *value = x;
    return true;
}

static bool whole(const char *text, double low, double high, uint64_t *value)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    unsigned long long x = strtoull(text, &end, 10); /* too much is the largest there is, which no limit allows */
    if (*end || (double)x < low || (double)x > high)
        return false;
    *value = x;
    return true;
}

/* "PREFIX" and a whole number from 1 to a million behind it. */
static bool prefixed(const char *text, const char *prefix, int *value)
{
    uint64_t number = 0;
    size_t length = strlen(prefix);
    if (strncmp(text, prefix, length) || !whole(text + length, 1, 1000000, &number))
        return false;
    *value = (int)number;
    return true;
}

/* UTF-8 without control characters, so that YAML can carry it and a terminal can show it. */
static bool printable(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        int more = *c < 0x80                  ? 0
                   : *c >= 0xc2 && *c <= 0xdf ? 1
                   : (*c & 0xf0) == 0xe0      ? 2
                   : *c >= 0xf0 && *c <= 0xf4 ? 3
                                              : -1;
        if (*c < 0x20 || *c == 0x7f || more < 0)
            return false;
        /* No C1 controls, overlong forms, surrogates or code points past U+10FFFF. */
        if ((*c == 0xc2 && c[1] < 0xa0) || (*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] > 0x9f) ||
            (*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] > 0x8f))
            return false;
        for (; more; more--)
            if ((*++c & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static bool parse_scalar(const struct ps_key *key, const char *text, void *fields)
{
    char *field = (char *)fields + key->offset;
    uint64_t count;
    double real;
    int k;
    switch (key->type) {
    case PS_KEY_TEXT:
        if (strlen(text) >= (size_t)key->size || !printable(text))
            return false;
        memset(field, 0, (size_t)key->size); /* equal configurations are equal bytes */
        memcpy(field, text, strlen(text) + 1);
        return true;
    case PS_KEY_INT:
        if (!whole(text, key->low, key->high, &count))
            return false;
        *(int *)field = (int)count;
        return true;
    case PS_KEY_COUNT:
        return whole(text, key->low, key->high, (uint64_t *)field);
    case PS_KEY_REAL:
        return number(key, text, (double *)field);
    case PS_KEY_FLOAT:
        if (!number(key, text, &real))
            return false;
        *(float *)field = (float)real;
        return true;
    case PS_KEY_BOOL:
        if (strcmp(text, "true") && strcmp(text, "false"))
            return false;
        *(bool *)field = !strcmp(text, "true");
        return true;
    case PS_KEY_CHOICE:
        for (const struct ps_choice *c = key->choices; c->name; c++)
            if (!strcmp(text, c->name)) {
                *(int *)field = c->value;
                return true;
            }
        return false;
    case PS_KEY_CONSISTENCY:
        if (!strcmp(text, "async"))
            *(int *)field = PS_ASYNC;
        else if (!strcmp(text, "sync"))
            *(int *)field = PS_SYNC;
        else if (prefixed(text, "bounded:", &k))
            *(int *)field = PS_BOUNDED + k;
        else
            return false;
        return true;
    case PS_KEY_METRIC:
        if (prefixed(text, "hr@", &k))
            *(enum ps_metric *)field = PS_METRIC_HR;
        else if (prefixed(text, "ndcg@", &k))
            *(enum ps_metric *)field = PS_METRIC_NDCG;
        else if (prefixed(text, "mrr@", &k))
            *(enum ps_metric *)field = PS_METRIC_MRR;
        else
            return false;
        *(int *)((char *)fields + key->second) = k;
        return true;
    case PS_KEY_INTS:
    case PS_KEY_REALS:
    case PS_KEY_NAMES:
        break;
    }
    PS_BUG("%s is no scalar", key->path);
}

static bool parse_list(const struct ps_key *key, const char *const *text, int count, void *fields)
{
    enum { LIMIT = PS_MAX_K };
    union {
        int whole[LIMIT];
        double real[LIMIT];
    } list = {{0}};
    PS_ASSERT(key->size <= LIMIT);
    if (count > key->size || count < key->least)
        return false;
    for (int i = 0; i < count; i++) {
        uint64_t value;
        if (key->type == PS_KEY_REALS) {
            if (!number(key, text[i], &list.real[i]))
                return false;
        } else {
            if (!whole(text[i], key->low, key->high, &value))
                return false;
            list.whole[i] = (int)value;
            if (i && list.whole[i] <= list.whole[i - 1])
                return false;
        }
    }
    size_t element = key->type == PS_KEY_REALS ? sizeof(double) : sizeof(int);
    memcpy((char *)fields + key->offset, &list, element * (size_t)key->size);
    *(int *)((char *)fields + key->second) = count;
    return true;
}

/* "[10, 20]" or "10,20" as a list. */
static bool parse_list_text(const struct ps_key *key, const char *text, void *fields)
{
    char copy[1024], *item[PS_MAX_K + 1], *rest = copy, *part;
    int count = 0;
    size_t length = strlen(text);
    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length + 1);
    if (copy[0] == '[' && length > 1 && copy[length - 1] == ']') {
        copy[length - 1] = '\0';
        rest++;
    }
    rest += strspn(rest, " ");
    if (!*rest)
        return parse_list(key, NULL, 0, fields);
    while ((part = strsep(&rest, ","))) {
        part += strspn(part, " ");
        for (size_t end = strlen(part); end && part[end - 1] == ' '; end--)
            part[end - 1] = '\0';
        if (count > PS_MAX_K)
            return false;
        item[count++] = part;
    }
    return parse_list(key, (const char *const *)item, count, fields);
}

/* Adds a name behind those that are there. */
static bool add_name(const struct ps_key *key, const char *name, size_t length, char *names)
{
    size_t used = strlen(names);
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
            return false;
    if (!length || used + 1 + length >= (size_t)key->size)
        return false;
    snprintf(names + used, (size_t)key->size - used, "%s%.*s", used ? "," : "", (int)length, name);
    return true;
}

/* Names as elements of a list, or as one text, with or without brackets. */
static bool parse_names(const struct ps_key *key, const char *const *text, int count, bool is_list, void *fields)
{
    char names[PS_CONFIG_NAMES] = "";
    PS_ASSERT((size_t)key->size <= sizeof names);
    for (int i = 0; is_list && i < count; i++)
        if (!add_name(key, text[i], strlen(text[i]), names))
            return false;
    const char *at = is_list ? "" : text[0], *end = at + strlen(at);
    if (*at == '[' && end[-1] == ']')
        at++, end--;
    at += strspn(at, " ");
    while (at < end) {
        size_t length = PS_MIN(strcspn(at, ", "), (size_t)(end - at));
        if (!add_name(key, at, length, names))
            return false;
        at += length;
        at += strspn(at, " ");
        if (at < end && *at++ != ',')
            return false;
        at += strspn(at, " ");
    }
    memcpy((char *)fields + key->offset, names, (size_t)key->size);
    return true;
}

int ps_key_parse(const struct ps_key *key, const char *const *text, int count, bool is_list, const char *where,
                 void *fields, struct ps_error *err)
{
    bool wants_list = key->type == PS_KEY_INTS || key->type == PS_KEY_REALS, done;
    if (is_list && !wants_list && key->type != PS_KEY_NAMES)
        return ps_key_refuse(key, "a list", where, err);
    if (key->type == PS_KEY_NAMES)
        done = parse_names(key, text, count, is_list, fields);
    else
        done = is_list      ? parse_list(key, text, count, fields)
               : wants_list ? parse_list_text(key, text[0], fields)
                            : parse_scalar(key, text[0], fields);
    if (done)
        return 0;

    char value[128] = "";
    append(value, sizeof value, is_list ? "[" : "'");
    for (int i = 0; i < count; i++)
        append(value, sizeof value, "%s%s", i ? ", " : "", text[i]);
    append(value, sizeof value, is_list ? "]" : "'");
    return ps_key_refuse(key, value, where, err);
}

/* ---- to text ---- */

/* The shortest decimal form that reads back as the same value; whole numbers as people write them. */
static void shortest(double value, bool single, char text[32])
{
    if (value == trunc(value) && fabs(value) < 1e15) {
        snprintf(text, 32, "%.0f", value);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, value);
        if (single ? (float)strtod(text, NULL) == (float)value : strtod(text, NULL) == value)
            return;
    }
}

char *ps_key_print(const struct ps_key *key, const void *fields)
{
    const char *field = (const char *)fields + key->offset;
    int second = key->second ? *(const int *)((const char *)fields + key->second) : 0;
    char text[PS_MAX_K * 32 + 3] = "";
    switch (key->type) {
    case PS_KEY_TEXT:
        return ps_yaml_quote(field);
    case PS_KEY_INT:
        return ps_format("%d", *(const int *)field);
    case PS_KEY_COUNT:
        return ps_format("%llu", (unsigned long long)*(const uint64_t *)field);
    case PS_KEY_REAL:
        shortest(*(const double *)field, false, text);
        break;
    case PS_KEY_FLOAT:
        shortest((double)*(const float *)field, true, text);
        break;
    case PS_KEY_BOOL:
        return ps_strdup(*(const bool *)field ? "true" : "false");
    case PS_KEY_CHOICE:
        for (const struct ps_choice *c = key->choices; c->name; c++)
            if (c->value == *(const int *)field)
                return ps_strdup(c->name);
        PS_BUG("%s has no choice %d", key->path, *(const int *)field);
    case PS_KEY_CONSISTENCY:
        if (*(const int *)field > PS_BOUNDED)
            return ps_format("bounded:%d", *(const int *)field - PS_BOUNDED);
        return ps_strdup(*(const int *)field == PS_SYNC ? "sync" : "async");
    case PS_KEY_METRIC:
        return ps_format("%s@%d", ps_measure_name((enum ps_measure)*(const enum ps_metric *)field), second);
    case PS_KEY_INTS:
    case PS_KEY_REALS:
        append(text, sizeof text, "[");
        for (int i = 0; i < second; i++) {
            char element[32];
            if (key->type == PS_KEY_REALS)
                shortest(((const double *)field)[i], false, element);
            else
                snprintf(element, sizeof element, "%d", ((const int *)field)[i]);
            append(text, sizeof text, "%s%s", i ? ", " : "", element);
        }
        append(text, sizeof text, "]");
        break;
    case PS_KEY_NAMES:
        return ps_format("[%s]", field);
    }
    return ps_strdup(text);
}
