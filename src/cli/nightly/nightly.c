/* nightly.c - penstock nightly: the command; a night's stages are in work.c, logs.c and models.c. */
#include "cli/nightly/nightly.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/nightly/command.h"
#include "common/file.h"

enum { KEY_COLD = 1000, KEY_ANEW, KEY_ACCEPT, KEY_ABANDON, KEY_KEYS };

struct arguments {
    struct ps_nightly nightly;
    bool abandon, keys;
};

static const struct argp_option options[] = {
    {"cold", KEY_COLD, NULL, 0, "Begin tonight's training with initial values, after a change of the model's settings", 0},
    {"anew", KEY_ANEW, NULL, 0, "The same, and compare with no production: after a change of the behaviours", 0},
    {"accept-log", KEY_ACCEPT, NULL, 0, "Train on tonight's log whatever the gate says of it; the model's checks stay", 0},
    {"abandon", KEY_ABANDON, NULL, 0, "Give up the unfinished night; its log stays with those of the nights before", 0},
    {"keys", KEY_KEYS, NULL, 0, "Print all keys of CONF with their defaults: conf/nightly.yaml", 0},
    {0}};

static const char doc[] =
    "Retrain on what is new, and publish the model if it is good enough.\v"
    "CONF is a file as conf/nightly.yaml (docs/nightly.md). Logs are taken from NIGHTLY/inbox and held against those of the nights before; a "
    "dataset is prepared in which all earlier names keep their ids; a model is trained, cold or from production's, and compared with production "
    "on the same split; if the gate lets it pass, NIGHTLY/production points at it, by one rename. A start after an interruption, of whatever "
    "kind, goes on with that night first.\n\n"
    "Exit codes: 0 published, 8 another process works there, 9 refused by the gate (production is as it was), 10 nothing new in the inbox, "
    "7 interrupted; others as in docs/cluster.md.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_COLD: a->nightly.cold = true; return 0;
    case KEY_ANEW: a->nightly.anew = true; return 0;
    case KEY_ACCEPT: a->nightly.accept_log = true; return 0;
    case KEY_ABANDON: a->abandon = true; return 0;
    case KEY_KEYS: a->keys = true; return 0;
    case ARGP_KEY_ARG:
        ps_argument_only(&a->nightly.file, arg, "CONF", state);
        return 0;
    case ARGP_KEY_END:
        if (!a->nightly.file && !a->keys)
            argp_error(state, "give the file of the nights, as conf/nightly.yaml");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* What only the end of the night would find otherwise. */
static int check_training(const struct ps_nightly_settings *s, struct ps_error *err)
{
    static const char *const override[] = {"data.path=tonight"};
    struct ps_config config;
    int status = ps_config_load(&config, s->nightly.train, override, 1, err);
    bool has_k = false;
    for (int i = 0; !status && i < config.eval.k_count; i++)
        has_k |= config.eval.k[i] == s->gate.k;
    if (!status && !has_k)
        status = ps_fail(err, PS_EXIT_USAGE, "%s: eval.k has no %d, which gate.metric is measured at; add it", s->nightly.train, s->gate.k);
    if (!status && s->gate.above != PS_ABOVE_NONE && !config.eval.floors)
        status = ps_fail(err, PS_EXIT_USAGE, "%s: eval.floors is off, and gate.above compares with them; switch it on, or set gate.above: none",
                         s->nightly.train);
    return status;
}

int ps_nightly_open(struct ps_nightly *n, struct ps_error *err)
{
    int status = ps_nightly_load(&n->settings, n->file, err);
    if (!status && !(n->folder = realpath(n->settings.nightly.folder, NULL)))
        status = ps_fail_errno(err, PS_EXIT_DATA, "cannot read %s, which nightly.folder of %s names", n->settings.nightly.folder, n->file);
    return status;
}

static int make_folders(const struct ps_nightly_settings *settings, struct ps_error *err)
{
    static const char *const inner[] = {"inbox", "taken", "nights", "versions"};
    int status = 0;
    for (size_t i = 0; i < PS_COUNT(inner) && !status; i++) {
        char *path = ps_format("%s/%s", settings->nightly.folder, inner[i]);
        status = ps_folder_make(path, err);
        free(path);
    }
    return status;
}

void ps_nightly_close(struct ps_nightly *n)
{
    free(n->folder), free(n->night);
}

/* The verdict in one line. */
static int conclude(const struct ps_night *night)
{
    printf("%s %s", night->name, ps_night_outcomes[night->outcome]);
    if (night->outcome == PS_NIGHT_PUBLISHED) {
        printf(": %s %.4f", night->metric, night->value);
        if (*night->against)
            printf(" (production had %.4f)", night->production);
    }
    printf("%s%s\n", *night->why ? ": " : "", night->why);
    return night->outcome == PS_NIGHT_PUBLISHED ? PS_OK : PS_EXIT_REFUSED;
}

/* A log that the gate has not let pass must not be trained on. */
static int abandon(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err)
{
    if (night->stage >= PS_NIGHT_PUBLISH)
        return 0;
    int status = night->stage > PS_NIGHT_EXAMINE ? 0 : ps_nightly_put_aside(n, night, err);
    night->outcome = PS_NIGHT_ABANDONED;
    night->stage = PS_NIGHT_CLEAN;
    return status;
}

/* Goes on with the unfinished night, if there is one, and then begins tonight's, if there is a log. *code is the last one's verdict. */
static int run_nights(struct arguments *a, int *code, struct ps_error *err)
{
    struct ps_nightly *n = &a->nightly;
    int status = ps_nights_list(n->folder, &n->night, &n->nights, err);
    bool any = false;
    *code = PS_EXIT_NOTHING;
    if (!status && n->nights && n->night[n->nights - 1].stage != PS_NIGHT_DONE) {
        struct ps_night *night = &n->night[n->nights - 1];
        if (a->abandon)
            status = abandon(n, night, err);
        if (!status)
            status = ps_nightly_work(n, night, err);
        if (!status)
            *code = conclude(night);
    }
    if (!status)
        status = ps_nightly_arrived(n, &any, err);
    if (status || !any)
        return status;
    n->night = ps_realloc(n->night, (size_t)n->nights + 1, sizeof *n->night);
    status = ps_night_begin(n->folder, n->night, n->nights, &n->night[n->nights], err);
    if (!status)
        status = ps_nightly_work(n, &n->night[n->nights++], err);
    if (!status)
        *code = conclude(&n->night[n->nights - 1]);
    return status;
}

int cmd_nightly(int argc, char **argv)
{
    static struct arguments a;
    struct ps_error err = {0};
    int lock = -1, code = PS_OK;
    argp_parse(&(struct argp){options, parse, "CONF", doc, NULL, NULL, NULL}, argc, argv, 0, NULL, &a);
    if (a.keys) {
        char *text = ps_nightly_reference();
        fputs(text, stdout);
        free(text);
        return PS_OK;
    }
    int status = ps_nightly_load(&a.nightly.settings, a.nightly.file, &err);
    if (!status)
        status = make_folders(&a.nightly.settings, &err);
    if (!status)
        status = ps_nightly_open(&a.nightly, &err);
    if (!status)
        status = check_training(&a.nightly.settings, &err);
    ps_children_prepare();
    if (!status)
        status = ps_children_lock(a.nightly.folder, &lock, &err);
    if (!status)
        status = run_nights(&a, &code, &err);
    if (!status && code == PS_EXIT_NOTHING)
        fprintf(stderr, "penstock: nothing new in %s/inbox, so no night was begun\n", a.nightly.folder);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    ps_nightly_close(&a.nightly);
    if (lock >= 0)
        close(lock);
    return status ? err.code : code;
}
