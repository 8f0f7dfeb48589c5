/* models.c - from a dataset to production: the stages train, evaluate, judge, export and publish; see nightly.h. */
#include "cli/nightly/nightly.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/measured.h"
#include "cli/nightly/gate.h"
#include "cli/nightly/version.h"
#include "cli/run.h"
#include "common/file.h"
#include "common/schema.h"

/* ---- train ---- */

/* `penstock train`, or `launch` with its groups. */
static void begin_training(struct ps_step *step, const struct ps_nightly *n)
{
    const struct ps_nightly_settings *s = &n->settings;
    bool launch = s->launch.servers || *s->launch.hosts;
    ps_step_init(step, launch ? "launch" : "train");
    if (s->launch.servers)
        ps_step_add(step, "--servers=%d", s->launch.servers);
    if (s->launch.workers)
        ps_step_add(step, "--workers=%d", s->launch.workers);
    if (*s->launch.hosts)
        ps_step_add(step, "--hosts=%s", s->launch.hosts);
    if (*s->launch.agent)
        ps_step_add(step, "--agent=%s", s->launch.agent);
    if (!launch)
        ps_step_add(step, "--quiet");
}

int ps_nightly_train(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err)
{
    struct ps_step step;
    char production[PS_NIGHT_NAME], *run = ps_night_path(n->folder, night->name, "run"), *ended = ps_format("%s/metrics.json", run);
    int status = 0;
    ps_version_production(n->folder, production);
    if (!access(ended, R_OK))
        goto done;
    begin_training(&step, n);
    if (ps_run_has_checkpoint(run)) {
        ps_step_add(&step, "--resume=%s", run);
    } else {
        bool warm = *production && n->settings.nightly.start == PS_START_WARM && !n->cold && !n->anew;
        snprintf(night->start, sizeof night->start, warm ? "warm %s" : "cold", production);
        status = ps_folder_remove(run, err);
        if (!status)
            status = ps_night_write(n->folder, night, err);
        ps_step_add(&step, "--run=%s", run);
        ps_step_add(&step, "--set=data.path=%s/nights/%s/dataset", n->folder, night->name);
        ps_step_add(&step, "--set=train.warm_start=");
        if (warm)
            ps_step_add(&step, "--set=train.warm_start=%s/versions/%s", n->folder, production);
        ps_step_add(&step, "%s", n->settings.nightly.train);
    }
    if (!status)
        status = ps_step_run(&step, n, night, "train", err);
done:
    free(run), free(ended);
    return status;
}

/* ---- evaluate ---- */

/* Production is ranked as tonight's model is: all settings of the evaluation are tonight's. */
static void add_protocol(struct ps_step *step, const struct ps_config *config)
{
    for (int i = 0; i < ps_config_schema.count; i++) {
        const struct ps_key *key = &ps_config_schema.key[i];
        if (strncmp(key->path, "eval.", 5))
            continue;
        char *value = ps_key_print(key, config);
        ps_step_add(step, "--set=%s=%s", key->path, value);
        free(value);
    }
    ps_step_add(step, "--set=eval.floors=false");
    ps_step_add(step, "--bootstrap=0");
}

int ps_nightly_evaluate(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err)
{
    struct ps_config config;
    struct ps_step step;
    char *run = ps_night_path(n->folder, night->name, "run");
    ps_version_production(n->folder, night->against);
    if (n->anew)
        *night->against = 0;
    int status = ps_run_config(run, NULL, 0, &config, err);
    if (!status && *night->against) {
        ps_step_init(&step, "evaluate");
        add_protocol(&step, &config);
        ps_step_add(&step, "--data=%s/nights/%s/dataset", n->folder, night->name);
        ps_step_add(&step, "--json=%s/nights/%s/production.json", n->folder, night->name);
        ps_step_add(&step, "%s/versions/%s", n->folder, night->against);
        status = ps_step_run(&step, n, night, "evaluate", err);
    }
    free(run);
    return status;
}

/* ---- judge ---- */

static double measure(const char *file, const char *run, const char *metric, struct ps_gate_floors *floors, struct ps_error *err, int *status)
{
    struct ps_measured measured;
    struct ps_config config;
    if (!*status)
        *status = ps_run_config(run, NULL, 0, &config, err);
    if (!*status)
        *status = ps_measured_open(&measured, file, "test", err);
    if (*status)
        return NAN;
    double value = ps_measured_value(&measured, config.model.name, "all", metric);
    if (floors) {
        floors->popularity = ps_measured_value(&measured, "popularity", "all", metric);
        floors->carted_first = ps_measured_value(&measured, "carted_first", "all", metric);
    }
    ps_measured_close(&measured);
    return value;
}

int ps_nightly_judge(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err)
{
    struct ps_gate_floors floors;
    char production[PS_NIGHT_NAME], *run = ps_night_path(n->folder, night->name, "run"), *own = ps_format("%s/metrics.json", run);
    char *other = ps_night_path(n->folder, night->name, "production.json"), *version = ps_version_path(n->folder, night->against);
    int status = 0;
    ps_version_production(n->folder, production);
    if (!n->anew && strcmp(production, night->against)) { /* rolled back meanwhile: what is there now is what counts */
        night->stage = PS_NIGHT_EVALUATE;
        goto done;
    }
    ps_nightly_metric(&n->settings, night->metric);
    night->value = measure(own, run, night->metric, &floors, err, &status);
    night->production = *night->against ? measure(other, version, night->metric, NULL, err, &status) : NAN;
    if (status)
        goto done;
    int before = night->checks;
    ps_gate_model(&n->settings, &floors, night);
    for (int i = before; i < night->checks && night->outcome == PS_NIGHT_OPEN; i++)
        if (!night->check[i].passed) {
            night->outcome = PS_NIGHT_REFUSED_MODEL;
            snprintf(night->why, sizeof night->why, "%s: %s", night->check[i].name, night->check[i].why);
        }
done:
    free(run), free(own), free(other), free(version);
    return status;
}

/* ---- publish ---- */

int ps_nightly_export(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err)
{
    struct ps_step step;
    ps_step_init(&step, "export");
    ps_step_add(&step, "%s/nights/%s/run", n->folder, night->name);
    return ps_step_run(&step, n, night, "export", err);
}

int ps_nightly_publish(const struct ps_nightly *n, struct ps_night *night, struct ps_error *err)
{
    int status = ps_version_make(n->folder, night, err);
    if (!status)
        status = ps_version_point(n->folder, night->name, err);
    if (!status)
        night->outcome = PS_NIGHT_PUBLISHED;
    return status;
}
