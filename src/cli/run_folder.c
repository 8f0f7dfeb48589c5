/* run_folder.c - the folder of a run: whose it is, what it holds, what a command finds in it; see run.h. */
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "cli/ask.h"
#include "common/file.h"
#include "common/manifest.h"
#include "common/tfevents.h"
#include "coordinator/runlog.h"

/* A lock that another process holds stays with the file that it has: this one gets a new file of that name. */
static int take_lock_away(const char *file, int *lock, struct ps_error *err)
{
    char *temporary = ps_format("%s.%d", file, (int)getpid());
    int status = 0;
    close(*lock);
    *lock = open(temporary, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*lock < 0 || flock(*lock, LOCK_EX | LOCK_NB) || rename(temporary, file))
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot take the lock %s", file);
    free(temporary);
    return status;
}

int ps_run_claim(const char *path, enum ps_claim claim, int *lock, struct ps_error *err)
{
    char *config = ps_format("%s/config.yaml", path), *state = ps_format("%s/state", path);
    char *file = ps_format("%s/lock", state);
    int status = 0;
    bool exists = access(config, F_OK) == 0;
    *lock = -1;
    if (claim == PS_CLAIM_RESUME && !exists)
        status = ps_fail(err, PS_EXIT_DATA, "%s is no run: it has no config.yaml", path);
    else if (claim == PS_CLAIM_NEW && exists)
        status = ps_fail(err, PS_EXIT_USAGE, "%s holds a run already; choose another folder with --run, or go on with it by "
                         "'penstock train --resume %s'", path, path);
    if (!status)
        status = ps_folder_make(state, err);
    if (!status && (*lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666)) < 0)
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write %s", file);
    if (!status && flock(*lock, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK)
            status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot lock %s", file);
        else if (claim == PS_CLAIM_TAKEOVER)
            status = take_lock_away(file, lock, err);
        else
            status = ps_fail(err, PS_EXIT_USAGE, "%s is being trained by another process; wait for its end, or choose another "
                             "folder with --run; one that hangs is replaced by 'penstock train --resume %s --takeover'", path, path);
    }
    if (!status && claim != PS_CLAIM_TAKEOVER)
        ps_meeting_forget(path);
    if (status && *lock >= 0)
        close(*lock);
    free(config), free(state), free(file);
    return status;
}

int ps_run_folder(struct ps_run *run, const char *path, enum ps_claim claim, struct ps_error *err)
{
    static const char *const inner[] = {"checkpoints", "export"};
    int status = ps_run_claim(path, claim, &run->lock, err);
    if (!status) {
        run->folder = ps_strdup(path);
        run->state = ps_format("%s/state", path);
        run->takeover = claim == PS_CLAIM_TAKEOVER;
    }
    for (size_t i = 0; !status && i < PS_COUNT(inner); i++) {
        char *folder = ps_format("%s/%s", path, inner[i]);
        status = ps_folder_make(folder, err);
        free(folder);
    }
    if (!status)
        status = ps_runlog_open(path, &run->log, err);
    if (!status)
        status = ps_token_make(path, &run->token, err);
    if (!status && run->config.train.tensorboard) {
        char *board = ps_format("%s/tensorboard", path);
        status = ps_tfevents_open(&run->board, board, err);
        free(board);
    }
    if (status)
        return status;
    char *checkpoints = ps_format("%s/checkpoints", path);
    run->checkpoints = realpath(checkpoints, NULL);
    free(checkpoints);
    return run->checkpoints ? 0 : ps_fail_errno(err, PS_EXIT_STORAGE, "cannot resolve %s/checkpoints", path);
}

int ps_run_settle(const struct ps_run *run, struct ps_error *err)
{
    char *path = ps_format("%s/config.yaml", run->folder), *text = ps_config_write(&run->config);
    int status = ps_file_write(path, text, strlen(text), err);
    free(path), free(text);
    return status;
}

/* ---- a finished run ---- */

int ps_run_config(const char *run, const char *const *override, int overrides, struct ps_config *config,
                  struct ps_error *err)
{
    char *path = ps_format("%s/config.yaml", run);
    int status = access(path, F_OK) ? ps_fail(err, PS_EXIT_DATA, "%s is no run: it has no config.yaml", run)
                                    : ps_config_load(config, path, override, overrides, err);
    free(path);
    return status;
}

void ps_run_know(struct ps_config *config, const struct ps_manifest *m, const struct ps_dataset *dataset)
{
    for (uint32_t t = 0; t < m->tables; t++) {
        /* The users of a dataset of sessions are its cases, of which no table has rows. */
        if (m->table[t].kind == PS_TABLE_USER && !dataset->sessions.count && m->table[t].rows < dataset->users)
            config->eval.known_users = m->table[t].rows;
        if (m->table[t].kind == PS_TABLE_ITEM && m->table[t].rows < dataset->items)
            config->eval.known_items = m->table[t].rows;
    }
}

char *ps_run_checkpoint(const char *run, const char *name)
{
    if (strchr(name, '/'))
        return ps_strdup(name);
    char *path = ps_format("%s/checkpoints/%s", run, name);
    char *manifest = ps_format("%s/manifest.yaml", path);
    /* Without validation there is no best one: the last is it. */
    if (!strcmp(name, "best") && access(manifest, F_OK)) {
        free(path);
        path = ps_format("%s/checkpoints/last", run);
    }
    free(manifest);
    /* Servers may have another working folder. */
    char *absolute = realpath(path, NULL);
    if (absolute) {
        free(path);
        path = absolute;
    }
    return path;
}

bool ps_run_has_checkpoint(const char *run)
{
    char *checkpoint = ps_format("%s/checkpoints/last/" PS_MANIFEST_NAME, run), *config = ps_format("%s/config.yaml", run);
    bool has = !access(checkpoint, R_OK) && !access(config, R_OK);
    free(checkpoint), free(config);
    return has;
}

char *ps_run_default_folder(const char *name)
{
    char now[32];
    time_t seconds = time(NULL);
    struct tm parts;
    localtime_r(&seconds, &parts);
    strftime(now, sizeof now, "%Y%m%d-%H%M%S", &parts);
    return ps_format("runs/%s-%s", name, now);
}
