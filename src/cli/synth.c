/* synth.c - penstock synth: the command line of src/data/synth.h. */
#include "data/synth.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/signals.h"

#include <argp.h>

static const char doc[] =
    "Writes a made log of views, carts and purchases with a known structure: tastes of users and items, popularity, "
    "and a "
    "cascade with gaps; or a log of sessions. The log is a TSV for 'penstock prepare'; docs/data.md tells what is planted.";

enum {
    KEY_OUT = 'o',
    KEY_USERS = 'u',
    KEY_ITEMS = 'i',
    KEY_INTERACTIONS = 'n',
    KEY_SEED = 's',
    KEY_TASTES = 1000,
    KEY_NOISE,
    KEY_SESSIONS,
    KEY_TRIPLES,
    KEY_ITEM_FEATURES,
    KEY_USER_FEATURES
};

static const struct argp_option options[] = {
    {"out", KEY_OUT, "FILE", 0, "File to write", 0},
    {"users", KEY_USERS, "N", 0, "Users (default: 2000)", 0},
    {"items", KEY_ITEMS, "N", 0, "Items (default: 1000)", 0},
    {"interactions", KEY_INTERACTIONS, "N", 0, "Lines of the log (default: 80000)", 0},
    {"tastes", KEY_TASTES, "N", 0, "Tastes that users and items have (default: 20)", 0},
    {"noise", KEY_NOISE, "P", 0, "Part of the visits that no taste explains (default: 0.2)", 0},
    {"sessions", KEY_SESSIONS, NULL, 0, "Sessions: items in an order that tells the next one, operations, feedback", 0},
    {"triples", KEY_TRIPLES, "FILE", 0, "With --sessions: write what is known of the items, too", 0},
    {"item-features", KEY_ITEM_FEATURES, "FILE", 0, "Write the items' features too: brand, tags, price", 0},
    {"user-features", KEY_USER_FEATURES, "FILE", 0, "Write the users' features too: segment, age", 0},
    {"seed", KEY_SEED, "N", 0, "Seed; the same one gives the same log (default: 1)", 0},
    {0},
};

struct arguments {
    struct ps_synth_options o;
    const char *out;
};

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case KEY_OUT:
        a->out = value;
        return 0;
    case KEY_USERS:
        a->o.users = ps_argument_count("--users", value, 1, UINT32_MAX - 1, state);
        return 0;
    case KEY_ITEMS:
        a->o.items = ps_argument_count("--items", value, 1, UINT32_MAX - 1, state);
        return 0;
    case KEY_INTERACTIONS:
        a->o.interactions = ps_argument_count("--interactions", value, 1, UINT64_C(1) << 48, state);
        return 0;
    case KEY_TASTES:
        a->o.tastes = ps_argument_count("--tastes", value, 1, UINT32_MAX - 1, state);
        return 0;
    case KEY_NOISE:
        a->o.noise = ps_argument_probability("--noise", value, state);
        return 0;
    case KEY_SESSIONS:
        a->o.sessions = true;
        return 0;
    case KEY_TRIPLES:
        a->o.triples = value;
        return 0;
    case KEY_SEED:
        a->o.seed = ps_argument_count("--seed", value, 0, UINT64_MAX, state);
        return 0;
    case KEY_ITEM_FEATURES:
        a->o.item_features = value;
        return 0;
    case KEY_USER_FEATURES:
        a->o.user_features = value;
        return 0;
    case ARGP_KEY_END:
        if (!a->out)
            argp_error(state, "--out names the file to write");
        if (a->o.triples && !a->o.sessions)
            argp_error(state, "--triples goes with --sessions");
        if (a->o.tastes > a->o.items)
            argp_error(state, "%llu tastes for %llu items: every taste needs an item; lower --tastes",
                       (unsigned long long)a->o.tastes, (unsigned long long)a->o.items);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cmd_synth(int argc, char **argv)
{
    struct arguments a = {.o = {.users = 2000,
                                .items = 1000,
                                .interactions = 80000,
                                .tastes = 20,
                                .noise = 0.2,
                                .behaviours = 3,
                                .behaviour = {"view", "cart", "buy"},
                                .seed = 1,
                                .stop = &ps_interrupted}};
    struct ps_error err = {0};
    argp_parse(&(struct argp){options, parse, NULL, doc, NULL, NULL, NULL}, argc, argv, 0, NULL, &a);
    ps_catch_signals();
    int status = ps_synth(&a.o, a.out, &err);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : PS_OK;
}
