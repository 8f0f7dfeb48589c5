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
