/* trial.c - runs of an experiment and what they left behind; see trial.h. */
#include "cli/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/measured.h"
#include "cli/run.h"
#include "common/file.h"

enum { LOG_BYTES = 1 << 26 };

/* XXH64 of the configuration without what may differ between two calls: where the dataset lies, and how far a run to tune on has come. */
static uint64_t fingerprint(const struct ps_config *config, bool can_grow)
{
    struct ps_config named = *config;
    const char *slash = strrchr(config->data.path, '/');
    snprintf(named.data.path, sizeof named.data.path, "%s", slash ? slash + 1 : config->data.path);
    if (can_grow)
        named.train.epochs = 1;
    char *text = ps_config_write(&named);
    uint64_t sum = ps_hash64(text, strlen(text), 0);
    free(text);
    return sum;
}

void ps_trial_init(struct ps_trial *t, const struct ps_config *config, const char *out, bool can_grow, int workers)
{
    memset(t, 0, sizeof *t);
    t->config = *config;
    t->folder = ps_format("%s/runs/%s-%016llx", out, config->model.name, (unsigned long long)fingerprint(config, can_grow));
    t->log = ps_format("%s.log", t->folder);
    t->conf = ps_format("%s.yaml", t->folder);
    snprintf(t->workers, sizeof t->workers, "%d", workers);
}

void ps_trial_free(struct ps_trial *t)
{
    free(t->folder), free(t->log), free(t->conf);
}

/* RUN/metrics.json and its test, or an error. */
static int open_metrics(const struct ps_trial *t, struct ps_measured *measured, struct ps_error *err)
{
    char *path = ps_format("%s/metrics.json", t->folder);
    int status = ps_measured_open(measured, path, "test", err);
    free(path);
    return status;
}

bool ps_trial_complete(const struct ps_trial *t)
{
    struct ps_measured measured;
    struct ps_error none;
    if (open_metrics(t, &measured, &none))
        return false;
    const struct ps_yaml *training = ps_yaml_get(measured.root, "training");
    long epochs = strtol(ps_measured_text(training, "epochs"), NULL, 10);
    bool complete = epochs >= t->config.train.epochs || !epochs || !strcmp(ps_measured_text(training, "stopped_early"), "true");
    ps_measured_close(&measured);
    return complete;
}

static int write_config(const struct ps_trial *t, struct ps_error *err)
{
    char *text = ps_config_write(&t->config);
    int status = ps_file_write(t->conf, text, strlen(text), err);
    free(text);
    return status;
}

int ps_trial_child(struct ps_trial *t, struct ps_child *child, struct ps_error *err)
{
    bool begun = ps_run_has_checkpoint(t->folder);
    int status = begun ? 0 : ps_folder_remove(t->folder, err);
    if (!status)
        status = write_config(t, err);
    *child = (struct ps_child){.output = t->log, .of = t};
    const char **argument = child->argument;
    *argument++ = "train";
    if (begun) {
        snprintf(t->epochs, sizeof t->epochs, "train.epochs=%d", t->config.train.epochs);
        snprintf(t->data, sizeof t->data, "data.path=%s", t->config.data.path);
        const char *more[] = {"--resume", t->folder, "--set", t->epochs, "--set", t->data};
        memcpy(argument, more, sizeof more);
        argument += PS_COUNT(more);
    } else {
        const char *more[] = {t->conf, "--run", t->folder};
        memcpy(argument, more, sizeof more);
        argument += PS_COUNT(more);
    }
    const char *always[] = {"--workers", t->workers, "--quiet"};
    memcpy(argument, always, sizeof always);
    return status;
}

/* ---- what a run shows ---- */

static double number_in(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at ? strtod(at + strlen(key), NULL) : NAN;
}

static void take_line(const char *line, int epochs, struct ps_curve *curve, size_t *capacity, double *seconds)
{
    double epoch = number_in(line, "\"epoch\":");
    if (!(epoch >= 1 && epoch <= epochs))
        return;
    if (strstr(line, "\"event\":\"epoch\""))
        seconds[(int)epoch] = number_in(line, "\"seconds\":");
    if (!strstr(line, "\"event\":\"validation\""))
        return;
    while (curve->points && curve->point[curve->points - 1].epoch >= (int)epoch) /* a run that went back to a checkpoint */
        curve->points--;
    PS_GROW(curve->point, *capacity, curve->points + 1);
    curve->point[curve->points++] = (struct ps_point){.epoch = (int)epoch,
                                                      .value = number_in(line, "\"value\":"),
                                                      .hr = number_in(line, "\"hr\":"),
                                                      .ndcg = number_in(line, "\"ndcg\":")};
}

int ps_trial_curve(const struct ps_trial *t, int epochs, struct ps_curve *curve, struct ps_error *err)
{
    char *path = ps_format("%s/log.jsonl", t->folder), *text = NULL;
    size_t size, capacity = 0;
    int status = ps_file_read(path, LOG_BYTES, &text, &size, err);
    free(path);
    if (status)
        return status;
    double *seconds = ps_calloc((size_t)epochs + 1, sizeof *seconds);
    *curve = (struct ps_curve){0};
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        take_line(line, epochs, curve, &capacity, seconds);
    for (int i = 1; i <= epochs; i++)
        curve->seconds += seconds[i];
    free(seconds), free(text);
    if (!curve->points)
        return ps_fail(err, PS_EXIT_DATA, "%s/log.jsonl has no validation; a dataset to tune on needs validation pairs (--valid)", t->folder);
    return 0;
}

int ps_trial_metrics(const struct ps_trial *t, const char *group, const char *const *metric, int count, double *value, struct ps_error *err)
{
    struct ps_measured measured;
    int status = open_metrics(t, &measured, err);
    if (status)
        return status;
    bool any = !isnan(ps_measured_value(&measured, t->config.model.name, group, "targets"));
    for (int i = 0; i < count; i++)
        value[i] = ps_measured_value(&measured, t->config.model.name, group, metric[i]);
    if (!any)
        status = ps_fail(err, PS_EXIT_DATA, "%s/metrics.json has no test of '%s'; a final dataset needs test pairs (--test)", t->folder, group);
    ps_measured_close(&measured);
    return status;
}

int ps_trial_protocol(const struct ps_trial *t, char text[256], struct ps_error *err)
{
    struct ps_measured m;
    int status = open_metrics(t, &m, err);
    if (status)
        return status;
    snprintf(text, 256, "%s test targets, each ranked among %s; mask=%s, ties=%s, means over %s", ps_measured_protocol(&m, "targets"),
             ps_measured_protocol(&m, "candidates"), ps_measured_protocol(&m, "mask"), ps_measured_protocol(&m, "ties"),
             ps_measured_protocol(&m, "mean"));
    ps_measured_close(&m);
    return 0;
}

void ps_trial_settle(const struct ps_trial *t)
{
    struct ps_error ignored;
    char *folder = ps_format("%s/checkpoints", t->folder);
    ps_folder_remove(folder, &ignored);
    free(folder);
}
