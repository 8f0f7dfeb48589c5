/* file.h - files that are either whole or absent: writing through a temporary name with checksums and fsync, reading
 * and mapping whole files, folders. The only place that knows xxhash.h.
 *
 * Errors name the file and the system's reason; a full disk, a quota and an I/O error have PS_EXIT_STORAGE.
 */
#ifndef PS_COMMON_FILE_H
#define PS_COMMON_FILE_H

#include "common/base.h"

/* XXH64 of a block of bytes. */
uint64_t ps_hash64(const void *data, size_t size, uint64_t seed);

/* A folder that is held open, for what is to be put into this very folder later: where it has been removed that fails, also when
 * another folder has its name by then. */
struct ps_folder {
    int fd;     /* -1: it is not open */
    char *path; /* owned */
};

int ps_folder_open(struct ps_folder *folder, const char *path, struct ps_error *err);
/* Harmless on {-1, NULL}. */
void ps_folder_close(struct ps_folder *folder);

/* A file being written under the name PATH.tmp: buffered, with a running XXH64 over everything put into it. It gets its
 * real name in ps_writer_commit and in no other way, and stays in the folder that it was begun in. */
struct ps_writer {
    int fd;
    struct ps_folder folder; /* owned */
    char *name, *temporary;  /* owned: in the folder */
    unsigned char *buffer;  /* owned */
    size_t used;
    uint64_t bytes; /* put so far */
    void *hash;     /* owned */
};

int ps_writer_open(struct ps_writer *writer, const char *path, struct ps_error *err);
/* The same for a name in a folder. */
int ps_writer_open_in(struct ps_writer *writer, const struct ps_folder *folder, const char *name, struct ps_error *err);
int ps_writer_put(struct ps_writer *writer, const void *data, size_t size, struct ps_error *err);
/* XXH64 of everything put so far. */
uint64_t ps_writer_sum(const struct ps_writer *writer);
/* Writes out, fsyncs, renames, fsyncs the folder. The writer is closed, whatever the result; on an error the temporary
 * file is removed. */
int ps_writer_commit(struct ps_writer *writer, struct ps_error *err);
/* Closes and removes the temporary file. Harmless on a writer that is closed already. */
void ps_writer_abandon(struct ps_writer *writer);

/* A whole file in one go, by the same way. */
int ps_file_write(const char *path, const void *data, size_t size, struct ps_error *err);
/* The same for a secret: with mode 0600 in a folder of mode 0700, which is made where it is absent. */
int ps_file_write_secret(const char *path, const void *data, size_t size, struct ps_error *err);
/* Removes it and, unless there are others in it, its folder. */
void ps_file_remove_secret(const char *path);
/* The whole file, with a NUL behind it that *size does not count; the caller frees it. A file larger than `limit` is an
 * error, and so is one that cannot be read (PS_EXIT_DATA). */
int ps_file_read(const char *path, size_t limit, char **data, size_t *size, struct ps_error *err);

/* Size and XXH64 of a file, read in pieces (PS_EXIT_DATA where it cannot be read). */
int ps_file_sum(const char *path, uint64_t *bytes, uint64_t *sum, struct ps_error *err);

/* A read-only view of a file: page cache, no memory of the process's own. */
struct ps_mapping {
    const unsigned char *data; /* owned; NULL for an empty file */
    size_t size;
};
int ps_mapping_open(struct ps_mapping *mapping, const char *path, struct ps_error *err);
void ps_mapping_close(struct ps_mapping *mapping);

/* Makes the folder and the ones above it; one that exists is fine. */
int ps_folder_make(const char *path, struct ps_error *err);
/* Makes names in the folder durable (after rename, link or unlink). */
int ps_folder_sync(const char *path, struct ps_error *err);
/* Removes a folder tree that the run made; symbolic links are removed, never followed. One that is absent is fine. */
int ps_folder_remove(const char *path, struct ps_error *err);

#endif
