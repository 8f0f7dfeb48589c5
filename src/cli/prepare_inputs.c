/* prepare_inputs.c - see prepare_inputs.h. */
#include "cli/prepare_inputs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void ps_prepare_inputs_add(struct ps_prepare_inputs *in, const char *argument)
{
    PS_GROW(in->argument, in->argument_capacity, (size_t)in->arguments + 1);
    in->argument[in->arguments++] = argument;
}

void ps_prepare_inputs_free(struct ps_prepare_inputs *in)
{
    for (size_t i = 0; i < in->paths; i++)
        free(in->path[i]);
    free(in->path), free(in->argument), free(in->input);
}

static struct ps_prepare_input name_behaviour(const char *text, const struct ps_prepare_options *o)
{
    for (uint32_t b = 0; b < o->rules.behaviours && !o->sessions.enabled; b++) {
        size_t length = strlen(o->behaviour[b]);
        if (!strncmp(text, o->behaviour[b], length) && text[length] == '=')
            return (struct ps_prepare_input){text + length + 1, (int)b};
    }
    return (struct ps_prepare_input){text, PS_ANY_BEHAVIOUR};
}

static void add(struct ps_prepare_inputs *in, const char *path, int behaviour)
{
    PS_GROW(in->input, in->capacity, (size_t)in->inputs + 1);
    in->input[in->inputs++] = (struct ps_prepare_input){path, behaviour};
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* False: it is no folder, or cannot be read, which reading it as a file will tell. */
static bool add_folder(struct ps_prepare_inputs *in, struct ps_prepare_input folder)
{
    struct dirent **entry;
    struct stat info;
    int files = !stat(folder.path, &info) && S_ISDIR(info.st_mode) ? scandir(folder.path, &entry, is_visible, alphasort) : -1;
    if (files < 0)
        return false;
    for (int f = 0; f < files; f++) {
        PS_GROW(in->path, in->path_capacity, in->paths + 1);
        in->path[in->paths] = ps_format("%s/%s", folder.path, entry[f]->d_name);
        add(in, in->path[in->paths++], folder.behaviour);
        free(entry[f]);
    }
    free(entry);
    return true;
}

void ps_prepare_inputs_place(struct ps_prepare_inputs *in, struct ps_prepare_options *o)
{
    for (int i = 0; i < in->arguments; i++) {
        struct ps_prepare_input input = name_behaviour(in->argument[i], o);
        if (!add_folder(in, input))
            add(in, input.path, input.behaviour);
    }
    o->input = in->input;
    o->inputs = in->inputs;
}
