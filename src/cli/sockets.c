/* sockets.c - RUN/state/sockets and what it points at; see sockets.h. */
#include "cli/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/net.h"

#define NAME "/penstock-" /* and eight digits: a socket's whole path has at most 107 letters */

enum { ATTEMPTS = 10, PATH_SIZE = 128 };

static char *link_path(const char *state)
{
    return ps_format("%s/sockets", state);
}

/* What the link names, where that is a folder of this kind. */
static bool read_link(const char *link, char folder[PATH_SIZE])
{
    ssize_t length = readlink(link, folder, PATH_SIZE - 1);
    folder[PS_MAX(length, 0)] = 0;
    const char *name = strrchr(folder, '/');
    return name && !strncmp(name, NAME, strlen(NAME));
}

/* Makes the folder; one that is there must be ours alone. */
static bool have(const char *folder)
{
    struct stat info;
    if (!mkdir(folder, 0700))
        return true;
    int reason = errno;
    bool ours = reason == EEXIST && !lstat(folder, &info) && S_ISDIR(info.st_mode) && info.st_uid == geteuid() && !(info.st_mode & 077);
    errno = reason;
    return ours;
}

int ps_sockets_make(const char *state, char **folder, struct ps_error *err)
{
    const char *base = getenv("TMPDIR");
    char path[PATH_SIZE], *link = link_path(state);
    bool made = read_link(link, path) && have(path);
    errno = EEXIST;
    for (int i = 0; !made && errno == EEXIST && i < ATTEMPTS; i++) {
        snprintf(path, sizeof path, "%s" NAME "%08x", base && strlen(base) < 60 ? base : "/tmp", (unsigned)(ps_net_incarnation() >> 32));
        made = (!unlink(link) || errno == ENOENT) && !symlink(path, link) && have(path);
    }
    if (made)
        *folder = ps_strdup(path);
    int status = made ? 0 : ps_fail_errno(err, PS_EXIT_STORAGE, "cannot make a folder for sockets at %s, named by %s", path, link);
    free(link);
    return status;
}

void ps_sockets_remove(const char *state)
{
    struct ps_error ignored;
    char folder[PATH_SIZE], *link = link_path(state);
    if (read_link(link, folder))
        ps_folder_remove(folder, &ignored);
    unlink(link);
    free(link);
}
