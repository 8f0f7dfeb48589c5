/* prepare.c - the order of the steps, and the folder that appears whole or not at all; see prepare.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* renameat2, O_TMPFILE */
#endif
#include "data/prepare.h"
#include "common/random.h"
#include "data/prepare_steps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

FILE *ps_prepare_scratch(const struct ps_preparation *p, struct ps_error *err)
{
    char *path = ps_format("%s/scratch.XXXXXX", p->folder);
    int fd = mkostemp(path, O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w+b");
    if (!file)
        ps_fail_errno(err, PS_EXIT_STORAGE, "cannot make a temporary file in %s", p->folder);
    if (fd >= 0)
        unlink(path);
    if (fd >= 0 && !file)
        close(fd);
    free(path);
    return file;
}

int ps_prepare_check_stop(const struct ps_preparation *p, struct ps_error *err)
{
    if (p->options->stop && *p->options->stop)
        return ps_fail(err, PS_EXIT_INTERRUPTED, "interrupted; nothing was written to %s", p->options->out);
    return 0;
}

/* ---- the folder ---- */

static bool is_dataset(const char *folder)
{
    char *path = ps_format("%s/dataset.yaml", folder), *text = NULL;
    size_t size;
    bool found = !ps_file_read(path, 1 << 20, &text, &size, NULL) && strstr(text, "\nformat: " PS_DATASET_FORMAT "\n");
    free(text);
    free(path);
    return found;
}

/* 1: there is something at `path` that must be replaced; 0: nothing, or an empty folder; else a negative status. */
static int check_place(const char *path, bool overwrite, struct ps_error *err)
{
    DIR *folder = opendir(path);
    if (!folder && errno == ENOENT)
        return 0;
    if (!folder)
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write the dataset to %s", path);
    bool empty = true;
    for (struct dirent *entry; (entry = readdir(folder));)
        empty &= !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
    closedir(folder);
    if (empty)
        return 0;
    if (!is_dataset(path))
        return ps_fail(err, PS_EXIT_USAGE, "%s exists and is no prepared dataset; choose another folder with --out",
                       path);
    if (!overwrite)
        return ps_fail(err, PS_EXIT_USAGE, "%s holds a dataset; choose another folder, or replace it with --overwrite",
                       path);
    return 1;
}

static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ps_strdup(".");
    char *parent = ps_strdup(path);
    parent[slash == path ? 1 : slash - path] = 0;
    return parent;
}

/* Gives the finished folder its name. Where the file system can, a dataset that was there changes places with it in one
 * step, so a reader finds either the old or the new one. */
static int place(const char *folder, const char *out, bool overwrite, struct ps_error *err)
{
    char *parent = parent_of(out), *old = NULL;
    int occupied = check_place(out, overwrite, err), status = PS_MIN(occupied, 0);
    if (!status)
        status = ps_folder_sync(folder, err);
    if (status)
        goto done;
    if (!occupied) {
        if (rename(folder, out))
            status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot rename %s to %s", folder, out);
    } else if (!renameat2(AT_FDCWD, folder, AT_FDCWD, out, RENAME_EXCHANGE)) {
        old = ps_strdup(folder);
    } else {
        old = ps_format("%s.old-%ld", out, (long)getpid());
        if (rename(out, old)) {
            status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot replace %s", out);
        } else if (rename(folder, out)) {
            status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot rename %s to %s", folder, out);
            (void)rename(old, out);
        }
    }
    if (!status)
        status = ps_folder_sync(parent, err);
    if (!status && old)
        status = ps_folder_remove(old, err);
done:
    free(old);
    free(parent);
    return status;
}

/* ---- steps ---- */

/* Names that keep their ids. The users of a dataset of sessions are its cases, which have their order from the sessions. */
static struct ps_names *dictionary_names(struct ps_preparation *p, enum ps_entity entity)
{
    if (entity == PS_ITEMS || (entity == PS_USERS && !p->sessions))
        return &p->names[entity];
    return entity == PS_VISITORS && p->sessions ? &p->sessions->visitors : NULL;
}

/* Names of an earlier dataset, in the order of their ids. */
static int load_dictionary(struct ps_preparation *p, struct ps_error *err)
{
    struct ps_dataset old;
    int status = ps_dataset_open(p->options->dictionary, &old, err);
    if (status)
        return status;
    for (enum ps_entity entity = PS_USERS; entity < PS_ENTITIES; entity++) {
        struct ps_names *names = dictionary_names(p, entity);
        for (uint64_t id = 0; !status && names && id < ps_dataset_entities(&old, entity); id++) {
            size_t length;
            const char *name = ps_dataset_name(&old, entity, id, &length);
            if (!ps_names_allow(name, length) || ps_names_add(names, name, length) != id)
                status = ps_fail(err, PS_EXIT_DATA, "%s is damaged (a name twice); prepare it again", old.path);
        }
        p->kept[entity] = names ? names->count : 0;
        p->stats->kept[entity] = p->kept[entity];
    }
    if (!status)
        status = ps_prepare_features_keep(p, &old, err);
    ps_dataset_close(&old);
    return status;
}

uint64_t ps_prepare_names_memory(const struct ps_preparation *p)
{
    uint64_t bytes = ps_names_memory(&p->names[PS_USERS]) + ps_names_memory(&p->names[PS_ITEMS]);
    for (uint32_t f = 0; f < p->features; f++)
        bytes += ps_names_memory(&p->feature[f].values);
    if (p->sessions)
        bytes += ps_names_memory(&p->sessions->test) + ps_names_memory(&p->sessions->visitors);
    return bytes;
}

uint32_t *ps_prepare_ids(const struct ps_preparation *p, enum ps_entity entity, const struct ps_names *names)
{
    struct ps_random random = ps_random_stream(p->options->id_seed, PS_RANDOM_IDS, entity, 0, 0);
    return ps_names_order(names, p->kept[entity], ps_random_next(&random));
}

static int write_dataset(struct ps_preparation *p, struct ps_error *err)
{
    struct ps_dataset_files files;
    ps_dataset_files_init(&files, p->folder);
    int status = p->sessions ? ps_prepare_sessions(p, &files, err) : ps_prepare_users(p, &files, err);
    ps_dataset_files_fini(&files);
    return status;
}

int ps_prepare(const struct ps_prepare_options *options, struct ps_prepare_stats *stats, struct ps_error *err)
{
    struct ps_preparation p = {.options = options, .stats = stats};
    double began = ps_now();
    char *out = ps_strdup(options->out);
    for (size_t n = strlen(out); n > 1 && out[n - 1] == '/'; n--)
        out[n - 1] = 0;
    p.folder = ps_format("%s.tmp-%ld", out, (long)getpid());
    *stats = (struct ps_prepare_stats){.shape.behaviours = options->rules.behaviours, .first = INT64_MAX, .last = INT64_MIN};
    for (uint32_t b = 0; b < options->rules.behaviours; b++) {
        memcpy(stats->shape.behaviour[b], options->behaviour[b], sizeof options->behaviour[b]);
        stats->shape.times[b] = true; /* until an input without a time says otherwise */
    }
    ps_names_init(&p.names[PS_USERS]);
    ps_names_init(&p.names[PS_ITEMS]);
    if (options->sessions.enabled)
        ps_session_log_init(&p);

    int status = PS_MIN(check_place(out, options->overwrite, err), 0);
    if (!status && options->dictionary)
        status = load_dictionary(&p, err);
    if (!status)
        status = ps_folder_remove(p.folder, err); /* of a process that had this number before */
    if (!status)
        status = ps_folder_make(p.folder, err);
    if (!status)
        status = ps_prepare_features_check(&p, err);
    if (!status)
        status = ps_prepare_read(&p, err);
    if (!status && p.sessions)
        status = ps_sessions_refine(&p, err);
    if (!status)
        status = ps_prepare_features_read(&p, err);
    if (!status)
        status = write_dataset(&p, err);
    if (!status)
        status = ps_prepare_check_stop(&p, err);
    if (!status)
        status = place(p.folder, out, options->overwrite, err);
    if (status)
        ps_folder_remove(p.folder, NULL); /* the failure is what counts */
    ps_spill_close(&p.spill);
    ps_names_fini(&p.names[PS_USERS]);
    ps_names_fini(&p.names[PS_ITEMS]);
    ps_prepare_features_fini(&p);
    if (p.sessions)
        ps_session_log_fini(&p);
    free(p.folder);
    free(out);
    stats->seconds = ps_now() - began;
    return status;
}
