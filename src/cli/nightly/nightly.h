/* nightly.h - what the files of penstock nightly share: NIGHTLY, the folder of it all, and a night at work.
 *
 *   inbox/              new logs, put there by others
 *   taken/NIGHT/        the logs of a night; refused/NIGHT/ those that the gate has refused
 *   nights/NIGHT/       summary.json (night.h), what commands printed (*.log), dataset/, run/
 *   names               a link to the dataset whose names all later nights keep
 *   versions/NIGHT/     what was published (version.h); production is a link to one of them
 *   lock                held by the one process that works here
 */
#ifndef PS_CLI_NIGHTLY_NIGHTLY_H
#define PS_CLI_NIGHTLY_NIGHTLY_H

#include "cli/children.h"
#include "cli/nightly/night.h"
#include "cli/nightly/settings.h"

struct ps_nightly {
    struct ps_nightly_settings settings;
    const char *file; /* of the settings; borrowed */
    char *folder;     /* NIGHTLY, absolute; owned */
    bool cold, anew, accept_log; /* of the command line */
    struct ps_night *night; /* all of them, oldest first; owned */
    int nights;
};

/* Whether anything in the inbox may be taken: files that are no links, and whose names neither begin with a dot nor end with .tmp or .part. */
int ps_nightly_arrived(const struct ps_nightly *n, bool *any, struct ps_error *err);

/* Goes through the stages of the night (the last one of n->night) that are still to come. PS_EXIT_INTERRUPTED, and what a step failed with: the
 * next start goes on. A verdict of the gate is no error. */
int ps_nightly_work(struct ps_nightly *n, struct ps_night *night, struct ps_error *err);

/* Stages. Each may be gone through again after it was interrupted. */
int ps_nightly_take(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err);
int ps_nightly_examine(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err);
int ps_nightly_prepare(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err);
int ps_nightly_train(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err);
/* production on tonight's split, where there is one. */
int ps_nightly_evaluate(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err);
int ps_nightly_judge(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err);
int ps_nightly_export(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err);
int ps_nightly_publish(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err);
int ps_nightly_clean(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err);
int ps_nightly_tell(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err);

/* The arguments of a step's child, texts and all. */
struct ps_step {
    struct ps_child child;
    char *owned[PS_CHILD_ARGS];
    int count;
};

void ps_step_init(struct ps_step *step, const char *command);
/* Adds an argument that the format makes. */
void ps_step_add(struct ps_step *step, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Runs it, with its output in nights/NIGHT/NAME.log, and frees the arguments. A child that fails is an error with its code and its last words. */
int ps_step_run(struct ps_step *step, const struct ps_nightly *n, const struct ps_night *night, const char *name, struct ps_error *err);

/* Puts the night's log aside: no later night is trained on it, unless somebody puts it back into the inbox. */
int ps_nightly_put_aside(const struct ps_nightly *n, const struct ps_night *night, struct ps_error *err);
/* NIGHTLY/names; the caller frees it. */
char *ps_nightly_names(const struct ps_nightly *n);
/* The time, in seconds, at which the window of days begins; 0: there is none. */
int64_t ps_nightly_since(const struct ps_nightly *n, const struct ps_night *night);

#endif
