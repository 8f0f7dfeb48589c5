/* night.c - see night.h. */
#include "cli/nightly/night.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sealed.h"
#include "coordinator/runlog.h"

const char *const ps_night_stages[] = {"take", "examine", "prepare", "train", "evaluate", "judge", "export", "publish", "clean", "tell", "done"};
const char *const ps_night_outcomes[] = {"open", "failed", "published", "log refused", "model refused", "abandoned"};

char *ps_night_path(const char *folder, const char *name, const char *file)
{
    return ps_format("%s/nights/%s/%s", folder, name, file);
}

bool ps_night_counts(const struct ps_night *n)
{
    return n->examined && n->stage > PS_NIGHT_EXAMINE && n->outcome != PS_NIGHT_REFUSED_LOG;
}

/* ---- writing ---- */

/* What comes out of a log may be no UTF-8, which no reader of JSON would take. */
static void put_text(FILE *to, const char *key, const char *text)
{
    char quoted[PS_JSON_TEXT];
    ps_json_text(text, quoted);
    for (char *c = quoted; *c; c++)
        if ((unsigned char)*c >= 0x7f)
            *c = '?';
    fprintf(to, "\"%s\":\"%s\"", key, quoted);
}

static void put_real(FILE *to, const char *key, double value)
{
    if (isfinite(value))
        fprintf(to, ",\"%s\":%.10g", key, value);
    else
        fprintf(to, ",\"%s\":null", key);
}

static void put_log(FILE *to, const struct ps_night_log *log)
{
    fprintf(to, ",\n \"log\":{\"users\":%" PRIu64 ",\"items\":%" PRIu64 ",\"new_users\":%" PRIu64 ",\"new_items\":%" PRIu64 ",\"lines\":%" PRIu64
            ",\"bad\":%" PRIu64 ",\"first\":%" PRId64 ",\"last\":%" PRId64 ",\"behaviours\":[", log->users, log->items, log->new_users,
            log->new_items, log->lines, log->bad, log->first, log->last);
    for (int b = 0; b < log->behaviours; b++)
        fprintf(to, "%s{\"name\":\"%s\",\"events\":%" PRIu64 ",\"duplicates\":%" PRIu64 "}", b ? "," : "", log->behaviour[b], log->events[b],
                log->duplicates[b]);
    fputs("]}", to);
}

static void put_checks(FILE *to, const struct ps_night *n)
{
    fputs(",\n \"checks\":[", to);
    for (int i = 0; i < n->checks; i++) {
        const struct ps_check *c = &n->check[i];
        fputs(i ? ",\n  {" : "\n  {", to);
        put_text(to, "name", c->name);
        fprintf(to, ",\"passed\":%s", c->passed ? "true" : "false");
        put_real(to, "value", c->value);
        put_real(to, "low", c->low);
        put_real(to, "high", c->high);
        fputc(',', to);
        put_text(to, "why", c->why);
        fputc('}', to);
    }
    fputs("]", to);
}

int ps_night_write(const char *folder, const struct ps_night *n, struct ps_error *err)
{
    struct ps_text text;
    FILE *to = ps_text_open(&text);
    fprintf(to, "{\"night\":\"%s\",\"stage\":\"%s\",\"outcome\":\"%s\",\"began\":\"%s\",\"seconds\":%.3f,\"start\":\"%s\",\n ", n->name,
            ps_night_stages[n->stage], ps_night_outcomes[n->outcome], n->began, n->seconds, n->start);
    put_text(to, "why", n->why);
    fprintf(to, ",\n \"metric\":\"%s\"", n->metric);
    put_real(to, "value", n->value);
    put_real(to, "production", n->production);
    fprintf(to, ",\"against\":\"%s\"", n->against);
    if (n->examined)
        put_log(to, &n->log);
    put_checks(to, n);
    fputs("}\n", to);
    char *path = ps_night_path(folder, n->name, "summary.json"), *all = ps_text_close(&text);
    int status = ps_file_write(path, all, text.size, err);
    free(path), free(all);
    return status;
}

/* ---- reading ---- */

static int choose(struct ps_reading *r, const struct ps_yaml *map, const char *key, const char *const *names, int count)
{
    char text[32] = "";
    ps_read_text(r, map, key, text, sizeof text);
    for (int i = 0; i < count; i++)
        if (!strcmp(text, names[i]))
            return i;
    if (!r->status)
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: '%s' is '%s', which is none of its values; %s", r->path, key, text, r->advice);
    return 0;
}

/* A number or null. */
static double real_or(struct ps_reading *r, const struct ps_yaml *map, const char *key, double otherwise)
{
    const struct ps_yaml *node = ps_read_child(r, map, key, PS_YAML_SCALAR);
    return node && strcmp(node->text, "null") ? ps_read_real(r, map, key) : otherwise;
}

static void read_log(struct ps_reading *r, const struct ps_yaml *map, struct ps_night_log *log)
{
    log->users = ps_read_whole(r, map, "users", UINT64_MAX);
    log->items = ps_read_whole(r, map, "items", UINT64_MAX);
    log->new_users = ps_read_whole(r, map, "new_users", UINT64_MAX);
    log->new_items = ps_read_whole(r, map, "new_items", UINT64_MAX);
    log->lines = ps_read_whole(r, map, "lines", UINT64_MAX);
    log->bad = ps_read_whole(r, map, "bad", UINT64_MAX);
    log->first = (int64_t)ps_read_real(r, map, "first");
    log->last = (int64_t)ps_read_real(r, map, "last");
    const struct ps_yaml *list = ps_read_child(r, map, "behaviours", PS_YAML_LIST);
    for (int b = 0; list && b < list->count && b < PS_MAX_BEHAVIOURS; b++, log->behaviours++) {
        ps_read_text(r, &list->child[b], "name", log->behaviour[b], sizeof log->behaviour[b]);
        log->events[b] = ps_read_whole(r, &list->child[b], "events", UINT64_MAX);
        log->duplicates[b] = ps_read_whole(r, &list->child[b], "duplicates", UINT64_MAX);
    }
}

static void read_checks(struct ps_reading *r, const struct ps_yaml *list, struct ps_night *n)
{
    for (int i = 0; list && i < list->count && i < PS_NIGHT_CHECKS; i++, n->checks++) {
        const struct ps_yaml *map = &list->child[i];
        struct ps_check *c = &n->check[i];
        char passed[8] = "";
        ps_read_text(r, map, "name", c->name, sizeof c->name);
        ps_read_text(r, map, "passed", passed, sizeof passed);
        ps_read_text(r, map, "why", c->why, sizeof c->why);
        c->passed = !strcmp(passed, "true");
        c->value = real_or(r, map, "value", NAN);
        c->low = real_or(r, map, "low", -INFINITY);
        c->high = real_or(r, map, "high", INFINITY);
    }
}

static int read_night(const char *path, struct ps_night *n, struct ps_error *err)
{
    struct ps_yaml *root;
    struct ps_reading r = {.path = path, .advice = "mend it by hand, or remove the night's folder", .err = err};
    int status = ps_yaml_load(path, PS_EXIT_DATA, &root, err);
    if (status)
        return status;
    *n = (struct ps_night){0};
    ps_read_text(&r, root, "night", n->name, sizeof n->name);
    n->stage = (enum ps_night_stage)choose(&r, root, "stage", ps_night_stages, PS_NIGHT_STAGES);
    n->outcome = (enum ps_night_outcome)choose(&r, root, "outcome", ps_night_outcomes, PS_NIGHT_OUTCOMES);
    ps_read_text(&r, root, "began", n->began, sizeof n->began);
    n->seconds = ps_read_real(&r, root, "seconds");
    ps_read_text(&r, root, "start", n->start, sizeof n->start);
    ps_read_text(&r, root, "why", n->why, sizeof n->why);
    ps_read_text(&r, root, "metric", n->metric, sizeof n->metric);
    n->value = real_or(&r, root, "value", NAN);
    n->production = real_or(&r, root, "production", NAN);
    ps_read_text(&r, root, "against", n->against, sizeof n->against);
    const struct ps_yaml *log = ps_yaml_get(root, "log");
    n->examined = log && log->kind == PS_YAML_MAP;
    if (n->examined)
        read_log(&r, log, &n->log);
    read_checks(&r, ps_read_child(&r, root, "checks", PS_YAML_LIST), n);
    ps_yaml_free(root);
    return r.status;
}

/* ---- all of them ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct ps_night *)a)->name, ((const struct ps_night *)b)->name);
}

static int examine(const char *folder, const char *name, struct ps_night *n, bool *is, struct ps_error *err)
{
    char *home = ps_format("%s/nights/%s", folder, name), *path = ps_format("%s/summary.json", home);
    *is = !access(path, F_OK);
    int status = *is ? read_night(path, n, err) : 0;
    free(home), free(path);
    return status;
}

int ps_nights_list(const char *folder, struct ps_night **night, int *count, struct ps_error *err)
{
    char *path = ps_format("%s/nights", folder);
    DIR *dir = opendir(path);
    size_t capacity = 0;
    int status = dir ? 0 : ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read %s", path);
    *night = NULL;
    *count = 0;
    for (struct dirent *entry; !status && (entry = readdir(dir));) {
        bool is;
        if (*entry->d_name == '.')
            continue;
        PS_GROW(*night, capacity, (size_t)*count + 1);
        status = examine(folder, entry->d_name, &(*night)[*count], &is, err);
        *count += !status && is;
    }
    if (dir)
        closedir(dir);
    free(path);
    if (status) {
        free(*night);
        *night = NULL;
    } else if (*count) {
        qsort(*night, (size_t)*count, sizeof **night, by_name);
    }
    return status;
}

int ps_night_begin(const char *folder, const struct ps_night *earlier, int count, struct ps_night *n, struct ps_error *err)
{
    const char *last = count ? earlier[count - 1].name : "";
    *n = (struct ps_night){.value = NAN, .production = NAN};
    ps_timestamp(n->began);
    /* A clock that goes back must not put tonight before other nights. */
    const char *day = strncmp(n->began, last, 10) < 0 ? last : n->began;
    int number = strncmp(day, last, 10) ? 1 : (int)strtol(last + 11, NULL, 10) + 1;
    snprintf(n->name, sizeof n->name, "%.10s-%03d", day, number);
    char *path = ps_format("%s/nights/%s", folder, n->name);
    int status = ps_folder_make(path, err);
    free(path);
    return status ? status : ps_night_write(folder, n, err);
}
