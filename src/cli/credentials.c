/* credentials.c - the file of a run's keys; see credentials.h. */
#include "cli/credentials.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/yaml.h"

enum { KEY_FILE_LIMIT = 4096 };

char *ps_credentials_path(const char *run)
{
    char *absolute = realpath(run, NULL), *path = ps_format("%s/keys/curve", absolute ? absolute : run);
    free(absolute);
    return path;
}

static bool take(const struct ps_yaml *root, const char *name, char to[PS_CURVE_TEXT])
{
    const struct ps_yaml *node = ps_yaml_get(root, name);
    return node && node->kind == PS_YAML_SCALAR && snprintf(to, PS_CURVE_TEXT, "%s", node->text) == PS_CURVE_TEXT - 1;
}

int ps_credentials_read(const char *path, struct ps_credentials *c, struct ps_error *err)
{
    char *text;
    size_t size;
    struct stat info;
    struct ps_yaml *root;
    int status = ps_file_read(path, KEY_FILE_LIMIT, &text, &size, err);
    if (status)
        return status;
    if (stat(path, &info) == 0 && (info.st_mode & 077))
        status = ps_fail(err, PS_EXIT_USAGE, "the key file %s may be read or written by others (mode %04o); make it yours alone: chmod 600 %s",
                         path, (unsigned)info.st_mode & 07777, path);
    if (!status)
        status = ps_yaml_load_text(text, size, path, PS_EXIT_USAGE, &root, err);
    explicit_bzero(text, size);
    free(text);
    if (status)
        return status;
    if (!take(root, "server_public", c->server_public) || !take(root, "server_secret", c->server_secret) ||
        !take(root, "member_public", c->member_public) || !take(root, "member_secret", c->member_secret))
        status = ps_fail(err, PS_EXIT_USAGE, "%s is no key file; a running job with cluster.security: curve has one in RUN/keys/curve",
                         path);
    ps_yaml_free(root);
    return status;
}

int ps_credentials_provide(const char *path, struct ps_credentials *c, struct ps_error *err)
{
    if (access(path, F_OK) == 0)
        return ps_credentials_read(path, c, err);
    ps_credentials_make(c);
    char *text = ps_format("# Whoever can read this file may join the run.\nserver_public: \"%s\"\nserver_secret: \"%s\"\n"
                           "member_public: \"%s\"\nmember_secret: \"%s\"\n", c->server_public, c->server_secret,
                           c->member_public, c->member_secret);
    int status = ps_file_write_secret(path, text, strlen(text), err);
    explicit_bzero(text, strlen(text));
    free(text);
    return status;
}
