/* prepare_sessions.h - the options of penstock prepare that are about sessions, as a child of its argument parser. */
#ifndef PS_CLI_PREPARE_SESSIONS_H
#define PS_CLI_PREPARE_SESSIONS_H

#include "data/prepare.h"

#include <argp.h>

struct ps_session_arguments {
    struct ps_prepare_options *o; /* borrowed */
    const char *test, *valid;     /* --test and --valid as they were given; NULL: not */
    const char *other;            /* an option that is for interactions alone, or NULL */
    const char *own;              /* an option that is for sessions alone, or NULL */
};

/* Its input is a struct ps_session_arguments. */
extern const struct argp ps_session_options;

/* When all options are known: what they mean together. */
void ps_session_arguments_finish(struct ps_session_arguments *arguments, struct argp_state *state);

#endif
