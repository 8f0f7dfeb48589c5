/* file.c - whole files, written by temporary name and rename; see file.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* nftw, O_CLOEXEC */
#endif
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { WRITE_BUFFER = 1 << 20 };

uint64_t ps_hash64(const void *data, size_t size, uint64_t seed)
{
    return XXH64(data, size, seed);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ps_strdup(".");
    char *folder = ps_strdup(path);
    folder[slash == path ? 1 : slash - path] = 0;
    return folder;
}

int ps_folder_open(struct ps_folder *folder, const char *path, struct ps_error *err)
{
    *folder = (struct ps_folder){.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (folder->fd < 0)
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot open the folder %s", path);
    folder->path = ps_strdup(path);
    return 0;
}

void ps_folder_close(struct ps_folder *folder)
{
    if (folder->fd >= 0)
        close(folder->fd);
    free(folder->path);
    *folder = (struct ps_folder){.fd = -1};
}

/* Makes names in the folder durable. */
static int sync_folder(const struct ps_folder *folder, struct ps_error *err)
{
    if (fsync(folder->fd) && errno != EINVAL && errno != EROFS) /* some file systems know no fsync of a folder */
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot make names in the folder %s durable", folder->path);
    return 0;
}

/* All of the bytes, however many calls the system wants; a signal in between is no error. */
static int write_all(struct ps_writer *w, const unsigned char *data, size_t size, struct ps_error *err)
{
    while (size) {
        ssize_t n = write(w->fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write %s/%s", w->folder.path, w->name);
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Takes the folder over, whatever the result. */
static int writer_open(struct ps_writer *w, struct ps_folder folder, const char *name, mode_t mode, struct ps_error *err)
{
    char *temporary = ps_format("%s.tmp", name);
    int fd = openat(folder.fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) {
        int status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot create %s/%s", folder.path, temporary);
        ps_folder_close(&folder);
        free(temporary);
        return status;
    }
    *w = (struct ps_writer){.fd = fd, .folder = folder, .name = ps_strdup(name), .temporary = temporary};
    w->buffer = ps_malloc(WRITE_BUFFER);
    w->hash = XXH64_createState();
    if (!w->hash)
        ps_die(PS_EXIT_FAIL, "out of memory: no state for a checksum");
    XXH64_reset(w->hash, 0);
    return 0;
}

/* A file by its whole path. */
static int writer_open_at(struct ps_writer *w, const char *path, mode_t mode, struct ps_error *err)
{
    struct ps_folder folder;
    const char *slash = strrchr(path, '/');
    char *parent = folder_of(path);
    int status = ps_folder_open(&folder, parent, err);
    free(parent);
    return status ? status : writer_open(w, folder, slash ? slash + 1 : path, mode, err);
}

int ps_writer_open(struct ps_writer *w, const char *path, struct ps_error *err)
{
    return writer_open_at(w, path, 0666, err);
}

int ps_writer_open_in(struct ps_writer *w, const struct ps_folder *folder, const char *name, struct ps_error *err)
{
    struct ps_folder own = {.fd = fcntl(folder->fd, F_DUPFD_CLOEXEC, 0), .path = ps_strdup(folder->path)};
    return writer_open(w, own, name, 0666, err);
}

static int flush(struct ps_writer *w, struct ps_error *err)
{
    int status = write_all(w, w->buffer, w->used, err);
    w->used = 0;
    return status;
}

int ps_writer_put(struct ps_writer *w, const void *data, size_t size, struct ps_error *err)
{
    if (!size)
        return 0;
    XXH64_update(w->hash, data, size);
    w->bytes += size;
    if (size > WRITE_BUFFER - w->used) {
        int status = flush(w, err);
        if (status)
            return status;
    }
    if (size > WRITE_BUFFER)
        return write_all(w, data, size, err);
    memcpy(w->buffer + w->used, data, size);
    w->used += size;
    return 0;
}

uint64_t ps_writer_sum(const struct ps_writer *w)
{
    return XXH64_digest(w->hash);
}

static void writer_free(struct ps_writer *w)
{
    ps_folder_close(&w->folder);
    free(w->name);
    free(w->temporary);
    free(w->buffer);
    XXH64_freeState(w->hash);
    *w = (struct ps_writer){.fd = -1, .folder.fd = -1};
}

void ps_writer_abandon(struct ps_writer *w)
{
    if (!w->temporary)
        return;
    if (w->fd >= 0)
        close(w->fd);
    unlinkat(w->folder.fd, w->temporary, 0);
    writer_free(w);
}

int ps_writer_commit(struct ps_writer *w, struct ps_error *err)
{
    const char *in = w->folder.path;
    int status = flush(w, err);
    if (!status && fsync(w->fd))
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot make %s/%s durable", in, w->name);
    int fd = w->fd;
    w->fd = -1;
    if (close(fd) && !status)
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot close %s/%s", in, w->name);
    if (!status && renameat(w->folder.fd, w->temporary, w->folder.fd, w->name))
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot rename %s/%s to %s", in, w->temporary, w->name);
    if (status) {
        ps_writer_abandon(w);
        return status;
    }
    status = sync_folder(&w->folder, err);
    writer_free(w);
    return status;
}

static int file_write(const char *path, mode_t mode, const void *data, size_t size, struct ps_error *err)
{
    struct ps_writer w;
    int status = writer_open_at(&w, path, mode, err);
    if (status)
        return status;
    status = ps_writer_put(&w, data, size, err);
    if (!status)
        return ps_writer_commit(&w, err);
    ps_writer_abandon(&w);
    return status;
}

int ps_file_write(const char *path, const void *data, size_t size, struct ps_error *err)
{
    return file_write(path, 0666, data, size, err);
}

int ps_file_write_secret(const char *path, const void *data, size_t size, struct ps_error *err)
{
    char *folder = folder_of(path);
    int status = 0;
    if (mkdir(folder, 0700) && (errno != EEXIST || chmod(folder, 0700)))
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot make %s a folder of mode 0700", folder);
    free(folder);
    return status ? status : file_write(path, 0600, data, size, err);
}

void ps_file_remove_secret(const char *path)
{
    char *folder = folder_of(path);
    unlink(path);
    rmdir(folder);
    free(folder);
}

/* Opens for reading and tells the size; only regular files have one that means something. */
static int open_regular(const char *path, int *fd, size_t *size, struct ps_error *err)
{
    struct stat info;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return ps_fail_errno(err, PS_EXIT_DATA, "cannot open %s", path);
    int status = 0;
    if (fstat(*fd, &info))
        status = ps_fail_errno(err, PS_EXIT_DATA, "cannot read %s", path);
    else if (!S_ISREG(info.st_mode))
        status = ps_fail(err, PS_EXIT_DATA, "%s is not a regular file", path);
    if (status)
        close(*fd);
    else
        *size = (size_t)info.st_size;
    return status;
}

int ps_file_read(const char *path, size_t limit, char **data, size_t *size, struct ps_error *err)
{
    int fd;
    size_t length = 0, have = 0;
    int status = open_regular(path, &fd, &length, err);
    if (status)
        return status;
    if (length > limit) {
        close(fd);
        return ps_fail(err, PS_EXIT_DATA, "%s has %zu bytes; at most %zu are expected", path, length, limit);
    }
    char *text = ps_malloc(length + 1);
    while (!status && have < length) {
        ssize_t n = read(fd, text + have, length - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = ps_fail_errno(err, PS_EXIT_DATA, "cannot read %s", path);
        else if (n == 0)
            status = ps_fail(err, PS_EXIT_DATA, "%s became shorter while it was read", path);
        else
            have += (size_t)n;
    }
    close(fd);
    if (status) {
        free(text);
        return status;
    }
    text[length] = 0;
    *data = text;
    *size = length;
    return 0;
}

int ps_file_sum(const char *path, uint64_t *bytes, uint64_t *sum, struct ps_error *err)
{
    int fd;
    size_t size = 0;
    int status = open_regular(path, &fd, &size, err);
    if (status)
        return status;
    XXH64_state_t *hash = XXH64_createState();
    unsigned char *buffer = ps_malloc(WRITE_BUFFER);
    ssize_t n = 0;
    if (!hash)
        ps_die(PS_EXIT_FAIL, "out of memory: no state for a checksum");
    XXH64_reset(hash, 0);
    *bytes = 0;
    while ((n = read(fd, buffer, WRITE_BUFFER)) > 0 || (n < 0 && errno == EINTR)) {
        XXH64_update(hash, buffer, (size_t)PS_MAX(n, 0));
        *bytes += (uint64_t)PS_MAX(n, 0);
    }
    if (n < 0)
        status = ps_fail_errno(err, PS_EXIT_DATA, "cannot read %s", path);
    *sum = XXH64_digest(hash);
    XXH64_freeState(hash);
    free(buffer);
    close(fd);
    return status;
}

int ps_mapping_open(struct ps_mapping *mapping, const char *path, struct ps_error *err)
{
    int fd;
    size_t size = 0;
    int status = open_regular(path, &fd, &size, err);
    if (status)
        return status;
    void *data = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
    if (data == MAP_FAILED)
        status = ps_fail_errno(err, PS_EXIT_DATA, "cannot map %s", path);
    else
        *mapping = (struct ps_mapping){data, size};
    close(fd);
    return status;
}

void ps_mapping_close(struct ps_mapping *mapping)
{
    if (mapping->data)
        munmap((void *)(uintptr_t)mapping->data, mapping->size);
    *mapping = (struct ps_mapping){0};
}

int ps_folder_make(const char *path, struct ps_error *err)
{
    char *part = ps_strdup(path);
    int status = 0;
    for (char *end = part + 1; !status && *part; end++) {
        char c = *end;
        if (c && c != '/')
            continue;
        *end = 0;
        struct stat info;
        if (mkdir(part, 0777) && (errno != EEXIST || (stat(part, &info) == 0 && !S_ISDIR(info.st_mode))))
            status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot make the folder %s", part);
        *end = c;
        if (!c)
            break;
    }
    free(part);
    return status;
}

int ps_folder_sync(const char *path, struct ps_error *err)
{
    struct ps_folder folder;
    int status = ps_folder_open(&folder, path, err);
    if (status)
        return status;
    status = sync_folder(&folder, err);
    ps_folder_close(&folder);
    return status;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    return remove(path);
}

int ps_folder_remove(const char *path, struct ps_error *err)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT && errno != ENOTDIR)
        return ps_fail_errno(err, PS_EXIT_STORAGE, "cannot remove %s", path);
    return 0;
}
