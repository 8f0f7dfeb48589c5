/* plan.c - penstock plan: what a run of some size would need and reach on some hosts, before there are any; see plan_cost.h. */
#include "cli/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "data/synth_dataset.h"

enum {
    KEY_SET = 's',
    KEY_MODEL = 'm',
    KEY_DIM = 'd',
    KEY_USERS = 'u',
    KEY_ITEMS = 'i',
    KEY_INTERACTIONS = 'n',
    KEY_BEHAVIOURS = 1000,
    KEY_SESSION,
    KEY_DATA,
    KEY_HOSTS,
    KEY_SERVER_HOSTS,
    KEY_CORES,
    KEY_MEMORY,
    KEY_SERVERS,
    KEY_WORKERS,
    KEY_BANDWIDTH,
    KEY_DISK,
    KEY_CALIBRATION,
    KEY_RATE,
    KEY_RATES,
    KEY_SECONDS,
    KEY_JSON
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "What is trained:", 1},
    {"set", KEY_SET, "KEY=VALUE", 0, "Override a key of the configuration; may be given several times", 1},
    {"model", KEY_MODEL, "NAME", 0, "model.name", 1},
    {"dim", KEY_DIM, "N", 0, "model.embedding", 1},
    {NULL, 0, NULL, 0, "What it is trained on (the configuration's data.path, unless one of these is given):", 2},
    {"data", KEY_DATA, "FOLDER", 0, "A prepared dataset", 2},
    {"users", KEY_USERS, "N", 0, "Or so many users,", 2},
    {"items", KEY_ITEMS, "N", 0, "items", 2},
    {"interactions", KEY_INTERACTIONS, "N", 0, "and interactions (1e10 is a number too),", 2},
    {"behaviours", KEY_BEHAVIOURS, "N", 0, "of so many behaviours (default: 3);", 2},
    {"session-steps", KEY_SESSION, "N", 0, "for a model of sessions: steps of a session (default: 6)", 2},
    {NULL, 0, NULL, 0, "Where:", 3},
    {"hosts", KEY_HOSTS, "N", 0, "Hosts (default: 1)", 3},
    {"server-hosts", KEY_SERVER_HOSTS, "N", 0, "Of them, hosts for servers alone (default: servers are beside workers)", 3},
    {"cores", KEY_CORES, "N", 0, "Cores of a host (default: this one's)", 3},
    {"memory", KEY_MEMORY, "GiB", 0, "Memory of a host (default: this one's)", 3},
    {"servers", KEY_SERVERS, "N", 0, "Servers in all (default: as many as go best)", 3},
    {"workers", KEY_WORKERS, "N", 0, "Workers in all (default: one for each core that is left)", 3},
    {"bandwidth", KEY_BANDWIDTH, "GBIT", 0, "Gbit/s of a host's link, each way: host.bandwidth of the rates", 3},
    {"disk", KEY_DISK, "MB", 0, "MB/s that a host writes: host.disk of the rates", 3},
    {NULL, 0, NULL, 0, "How it is reckoned:", 4},
    {"calibration", KEY_CALIBRATION, "FILE", 0, "Rates of messages and rows, as bench/calibrate.py measures them (default: built-in ones)", 4},
    {"rate", KEY_RATE, "KEY=VALUE", 0, "Override one of the rates; may be given several times", 4},
    {"rates", KEY_RATES, NULL, 0, "Print the built-in rates, as a file for --calibration", 4},
    {"seconds", KEY_SECONDS, "S", 0, "Seconds for which micro-batches are tried out here (default: 1)", 4},
    {"json", KEY_JSON, NULL, 0, "As JSON, one object; docs/performance.md has the fields", 4},
    {0}};

static const char doc[] =
    "Say what a run would need and reach: memory of the servers, bytes on the wire, samples a second, hours of an epoch, and which resource "
    "is the limit.\v"
    "The model's tables are its own, and its micro-batches are made and computed here for a second, on data of the given sizes that is never "
    "written (items are drawn with a density ~ rank^-0.9) or on a prepared dataset. What messages and rows cost a worker and a server are "
    "rates: measured on this machine by bench/calibrate.py, or built in. docs/performance.md says how near that comes to what was measured, "
    "and what it does not know of.";

enum { MOST = 64 };

struct arguments {
    const char *conf, *data, *calibration, *set[MOST], *rate[MOST];
    char *owned[MOST]; /* overrides that came as options of their own */
    int sets, rates, owned_count;
    struct ps_synth_sizes sizes;
    bool given; /* sizes are */
    struct ps_plan_task task; /* hosts, cores and processes of it */
    double memory, seconds; /* memory: bytes of a host */
    bool print_rates, json;
};

static double positive(const char *option, const char *text, struct argp_state *state)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value > 0) || !isfinite(value))
        argp_error(state, "%s takes a number above 0, not '%s'", option, text);
    return value;
}

/* A number of users or the like, which may be written as 1e10. */
static uint64_t many(const char *option, const char *text, double most, struct argp_state *state)
{
    double value = positive(option, text, state);
    if (value > most || value != floor(value))
        argp_error(state, "%s takes a whole number from 1 to %.0f, not '%s'", option, most, text);
    return (uint64_t)value;
}

static void add(const char **list, int *count, const char *what, struct argp_state *state)
{
    if (*count == MOST)
        argp_error(state, "more than %d overrides", MOST);
    list[(*count)++] = what;
}

static void add_named(struct arguments *a, const char **list, int *count, const char *key, const char *value, struct argp_state *state)
{
    if (a->owned_count == MOST)
        argp_error(state, "more than %d overrides", MOST);
    add(list, count, a->owned[a->owned_count++] = ps_format("%s=%s", key, value), state);
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *a = state->input;
    enum { MOST_HOSTS = 100000, MOST_CORES = 4096 };
    switch (key) {
    case KEY_SET: add(a->set, &a->sets, value, state); return 0;
    case KEY_MODEL: add_named(a, a->set, &a->sets, "model.name", value, state); return 0;
    case KEY_DIM: add_named(a, a->set, &a->sets, "model.embedding", value, state); return 0;
    case KEY_DATA: a->data = value; return 0;
    case KEY_USERS: a->sizes.users = many("--users", value, UINT32_MAX - 1, state); return 0;
    case KEY_ITEMS: a->sizes.items = many("--items", value, UINT32_MAX - 1, state); return 0;
    case KEY_INTERACTIONS: a->sizes.interactions = many("--interactions", value, 1e15, state); return 0;
    case KEY_BEHAVIOURS: a->sizes.behaviours = (uint32_t)ps_argument_count("--behaviours", value, 1, PS_MAX_BEHAVIOURS, state); return 0;
    case KEY_SESSION: a->sizes.session = (uint32_t)ps_argument_count("--session-steps", value, 2, 1000, state); return 0;
    case KEY_HOSTS: a->task.hosts = ps_argument_number("--hosts", value, 1, MOST_HOSTS, state); return 0;
    case KEY_SERVER_HOSTS: a->task.server_hosts = ps_argument_number("--server-hosts", value, 0, MOST_HOSTS, state); return 0;
    case KEY_CORES: a->task.cores = ps_argument_number("--cores", value, 1, MOST_CORES, state); return 0;
    case KEY_MEMORY: a->memory = positive("--memory", value, state) * 1073741824.0; return 0;
    case KEY_SERVERS: a->task.servers = ps_argument_number("--servers", value, 1, PS_MAX_SHARDS, state); return 0;
    case KEY_WORKERS: a->task.workers = ps_argument_number("--workers", value, 1, PS_MAX_LANES, state); return 0;
    case KEY_BANDWIDTH: add_named(a, a->rate, &a->rates, "host.bandwidth", value, state); return 0;
    case KEY_DISK: add_named(a, a->rate, &a->rates, "host.disk", value, state); return 0;
    case KEY_CALIBRATION: a->calibration = value; return 0;
    case KEY_RATE: add(a->rate, &a->rates, value, state); return 0;
    case KEY_RATES: a->print_rates = true; return 0;
    case KEY_SECONDS: a->seconds = positive("--seconds", value, state); return 0;
    case KEY_JSON: a->json = true; return 0;
    case ARGP_KEY_ARG: ps_argument_only(&a->conf, value, "configuration", state); return 0;
    case ARGP_KEY_END:
        a->given = a->sizes.users || a->sizes.items || a->sizes.interactions;
        if (a->given && !(a->sizes.users && a->sizes.items && a->sizes.interactions))
            argp_error(state, "--users, --items and --interactions go together");
        if (a->given && a->data)
            argp_error(state, "--data names a dataset, whose sizes are its own; leave out --users, --items and --interactions");
        if (!a->given && !a->data && !a->conf && !a->print_rates)
            argp_error(state, "say what is trained on: --users, --items and --interactions, or --data, or a configuration");
        if (a->task.server_hosts >= a->task.hosts)
            argp_error(state, "--server-hosts %d leaves no host of %d for workers", a->task.server_hosts, a->task.hosts);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* The configuration's, or the default one with what the command line sets. */
static int load_config(const struct arguments *a, struct ps_config *config, struct ps_error *err)
{
    if (a->conf)
        return ps_config_load(config, a->conf, a->set, a->sets, err);
    int status = 0;
    ps_config_init(config);
    for (int k = 0; !status && k < a->sets; k++)
        status = ps_config_set(config, a->set[k], err);
    return status;
}

/* What a plan cannot foretell is refused. */
static int check(const struct ps_model_class *class_, bool made, struct ps_error *err)
{
    if (class_->recipe.sweeps || !class_->forward)
        return ps_fail(err, PS_EXIT_USAGE, "%s does not learn by micro-batches of gradients, which is what can be planned", class_->name);
    if (made && (class_->recipe.history || class_->recipe.knowledge))
        return ps_fail(err, PS_EXIT_USAGE, "%s looks up %s, which data of given sizes does not have; plan it with --data", class_->name,
                       class_->recipe.history ? "users' histories" : "what is known of the items");
    return 0;
}

/* Samples of an epoch: of interactions with their negatives, of sessions next items. */
static double epoch_samples(const struct arguments *a, const struct ps_model *model)
{
    double entries = (double)ps_recipe_entries(&model->recipe, model->dataset);
    if (!model->recipe.stream)
        return entries * (1 + model->recipe.negatives);
    return a->given ? (double)a->sizes.interactions * (a->sizes.session - 1) / a->sizes.session : entries;
}

static int plan(const struct arguments *a, const struct ps_config *config, const struct ps_dataset *dataset, const struct ps_rates *rates,
                struct ps_error *err)
{
    struct ps_model model;
    struct ps_rehearsal rehearsal;
    struct ps_plan result;
    int status = ps_model_init(&model, config->model.name, config, dataset, err);
    if (status)
        return status;
    int on = a->task.server_hosts ? a->task.server_hosts : a->task.hosts;
    uint32_t shards = (uint32_t)PS_MIN(a->task.servers ? a->task.servers : on, PS_MAX_SHARDS);
    status = check(model.class_, a->given, err);
    if (!status)
        status = ps_rehearse(&model, a->given, shards, a->seconds, &rehearsal, err);
    if (!status) {
        struct ps_plan_task task = a->task;
        task.model = &model;
        task.rehearsal = &rehearsal;
        task.rates = rates;
        task.epoch_samples = epoch_samples(a, &model);
        ps_plan_cost(&task, &result);
        (a->json ? ps_plan_json : ps_plan_print)(&task, &result, a->memory);
    }
    ps_model_fini(&model);
    return status;
}

int cmd_plan(int argc, char **argv)
{
    struct arguments a = {.sizes = {.behaviours = 3}, .task = {.hosts = 1, .cores = (int)sysconf(_SC_NPROCESSORS_ONLN)}, .seconds = 1,
                          .memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE)};
    struct ps_config config;
    struct ps_rates rates;
    struct ps_dataset dataset;
    struct ps_error err = {0};
    argp_parse(&(struct argp){options, parse, "[CONF]", doc, NULL, NULL, NULL}, argc, argv, 0, NULL, &a);
    if (a.print_rates) {
        char *text = ps_schema_write(&ps_rates_schema, NULL);
        fputs(text, stdout);
        free(text);
        return PS_OK;
    }
    int status = load_config(&a, &config, &err);
    if (!status)
        status = ps_rates_load(&rates, a.calibration, a.rate, a.rates, &err);
    if (!status) {
        const struct ps_model_class *class_ = ps_model_find(config.model.name);
        bool sessions = class_ && class_->recipe.stream;
        a.sizes.session = !sessions ? 0 : a.sizes.session ? a.sizes.session : 6;
        if (a.given)
            ps_synth_dataset(&a.sizes, &dataset);
        else
            status = ps_dataset_open(a.data ? a.data : config.data.path, &dataset, &err);
        if (!status) {
            status = plan(&a, &config, &dataset, &rates, &err);
            (a.given ? ps_synth_dataset_free : ps_dataset_close)(&dataset);
        }
    }
    for (int k = 0; k < a.owned_count; k++)
        free(a.owned[k]);
    if (status)
        fprintf(stderr, "penstock: %s\n", err.text);
    return status ? err.code : PS_OK;
}
