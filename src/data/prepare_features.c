/* prepare_features.c - side features and knowledge triples: the values that users and items have, as they are read; see prepare.h.
 *
 * Every feature has an unnamed file of (owner, value), so that only the names of its values are kept in memory. What several lines
 * and files say of one owner adds up.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* fwrite_unlocked */
#endif
#include "data/prepare_steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_PER_LOOK = 8192 };

static const struct ps_feature_rule by_default = {"", PS_FEATURE_TOKEN, PS_FEATURE_SEPARATOR, PS_FEATURE_RANGES};

/* A column of a table. */
struct column {
    struct ps_gathered *feature; /* NULL: it is none */
    struct ps_feature_rule rule;
};

/* A file that is open. */
struct table {
    struct ps_preparation *p;
    const struct ps_feature_file *file;
    struct ps_fields *fields; /* owned */
    int owner;
    int relation, tail;    /* of triples */
    struct column *column; /* owned; of other tables */
};

/* ---- features ---- */

/* Names of features become names of files and tables. */
static bool is_name(struct ps_slice name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    bool right = name.length > 0 && name.length < PS_FEATURE_NAME;
    for (size_t i = 0; right && i < name.length; i++)
        right = name.text[i] && strchr(allowed, name.text[i]);
    return right;
}

static struct ps_gathered *find_feature(struct ps_preparation *p, enum ps_entity side, struct ps_slice name)
{
    for (uint32_t f = 0; f < p->features; f++)
        if (p->feature[f].side == side && strlen(p->feature[f].name) == name.length &&
            !memcmp(p->feature[f].name, name.text, name.length))
            return &p->feature[f];
    return NULL;
}

static struct ps_gathered *new_feature(struct ps_preparation *p, enum ps_entity side, struct ps_slice name, bool number)
{
    struct ps_gathered *feature = &p->feature[p->features++];
    *feature = (struct ps_gathered){.side = side, .number = number};
    memcpy(feature->name, name.text, name.length);
    ps_names_init(&feature->values);
    return feature;
}

/* The feature that a column or relation is, for values of that rule. */
static int give_feature(struct table *t, struct ps_slice name, const struct ps_feature_rule *rule, struct ps_gathered **found,
                        struct ps_error *err)
{
    struct ps_preparation *p = t->p;
    struct ps_gathered *feature = find_feature(p, t->file->side, name);
    bool number = rule->kind == PS_FEATURE_NUMBER;
    if (!feature && p->features == PS_MAX_FEATURES)
        return ps_fail(err, PS_EXIT_DATA, "%s: more than %d features; leave some out with --feature NAME=skip",
                       ps_fields_path(t->fields), PS_MAX_FEATURES);
    if (!feature)
        feature = new_feature(p, t->file->side, name, number);
    if (feature->number != number)
        return ps_fail(err, PS_EXIT_DATA, "%s: the feature '%s' is a number in one file or dictionary and none in another; say what it "
                       "is with --feature %s=float or %s=token", ps_fields_path(t->fields), feature->name, feature->name, feature->name);
    if (!feature->spill) {
        feature->spill = ps_prepare_scratch(p, err);
        if (!feature->spill)
            return -PS_EXIT_STORAGE;
    }
    feature->given = true;
    feature->ranges = rule->ranges;
    *found = feature;
    return 0;
}

int ps_prepare_features_keep(struct ps_preparation *p, const struct ps_dataset *old, struct ps_error *err)
{
    for (uint32_t f = 0; f < old->features; f++) {
        const struct ps_feature *from = &old->feature[f];
        struct ps_gathered *feature = new_feature(p, from->side, (struct ps_slice){from->name, strlen(from->name)}, from->number);
        for (uint64_t v = 0; v < from->values; v++) {
            size_t length;
            const char *name = ps_dataset_feature_name(old, from, v, &length);
            if (!ps_names_allow(name, length) || ps_names_add(&feature->values, name, length) != v)
                return ps_fail(err, PS_EXIT_DATA, "%s is damaged (a value of %s twice); prepare it again", old->path, from->name);
        }
        feature->kept = feature->values.count;
    }
    return 0;
}

void ps_prepare_features_fini(struct ps_preparation *p)
{
    for (uint32_t f = 0; f < p->features; f++) {
        ps_names_fini(&p->feature[f].values);
        if (p->feature[f].spill)
            fclose(p->feature[f].spill);
    }
}

/* ---- headers ---- */

static const struct ps_feature_rule *find_rule(const struct ps_prepare_options *o, struct ps_slice name)
{
    for (int r = 0; r < o->feature_rules; r++)
        if (strlen(o->feature_rule[r].name) == name.length && !memcmp(o->feature_rule[r].name, name.text, name.length))
            return &o->feature_rule[r];
    return NULL;
}

static int open_column(struct table *t, int c, struct ps_error *err)
{
    const char *type, *path = ps_fields_path(t->fields);
    struct ps_slice name = ps_fields_name(t->fields, c, &type);
    const struct ps_feature_rule *rule = find_rule(t->p->options, name);
    struct column *column = &t->column[c];
    column->rule = rule ? *rule : by_default;
    if (!rule && !strcmp(type, "float"))
        column->rule.kind = PS_FEATURE_NUMBER;
    if (!rule && !strcmp(type, "token_seq"))
        column->rule.kind = PS_FEATURE_TOKENS;
    if (column->rule.kind == PS_FEATURE_SKIP)
        return 0;
    if (!rule && !strcmp(type, "float_seq"))
        return ps_fail(err, PS_EXIT_DATA, "%s:1: '%.*s' has vectors of numbers (float_seq), which are no features; leave it out with "
                       "--feature %.*s=skip", path, (int)name.length, name.text, (int)name.length, name.text);
    if (!is_name(name))
        return ps_fail(err, PS_EXIT_DATA, "%s:1: column %d cannot name a feature: 1 to %d letters, digits, '-', '_' or '.'; rename it, "
                       "or leave it out with --feature NAME=skip", path, c + 1, PS_FEATURE_NAME - 1);
    return give_feature(t, name, &column->rule, &column->feature, err);
}

/* The column of triples by one of its names. */
static int find_role(const struct table *t, const char *const names[])
{
    for (int n = 0; names[n]; n++) {
        int found = ps_fields_find(t->fields, names[n]);
        if (found >= 0)
            return found;
    }
    return -1;
}

static int open_triples(struct table *t, struct ps_error *err)
{
    static const char *const heads[] = {"head", "head_id", NULL}, *const relations[] = {"relation", "relation_id", NULL};
    static const char *const tails[] = {"tail", "tail_id", "value", NULL};
    int head = find_role(t, heads);
    if (head >= 0)
        t->owner = head;
    t->relation = find_role(t, relations);
    t->tail = find_role(t, tails);
    if (t->relation < 0 || t->tail < 0)
        return ps_fail(err, PS_EXIT_DATA, "%s:1: triples have columns head (or that of the %s), relation and tail; there are %s",
                       ps_fields_path(t->fields), ps_feature_side(t->file->side), ps_fields_list(t->fields));
    return 0;
}

static void close_table(struct table *t)
{
    ps_fields_close(t->fields);
    free(t->column);
}

static int open_table(struct table *t, struct ps_preparation *p, const struct ps_feature_file *file, struct ps_error *err)
{
    *t = (struct table){.p = p, .file = file};
    int status = ps_fields_open(&t->fields, file->path, NULL, p->options->stop, err);
    if (status)
        return status;
    enum ps_role_column role = file->side == PS_USERS ? PS_COLUMN_USER : PS_COLUMN_ITEM;
    bool headed = file->triples && (ps_fields_find(t->fields, "head") >= 0 || ps_fields_find(t->fields, "head_id") >= 0);
    t->owner = headed ? PS_NO_COLUMN : ps_input_column(t->fields, &p->options->format, role, true, err);
    status = PS_MIN(t->owner, 0);
    if (!status && file->triples)
        status = open_triples(t, err);
    if (!status && !file->triples) {
        t->column = ps_calloc((size_t)ps_fields_columns(t->fields), sizeof *t->column);
        for (int c = 0; !status && c < ps_fields_columns(t->fields); c++)
            if (c != t->owner)
                status = open_column(t, c, err);
    }
    if (status)
        close_table(t);
    return status;
}

int ps_prepare_features_check(struct ps_preparation *p, struct ps_error *err)
{
    int status = 0;
    for (int i = 0; !status && i < p->options->feature_files; i++) {
        struct table t;
        if (!strcmp(p->options->feature_file[i].path, "-"))
            continue;
        status = open_table(&t, p, &p->options->feature_file[i], err);
        if (!status)
            close_table(&t);
    }
    return status;
}

/* ---- lines ---- */

static struct ps_slice next_token(struct ps_slice *rest, char separator)
{
    const char *stop = memchr(rest->text, separator, rest->length);
    struct ps_slice token = {rest->text, stop ? (size_t)(stop - rest->text) : rest->length};
    size_t used = token.length + (stop ? 1 : 0);
    *rest = (struct ps_slice){rest->text + used, rest->length - used};
    return token;
}

static bool as_number(struct ps_slice field, float *number)
{
    double value = NAN;
    bool right = !field.length || (ps_slice_number(field, &value) && isfinite((float)value));
    *number = (float)value;
    return right;
}

/* Why a field is no value; NULL: it is one, or none. */
static const char *refuse_field(const struct ps_feature_rule *rule, struct ps_slice field)
{
    float number;
    if (rule->kind == PS_FEATURE_NUMBER)
        return as_number(field, &number) ? NULL : "a number that is none";
    for (struct ps_slice rest = field; rest.length;) {
        struct ps_slice token = rule->kind == PS_FEATURE_TOKENS ? next_token(&rest, rule->separator) : rest;
        if (token.length && !ps_names_allow(token.text, token.length))
            return "a value with control characters, or longer than 4096 bytes";
        if (rule->kind == PS_FEATURE_TOKEN)
            break;
    }
    return NULL;
}

static int put(struct ps_preparation *p, struct ps_gathered *feature, uint32_t owner, uint32_t value, struct ps_error *err)
{
    struct ps_gathered_value record = {owner, value};
    feature->count++;
    if ((fwrite_unlocked)(&record, sizeof record, 1, feature->spill) == 1)
        return 0;
    return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write temporary records to %s", p->folder);
}

/* The values of a field that is right. */
static int put_field(struct ps_preparation *p, struct ps_gathered *feature, const struct ps_feature_rule *rule, uint32_t owner,
                     struct ps_slice field, struct ps_error *err)
{
    int status = 0;
    if (rule->kind == PS_FEATURE_NUMBER) {
        float number;
        uint32_t bits;
        as_number(field, &number);
        memcpy(&bits, &number, sizeof bits);
        return put(p, feature, owner, bits, err);
    }
    while (!status && field.length) {
        struct ps_slice token = field;
        if (rule->kind == PS_FEATURE_TOKENS)
            token = next_token(&field, rule->separator);
        else
            field.length = 0;
        if (token.length)
            status = put(p, feature, owner, ps_names_add(&feature->values, token.text, token.length), err);
    }
    return status;
}

static int take_triple(struct table *t, uint32_t owner, const struct ps_slice *field, const char **reason, struct ps_error *err)
{
    struct ps_slice name = field[t->relation];
    const struct ps_feature_rule *rule = find_rule(t->p->options, name);
    struct ps_gathered *feature;
    rule = rule ? rule : &by_default;
    if (rule->kind == PS_FEATURE_SKIP)
        return 0;
    *reason = is_name(name) ? refuse_field(rule, field[t->tail])
                            : "a relation that cannot name a feature: 1 to 39 letters, digits, '-', '_' or '.'";
    if (*reason)
        return 0;
    int status = give_feature(t, name, rule, &feature, err);
    return status ? status : put_field(t->p, feature, rule, owner, field[t->tail], err);
}

/* One line. A bad one leaves its reason, and nothing else. */
static int take_line(struct table *t, const struct ps_slice *field, const char **reason, struct ps_error *err)
{
    struct ps_slice name = field[t->owner];
    if (!name.length) {
        *reason = t->file->side == PS_USERS ? "no user" : "no item";
        return 0;
    }
    uint32_t owner = ps_names_find(&t->p->names[t->file->side], name.text, name.length);
    if (owner == PS_NO_NAME) {
        t->p->stats->unknown_owner[t->file->side]++;
        return 0;
    }
    if (t->file->triples)
        return take_triple(t, owner, field, reason, err);
    int columns = ps_fields_columns(t->fields), status = 0;
    for (int c = 0; !*reason && c < columns; c++)
        *reason = t->column[c].feature ? refuse_field(&t->column[c].rule, field[c]) : NULL;
    for (int c = 0; !*reason && !status && c < columns; c++)
        if (t->column[c].feature)
            status = put_field(t->p, t->column[c].feature, &t->column[c].rule, owner, field[c], err);
    return status;
}

static int read_table(struct ps_preparation *p, const struct ps_feature_file *file, struct ps_bar *bar, uint64_t *before,
                      struct ps_error *err)
{
    struct table t;
    const struct ps_slice *field;
    int status = open_table(&t, p, file, err), result;
    if (status)
        return status;
    while (!status && (result = ps_fields_next(t.fields, &field, err)) != PS_INPUT_END) {
        const char *reason = result == PS_INPUT_BAD ? ps_fields_reason(t.fields) : NULL;
        status = result < 0 ? result : 0;
        if (++p->stats->lines % LINES_PER_LOOK == 0 && !p->options->quiet)
            ps_bar_update(bar, *before + ps_fields_consumed(t.fields), "");
        if (result == PS_INPUT_EVENT)
            status = take_line(&t, field, &reason, err);
        if (status >= 0 && reason)
            status = ps_prepare_bad(p, bar, t.fields, reason, err);
    }
    *before += ps_fields_consumed(t.fields);
    close_table(&t);
    return status;
}

int ps_prepare_features_read(struct ps_preparation *p, struct ps_error *err)
{
    struct ps_bar bar = {0};
    uint64_t bytes = 0, before = 0;
    int status = 0;
    for (int i = 0; i < p->options->feature_files; i++)
        bytes += ps_prepare_file_bytes(p->options->feature_file[i].path);
    if (!p->options->quiet && p->options->feature_files)
        ps_bar_begin(&bar, "reading features", bytes);
    for (int i = 0; !status && i < p->options->feature_files; i++)
        status = read_table(p, &p->options->feature_file[i], &bar, &before, err);
    ps_bar_end(&bar);
    return status;
}
