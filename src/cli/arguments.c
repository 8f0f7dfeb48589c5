/* arguments.c - numbers and single arguments of the commands; see arguments.h. */
#include "cli/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint64_t ps_argument_count(const char *option, const char *arg, uint64_t least, uint64_t most, struct argp_state *state)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(arg, &end, 10);
    if (errno || end == arg || *end || strchr(arg, '-') || value < least || value > most)
        argp_error(state, "%s takes a whole number from %llu to %llu, not '%s'", option, (unsigned long long)least,
                   (unsigned long long)most, arg);
    return value;
}

int ps_argument_number(const char *option, const char *arg, int least, int most, struct argp_state *state)
{
    return (int)ps_argument_count(option, arg, (uint64_t)least, (uint64_t)most, state);
}

int ps_argument_choice(const char *option, const char *arg, const char *const *names, struct argp_state *state)
{
    char all[256] = "";
    for (int i = 0; names[i]; i++) {
        if (!strcmp(arg, names[i]))
            return i;
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? names[i + 1] ? ", " : " or " : "", names[i]);
    }
    argp_error(state, "%s is %s, not '%s'", option, all, arg);
    return 0;
}

double ps_argument_probability(const char *option, const char *arg, struct argp_state *state)
{
    char *end;
    double value = strtod(arg, &end);
    if (end == arg || *end || !(value >= 0 && value <= 1))
        argp_error(state, "%s takes a probability from 0 to 1, not '%s'", option, arg);
    return value;
}

enum ps_split ps_argument_split(const char *arg, struct argp_state *state)
{
    if (strcmp(arg, "test") && strcmp(arg, "valid"))
        argp_error(state, "--split is 'test' or 'valid', not '%s'", arg);
    return strcmp(arg, "test") ? PS_SPLIT_VALID : PS_SPLIT_TEST;
}

void ps_argument_only(const char **place, const char *arg, const char *what, struct argp_state *state)
{
    if (*place)
        argp_error(state, "one %s only; '%s' is too many", what, arg);
    *place = arg;
}

/* ---- of an earlier run ---- */

enum { KEY_CHECKPOINT = 0x2000, KEY_SET };

static void add_override(struct ps_of_run *of, char *pair, struct argp_state *state)
{
    if (of->overrides == PS_OVERRIDES)
        argp_error(state, "too many options");
    of->override[of->overrides++] = pair;
}

void ps_of_run_set(struct ps_of_run *of, const char *key, const char *value, struct argp_state *state)
{
    add_override(of, ps_format("%s=%s", key, value), state);
}

void ps_of_run_fini(struct ps_of_run *of)
{
    for (int i = 0; i < of->overrides; i++)
        free((char *)(uintptr_t)of->override[i]);
    *of = (struct ps_of_run){0};
}

static error_t parse_of_run(int key, char *arg, struct argp_state *state)
{
    struct ps_of_run *of = state->input;
    switch (key) {
    case KEY_CHECKPOINT: of->checkpoint = arg; return 0;
    case KEY_SET: add_override(of, ps_strdup(arg), state); return 0;
    case ARGP_KEY_ARG: ps_argument_only(&of->run, arg, "RUN", state); return 0;
    case ARGP_KEY_END:
        if (!of->run)
            argp_error(state, "give the folder of a run");
        if (!of->checkpoint)
            of->checkpoint = "best";
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

#define CHECKPOINT {"checkpoint", KEY_CHECKPOINT, "NAME", 0, "best (default), last, epoch-NNNN, or a folder", 0}
static const struct argp_option of_run_options[] = {CHECKPOINT, {0}};
static const struct argp_option of_run_settings[] = {
    CHECKPOINT, {"set", KEY_SET, "KEY=VALUE", 0, "Override a key of the run's configuration", 0}, {0}};
static const struct argp of_run = {of_run_options, parse_of_run, NULL, NULL, NULL, NULL, NULL};
static const struct argp of_run_with_settings = {of_run_settings, parse_of_run, NULL, NULL, NULL, NULL, NULL};
const struct argp_child ps_of_run_child[] = {{&of_run, 0, NULL, 0}, {0}};
const struct argp_child ps_of_run_settings_child[] = {{&of_run_with_settings, 0, NULL, 0}, {0}};
