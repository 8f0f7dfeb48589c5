/* dataset_files.h - the small dataset whose files the target `dataset` replaces; also what its corpus is made of. */
#ifndef FUZZ_DATASET_FILES_H
#define FUZZ_DATASET_FILES_H

#include <sys/stat.h>

#include "data/prepare.h"
#include "fuzz.h"

static const char *const fuzz_dataset_file[] = {
    "dataset.yaml", "view.offset", "view.item",  "view.time",    "view.count",  "buy.offset",  "buy.item",    "buy.time",
    "buy.count",    "valid.pairs", "test.pairs", "union.offset", "blocks.sums", "users.names", "items.names",
};
enum { FUZZ_DATASET_FILES = PS_COUNT(fuzz_dataset_file) };

static struct {
    char *data; /* never freed */
    size_t size;
} fuzz_dataset_content[FUZZ_DATASET_FILES];

/* Prepares it once: 8 users, 7 items, two behaviours with times, pairs held out. */
static inline void fuzz_dataset_make(void)
{
    char log[512], out[512], text[4096] = "user\titem\tbehaviour\ttime\n";
    struct ps_error err;
    struct ps_prepare_stats stats;
    for (int e = 0; e < 40; e++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "u%d\ti%d\t%s\t%d\n", e * 5 % 8, e * 3 % 7,
                 e % 3 == 2 ? "buy" : "view", 1000 + e);
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
    if (ps_prepare(&options, &stats, &err))
        ps_die(err.code, "%s", err.text);
    for (int f = 0; f < FUZZ_DATASET_FILES; f++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", out, fuzz_dataset_file[f]);
        if (ps_file_read(path, FUZZ_FILE_BYTES, &fuzz_dataset_content[f].data, &fuzz_dataset_content[f].size, &err))
            ps_die(err.code, "%s", err.text);
    }
    ps_folder_remove(out, &err);
}

static inline void fuzz_dataset_write(const char *folder)
{
    if (!fuzz_dataset_content[0].data)
        fuzz_dataset_make();
    mkdir(folder, 0700);
    for (int f = 0; f < FUZZ_DATASET_FILES; f++)
        fuzz_file(folder, fuzz_dataset_file[f],
                  (struct fuzz_input){(uint8_t *)fuzz_dataset_content[f].data, fuzz_dataset_content[f].size},
                  fuzz_dataset_content[f].size);
}

#endif
