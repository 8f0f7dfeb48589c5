/* prepare.c - penstock prepare: the command line of src/data/prepare.h. */
#include "data/prepare.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/prepare_inputs.h"
#include "cli/prepare_sessions.h"
#include "cli/signals.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

static const char doc[] =
    "Turns logs of users' behaviour into a dataset that 'penstock train' reads.\v"
    "An INPUT is a TSV, a CSV or a RecBole .inter file with a header, plain or packed with gzip, xz or zstd ('-' is "
    "the "
    "standard input), or a folder: all of its files but hidden ones, in the order of their names. With columns user, item, behaviour and perhaps timestamp it may hold several behaviours; "
    "BEHAVIOUR=FILE says that all of its lines are of one.\n\n"
    "--test and --valid take a FILE of (user, item) pairs of the target behaviour, or a rule: last-by-time, "
    "last-by-position, none, and for --valid also random. Without --test the rule is last-by-time. Without --valid it "
    "is "
    "the rule of --test, or random where --test is a file or none. A held-out pair is never in the target's training "
    "data.\n\n"
    "A file of features has the column of the item (or user) and a column for each feature; triples have item, relation and value, and "
    "each relation is a feature. A feature's TYPE is token, token_seq (several values, separated by blanks, or by the character behind a "
    "colon: token_seq:|), float (ranges between quantiles, at most 10, or as many as behind a colon: float:20) or skip; without "
    "--feature it is what the header says ('price:float'), or token.\n\n"
    "With --sessions the behaviours are operations, and need not be named. --test takes a FILE of sessions or none, --valid a part of the "
    "training sessions (the last ones, default 0.1) or none.\n\nExamples:\n"
    "  penstock prepare --out shop --behaviours view,cart,buy log.tsv.gz\n"
    "  penstock prepare --out beibei --behaviours cart,buy --test buy.test.tsv --hide-weaker 0.377 "
    "cart=cart.train.tsv buy=buy.train.tsv\n"
    "  penstock prepare --out clicks --sessions --session-gap 30m --test-from 0.1 log.tsv\n"
    "  penstock prepare --out tuesday --dictionary monday --behaviours view,cart,buy tuesday.tsv";

enum {
    KEY_OUT = 'o',
    KEY_BEHAVIOURS = 'b',
    KEY_SEED = 's',
    KEY_TEST = 't',
    KEY_VALID = 'v',
    KEY_FIRST_LONG = 1000,
    KEY_HIDE,
    KEY_SAMPLE,
    KEY_FORGET_TEST,
    KEY_KEEP_TARGETS,
    KEY_KEEP_FUTURE,
    KEY_DUPLICATES,
    KEY_USER,
    KEY_ITEM,
    KEY_BEHAVIOUR,
    KEY_TIME,
    KEY_COLUMNS,
    KEY_UNIT,
    KEY_MAX_BAD,
    KEY_STRICT,
    KEY_SINCE,
    KEY_DICTIONARY,
    KEY_ID_SEED,
    KEY_MEMORY,
    KEY_OVERWRITE,
    KEY_ITEM_FEATURES,
    KEY_USER_FEATURES,
    KEY_ITEM_TRIPLES,
    KEY_FEATURE
};

static const struct argp_option options[] = {
    {"out", KEY_OUT, "DIR", 0, "Folder to make", 1},
    {"behaviours", KEY_BEHAVIOURS, "A,B,...", 0, "Behaviours, from the weakest to the target", 1},
    {"overwrite", KEY_OVERWRITE, NULL, 0, "Replace DIR if it holds a dataset", 1},
    {"dictionary", KEY_DICTIONARY, "OLD", 0, "Keep the ids of all names of the dataset OLD", 1},
    {0, 0, NULL, 0, "Splits:", 2},
    {"test", KEY_TEST, "FILE|RULE", 0, "Pairs to test on", 2},
    {"valid", KEY_VALID, "FILE|RULE", 0, "Pairs to validate on", 2},
    {"keep-targets", KEY_KEEP_TARGETS, "N", 0, "A rule leaves a user at least N target items (default: 1)", 2},
    {"keep-future", KEY_KEEP_FUTURE, NULL, 0, "Train on a user's events after a pair held out by time, too", 2},
    {"hide-weaker", KEY_HIDE, "P", 0, "Take a validation pair out of the weaker behaviours with probability P", 2},
    {"sample", KEY_SAMPLE, "BEHAVIOUR=P", 0, "Train on a random part P of a weaker behaviour's interactions", 2},
    {"forget-test", KEY_FORGET_TEST, NULL, 0, "Hold the test pairs out and keep them nowhere: a dataset to tune on", 2},
    {"duplicates", KEY_DUPLICATES, "first|last", 0, "Which event of a repeated one counts (default: first)", 2},
    {"seed", KEY_SEED, "N", 0, "Seed of ids and random splits (default: 1)", 2},
    {"id-seed", KEY_ID_SEED, "N", 0, "Another seed for the ids alone", 2},
    {0, 0, NULL, 0, "Input:", 3},
    {"user-column", KEY_USER, "NAME", 0, "Column of the user (default: user, user_id, uid, ...)", 3},
    {"item-column", KEY_ITEM, "NAME", 0, "Column of the item (default: item, item_id, video, sku_id, ...)", 3},
    {"behaviour-column", KEY_BEHAVIOUR, "NAME", 0, "Column of the behaviour (default: behaviour, event, type, ...)", 3},
    {"time-column", KEY_TIME, "NAME", 0, "Column of the time (default: timestamp, time, ts, ...)", 3},
    {"columns", KEY_COLUMNS, "A,B,...", 0, "The files have no header; these are their columns", 3},
    {"time-unit", KEY_UNIT, "s|ms", 0, "Unit of the times (default: s)", 3},
    {"max-bad", KEY_MAX_BAD, "N", 0, "Stop after more than N bad lines (default: 100)", 3},
    {"since", KEY_SINCE, "SECONDS", 0, "Pass over events before this time, in seconds since 1970", 3},
    {"strict", KEY_STRICT, NULL, 0, "A behaviour that is not named makes a bad line", 3},
    {"memory", KEY_MEMORY, "SIZE", 0, "Memory to use, as in 512M or 4G (default: 1G)", 3},
    {0, 0, NULL, 0, "Side features (each may be given again):", 4},
    {"item-features", KEY_ITEM_FEATURES, "FILE", 0, "A table of items and their features", 4},
    {"user-features", KEY_USER_FEATURES, "FILE", 0, "A table of users and their features", 4},
    {"item-triples", KEY_ITEM_TRIPLES, "FILE", 0, "A table of triples: head (an item), relation, tail", 4},
    {"feature", KEY_FEATURE, "NAME=TYPE", 0, "What a column or relation is: token, token_seq, float or skip", 4},
    {0},
};

static const struct {
    int key;
    const char *name;
} only_interactions[] = {{KEY_KEEP_TARGETS, "keep-targets"}, {KEY_KEEP_FUTURE, "keep-future"}, {KEY_HIDE, "hide-weaker"},
                         {KEY_SAMPLE, "sample"},             {KEY_DUPLICATES, "duplicates"},
                         {KEY_USER_FEATURES, "user-features"}};

struct arguments {
    struct ps_prepare_options o;
    struct ps_prepare_inputs inputs;
    struct ps_feature_file *feature_file; /* owned, as is feature_rule */
    struct ps_feature_rule *feature_rule;
    size_t feature_file_capacity, feature_rule_capacity;
    const char *sample[PS_MAX_BEHAVIOURS];
    int samples;
    bool valid_set, id_seed_set;
    struct ps_session_arguments sessions;
};

static uint64_t parse_memory(struct argp_state *state, const char *text)
{
    static const char units[] = "KMGT";
    char *end;
    double value = strtod(text, &end);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (unit && !end[1])
        value *= (double)(UINT64_C(1) << (10 * (unit - units + 1)));
    if (end == text || (*end && (!unit || end[1])) || !(value >= 1 << 20 && value < 0x1p60))
        argp_error(state, "--memory takes a size from 1M on, as in 512M or 4G, not '%s'", text);
    return (uint64_t)value;
}

/* Names of behaviours become names of files and keys: letters, digits, '-' and '_'. */
static void parse_behaviours(struct argp_state *state, struct ps_prepare_options *o, const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    uint32_t count = 0;
    for (const char *at = text; at; count++) {
        size_t length = strcspn(at, ",");
        if (count == PS_MAX_BEHAVIOURS)
            argp_error(state, "--behaviours takes at most %d names", PS_MAX_BEHAVIOURS);
        if (!length || length >= sizeof o->behaviour[0] || strspn(at, allowed) < length)
            argp_error(state, "'%.*s' cannot name a behaviour: 1 to 31 letters, digits, '-' or '_'", (int)length, at);
        memset(o->behaviour[count], 0, sizeof o->behaviour[count]);
        memcpy(o->behaviour[count], at, length);
        if (!strcmp(o->behaviour[count], "union"))
            argp_error(state, "'union' cannot name a behaviour: a file of the dataset has this name");
        for (uint32_t b = 0; b < count; b++)
            if (!strcmp(o->behaviour[b], o->behaviour[count]))
                argp_error(state, "--behaviours names '%s' twice", o->behaviour[b]);
        at = at[length] ? at + length + 1 : NULL;
    }
    o->rules.behaviours = count;
}

/* "cart=0.5", once all behaviours are known. */
static void parse_sample(struct argp_state *state, struct ps_prepare_options *o, const char *text)
{
    const char *equals = strchr(text, '=');
    for (uint32_t b = 0; equals && b + 1 < o->rules.behaviours; b++)
        if (!strncmp(text, o->behaviour[b], (size_t)(equals - text)) && !o->behaviour[b][equals - text]) {
            o->rules.leave_out[b] = 1 - ps_argument_probability("--sample", equals + 1, state);
            return;
        }
    argp_error(state, "--sample takes a weaker behaviour and a part of it, as in cart=0.5, not '%s'", text);
}

static void add_feature_file(struct arguments *a, const char *path, enum ps_entity side, bool triples)
{
    PS_GROW(a->feature_file, a->feature_file_capacity, (size_t)a->o.feature_files + 1);
    a->feature_file[a->o.feature_files++] = (struct ps_feature_file){path, side, triples};
    a->o.feature_file = a->feature_file;
}

/* "price=float:20" */
static void parse_feature(struct argp_state *state, struct arguments *a, const char *text)
{
    static const char *const types[] = {
        [PS_FEATURE_TOKEN] = "token", [PS_FEATURE_TOKENS] = "token_seq", [PS_FEATURE_NUMBER] = "float", [PS_FEATURE_SKIP] = "skip"};
    const char *equals = strchr(text, '=');
    size_t name = equals ? (size_t)(equals - text) : 0, type = equals ? strcspn(equals + 1, ":") : 0;
    const char *option = type && equals[1 + type] ? equals + 2 + type : NULL;
    int kind = 0;
    while (type && kind <= PS_FEATURE_SKIP && (strlen(types[kind]) != type || strncmp(types[kind], equals + 1, type)))
        kind++;
    bool right = name && name < PS_FEATURE_NAME && type && kind <= PS_FEATURE_SKIP;
    if (right && option)
        right = kind == PS_FEATURE_NUMBER || (kind == PS_FEATURE_TOKENS && option[0] && !option[1]);
    if (!right)
        argp_error(state, "--feature takes a name and token, token_seq, token_seq:CHARACTER, float, float:RANGES or skip, as in "
                   "price=float:20, not '%s'", text);
    struct ps_feature_rule rule = {.kind = (enum ps_feature_kind)kind, .separator = PS_FEATURE_SEPARATOR, .ranges = PS_FEATURE_RANGES};
    memcpy(rule.name, text, name);
    if (option && kind == PS_FEATURE_TOKENS)
        rule.separator = option[0];
    if (option && kind == PS_FEATURE_NUMBER)
        rule.ranges = (uint32_t)ps_argument_count("--feature NAME=float:RANGES", option, 1, 10000, state);
    PS_GROW(a->feature_rule, a->feature_rule_capacity, (size_t)a->o.feature_rules + 1);
    a->feature_rule[a->o.feature_rules++] = rule;
    a->o.feature_rule = a->feature_rule;
}

static enum ps_holdout parse_rule(const char *text, const char **path)
{
    static const struct {
        const char *name;
        enum ps_holdout rule;
    } rules[] = {{"none", PS_HOLDOUT_NONE},
                 {"random", PS_HOLDOUT_RANDOM},
                 {"last-by-time", PS_HOLDOUT_LAST_TIME},
                 {"last-by-position", PS_HOLDOUT_LAST_POSITION}};
    for (size_t i = 0; i < PS_COUNT(rules); i++)
        if (!strcmp(text, rules[i].name))
            return rules[i].rule;
    *path = text;
    return PS_HOLDOUT_GIVEN;
}

static void finish_arguments(struct argp_state *state, struct arguments *a)
{
    struct ps_prepare_options *o = &a->o;
    if (!o->out)
        argp_error(state, "--out names the folder to make");
    ps_session_arguments_finish(&a->sessions, state);
    if (!o->rules.behaviours && !o->sessions.enabled)
        argp_error(state, "--behaviours names the behaviours, from the weakest to the target, as in view,cart,buy");
    ps_prepare_inputs_place(&a->inputs, o);
    if (!o->inputs)
        argp_error(state, "no input; name the files to read");
    if (o->rules.test == PS_HOLDOUT_RANDOM)
        argp_error(state, "--test takes no random pairs; choose last-by-time, last-by-position, none or a file");
    for (int i = 0; i < a->samples; i++)
        parse_sample(state, o, a->sample[i]);
    bool by_rule = o->rules.test == PS_HOLDOUT_LAST_TIME || o->rules.test == PS_HOLDOUT_LAST_POSITION;
    if (!a->valid_set)
        o->rules.valid = by_rule ? o->rules.test : PS_HOLDOUT_RANDOM;
    if (!a->id_seed_set)
        o->id_seed = o->rules.seed;
    if (o->sessions.enabled)
        o->rules = (struct ps_split_rules){.behaviours = o->rules.behaviours}; /* the others are of interactions */
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *a = state->input;
    struct ps_prepare_options *o = &a->o;
    for (size_t i = 0; i < PS_COUNT(only_interactions); i++)
        if (key == only_interactions[i].key)
            a->sessions.other = only_interactions[i].name;
    switch (key) {
    case ARGP_KEY_INIT:
        a->sessions.o = o;
        state->child_inputs[0] = &a->sessions;
        return 0;
    case KEY_OUT:
        o->out = value;
        return 0;
    case KEY_BEHAVIOURS:
        parse_behaviours(state, o, value);
        return 0;
    case KEY_OVERWRITE:
        o->overwrite = true;
        return 0;
    case KEY_DICTIONARY:
        o->dictionary = value;
        return 0;
    case KEY_TEST:
        a->sessions.test = value;
        o->rules.test = parse_rule(value, &o->test_path);
        return 0;
    case KEY_VALID:
        a->sessions.valid = value;
        o->rules.valid = parse_rule(value, &o->valid_path);
        a->valid_set = true;
        return 0;
    case KEY_KEEP_TARGETS:
        o->rules.keep_targets = (uint32_t)ps_argument_count("--keep-targets", value, 0, 1000000, state);
        return 0;
    case KEY_KEEP_FUTURE:
        o->rules.keep_future = true;
        return 0;
    case KEY_HIDE:
        o->rules.hide_weaker = ps_argument_probability("--hide-weaker", value, state);
        return 0;
    case KEY_SAMPLE:
        if (a->samples == PS_MAX_BEHAVIOURS)
            argp_error(state, "--sample is given more than %d times", PS_MAX_BEHAVIOURS);
        a->sample[a->samples++] = value;
        return 0;
    case KEY_FORGET_TEST:
        o->rules.forget_test = true;
        return 0;
    case KEY_DUPLICATES:
        if (strcmp(value, "first") != 0 && strcmp(value, "last") != 0)
            argp_error(state, "--duplicates takes first or last, not '%s'", value);
        o->rules.last_duplicate = value[0] == 'l';
        return 0;
    case KEY_SEED:
        o->rules.seed = ps_argument_count("--seed", value, 0, UINT64_MAX, state);
        return 0;
    case KEY_ID_SEED:
        o->id_seed = ps_argument_count("--id-seed", value, 0, UINT64_MAX, state);
        a->id_seed_set = true;
        return 0;
    case KEY_USER:
    case KEY_ITEM:
    case KEY_BEHAVIOUR:
    case KEY_TIME:
        o->format.column[PS_COLUMN_USER + (key - KEY_USER)] = value;
        return 0;
    case KEY_COLUMNS:
        o->format.columns = value;
        return 0;
    case KEY_UNIT:
        if (strcmp(value, "s") != 0 && strcmp(value, "ms") != 0)
            argp_error(state, "--time-unit takes s or ms, not '%s'", value);
        o->format.milliseconds = value[0] == 'm';
        return 0;
    case KEY_MAX_BAD:
        o->max_bad = ps_argument_count("--max-bad", value, 0, UINT64_MAX, state);
        return 0;
    case KEY_SINCE:
        o->since = (int64_t)ps_argument_count("--since", value, 1, UINT64_C(100000000000), state) * 1000;
        return 0;
    case KEY_STRICT:
        o->strict = true;
        return 0;
    case KEY_MEMORY:
        o->memory = parse_memory(state, value);
        return 0;
    case KEY_ITEM_FEATURES:
        add_feature_file(a, value, PS_ITEMS, false);
        return 0;
    case KEY_USER_FEATURES:
        add_feature_file(a, value, PS_USERS, false);
        return 0;
    case KEY_ITEM_TRIPLES:
        add_feature_file(a, value, PS_ITEMS, true);
        return 0;
    case KEY_FEATURE:
        parse_feature(state, a, value);
        return 0;
    case ARGP_KEY_ARG:
        ps_prepare_inputs_add(&a->inputs, value);
        return 0;
    case ARGP_KEY_END:
        finish_arguments(state, a);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cmd_prepare(int argc, char **argv)
{
    struct arguments a = {.o = {.rules = {.test = PS_HOLDOUT_LAST_TIME, .keep_targets = 1, .seed = 1},
                                .sessions = {.last = 50, .min_length = 2, .min_item_count = 1},
                                .memory = UINT64_C(1) << 30,
                                .max_bad = 100,
                                .stop = &ps_interrupted}};
    struct ps_prepare_stats stats;
    struct ps_error err = {0};
    static const struct argp_child children[] = {{&ps_session_options, 0, NULL, 0}, {0}};
    argp_parse(&(struct argp){options, parse, "INPUT...", doc, children, NULL, NULL}, argc, argv, 0, NULL, &a);
    ps_catch_signals();
    int status = ps_prepare(&a.o, &stats, &err);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    else
        ps_prepare_print(&a.o, &stats, stdout);
    ps_prepare_inputs_free(&a.inputs);
    free(a.feature_file), free(a.feature_rule);
    return status ? err.code : PS_OK;
}
