/* story.c - reading a run's log; see story.h. JSON is YAML. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cli/page/story.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/measured.h"
#include "cli/page/html.h"

static const double SILENT = 600; /* seconds: while it trains it says something every ten */

static double number(const struct ps_yaml *line, const char *key)
{
    const char *text = ps_measured_text(line, key);
    return *text ? strtod(text, NULL) : NAN;
}

/* A number that counts something; 0 where there is none. */
static uint64_t count(const struct ps_yaml *line, const char *key)
{
    return strtoull(ps_measured_text(line, key), NULL, 10);
}

/* "2026-11-21T15:56:29.468Z" */
static double seconds_of(const char *text)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    return rest ? (double)timegm(&tm) + (*rest == '.' ? strtod(rest, NULL) : 0) : NAN;
}

/* The entry of an epoch, which is made where there is none yet. */
static struct ps_story_epoch *epoch_of(struct ps_story *s, const struct ps_yaml *line)
{
    uint32_t number_of = (uint32_t)count(line, "epoch");
    size_t at = s->epochs;
    while (at > 0 && s->epoch[at - 1].epoch > number_of)
        at--;
    if (at > 0 && s->epoch[at - 1].epoch == number_of)
        return &s->epoch[at - 1];
    PS_GROW(s->epoch, s->epoch_capacity, s->epochs + 1);
    memmove(&s->epoch[at + 1], &s->epoch[at], (s->epochs - at) * sizeof *s->epoch);
    s->epochs++;
    s->epoch[at] = (struct ps_story_epoch){.epoch = number_of, .loss = NAN, .samples = NAN, .seconds = NAN, .rate = NAN, .staleness = NAN,
                                           .value = NAN, .hr = NAN, .ndcg = NAN, .mrr = NAN, .rows = NAN};
    for (int k = 0; k < PS_MAX_TASKS; k++)
        s->epoch[at].task[k] = NAN;
    return &s->epoch[at];
}

static void take_rate(struct ps_story *s, double at, const struct ps_yaml *line)
{
    PS_GROW(s->rate, s->rate_capacity, s->rates + 1);
    s->rate[s->rates++] = (struct ps_story_rate){.at = at, .rate = number(line, "samples_per_second"), .workers = (int)count(line, "workers"),
                                                 .servers = (int)count(line, "servers")};
}

static void take_epoch(struct ps_story *s, double at, const struct ps_yaml *line)
{
    struct ps_story_epoch *e = epoch_of(s, line);
    e->at = at;
    e->loss = number(line, "loss");
    e->samples = number(line, "samples");
    e->seconds = number(line, "seconds");
    e->rate = number(line, "samples_per_second");
    e->staleness = number(line, "staleness");
    take_rate(s, at, line);
}

static void take_validation(struct ps_story *s, const struct ps_yaml *line)
{
    struct ps_story_epoch *e = epoch_of(s, line);
    snprintf(s->metric, sizeof s->metric, "%s", ps_measured_text(line, "metric"));
    e->value = number(line, "value");
    e->hr = number(line, "hr");
    e->ndcg = number(line, "ndcg");
    e->mrr = number(line, "mrr");
    e->best = !strcmp(ps_measured_text(line, "best"), "true");
}

static void take_phases(struct ps_story *s, const struct ps_yaml *line)
{
    struct ps_story_epoch *e = epoch_of(s, line);
    const struct ps_yaml *workers = ps_yaml_get(line, "workers"), *servers = ps_yaml_get(line, "servers");
    for (int p = 0; p < PS_PHASES; p++) {
        double worker = number(workers, ps_phase_name((enum ps_phase)p)), server = number(servers, ps_phase_name((enum ps_phase)p));
        e->worker[p] = isfinite(worker) ? worker : 0;
        e->server[p] = isfinite(server) ? server : 0;
    }
}

static void take_tasks(struct ps_story *s, const struct ps_yaml *line)
{
    const struct ps_yaml *loss = ps_measured_child(line, "loss");
    struct ps_story_epoch *e = epoch_of(s, line);
    for (int i = 0; loss && loss->kind == PS_YAML_MAP && i < loss->count; i++) {
        int k = 0;
        while (k < s->tasks && strcmp(s->task[k], loss->child[i].key))
            k++;
        if (k == PS_MAX_TASKS)
            return;
        if (k == s->tasks)
            snprintf(s->task[s->tasks++], PS_NAME_SIZE, "%s", loss->child[i].key);
        e->task[k] = number(loss, loss->child[i].key);
    }
}

static void take_account(struct ps_story *s, const struct ps_yaml *line)
{
    s->micro_batches += count(line, "expected");
    s->repeated += count(line, "repeated");
    s->lost += count(line, "lost");
    s->twice += count(line, "twice");
}

static void take_checkpoint(struct ps_story *s, const struct ps_yaml *line)
{
    s->checkpoints++;
    s->checkpoint_bytes = count(line, "bytes");
    s->checkpoint_seconds += number(line, "seconds");
    s->checkpoint_pause = fmax(s->checkpoint_pause, number(line, "pause"));
}

static void add_event(struct ps_story *s, const struct ps_story_event *event)
{
    PS_GROW(s->event, s->event_capacity, s->events + 1);
    s->event[s->events++] = *event;
}

/* A run that has ended, or has said nothing for long, is gone on with: what is between is not its time. */
static void take_pause(struct ps_story *s, double time, const char *event)
{
    double gap = time - s->begun - s->paused - s->last;
    char text[32];
    if (strcmp(event, "member") || !(gap > 0) || (!s->ended && gap < SILENT))
        return;
    s->paused += gap;
    struct ps_story_event pause = {.at = s->last, .kind = PS_STORY_NOTE};
    snprintf(pause.text, sizeof pause.text, "gone on with after %s", ps_html_duration(gap, text));
    add_event(s, &pause);
}

static void take(struct ps_story *s, const struct ps_yaml *line)
{
    const char *event = ps_measured_text(line, "event");
    double time = seconds_of(ps_measured_text(line, "time"));
    if (!isfinite(time)) {
        s->unread++;
        return;
    }
    if (!s->begun)
        s->begun = time;
    take_pause(s, time, event);
    double at = s->last = time - s->begun - s->paused;
    if (!strcmp(event, "epoch")) {
        take_epoch(s, at, line);
    } else if (!strcmp(event, "progress")) {
        take_rate(s, at, line);
    } else if (!strcmp(event, "validation")) {
        take_validation(s, line);
    } else if (!strcmp(event, "phases")) {
        take_phases(s, line);
    } else if (!strcmp(event, "ids")) {
        epoch_of(s, line)->rows = number(line, "rows");
    } else if (!strcmp(event, "tasks")) {
        take_tasks(s, line);
    } else if (!strcmp(event, "account")) {
        take_account(s, line);
    } else if (!strcmp(event, "checkpoint")) {
        take_checkpoint(s, line);
    } else if (!strcmp(event, "handover")) {
        s->handovers++;
        s->handover_longest = fmax(s->handover_longest, number(line, "seconds"));
    } else if (!strcmp(event, "end")) {
        s->ended = true;
        s->code = (int)count(line, "code");
    }
    bool begins = !strcmp(event, "start") || !strcmp(event, "takeover");
    s->started = begins && !s->starts ? at : s->started;
    s->starts += begins;
    s->ended &= !begins && strcmp(event, "member"); /* it is gone on with */
    struct ps_story_event tale = {.at = at};
    if (ps_story_tell(line, event, &tale))
        add_event(s, &tale);
}

int ps_story_read(struct ps_story *s, const char *run, struct ps_error *err)
{
    *s = (struct ps_story){0};
    char *path = ps_format("%s/log.jsonl", run), *line = NULL;
    FILE *file = fopen(path, "re");
    size_t room = 0;
    ssize_t length;
    if (!file) {
        int status = ps_fail_errno(err, PS_EXIT_DATA, "%s is no run: cannot read its log %s", run, path);
        free(path);
        return status;
    }
    while ((length = getline(&line, &room, file)) > 0) {
        struct ps_yaml *root;
        if (line[length - 1] != '\n' || ps_yaml_load_text(line, (size_t)length, path, PS_EXIT_DATA, &root, NULL)) {
            s->unread++;
            continue;
        }
        take(s, root);
        ps_yaml_free(root);
    }
    fclose(file);
    free(line), free(path);
    return 0;
}

void ps_story_free(struct ps_story *s)
{
    free(s->epoch), free(s->rate), free(s->event);
    *s = (struct ps_story){0};
}
