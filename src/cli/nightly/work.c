/* work.c - a night from stage to stage, and what is done behind it; see nightly.h. */
#include "cli/nightly/nightly.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/nightly/version.h"
#include "cli/page/page.h"
#include "common/file.h"

/* ---- clean ---- */

static int remove_part(const struct ps_nightly *n, const char *night, const char *part, struct ps_error *err)
{
    char *path = ps_night_path(n->folder, night, part);
    int status = ps_folder_remove(path, err);
    free(path);
    return status;
}

/* What commands that were killed have left beside what they made. */
static int remove_temporaries(const struct ps_nightly *n, const char *night, struct ps_error *err)
{
    char *home = ps_night_path(n->folder, night, ".");
    DIR *dir = opendir(home);
    int status = 0;
    for (struct dirent *entry; dir && !status && (entry = readdir(dir));)
        if (strstr(entry->d_name, ".tmp-"))
            status = remove_part(n, night, entry->d_name, err);
    if (dir)
        closedir(dir);
    free(home);
    return status;
}

/* The night whose dataset has the names. */
static void names_of(const struct ps_nightly *n, char name[PS_NIGHT_NAME])
{
    char *link = ps_nightly_names(n), target[256];
    ssize_t length = readlink(link, target, sizeof target - 1);
    target[PS_MAX(length, 0)] = 0;
    if (sscanf(target, "nights/%31[^/]/dataset", name) != 1)
        *name = 0;
    free(link);
}

static int clean_nights(const struct ps_nightly *n, struct ps_error *err)
{
    static const char *const parts[] = {"dataset", "run"};
    char names[PS_NIGHT_NAME];
    int status = 0;
    names_of(n, names);
    for (int i = 0; i < n->nights - n->settings.keep.nights && !status; i++)
        for (size_t p = 0; p < PS_COUNT(parts) && !status; p++)
            if (p || strcmp(n->night[i].name, names))
                status = remove_part(n, n->night[i].name, parts[p], err);
    return status;
}

/* Logs that no window will reach any more. */
static int clean_logs(const struct ps_nightly *n, const struct ps_night *night, struct ps_error *err)
{
    int64_t since = ps_nightly_since(n, night);
    int status = 0;
    for (int i = 0; i < n->nights && since && !status; i++)
        if (n->night[i].examined && n->night[i].log.last < since) {
            char *taken = ps_format("%s/taken/%s", n->folder, n->night[i].name);
            status = ps_folder_remove(taken, err);
            free(taken);
        }
    return status;
}

int ps_nightly_clean(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err)
{
    int status = remove_part(n, night->name, "arrivals", err);
    if (!status)
        status = remove_temporaries(n, night->name, err);
    if (!status)
        status = clean_nights(n, err);
    if (!status)
        status = clean_logs(n, night, err);
    return status ? status : ps_version_prune(n->folder, n->settings.keep.versions, err);
}

/* ---- tell ---- */

/* A hook that fails costs the night nothing but a warning. */
int ps_nightly_tell(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err)
{
    struct ps_step step = {.child = {.program = "/bin/sh", .limit = n->settings.hook.seconds}};
    struct ps_error problem;
    if (!*n->settings.hook.command)
        return 0;
    char *summary = ps_night_path(n->folder, night->name, "summary.json");
    ps_step_add(&step, "-c");
    ps_step_add(&step, "%s", n->settings.hook.command);
    step.child.input = summary;
    int status = ps_step_run(&step, n, night, "hook", &problem);
    free(summary);
    if (status == -PS_EXIT_INTERRUPTED)
        return -(*err = problem).code;
    if (status)
        ps_warn("the hook failed: %s", problem.text);
    return 0;
}

/* ---- the stages ---- */

static int (*const stages[PS_NIGHT_STAGES])(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err) = {
    [PS_NIGHT_TAKE] = ps_nightly_take,     [PS_NIGHT_EXAMINE] = ps_nightly_examine,   [PS_NIGHT_PREPARE] = ps_nightly_prepare,
    [PS_NIGHT_TRAIN] = ps_nightly_train,   [PS_NIGHT_EVALUATE] = ps_nightly_evaluate, [PS_NIGHT_JUDGE] = ps_nightly_judge,
    [PS_NIGHT_EXPORT] = ps_nightly_export, [PS_NIGHT_PUBLISH] = ps_nightly_publish,   [PS_NIGHT_CLEAN] = ps_nightly_clean,
    [PS_NIGHT_TELL] = ps_nightly_tell,
};

/* The run's report anew: by now production's result is there too. */
static void report(const struct ps_nightly *n, const struct ps_night *night)
{
    struct ps_error problem;
    char *run = ps_night_path(n->folder, night->name, "run");
    if (ps_page_write(run, NULL, NULL, &problem))
        ps_warn("the report is without production's result: %s", problem.text);
    free(run);
}

/* One stage, and the record of it. */
static int go_through(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err)
{
    enum ps_night_stage stage = night->stage;
    double began = ps_now(), before = night->seconds;
    int status = stages[stage](n, night, err);
    night->seconds = before + ps_now() - began;
    if (status)
        return status;
    if (night->stage == stage)
        night->stage++;
    bool refused = night->outcome == PS_NIGHT_REFUSED_LOG || night->outcome == PS_NIGHT_REFUSED_MODEL;
    if (refused && night->stage < PS_NIGHT_CLEAN)
        night->stage = PS_NIGHT_CLEAN;
    status = ps_night_write(n->folder, night, err);
    if (!status && stage == PS_NIGHT_JUDGE && night->stage > stage)
        report(n, night);
    return status;
}

int ps_nightly_work(struct ps_nightly *n, struct ps_night *night, struct ps_error *err)
{
    struct ps_error told;
    int status = 0;
    if (night->outcome == PS_NIGHT_FAILED) {
        night->outcome = PS_NIGHT_OPEN;
        *night->why = 0;
    }
    while (!status && night->stage != PS_NIGHT_DONE)
        status = go_through(n, night, err);
    if (!status || status == -PS_EXIT_INTERRUPTED)
        return status;
    if (night->outcome == PS_NIGHT_OPEN)
        night->outcome = PS_NIGHT_FAILED;
    snprintf(night->why, sizeof night->why, "%s: %.480s", ps_night_stages[night->stage], err->text);
    if (!ps_night_write(n->folder, night, &told))
        ps_nightly_tell(n, night, &told);
    return status;
}
