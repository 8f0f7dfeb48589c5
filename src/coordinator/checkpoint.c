/* checkpoint.c - RUN/checkpoints: which are there, which one to go on from, which are removed.
 *
 * epoch-0007/ is the end of an epoch, epoch-0008-cut-1.000031/ a cut within the one after it. Each holds one file a shard and
 * manifest.yaml, written last. `last` and `best` are symbolic links that are replaced by a rename, so each always points at a whole
 * checkpoint. The newest is the one with the highest (era, cut).
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/manifest.h"
#include "coordinator/internal.h"
#include "coordinator/runlog.h"

/* Points checkpoints/NAME at the folder, by a rename. */
static int point(const char *checkpoints, const char *name, const char *folder, struct ps_error *err)
{
    char *link = ps_format("%s/%s", checkpoints, name), *temporary = ps_format("%s/.%s.tmp", checkpoints, name);
    unlink(temporary);
    int status = 0;
    if (symlink(folder, temporary) || rename(temporary, link))
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot make the link %s", link);
    free(link);
    free(temporary);
    return status;
}

/* ---- which checkpoint to go on from ---- */

struct candidate {
    char *name; /* owned */
    char parent[64];
    bool readable, kept;
    uint32_t era, best_epoch;
    uint64_t cut;
    struct ps_error damage; /* where it is not readable */
};

/* The latest first, by (era, cut); before them the ones whose manifest cannot tell. */
static int latest_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->readable != y->readable)
        return x->readable ? 1 : -1;
    if (x->era != y->era)
        return x->era < y->era ? 1 : -1;
    return x->cut == y->cut ? strcmp(y->name, x->name) : x->cut < y->cut ? 1 : -1;
}

/* What a name in RUN/checkpoints holds. False: a folder without a manifest, left by a crash, which is no checkpoint (unless
 * `last` says that it was one). */
static bool examine(const char *checkpoints, const char *last, const char *name, struct candidate *candidate)
{
    struct ps_manifest m;
    char *folder = ps_format("%s/%s", checkpoints, name), *manifest = ps_format("%s/%s", folder, PS_MANIFEST_NAME);
    bool is = !access(manifest, F_OK) || !strcmp(name, last);
    if (is) {
        *candidate = (struct candidate){.name = ps_strdup(name)};
        candidate->readable = !ps_manifest_read(&m, folder, &candidate->damage);
        if (candidate->readable) {
            candidate->era = m.era;
            candidate->cut = m.cut;
            candidate->best_epoch = m.best_epoch;
            memcpy(candidate->parent, m.parent, sizeof m.parent);
            ps_manifest_fini(&m);
        }
    }
    free(folder), free(manifest);
    return is;
}

static int verify(const char *folder, struct ps_error *err)
{
    struct ps_manifest m;
    int status = ps_manifest_read(&m, folder, err);
    if (status)
        return status;
    status = ps_manifest_verify(&m, folder, err);
    ps_manifest_fini(&m);
    return status;
}

static int list(const char *checkpoints, struct candidate **candidate, size_t *count, struct ps_error *err)
{
    char last[64] = "", *link = ps_format("%s/last", checkpoints);
    size_t capacity = 0;
    ssize_t length = readlink(link, last, sizeof last - 1);
    last[PS_MAX(length, 0)] = 0;
    free(link);
    DIR *dir = opendir(checkpoints);
    if (!dir)
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read %s", checkpoints);
    bool seen_last = !*last;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, "epoch-", 6))
            continue;
        PS_GROW(*candidate, capacity, *count + 1);
        seen_last |= !strcmp(entry->d_name, last);
        *count += examine(checkpoints, last, entry->d_name, &(*candidate)[*count]);
    }
    closedir(dir);
    if (!seen_last) {
        PS_GROW(*candidate, capacity, *count + 1);
        *count += examine(checkpoints, last, last, &(*candidate)[*count]);
    }
    if (*count)
        qsort(*candidate, *count, sizeof **candidate, latest_first);
    return 0;
}

static void free_list(struct candidate *candidate, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(candidate[i].name);
    free(candidate);
}

/* Sets `last`, and `best` where the epoch that the manifest names is there, to what is gone on from. */
static int point_links(const char *checkpoints, const struct candidate *chosen, struct ps_error *err)
{
    char best[32];
    snprintf(best, sizeof best, "epoch-%04u", chosen->best_epoch);
    char *manifest = ps_format("%s/%s/%s", checkpoints, best, PS_MANIFEST_NAME);
    int status = chosen->best_epoch && !access(manifest, F_OK) ? point(checkpoints, "best", best, err) : 0;
    free(manifest);
    return status ? status : point(checkpoints, "last", chosen->name, err);
}

int ps_cut_choose(const char *checkpoints, const char *name, struct ps_runlog *log, char **folder, struct ps_error *err)
{
    struct candidate *candidate = NULL, only;
    size_t count = 0, chosen = 0;
    char *damage = NULL, quoted[PS_JSON_TEXT];
    struct ps_error problem;
    int status = 0;
    *folder = NULL;
    if (name) {
        char *path = ps_format("%s/%s", checkpoints, name);
        status = verify(path, err);
        if (!status && strcmp(name, "best") && examine(checkpoints, "", name, &only)) {
            status = point_links(checkpoints, &only, err);
            free(only.name);
        }
        if (!status)
            *folder = path;
        else
            free(path);
        return status;
    }
    status = list(checkpoints, &candidate, &count, err);
    for (; !status && chosen < count; chosen++) {
        struct candidate *c = &candidate[chosen];
        char *path = ps_format("%s/%s", checkpoints, c->name);
        if (c->readable && !verify(path, &problem)) {
            *folder = path;
            break;
        }
        char *longer = ps_format("%s%s%s", damage ? damage : "", damage ? "; " : "",
                                 c->readable ? problem.text : c->damage.text);
        free(damage), free(path);
        damage = longer;
    }
    if (!status && *folder && damage) {
        ps_warn("going on from checkpoint %s, the newest that is whole; passed over: %s", candidate[chosen].name, damage);
        ps_runlog(log, "{\"event\":\"fallback\",\"to\":\"%s\",\"why\":\"%s\"}", candidate[chosen].name,
                  ps_json_text(damage, quoted));
    } else if (!status && damage) {
        status = ps_fail(err, PS_EXIT_DATA, "no checkpoint in %s is whole, so the run cannot go on: %s", checkpoints, damage);
    }
    if (!status && *folder)
        status = point_links(checkpoints, &candidate[chosen], err);
    free_list(candidate, count);
    free(damage);
    return status;
}

/* Eras and cuts go on behind all that are in the folder, also those that were passed over: the latest is the highest. */
static int go_beyond(struct ps_coordinator *c, struct ps_error *err)
{
    struct candidate *candidate = NULL;
    size_t count = 0;
    int status = c->options.checkpoints ? list(c->options.checkpoints, &candidate, &count, err) : 0;
    for (size_t i = 0; i < count; i++) {
        c->era = PS_MAX(c->era, candidate[i].era);
        c->cut = PS_MAX(c->cut, candidate[i].cut);
    }
    free_list(candidate, count);
    return status;
}

static bool is_link_to(const char *checkpoints, const char *link, const char *name)
{
    char target[64], *path = ps_format("%s/%s", checkpoints, link);
    ssize_t length = readlink(path, target, sizeof target - 1);
    free(path);
    target[PS_MAX(length, 0)] = 0;
    return !strcmp(target, name);
}

/* Marks what is kept: the newest ones, the best, the one that a rollback goes back to, and what these build upon. A parent is older
 * than what builds upon it. */
static void mark_kept(const struct ps_coordinator *c, struct candidate *candidate, size_t count)
{
    int keep = c->config->checkpoint.keep;
    for (size_t i = 0; i < count; i++) {
        const char *name = candidate[i].name;
        candidate[i].kept |= candidate[i].readable && (keep > 0 || is_link_to(c->options.checkpoints, "best", name) ||
                                                       (c->base && !strcmp(strrchr(c->base, '/') + 1, name)));
        keep -= candidate[i].readable;
        for (size_t k = i + 1; candidate[i].kept && *candidate[i].parent && k < count; k++)
            candidate[k].kept |= !strcmp(candidate[k].name, candidate[i].parent);
    }
}

/* Removes the other ones, and folders that are no checkpoints. */
static int prune(struct ps_coordinator *c, struct ps_error *err)
{
    const char *checkpoints = c->options.checkpoints;
    struct candidate *candidate = NULL;
    size_t count = 0;
    int status = list(checkpoints, &candidate, &count, err);
    if (!status)
        mark_kept(c, candidate, count);
    DIR *dir = status ? NULL : opendir(checkpoints);
    for (struct dirent *entry; dir && !status && (entry = readdir(dir));) {
        bool kept = strncmp(entry->d_name, "epoch-", 6);
        for (size_t i = 0; !kept && i < count; i++)
            kept = candidate[i].kept && !strcmp(candidate[i].name, entry->d_name);
        if (kept)
            continue;
        char *folder = ps_format("%s/%s", checkpoints, entry->d_name);
        status = ps_folder_remove(folder, err);
        free(folder);
    }
    if (dir)
        closedir(dir);
    free_list(candidate, count);
    return status;
}

int ps_cut_publish(struct ps_coordinator *c, const char *name, bool best, struct ps_error *err)
{
    struct ps_error problem;
    /* The folder's own name must be durable before anything older is removed. */
    int status = ps_folder_sync(c->options.checkpoints, err);
    /* The manifest of `last` tells which is the best one: so that comes first. */
    if (!status)
        status = best ? point(c->options.checkpoints, "best", name, err) : 0;
    if (!status)
        status = point(c->options.checkpoints, "last", name, err);
    if (!status && prune(c, &problem))
        ps_warn("old checkpoints stay: %s", problem.text);
    return status;
}

int ps_cut_load(struct ps_coordinator *c, const char *from, struct ps_error *err)
{
    struct ps_manifest m;
    *c->cutting.parent = 0; /* other rows, other stamps: the next one holds all rows */
    int status = go_beyond(c, err);
    if (!status)
        status = ps_manifest_read(&m, from, err);
    if (status)
        return status;
    status = ps_manifest_check_files(&m, from, err);
    if (!status)
        status = ps_manifest_check_tables(&m, from, c->options.table, c->options.tables, err);
    if (!status && m.dataset != c->options.fingerprint)
        ps_warn("checkpoint %s was trained on another preparation of the dataset; ids must be the same ones", from);
    if (!status) {
        c->epoch = m.epoch;
        c->cut = PS_MAX(c->cut, m.cut);
        c->era = PS_MAX(c->era, m.era);
        c->training.epoch = m.epoch - !m.complete;
        c->training.best = c->cutting.saved_best = m.best;
        c->training.best_epoch = c->cutting.saved_best_epoch = m.best_epoch;
        c->training.tally = m.tally;
        c->last_value = m.value;
        c->stale = m.best_epoch ? (c->training.epoch - m.best_epoch) / (uint32_t)c->config->early_stop.every : 0;
        free(c->resumed);
        c->resumed = m.complete ? NULL : m.lane;
        m.lane = m.complete ? m.lane : NULL;
    }
    ps_manifest_fini(&m);
    return status;
}
