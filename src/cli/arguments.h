/* arguments.h - what the commands' argument parsers share. Both end the program with a usage error where an argument is wrong. */
#ifndef PS_CLI_ARGUMENTS_H
#define PS_CLI_ARGUMENTS_H

#include <argp.h>
#include <stdlib.h>

/* A whole number from `least` to `most`. */
static inline int ps_argument_number(const char *arg, int least, int most, struct argp_state *state)
{
    char *end;
    long value = strtol(arg, &end, 10);
    if (end == arg || *end || value < least || value > most)
        argp_error(state, "'%s' is no number from %d to %d", arg, least, most);
    return (int)value;
}

/* The only positional argument, called `what` in messages; NULL at first. */
static inline void ps_argument_only(const char **place, const char *arg, const char *what, struct argp_state *state)
{
    if (*place)
        argp_error(state, "one %s only; '%s' is too many", what, arg);
    *place = arg;
}

#endif
