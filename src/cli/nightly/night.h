/* night.h - one night as its folder tells: NIGHTLY/nights/NAME/summary.json is at once its state, its verdict and its entry in the history.
 *
 * It is written anew, by one rename, whenever a stage is over. A stage that was interrupted is gone through again, so each can be: what is there
 * whole is left alone, and what is not is begun clean.
 */
#ifndef PS_CLI_NIGHTLY_NIGHT_H
#define PS_CLI_NIGHTLY_NIGHT_H

#include "data/dataset.h"

enum ps_night_stage {
    PS_NIGHT_TAKE,     /* what is in the inbox becomes the night's log */
    PS_NIGHT_EXAMINE,  /* the gate's checks of the log alone */
    PS_NIGHT_PREPARE,
    PS_NIGHT_TRAIN,
    PS_NIGHT_EVALUATE, /* production on tonight's split */
    PS_NIGHT_JUDGE,    /* the gate's checks of the model */
    PS_NIGHT_EXPORT,   /* its tables, into the run */
    PS_NIGHT_PUBLISH,  /* the run becomes a version, and that production */
    PS_NIGHT_CLEAN,    /* what is not kept any more is removed */
    PS_NIGHT_TELL,     /* the hook */
    PS_NIGHT_DONE,
    PS_NIGHT_STAGES
};

enum ps_night_outcome {
    PS_NIGHT_OPEN,
    PS_NIGHT_FAILED, /* for now: the next start goes on with it */
    PS_NIGHT_PUBLISHED,
    PS_NIGHT_REFUSED_LOG,
    PS_NIGHT_REFUSED_MODEL,
    PS_NIGHT_ABANDONED,
    PS_NIGHT_OUTCOMES
};

enum { PS_NIGHT_CHECKS = 24, PS_NIGHT_NAME = 32 };

/* One check of the gate: low <= value <= high. */
struct ps_check {
    char name[48];
    double value, low, high; /* -INFINITY, INFINITY: no bound; a value that is NAN has not passed */
    bool passed;
    char why[256]; /* a sentence, for both cases */
};

/* A night's log by itself. */
struct ps_night_log {
    int behaviours;
    char behaviour[PS_MAX_BEHAVIOURS][32];
    uint64_t events[PS_MAX_BEHAVIOURS], duplicates[PS_MAX_BEHAVIOURS];
    uint64_t users, items, new_users, new_items, lines, bad;
    int64_t first, last; /* seconds since 1970 */
};

struct ps_night {
    char name[PS_NIGHT_NAME]; /* "2026-11-21-001": the day on which it began (UTC), and a number; they ascend in the order of strings */
    enum ps_night_stage stage; /* the one that is to be gone through next */
    enum ps_night_outcome outcome;
    char began[32];
    double seconds; /* of work, over all starts */
    bool examined;  /* log is known */
    struct ps_night_log log;
    char start[PS_NIGHT_NAME + 8]; /* "cold", or "warm" and the version that it began with */
    char metric[32];
    double value, production;       /* NAN: not measured */
    char against[PS_NIGHT_NAME];    /* the version that was production; "": there was none */
    int checks;
    struct ps_check check[PS_NIGHT_CHECKS];
    char why[512];
};

/* All nights of NIGHTLY/nights, oldest first. A folder without a summary is none: a start that was killed has left it. *night is the caller's. */
int ps_nights_list(const char *folder, struct ps_night **night, int *count, struct ps_error *err);
/* Makes the folder of a new night behind the others. */
int ps_night_begin(const char *folder, const struct ps_night *earlier, int count, struct ps_night *night, struct ps_error *err);
int ps_night_write(const char *folder, const struct ps_night *night, struct ps_error *err);
/* NIGHTLY/nights/NAME/FILE; the caller frees it. */
char *ps_night_path(const char *folder, const char *name, const char *file);

/* Whether its log got past the gate, so that later ones are compared with it and trained on it. */
bool ps_night_counts(const struct ps_night *night);

extern const char *const ps_night_stages[PS_NIGHT_STAGES], *const ps_night_outcomes[PS_NIGHT_OUTCOMES];

#endif
