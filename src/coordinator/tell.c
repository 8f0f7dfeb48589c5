/* tell.c - what the run's log, TensorBoard and the terminal are told of its epochs. */
#include <string.h>

#include "common/metrics.h"
#include "common/tfevents.h"
#include "coordinator/internal.h"
#include "coordinator/runlog.h"

static const double PROGRESS_EVERY = 10; /* seconds */

void ps_tell_progress(struct ps_coordinator *c, uint64_t samples, double loss)
{
    double now = ps_now(), seconds = now - c->told_at;
    bool begins = samples < c->told_samples || !c->told_at;
    if (!begins && seconds < PROGRESS_EVERY)
        return;
    if (!begins)
        ps_runlog(c->options.log,
                  "{\"event\":\"progress\",\"epoch\":%u,\"samples\":%llu,\"loss\":%.6g,\"samples_per_second\":%.0f,\"servers\":%d,\"workers\":%d}",
                  c->epoch, (unsigned long long)samples, loss, (double)(samples - c->told_samples) / seconds, ps_members_count(c, PS_ROLE_SERVER),
                  ps_members_count(c, PS_ROLE_WORKER));
    c->told_at = now;
    c->told_samples = samples;
}

void ps_tell_epoch(struct ps_coordinator *c, uint64_t samples, double loss, double seconds)
{
    struct ps_tfevents *board = c->options.board;
    double rate = (double)samples / PS_MAX(seconds, 1e-9);
    bool stale = c->config->train.consistency != PS_SYNC;
    char staleness[48] = "";
    if (stale)
        snprintf(staleness, sizeof staleness, ",\"staleness\":%llu", (unsigned long long)c->staleness);
    ps_runlog(c->options.log,
              "{\"event\":\"epoch\",\"epoch\":%u,\"loss\":%.8g,\"samples\":%llu,\"seconds\":%.3f,\"samples_per_second\":%.0f%s}", c->epoch,
                  loss,
              (unsigned long long)samples, seconds, rate, staleness);
    snprintf(c->epoch_line, sizeof c->epoch_line, "epoch %u/%d  loss %.5f  %.0f k samples/s  %.1f s", c->epoch, c->config->train.epochs,
             loss, 1e-3 * rate,
             seconds);
    ps_tfevents_note(board, loss, "train/loss");
    ps_tfevents_note(board, rate, "train/samples_per_second");
    ps_tfevents_note(board, seconds, "train/seconds");
    if (stale)
        ps_tfevents_note(board, (double)c->staleness, "train/staleness");
    ps_tfevents_note(board, ps_members_count(c, PS_ROLE_WORKER), "cluster/workers");
    ps_tfevents_note(board, ps_members_count(c, PS_ROLE_SERVER), "cluster/servers");
    ps_sums_tell(c);
    ps_tfevents_write(board, c->epoch);
    c->told_at = 0;
}

void ps_tell_validation(struct ps_coordinator *c, const struct ps_quality *quality, double value, bool best)
{
    const char *metric = ps_measure_name((enum ps_measure)c->config->early_stop.metric);
    int k = c->config->early_stop.k;
    ps_runlog(c->options.log,
              "{\"event\":\"validation\",\"epoch\":%u,\"metric\":\"%s@%d\",\"value\":%.8f,\"best\":%s,\"hr\":%.8f,\"ndcg\":%.8f,\"mrr\":%.8f}",
              c->epoch, metric, k, value, best ? "true" : "false", quality->hr, quality->ndcg, quality->mrr);
    if (!*c->epoch_line) /* another coordinator saw it trained */
        snprintf(c->epoch_line, sizeof c->epoch_line, "epoch %u/%d", c->epoch, c->config->train.epochs);
    size_t used = strlen(c->epoch_line);
    snprintf(c->epoch_line + used, sizeof c->epoch_line - used, "  valid %s@%d %.4f%s", metric, k, value, best ? " *" : "");
    ps_tfevents_note(c->options.board, quality->hr, "validation/hr@%d", k);
    ps_tfevents_note(c->options.board, quality->ndcg, "validation/ndcg@%d", k);
    ps_tfevents_note(c->options.board, quality->mrr, "validation/mrr@%d", k);
    ps_tfevents_write(c->options.board, c->epoch);
}
