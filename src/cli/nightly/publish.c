/* publish.c - penstock publish: which version is production, by hand. */
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/nightly/command.h"
#include "cli/nightly/version.h"

enum { KEY_ROLLBACK = 1000, KEY_VERIFY };

struct arguments {
    struct ps_nightly nightly;
    const char *version;
    bool rollback, verify;
};

static const struct argp_option options[] = {
    {"rollback", KEY_ROLLBACK, NULL, 0, "The version before production; again: the one before that", 0},
    {"verify", KEY_VERIFY, NULL, 0, "Change nothing, and check every byte of VERSION, or of production", 0},
    {0}};

static const char doc[] = "Make another version production, or say which it is.\v"
                          "CONF is the file of 'penstock nightly'. Without a VERSION and an option all versions are listed, production with "
                          "a star. Every byte of a version is checked before it becomes production, which is one rename; a night that runs meanwhile is compared with it.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_ROLLBACK: a->rollback = true; return 0;
    case KEY_VERIFY: a->verify = true; return 0;
    case ARGP_KEY_ARG:
        ps_argument_only(state->arg_num ? &a->version : &a->nightly.file, arg, state->arg_num ? "VERSION" : "CONF", state);
        return 0;
    case ARGP_KEY_END:
        if (!a->nightly.file)
            argp_error(state, "give the file of the nights");
        if (a->rollback && (a->version || a->verify))
            argp_error(state, "--rollback is for the version before production; leave the rest out");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* The newest version that is older than production. */
static int before(const char *folder, const char *production, char name[PS_NIGHT_NAME], struct ps_error *err)
{
    char (*version)[PS_NIGHT_NAME];
    int count, status = ps_version_list(folder, &version, &count, err);
    *name = 0;
    for (int i = 0; i < count && !status; i++)
        if (strcmp(version[i], production) < 0)
            memcpy(name, version[i], PS_NIGHT_NAME);
    free(version);
    if (!status && !*name)
        status = ps_fail(err, PS_EXIT_USAGE, "there is no version before %s; 'penstock publish CONF' lists all",
                         *production ? production : "the first one");
    return status;
}

static int list(const char *folder, const char *production, struct ps_error *err)
{
    char (*version)[PS_NIGHT_NAME];
    int count, status = ps_version_list(folder, &version, &count, err);
    for (int i = 0; i < count && !status; i++)
        printf("%c %s\n", strcmp(version[i], production) ? ' ' : '*', version[i]);
    free(version);
    return status;
}

int cmd_publish(int argc, char **argv)
{
    static struct arguments a;
    struct ps_error err = {0};
    char production[PS_NIGHT_NAME] = "", name[PS_NIGHT_NAME] = "";
    argp_parse(&(struct argp){options, parse, "CONF [VERSION]", doc, NULL, NULL, NULL}, argc, argv, 0, NULL, &a);
    int status = ps_nightly_open(&a.nightly, &err);
    if (!status) {
        ps_version_production(a.nightly.folder, production);
        snprintf(name, sizeof name, "%.31s", a.version ? a.version : a.verify ? production : "");
    }
    if (!status && a.rollback)
        status = before(a.nightly.folder, production, name, &err);
    if (!status && !*name)
        status = list(a.nightly.folder, production, &err);
    if (!status && *name)
        status = ps_version_verify(a.nightly.folder, name, &err);
    if (!status && *name && !a.verify)
        status = ps_version_point(a.nightly.folder, name, &err);
    if (!status && *name)
        printf(a.verify ? "%s is whole\n" : "production is %s\n", name);
    ps_nightly_close(&a.nightly);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : PS_OK;
}
