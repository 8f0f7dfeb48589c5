/* settings.c - the schema of conf/nightly.yaml; see settings.h. */
#include "cli/nightly/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/schema.h"
#include "common/wire.h"
#include "common/yaml.h"

#define AT(field) .offset = offsetof(struct ps_nightly_settings, field)
#define TEXT(field) .type = PS_KEY_TEXT, AT(field), .size = sizeof((struct ps_nightly_settings *)0)->field
#define INT(field, from, to) .type = PS_KEY_INT, AT(field), .low = from, .high = to
#define REAL(field, from, to) .type = PS_KEY_REAL, AT(field), .low = from, .high = to
#define CHOICE(field, ...) .type = PS_KEY_CHOICE, AT(field), .choices = (const struct ps_choice[]){__VA_ARGS__, {NULL, 0}}

static const struct ps_key keys[] = {
    {"nightly.folder", TEXT(nightly.folder), .initial = "\"\"",
     .doc = "Folder of everything: inbox/ for new logs, nights/, versions/ and the link production; relative to the working folder, like all paths."},
    {"nightly.train", TEXT(nightly.train), .initial = "\"\"",
     .doc = "Configuration of the runs, as for `penstock train`; its data.path and train.warm_start are the night's."},
    {"nightly.start", CHOICE(nightly.start, {"warm", PS_START_WARM}, {"cold", PS_START_COLD}), .initial = "warm",
     .doc = "Training begins with what production has learned (train.warm_start), or with initial values."},
    {"nightly.hours", REAL(nightly.hours, 0, INFINITY), .low_open = true, .initial = "12",
     .doc = "Hours that a step (a preparation, the training, an evaluation) may take; then it is ended, and the night with it."},

    {"logs.behaviours", TEXT(logs.behaviours), .initial = "\"\"",
     .doc = "`penstock prepare --behaviours`: from the weakest to the target, as in view,cart,buy."},
    {"logs.options", TEXT(logs.options), .initial = "\"\"",
     .doc = "More options of `penstock prepare`, separated by blanks, as in --time-unit ms --max-bad 1000. Splits are last-by-time."},
    {"logs.window_days", INT(logs.window_days, 0, 100000), .initial = "0",
     .doc = "Days before the newest event that a night trains on; logs that are older are removed. 0 keeps all."},

    {"launch.servers", INT(launch.servers, 0, PS_MAX_SHARDS), .initial = "0",
     .doc = "Servers of `penstock launch`; 0 trains in one process by `penstock train`."},
    {"launch.workers", INT(launch.workers, 0, 256), .initial = "0",
     .doc = "Workers: of the launch, or threads of the one process; 0 is the command's own default."},
    {"launch.hosts", TEXT(launch.hosts), .initial = "\"\"", .doc = "`penstock launch --hosts`: a file of hosts, in place of the two numbers."},
    {"launch.agent", TEXT(launch.agent), .initial = "\"\"",
     .doc = "`penstock launch --agent`: what runs a command on another host (ssh unless told otherwise)."},

    {"gate.metric", .type = PS_KEY_METRIC, AT(gate.metric), .second = offsetof(struct ps_nightly_settings, gate.k), .initial = "ndcg@10",
     .doc = "Test metric that tonight's model and production's are compared by; its K must be in eval.k."},
    {"gate.allowed_drop", REAL(gate.allowed_drop, 0, 1), .initial = "0.05",
     .doc = "Part of production's value that tonight's may be below it."},
    {"gate.least", REAL(gate.least, 0, 1), .initial = "0", .doc = "Value that tonight's must reach in any case."},
    {"gate.above",
     CHOICE(gate.above, {"none", PS_ABOVE_NONE}, {"popularity", PS_ABOVE_POPULARITY}, {"all", PS_ABOVE_ALL}),
     .initial = "popularity", .doc = "Rules that the model must beat: none, popularity, or all floors of the report (carted_first too)."},
    {"gate.nights", INT(gate.nights, 1, 1000), .initial = "7", .doc = "Nights before, at most, whose logs tonight's is compared with (medians)."},
    {"gate.volume_least", REAL(gate.volume_least, 0, INFINITY), .initial = "0.6", .doc = "Events of a behaviour, at least, in parts of the median."},
    {"gate.volume_most", REAL(gate.volume_most, 0, INFINITY), .initial = "3", .doc = "Events of a behaviour, at most, in parts of the median."},
    {"gate.new_users", REAL(gate.new_users, 0, 1), .initial = "0.5", .doc = "Part of tonight's users, at most, that was never seen before."},
    {"gate.new_items", REAL(gate.new_items, 0, 1), .initial = "0.5", .doc = "Part of tonight's items, at most, that was never seen before."},
    {"gate.duplicates", REAL(gate.duplicates, 0, 1), .initial = "0.2",
     .doc = "Share of tonight's events that repeat another one's user, item and behaviour: at most the median and this."},
    {"gate.days_back", REAL(gate.days_back, 0, INFINITY), .initial = "2",
     .doc = "Days before the newest event of earlier nights at which tonight's may begin."},
    {"gate.hours_ahead", REAL(gate.hours_ahead, 0, INFINITY), .initial = "24", .doc = "Hours after now at which tonight's events may end."},

    {"keep.versions", INT(keep.versions, 2, 10000), .initial = "5", .doc = "Published versions that are kept, beside production."},
    {"keep.nights", INT(keep.nights, 1, 10000), .initial = "2",
     .doc = "Nights whose dataset and run are kept, beside what versions hold; summaries and logs of commands stay."},

    {"hook.command", TEXT(hook.command), .initial = "\"\"",
     .doc = "Shell command that is run after every night, published, refused or failed, with its summary.json as standard input."},
    {"hook.seconds", REAL(hook.seconds, 0, INFINITY), .low_open = true, .initial = "60", .doc = "Seconds that it may take."},
};
static const struct ps_schema schema = {keys, PS_COUNT(keys), "penstock nightly --keys"};

static int check(const struct ps_nightly_settings *s, const char *path, struct ps_error *err)
{
    const struct {
        const char *key, *value, *what;
    } needed[] = {{"nightly.folder", s->nightly.folder, "the folder with the inbox"},
                  {"nightly.train", s->nightly.train, "the configuration of the runs"},
                  {"logs.behaviours", s->logs.behaviours, "the behaviours, from the weakest to the target"}};
    static const char *const own[] = {"--out", "-o", "--behaviours", "-b", "--test", "-t", "--dictionary", "--overwrite", "--since", "--forget-test"};
    for (size_t i = 0; i < PS_COUNT(needed); i++)
        if (!*needed[i].value)
            return ps_fail(err, PS_EXIT_USAGE, "%s: %s is missing; name %s", path, needed[i].key, needed[i].what);
    for (size_t i = 0; i < PS_COUNT(own); i++) {
        const char *at = strstr(s->logs.options, own[i]);
        size_t length = strlen(own[i]);
        if (at && (at == s->logs.options || at[-1] == ' ') && strchr(" =", at[length]))
            return ps_fail(err, PS_EXIT_USAGE, "%s: logs.options has %s, which is the night's own business", path, own[i]);
    }
    if (*s->launch.hosts && s->launch.servers)
        return ps_fail(err, PS_EXIT_USAGE, "%s: launch.hosts takes the place of launch.servers and launch.workers; leave one out", path);
    if (s->gate.volume_least > s->gate.volume_most)
        return ps_fail(err, PS_EXIT_USAGE, "%s: gate.volume_least is above gate.volume_most, so no night could pass", path);
    return 0;
}

int ps_nightly_load(struct ps_nightly_settings *settings, const char *path, struct ps_error *err)
{
    struct ps_yaml *root;
    int status = ps_yaml_load(path, PS_EXIT_USAGE, &root, err);
    if (status)
        return status;
    memset(settings, 0, sizeof *settings);
    ps_schema_init(&schema, settings);
    status = ps_schema_load(&schema, settings, path, root, err);
    ps_yaml_free(root);
    return status ? status : check(settings, path, err);
}

char *ps_nightly_reference(void)
{
    char *text = ps_schema_write(&schema, NULL);
    char *whole = ps_format("# Every key of the file that 'penstock nightly' is given, with its default: what 'penstock nightly --keys' prints.\n"
                            "# A file of your own names only what differs: nightly.folder, nightly.train and logs.behaviours at least.\n\n%s",
                            text);
    free(text);
    return whole;
}

void ps_nightly_metric(const struct ps_nightly_settings *s, char text[32])
{
    char *metric = ps_key_print(ps_schema_find(&schema, "gate.metric"), s);
    snprintf(text, 32, "%s", metric);
    free(metric);
}
