/* result.h - a split ranked by some models under one protocol, and the file that keeps it: RUN/ranks/SPLIT.ranks.
 *
 * What is kept are ranks, which any K, any rule of ties, intervals and comparisons can be made of without ranking again. The file
 * (little-endian): struct header of result.c, the models' names, the configuration as YAML, then columns of u32: user, history,
 * candidates and seen of every target, greater and equal by model; with lists, by model f32 novelty and u16 places by item; at
 * last XXH64 of everything before.
 */
#ifndef PS_CLI_RESULT_H
#define PS_CLI_RESULT_H

#include "common/metrics.h"
#include "data/dataset.h"

enum { PS_RESULT_MODELS = 8 };

struct ps_result {
    enum ps_split split;
    uint64_t dataset;                   /* fingerprint */
    uint64_t held_out;                  /* pairs of the split; fewer are ranked where eval.users says so */
    uint32_t behaviours;
    bool sessions;                      /* targets are next items; a user is a case */
    char target[32];                    /* name of the target behaviour */
    struct ps_config config;            /* eval.mask is the one in force */
    int models;
    char model[PS_RESULT_MODELS][PS_NAME_SIZE];
    struct ps_ranks ranks[PS_RESULT_MODELS]; /* owned; the same targets in all */
};

/* Nothing ranked yet. */
void ps_result_init(struct ps_result *result, const struct ps_config *config, const struct ps_dataset *dataset,
                    enum ps_split split);
void ps_result_fini(struct ps_result *result);

/* Writes the file, whole or not at all. */
int ps_result_write(const struct ps_result *result, const char *path, struct ps_error *err);
/* Reads and checks it. Errors (PS_EXIT_DATA) name the file. */
int ps_result_read(struct ps_result *result, const char *path, struct ps_error *err);
/* "RUN/ranks/test.ranks"; the caller frees it. */
char *ps_result_path(const char *run, enum ps_split split);

/* Measuring as the result's configuration says; it borrows from there. */
struct ps_measuring ps_result_measuring(const struct ps_result *result);

/* What stands in the way of comparing b with a ("eval.mask (target and any)"; several with commas between) into text; "" where
 * nothing does. ties and K do not: they can be chosen afterwards. */
void ps_result_difference(const struct ps_result *a, const struct ps_result *b, char text[512]);

/* Who was ranked among what: "test: 2000 targets, ranked among all items but ... (mask=target); expected ties; means over targets". */
void ps_result_describe(const struct ps_result *result, FILE *to);
const char *ps_split_name(enum ps_split split);
/* The value of a key, as it is written. The caller frees it. */
char *ps_result_setting(const struct ps_result *result, const char *key);

#endif
