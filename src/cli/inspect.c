/* inspect.c - penstock inspect: what a dataset, a checkpoint or a run holds, and whether every byte of it is right. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/inspect_dataset.h"
#include "cli/run.h"
#include "common/file.h"
#include "server/checkpoint.h"

enum { KEY_VERIFY = 1000, KEY_DIGEST, KEY_CASES };

struct arguments {
    const char *path;
    bool verify, digest;
    enum ps_split cases; /* 0: what the dataset holds */
};

static const struct argp_option options[] = {
    {"verify", KEY_VERIFY, NULL, 0, "Check every byte against its checksums", 0},
    {"digest", KEY_DIGEST, NULL, 0, "Print only the digest of a checkpoint: the same for the same state, however many servers "
     "wrote it", 0},
    {"cases", KEY_CASES, "valid|test", 0, "Print the held-out cases of a dataset of sessions, one a line", 0},
    {0}};

static const char doc[] = "Show what a dataset, a checkpoint or a run holds.\v"
                          "PATH is a folder made by 'penstock prepare', a folder below RUN/checkpoints, or a RUN (then its last "
                          "checkpoint is shown).";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_VERIFY: a->verify = true; return 0;
    case KEY_DIGEST: a->digest = true; return 0;
    case KEY_CASES: a->cases = ps_argument_split(arg, state); return 0;
    case ARGP_KEY_ARG:
        ps_argument_only(&a->path, arg, "PATH", state);
        return 0;
    case ARGP_KEY_END:
        if (!a->path)
            argp_error(state, "give the folder of a dataset, a checkpoint or a run");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int inspect_checkpoint(const struct arguments *a, const char *path, struct ps_error *err)
{
    struct ps_checkpoint c;
    uint64_t digest;
    int status;
    if (a->digest) {
        status = ps_checkpoint_digest(path, &digest, err);
        if (!status)
            printf("%016llx\n", (unsigned long long)digest);
        return status;
    }
    status = ps_checkpoint_open(&c, path, err);
    if (status)
        return status;
    if (a->verify)
        status = ps_checkpoint_verify(&c, err);
    if (!status)
        status = ps_checkpoint_digest(path, &digest, err);
    if (!status) {
        const struct ps_manifest *m = &c.manifest;
        uint64_t stored[PS_MAX_TABLES] = {0}, bytes = 0;
        for (uint32_t i = 0; !status && i < PS_SLOTS * m->tables; i++) {
            struct ps_segment s;
            status = ps_checkpoint_segment(&c, i / m->tables, i % m->tables, &s, err);
            if (!status)
                stored[s.table] += s.rows;
        }
        for (uint32_t i = 0; i < m->files; i++)
            bytes += m->file[i].bytes;
        printf("checkpoint %s\n  %s epoch %u, %s, seed %llu, BLAS kernel %s, %u lanes\n  written by %u servers, %.1f MB, digest %016llx\n",
               path, m->complete ? "end of" : "within", m->epoch, m->mode == PS_SYNC ? "sync" : m->mode == PS_ASYNC ? "async" : "bounded",
               (unsigned long long)m->seed, m->blas, m->lanes, m->files, 1e-6 * (double)bytes,
               (unsigned long long)digest);
        if (*m->parent)
            printf("  rows that have changed since %s, upon which it builds\n", m->parent);
        if (m->best_epoch)
            printf("  validation %s %.4f, best %.4f in epoch %u\n", m->metric, m->value, m->best, m->best_epoch);
        printf("  %-24s %12s %12s %8s\n", "table", "rows", "stored", "width");
        for (uint32_t t = 0; t < m->tables; t++)
            printf("  %-24s %12llu %12llu %8u\n", m->table[t].name, (unsigned long long)m->table[t].rows,
                   (unsigned long long)stored[t], m->table[t].width);
        if (a->verify)
            printf("  every byte is as it was written\n");
    }
    ps_checkpoint_close(&c);
    return status;
}

static int inspect_run(const struct arguments *a, struct ps_error *err)
{
    char *last = ps_run_checkpoint(a->path, "last"), *metrics = ps_format("%s/metrics.json", a->path), *text;
    size_t size;
    struct ps_config config;
    int status = ps_run_config(a->path, NULL, 0, &config, err);
    if (!status && !a->digest)
        printf("run %s: model %s on %s\n", a->path, config.model.name, config.data.path);
    if (!status && !access(last, F_OK))
        status = inspect_checkpoint(a, last, err);
    else if (!status && !a->digest)
        printf("no checkpoint yet\n");
    if (!status && !a->digest && !access(metrics, F_OK)) {
        status = ps_file_read(metrics, 64 << 20, &text, &size, err);
        if (!status) {
            fputs(text, stdout);
            free(text);
        }
    }
    free(last);
    free(metrics);
    return status;
}

static bool holds(const char *folder, const char *name)
{
    char *path = ps_format("%s/%s", folder, name);
    bool found = !access(path, F_OK);
    free(path);
    return found;
}

int cmd_inspect(int argc, char **argv)
{
    struct arguments a = {0};
    const struct argp argp = {options, parse, "PATH", doc, NULL, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    struct ps_error err = {0};
    int status;
    if (holds(a.path, "dataset.yaml"))
        status = a.digest ? ps_fail(&err, PS_EXIT_USAGE, "--digest is for checkpoints; %s is a dataset", a.path)
                 : a.cases ? ps_inspect_cases(a.path, a.cases, &err)
                           : ps_inspect_dataset(a.path, a.verify, &err);
    else if (holds(a.path, "config.yaml"))
        status = inspect_run(&a, &err);
    else if (holds(a.path, PS_MANIFEST_NAME))
        status = inspect_checkpoint(&a, a.path, &err);
    else
        status = ps_fail(&err, PS_EXIT_DATA, "%s is no dataset (dataset.yaml), no checkpoint (%s) and no run (config.yaml)",
                         a.path, PS_MANIFEST_NAME);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : 0;
}
