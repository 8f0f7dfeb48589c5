/* recommend.c - penstock recommend: the best items of users, as TSV with original ids. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/lists.h"
#include "cli/offline.h"
#include "common/file.h"
#include "data/given.h"

enum { KEY_USERS = 1000, KEY_SESSIONS, KEY_OUT, MAX_NAMED = 4096 };

struct arguments {
    struct ps_of_run of;
    const char *users, *sessions, *out;
    const char *named[MAX_NAMED];
    int named_count, k;
};

static const struct argp_option options[] = {
    {"topk", 'k', "K", 0, "Items a user (default 10, at most 1000)", 0},
    {"mask", 'm', "MASK", 0, "none, target or any: which of the user's training items are left out (default: the run's eval.mask)",
     0},
    {"user", 'u', "NAME", 0, "Only this user; may be given again", 0},
    {"users", KEY_USERS, "FILE", 0, "Only the users named in FILE, one a line", 0},
    {"sessions", KEY_SESSIONS, "FILE", 0, "What comes next in the sessions of FILE ('-': the standard input), a session a line: its items, "
     "oldest first, parted by blanks; ITEM:OPERATION where the dataset has operations", 0},
    {"out", KEY_OUT, "FILE", 0, "Where to write (default: RUN/export/top-K.tsv; '-': the standard output)", 0},
    {0}};

static const char doc[] = "Write the best items of users, as TSV: user, rank, item, score.\v"
                          "All users of the dataset, unless some are named; a name that it does not know has the popular items, and so has a user without "
                          "a row (docs/models.md). In a dataset of sessions users are its held-out cases, named SESSION/POSITION; with "
                          "--sessions the first column is the number of the line in FILE, and items that the dataset does not know are passed "
                          "over. Scores are comparable within a user only.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->of; return 0;
    case 'k': a->k = ps_argument_number("--topk", arg, 1, PS_TOP_MAX, state); return 0;
    case 'm': ps_of_run_set(&a->of, "eval.mask", arg, state); return 0;
    case 'u':
        if (a->named_count == MAX_NAMED)
            argp_error(state, "more than %d --user; use --users FILE", MAX_NAMED);
        a->named[a->named_count++] = arg;
        return 0;
    case KEY_USERS: a->users = arg; return 0;
    case KEY_SESSIONS: a->sessions = arg; return 0;
    case KEY_OUT: a->out = arg; return 0;
    case ARGP_KEY_END:
        if (a->sessions && (a->users || a->named_count))
            argp_error(state, "give --sessions, or users");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* The users asked for, by dense id; all of them where none is named. */
struct selection {
    uint32_t *user; /* owned; NULL: all */
    size_t count, capacity;
    char **unknown; /* owned, as each: names that the dataset does not know */
    size_t unknowns, unknown_capacity;
};

static void selection_fini(struct selection *s)
{
    for (size_t i = 0; i < s->unknowns; i++)
        free(s->unknown[i]);
    free(s->unknown);
    free(s->user);
}

static int select_name(const struct ps_dataset *dataset, const char *name, size_t length, struct selection *s,
                       struct ps_error *err)
{
    uint64_t id;
    PS_GROW(s->user, s->capacity, s->count + 1);
    if (!ps_dataset_find(dataset, PS_USERS, name, length, &id)) {
        if (dataset->sessions.count)
            return ps_fail(err, PS_EXIT_DATA, "there is no case '%.*s' in %s", (int)length, name, dataset->path);
        PS_GROW(s->unknown, s->unknown_capacity, s->unknowns + 1);
        s->unknown[s->unknowns++] = ps_format("%.*s", (int)length, name);
        return 0;
    }
    s->user[s->count++] = (uint32_t)id;
    return 0;
}

static int select_users(const struct arguments *a, const struct ps_dataset *dataset, struct selection *s,
                        struct ps_error *err)
{
    int status = 0;
    for (int i = 0; !status && i < a->named_count; i++)
        status = select_name(dataset, a->named[i], strlen(a->named[i]), s, err);
    if (!status && a->users) {
        FILE *file = fopen(a->users, "re");
        if (!file)
            return ps_fail_errno(err, PS_EXIT_DATA, "cannot read %s", a->users);
        char *line = NULL;
        size_t size = 0;
        while (!status && getline(&line, &size, file) >= 0) {
            size_t length = strcspn(line, "\r\n");
            if (length)
                status = select_name(dataset, line, length, s, err);
        }
        free(line);
        fclose(file);
        if (!status && !s->count && !s->unknowns)
            status = ps_fail(err, PS_EXIT_DATA, "%s names no user", a->users);
    }
    if (!status && !s->user)
        s->count = dataset->users;
    if (!status && s->unknowns)
        ps_warn("users that are not in %s have the popular items: %zu of those named, '%s' the first of them", dataset->path, s->unknowns,
                s->unknown[0]);
    return status;
}

/* Reads --sessions, and makes them the dataset's cases. */
static int read_sessions(const struct arguments *a, struct ps_dataset *dataset, struct ps_given *given, struct ps_error *err)
{
    bool standard = !strcmp(a->sessions, "-");
    if (!dataset->sessions.count)
        return ps_fail(err, PS_EXIT_USAGE, "--sessions is for models of sessions, but %s has interactions", dataset->path);
    FILE *file = standard ? stdin : fopen(a->sessions, "re");
    if (!file)
        return ps_fail_errno(err, PS_EXIT_DATA, "cannot read %s", a->sessions);
    int status = ps_given_read(given, dataset, file, standard ? "the standard input" : a->sessions, err);
    if (!standard)
        fclose(file);
    if (!status && given->unknown)
        ps_warn("%llu events are of items that the dataset does not know, and were passed over%s", (unsigned long long)given->unknown,
                given->empty ? "; sessions of nothing else have no list" : "");
    if (!status)
        ps_given_show(given, dataset);
    return status;
}

int cmd_recommend(int argc, char **argv)
{
    static struct arguments a = {.k = 10};
    const struct argp argp = {options, parse, "RUN", doc, ps_of_run_settings_child, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);

    struct ps_error err = {0};
    struct ps_offline offline;
    struct selection selection = {0};
    struct ps_given given = {0};
    bool standard = a.out && !strcmp(a.out, "-");
    char *path = a.out ? ps_strdup(a.out) : ps_format("%s/export/top-%d.tsv", a.of.run, a.k);
    char *temporary = ps_format("%s.tmp", path);
    FILE *to = NULL;
    int status = ps_offline_open(&offline, a.of.run, a.of.checkpoint, a.of.override, a.of.overrides, &err);
    bool opened = !status;
    if (!status && a.sessions)
        status = read_sessions(&a, &offline.dataset, &given, &err);
    if (!status)
        status = select_users(&a, &offline.dataset, &selection, &err);
    if (!status) {
        to = standard ? stdout : fopen(temporary, "we");
        if (!to)
            status = ps_fail_errno(&err, PS_EXIT_STORAGE, "cannot write %s", temporary);
    }
    if (!status)
        status = ps_lists_write(&offline, &(struct ps_listed){selection.user, selection.count, selection.unknown, selection.unknowns, &given}, a.k, to, &err);
    if (to && !standard) {
        bool failed = ferror(to) != 0;
        failed |= fclose(to) != 0;
        if (!status && (failed || rename(temporary, path)))
            status = ps_fail_errno(&err, PS_EXIT_STORAGE, "cannot write %s", path);
        if (status)
            remove(temporary);
        else
            fprintf(stderr, "%s\n", path);
    }
    if (opened)
        ps_offline_close(&offline);
    ps_given_fini(&given);
    selection_fini(&selection);
    free(path), free(temporary);
    ps_of_run_fini(&a.of);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : 0;
}
