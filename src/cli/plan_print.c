/* plan_print.c - a plan for people, and as JSON; see plan.h. */
#include <math.h>

#include "cli/plan.h"

static const char *const limits[] = {[PS_LIMIT_WORKERS] = "workers", [PS_LIMIT_SERVERS] = "servers", [PS_LIMIT_CORES] = "cores",
                                     [PS_LIMIT_WORKER_LINKS] = "worker_links", [PS_LIMIT_SERVER_LINKS] = "server_links"};

/* A number with three digits and k, M, G, T or P: "110 M", or of bytes ("B") "57.3 GB". */
static const char *scaled(double x, const char *unit, char text[32])
{
    static const char prefixes[][2] = {"", "k", "M", "G", "T", "P"};
    int prefix = 0;
    for (; fabs(x) >= 999.5 && prefix + 1 < (int)PS_COUNT(prefixes); prefix++)
        x /= 1000;
    int digits = x >= 99.95 || (!prefix && x == floor(x)) ? 0 : x >= 9.995 ? 1 : 2;
    snprintf(text, 32, prefix || *unit ? "%.*f %s%s" : "%.*f", digits, x, prefixes[prefix], unit);
    return text;
}

static const char *duration(double seconds, char text[32])
{
    if (seconds < 120)
        snprintf(text, 32, "%.1f s", seconds);
    else if (seconds < 2 * 3600)
        snprintf(text, 32, "%.1f minutes", seconds / 60);
    else
        snprintf(text, 32, "%.1f hours", seconds / 3600);
    return text;
}

static void print_limit(const struct ps_plan *plan, enum ps_plan_limit which, const char *what)
{
    char text[32];
    if (isfinite(plan->limit[which]))
        printf("    %-44s %8s samples/s%s\n", what, scaled(plan->limit[which], "", text), plan->limited == which ? "   <- the limit" : "");
}

void ps_plan_print(const struct ps_plan_task *task, const struct ps_plan *plan, double memory)
{
    const struct ps_config *config = task->model->config;
    const struct ps_dataset *d = task->model->dataset;
    const struct ps_rehearsal *r = task->rehearsal;
    char a[32], b[32], c[32], e[32];
    printf("%s, embeddings of %d, batches of %d, %s\n", task->model->class_->name, config->model.embedding, config->train.batch,
           config->train.consistency == PS_ASYNC ? "async" : "planned as if it were async");
    printf("%s users, ", scaled((double)(d->sessions.count ? d->sessions.visitors : d->users), "", a));
    printf("%s items, %s samples an epoch\n", scaled((double)d->items, "", a), scaled(task->epoch_samples, "", b));
    printf("%d host%s of %d core%s: %d server%s%s and %d worker%s\n", task->hosts, task->hosts > 1 ? "s" : "", task->cores,
           task->cores > 1 ? "s" : "", plan->servers, plan->servers > 1 ? "s" : "", config->servers.replicas ? " with replicas" : "",
           plan->workers, plan->workers > 1 ? "s" : "");
    printf("rates: %s\n\n", task->rates->host.measured);

    printf("  memory      %s rows; a server %s, a worker %s, a host %s at most", scaled(plan->rows, "", a),
           scaled(plan->server_bytes, "B", b), scaled(plan->worker_bytes, "B", c), scaled(plan->host_bytes, "B", e));
    printf(" of %s: %s\n", scaled(memory, "B", a), plan->host_bytes > memory ? "DOES NOT FIT" : "fits");
    printf("  checkpoint  %s, written in %s\n", scaled(plan->checkpoint_bytes, "B", a), duration(plan->checkpoint_seconds, b));
    printf("  micro-batch %.0f samples: %.0f distinct rows from %.1f servers, %s pulled and %s pushed\n", r->samples, plan->batch_rows, plan->parts,
           scaled(plan->pulled, "B", a), scaled(plan->pushed, "B", b));
    printf("              %.0f bytes on the wire a sample\n", (plan->pulled + plan->pushed) / r->samples);
    printf("  processor   %.0f us to make it, %.0f us forward and backward, %.0f us to talk; of the servers %.0f us\n\n",
           1e6 * r->build / task->rates->host.speed, 1e6 * r->compute / task->rates->host.speed,
           1e6 * (plan->worker_seconds - (r->build + r->compute) / task->rates->host.speed), 1e6 * plan->server_seconds);

    printf("  what each would allow by itself:\n");
    print_limit(plan, PS_LIMIT_WORKERS, "the workers, a core each");
    print_limit(plan, PS_LIMIT_SERVERS, "the servers, a core each");
    print_limit(plan, PS_LIMIT_CORES, "the cores that there are");
    print_limit(plan, PS_LIMIT_WORKER_LINKS, task->server_hosts ? "links of the workers' hosts" : "the hosts' links");
    if (task->server_hosts)
        print_limit(plan, PS_LIMIT_SERVER_LINKS, "links of the servers' hosts");
    printf("\n  expected    %s samples/s, an epoch in %s\n", scaled(plan->rate, "", a), duration(plan->epoch_seconds, b));
    if (plan->workers > config->train.lanes)
        printf("  note        train.lanes is %d, which bounds the workers: it has to be set to %d at least\n", config->train.lanes, plan->workers);
}

void ps_plan_json(const struct ps_plan_task *task, const struct ps_plan *plan, double memory)
{
    const struct ps_rehearsal *r = task->rehearsal;
    printf("{\"model\":\"%s\",\"hosts\":%d,\"cores\":%d,\"servers\":%d,\"workers\":%d,\"epoch_samples\":%.0f,\n", task->model->class_->name,
           task->hosts, task->cores, plan->servers, plan->workers, task->epoch_samples);
    printf(" \"rows\":%.0f,\"server_bytes\":%.0f,\"worker_bytes\":%.0f,\"host_bytes\":%.0f,\"fits\":%s,\n", plan->rows, plan->server_bytes,
           plan->worker_bytes, plan->host_bytes, plan->host_bytes > memory ? "false" : "true");
    printf(" \"checkpoint_bytes\":%.0f,\"checkpoint_seconds\":%.3f,\n", plan->checkpoint_bytes, plan->checkpoint_seconds);
    printf(" \"batch\":{\"samples\":%.2f,\"rows\":%.2f,\"servers\":%.2f,\"pulled_bytes\":%.0f,\"pushed_bytes\":%.0f,\"build_seconds\":%.9f,"
           "\"compute_seconds\":%.9f,\"worker_seconds\":%.9f,\"server_seconds\":%.9f},\n", r->samples, plan->batch_rows, plan->parts,
           plan->pulled, plan->pushed, r->build, r->compute, plan->worker_seconds, plan->server_seconds);
    printf(" \"limits\":{");
    for (int k = 0; k < PS_LIMITS; k++)
        if (isfinite(plan->limit[k]))
            printf("%s\"%s\":%.0f", k ? "," : "", limits[k], plan->limit[k]);
    printf("},\"limited_by\":\"%s\",\"samples_per_second\":%.0f,\"epoch_seconds\":%.3f}\n", limits[plan->limited], plan->rate,
           plan->epoch_seconds);
}
