/* version.c - see version.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* FTW_PHYS */
#endif
#include "cli/nightly/version.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run.h"
#include "common/file.h"
#include "common/sealed.h"

static const char ADVICE[] = "choose another version";

char *ps_version_path(const char *folder, const char *name)
{
    return ps_format("%s/versions/%s", folder, name);
}

void ps_version_production(const char *folder, char name[PS_NIGHT_NAME])
{
    char *link = ps_format("%s/production", folder), target[PS_CONFIG_PATH];
    ssize_t length = readlink(link, target, sizeof target - 1);
    target[PS_MAX(length, 0)] = 0;
    const char *slash = strrchr(target, '/');
    snprintf(name, PS_NIGHT_NAME, "%.31s", slash ? slash + 1 : target);
    free(link);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

int ps_version_list(const char *folder, char (**name)[PS_NIGHT_NAME], int *count, struct ps_error *err)
{
    char *path = ps_format("%s/versions", folder);
    size_t capacity = 0;
    DIR *dir = opendir(path);
    *name = NULL;
    *count = 0;
    if (!dir && errno != ENOENT)
        ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read %s", path);
    int status = dir || errno == ENOENT ? 0 : -PS_EXIT_STORAGE;
    free(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (*entry->d_name == '.' || strlen(entry->d_name) >= PS_NIGHT_NAME)
            continue;
        PS_GROW(*name, capacity, (size_t)*count + 1);
        memcpy((*name)[(*count)++], entry->d_name, strlen(entry->d_name) + 1);
    }
    if (dir)
        closedir(dir);
    if (*count)
        qsort(*name, (size_t)*count, sizeof **name, by_name);
    return status;
}

/* ---- making one ---- */

/* The dataset's files under a second name each: nobody writes to them. */
static int share_dataset(const char *dataset, const char *into, struct ps_error *err)
{
    int status = ps_folder_make(into, err);
    DIR *dir = status ? NULL : opendir(dataset);
    if (!status && !dir)
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read %s", dataset);
    for (struct dirent *entry; dir && !status && (entry = readdir(dir));) {
        if (*entry->d_name == '.')
            continue;
        char *from = ps_format("%s/%s", dataset, entry->d_name), *to = ps_format("%s/%s", into, entry->d_name);
        if (link(from, to) && errno != EEXIST)
            status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot link %s to %s", to, from);
        free(from), free(to);
    }
    if (dir)
        closedir(dir);
    return status ? status : ps_folder_sync(into, err);
}

/* The run's configuration as that of the version, which has the dataset beside it. */
static int settle_config(const char *run, const char *version, struct ps_error *err)
{
    struct ps_config config;
    char *path = ps_format("%s/config.yaml", run), *data = ps_format("%s/dataset", version), *text = NULL;
    int status = ps_config_load(&config, path, NULL, 0, err);
    if (!status && strlen(data) >= sizeof config.data.path)
        status = ps_fail(err, PS_EXIT_USAGE, "the path %s is too long", data);
    if (!status) {
        memset(config.data.path, 0, sizeof config.data.path);
        memset(config.train.warm_start, 0, sizeof config.train.warm_start);
        memcpy(config.data.path, data, strlen(data));
        text = ps_config_write(&config);
        status = ps_file_write(path, text, strlen(text), err);
    }
    free(path), free(data), free(text);
    return status;
}

/* What nftw has no place for. */
static struct {
    FILE *out;
    size_t root; /* bytes of the folder's path and the slash behind it */
    int status;
    struct ps_error *err;
} walk;

static int list_file(const char *path, const struct stat *info, int type, struct FTW *at)
{
    uint64_t bytes, sum;
    if (type == FTW_D || type == FTW_DP) {
        walk.status = ps_folder_sync(path, walk.err);
    } else if (type == FTW_F && strcmp(path + walk.root, "version.yaml")) {
        walk.status = ps_file_sum(path, &bytes, &sum, walk.err);
        fputs("  - {name: ", walk.out);
        ps_sealed_text(walk.out, path + walk.root);
        fprintf(walk.out, ", bytes: %" PRIu64 ", xxh64: \"%016" PRIx64 "\"}\n", bytes, sum);
    }
    return walk.status;
}

/* version.yaml, written last, over all files of the folder. */
static int seal(const char *run, const struct ps_night *night, struct ps_error *err)
{
    struct ps_text sealed;
    char *path = ps_format("%s/version.yaml", run);
    ps_text_open(&sealed);
    fprintf(sealed.out, "# A published version. Not to be edited: the last line is a checksum of the others.\nversion: \"%s\"\nmetric: \"%s\"\n"
            "value: %.10g\nfiles:\n", night->name, night->metric, night->value);
    walk.out = sealed.out, walk.root = strlen(run) + 1, walk.status = 0, walk.err = err;
    if (nftw(run, list_file, 32, FTW_PHYS | FTW_DEPTH) && !walk.status)
        walk.status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot read %s", run);
    char *text = ps_sealed_end(&sealed);
    int status = walk.status ? walk.status : ps_file_write(path, text, sealed.size, err);
    free(text), free(path);
    return status;
}

int ps_version_make(const char *folder, const struct ps_night *night, struct ps_error *err)
{
    char *version = ps_version_path(folder, night->name), *versions = ps_format("%s/versions", folder);
    char *run = ps_night_path(folder, night->name, "run"), *dataset = ps_night_path(folder, night->name, "dataset");
    char *inside = ps_format("%s/dataset", run), *state = ps_format("%s/state", run);
    int status = 0;
    if (!access(version, F_OK))
        goto done;
    status = share_dataset(dataset, inside, err);
    if (!status)
        status = settle_config(run, version, err);
    if (!status)
        status = ps_folder_remove(state, err); /* of its coordinator, which is gone */
    if (!status)
        status = seal(run, night, err);
    if (!status)
        status = ps_folder_make(versions, err);
    if (!status && rename(run, version))
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot rename %s to %s", run, version);
    if (!status)
        status = ps_folder_sync(versions, err);
done:
    free(version), free(versions), free(run), free(dataset), free(inside), free(state);
    return status;
}

/* ---- using one ---- */

static int verify_file(const char *path, const struct ps_yaml *entry, struct ps_reading *r)
{
    char name[PS_CONFIG_PATH], text[17], want[17] = "";
    uint64_t bytes, sum;
    ps_read_text(r, entry, "name", name, sizeof name);
    ps_read_text(r, entry, "xxh64", want, sizeof want);
    uint64_t size = ps_read_whole(r, entry, "bytes", UINT64_MAX);
    if (r->status)
        return r->status;
    char *file = ps_format("%s/%s", path, name);
    r->status = ps_file_sum(file, &bytes, &sum, r->err);
    snprintf(text, sizeof text, "%016" PRIx64, sum);
    if (!r->status && (bytes != size || strcmp(text, want)))
        r->status = ps_fail(r->err, PS_EXIT_DATA, "%s is not what was published; %s", file, ADVICE);
    free(file);
    return r->status;
}

int ps_version_verify(const char *folder, const char *name, struct ps_error *err)
{
    struct ps_yaml *root;
    char *path = ps_version_path(folder, name), *sealed = ps_format("%s/version.yaml", path);
    int status = access(sealed, F_OK) ? ps_fail(err, PS_EXIT_DATA, "there is no version '%s' in %s/versions", name, folder)
                                      : ps_sealed_load(sealed, ADVICE, &root, err);
    if (!status) {
        struct ps_reading r = {.path = sealed, .advice = ADVICE, .err = err};
        const struct ps_yaml *files = ps_read_child(&r, root, "files", PS_YAML_LIST);
        for (int i = 0; files && i < files->count && !r.status; i++)
            verify_file(path, &files->child[i], &r);
        status = r.status;
        ps_yaml_free(root);
    }
    free(path), free(sealed);
    return status;
}

/* One at a time changes production or removes versions: a rollback while a night cleans must not lose what it points at. */
static int take_turn(const char *folder, int *lock, struct ps_error *err)
{
    char *path = ps_format("%s/versions/.lock", folder);
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    int status = *lock < 0 || flock(*lock, LOCK_EX) ? ps_fail_errno(err, PS_EXIT_STORAGE, "cannot lock %s", path) : 0;
    free(path);
    return status;
}

int ps_version_point(const char *folder, const char *name, struct ps_error *err)
{
    char *link = ps_format("%s/production", folder), *temporary = ps_format("%s/.production.tmp", folder);
    char *target = ps_format("versions/%s", name), *version = ps_version_path(folder, name);
    int lock, status = take_turn(folder, &lock, err);
    if (!status && access(version, F_OK))
        status = ps_fail(err, PS_EXIT_DATA, "there is no version '%s' in %s/versions", name, folder);
    if (!status && ((unlink(temporary) && errno != ENOENT) || symlink(target, temporary) || rename(temporary, link)))
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot make the link %s", link);
    if (!status)
        status = ps_folder_sync(folder, err);
    if (lock >= 0)
        close(lock);
    free(link), free(temporary), free(target), free(version);
    return status;
}

/* Under another name first: what is half removed must not look like a version. */
static int remove_version(const char *folder, const char *name, struct ps_error *err)
{
    char *path = ps_version_path(folder, name), *removed = ps_format("%s/versions/.removed", folder);
    int status = ps_folder_remove(removed, err);
    if (!status && rename(path, removed))
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot rename %s", path);
    if (!status)
        status = ps_folder_remove(removed, err);
    free(path), free(removed);
    return status;
}

int ps_version_prune(const char *folder, int keep, struct ps_error *err)
{
    char (*name)[PS_NIGHT_NAME] = NULL, production[PS_NIGHT_NAME];
    int count = 0, lock, status = take_turn(folder, &lock, err);
    if (!status)
        status = ps_version_list(folder, &name, &count, err);
    ps_version_production(folder, production);
    for (int i = 0; name && i < count - keep && !status; i++)
        if (strcmp(name[i], production))
            status = remove_version(folder, name[i], err);
    if (lock >= 0)
        close(lock);
    free(name);
    return status;
}
