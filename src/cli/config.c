/* config.c - penstock config: checks a configuration, or describes all keys. */
#include "common/config.h"
#include "cli/commands.h"

#include <argp.h>
#include <stdlib.h>

struct arguments {
    const char *path;
    const char **overrides; /* owned array of borrowed texts */
    size_t count, capacity;
    bool table;
};

static const char doc[] =
    "Checks CONF and prints what a run with it would use, every key of it. Without CONF, prints all "
    "keys with their defaults and what they are for: the text of conf/default.yaml.";
static const struct argp_option options[] = {
    {"set", 's', "KEY=VALUE", 0, "Override a key; may be given several times", 0},
    {"table", 't', NULL, 0, "Print the keys as the table of docs/configuration.md", 0},
    {0},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 's':
        PS_GROW(arguments->overrides, arguments->capacity, arguments->count + 1);
        arguments->overrides[arguments->count++] = value;
        return 0;
    case 't':
        arguments->table = true;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->path)
            argp_error(state, "one configuration at a time: '%s' is too much", value);
        arguments->path = value;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->path && arguments->count)
            argp_error(state, "--set needs a configuration to override");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cmd_config(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct ps_config config;
    struct ps_error err;
    char *text = NULL;
    int code = PS_OK;

    argp_parse(&(struct argp){options, parse, "[CONF]", doc, NULL, NULL, NULL}, argc, argv, 0, NULL, &arguments);
    if (arguments.table) {
        text = ps_config_reference_table();
    } else if (!arguments.path) {
        text = ps_config_reference_yaml();
    } else if (ps_config_load(&config, arguments.path, arguments.overrides, (int)arguments.count, &err)) {
        fprintf(stderr, "penstock: %s\n", err.text);
        code = err.code;
    } else {
        text = ps_config_write(&config);
    }
    if (text)
        fputs(text, stdout);
    free(text);
    free(arguments.overrides);
    return code;
}
