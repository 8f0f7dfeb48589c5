/* step.c - a command of penstock as a step of a night; see nightly.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* vasprintf */
#endif
#include "cli/nightly/nightly.h"

#include <stdlib.h>
#include <string.h>

void ps_step_init(struct ps_step *step, const char *command)
{
    memset(step, 0, sizeof *step);
    ps_step_add(step, "%s", command);
}

void ps_step_add(struct ps_step *step, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    if (step->count + 1 >= PS_CHILD_ARGS)
        ps_die(PS_EXIT_USAGE, "a night of more than %d nights' logs is too much for one command; set logs.window_days", PS_CHILD_ARGS / 2);
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        ps_die(PS_EXIT_FAIL, "out of memory for a command line");
    va_end(args);
    step->owned[step->count] = text;
    step->child.argument[step->count++] = text;
}

int ps_step_run(struct ps_step *step, const struct ps_nightly *n, const struct ps_night *night, const char *name, struct ps_error *err)
{
    char *file = ps_format("%s.log", name), *output = ps_night_path(n->folder, night->name, file);
    step->child.output = output;
    if (step->child.limit <= 0)
        step->child.limit = n->settings.nightly.hours * 3600;
    fprintf(stderr, "penstock: %s: %s\n", night->name, name);
    int status = ps_children_run(&step->child, 1, 1, NULL, NULL, err), code = step->child.code;
    if (!status && code && step->child.late)
        status = ps_fail(err, PS_EXIT_NET, "night %s, %s: %s; see %s", night->name, name, step->child.failure, output);
    else if (!status && code)
        status = ps_fail(err, code < 128 ? code : PS_EXIT_FAIL, "night %s, %s: %s", night->name, name, step->child.failure);
    for (int i = 0; i < step->count; i++)
        free(step->owned[i]);
    free(file), free(output);
    return status;
}
