/* status.c - what a run is doing, as JSON for penstock status: the run, then each process. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/internal.h"
#include "coordinator/runlog.h"

static const double RATE_EVERY = 2;    /* seconds over which a rate is measured */
static const double SILENT = 1;        /* seconds without a beat */
static const double STRAGGLES = 1.5;   /* times the median remaining time of those who work */

/* The share of the member's time that was work of steps since this was last asked. */
static double work_since(struct ps_member *m)
{
    double work = 0, time = 0, share = 0;
    for (int p = 0; p < PS_PHASES; p++) {
        work += ps_phase_is_work((enum ps_phase)p) ? m->sums.phase[p] : 0;
        time += m->sums.phase[p];
    }
    if (time > m->time_from)
        share = (work - m->work_from) / (time - m->time_from);
    m->work_from = work;
    m->time_from = time;
    return share;
}

void ps_status_beat(struct ps_member *m)
{
    uint64_t have = m->role == PS_ROLE_SERVER ? m->progress.rows : m->progress.samples;
    double now = ps_now(), seconds = now - m->rate_at;
    if (have < m->rate_from) { /* a new epoch */
        m->rate_from = 0;
        m->rate_at = now;
    } else if (seconds >= RATE_EVERY) {
        m->rate = m->rate_at > 0 ? (double)(have - m->rate_from) / seconds : 0;
        m->rate_from = have;
        m->rate_at = now;
        m->busy = work_since(m);
    }
}

bool ps_status_shown(const struct ps_member *m)
{
    static const double remembered = 60; /* seconds */
    return m->alive || ps_now() - m->last_beat < remembered;
}

const char *ps_status_phase(const struct ps_coordinator *c)
{
    if (!c->map.version)
        return "waiting for members";
    if (c->alone_since > 0)
        return "waiting for a worker";
    if (c->ranks.rank)
        return "ranking";
    if (c->expected == PS_READY)
        return "loading";
    return c->expected == PS_CUT_LIMIT || c->expected == PS_CUT_DONE ? "checkpoint" : "training";
}

const char *ps_status_state(const struct ps_coordinator *c, const struct ps_member *m)
{
    uint32_t copy = ps_replicas_copy(c, m);
    if (!m->alive)
        return m->left ? "left" : "lost";
    if (ps_now() - m->last_beat > SILENT)
        return "silent";
    if (copy != PS_NO_SHARD)
        return c->map.entry[copy].synced ? "replica" : "copying";
    if (m->role == PS_ROLE_SERVER)
        return "serving";
    return !m->progress.turns ? "opening" : m->leaving ? "leaving" : m->task ? "ranking" : m->load ? "working" : "idle";
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of the workers that hold lanes: the (lower) median of their remaining times; 0 where there are fewer than two. */
static double median_remaining(const struct ps_coordinator *c)
{
    double *seconds = ps_calloc((size_t)c->members + 1, sizeof *seconds), median = 0;
    size_t count = 0;
    for (int i = 0; i < c->members; i++)
        if (c->member[i]->load)
            seconds[count++] = ps_balance_seconds(c, c->member[i], 0);
    if (count > 1) {
        qsort(seconds, count, sizeof *seconds, ascending);
        median = seconds[(count - 1) / 2];
    }
    free(seconds);
    return median;
}

uint32_t ps_status_slots(const struct ps_coordinator *c, const struct ps_member *m)
{
    uint32_t slots = 0;
    for (uint32_t s = 0; m->alive && m->role == PS_ROLE_SERVER && c->map.version && s < PS_SLOTS; s++)
        slots += c->map.shard_of[s] == m->shard;
    return slots;
}

double ps_status_rate(const struct ps_coordinator *c)
{
    double rate = 0;
    for (int i = 0; i < c->members; i++)
        if (c->member[i]->alive && c->member[i]->role == PS_ROLE_WORKER)
            rate += c->member[i]->rate;
    return rate;
}

uint64_t ps_status_lag(const struct ps_coordinator *c, const struct ps_member *m)
{
    uint64_t most = 0, least = UINT64_MAX;
    for (uint32_t l = 0; l < c->lanes; l++) {
        most = PS_MAX(most, c->lane[l].reached);
        if (c->lane[l].state == PS_LANE_GRANTED && c->lane[l].holder == m)
            least = PS_MIN(least, c->lane[l].reached);
    }
    return least == UINT64_MAX ? 0 : most - least;
}

static void write_member(struct ps_coordinator *c, const struct ps_member *m, double median, FILE *to)
{
    char wait[PS_JSON_TEXT];
    double silent = ps_now() - m->last_beat;
    double remaining = m->load ? ps_balance_seconds(c, m, 0) : 0;
    bool straggler = m->alive && (silent > SILENT || (median > 0 && remaining > STRAGGLES * median));
    fprintf(to, "{\"role\":\"%s\",\"host\":\"%s\",\"pid\":%u,\"state\":\"%s\",", ps_role_name(m->role), m->host, m->pid, ps_status_state(c, m));
    if (ps_replicas_copy(c, m) != PS_NO_SHARD)
        fprintf(to, "\"copy_of\":%u,", ps_replicas_copy(c, m));
    if (m->role == PS_ROLE_SERVER)
        fprintf(to, "\"shard\":%u,\"slots\":%u,\"rows_per_second\":%.0f,", m->shard, ps_status_slots(c, m), m->alive ? m->rate : 0);
    else
        fprintf(to, "\"lanes\":%u,\"samples_per_second\":%.0f,\"lag\":%llu,\"remaining\":%.1f,", m->load, m->alive ? m->rate : 0,
                (unsigned long long)ps_status_lag(c, m), remaining);
    fprintf(to, "\"busy\":%.3f,\"queue\":%u,\"last_seen\":%.2f,\"patience\":%.2f,\"straggler\":%s,\"refused\":%llu,\"waits\":\"%s\"}", m->alive ? m->busy : 0, m->progress.queue, silent, ps_detect_patience(c, m),
            straggler ? "true" : "false", (unsigned long long)m->progress.strangers, ps_json_text(m->progress.wait, wait));
}

struct ps_life ps_status_life(const struct ps_coordinator *c)
{
    struct ps_life sum = {0};
    for (int i = 0; i < c->members; i++)
        if (c->member[i]->alive && c->member[i]->role == PS_ROLE_SERVER && c->member[i]->shard != PS_NO_SHARD)
            ps_life_add(&sum, &c->member[i]->progress.life);
    return sum;
}

static void write_life(const struct ps_coordinator *c, FILE *to)
{
    struct ps_life sum = ps_status_life(c);
    if (!ps_config_lives(c->config))
        return;
    fprintf(to, "\"ids\":{\"rows\":%llu,\"waiting\":%llu,\"admitted\":%llu,\"evicted\":%llu},", (unsigned long long)sum.rows,
            (unsigned long long)sum.waiting, (unsigned long long)sum.admitted, (unsigned long long)sum.evicted);
}

char *ps_status_text(struct ps_coordinator *c)
{
    struct ps_text text;
    FILE *to = ps_text_open(&text);
    ps_balance_measure(c);
    double done = (double)ps_lanes_samples(c);
    fprintf(to, "{\"phase\":\"%s\",\"epoch\":%u,\"epochs\":%d,\"done\":%.4f,\"samples_per_second\":%.0f,\"lanes\":%u,\"lanes_finished\":%u,"
            "\"servers\":%d,\"workers\":%d,\"term\":%u,\"era\":%u,\"refused\":%llu,\"waits\":\"%s\",", ps_status_phase(c), c->epoch, c->config->train.epochs,
            PS_MIN(done / (double)PS_MAX(c->options.epoch_samples, 1), 1), ps_status_rate(c), c->lanes, ps_lanes_finished(c),
            ps_members_count(c, PS_ROLE_SERVER), ps_workers_count(c), c->term, c->era, (unsigned long long)ps_coordinator_strangers(c), c->waits);
    write_life(c, to);
    fputs("\n \"members\":[", to);
    double median = median_remaining(c);
    const char *between = "";
    for (int i = 0; i < c->members; i++) {
        const struct ps_member *m = c->member[i];
        if (!ps_status_shown(m))
            continue;
        fprintf(to, "%s\n  ", between);
        write_member(c, m, median, to);
        between = ",";
    }
    fputs("]}\n", to);
    return ps_text_close(&text);
}
