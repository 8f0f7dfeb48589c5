/* dataset_files.h - the small datasets whose files the targets `dataset` and `sessions` replace; also what their corpora are made of. */
#ifndef FUZZ_DATASET_FILES_H
#define FUZZ_DATASET_FILES_H

#include <sys/stat.h>

#include "common/yaml.h"
#include "data/prepare.h"
#include "fuzz.h"

enum fuzz_dataset_kind { FUZZ_INTERACTIONS, FUZZ_SESSIONS, FUZZ_DATASETS };
enum { FUZZ_DATASET_FILES = 20 };

static const char *const fuzz_dataset_file[FUZZ_DATASETS][FUZZ_DATASET_FILES] = {
    {"dataset.yaml", "view.offset", "view.item", "view.time", "view.count", "buy.offset", "buy.item", "buy.time", "buy.count",
     "valid.pairs", "test.pairs", "union.offset", "blocks.sums", "users.names", "items.names"},
    {"dataset.yaml", "session.offset", "event.item", "event.operation", "event.time", "event.feedback", "session.visitor",
     "session.first", "session.targets", "session.cases", "event.count", "valid.pairs", "test.pairs", "blocks.sums", "users.names",
     "items.names", "visitors.names"}};

static struct {
    char *data; /* never freed */
    size_t size;
} fuzz_dataset_content[FUZZ_DATASETS][FUZZ_DATASET_FILES];

static inline int fuzz_dataset_files(enum fuzz_dataset_kind kind)
{
    int files = 0;
    while (files < FUZZ_DATASET_FILES && fuzz_dataset_file[kind][files])
        files++;
    return files;
}

/* Prepares it once: 8 users, 7 items, two behaviours with times, pairs held out; or 8 sessions of four users with everything that a
 * session can have. */
static inline void fuzz_dataset_make(enum fuzz_dataset_kind kind)
{
    char log[512], out[512], text[4096] = "user\titem\tbehaviour\ttime\tsession\tstep\tlike\n";
    struct ps_error err;
    struct ps_prepare_stats stats;
    for (int e = 0; e < 40; e++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "u%d\ti%d\t%s\t%d\ts%d\t%d\t%d\n", e * 5 % (kind ? 4 : 8), e * 3 % 7,
                 e % 3 == 2 ? "buy" : "view", 1000 + e, e % 8, e % 5 > 0, e % 2);
    snprintf(log, sizeof log, "%s/log", fuzz_folder());
    snprintf(out, sizeof out, "%s/base", fuzz_folder());
    fuzz_file(fuzz_folder(), "log", (struct fuzz_input){(uint8_t *)text, strlen(text)}, strlen(text));
    struct ps_prepare_input input = {log, PS_ANY_BEHAVIOUR};
    struct ps_prepare_options options = {.out = out,
                                         .input = &input,
                                         .inputs = 1,
                                         .rules = {.behaviours = 2, .keep_targets = 1, .seed = 1, .valid = PS_HOLDOUT_LAST_TIME,
                                                   .test = PS_HOLDOUT_LAST_TIME},
                                         .behaviour = {"view", "buy"},
                                         .id_seed = 1,
                                         .memory = 16 << 20,
                                         .quiet = true};
    if (kind == FUZZ_SESSIONS) {
        options.rules = (struct ps_split_rules){0};
        options.format.rows = PS_ROWS_SESSIONS;
        options.format.column[PS_COLUMN_STEP] = "step";
        options.format.column[PS_COLUMN_FEEDBACK] = "like";
        options.sessions = (struct ps_session_rules){.enabled = true, .min_length = 2, .min_item_count = 1, .test = PS_TEST_FROM,
                                                     .from_fraction = true, .from = 0.3, .valid = 0.3, .feedbacks = 1, .feedback = {"like"}};
    }
    if (ps_prepare(&options, &stats, &err))
        ps_die(err.code, "%s", err.text);
    for (int f = 0; f < fuzz_dataset_files(kind); f++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", out, fuzz_dataset_file[kind][f]);
        if (ps_file_read(path, FUZZ_FILE_BYTES, &fuzz_dataset_content[kind][f].data, &fuzz_dataset_content[kind][f].size, &err))
            ps_die(err.code, "%s", err.text);
    }
    ps_folder_remove(out, &err);
}

static inline void fuzz_dataset_write(const char *folder, enum fuzz_dataset_kind kind)
{
    if (!fuzz_dataset_content[kind][0].data)
        fuzz_dataset_make(kind);
    mkdir(folder, 0700);
    for (int f = 0; f < fuzz_dataset_files(kind); f++)
        fuzz_file(folder, fuzz_dataset_file[kind][f],
                  (struct fuzz_input){(uint8_t *)fuzz_dataset_content[kind][f].data, fuzz_dataset_content[kind][f].size},
                  fuzz_dataset_content[kind][f].size);
}

/* Files get the sizes that dataset.yaml gives them. */
static inline void fuzz_dataset_resize(const char *folder)
{
    struct ps_yaml *root;
    struct ps_error err;
    char *path = ps_format("%s/dataset.yaml", folder);
    int status = ps_yaml_load(path, PS_EXIT_DATA, &root, &err);
    free(path);
    if (status)
        return;
    const struct ps_yaml *files = ps_yaml_get(root, "files");
    for (int i = 0; files && i < files->count; i++) {
        const char *name = files->child[i].key;
        const struct ps_yaml *bytes = ps_yaml_get(&files->child[i], "bytes");
        uint64_t size = bytes && bytes->text ? strtoull(bytes->text, NULL, 10) : UINT64_MAX;
        if (!name || strchr(name, '/') || size > FUZZ_FILE_BYTES)
            continue;
        path = ps_format("%s/%s", folder, name);
        if (strcmp(name, "dataset.yaml") && access(path, F_OK) == 0 && truncate(path, (off_t)size))
            abort();
        free(path);
    }
    ps_yaml_free(root);
}

/* A dataset of this kind with parts of the input in the place of its files, each with the file's number before it. */
static inline char *fuzz_dataset_replace(struct fuzz_input in, enum fuzz_dataset_kind kind)
{
    char *folder = ps_format("%s/%s", fuzz_folder(), kind == FUZZ_SESSIONS ? "sessions" : "dataset");
    fuzz_dataset_write(folder, kind);
    while (in.size) {
        const char *name = fuzz_dataset_file[kind][fuzz_byte(&in) % fuzz_dataset_files(kind)];
        struct fuzz_input part = fuzz_part(&in);
        fuzz_file(folder, name, part, part.size);
    }
    fuzz_dataset_resize(folder);
    return folder;
}

#endif
