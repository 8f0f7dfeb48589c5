/* logs.c - from the inbox to a dataset: the stages take, examine and prepare; see nightly.h. */
#include "cli/nightly/nightly.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/nightly/gate.h"
#include "common/file.h"
#include "common/sealed.h"

char *ps_nightly_names(const struct ps_nightly *n)
{
    return ps_format("%s/names", n->folder);
}

/* ---- take ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

static bool may_be_taken(const char *path, const char *name)
{
    struct stat info;
    return *name != '.' && !ends_with(name, ".tmp") && !ends_with(name, ".part") && !lstat(path, &info) && S_ISREG(info.st_mode);
}

/* Moves what is in the inbox to a folder (NULL: only looks); *count is how many. What has a name there already stays for the next night. */
static int empty_inbox(const struct ps_nightly *n, const char *into, int *count, struct ps_error *err)
{
    char *inbox = ps_format("%s/inbox", n->folder);
    DIR *dir = opendir(inbox);
    int status = dir ? 0 : ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read %s", inbox);
    *count = 0;
    for (struct dirent *entry; dir && !status && (entry = readdir(dir));) {
        char *from = ps_format("%s/%s", inbox, entry->d_name), *to = ps_format("%s/%s", into ? into : inbox, entry->d_name);
        bool take = may_be_taken(from, entry->d_name) && (!into || access(to, F_OK));
        if (take && into && rename(from, to))
            status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot move %s to %s", from, to);
        *count += take;
        free(from), free(to);
    }
    if (dir)
        closedir(dir);
    if (!status && into)
        status = ps_folder_sync(into, err);
    if (!status && into)
        status = ps_folder_sync(inbox, err);
    free(inbox);
    return status;
}

int ps_nightly_arrived(const struct ps_nightly *n, bool *any, struct ps_error *err)
{
    int count, status = empty_inbox(n, NULL, &count, err);
    *any = count > 0;
    return status;
}

int ps_nightly_take(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err)
{
    char *taken = ps_format("%s/taken/%s", n->folder, night->name);
    int count, status = ps_folder_make(taken, err);
    if (!status)
        status = empty_inbox(n, taken, &count, err);
    free(taken);
    return status;
}

/* ---- examine ---- */

/* Options of penstock prepare that all preparations share. */
static void add_options(struct ps_step *step, const struct ps_nightly *n)
{
    char *options = ps_strdup(n->settings.logs.options), *names = ps_nightly_names(n);
    ps_step_add(step, "--behaviours=%s", n->settings.logs.behaviours);
    for (char *rest = options, *word; (word = strsep(&rest, " "));)
        if (*word)
            ps_step_add(step, "%s", word);
    if (!access(names, F_OK))
        ps_step_add(step, "--dictionary=%s", names);
    free(options), free(names);
}

static uint64_t number_at(struct ps_reading *r, const struct ps_yaml *list, int i, const char *key)
{
    if (!r->status && (!list || i >= list->count))
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s: '%s' is too short; %s", r->path, key, r->advice);
    return r->status ? 0 : ps_read_number(r, &list->child[i], UINT64_MAX, key);
}

/* What a dataset's description says of the log that it is made of. */
static int read_log(const char *dataset, struct ps_night_log *log, struct ps_error *err)
{
    struct ps_yaml *root;
    char *path = ps_format("%s/dataset.yaml", dataset);
    struct ps_reading r = {.path = path, .advice = "remove the folder, and start again", .err = err};
    int status = r.status = ps_yaml_load(path, PS_EXIT_DATA, &root, err);
    if (!status) {
        const struct ps_yaml *map = ps_read_child(&r, root, "statistics", PS_YAML_MAP), *list;
        *log = (struct ps_night_log){.users = ps_read_whole(&r, root, "users", UINT64_MAX), .items = ps_read_whole(&r, root, "items", UINT64_MAX)};
        log->users -= ps_read_whole(&r, map, "untrained_users", log->users); /* names of other nights */
        log->items -= ps_read_whole(&r, map, "untrained_items", log->items);
        log->lines = ps_read_whole(&r, map, "lines", UINT64_MAX);
        log->bad = ps_read_whole(&r, map, "bad", UINT64_MAX);
        list = ps_read_child(&r, map, "new", PS_YAML_LIST);
        log->new_users = number_at(&r, list, PS_USERS, "new");
        log->new_items = number_at(&r, list, PS_ITEMS, "new");
        list = ps_read_child(&r, map, "times", PS_YAML_LIST);
        log->first = (int64_t)number_at(&r, list, 0, "times");
        log->last = (int64_t)number_at(&r, list, 1, "times");
        const struct ps_yaml *names = ps_read_child(&r, root, "behaviours", PS_YAML_LIST);
        const struct ps_yaml *events = ps_read_child(&r, map, "events", PS_YAML_LIST);
        const struct ps_yaml *duplicates = ps_read_child(&r, map, "duplicates", PS_YAML_LIST);
        for (int b = 0; !r.status && b < names->count && b < PS_MAX_BEHAVIOURS; b++, log->behaviours++) {
            ps_read_text(&r, &names->child[b], "name", log->behaviour[b], sizeof log->behaviour[b]);
            log->events[b] = number_at(&r, events, b, "events");
            log->duplicates[b] = number_at(&r, duplicates, b, "duplicates");
        }
        ps_yaml_free(root);
        status = r.status;
    }
    free(path);
    return status;
}

/* The log by itself is prepared only to be counted, by the one reader that there is. *unreadable: it is no log. */
static int count_log(const struct ps_nightly *n, struct ps_night *night, bool *unreadable, struct ps_error *err)
{
    char *arrivals = ps_night_path(n->folder, night->name, "arrivals"), *made = ps_format("%s/dataset.yaml", arrivals);
    int status = 0;
    *unreadable = false;
    if (access(made, R_OK)) {
        struct ps_step step;
        ps_step_init(&step, "prepare");
        ps_step_add(&step, "--out=%s", arrivals);
        ps_step_add(&step, "--test=none");
        ps_step_add(&step, "--since=1"); /* a log without times could not be held against those before it */
        add_options(&step, n);
        ps_step_add(&step, "--valid=none");
        ps_step_add(&step, "--keep-future");
        ps_step_add(&step, "%s/taken/%s", n->folder, night->name);
        status = ps_step_run(&step, n, night, "examine", err);
        *unreadable = status == -PS_EXIT_DATA;
    }
    if (!status)
        status = read_log(arrivals, &night->log, err);
    night->examined = !status;
    free(arrivals), free(made);
    return status;
}

int ps_nightly_put_aside(const struct ps_nightly *n, const struct ps_night *night, struct ps_error *err)
{
    char *taken = ps_format("%s/taken/%s", n->folder, night->name), *refused = ps_format("%s/refused", n->folder);
    char *to = ps_format("%s/%s", refused, night->name);
    int status = ps_folder_make(refused, err);
    if (!status && rename(taken, to) && errno != ENOENT)
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot move %s to %s", taken, to);
    free(taken), free(refused), free(to);
    return status;
}

int ps_nightly_examine(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err)
{
    bool unreadable;
    int status = count_log(n, night, &unreadable, err);
    night->checks = 0;
    if (status && !unreadable)
        return status;
    if (unreadable)
        ps_gate_unreadable(night, err->text);
    else
        ps_gate_log(&n->settings, n->night, n->nights - 1, ps_wall_clock(), night);
    const struct ps_check *failed = ps_gate_failure(night);
    if (failed && n->accept_log && !unreadable) {
        snprintf(night->why, sizeof night->why, "accepted all the same: %s", failed->why);
        return 0;
    }
    if (!failed)
        return 0;
    night->outcome = PS_NIGHT_REFUSED_LOG;
    snprintf(night->why, sizeof night->why, "%s: %s", failed->name, failed->why);
    return ps_nightly_put_aside(n, night, err);
}

/* ---- prepare ---- */

/* The end of all logs that count, in seconds; the night's own counts by now. */
static int64_t newest(const struct ps_nightly *n, const struct ps_night *night)
{
    int64_t last = night->log.last;
    for (int i = 0; i < n->nights; i++)
        if (ps_night_counts(&n->night[i]))
            last = PS_MAX(last, n->night[i].log.last);
    return last;
}

int64_t ps_nightly_since(const struct ps_nightly *n, const struct ps_night *night)
{
    int64_t days = n->settings.logs.window_days;
    return days ? PS_MAX(newest(n, night) - days * 86400, (int64_t)1) : 0;
}

/* Tonight's dataset is the one whose names later nights keep. */
static int point_names(const struct ps_nightly *n, const struct ps_night *night, struct ps_error *err)
{
    char *names = ps_nightly_names(n), *temporary = ps_format("%s/.names.tmp", n->folder), *target = ps_format("nights/%s/dataset", night->name);
    int status = 0;
    if ((unlink(temporary) && errno != ENOENT) || symlink(target, temporary) || rename(temporary, names))
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot make the link %s", names);
    if (!status)
        status = ps_folder_sync(n->folder, err);
    free(names), free(temporary), free(target);
    return status;
}

/* Without the names of the nights before, all ids would be other ones, and nothing would tell. */
static int check_names(const struct ps_nightly *n, struct ps_error *err)
{
    char *names = ps_nightly_names(n), *made = ps_format("%s/dataset.yaml", names);
    int status = 0;
    bool needed = false;
    for (int i = 0; i < n->nights - 1; i++)
        needed |= ps_night_counts(&n->night[i]) && n->night[i].stage > PS_NIGHT_PREPARE && n->night[i].outcome != PS_NIGHT_ABANDONED;
    if (needed && access(made, R_OK))
        status = ps_fail(err, PS_EXIT_DATA, "%s points at no dataset, so the names of earlier nights would get other ids; make it a link to the "
                         "newest dataset that there is, in nights or in versions", names);
    free(names), free(made);
    return status;
}

static void add_logs(struct ps_step *step, const struct ps_nightly *n, const struct ps_night *night, int64_t since)
{
    for (int i = 0; i < n->nights; i++) {
        const struct ps_night *of = i == n->nights - 1 ? night : &n->night[i];
        char *taken = ps_format("%s/taken/%s", n->folder, of->name);
        if (ps_night_counts(of) || of == night)
            if (of->log.last >= since && !access(taken, F_OK))
                ps_step_add(step, "%s", taken);
        free(taken);
    }
}

int ps_nightly_prepare(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err)
{
    char *dataset = ps_night_path(n->folder, night->name, "dataset"), *made = ps_format("%s/dataset.yaml", dataset);
    int status = check_names(n, err);
    if (!status && access(made, R_OK)) {
        struct ps_step step;
        int64_t since = ps_nightly_since(n, night);
        ps_step_init(&step, "prepare");
        ps_step_add(&step, "--out=%s", dataset);
        add_options(&step, n);
        ps_step_add(&step, "--test=last-by-time");
        if (since)
            ps_step_add(&step, "--since=%lld", (long long)since);
        add_logs(&step, n, night, since);
        status = ps_step_run(&step, n, night, "prepare", err);
    }
    if (!status)
        status = point_names(n, night, err);
    free(dataset), free(made);
    return status;
}
