/* gate.c - see gate.h. */
#include "cli/nightly/gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NIGHTS = 1000 }; /* as gate.nights allows */
static const double DAY = 86400, HOUR = 3600;

static void add(struct ps_night *n, const char *name, double value, double low, double high, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

static void add(struct ps_night *n, const char *name, double value, double low, double high, const char *format, ...)
{
    PS_ASSERT(n->checks < PS_NIGHT_CHECKS);
    struct ps_check *c = &n->check[n->checks++];
    va_list args;
    *c = (struct ps_check){.value = value, .low = low, .high = high, .passed = value >= low && value <= high};
    snprintf(c->name, sizeof c->name, "%s", name);
    va_start(args, format);
    vsnprintf(c->why, sizeof c->why, format, args);
    va_end(args);
}

const struct ps_check *ps_gate_failure(const struct ps_night *n)
{
    for (int i = 0; i < n->checks; i++)
        if (!n->check[i].passed)
            return &n->check[i];
    return NULL;
}

/* ---- the log ---- */

static double part(uint64_t of, uint64_t whole)
{
    return whole ? (double)of / (double)whole : 0;
}

static double duplicates_of(const struct ps_night_log *log)
{
    uint64_t events = 0, duplicates = 0;
    for (int b = 0; b < log->behaviours; b++)
        events += log->events[b], duplicates += log->duplicates[b];
    return part(duplicates, events);
}

static int compare_reals(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* NAN of none. */
static double median(double *value, int count)
{
    if (!count)
        return NAN;
    qsort(value, (size_t)count, sizeof *value, compare_reals);
    return count % 2 ? value[count / 2] : (value[count / 2 - 1] + value[count / 2]) / 2;
}

/* The latest nights whose logs count; how many. */
static int compared_with(const struct ps_nightly_settings *s, const struct ps_night *earlier, int count, const struct ps_night_log **log)
{
    int found = 0;
    for (int i = count - 1; i >= 0 && found < s->gate.nights; i--)
        if (ps_night_counts(&earlier[i]))
            log[found++] = &earlier[i].log;
    return found;
}

static double events_named(const struct ps_night_log *log, const char *behaviour)
{
    for (int b = 0; b < log->behaviours; b++)
        if (!strcmp(log->behaviour[b], behaviour))
            return (double)log->events[b];
    return 0;
}

static void check_volume(const struct ps_nightly_settings *s, const struct ps_night_log **before, int nights, struct ps_night *n)
{
    double value[MOST_NIGHTS];
    char name[48];
    for (int b = 0; b < n->log.behaviours; b++) {
        for (int i = 0; i < nights; i++)
            value[i] = events_named(before[i], n->log.behaviour[b]);
        double usual = median(value, nights), events = (double)n->log.events[b];
        snprintf(name, sizeof name, "volume of %s", n->log.behaviour[b]);
        /* A behaviour that is new to the configuration has no usual volume. */
        if (usual > 0)
            add(n, name, events / usual, s->gate.volume_least, s->gate.volume_most,
                "%.0f events of %s are %.2f of the usual %.0f (median of %d)", events, n->log.behaviour[b], events / usual, usual, nights);
    }
}

static void check_sameness(const struct ps_nightly_settings *s, const struct ps_night_log **before, int nights, struct ps_night *n)
{
    double value[MOST_NIGHTS], share = part(n->log.new_users, n->log.users);
    add(n, "new users", share, -INFINITY, s->gate.new_users, "%.1f %% of tonight's %llu users are new", 100 * share,
        (unsigned long long)n->log.users);
    share = part(n->log.new_items, n->log.items);
    add(n, "new items", share, -INFINITY, s->gate.new_items, "%.1f %% of tonight's %llu items are new", 100 * share,
        (unsigned long long)n->log.items);
    for (int i = 0; i < nights; i++)
        value[i] = duplicates_of(before[i]);
    double usual = median(value, nights);
    share = duplicates_of(&n->log);
    add(n, "duplicates", share, -INFINITY, usual + s->gate.duplicates, "%.1f %% of the events repeat another one, and usually %.1f %% (median of %d)",
        100 * share, 100 * usual, nights);
}

static void check_times(const struct ps_nightly_settings *s, const struct ps_night_log **before, int nights, struct ps_night *n)
{
    int64_t newest = INT64_MIN;
    for (int i = 0; i < nights; i++)
        newest = PS_MAX(newest, before[i]->last);
    double back = (double)(newest - n->log.first) / DAY, hours = (double)(n->log.last - newest) / HOUR;
    add(n, "begins", back, -INFINITY, s->gate.days_back, "the log begins %.2f days before the end of those before it", back);
    add(n, "goes on", hours, 1 / HOUR, INFINITY, hours > 0 ? "the log goes on %.2f hours after the end of those before it" :
        "the log has nothing that is newer than those before it (%.2f hours)", hours);
}

void ps_gate_log(const struct ps_nightly_settings *s, const struct ps_night *earlier, int count, double now, struct ps_night *n)
{
    const struct ps_night_log *before[MOST_NIGHTS];
    int nights = compared_with(s, earlier, count, before);
    double ahead = ((double)n->log.last - now) / HOUR;
    if (nights) {
        check_volume(s, before, nights, n);
        check_sameness(s, before, nights, n);
        check_times(s, before, nights, n);
    }
    add(n, "ends", ahead, -INFINITY, s->gate.hours_ahead,
        ahead > 0 ? "the log ends %.2f hours in the future" : "the log ends in the past (%.2f hours)", ahead);
}

void ps_gate_unreadable(struct ps_night *n, const char *why)
{
    add(n, "readable", NAN, -INFINITY, INFINITY, "%s", why);
}

/* ---- the model ---- */

static void check_rule(struct ps_night *n, const char *rule, double value)
{
    char name[48];
    if (isnan(value))
        return; /* the dataset has no such rule, or eval.floors is off */
    snprintf(name, sizeof name, "above %s", rule);
    add(n, name, n->value, value, INFINITY, "%s is %.4f, and %.4f of the rule %s", n->metric, n->value, value, rule);
}

void ps_gate_model(const struct ps_nightly_settings *s, const struct ps_gate_floors *floors, struct ps_night *n)
{
    double bound = n->production * (1 - s->gate.allowed_drop);
    if (isnan(n->production))
        add(n, "measured", n->value, 0, 1, "%s is %.4f, and there is no production to compare with", n->metric, n->value);
    else
        add(n, "against production", n->value, bound, INFINITY, "%s is %.4f, production's %.4f on the same split (%+.1f %%)", n->metric, n->value,
            n->production, n->production > 0 ? 100 * (n->value / n->production - 1) : 0);
    if (s->gate.least > 0)
        add(n, "least", n->value, s->gate.least, INFINITY, "%s is %.4f, and must be %g", n->metric, n->value, s->gate.least);
    if (s->gate.above != PS_ABOVE_NONE)
        check_rule(n, "popularity", floors->popularity);
    if (s->gate.above == PS_ABOVE_ALL)
        check_rule(n, "carted_first", floors->carted_first);
}
