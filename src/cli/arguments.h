/* arguments.h - what the commands' argument parsers share. All end the program with a usage error where an argument is wrong. */
#ifndef PS_CLI_ARGUMENTS_H
#define PS_CLI_ARGUMENTS_H

#include <argp.h>
#include <stdint.h>

#include "data/dataset.h"

/* A whole number from `least` to `most`; `option` is what messages call it. */
uint64_t ps_argument_count(const char *option, const char *arg, uint64_t least, uint64_t most, struct argp_state *state);
/* The same, for an int. */
int ps_argument_number(const char *option, const char *arg, int least, int most, struct argp_state *state);
/* One of the names, which a NULL ends; returns its place. */
int ps_argument_choice(const char *option, const char *arg, const char *const *names, struct argp_state *state);
double ps_argument_probability(const char *option, const char *arg, struct argp_state *state);
/* "test" or "valid". */
enum ps_split ps_argument_split(const char *arg, struct argp_state *state);
/* The only positional argument, called `what` in messages; NULL at first. */
void ps_argument_only(const char **place, const char *arg, const char *what, struct argp_state *state);

/* What is asked of an earlier run: the arguments that a command takes as the first of its argp children, with this as that child's input. */
enum { PS_OVERRIDES = 256 };
struct ps_of_run {
    const char *run, *checkpoint; /* RUN, and --checkpoint NAME: the parser sets "best" where nothing is said */
    const char *override[PS_OVERRIDES]; /* KEY=VALUE; owned */
    int overrides;
};

extern const struct argp_child ps_of_run_child[]; /* RUN and --checkpoint */
extern const struct argp_child ps_of_run_settings_child[]; /* and --set */
/* As if --set KEY=VALUE were given. */
void ps_of_run_set(struct ps_of_run *of, const char *key, const char *value, struct argp_state *state);
void ps_of_run_fini(struct ps_of_run *of);

#endif
