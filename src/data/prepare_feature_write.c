/* prepare_feature_write.c - side features in the order of their owners: ranges of numbers, ids of values, columns; see prepare.h.
 *
 * A feature's (owner, value) records are read once for every run of owners whose values fit into the memory that is left, which is
 * nearly always all of them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* fread_unlocked */
#endif
#include "common/random.h"
#include "data/prepare_steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 4096, LEAST_MEMORY = 8 << 20 };

/* Bytes for the values of a run of owners, or for numbers to be put in order: what is left of --memory. */
static uint64_t memory_left(const struct ps_preparation *p, uint64_t owners)
{
    uint64_t used = ps_prepare_names_memory(p) + owners * 3 * sizeof(uint32_t);
    return p->options->memory > used + LEAST_MEMORY ? p->options->memory - used : LEAST_MEMORY;
}

/* ---- records ---- */

struct records {
    const struct ps_preparation *p;
    FILE *file;
    uint64_t left;
    size_t at, count;
    struct ps_gathered_value chunk[CHUNK];
};

static int records_begin(struct records *r, const struct ps_preparation *p, const struct ps_gathered *feature, struct ps_error *err)
{
    r->p = p;
    r->file = feature->spill;
    r->left = feature->count;
    r->at = r->count = 0;
    if (fflush(r->file) || fseeko(r->file, 0, SEEK_SET))
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read temporary records in %s", p->folder);
    return 0;
}

/* 1: the next record; 0: there is none; or a negative status. */
static int records_next(struct records *r, struct ps_gathered_value *record, struct ps_error *err)
{
    if (r->at == r->count) {
        if (!r->left)
            return 0;
        r->at = 0;
        r->count = fread_unlocked(r->chunk, sizeof *r->chunk, PS_MIN(r->left, (uint64_t)CHUNK), r->file);
        if (!r->count)
            return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read temporary records in %s", r->p->folder);
        r->left -= r->count;
        int status = ps_prepare_check_stop(r->p, err);
        if (status)
            return status;
    }
    *record = r->chunk[r->at++];
    return 1;
}

/* ---- ranges of numbers ---- */

/* The values of a number are ranges; "from X" begins at X and ends where the next one begins. 0 and no number are none of them.
 * The names say it all, so that another preparation goes on with the same ranges. */
static const char zero_name[] = "zero", absent_name[] = "absent", range_prefix[] = "from ";

struct range {
    float from;
    uint32_t value;
};
struct ranges {
    struct range *range; /* owned; ascending */
    size_t count, capacity;
};

static int compare_ranges(const void *left, const void *right)
{
    float l = ((const struct range *)left)->from, r = ((const struct range *)right)->from;
    return (l > r) - (l < r);
}

static int compare_floats(const void *left, const void *right)
{
    float l = *(const float *)left, r = *(const float *)right;
    return (l > r) - (l < r);
}

static void add_range(struct ranges *r, float from, uint32_t value)
{
    PS_GROW(r->range, r->capacity, r->count + 1);
    r->range[r->count++] = (struct range){from, value};
}

static void name_range(struct ranges *r, struct ps_gathered *feature, float from)
{
    char name[32];
    int length = snprintf(name, sizeof name, "%s%.9g", range_prefix, (double)from);
    add_range(r, from, ps_names_add(&feature->values, name, (size_t)length));
}

static float number_of(const struct ps_gathered_value *record)
{
    float number;
    memcpy(&number, &record->value, sizeof number);
    return number;
}

/* The ranges that the dictionary has. */
static void keep_ranges(struct ranges *r, const struct ps_gathered *feature)
{
    for (uint32_t v = 0; v < feature->kept; v++) {
        size_t length, prefix = strlen(range_prefix);
        const char *name = ps_names_get(&feature->values, v, &length);
        char text[32] = "";
        if (length < prefix || length - prefix >= sizeof text || memcmp(name, range_prefix, prefix))
            continue;
        memcpy(text, name + prefix, length - prefix);
        add_range(r, strtof(text, NULL), v);
    }
    if (r->count)
        qsort(r->range, r->count, sizeof *r->range, compare_ranges);
}

/* Ranges between the quantiles of all numbers but 0, or of every stride-th where there are more than fit into memory. */
static int make_ranges(struct ranges *r, struct ps_preparation *p, struct ps_gathered *feature, uint64_t owners, struct ps_error *err)
{
    uint64_t most = memory_left(p, owners) / sizeof(float), stride = feature->count / most + 1, seen = 0, n = 0;
    float *number = ps_malloc((feature->count / stride + 1) * sizeof *number);
    struct records *records = ps_malloc(sizeof *records);
    struct ps_gathered_value record = {0};
    int status = records_begin(records, p, feature, err);
    while (!status && (status = records_next(records, &record, err)) > 0) {
        status = 0;
        float x = number_of(&record);
        if (x != 0 && !isnan(x) && seen++ % stride == 0)
            number[n++] = x;
    }
    if (!status && n) {
        qsort(number, n, sizeof *number, compare_floats);
        name_range(r, feature, -INFINITY);
        float last = number[0];
        for (uint32_t i = 1; i < feature->ranges; i++) {
            float from = number[i * n / feature->ranges];
            if (from > last)
                name_range(r, feature, from);
            last = PS_MAX(from, last);
        }
    }
    free(records);
    free(number);
    return status;
}

/* The value that a number is. */
static uint32_t range_of(const struct ranges *r, struct ps_gathered *feature, float number)
{
    if (isnan(number))
        return ps_names_add(&feature->values, absent_name, strlen(absent_name));
    if (number == 0)
        return ps_names_add(&feature->values, zero_name, strlen(zero_name));
    size_t low = 0, high = r->count; /* the first range has no beginning: its place is never asked */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (r->range[middle].from <= number)
            low = middle;
        else
            high = middle;
    }
    PS_ASSERT(r->range);
    return r->range[low].value;
}

/* Replaces a feature's numbers by values. */
static int name_numbers(struct ps_preparation *p, struct ps_gathered *feature, uint64_t owners, struct ps_error *err)
{
    struct ranges ranges = {0};
    struct records *records = ps_malloc(sizeof *records);
    struct ps_gathered_value record = {0};
    keep_ranges(&ranges, feature);
    int status = ranges.count ? 0 : make_ranges(&ranges, p, feature, owners, err);
    FILE *named = status ? NULL : ps_prepare_scratch(p, err);
    if (!status && !named)
        status = -PS_EXIT_STORAGE;
    if (!status)
        status = records_begin(records, p, feature, err);
    while (!status && (status = records_next(records, &record, err)) > 0) {
        status = 0;
        record.value = range_of(&ranges, feature, number_of(&record));
        if ((fwrite_unlocked)(&record, sizeof record, 1, named) != 1)
            status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write temporary records to %s", p->folder);
    }
    free(records);
    free(ranges.range);
    if (named) {
        fclose(feature->spill);
        feature->spill = named;
    }
    return status;
}

/* ---- columns ---- */

/* What is needed to write one feature. */
struct writing {
    struct ps_preparation *p;
    struct ps_gathered *feature;
    const uint32_t *owner_id, *value_id; /* dense ids by provisional number */
    uint64_t owners;
    uint32_t *count;        /* owned; records by dense owner; then, of a run, where its next value goes */
    uint32_t *value;        /* owned; a run's, owner by owner */
    struct records records;
};

static int count_owners(struct writing *w, struct ps_error *err)
{
    struct ps_gathered_value record = {0};
    int status = records_begin(&w->records, w->p, w->feature, err);
    while (!status && (status = records_next(&w->records, &record, err)) > 0) {
        status = 0;
        w->count[w->owner_id[record.owner]]++;
    }
    return status;
}

/* Owners [first, end) with `size` values. */
static int write_run(struct writing *w, struct ps_feature_writer *file, uint64_t first, uint64_t end, uint64_t *with, struct ps_error *err)
{
    struct ps_gathered_value record = {0};
    uint32_t at = 0;
    for (uint64_t o = first; o < end; o++) {
        uint32_t n = w->count[o];
        w->count[o] = at;
        at += n;
    }
    int status = records_begin(&w->records, w->p, w->feature, err);
    while (!status && (status = records_next(&w->records, &record, err)) > 0) {
        status = 0;
        uint32_t o = w->owner_id[record.owner];
        if (o >= first && o < end)
            w->value[w->count[o]++] = w->value_id[record.value];
    }
    uint32_t begin = 0;
    for (uint64_t o = first; !status && o < end; o++) {
        uint32_t *value = w->value + begin, n = w->count[o] - begin, distinct = 0;
        begin = w->count[o];
        if (n > 1)
            qsort(value, n, sizeof *value, ps_compare_u32);
        for (uint32_t i = 0; i < n; i++)
            if (!i || value[i] != value[distinct - 1])
                value[distinct++] = value[i];
        *with += n > 0;
        status = ps_feature_writer_add(file, value, distinct, err);
    }
    return status;
}

static int write_columns(struct writing *w, struct ps_feature_writer *file, uint64_t *with, struct ps_error *err)
{
    uint64_t most = PS_MIN(memory_left(w->p, w->owners) / sizeof *w->value, (uint64_t)UINT32_MAX), largest = 0;
    w->count = ps_calloc(w->owners, sizeof *w->count);
    int status = count_owners(w, err);
    for (uint64_t o = 0; o < w->owners; o++)
        largest = PS_MAX(largest, (uint64_t)w->count[o]);
    w->value = ps_malloc(PS_MAX(PS_MIN(most, w->feature->count), largest) * sizeof *w->value);
    for (uint64_t first = 0, end; !status && first < w->owners; first = end) {
        uint64_t size = w->count[first];
        for (end = first + 1; end < w->owners && size + w->count[end] <= most; end++)
            size += w->count[end];
        status = write_run(w, file, first, end, with, err);
    }
    free(w->count);
    free(w->value);
    return status;
}

static int write_feature(struct ps_preparation *p, struct ps_gathered *feature, const uint32_t *owner_id,
                         struct ps_dataset_files *files, struct ps_error *err)
{
    struct ps_feature_writer file = {.feature = {.side = feature->side, .number = feature->number}};
    uint64_t owners = p->names[feature->side].count, with = 0;
    int status = feature->number ? name_numbers(p, feature, owners, err) : 0;
    if (status)
        return status;
    struct ps_random random = ps_random_stream(p->options->id_seed, PS_RANDOM_IDS, 2 + (uint64_t)feature->side,
                                               ps_hash64(feature->name, strlen(feature->name), 0), 0);
    uint32_t *value_id = ps_names_order(&feature->values, feature->kept, ps_random_next(&random));
    struct writing *w = ps_malloc(sizeof *w);
    *w = (struct writing){.p = p, .feature = feature, .owner_id = owner_id, .value_id = value_id, .owners = owners};
    memcpy(file.feature.name, feature->name, sizeof file.feature.name);
    status = ps_feature_writer_begin(&file, files, err);
    if (!status)
        status = write_columns(w, &file, &with, err);
    if (!status)
        status = ps_feature_writer_end(&file, files, &feature->values, value_id, err);
    ps_feature_writer_abandon(&file);
    struct ps_prepare_stats *stats = p->stats;
    stats->feature[stats->features].feature = file.feature;
    stats->feature[stats->features].kept = feature->kept;
    stats->feature[stats->features++].owners = with;
    free(w);
    free(value_id);
    fclose(feature->spill);
    feature->spill = NULL;
    return status;
}

static int compare_features(const void *left, const void *right)
{
    const struct ps_gathered *l = left, *r = right;
    return l->side != r->side ? (l->side > r->side) - (l->side < r->side) : strcmp(l->name, r->name);
}

int ps_prepare_features_write(struct ps_preparation *p, uint32_t *const id[2], struct ps_dataset_files *files, struct ps_error *err)
{
    int status = 0;
    qsort(p->feature, p->features, sizeof *p->feature, compare_features);
    for (uint32_t f = 0; !status && f < p->features; f++)
        if (p->feature[f].given) /* of what only the dictionary has, nobody has a value today */
            status = write_feature(p, &p->feature[f], id[p->feature[f].side], files, err);
    return status;
}
